//! Faults that are a state and not an event: compares successive polls, and makes entries of faults that appeared or disappeared.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

use crate::entry::{Entry, Source, State, Target};

/// A fault that is in place right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveFault {
    /// The same for the same fault in every poll.
    pub id: String,
    /// `VirtualService`, `flagd`, …
    pub kind: String,
    /// Its namespace; empty where there is none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `delay`, `abort`, …
    pub action: String,
    /// The services that are hit.
    pub services: Vec<String>,
    /// The family of metrics that it moves first.
    pub expected_metric: Option<String>,
    /// In place since, where the object tells.
    pub since: Option<Timestamp>,
    /// Percentage of requests, where the object tells.
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
    /// Takes everything that is in place now, and answers with the entries that began or ended.
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
    // A fault of the first poll began at an unknown time, unless the object tells when it was changed.
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
