//! Faults that are a state and not an event: one looks again and again, and writes down what came and what went.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

use crate::entry::{Entry, Source, State, Target};

/// A fault that is in place right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InPlace {
    /// The same for the same fault in every look.
    pub id: String,
    /// `VirtualService`, `flagd`, …
    pub kind: String,
    /// Its namespace; empty where there is none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `delay`, `abort`, …
    pub action: String,
    /// Who is hit.
    pub services: Vec<String>,
    /// The family of metrics that it moves first.
    pub expected_metric: Option<String>,
    /// In place since, where the object says so.
    pub since: Option<Timestamp>,
    /// How many per cent of requests, where it says so.
    pub percent: Option<u64>,
}

/// What was in place in the last look.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// By id: the entry, still open.
    open: BTreeMap<String, Entry>,
    /// How often each id began.
    stretches: BTreeMap<String, usize>,
    has_looked: bool,
}

impl Seen {
    /// Takes everything that is in place now, and answers with the entries that began or ended.
    pub fn look(&mut self, all: &[InPlace], source: Source, now: Timestamp) -> Vec<Entry> {
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
            let entry = begun(fault, *n, source, now, self.has_looked);
            self.open.insert(fault.id.clone(), entry.clone());
            news.push(entry);
        }
        self.has_looked = true;
        news
    }
}

fn begun(fault: &InPlace, n: usize, source: Source, now: Timestamp, has_looked: bool) -> Entry {
    let mut entry = Entry::new(&fault.id, &fault.kind, &fault.namespace, &fault.name, source);
    entry.key = format!("{}/{n}", fault.id);
    entry.action.clone_from(&fault.action);
    entry.expected_metric.clone_from(&fault.expected_metric);
    // What was there before the first look began at some time that nobody saw, unless the object says when it was changed.
    let since = fault.since.or_else(|| has_looked.then_some(now));
    entry.started = since;
    entry.state = if fault.services.is_empty() { State::NothingInjected } else { State::Running };
    entry.seen = Some(now);
    entry.targets = fault.services.iter().map(|service| target(&fault.namespace, service, since)).collect();
    if since.is_none() {
        entry.note("it was in place at the first look; since when is not known");
    }
    if let Some(percent) = fault.percent.filter(|p| *p < 100) {
        entry.fraction = Some(percent as f64 / 100.0);
        entry.note(format!("at {percent} % of requests"));
    }
    entry
}

fn target(namespace: &str, service: &str, from: Option<Timestamp>) -> Target {
    Target {
        namespace: namespace.to_owned(),
        pod: String::new(),
        container: None,
        service: Some(service.to_owned()),
        from,
        to: None,
    }
}
