//! Workflow nodes: an entry for every experiment that a node started and that was never observed itself.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;
use serde_json::Value;

use super::experiment::Experiment;
use crate::entry::{Entry, Parent, Source, State};
use crate::kinds;
use crate::object::{self, Meta, text, time};

/// Most nodes remembered.
const MAX_NODES: usize = 10_000;

/// What nodes report about the experiments they started.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes {
    all: BTreeMap<String, Node>,
}

#[derive(Clone, Debug)]
struct Node {
    kind: String,
    name: String,
    workflow: Option<String>,
    started: Option<Timestamp>,
    deadline: Option<Timestamp>,
    action: String,
}

impl Nodes {
    pub(super) fn see(&mut self, meta: &Meta, object: &Value) {
        let kind = text(object, "/status/chaosResource/kind").unwrap_or_default();
        let Some(name) = text(object, "/status/chaosResource/name").filter(|n| !n.is_empty()) else { return };
        if !kinds::is_experiment(kind) || (self.all.len() >= MAX_NODES && !self.all.contains_key(&meta.uid)) {
            return;
        }
        // `networkChaos`, `stressChaos`, …: the kind in camel case, with acronyms in lower case.
        let fields = object.get("spec").and_then(Value::as_object);
        let spec = fields.and_then(|all| all.iter().find(|(key, _)| key.eq_ignore_ascii_case(kind))).map(|(_, v)| v);
        let node = Node {
            kind: kind.to_owned(),
            name: name.to_owned(),
            workflow: text(object, "/spec/workflowName").map(ToOwned::to_owned),
            started: time(object, "/spec/startTime").or(meta.created),
            deadline: time(object, "/spec/deadline"),
            action: spec.map(|s| object::action(kind, s)).unwrap_or_default(),
        };
        self.all.insert(meta.uid.clone(), node);
    }

    /// A node was deleted: its experiment will not appear any more. An experiment that was observed itself needs no second entry.
    pub(super) fn delete(
        &mut self,
        meta: &Meta,
        observed: &BTreeMap<String, Experiment>,
        now: Timestamp,
    ) -> Option<Entry> {
        let node = self.all.remove(&meta.uid).filter(|_| meta.kind == "WorkflowNode")?;
        let is_it =
            |e: &Experiment| e.meta.kind == node.kind && e.meta.name == node.name && e.meta.namespace == meta.namespace;
        if observed.values().any(is_it) {
            return None;
        }
        let mut entry = Entry::new(&meta.uid, &node.kind, &meta.namespace, &node.name, Source::WorkflowNode);
        entry.action = node.action;
        entry.started = node.started;
        entry.state = State::UnknownEnd;
        entry.parent = node.workflow.map(|name| Parent { kind: "Workflow".to_owned(), name });
        entry.expected_metric = kinds::expected_metric(&entry.kind, &entry.action).map(ToOwned::to_owned);
        entry.seen = Some(now);
        let until = node.deadline.map_or_else(String::new, |d| format!("; its deadline was {}", d.rfc3339()));
        entry.note(format!("the workflow started it, but it was never observed: the pods hit are not known{until}"));
        Some(entry)
    }
}
