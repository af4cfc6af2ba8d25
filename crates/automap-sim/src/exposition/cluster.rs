//! What the kubelet's cAdvisor reports about containers, and kube-state-metrics about pods, replica sets, settings and nodes.
//!
//! Pods added by an autoscaler appear only in the replica count of their deployment; their usage is in the rows of the first pod.

use automap_core::entity::EntityKind;

use super::family::{Family, Rows};
use super::world::{Life, NAMESPACE, Row, World, address, labels, node, of_pod};
use crate::meters::{ServiceMeter, ServiceSample};

const MIB: f64 = 1_048_576.0;
/// The version of a service's settings before a change.
const SETTINGS: f64 = 1001.0;

const fn counter(name: &'static str, rows: fn(&World<'_>, usize) -> Vec<Row>) -> Family {
    Family { name, kind: "counter", rows: Rows::Services(rows) }
}

const fn gauge(name: &'static str, rows: fn(&World<'_>, usize) -> Vec<Row>) -> Family {
    Family { name, kind: "gauge", rows: Rows::Services(rows) }
}

/// Families of both exporters.
pub(super) static FAMILIES: [Family; 19] = [
    counter("container_cpu_usage_seconds", |w, i| container(w, i, &[("cpu", "total")], &|m| Some(m.cpu_s))),
    counter("container_cpu_cfs_periods", |w, i| container(w, i, &[], &|m| Some(m.periods))),
    counter("container_cpu_cfs_throttled_periods", |w, i| container(w, i, &[], &|m| Some(m.throttled))),
    counter("container_fs_writes_bytes", |w, i| {
        container(w, i, &[("device", "/dev/sda")], &|m| Some(m.written_bytes).filter(|bytes| *bytes > 0.0))
    }),
    gauge("container_memory_working_set_bytes", memory),
    counter("container_network_receive_bytes", |w, i| network(w, i, &|m| m.received_bytes)),
    counter("container_network_transmit_bytes", |w, i| network(w, i, &|m| m.sent_bytes)),
    gauge("kube_pod_info", |w, i| {
        let place = w.service(i).node;
        of_lives(w, i, &[("node", &node(place)), ("host_ip", &address(place))])
    }),
    gauge("kube_pod_owner", |w, i| {
        let labels = |life: &Life| of_pod(life, &[("owner_kind", "ReplicaSet"), ("owner_name", &life.replica_set)]);
        w.lives(i).iter().map(|life| w.row(i, life, ("", labels(life)), &|_| Some(1.0))).collect()
    }),
    gauge("kube_pod_created", |w, i| {
        let made = |life: &Life| w.unix_s(life.made_s);
        w.lives(i).iter().map(|life| w.row(i, life, ("", of_pod(life, &[])), &|_| Some(made(life)))).collect()
    }),
    gauge("kube_pod_container_info", |w, i| {
        let name = &w.service(i).name;
        let image = |life: &Life| format!("registry.example/{name}:{}", life.version);
        let labels = |life: &Life| of_pod(life, &[("container", name), ("image", &image(life))]);
        w.lives(i).iter().map(|life| w.row(i, life, ("", labels(life)), &|_| Some(1.0))).collect()
    }),
    gauge("kube_pod_status_ready", |w, i| {
        let ready = |s: &ServiceSample| Some(f64::from(u8::from(s.is_ready)));
        let row = |life| w.row(i, life, ("", of_pod(life, &[("condition", "true")])), &ready);
        w.lives(i).iter().map(row).collect()
    }),
    counter("kube_pod_container_status_restarts", restarts),
    gauge("kube_replicaset_owner", |w, i| {
        let name = &w.service(i).name;
        of_sets(w, i, &[("owner_kind", "Deployment"), ("owner_name", name)], &|_, _| 1.0)
    }),
    gauge("kube_replicaset_created", |w, i| of_sets(w, i, &[], &|life, _| w.unix_s(life.made_s))),
    gauge("kube_replicaset_spec_replicas", |w, i| {
        of_sets(w, i, &[], &|life, at_s| f64::from(u8::from(at_s < life.until_s)))
    }),
    gauge("kube_deployment_spec_replicas", |w, i| {
        let labels = labels(&[("namespace", NAMESPACE), ("deployment", &w.service(i).name)]);
        vec![w.row_of_workload(i, labels, &|at_s| Some(w.pods(i, at_s)))]
    }),
    gauge("kube_configmap_metadata_resource_version", settings),
    Family { name: "kube_node_status_condition", kind: "gauge", rows: Rows::Nodes(ready_nodes) },
];

/// A counter of containers.
fn container(
    world: &World<'_>,
    i: usize,
    more: &[(&str, &str)],
    of: &dyn Fn(&ServiceMeter) -> Option<f64>,
) -> Vec<Row> {
    let of_sample = |s: &ServiceSample| of(s.meter.as_ref()?);
    let row = |life| world.row(i, life, ("_total", of_container(world, i, life, more)), &of_sample);
    world.lives(i).iter().map(row).collect()
}

fn of_container(world: &World<'_>, i: usize, life: &Life, more: &[(&str, &str)]) -> String {
    let id = format!("/kubepods/{}/{}", life.pod, world.service(i).name);
    let mut pairs = vec![("container", world.service(i).name.as_str()), ("id", id.as_str())];
    pairs.extend_from_slice(more);
    of_pod(life, &pairs)
}

fn memory(world: &World<'_>, i: usize) -> Vec<Row> {
    let bytes = |s: &ServiceSample| s.is_ready.then_some(s.memory_mib * MIB);
    let row = |life| world.row(i, life, ("", of_container(world, i, life, &[])), &bytes);
    world.lives(i).iter().map(row).collect()
}

/// A counter of a pod's network, which belongs to no container.
fn network(world: &World<'_>, i: usize, of: &dyn Fn(&ServiceMeter) -> f64) -> Vec<Row> {
    let of_sample = |s: &ServiceSample| Some(of(s.meter.as_ref()?));
    let row = |life| world.row(i, life, ("_total", of_pod(life, &[("interface", "eth0")])), &of_sample);
    world.lives(i).iter().map(row).collect()
}

/// A series per pod that only shows its existence.
fn of_lives(world: &World<'_>, i: usize, more: &[(&str, &str)]) -> Vec<Row> {
    world.lives(i).iter().map(|life| world.row(i, life, ("", of_pod(life, more)), &|_| Some(1.0))).collect()
}

/// Restarts of each pod's own container.
fn restarts(world: &World<'_>, i: usize) -> Vec<Row> {
    let row = |life: &Life| {
        let labels = of_pod(life, &[("container", &world.service(i).name)]);
        world.row(i, life, ("_total", labels), &|s| Some(s.restarts))
    };
    world.lives(i).iter().map(row).collect()
}

/// A series per replica set from its creation; an old one remains, without pods.
fn of_sets(world: &World<'_>, i: usize, more: &[(&str, &str)], of: &dyn Fn(&Life, f64) -> f64) -> Vec<Row> {
    let row = |life: &Life| {
        let mut pairs = vec![("namespace", NAMESPACE), ("replicaset", life.replica_set.as_str())];
        pairs.extend_from_slice(more);
        world.row_of_workload(i, labels(&pairs), &|at_s| (at_s >= life.made_s).then(|| of(life, at_s)))
    };
    world.lives(i).iter().map(row).collect()
}

/// The settings of services that are not stores.
fn settings(world: &World<'_>, i: usize) -> Vec<Row> {
    let service = world.service(i);
    if !matches!(service.kind, EntityKind::Service | EntityKind::Gateway) {
        return Vec::new();
    }
    let labels = labels(&[("namespace", NAMESPACE), ("configmap", &format!("{}-config", service.name))]);
    let changed = world.configured_s(i);
    let version = |at_s: f64| Some(SETTINGS + f64::from(u8::from(changed.is_some_and(|from_s| at_s >= from_s))));
    vec![world.row_of_workload(i, labels, &version)]
}

fn ready_nodes(world: &World<'_>, n: usize) -> Vec<Row> {
    let labels = labels(&[("node", &node(n)), ("condition", "Ready"), ("status", "true")]);
    vec![world.row_of_node(n, ("", labels), &|_| 1.0)]
}
