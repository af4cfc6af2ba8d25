//! A summary as CSV (RFC 4180), for spreadsheets: the scores, one line for each onset, engine, group and level; or the cases, one line for each onset,
//! engine and case.
//!
//! Confidences, fault-free time and onset errors do not fit into lines of scores; they are in the JSON only.

use automap_core::text::{plain, spreadsheet_cell};

use super::model::{CaseSummary, Estimate, GroupScores, Summary};

const HEADER: [&str; 28] = [
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
    "set_precision",
    "set_precision_low",
    "set_precision_high",
    "set_recall",
    "set_recall_low",
    "set_recall_high",
    "set_exact",
    "set_exact_low",
    "set_exact_high",
];

const CASES_HEADER: [&str; 12] = [
    "onset",
    "engine",
    "set",
    "case",
    "fault",
    "causes",
    "rank",
    "metric_rank",
    "services",
    "confidence",
    "is_named",
    "onset_error_s",
];

/// Writes the cases, if the summary lists them. Several services in one cell are separated by spaces, and an unknown value is an empty cell.
pub fn cases_csv(summary: &Summary) -> String {
    let engines = summary.onsets().flat_map(|onset| onset.engines.0.iter().map(move |engine| (onset, engine)));
    let rows = engines.flat_map(|(onset, (engine, scores))| {
        scores.cases.iter().flatten().map(|case| case_record([&onset.onset, engine], case))
    });
    table(CASES_HEADER, rows)
}

fn case_record([onset, engine]: [&str; 2], case: &CaseSummary) -> [String; 12] {
    let shown = |value: Option<String>| value.unwrap_or_default();
    [
        onset.to_owned(),
        engine.to_owned(),
        name_cell(&case.set),
        name_cell(&case.case),
        name_cell(&case.fault),
        name_cell(&case.causes.join(" ")),
        shown(case.rank.map(|rank| rank.to_string())),
        shown(case.metric_rank.map(|rank| rank.to_string())),
        name_cell(&case.services.join(" ")),
        shown(case.confidence.map(|c| format!("{c:.6}"))),
        shown(case.is_named.map(|is| is.to_string())),
        shown(case.onset_error_s.map(|s| s.to_string())),
    ]
}

/// Writes the scores. A value that was not measured is an empty cell.
pub fn csv(summary: &Summary) -> String {
    let mut rows = Vec::new();
    for onset in summary.onsets() {
        for (engine, scores) in &onset.engines.0 {
            let sets = scores.sets.0.iter().map(|(name, group)| ("set", name.as_str(), group));
            let kinds = scores.fault_kinds.0.iter().map(|(name, group)| ("fault_kind", name.as_str(), group));
            for (kind, name, group) in std::iter::once(("macro", "", &scores.over_sets)).chain(sets).chain(kinds) {
                let key = [&onset.onset, engine, kind, &name_cell(name)];
                rows.push(record(key, "service", group.cases, group, &group.services, group.cpu_s_per_case));
                rows.extend(group.metric_level.as_ref().map(|m| record(key, "metric", m.cases, group, &m.pairs, None)));
            }
        }
    }
    table(HEADER, rows)
}

/// A name from the data, escaped so that a spreadsheet does not read it as a formula. A late onset such as `+60s` is our own and is not escaped.
fn name_cell(name: &str) -> String {
    spreadsheet_cell(&plain(name)).into_owned()
}

fn table<const N: usize>(heading: [&str; N], rows: impl IntoIterator<Item = impl AsRef<[String]>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing rows of one length into memory cannot fail.
    let _ = writer.write_record(heading);
    for row in rows {
        let _ = writer.write_record(row.as_ref());
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// One line, its cells in the order of [`HEADER`].
fn record(
    key: [&str; 4],
    level: &str,
    cases: usize,
    group: &GroupScores,
    estimate: &Estimate,
    cpu_s: Option<f64>,
) -> Vec<String> {
    let mean = &estimate.mean;
    let interval = estimate.ci.map(|ci| [ci.ac1[0], ci.ac1[1], ci.avg5[0], ci.avg5[1]]);
    let chance = estimate.chance.map(|c| [c.ac1, c.avg5]);
    let mut cells: Vec<String> = key.into_iter().chain([level]).map(ToOwned::to_owned).collect();
    cells.extend([cases, group.unanswered].map(|count| count.to_string()));
    cells.extend([mean.ac1, mean.ac3, mean.ac5, mean.avg5, mean.mrr].map(|score| score.to_string()));
    cells.extend(interval.map_or_else(Default::default, |ends| ends.map(|end| end.to_string())));
    cells.extend(chance.map_or_else(Default::default, |scores| scores.map(|score| score.to_string())));
    cells.push(cpu_s.map_or_else(String::new, |s| format!("{s:.6}")));
    // Sets consist of services; the lines of metrics have none.
    let sets = group.named_sets.filter(|_| level == "service");
    for share in [sets.map(|s| s.precision), sets.map(|s| s.recall), sets.map(|s| s.exact)] {
        cells.extend(match share.and_then(|s| Some([s.share?, s.low, s.high])) {
            Some(numbers) => numbers.map(|n| format!("{n:.6}")),
            None => Default::default(),
        });
    }
    cells
}

#[cfg(test)]
mod tests {
    use automap_chaos::score::{SetScore, SetTotals};

    use super::*;

    #[test]
    fn a_case_is_one_line_and_its_name_no_formula() {
        let case = CaseSummary {
            set: "shop".to_owned(),
            case: "=1+1".to_owned(),
            fault: "cpu".to_owned(),
            causes: vec!["carts".to_owned(), "orders".to_owned()],
            rank: Some(2),
            metric_rank: None,
            services: vec!["user".to_owned(), "carts".to_owned()],
            confidence: Some(0.5),
            is_named: Some(false),
            onset_error_s: Some(-15.0),
            reason: None,
        };
        let cells = case_record(["+60s", "evidence"], &case);
        assert_eq!(cells.join("|"), "+60s|evidence|shop|'=1+1|cpu|carts orders|2||user carts|0.500000|false|-15");
    }

    #[test]
    fn every_cell_of_the_header_has_a_value() {
        let group = GroupScores {
            cases: 3,
            unanswered: 1,
            services: Estimate::default(),
            metric_level: None,
            named_sets: Some(SetTotals::of([SetScore { faults: 1, named: 0, right: 0 }])),
            named_paths: None,
            cpu_s_per_case: Some(0.25),
        };
        let cells =
            record(["known", "baro", "set", "a,b"], "service", 3, &group, &group.services, group.cpu_s_per_case);
        assert_eq!(cells.len(), HEADER.len());
        assert_eq!(
            cells.join("|"),
            "known|baro|set|a,b|service|3|1|0|0|0|0|0|||||||0.250000||||0.000000|0.000000|0.793451|0.000000|0.000000|0.793451"
        );
    }
}
