//! What is known about one experiment.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;
use serde_json::Value;

use crate::entry::{Entry, Source};
use crate::kinds;
use crate::object::{self, Meta, Record, text};
use crate::records::{History, Span};

/// The annotation that suspends a fault at once.
const PAUSE: &str = "experiment.chaos-mesh.org/pause";

/// One experiment.
#[derive(Clone, Debug, Default)]
pub(super) struct Experiment {
    pub(super) meta: Meta,
    pub(super) action: String,
    pub(super) duration_ms: Option<i64>,
    pub(super) ineffective: Option<String>,
    pub(super) is_paused: bool,
    /// `desiredPhase` is `Stop`: finished, or paused.
    pub(super) is_stopped: bool,
    /// `Selected` is false although `AllInjected` is true: no pod matched.
    pub(super) selected_no_target: bool,
    /// History of each injected record, by id.
    pub(super) hit: BTreeMap<String, History>,
    /// Ids of records that are only peers.
    pub(super) peers: Vec<String>,
    /// Times come from phases, not from events.
    pub(super) is_by_phase: bool,
    /// An object was read, not only the output of an earlier run.
    pub(super) is_read: bool,
    /// The object has a status.
    pub(super) has_status: bool,
    /// The condition `Selected`.
    pub(super) selected: Option<bool>,
    /// Some record has events.
    pub(super) has_events: bool,
    /// A record without events counts an injection.
    pub(super) is_counted: bool,
    pub(super) seen: Option<Timestamp>,
    pub(super) end: End,
    /// Parent as known to an earlier run.
    pub(super) remembered: Option<Entry>,
}

/// Whether it still exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    Exists,
    /// Its deletion was watched.
    Deleted { at: Timestamp, is_exact: bool },
    /// It existed at the last check, and does not now.
    Vanished { last_seen: Option<Timestamp>, at: Timestamp },
}

impl Experiment {
    pub(super) fn see(&mut self, meta: Meta, object: &Value, now: Timestamp) {
        let is_late = self.meta.version.zip(meta.version).is_some_and(|(known, new)| new < known);
        if matches!(self.end, End::Vanished { .. }) && !is_late {
            // A list from a cache may be older than what is already known.
            self.end = End::Exists;
        }
        let records = object::records(object);
        self.take_events(&records);
        if is_late {
            return;
        }
        self.take_phases(&records, &meta, now);
        let own = || records.iter().filter(|r| r.selector == ".");
        self.is_read = true;
        self.has_status = object.get("status").and_then(Value::as_object).is_some_and(|status| !status.is_empty());
        self.has_events = own().any(|r| !r.events.is_empty());
        self.is_counted = own().any(|r| r.events.is_empty() && r.injected > 0);
        let spec = object.get("spec").unwrap_or(&Value::Null);
        self.action = object::action(&meta.kind, spec);
        self.duration_ms = text(spec, "/duration").and_then(object::duration_ms);
        self.ineffective = kinds::ineffective(&meta.kind, &self.action, spec);
        let condition = |kind| object::condition(object, kind);
        self.is_paused = meta.annotations.get(PAUSE).is_some_and(|v| v == "true") || condition("Paused") == Some(true);
        self.selected = condition("Selected");
        self.is_stopped = text(object, "/status/experiment/desiredPhase") == Some("Stop");
        self.selected_no_target =
            records.is_empty() && self.selected == Some(false) && condition("AllInjected") == Some(true);
        self.seen = Some(self.seen.map_or(now, |seen| seen.max(now)));
        // A recorded deletion is kept.
        let deletion = meta.deletion.or(self.meta.deletion);
        self.meta = Meta { deletion, ..meta };
    }

    fn take_events(&mut self, records: &[Record]) {
        for record in records {
            // Every key but the first selector's is the other end.
            if record.selector != "." {
                if !self.peers.contains(&record.id) {
                    self.peers.push(record.id.clone());
                }
                continue;
            }
            let history = self.hit.entry(record.id.clone()).or_default();
            record.events.iter().for_each(|e| history.add(e));
        }
    }

    /// Chaos Mesh before 2.3 writes no events, and others may be truncated: a phase shows that a pod is hit, but not since when.
    fn take_phases(&mut self, records: &[Record], meta: &Meta, now: Timestamp) {
        let has_times = |r: &Record| r.events.iter().any(|e| e.succeeded);
        for record in records.iter().filter(|r| r.selector == "." && !has_times(r)) {
            let Some(history) = self.hit.get_mut(&record.id) else { continue };
            let open = history.spans().last().copied().filter(|s| s.to.is_none());
            let is_hit = record.phase.starts_with("Injected");
            match (open, is_hit) {
                (None, true) => {
                    let since = if self.seen.is_some() { now } else { meta.created.unwrap_or(now) };
                    history.add_span(Span { from: since, to: None });
                    self.is_by_phase = true;
                }
                (Some(span), false) => history.add_span(Span { to: Some(now), ..span }),
                _ => {}
            }
        }
    }

    pub(super) fn delete(&mut self, meta: &Meta, now: Timestamp) {
        let deleted_at = meta.deletion.or(self.meta.deletion);
        self.end = End::Deleted { at: deleted_at.unwrap_or(now), is_exact: deleted_at.is_some() };
    }

    /// Returns whether that is new.
    pub(super) fn vanish(&mut self, now: Timestamp) -> bool {
        if self.end != End::Exists {
            return false;
        }
        self.end = End::Vanished { last_seen: self.seen, at: now };
        true
    }

    pub(super) fn is_over(&self) -> bool {
        self.end != End::Exists
    }

    /// Restores the output of an earlier run, stretch by stretch.
    pub(super) fn remember(&mut self, entry: &Entry) {
        self.meta = Meta {
            kind: entry.kind.clone(),
            uid: entry.experiment.clone(),
            name: entry.name.clone(),
            namespace: entry.namespace.clone(),
            ..std::mem::take(&mut self.meta)
        };
        self.action.clone_from(&entry.action);
        self.ineffective.clone_from(&entry.ineffective);
        self.is_by_phase = entry.source == Source::Phases;
        self.seen = self.seen.max(entry.seen);
        for target in &entry.targets {
            let container = target.container.as_ref().map_or_else(String::new, |c| format!("/{c}"));
            let of_pod = || format!("{}/{}{container}", target.namespace, target.pod);
            let id = target.address.clone().unwrap_or_else(of_pod);
            if let Some(from) = target.from {
                self.hit.entry(id).or_default().add_span(Span { from, to: target.to });
            }
        }
        self.remembered = Some(entry.clone());
    }
}
