//! Detects native histograms on a server, and switches their exporters to the form that reads them.
//!
//! Only a server that knows `histogram_count` can report them. Others (VictoriaMetrics, Prometheus before 2.40) refuse the query, and cannot evaluate
//! the other form either. A histogram that cannot be evaluated is reported, never treated as silence.

use std::collections::BTreeSet;

use automap_core::note::Note;

use super::client::Client;
use super::discover::{self, Probed};
use super::error::RequestError;
use super::plan;
use super::presets::{Exporter, NativeForm};
use super::promql::{self, Values};
use super::query::{Answer, Grid};
use super::scope::Scope;
use super::source_error::native_histograms;

/// Queries once for the native histograms of all exporters that were found or that only such histograms would reveal.
///
/// The note reports histograms that exist but cannot be read.
pub(crate) fn settle(client: &Client, probed: &mut [Probed], namespace: &Scope, grid: Grid) -> Option<Note> {
    let has_answer = |p: &&mut Probed| p.1.is_ok();
    let mut asked: Vec<(&mut Probed, &'static NativeForm)> = Vec::new();
    for probe in probed.iter_mut().filter(has_answer) {
        let is_present = probe.1.as_ref().is_ok_and(|answer| !answer.series.is_empty());
        if let Some(native) = probe.0.native.as_ref().filter(|native| is_present || native.is_enough) {
            asked.push((probe, native));
        }
    }
    let queries: Vec<String> = asked.iter().map(|(probe, native)| query(probe.0, native, namespace)).collect();
    if queries.is_empty() {
        return None;
    }
    match client.range_of(&queries, grid) {
        Ok(answer) => {
            for (i, (probe, native)) in asked.into_iter().enumerate() {
                let series: Vec<_> = plan::part(&answer, i).cloned().collect();
                if series.is_empty() {
                    continue;
                }
                probe.0 = native.exporter;
                if let Ok(classic) = &mut probe.1
                    && classic.series.is_empty()
                {
                    classic.series = series;
                }
            }
            None
        }
        Err(error) if error.is_rejected_query() => {
            let present =
                asked.iter().filter(|(probe, _)| probe.1.as_ref().is_ok_and(|answer| !answer.series.is_empty()));
            let exporters: Vec<&'static Exporter> = present.map(|(probe, _)| probe.0).collect();
            let names = unread(client, &exporters, namespace, grid).unwrap_or_default();
            (!names.is_empty()).then(|| Note::warning("native_histograms", native_histograms(&names)))
        }
        Err(_) => None,
    }
}

/// The probe for the native histograms of one exporter.
pub(crate) fn query(exporter: &Exporter, native: &NativeForm, namespace: &Scope) -> String {
    discover::probe_by(exporter, native.presence, namespace)
}

/// Names of existing histograms, whatever they contain.
pub(crate) fn unread(
    client: &Client,
    exporters: &[&'static Exporter],
    namespace: &Scope,
    grid: Grid,
) -> Result<Vec<String>, RequestError> {
    let usable = exporters.iter().filter(|e| !e.quotes_names).filter_map(|e| e.native.as_ref());
    let all: BTreeSet<(&str, &str)> = usable.flat_map(|native| native.histograms.iter().copied()).collect();
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let values = Values { namespace: namespace.clone(), cluster: None, rate_ms: 0, span_ms: 0, only: None };
    let counts: Vec<String> = all.iter().map(|(_, s)| promql::fill(&format!("count({s})"), &values)).collect();
    let answer: Answer = client.range_of(&counts, grid)?;
    let is_there = |i: usize| plan::part(&answer, i).next().is_some();
    let names: BTreeSet<&str> =
        all.iter().enumerate().filter(|(i, _)| is_there(*i)).map(|(_, (name, _))| *name).collect();
    Ok(names.into_iter().map(ToOwned::to_owned).collect())
}
