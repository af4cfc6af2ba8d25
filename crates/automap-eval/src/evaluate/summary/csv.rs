//! One line for each onset, engine, group and level: for spreadsheets.

use super::{AtOnset, Estimate, Group, OfEngine, Summary};

const HEADING: [&str; 19] = [
    "onset",
    "engine",
    "group",
    "name",
    "level",
    "cases",
    "unanswered",
    "ac1",
    "ac3",
    "ac5",
    "avg5",
    "mrr",
    "ac1_low",
    "ac1_high",
    "avg5_low",
    "avg5_high",
    "chance_ac1",
    "chance_avg5",
    "cpu_s_per_case",
];

type Row = [String; HEADING.len()];

/// Writes a summary's scores. Confidence, fault-free time and onsets are in the JSON only.
pub fn csv(summary: &Summary) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing rows of one length into memory cannot fail.
    let _ = writer.write_record(HEADING);
    for onset in summary.onsets() {
        for (engine, of_engine) in &onset.engines.0 {
            for row in rows(onset, engine, of_engine) {
                let _ = writer.write_record(row);
            }
        }
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

fn rows(onset: &AtOnset, engine: &str, of_engine: &OfEngine) -> Vec<Row> {
    let sets = of_engine.sets.0.iter().map(|(name, group)| ("set", name.as_str(), group));
    let kinds = of_engine.fault_kinds.0.iter().map(|(name, group)| ("fault_kind", name.as_str(), group));
    let mut rows = Vec::new();
    for (kind, name, group) in std::iter::once(("macro", "", &of_engine.over_sets)).chain(sets).chain(kinds) {
        let start = |level: &str, cases: usize| {
            [
                onset.onset.to_string(),
                engine.to_owned(),
                kind.to_owned(),
                name.to_owned(),
                level.to_owned(),
                cases.to_string(),
            ]
        };
        rows.push(row(start("service", group.cases), group, &group.services, group.cpu_s_per_case));
        if let Some(level) = &group.metric_level {
            rows.push(row(start("metric", level.cases), group, &level.pairs, None));
        }
    }
    rows
}

fn row(start: [String; 6], group: &Group, estimate: &Estimate, cpu_s: Option<f64>) -> Row {
    let [onset, engine, kind, name, level, cases] = start;
    let a = &estimate.mean;
    let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
    let (ci, chance) = (estimate.ci.as_ref(), estimate.chance.as_ref());
    [
        onset,
        engine,
        kind,
        name,
        level,
        cases,
        group.unanswered.to_string(),
        a.ac1.to_string(),
        a.ac3.to_string(),
        a.ac5.to_string(),
        a.avg5.to_string(),
        a.mrr.to_string(),
        number(ci.map(|ci| ci.ac1[0])),
        number(ci.map(|ci| ci.ac1[1])),
        number(ci.map(|ci| ci.avg5[0])),
        number(ci.map(|ci| ci.avg5[1])),
        number(chance.map(|c| c.ac1)),
        number(chance.map(|c| c.avg5)),
        cpu_s.map_or_else(String::new, |s| format!("{s:.6}")),
    ]
}
