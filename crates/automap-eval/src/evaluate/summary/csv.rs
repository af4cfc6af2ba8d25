//! One line for each onset, engine, group and level: for spreadsheets.

use std::fmt::Write;

use super::{AtOnset, Estimate, Group, OfEngine, Summary};

const HEADER: &str = "onset,engine,group,name,level,cases,unanswered,ac1,ac3,ac5,avg5,mrr,ac1_low,ac1_high,avg5_low,avg5_high,chance_ac1,chance_avg5,cpu_s_per_case\n";

/// Writes a summary's scores. Confidence, fault-free time and onsets are in the JSON only.
pub fn csv(summary: &Summary) -> String {
    let mut out = HEADER.to_owned();
    for onset in summary.onsets() {
        for (engine, of_engine) in &onset.engines.0 {
            lines(&mut out, onset, engine, of_engine);
        }
    }
    out
}

fn lines(out: &mut String, onset: &AtOnset, engine: &str, of_engine: &OfEngine) {
    let sets = of_engine.sets.0.iter().map(|(name, group)| ("set", name.as_str(), group));
    let kinds = of_engine.fault_kinds.0.iter().map(|(name, group)| ("fault_kind", name.as_str(), group));
    for (kind, name, group) in std::iter::once(("macro", "", &of_engine.over_sets)).chain(sets).chain(kinds) {
        let start = format!("{},{engine},{kind},{}", onset.onset, quoted(name));
        line(out, &format!("{start},service,{}", group.cases), group, &group.services, group.cpu_s_per_case);
        if let Some(level) = &group.metric_level {
            line(out, &format!("{start},metric,{}", level.cases), group, &level.pairs, None);
        }
    }
}

fn line(out: &mut String, start: &str, group: &Group, estimate: &Estimate, cpu_s: Option<f64>) {
    let a = &estimate.mean;
    let ends = estimate.ci.map(|ci| [ci.ac1[0], ci.ac1[1], ci.avg5[0], ci.avg5[1]]);
    let chance = estimate.chance.map(|c| [c.ac1, c.avg5]);
    let cells = |values: Option<&[f64]>, n: usize| match values {
        Some(values) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        None => ",".repeat(n - 1),
    };
    // Writing into a String cannot fail.
    let _ = writeln!(
        out,
        "{start},{},{},{},{},{},{},{},{},{}",
        group.unanswered,
        a.ac1,
        a.ac3,
        a.ac5,
        a.avg5,
        a.mrr,
        cells(ends.as_ref().map(|e| &e[..]), 4),
        cells(chance.as_ref().map(|c| &c[..]), 2),
        cpu_s.map_or_else(String::new, |s| format!("{s:.6}")),
    );
}

/// Names come from folders and labels.
fn quoted(name: &str) -> String {
    let is_plain = !name.contains([',', '"', '\n', '\r']);
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_a_line() {
        assert_eq!(quoted("a,b \"c\""), "\"a,b \"\"c\"\"\"");
        assert_eq!(quoted("cpu-hog"), "cpu-hog");
    }
}
