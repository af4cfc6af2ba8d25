//! The ledger turns watch events into entries. After an experiment is deleted its targets are gone from the cluster; the ledger keeps them.
//!
//! The knowledge about an experiment only grows: histories are sets, deletions are final. So duplicated, late and interleaved events, and lists after
//! a broken watch, lead to the same entries.

mod compose;
mod experiment;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};

use automap_core::time::Timestamp;
use serde_json::Value;

use crate::entry::{Entry, State};
use crate::kinds;
use crate::object::{self, Meta};
use crate::pods::Pods;
use experiment::Experiment;

/// Most experiments kept in memory; with more, those that ended first are evicted (they are in the file).
pub const MAX_EXPERIMENTS: usize = 10_000;

/// One event from the cluster.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    /// An object appeared, or existed when the watch began.
    Added(Value),
    /// It changed.
    Modified(Value),
    /// It was deleted; the object is its last state.
    Deleted(Value),
    /// A complete list of one kind: at the start, and again after `410 Gone`.
    Relisted {
        /// `NetworkChaos`, `Pod`, …
        kind: String,
        /// Only of this namespace; `None`: of all.
        namespace: Option<String>,
        /// The existing objects.
        objects: Vec<Value>,
    },
    /// Nothing happened; only the watch's position moved.
    Bookmark,
}

/// Options of the ledger.
#[derive(Clone, Copy, Debug)]
pub struct LedgerOptions {
    /// Time that an experiment may take to inject before it counts as injecting nothing, in milliseconds.
    pub grace_ms: i64,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        // Selecting pods and reaching the daemons takes seconds; pulling an image for pod-failure does not delay the record.
        Self { grace_ms: 60_000 }
    }
}

/// Everything known about experiments.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    options: LedgerOptions,
    experiments: BTreeMap<String, Experiment>,
    /// The last entry reported for each key, so that only changes are reported.
    reported: BTreeMap<String, Entry>,
    nodes: workflow::Nodes,
    pods: Pods,
}

impl Ledger {
    /// An empty one.
    pub fn new(options: LedgerOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Continues from the output of an earlier run: experiments that were running then may have ended in the meantime.
    pub fn resume(options: LedgerOptions, entries: Vec<Entry>) -> Self {
        let mut ledger = Self::new(options);
        for entry in entries {
            if kinds::is_experiment(&entry.kind) && entry.source <= crate::Source::Phases {
                let known = ledger.experiments.entry(entry.experiment.clone()).or_default();
                known.remember(&entry);
            }
            ledger.reported.insert(entry.key.clone(), entry);
        }
        ledger
    }

    /// Processes one event and returns the changed entries, ordered by key. `now` is the cluster's clock, since all times in its objects come from
    /// that.
    pub fn apply(&mut self, event: &WatchEvent, now: Timestamp) -> Vec<Entry> {
        let mut touched = BTreeSet::new();
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => self.see(object, "", now, &mut touched),
            WatchEvent::Deleted(object) => self.delete(object, now, &mut touched),
            WatchEvent::Relisted { kind, namespace, objects } => {
                self.relist(kind, namespace.as_deref(), objects, now, &mut touched);
            }
            WatchEvent::Bookmark => {}
        }
        self.report(&touched, now)
    }

    /// Checks the time: an experiment that still injects nothing, or whose replacement pod is ready, is reported without a further event.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Entry> {
        let all: BTreeSet<String> = self.experiments.keys().cloned().collect();
        self.report(&all, now)
    }

    /// All entries as last reported, in the order in which they began.
    pub fn entries(&self) -> Vec<Entry> {
        let mut all: Vec<Entry> = self.reported.values().filter(|e| e.state != State::Withdrawn).cloned().collect();
        all.sort_by(|a, b| (a.started, &a.key).cmp(&(b.started, &b.key)));
        all
    }

    fn see(&mut self, object: &Value, kind: &str, now: Timestamp, touched: &mut BTreeSet<String>) {
        let Some(meta) = object::meta(object, kind) else { return };
        if meta.kind == "Pod" {
            self.pods.see(object, None);
            touched.extend(self.waiting_for(&meta.namespace));
        } else if meta.kind == "WorkflowNode" {
            self.nodes.see(&meta, object);
        } else if kinds::is_experiment(&meta.kind) {
            touched.insert(meta.uid.clone());
            self.experiments.entry(meta.uid.clone()).or_default().see(meta, object, now);
            self.forget(touched);
        }
    }

    fn delete(&mut self, object: &Value, now: Timestamp, touched: &mut BTreeSet<String>) {
        let Some(meta) = object::meta(object, "") else { return };
        if meta.kind == "Pod" {
            self.pods.see(object, Some(now));
            touched.extend(self.waiting_for(&meta.namespace));
            return;
        }
        self.see(object, "", now, touched);
        if let Some(known) = self.experiments.get_mut(&meta.uid) {
            known.delete(&meta, now);
        }
        let orphans = self.nodes.delete(&meta, &self.experiments, now);
        self.reported.extend(orphans.iter().map(|e| (format!("\u{0}{}", e.key), e.clone())));
        touched.extend(orphans.into_iter().map(|e| format!("\u{0}{}", e.key)));
    }

    fn relist(
        &mut self,
        kind: &str,
        namespace: Option<&str>,
        objects: &[Value],
        now: Timestamp,
        touched: &mut BTreeSet<String>,
    ) {
        let metas: Vec<Meta> = objects.iter().filter_map(|o| object::meta(o, kind)).collect();
        objects.iter().for_each(|o| self.see(o, kind, now, touched));
        if kind == "Pod" {
            let names = metas.into_iter().map(|m| (m.namespace, m.name)).collect();
            self.pods.keep_only(&names, namespace, now);
            return;
        }
        let here: BTreeSet<&str> = metas.iter().map(|m| m.uid.as_str()).collect();
        for (uid, known) in &mut self.experiments {
            let is_listed = known.meta.kind == kind && namespace.is_none_or(|n| known.meta.namespace == n);
            if is_listed && !here.contains(uid.as_str()) && known.vanish(now) {
                touched.insert(uid.clone());
            }
        }
    }

    /// Kills whose replacement is still awaited, in one namespace.
    fn waiting_for(&self, namespace: &str) -> Vec<String> {
        let waits = |e: &&Entry| e.state == State::OneShot && e.ended.is_none();
        let hit = |e: &&Entry| e.targets.iter().any(|t| t.namespace == namespace);
        self.reported.values().filter(waits).filter(hit).map(|e| e.experiment.clone()).collect()
    }

    fn report(&mut self, touched: &BTreeSet<String>, now: Timestamp) -> Vec<Entry> {
        let mut news = Vec::new();
        for uid in touched {
            if let Some(orphan) = uid.strip_prefix('\u{0}') {
                let Some(entry) = self.reported.remove(uid) else { continue };
                if self.reported.get(orphan) != Some(&entry) {
                    news.push(entry);
                }
                continue;
            }
            let Some(known) = self.experiments.get(uid) else { continue };
            let entries = compose::entries(known, &self.pods, now, self.options);
            let keys: BTreeSet<&str> = entries.iter().map(|e| e.key.as_str()).collect();
            let prefix = format!("{uid}/");
            let stale = self.reported.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
            let stale = stale.filter(|(key, e)| !keys.contains(key.as_str()) && e.state != State::Withdrawn);
            let withdrawn: Vec<Entry> =
                stale.map(|(_, e)| Entry { state: State::Withdrawn, targets: Vec::new(), ..e.clone() }).collect();
            let changed = entries.into_iter().filter(|e| {
                let bare = |e: &Entry| Entry { seen: None, ..e.clone() };
                self.reported.get(&e.key).is_none_or(|old| bare(old) != bare(e))
            });
            news.extend(changed.chain(withdrawn));
        }
        news.iter().for_each(|e| {
            self.reported.insert(e.key.clone(), e.clone());
        });
        news
    }

    fn forget(&mut self, keep: &BTreeSet<String>) {
        if self.experiments.len() <= MAX_EXPERIMENTS {
            return;
        }
        let over = self.experiments.iter().filter(|(uid, e)| e.is_over() && !keep.contains(*uid));
        let oldest = over.min_by_key(|(uid, e)| (e.meta.created, (*uid).clone())).map(|(uid, _)| uid.clone());
        // If all of them are still running, the oldest one is evicted: the bound always holds.
        let any = || self.experiments.keys().find(|uid| !keep.contains(*uid)).cloned();
        if let Some(uid) = oldest.or_else(any) {
            self.experiments.remove(&uid);
            let prefix = format!("{uid}/");
            self.reported.retain(|key, _| !key.starts_with(&prefix));
        }
    }
}

#[cfg(test)]
mod tests;
