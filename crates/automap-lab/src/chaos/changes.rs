//! The lab's own kinds in addition to those of Chaos Mesh: operators' changes. One function for each kind.
//!
//! A file with such a document is for the lab alone; a cluster knows none of these kinds. Like a fault, a change has a duration, after which it is
//! reverted: the previous version takes over again, the setting is restored.

use std::collections::BTreeMap;

use super::experiment::{Fault, Mode, Selector};
use super::fields::{ChaosError, Fields};
use super::pick::NODE_LABEL;
use super::quantity;
use crate::behaviour::Behaviour;
use crate::change::{Autoscale, Change, LoadPod, NodeLoad, SETTINGS_MAX, effect_of};
use crate::plan;

/// The kinds of changes.
pub const CHANGE_KINDS: [&str; 8] =
    ["Autoscaler", "BatchJob", "ConfigChange", "CronJob", "NodeStress", "Release", "Scale", "Traffic"];
/// Their `apiVersion`.
pub(super) const API_VERSION: &str = "lab.automap/v1";

/// Maximum users per second in a file.
const RATE_PER_S_MAX: u64 = 1000;
/// Maximum number of threads beside the shop.
const WORKERS_MAX: u32 = 256;
/// The namespace of jobs that set none.
const BATCH_NAMESPACE: &str = "batch";
/// The service at which all users arrive.
const ENTRANCE: &str = "front-end";

/// Reads the `spec` of a change. Returns the fault and its target.
pub(super) fn change(kind: &str, spec: &Fields) -> Result<(String, Fault, Selector, Mode), ChaosError> {
    let change = match kind {
        "Release" => release(spec)?,
        "ConfigChange" => config(spec)?,
        "Scale" => scale(spec)?,
        "Autoscaler" => autoscaler(spec)?,
        "BatchJob" | "CronJob" => job(kind, spec)?,
        "NodeStress" => node_stress(spec)?,
        _ => traffic(spec)?,
    };
    let labels = match &change {
        Change::NodeLoad(load) => vec![(NODE_LABEL.to_owned(), load.node.clone())],
        Change::Traffic { .. } => vec![("name".to_owned(), ENTRANCE.to_owned())],
        _ => vec![("name".to_owned(), deployment(spec)?.to_owned())],
    };
    let selector = Selector { namespaces: vec![plan::NAMESPACE.to_owned()], labels };
    let action = change.kind().1.to_owned();
    Ok((action, Fault::Change { change }, selector, Mode::All))
}

fn deployment<'a>(spec: &Fields<'a>) -> Result<&'a str, ChaosError> {
    let name = spec.text("deployment")?;
    let known = || plan::COMPONENTS.map(|c| c.name).join(", ");
    let missing = || spec.wrong("deployment", format!("{name:?} is no Deployment of the shop; there are {}", known()));
    plan::component(name).map(|_| name).ok_or_else(missing)
}

fn release(spec: &Fields) -> Result<Change, ChaosError> {
    spec.only(&["deployment", "version", "slow", "fail", "leak", "duration"])?;
    let behaviour = Behaviour {
        slow_ms: spec.read_opt("slow", quantity::duration)?.unwrap_or_default().as_secs_f64() * 1e3,
        fail_percent: spec.read_opt("fail", quantity::percent)?.unwrap_or_default(),
        leak_bytes_per_s: spec.read_opt("leak", quantity::size_bytes)?.unwrap_or_default(),
    };
    Ok(Change::Release { version: spec.text("version")?.to_owned(), behaviour })
}

fn config(spec: &Fields) -> Result<Change, ChaosError> {
    spec.only(&["deployment", "data", "duration"])?;
    let pairs = spec.pairs("data")?;
    if pairs.is_empty() || pairs.len() > SETTINGS_MAX {
        return Err(spec.wrong("data", format!("needs 1 to {SETTINGS_MAX} settings, each a name and a string")));
    }
    for (name, value) in &pairs {
        effect_of(name, value).map_err(|problem| spec.wrong("data", problem))?;
    }
    Ok(Change::Config { settings: pairs.into_iter().collect::<BTreeMap<_, _>>() })
}

fn scale(spec: &Fields) -> Result<Change, ChaosError> {
    spec.only(&["deployment", "replicas", "duration"])?;
    Ok(Change::Scale { replicas: replicas(spec, "replicas", 0)? })
}

fn autoscaler(spec: &Fields) -> Result<Change, ChaosError> {
    spec.only(&["deployment", "minReplicas", "maxReplicas", "targetCPUUtilizationPercentage", "duration"])?;
    let (min_replicas, max_replicas) = (replicas(spec, "minReplicas", 1)?, replicas(spec, "maxReplicas", 1)?);
    if min_replicas > max_replicas {
        return Err(spec.wrong("minReplicas", format!("{min_replicas} is more than maxReplicas, {max_replicas}")));
    }
    let target = spec.whole_opt("targetCPUUtilizationPercentage")?.filter(|n| (1..=1000).contains(n));
    let wrong = || spec.wrong("targetCPUUtilizationPercentage", "is required: 1 to 1000 percent of the request");
    let target_cpu_percent = target.ok_or_else(wrong)? as f64;
    Ok(Change::Autoscale(Autoscale { min_replicas, max_replicas, target_cpu_percent }))
}

fn traffic(spec: &Fields) -> Result<Change, ChaosError> {
    spec.only(&["usersPerSecond", "duration"])?;
    let rate = spec.whole_opt("usersPerSecond")?.filter(|n| (1..=RATE_PER_S_MAX).contains(n));
    let rate = rate.ok_or_else(|| spec.wrong("usersPerSecond", format!("is required: 1 to {RATE_PER_S_MAX}")))?;
    Ok(Change::Traffic { rate_per_s: rate as f64 })
}

/// Takes a node's processors, memory or disk without being a pod.
fn node_stress(spec: &Fields) -> Result<Change, ChaosError> {
    spec.only(&["node", "workers", "load", "memory", "disk", "duration"])?;
    let load = load(spec, None)?;
    if load.workers == 0 && load.memory_bytes == 0 && load.disk_percent <= 0.0 {
        return Err(spec.wrong("workers", "one of workers, memory and disk is required"));
    }
    Ok(Change::NodeLoad(load))
}

/// The same as a pod of a job.
fn job(kind: &str, spec: &Fields) -> Result<Change, ChaosError> {
    spec.only(&["node", "job", "namespace", "workers", "load", "memory", "disk", "duration"])?;
    let name = spec.text("job")?;
    let namespace = spec.text_opt("namespace")?.unwrap_or(BATCH_NAMESPACE);
    for (key, text) in [("job", name), ("namespace", namespace)] {
        if !is_label(text) {
            return Err(spec.wrong(key, format!("{text:?} is not a name: a-z, 0-9 and -, at most 40")));
        }
    }
    let is_cron = kind == "CronJob";
    let pod = LoadPod { name: name.to_owned(), namespace: namespace.to_owned(), is_cron };
    Ok(Change::NodeLoad(load(spec, Some(pod))?))
}

fn load(spec: &Fields, pod: Option<LoadPod>) -> Result<NodeLoad, ChaosError> {
    let node = spec.text("node")?;
    if !plan::NODES.contains(&node) {
        return Err(spec.wrong("node", format!("{node:?} is no node; there are {}", plan::NODES.join(", "))));
    }
    let workers = spec.whole_opt("workers")?.unwrap_or(0);
    let workers = u32::try_from(workers).ok().filter(|n| *n <= WORKERS_MAX);
    let load_percent = spec.whole_opt("load")?.unwrap_or(100);
    if load_percent > 100 {
        return Err(spec.wrong("load", format!("{load_percent} is not a percentage from 0 to 100")));
    }
    Ok(NodeLoad {
        node: node.to_owned(),
        workers: workers.ok_or_else(|| spec.wrong("workers", format!("expected 0 to {WORKERS_MAX}")))?,
        load_percent: load_percent as f64,
        memory_bytes: spec.read_opt("memory", quantity::size_bytes)?.unwrap_or_default(),
        disk_percent: spec.read_opt("disk", quantity::percent)?.unwrap_or_default(),
        pod,
    })
}

fn is_label(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(plain)
}

fn replicas(spec: &Fields, key: &str, least: u64) -> Result<u32, ChaosError> {
    let most = u64::from(plan::MAX_REPLICAS);
    let count = spec.whole_opt(key)?.filter(|n| (least..=most).contains(n)).and_then(|n| u32::try_from(n).ok());
    count.ok_or_else(|| spec.wrong(key, format!("is required: {least} to {most} pods")))
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn one(kind: &str, spec: &str) -> Result<(Change, Vec<&'static str>), String> {
        let yaml = format!("apiVersion: lab.automap/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{{spec}}}\n");
        let experiment = parse("f.yaml", &yaml).map_err(|e| e.to_string())?.remove(0);
        let targets = experiment.plan_injection(&mut || 0).map_err(|e| e.to_string())?.targets;
        match experiment.fault {
            Fault::Change { change } => Ok((change, targets)),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn every_kind_of_change_is_read() {
        let slow = Behaviour { slow_ms: 200.0, ..Behaviour::default() };
        let release = Change::Release { version: "v2".to_owned(), behaviour: slow };
        let spec = "deployment: user, version: v2, slow: 200ms, duration: 1m";
        assert_eq!(one("Release", spec), Ok((release, vec!["user"])));
        let config = Change::Config { settings: BTreeMap::from([("call-timeout".to_owned(), "50ms".to_owned())]) };
        let spec = "deployment: orders, data: {call-timeout: 50ms}, duration: 1m";
        assert_eq!(one("ConfigChange", spec), Ok((config, vec!["orders"])));
        let spec = "deployment: orders, replicas: 2, duration: 1m";
        assert_eq!(one("Scale", spec), Ok((Change::Scale { replicas: 2 }, vec!["orders"])));
        let spec = "node: node-2, job: report, workers: 24, disk: '90', duration: 1m";
        let pod = Some(LoadPod { name: "report".to_owned(), namespace: "batch".to_owned(), is_cron: false });
        let load = NodeLoad {
            node: "node-2".to_owned(),
            workers: 24,
            load_percent: 100.0,
            memory_bytes: 0,
            disk_percent: 90.0,
            pod,
        };
        assert!(!load.is_harmless());
        let on_it = vec!["catalogue", "catalogue-db", "rabbitmq", "user", "user-db"];
        assert_eq!(one("BatchJob", spec), Ok((Change::NodeLoad(load), on_it)));
        let spec = "usersPerSecond: 20, duration: 1m";
        assert_eq!(one("Traffic", spec), Ok((Change::Traffic { rate_per_s: 20.0 }, vec!["front-end"])));
        let spec = "deployment: user, minReplicas: 1, maxReplicas: 2, targetCPUUtilizationPercentage: 50, duration: 1m";
        let scaler = Autoscale { min_replicas: 1, max_replicas: 2, target_cpu_percent: 50.0 };
        assert_eq!(one("Autoscaler", spec), Ok((Change::Autoscale(scaler), vec!["user"])));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let place = |kind: &str| format!("f.yaml, document 1 ({kind} x): ");
        for (kind, spec, expected) in [
            (
                "Release",
                "deployment: wallet, version: v2, duration: 1m",
                "spec.deployment: \"wallet\" is no Deployment",
            ),
            ("Release", "deployment: user, duration: 1m", "spec.version: is required"),
            ("Release", "deployment: user, version: v2", "spec.duration: is required"),
            (
                "ConfigChange",
                "deployment: user, data: {max-requests: many}, duration: 1m",
                "spec.data: max-requests=many",
            ),
            ("Scale", "deployment: user, replicas: 9, duration: 1m", "spec.replicas: is required: 0 to 4 pods"),
            ("Traffic", "usersPerSecond: 0, duration: 1m", "spec.usersPerSecond: is required: 1 to 1000"),
        ] {
            let error = one(kind, spec).unwrap_err();
            assert!(error.starts_with(&(place(kind) + expected)), "{error}");
        }
        for (kind, spec, expected) in [
            (
                "NodeStress",
                "node: node-9, workers: 1, duration: 1m",
                "spec.node: \"node-9\" is no node; there are node-1",
            ),
            ("NodeStress", "node: node-1, duration: 1m", "spec.workers: one of workers, memory and disk is required"),
            ("BatchJob", "node: node-1, workers: 8, duration: 1m", "spec.job: is required"),
            ("CronJob", "node: node-1, job: Report, duration: 1m", "spec.job: \"Report\" is not a name"),
        ] {
            let error = one(kind, spec).unwrap_err();
            assert!(error.starts_with(&(place(kind) + expected)), "{error}");
        }
        let yaml = "apiVersion: lab.automap/v1\nkind: Outage\nmetadata: {name: x}\nspec: {}\n";
        let error = parse("f.yaml", yaml).unwrap_err().to_string();
        assert!(error.ends_with("Traffic, Certificate, ConsumerStop, DNS, StoreConnections, StoreLock"), "{error}");
    }
}
