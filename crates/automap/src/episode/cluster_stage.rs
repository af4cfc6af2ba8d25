//! Injects faults into a cluster with Chaos Mesh. Needs the operator's rights; deletes everything it created.

use std::cell::RefCell;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use automap_chaos::{Entry, Ledger, LedgerOptions, State, WatchEvent};
use automap_core::time::Timestamp;
use automap_kubernetes::operate::{Manifest, parse};
use automap_kubernetes::{Cluster, PODS, experiments};
use automap_sources::prometheus::Client;
use jiff::ZonedDateTime;
use serde_json::Value;

use super::{Fault, NotCalm, Stage};

/// Time limit for Chaos Mesh to inject: it selects pods and calls their nodes' daemons.
const INJECT_WITHIN: Duration = Duration::from_secs(90);
/// Time limit to recover; a killed pod has to be ready again.
const RECOVER_WITHIN: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_secs(1);

/// A cluster, and what this drill has injected there.
pub(crate) struct ClusterStage {
    cluster: Cluster,
    namespace: String,
    client: Box<dyn Fn() -> Result<Client>>,
    state: RefCell<InPlace>,
}

#[derive(Default)]
struct InPlace {
    ledger: Ledger,
    manifests: Vec<Manifest>,
    /// Last seen state of each, by index in `manifests`; `None` once it is gone.
    last_objects: Vec<Option<Value>>,
}

impl ClusterStage {
    pub(crate) fn new(cluster: Cluster, namespace: &str, client: impl Fn() -> Result<Client> + 'static) -> Self {
        Self { cluster, namespace: namespace.to_owned(), client: Box::new(client), state: RefCell::default() }
    }

    /// Updates the ledger from our experiments and the pods.
    fn poll(&self) -> Result<Vec<Entry>> {
        let now = Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond());
        let state = &mut *self.state.borrow_mut();
        let mut namespaces: Vec<&str> = state.manifests.iter().map(|m| m.namespace.as_str()).collect();
        namespaces.push(&self.namespace);
        namespaces.sort_unstable();
        namespaces.dedup();
        for namespace in namespaces {
            let objects = self.cluster.list(PODS, namespace)?;
            let pods =
                WatchEvent::Relisted { kind: PODS.kind.to_owned(), namespace: Some(namespace.to_owned()), objects };
            state.ledger.apply(&pods, now);
        }
        for (manifest, last) in state.manifests.iter().zip(&mut state.last_objects) {
            match manifest.get(&self.cluster)? {
                Some(object) => {
                    state.ledger.apply(&WatchEvent::Modified(object.clone()), now);
                    *last = Some(object);
                }
                None => {
                    if let Some(object) = last.take() {
                        state.ledger.apply(&WatchEvent::Deleted(object), now);
                    }
                }
            }
        }
        state.ledger.tick(now);
        Ok(state.ledger.entries())
    }

    fn wait(&self, within: Duration, done: impl Fn(&[Entry], &InPlace) -> bool) -> Result<Option<Vec<Entry>>> {
        let until = Instant::now() + within;
        loop {
            let entries = self.poll()?;
            if done(&entries, &self.state.borrow()) {
                return Ok(Some(entries));
            }
            if Instant::now() > until {
                return Ok(None);
            }
            sleep(POLL);
        }
    }
}

impl Stage for ClusterStage {
    fn client(&self) -> Result<Client> {
        (self.client)()
    }

    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn check(&self, fault: &Fault) -> Result<(), String> {
        let manifests = parse(&fault.name, &fault.yaml, &self.namespace).map_err(|e| e.to_string())?;
        manifests.iter().try_for_each(|m| m.create(&self.cluster, true)).map_err(|e| e.to_string())
    }

    fn wait_calm(&self) -> Result<()> {
        let now = Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond());
        let mut others = Ledger::new(LedgerOptions::default());
        for resource in experiments() {
            // Rights may cover only the namespace; kinds may not be installed.
            let listed = self.cluster.list(resource, "").or_else(|_| self.cluster.list(resource, &self.namespace));
            let Ok(objects) = listed else { continue };
            let listed = WatchEvent::Relisted { kind: resource.kind.to_owned(), namespace: None, objects };
            others.apply(&listed, now);
        }
        let running = others.entries().into_iter().find(|e| e.state == State::Running);
        match running {
            Some(e) => bail!(NotCalm(format!("{} {}/{} is still running", e.kind, e.namespace, e.name))),
            None => Ok(()),
        }
    }

    fn inject(&self, fault: &Fault) -> Result<Vec<Entry>> {
        let manifests = parse(&fault.name, &fault.yaml, &self.namespace)?;
        *self.state.borrow_mut() = InPlace { last_objects: vec![None; manifests.len()], ..InPlace::default() };
        for manifest in manifests {
            // Noted first, so that one whose creation is cut off is deleted too.
            self.state.borrow_mut().manifests.push(manifest.clone());
            manifest.create(&self.cluster, false)?;
        }
        let count = self.state.borrow().manifests.len();
        let in_place = self.wait(INJECT_WITHIN, |entries, _| {
            entries
                .iter()
                .filter(|e| matches!(e.state, State::Running | State::OneShot | State::NothingInjected))
                .count()
                >= count
        })?;
        let entries = in_place.with_context(|| {
            format!("Chaos Mesh did not inject it within {} s; is its controller running?", INJECT_WITHIN.as_secs())
        })?;
        if let Some(nothing) = entries.iter().find(|e| e.state == State::NothingInjected) {
            bail!("{} {}: nothing was injected: {}", nothing.kind, nothing.name, nothing.notes.join("; "));
        }
        Ok(entries)
    }

    fn recover(&self) -> Result<()> {
        let manifests = self.state.borrow().manifests.clone();
        manifests.iter().try_for_each(|m| m.delete(&self.cluster)).map_err(Into::into)
    }

    fn latest(&self, _: Vec<Entry>) -> Result<Vec<Entry>> {
        let over = self.wait(RECOVER_WITHIN, |entries, state| {
            state.last_objects.iter().all(Option::is_none) && entries.iter().all(|e| e.ended.is_some())
        })?;
        match over {
            Some(entries) => Ok(entries),
            // Return what is known; the next drill waits anyway.
            None => Ok(self.state.borrow().ledger.entries()),
        }
    }
}
