//! The scores of a summary as CSV (RFC 4180), one line for each onset, engine, group and level: for spreadsheets.
//!
//! Confidences, fault-free time and onset errors do not fit into such lines; they are in the JSON only.

use super::model::{Estimate, GroupScores, Summary};

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

/// Writes the scores. A value that was not measured is an empty cell.
///
/// # Errors
/// None in practice: the text is written to memory.
pub fn csv(summary: &Summary) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for onset in summary.onsets() {
        for (engine, scores) in &onset.engines.0 {
            let sets = scores.sets.0.iter().map(|(name, group)| ("set", name.as_str(), group));
            let kinds = scores.fault_kinds.0.iter().map(|(name, group)| ("fault_kind", name.as_str(), group));
            for (kind, name, group) in std::iter::once(("macro", "", &scores.over_sets)).chain(sets).chain(kinds) {
                let key = [&onset.onset, engine, kind, name];
                writer.write_record(record(
                    key,
                    "service",
                    group.cases,
                    group,
                    &group.services,
                    group.cpu_s_per_case,
                ))?;
                if let Some(level) = &group.metric_level {
                    writer.write_record(record(key, "metric", level.cases, group, &level.pairs, None))?;
                }
            }
        }
    }
    let bytes = writer.into_inner().map_err(|e| csv::Error::from(e.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
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
    // Sets are of services; the lines of metrics have none.
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
