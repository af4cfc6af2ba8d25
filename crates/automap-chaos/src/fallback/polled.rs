//! Faults that are a state rather than an event: compares successive polls, and creates entries for faults that appeared or disappeared.

use std::collections::{BTreeMap, BTreeSet};

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
    /// How often each id began; at most as many as a ledger has lines.
    stretches: BTreeMap<String, usize>,
    /// Namespaces that were polled; `""`: all of them.
    polled: BTreeSet<String>,
}

/// What a poll has read: a fault in it that the poll does not name is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled<'a> {
    /// All objects of a namespace, or (empty) of all namespaces.
    Namespace(&'a str),
    /// One object.
    Object {
        /// Its namespace.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
    },
}

impl PolledFaults {
    /// Continues from the entries of an earlier run. Their keys are not given again, and a fault that is still active keeps its start.
    pub fn resume(entries: &[Entry], source: Source) -> Self {
        let mut faults = Self::default();
        for entry in entries.iter().filter(|e| e.source == source) {
            let number =
                entry.key.strip_prefix(&entry.experiment).and_then(|rest| rest.strip_prefix('/')?.parse().ok());
            let Some(number) = number else { continue };
            let last = faults.stretches.entry(entry.experiment.clone()).or_default();
            if number <= *last {
                continue;
            }
            *last = number;
            // A later stretch shows that the earlier one is over.
            match entry.ended.is_none() && entry.state != State::UnknownEnd {
                true => faults.open.insert(entry.experiment.clone(), entry.clone()),
                false => faults.open.remove(&entry.experiment),
            };
        }
        faults
    }

    /// Takes all currently active faults, and returns the entries that began or ended.
    pub fn update(&mut self, all: &[ActiveFault], polled: Polled<'_>, source: Source, now: Timestamp) -> Vec<Entry> {
        let mut news = Vec::new();
        let is_over = |e: &&Entry| polled.covers(e) && !all.iter().any(|f| f.id == e.experiment);
        let gone: Vec<String> = self.open.values().filter(is_over).map(|e| e.experiment.clone()).collect();
        for id in gone {
            let Some(mut entry) = self.open.remove(&id) else { continue };
            let has_polled = self.has_polled(&entry.namespace);
            end(&mut entry, has_polled, now);
            news.push(entry);
        }
        for fault in all {
            if self.open.contains_key(&fault.id) {
                continue;
            }
            let has_polled = self.has_polled(&fault.namespace);
            let n = self.stretches.entry(fault.id.clone()).or_default();
            *n += 1;
            let entry = begun(fault, *n, source, now, has_polled);
            self.open.insert(fault.id.clone(), entry.clone());
            news.push(entry);
        }
        if let Polled::Namespace(namespace) = polled {
            self.polled.insert(namespace.to_owned());
        }
        news
    }

    fn has_polled(&self, namespace: &str) -> bool {
        self.polled.contains("") || self.polled.contains(namespace)
    }
}

impl Polled<'_> {
    fn covers(self, entry: &Entry) -> bool {
        match self {
            Self::Namespace(all) => all.is_empty() || entry.namespace == all,
            Self::Object { namespace, name } => entry.namespace == namespace && entry.name == name,
        }
    }
}

/// A fault of an earlier run that the first poll does not find ended in between: when is not known.
fn end(entry: &mut Entry, has_polled: bool, now: Timestamp) {
    if has_polled {
        (entry.state, entry.ended) = (State::Injected, Some(now));
        entry.targets.iter_mut().for_each(|t| t.to = Some(now));
    } else {
        let since = entry.seen.map_or_else(|| "its start".to_owned(), Timestamp::rfc3339);
        entry.state = State::UnknownEnd;
        entry.note(format!("ended unwatched between {since} and {}", now.rfc3339()));
    }
    entry.seen = Some(now);
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
