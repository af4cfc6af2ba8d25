//! Faults that are a state rather than an event: compares successive polls, and creates entries for faults that appeared or disappeared.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

use crate::entry::{Entry, Source, State, Target};

/// A fault that is currently active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveFault {
    /// Identifies the fault in every poll.
    pub id: String,
    /// `VirtualService`, `flagd`, …
    pub kind: String,
    /// Its namespace; empty if there is none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `delay`, `abort`, …
    pub action: String,
    /// The services that are hit.
    pub services: Vec<String>,
    /// The family of metrics that it moves first.
    pub expected_metric: Option<String>,
    /// Active since, if the object shows it.
    pub since: Option<Timestamp>,
    /// Percentage of requests, if the object shows it.
    pub percent: Option<u64>,
}

/// The faults of the last poll.
#[derive(Clone, Debug, Default)]
pub struct PolledFaults {
    /// By id: the entry, still open.
    open: BTreeMap<String, Entry>,
    /// How often each id began.
    stretches: BTreeMap<String, usize>,
    has_polled: bool,
}

impl PolledFaults {
    /// Takes all currently active faults, and returns the entries that began or ended.
    pub fn update(&mut self, all: &[ActiveFault], source: Source, now: Timestamp) -> Vec<Entry> {
        let mut news = Vec::new();
        let gone: Vec<String> = self.open.keys().filter(|id| !all.iter().any(|f| f.id == **id)).cloned().collect();
        for id in gone {
            let Some(mut entry) = self.open.remove(&id) else { continue };
            (entry.state, entry.ended, entry.seen) = (State::Injected, Some(now), Some(now));
            entry.targets.iter_mut().for_each(|t| t.to = Some(now));
            news.push(entry);
        }
        for fault in all {
            if self.open.contains_key(&fault.id) {
                continue;
            }
            let n = self.stretches.entry(fault.id.clone()).or_default();
            *n += 1;
            let entry = begun(fault, *n, source, now, self.has_polled);
            self.open.insert(fault.id.clone(), entry.clone());
            news.push(entry);
        }
        self.has_polled = true;
        news
    }
}

fn begun(fault: &ActiveFault, n: usize, source: Source, now: Timestamp, has_polled: bool) -> Entry {
    let mut entry = Entry::new(&fault.id, &fault.kind, &fault.namespace, &fault.name, source);
    entry.key = format!("{}/{n}", fault.id);
    entry.action.clone_from(&fault.action);
    entry.expected_metric.clone_from(&fault.expected_metric);
    // A fault in the first poll began at an unknown time, unless the object shows when it was changed.
    let since = fault.since.or_else(|| has_polled.then_some(now));
    entry.started = since;
    entry.state = if fault.services.is_empty() { State::NothingInjected } else { State::Running };
    entry.seen = Some(now);
    entry.targets = fault.services.iter().map(|s| Target::of_service(&fault.namespace, s, since, None)).collect();
    if since.is_none() {
        entry.note("it was in place at the first poll; its start is not known");
    }
    if let Some(percent) = fault.percent.filter(|p| *p < 100) {
        entry.fraction = Some(percent as f64 / 100.0);
        entry.note(format!("at {percent} % of requests"));
    }
    entry
}
