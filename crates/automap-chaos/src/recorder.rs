//! One ledger of everything: experiments of Chaos Mesh, faults in VirtualServices, runs of Litmus, and feature flags that break something.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;
use serde_json::Value;

use crate::entry::{Entry, Source};
use crate::fallback::polled::{ActiveFault, Polled, PolledFaults};
use crate::fallback::{flagd, istio, litmus};
use crate::ledger::{Ledger, LedgerOptions, WatchEvent};
use crate::object::{self, Meta};

/// Most VirtualServices and ChaosResults remembered.
const MAX_STATES: usize = 20_000;

/// Processes the events of all watches and returns the changed entries.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    ledger: Ledger,
    virtual_services: States,
    litmus: States,
    flags: PolledFaults,
}

/// Objects that describe a fault as long as they exist in that form.
#[derive(Clone, Debug, Default)]
struct States {
    in_place: BTreeMap<String, Vec<ActiveFault>>,
    polled: PolledFaults,
}

impl Recorder {
    /// Continues from the output of an earlier run; empty: a new one.
    pub fn resume(options: LedgerOptions, entries: Vec<Entry>) -> Self {
        let polled = |source| PolledFaults::resume(&entries, source);
        let states = |source| States { in_place: BTreeMap::new(), polled: polled(source) };
        Self {
            virtual_services: states(Source::Istio),
            litmus: states(Source::Litmus),
            flags: polled(Source::Flagd),
            ledger: Ledger::resume(options, entries),
        }
    }

    /// Processes one event.
    pub fn apply(&mut self, event: &WatchEvent, now: Timestamp) -> Vec<Entry> {
        let kind = match event {
            WatchEvent::Added(o) | WatchEvent::Modified(o) | WatchEvent::Deleted(o) => object::text(o, "/kind"),
            WatchEvent::Relisted { kind, .. } => Some(kind.as_str()),
            WatchEvent::Bookmark => None,
        };
        match kind {
            Some("VirtualService") => self.virtual_services.apply(event, istio::faults, Source::Istio, now),
            Some("ChaosResult") => {
                let faults = |o: &Value| litmus::fault(o).into_iter().collect();
                self.litmus.apply(event, faults, Source::Litmus, now)
            }
            _ => self.ledger.apply(event, now),
        }
    }

    /// Processes the current state of a flagd file.
    pub fn flags(&mut self, file: &Value, now: Timestamp) -> Vec<Entry> {
        self.flags.update(&flagd::faults(file), Polled::Namespace(""), Source::Flagd, now)
    }

    /// Reports the current time; see [`Ledger::tick`].
    pub fn tick(&mut self, now: Timestamp) -> Vec<Entry> {
        self.ledger.tick(now)
    }
}

impl States {
    fn apply(
        &mut self,
        event: &WatchEvent,
        faults: impl Fn(&Value) -> Vec<ActiveFault>,
        source: Source,
        now: Timestamp,
    ) -> Vec<Entry> {
        let meta = |object: &Value| object::meta(object, "");
        let key = |meta: &Meta| format!("{}/{}", meta.namespace, meta.uid);
        let of_object;
        let polled = match event {
            WatchEvent::Relisted { namespace, objects, .. } => {
                let prefix = namespace.as_ref().map_or_else(String::new, |n| format!("{n}/"));
                self.in_place.retain(|known, _| !known.starts_with(&prefix));
                let listed = objects.iter().take(MAX_STATES);
                self.in_place.extend(listed.filter_map(|o| Some((key(&meta(o)?), faults(o)))));
                Polled::Namespace(namespace.as_deref().unwrap_or_default())
            }
            WatchEvent::Deleted(object) | WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let Some(found) = meta(object) else { return Vec::new() };
                let key = key(&found);
                if matches!(event, WatchEvent::Deleted(_)) {
                    self.in_place.remove(&key);
                } else if self.in_place.len() < MAX_STATES || self.in_place.contains_key(&key) {
                    self.in_place.insert(key, faults(object));
                }
                of_object = found;
                Polled::Object { namespace: &of_object.namespace, name: &of_object.name }
            }
            WatchEvent::Bookmark => return Vec::new(),
        };
        let all: Vec<ActiveFault> = self.in_place.values().flatten().cloned().collect();
        self.polled.update(&all, polled, source, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(name: &str, fault: Value) -> Value {
        json!({"kind": "VirtualService", "metadata": {"name": name, "namespace": "shop", "uid": name},
            "spec": {"hosts": [name], "http": [{"fault": fault}]}})
    }

    #[test]
    fn a_fault_begins_and_ends_with_the_object_that_says_so() {
        let at = |s: i64| Timestamp::from_ms(s * 1000);
        let mut recorder = Recorder::default();
        let listed = WatchEvent::Relisted {
            kind: "VirtualService".into(),
            namespace: None,
            objects: vec![service("a", json!(null))],
        };
        assert_eq!(recorder.apply(&listed, at(1)), []);
        let slow = service("a", json!({"delay": {"fixedDelay": "1s"}}));
        let news = recorder.apply(&WatchEvent::Modified(slow.clone()), at(5));
        assert_eq!((news.len(), news[0].started), (1, Some(at(5))));
        assert_eq!(recorder.apply(&WatchEvent::Added(service("b", json!(null))), at(6)), []);
        let news = recorder.apply(&WatchEvent::Deleted(slow), at(9));
        assert_eq!((news.len(), news[0].ended), (1, Some(at(9))));
    }

    #[test]
    fn a_flag_is_a_fault_while_it_is_on() {
        let at = |s: i64| Timestamp::from_ms(s * 1000);
        let file = |variant: &str| json!({"flags": {"paymentFailure": {"state": "ENABLED", "defaultVariant": variant, "variants": {"on": true, "off": false}}}});
        let mut recorder = Recorder::default();
        assert_eq!(recorder.flags(&file("off"), at(1)), []);
        let news = recorder.flags(&file("on"), at(5));
        assert_eq!((news.len(), news[0].started, news[0].services()), (1, Some(at(5)), vec!["payment"]));
        let news = recorder.flags(&file("off"), at(9));
        assert_eq!((news.len(), news[0].ended), (1, Some(at(9))));
    }

    /// What a ledger file holds after these changes.
    fn kept(known: Vec<Entry>, news: Vec<Entry>) -> Vec<Entry> {
        let lines: String = known.iter().chain(&news).map(|e| crate::file::line(e).unwrap()).collect();
        crate::file::read(lines.as_bytes()).unwrap()
    }

    #[test]
    fn a_run_continues_the_faults_of_the_run_before() {
        let at = |s: i64| Timestamp::from_ms(s * 1000);
        let flag = |variant: &str| json!({"flags": {"cartFailure": {"state": "ENABLED", "defaultVariant": variant, "variants": {"on": true, "off": false}}}});
        let resume = |known: &[Entry]| Recorder::resume(LedgerOptions::default(), known.to_vec());
        let mut first = resume(&[]);
        let mut known = Vec::new();
        for (variant, s) in [("off", 1), ("on", 5), ("off", 9)] {
            known = kept(known, first.flags(&flag(variant), at(s)));
        }
        let mut second = resume(&known);
        for (variant, s) in [("off", 20), ("on", 25)] {
            known = kept(known, second.flags(&flag(variant), at(s)));
        }
        let keys: Vec<(&str, Option<Timestamp>)> = known.iter().map(|e| (e.key.as_str(), e.started)).collect();
        assert_eq!(keys, [("flagd/cartFailure/1", Some(at(5))), ("flagd/cartFailure/2", Some(at(25)))]);

        // Still on after a restart: the same fault, with its start.
        let mut third = resume(&known);
        assert_eq!(third.flags(&flag("on"), at(40)), []);
        let ended = third.flags(&flag("off"), at(45));
        assert_eq!((ended[0].key.as_str(), ended[0].started), ("flagd/cartFailure/2", Some(at(25))));
        assert_eq!((ended[0].state, ended[0].ended), (crate::State::Injected, Some(at(45))));

        // Off after a restart: it ended at an unknown time, and that is said once.
        let mut fourth = resume(&known);
        let ended = fourth.flags(&flag("off"), at(50));
        assert_eq!((ended[0].state, ended[0].ended), (crate::State::UnknownEnd, None));
        assert!(ended[0].notes.iter().any(|n| n.contains("ended unwatched")), "{:?}", ended[0].notes);
        known = kept(known, ended);
        let mut fifth = resume(&known);
        assert_eq!(fifth.flags(&flag("off"), at(60)), []);
        assert_eq!(fifth.flags(&flag("on"), at(65))[0].key, "flagd/cartFailure/3");
    }

    #[test]
    fn a_list_of_one_namespace_ends_no_fault_of_another() {
        let at = |s: i64| Timestamp::from_ms(s * 1000);
        let slow = |namespace: &str| {
            let mut object = service("a", json!({"delay": {"fixedDelay": "1s"}}));
            object["metadata"]["namespace"] = json!(namespace);
            object["metadata"]["uid"] = json!(namespace);
            object
        };
        let listed = |namespace: &str, objects: Vec<Value>| WatchEvent::Relisted {
            kind: "VirtualService".into(),
            namespace: Some(namespace.into()),
            objects,
        };
        let mut first = Recorder::default();
        let mut known = Vec::new();
        for namespace in ["one", "two"] {
            assert_eq!(first.apply(&listed(namespace, Vec::new()), at(1)), []);
            known = kept(known, first.apply(&WatchEvent::Added(slow(namespace)), at(5)));
        }
        let mut second = Recorder::resume(LedgerOptions::default(), known);
        assert_eq!(second.apply(&listed("one", vec![slow("one")]), at(20)), []);
        assert_eq!(second.apply(&WatchEvent::Added(service("b", json!(null))), at(21)), []);
        let news = second.apply(&listed("two", Vec::new()), at(22));
        assert_eq!((news.len(), news[0].namespace.as_str(), news[0].state), (1, "two", crate::State::UnknownEnd));
    }
}
