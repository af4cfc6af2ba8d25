//! Native histograms of a preset: how they are detected, and the preset's form that reads them.

use super::file::{OneOrMany, Preset};
use super::histogram::Form;
use super::labels::text;
use super::selector::Selector;
use super::{Exporter, NativeForm};

/// The native form of a preset with histograms; `exporter` builds it.
pub(super) fn of(preset: &Preset, exporter: impl FnOnce() -> &'static Exporter) -> Option<NativeForm> {
    let all = histograms(preset);
    if all.is_empty() {
        return None;
    }
    let counts: Vec<String> = all.iter().map(|h| format!("histogram_count({})", h.text())).collect();
    // Summaries have the same name, and quantiles.
    let unread = all.iter().map(|h| (text(h.name()), text(&h.put_together("", "quantile=\"\"")))).collect();
    Some(NativeForm {
        presence: text(&counts.join(" or ")),
        histograms: Vec::leak(unread),
        is_enough: selectors(&preset.detect).any(|selector| selector.histogram().is_some()),
        exporter: exporter(),
    })
}

/// The selectors that detect the system.
pub(super) fn presence(preset: &Preset, form: Form) -> Vec<String> {
    let native = selectors(&preset.detect).filter_map(|s| s.histogram()).filter(|_| form == Form::ClassicAndNative);
    selectors(&preset.detect).chain(native).map(|selector| selector.text()).collect()
}

/// Its histograms, without `_bucket`, `_sum` and `_count`, the one that detects it first.
fn histograms(preset: &Preset) -> Vec<Selector> {
    let mut all: Vec<Selector> = selectors(&preset.detect).filter_map(|s| s.histogram()).collect();
    let mut add = |counters: &OneOrMany<String>, durations: &[&OneOrMany<String>]| {
        all.extend(selectors(counters).filter_map(|s| s.histogram()));
        durations.iter().for_each(|named| all.extend(selectors(named)));
    };
    if let Some(served) = &preset.served {
        add(&served.requests, &[&served.duration_ms, &served.duration_s]);
    }
    if let Some(calls) = &preset.calls {
        let served = [&calls.served_duration_ms, &calls.served_duration_s];
        add(&calls.requests, &[&calls.duration_ms, &calls.duration_s, served[0], served[1]]);
    }
    let mut known: Vec<Selector> = Vec::new();
    for histogram in all {
        if !known.contains(&histogram) {
            known.push(histogram);
        }
    }
    known
}

fn selectors(texts: &OneOrMany<String>) -> impl Iterator<Item = Selector> {
    texts.all().iter().filter_map(|text| Selector::parse(text))
}
