//! One ledger of everything: experiments of Chaos Mesh, faults in VirtualServices, runs of Litmus, and feature flags that break something.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;
use serde_json::Value;

use crate::entry::{Entry, Source};
use crate::fallback::polled::{ActiveFault, PolledFaults};
use crate::fallback::{flagd, istio, litmus};
use crate::ledger::{Ledger, LedgerOptions, WatchEvent};
use crate::object;

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
        Self { ledger: Ledger::resume(options, entries), ..Self::default() }
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
        self.flags.update(&flagd::faults(file), Source::Flagd, now)
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
        let key = |object: &Value| object::meta(object, "").map(|meta| (meta.namespace, meta.uid));
        let name = |(namespace, uid): (String, String)| format!("{namespace}/{uid}");
        match event {
            WatchEvent::Relisted { namespace, objects, .. } => {
                let prefix = namespace.as_ref().map_or_else(String::new, |n| format!("{n}/"));
                self.in_place.retain(|known, _| !known.starts_with(&prefix));
                self.in_place.extend(objects.iter().take(MAX_STATES).filter_map(|o| Some((name(key(o)?), faults(o)))));
            }
            WatchEvent::Deleted(object) => {
                if let Some(key) = key(object) {
                    self.in_place.remove(&name(key));
                }
            }
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                if let Some(key) = key(object).map(name)
                    && (self.in_place.len() < MAX_STATES || self.in_place.contains_key(&key))
                {
                    self.in_place.insert(key, faults(object));
                }
            }
            WatchEvent::Bookmark => {}
        }
        let all: Vec<ActiveFault> = self.in_place.values().flatten().cloned().collect();
        self.polled.update(&all, source, now)
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
}
