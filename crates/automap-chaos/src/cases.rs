//! Groups ledger entries into cases to be diagnosed: overlapping faults form one case, and of several sources for one fault the best is kept.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

use crate::entry::{Entry, State};

/// Overlapping faults, and their time range.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// In the order in which they began.
    pub entries: Vec<Entry>,
    /// Start of the first fault.
    pub from: Timestamp,
    /// End of the last fault; `None`: one is still active, or its end is unknown.
    pub to: Option<Timestamp>,
    /// End of the previous faults; `None`: there were none.
    pub after: Option<Timestamp>,
}

impl Case {
    /// `delay-payment`, or `delay-payment + cpu-user`.
    pub fn name(&self) -> String {
        let mut names: Vec<&str> = self.entries.iter().map(|e| e.name.as_str()).collect();
        names.dedup();
        names.join(" + ")
    }
}

/// One entry for each stretch of each experiment, from the most trustworthy source that recorded it.
pub fn merge(sources: impl IntoIterator<Item = Vec<Entry>>) -> Vec<Entry> {
    // Experiments are identified by their uid; sources without uids use kind, namespace and name.
    let mut best: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entries in sources {
        let mut of: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        entries.into_iter().for_each(|e| of.entry(e.experiment.clone()).or_default().push(e));
        for (experiment, entries) in of {
            let is_better =
                |known: &Vec<Entry>| known.first().zip(entries.first()).is_some_and(|(k, e)| e.source < k.source);
            if best.get(&experiment).is_none_or(is_better) {
                best.insert(experiment, entries);
            }
        }
    }
    let mut all: Vec<Entry> = best.into_values().flatten().filter(|e| e.state != State::Withdrawn).collect();
    all.sort_by(|a, b| (a.started, &a.key).cmp(&(b.started, &b.key)));
    all
}

/// Groups entries that began: those that overlap, with `settle_ms` after each, are one case. Entries without a start are left out.
pub fn cases(entries: &[Entry], settle_ms: i64) -> Vec<Case> {
    let mut started: Vec<(Timestamp, &Entry)> = entries.iter().filter_map(|e| Some((e.started?, e))).collect();
    started.sort_by(|a, b| (a.0, &a.1.key).cmp(&(b.0, &b.1.key)));
    let mut all: Vec<Case> = Vec::new();
    for (from, entry) in started {
        let ended = entry.ended;
        match all.last_mut() {
            Some(last) if last.to.is_none_or(|to| from < to.plus_ms(settle_ms)) => {
                last.to = last.to.zip(ended).map(|(a, b)| a.max(b));
                last.entries.push(entry.clone());
            }
            last => {
                let after = last.and_then(|c| c.to);
                all.push(Case { entries: vec![entry.clone()], from, to: ended, after });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    fn entry(name: &str, from: i64, to: Option<i64>) -> Entry {
        let at = |s: i64| Timestamp::from_ms(s * 1000);
        Entry {
            started: Some(at(from)),
            ended: to.map(at),
            ..Entry::new(name, "PodChaos", "shop", name, Source::Records)
        }
    }

    #[test]
    fn what_overlaps_is_one_question() {
        let all =
            [entry("c", 500, None), entry("a", 0, Some(100)), entry("b", 120, Some(150)), entry("d", 900, Some(950))];
        let names = |settle: i64| cases(&all, settle * 1000).iter().map(Case::name).collect::<Vec<_>>();
        assert_eq!(names(10), ["a", "b", "c + d"], "whatever comes after one without an end may be beside it");
        assert_eq!(names(60), ["a + b", "c + d"]);
        assert_eq!(cases(&all, 0)[1].after, Some(Timestamp::from_ms(100_000)));
    }

    #[test]
    fn the_best_source_is_taken() {
        let events = Entry { source: Source::KubernetesEvents, ..entry("a", 5, Some(9)) };
        let merged = merge([
            vec![events.clone(), Entry { key: "z/1".into(), experiment: "z".into(), ..events }],
            vec![entry("a", 0, Some(10))],
        ]);
        let sources: Vec<(&str, Source)> = merged.iter().map(|e| (e.experiment.as_str(), e.source)).collect();
        assert_eq!(sources, [("a", Source::Records), ("z", Source::KubernetesEvents)]);
    }
}
