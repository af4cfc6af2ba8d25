//! One line that summarises how a table was understood.

use std::collections::BTreeMap;

use automap_core::frame::MetricFrame;
use automap_core::note::Note;
use automap_core::quantity::number;

use super::options::TableOptions;

/// The code of the note with that summary.
pub const UNDERSTOOD: &str = "table_understood";

/// `61 rows of 15 s, 7 services, 3 metrics each, times in UTC`.
pub(super) fn note(frame: &MetricFrame, saw_local: bool, options: &TableOptions) -> Note {
    let mut metrics: BTreeMap<usize, usize> = BTreeMap::new();
    frame.series().iter().for_each(|s| *metrics.entry(s.service.0).or_default() += 1);
    let (rows, services) = (frame.times().len(), metrics.len());
    let (fewest, most) = (metrics.values().min().copied().unwrap_or(0), metrics.values().max().copied().unwrap_or(0));
    let each = if services == 1 { "" } else { " each" };
    let metrics = match fewest == most {
        true => format!("{most} {}{each}", word(most, "metric")),
        false => format!("{fewest}–{most} metrics each"),
    };
    let zone = match &options.time_zone {
        _ if !saw_local => "times in UTC".to_owned(),
        Some(zone) => format!("times in {}", zone.iana_name().unwrap_or("the given zone")),
        None => "times without a zone read as UTC (--time-zone)".to_owned(),
    };
    let step = number(frame.step_ms() as f64 / 1e3);
    Note::info(
        UNDERSTOOD,
        format!("{rows} rows of {step} s, {services} {}, {metrics}, {zone}", word(services, "service")),
    )
}

fn word(count: usize, one: &str) -> String {
    if count == 1 { one.to_owned() } else { format!("{one}s") }
}
