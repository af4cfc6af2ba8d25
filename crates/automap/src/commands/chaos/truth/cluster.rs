//! What a cluster shows now: the experiments that exist, and Events about deleted ones.

use anyhow::{Result, bail};
use automap_chaos::fallback::events;
use automap_chaos::pods::Pods;
use automap_chaos::{Entry, Ledger, LedgerOptions, WatchEvent};
use automap_core::time::Timestamp;
use automap_kubernetes::{Cluster, ClusterError, EVENTS, PODS, experiments};
use jiff::ZonedDateTime;
use serde_json::Value;

use crate::console::say;

/// The experiments that exist, and Events about deleted ones.
pub(super) fn entries(cluster: &Cluster, namespaces: &[String]) -> Result<[Vec<Entry>; 2]> {
    let now = Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond());
    let all = [String::new()];
    let namespaces = if namespaces.is_empty() { &all } else { namespaces };
    let (mut ledger, mut pods) = (Ledger::new(LedgerOptions::default()), Pods::default());
    let mut missing = Vec::new();
    let kinds: Vec<_> = experiments().collect();
    for namespace in namespaces {
        // Without pods the services are taken from pod names; the entries note that.
        match cluster.list(PODS, namespace) {
            Ok(objects) => {
                objects.iter().for_each(|pod| pods.see(pod, None));
                ledger.apply(&relisted(PODS.kind, namespace, objects), now);
            }
            Err(error @ (ClusterError::Forbidden { .. } | ClusterError::TooLarge { .. })) => say(&format!("{error}")),
            Err(error) => return Err(error.into()),
        }
        for resource in &kinds {
            match cluster.list(*resource, namespace) {
                Ok(objects) => drop(ledger.apply(&relisted(resource.kind, namespace, objects), now)),
                Err(ClusterError::Missing { .. }) => missing.push(resource.name()),
                Err(error) => return Err(error.into()),
            }
        }
    }
    if missing.len() >= kinds.len() * namespaces.len() {
        bail!(ClusterError::Missing { resource: "chaos-mesh.org/v1alpha1".to_owned() });
    }
    if !missing.is_empty() {
        say(&format!("this cluster's Chaos Mesh has no {}", missing.join(", ")));
    }
    let mut events = Vec::new();
    for namespace in namespaces {
        match cluster.list(EVENTS, namespace) {
            Ok(objects) => events.extend(events::kubernetes(&serde_json::json!({"items": objects}), &pods)),
            Err(error) => say(&format!("Events could not be read: {error}")),
        }
    }
    ledger.tick(now);
    Ok([ledger.entries(), events])
}

fn relisted(kind: &str, namespace: &str, objects: Vec<Value>) -> WatchEvent {
    let namespace = (!namespace.is_empty()).then(|| namespace.to_owned());
    WatchEvent::Relisted { kind: kind.to_owned(), namespace, objects }
}
