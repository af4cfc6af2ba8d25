//! Which workload a pod belonged to. Deleted pods are remembered, since they are looked up after their deletion.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::time::Timestamp;
use serde_json::Value;

use crate::object::{self, text, time};

/// Most pods kept in memory; with more, the ones observed first are evicted.
const MAX_PODS: usize = 20_000;
/// Most containers of one pod that are read.
const MAX_CONTAINERS: usize = 100;

/// One pod as last observed.
#[derive(Clone, Debug, PartialEq)]
struct Pod {
    workload: String,
    /// Whether the workload is known from the pod's owner, rather than guessed from its name.
    is_sure: bool,
    created: Option<Timestamp>,
    /// Ready since.
    ready: Option<Timestamp>,
    gone: Option<Timestamp>,
    containers: BTreeMap<String, Option<Timestamp>>,
}

/// Pods by namespace and name.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    all: BTreeMap<(String, String), Pod>,
    /// In the order of first observation.
    order: BTreeMap<u64, (String, String)>,
    next: u64,
}

impl Pods {
    /// Adds a pod as returned by the API server.
    pub fn see(&mut self, value: &Value, gone: Option<Timestamp>) {
        let Some(meta) = object::meta(value, "Pod") else { return };
        let key = (meta.namespace.clone(), meta.name.clone());
        let (workload, is_sure) = workload(value, &meta.name, meta.labels.get("pod-template-hash").map(String::as_str));
        let pod = Pod {
            workload,
            is_sure,
            created: meta.created,
            ready: ready(value),
            gone: gone.map(|at| meta.deletion.unwrap_or(at)),
            containers: containers(value),
        };
        if self.all.insert(key.clone(), pod).is_none() {
            self.order.insert(self.next, key);
            self.next += 1;
        }
        while self.all.len() > MAX_PODS {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.all.remove(&oldest);
        }
    }

    /// Marks pods as gone that a complete list no longer contains.
    pub fn keep_only(&mut self, names: &BTreeSet<(String, String)>, namespace: Option<&str>, at: Timestamp) {
        for (key, pod) in &mut self.all {
            if namespace.is_none_or(|n| key.0 == n) && !names.contains(key) && pod.gone.is_none() {
                pod.gone = Some(at);
            }
        }
    }

    /// The workload, and whether it is certain; guessed from the name alone if the pod was never observed.
    pub fn workload(&self, namespace: &str, pod: &str) -> (Option<String>, bool) {
        match self.all.get(&(namespace.to_owned(), pod.to_owned())) {
            Some(known) => (Some(known.workload.clone()), known.is_sure),
            None => (workload_of_name(pod), false),
        }
    }

    /// Pods of a workload that existed at a given time; `None` if none was ever observed.
    pub fn replicas(&self, namespace: &str, workload: &str, at: Timestamp) -> Option<usize> {
        let mut own = self.all.iter().filter(|((n, _), p)| n == namespace && p.workload == workload).peekable();
        own.peek()?;
        // Times are whole seconds: a pod created within the second of a kill is its replacement.
        let alive = |p: &Pod| p.created.is_none_or(|c| c < at) && p.gone.is_none_or(|g| g >= at);
        Some(own.filter(|(_, p)| alive(p)).count())
    }

    /// When a killed pod's replacement was ready: the first pod of the workload created since.
    pub fn replaced(&self, namespace: &str, killed: &str, workload: &str, since: Timestamp) -> Option<Timestamp> {
        // Creation times are truncated to whole seconds.
        let since = Timestamp::from_ms(since.ms() / 1000 * 1000);
        let own = self.all.iter().filter(|((n, name), p)| n == namespace && name != killed && p.workload == workload);
        own.filter(|(_, p)| p.created.is_some_and(|c| c >= since)).filter_map(|(_, p)| p.ready).min()
    }

    /// When a killed container was running again, and its pod was ready.
    pub fn restarted(&self, namespace: &str, pod: &str, container: &str, since: Timestamp) -> Option<Timestamp> {
        let pod = self.all.get(&(namespace.to_owned(), pod.to_owned()))?;
        let running = pod.containers.get(container).copied().flatten().filter(|at| *at >= since)?;
        Some(pod.ready?.max(running))
    }

    /// Whether the pod has a container of that name.
    pub fn has_container(&self, namespace: &str, pod: &str, container: &str) -> bool {
        let pod = self.all.get(&(namespace.to_owned(), pod.to_owned()));
        pod.is_some_and(|p| p.containers.contains_key(container))
    }
}

fn workload(value: &Value, name: &str, hash: Option<&str>) -> (String, bool) {
    let owners = value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let owner = owners.into_iter().flatten().find(|o| o.get("controller").and_then(Value::as_bool).unwrap_or(true));
    let owner_ref = owner.and_then(|o| Some((text(o, "/kind")?, text(o, "/name")?)));
    match owner_ref {
        Some(("ReplicaSet", owner)) => {
            let suffix = hash.map(|h| format!("-{h}"));
            let cut = suffix.and_then(|s| owner.strip_suffix(&s).map(ToOwned::to_owned));
            (cut.or_else(|| owner.rsplit_once('-').map(|(w, _)| w.to_owned())).unwrap_or_else(|| owner.into()), true)
        }
        Some((_, owner)) => (owner.to_owned(), true),
        None => (workload_of_name(name).unwrap_or_else(|| name.to_owned()), false),
    }
}

/// `payment-7d4b9c6f5-x2x5z` → `payment`, `db-0` → `db`; anything else is its own name.
fn workload_of_name(pod: &str) -> Option<String> {
    if pod.is_empty() {
        return None;
    }
    let is_random = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        // Kubernetes does not use vowels, 0, 1 and 3 in random names.
        lengths.contains(&part.len()) && part.chars().all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c))
    };
    let parts: Vec<&str> = pod.rsplitn(3, '-').collect();
    Some(match parts[..] {
        [id, hash, rest] if is_random(id, 5..=5) && is_random(hash, 6..=10) => rest.to_owned(),
        [number, ..] if parts.len() > 1 && number.chars().all(|c| c.is_ascii_digit()) && !number.is_empty() => {
            pod[..pod.len() - number.len() - 1].to_owned()
        }
        [id, ..] if parts.len() > 1 && is_random(id, 5..=5) => pod[..pod.len() - id.len() - 1].to_owned(),
        _ => pod.to_owned(),
    })
}

fn ready(value: &Value) -> Option<Timestamp> {
    let all = value.pointer("/status/conditions")?.as_array()?;
    let ready = all.iter().find(|c| text(c, "/type") == Some("Ready") && text(c, "/status") == Some("True"))?;
    time(ready, "/lastTransitionTime")
}

fn containers(value: &Value) -> BTreeMap<String, Option<Timestamp>> {
    let list = |pointer| value.pointer(pointer).and_then(Value::as_array).into_iter().flatten().take(MAX_CONTAINERS);
    let mut all = BTreeMap::new();
    // A native sidecar is an init container.
    for one in list("/spec/containers").chain(list("/spec/initContainers")) {
        all.extend(text(one, "/name").map(|name| (name.to_owned(), None)));
    }
    for one in list("/status/containerStatuses") {
        all.extend(text(one, "/name").map(|name| (name.to_owned(), time(one, "/state/running/startedAt"))));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_where_nothing_else_does() {
        for (pod, workload) in [
            ("payment-7d4b9c6f5-x2x5z", "payment"),
            ("carts-db-5c8f9b7d4-abcde", "carts-db-5c8f9b7d4-abcde"),
            ("session-db-0", "session-db"),
            ("node-agent-x2x5z", "node-agent"),
            ("catalogue", "catalogue"),
            ("queue-master", "queue-master"),
        ] {
            assert_eq!(workload_of_name(pod).as_deref(), Some(workload), "{pod}");
        }
    }
}
