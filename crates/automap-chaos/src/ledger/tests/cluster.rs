//! Objects as returned by the API server.

use automap_core::time::Timestamp;
use serde_json::{Value, json};

/// Seconds after some morning.
pub(super) fn at(s: i64) -> Timestamp {
    Timestamp::parse_rfc3339("2026-03-01T10:00:00Z").unwrap().plus_ms(s * 1000)
}

pub(super) fn rfc(s: i64) -> String {
    at(s).rfc3339()
}

fn event(s: i64, operation: &str, kind: &str, message: &str) -> Value {
    json!({"type": kind, "operation": operation, "message": message, "timestamp": rfc(s)})
}

pub(super) fn apply(s: i64) -> Value {
    event(s, "Apply", "Succeeded", "")
}

pub(super) fn recover(s: i64) -> Value {
    event(s, "Recover", "Succeeded", "")
}

pub(super) fn failed(s: i64, message: &str) -> Value {
    event(s, "Apply", "Failed", message)
}

pub(super) fn record(id: &str, selector: &str, phase: &str, events: &[Value]) -> Value {
    json!({"id": id, "selectorKey": selector, "phase": phase, "injectedCount": 1, "recoveredCount": 0, "events": events})
}

/// One experiment.
#[derive(Clone)]
pub(super) struct Chaos(Value);

impl Chaos {
    pub(super) fn new(kind: &str, uid: &str) -> Self {
        Self(json!({
            "apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind,
            "metadata": {
                "name": uid, "namespace": "shop", "uid": uid, "creationTimestamp": rfc(0), "resourceVersion": "10",
                "labels": {}, "annotations": {}, "finalizers": ["chaos-mesh/records"]
            },
            "spec": {}, "status": {"conditions": [], "experiment": {"desiredPhase": "Run", "containerRecords": []}}
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.0);
        self
    }

    pub(super) fn spec(self, spec: Value) -> Self {
        self.with(|v| v["spec"] = spec)
    }

    pub(super) fn records(&self, records: &[Value]) -> Self {
        self.clone().with(|v| v["status"]["experiment"]["containerRecords"] = json!(records))
    }

    pub(super) fn condition(self, kind: &str, is_true: bool) -> Self {
        let status = if is_true { "True" } else { "False" };
        self.with(|v| v["status"]["conditions"].as_array_mut().unwrap().push(json!({"type": kind, "status": status})))
    }

    pub(super) fn label(self, label: &str, value: &str) -> Self {
        self.with(|v| v["metadata"]["labels"][label] = json!(value))
    }

    pub(super) fn paused(self) -> Self {
        self.with(|v| v["metadata"]["annotations"]["experiment.chaos-mesh.org/pause"] = json!("true"))
    }

    pub(super) fn stopped(self) -> Self {
        self.with(|v| v["status"]["experiment"]["desiredPhase"] = json!("Stop"))
    }

    pub(super) fn deleting(self, s: i64) -> Self {
        self.with(|v| v["metadata"]["deletionTimestamp"] = json!(rfc(s)))
    }

    pub(super) fn version(self, version: u64) -> Self {
        self.with(|v| v["metadata"]["resourceVersion"] = json!(version.to_string()))
    }

    pub(super) fn value(&self) -> Value {
        self.0.clone()
    }
}

/// One pod.
#[derive(Clone)]
pub(super) struct Pod(Value);

pub(super) fn pod(namespace: &str, name: &str) -> Pod {
    Pod(json!({
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "uid": name, "creationTimestamp": rfc(-1000)},
        "spec": {"containers": []}, "status": {"conditions": [], "containerStatuses": []}
    }))
}

/// A pod of a replica set, with a sidecar, long ready.
pub(super) fn workload_pod(namespace: &str, name: &str, replica_set: &str) -> Value {
    let app = replica_set.rsplit_once('-').map_or(replica_set, |(app, _)| app);
    let pod = pod(namespace, name).owner("ReplicaSet", replica_set).ready(-900);
    pod.container("istio-proxy", Some(-990)).container(app, Some(-990)).value()
}

impl Pod {
    fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.0);
        self
    }

    pub(super) fn owner(self, kind: &str, name: &str) -> Self {
        self.with(|v| v["metadata"]["ownerReferences"] = json!([{"kind": kind, "name": name, "controller": true}]))
    }

    pub(super) fn created(self, s: i64) -> Self {
        self.with(|v| v["metadata"]["creationTimestamp"] = json!(rfc(s)))
    }

    pub(super) fn ready(self, s: i64) -> Self {
        self.with(|v| {
            v["status"]["conditions"] = json!([{"type": "Ready", "status": "True", "lastTransitionTime": rfc(s)}])
        })
    }

    pub(super) fn container(self, name: &str, started: Option<i64>) -> Self {
        self.with(|v| {
            v["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": name}));
            let state = started.map_or(json!({"waiting": {}}), |s| json!({"running": {"startedAt": rfc(s)}}));
            v["status"]["containerStatuses"].as_array_mut().unwrap().push(json!({"name": name, "state": state}));
        })
    }

    pub(super) fn value(&self) -> Value {
        self.0.clone()
    }
}
