//! Reads experiments from Kubernetes Events, or from the dashboard's copies of them.
//!
//! Events contain who was hit and when, but neither the action nor who was only a peer.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;
use serde_json::Value;

use crate::entry::{Entry, Source, State};
use crate::kinds;
use crate::object::{RecordEvent, text, time};
use crate::pods::Pods;
use crate::record_id::RecordId;
use crate::records::{History, stretches};

/// Most events read at a time.
const MAX_EVENTS: usize = 50_000;
/// Prefixes of messages that name a record.
const APPLIED: &str = "Successfully apply chaos for ";
const RECOVERED: &str = "Successfully recover chaos for ";

/// One event about one experiment.
#[derive(Clone, Debug)]
struct ChaosEvent {
    uid: String,
    kind: String,
    namespace: String,
    name: String,
    reason: String,
    message: String,
    at: Timestamp,
}

/// Reads a list of Kubernetes Events (`v1` or `events.k8s.io/v1`) about experiments; others are skipped.
pub fn kubernetes(list: &Value, pods: &Pods) -> Vec<Entry> {
    let items = list.get("items").and_then(Value::as_array);
    entries(items.into_iter().flatten().take(MAX_EVENTS).filter_map(of_event), Source::KubernetesEvents, pods)
}

/// Reads the response of the dashboard's `GET /api/events`.
pub fn dashboard(list: &Value, pods: &Pods) -> Vec<Entry> {
    let items = list.as_array().into_iter().flatten().take(MAX_EVENTS);
    entries(items.filter_map(of_dashboard), Source::DashboardEvents, pods)
}

fn of_event(value: &Value) -> Option<ChaosEvent> {
    let about = value.get("involvedObject").or_else(|| value.get("regarding"))?;
    let kind = text(about, "/kind").filter(|k| kinds::is_experiment(k))?;
    // The first time is used: Kubernetes merges equal events into one, and a record's messages differ by its id.
    let at = ["/firstTimestamp", "/eventTime", "/deprecatedFirstTimestamp", "/metadata/creationTimestamp"];
    Some(ChaosEvent {
        uid: text(about, "/uid").unwrap_or_default().to_owned(),
        kind: kind.to_owned(),
        namespace: text(about, "/namespace").unwrap_or_default().to_owned(),
        name: text(about, "/name")?.to_owned(),
        reason: text(value, "/reason")?.to_owned(),
        message: text(value, "/message").or_else(|| text(value, "/note")).unwrap_or_default().to_owned(),
        at: at.iter().find_map(|pointer| time(value, pointer))?,
    })
}

fn of_dashboard(value: &Value) -> Option<ChaosEvent> {
    let kind = text(value, "/kind").filter(|k| kinds::is_experiment(k))?;
    Some(ChaosEvent {
        uid: text(value, "/object_id").unwrap_or_default().to_owned(),
        kind: kind.to_owned(),
        namespace: text(value, "/namespace").unwrap_or_default().to_owned(),
        name: text(value, "/name")?.to_owned(),
        reason: text(value, "/reason")?.to_owned(),
        message: text(value, "/message").unwrap_or_default().to_owned(),
        at: time(value, "/created_at")?,
    })
}

/// The observations of one experiment.
#[derive(Debug, Default)]
struct Observed {
    kind: String,
    namespace: String,
    name: String,
    hit: BTreeMap<String, History>,
    failed: Option<String>,
    first: Option<Timestamp>,
    /// `TimeUp` or `Deleted`: everything still open has ended by then.
    over: Option<Timestamp>,
}

fn entries(all: impl Iterator<Item = ChaosEvent>, source: Source, pods: &Pods) -> Vec<Entry> {
    let mut experiments: BTreeMap<String, Observed> = BTreeMap::new();
    for event in all {
        let id = match event.uid.as_str() {
            "" => format!("{}/{}/{}", event.kind, event.namespace, event.name),
            uid => uid.to_owned(),
        };
        experiments.entry(id).or_default().take(event);
    }
    let mut out: Vec<Entry> =
        experiments.iter().flat_map(|(id, observed)| observed.entries(id, source, pods)).collect();
    out.sort_by(|a, b| (a.started, &a.key).cmp(&(b.started, &b.key)));
    out
}

impl Observed {
    fn take(&mut self, event: ChaosEvent) {
        self.first = Some(self.first.map_or(event.at, |first| first.min(event.at)));
        let record = |is_apply| RecordEvent { at: event.at, is_apply, succeeded: true, message: String::new() };
        match event.reason.as_str() {
            "Applied" => {
                if let Some(id) = event.message.strip_prefix(APPLIED) {
                    self.hit.entry(id.trim().to_owned()).or_default().add(&record(true));
                }
            }
            "Recovered" => {
                if let Some(id) = event.message.strip_prefix(RECOVERED) {
                    self.hit.entry(id.trim().to_owned()).or_default().add(&record(false));
                }
            }
            "TimeUp" | "Deleted" => self.over = Some(self.over.map_or(event.at, |over| over.max(event.at))),
            "Failed" => self.failed = Some(event.message),
            _ => {}
        }
        (self.kind, self.namespace, self.name) = (event.kind, event.namespace, event.name);
    }

    fn entries(&self, id: &str, source: Source, pods: &Pods) -> Vec<Entry> {
        let records: Vec<&String> = self.hit.keys().collect();
        let spans = self.hit.values().enumerate().flat_map(|(i, h)| h.spans().into_iter().map(move |s| (i, s)));
        let all = stretches(spans.collect());
        if all.is_empty() {
            let mut entry = Entry::new(id, &self.kind, &self.namespace, &self.name, source);
            if self.hit.values().any(History::is_cut) {
                entry.state = State::UnknownEnd;
                entry.note("an event says that it was taken back; the one of its injection has expired");
            } else {
                entry.note("no event says that anything was injected");
            }
            if let Some(message) = &self.failed {
                entry.note(message.clone());
            }
            entry.seen = self.first;
            return vec![entry];
        }
        let stretch = |(n, members): (usize, &Vec<(usize, crate::records::Span)>)| {
            let mut entry = Entry::new(id, &self.kind, &self.namespace, &self.name, source);
            entry.key = format!("{id}/{}", n + 1);
            for (record, span) in members {
                entry.targets.push(RecordId::parse(&self.kind, records[*record]).target(*span, pods));
            }
            entry.targets.sort();
            entry.started = entry.targets.iter().filter_map(|t| t.from).min();
            entry.ended =
                entry.targets.iter().map(|t| t.to).collect::<Option<Vec<_>>>().and_then(|t| t.into_iter().max());
            entry.state = match (entry.ended, self.over) {
                (Some(_), _) => State::Injected,
                (None, Some(over)) => {
                    entry.ended = Some(over);
                    entry.note(
                        "no event says that it was taken back; the end is when its time was up or it was deleted",
                    );
                    State::Injected
                }
                (None, None) => State::UnknownEnd,
            };
            entry.note("taken from events: they contain neither the action nor which pods were only peers");
            entry
        };
        all.iter().enumerate().map(stretch).collect()
    }
}
