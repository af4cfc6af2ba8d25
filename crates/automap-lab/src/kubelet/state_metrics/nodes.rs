//! Nodes and namespaces.

use std::collections::BTreeSet;

use super::super::exposition::Exposition;
use super::super::{NodeReading, PodReading};
use super::{condition, flag};
use crate::plan::NAMESPACE;

/// Conditions that are bad when true.
const PRESSURES: [&str; 3] = ["MemoryPressure", "DiskPressure", "PIDPressure"];

pub(super) fn write(text: &mut Exposition, nodes: &[NodeReading]) {
    text.family("kube_node_created", "gauge", "[STABLE] Unix creation timestamp");
    for node in nodes {
        text.sample("kube_node_created", &[("node", &node.name)], node.created_s.floor(), None);
    }
    text.family("kube_node_info", "gauge", "[STABLE] Information about a cluster node.");
    for node in nodes {
        let labels = [
            ("node", &*node.name),
            ("kernel_version", "6.8.0"),
            ("os_image", "Ubuntu 24.04.2 LTS"),
            ("container_runtime_version", "containerd://2.1.3"),
            ("kubelet_version", "v1.34.1"),
            ("kubeproxy_version", "deprecated"),
            ("provider_id", ""),
            ("pod_cidr", "127.0.0.0/8"),
            ("system_uuid", ""),
            ("internal_ip", &*node.internal_ip),
        ];
        text.sample("kube_node_info", &labels, 1.0, None);
    }
    text.family("kube_node_spec_unschedulable", "gauge", "[STABLE] Whether a node can schedule new pods.");
    for node in nodes {
        text.sample("kube_node_spec_unschedulable", &[("node", &node.name)], flag(false), None);
    }
    for (name, help) in [
        (
            "kube_node_status_allocatable",
            "[STABLE] The allocatable for different resources of a node that are available for scheduling.",
        ),
        ("kube_node_status_capacity", "[STABLE] The capacity for different resources of a node."),
    ] {
        text.family(name, "gauge", help);
        for node in nodes {
            for (resource, unit, value) in [("cpu", "core", node.cores), ("memory", "byte", node.memory_bytes as f64)] {
                text.sample(name, &[("node", &node.name), ("resource", resource), ("unit", unit)], value, None);
            }
        }
    }
    let name = "kube_node_status_condition";
    text.family(name, "gauge", "[STABLE] The condition of a cluster node.");
    for node in nodes {
        for pressure in PRESSURES {
            let holds = pressure == "MemoryPressure" && node.is_short_of_memory();
            condition(text, name, &[("node", &node.name)], pressure, holds);
        }
        condition(text, name, &[("node", &node.name)], "Ready", true);
    }
}

/// The shop's namespace, and those of other pods.
pub(super) fn namespaces(text: &mut Exposition, pods: &[PodReading]) {
    let name = "kube_namespace_status_phase";
    text.family(name, "gauge", "[STABLE] kubernetes namespace status phase.");
    let all: BTreeSet<&str> = pods.iter().map(|p| p.namespace.as_str()).chain([NAMESPACE]).collect();
    for namespace in all {
        for (phase, holds) in [("Active", true), ("Terminating", false)] {
            text.sample(name, &[("namespace", namespace), ("phase", phase)], flag(holds), None);
        }
    }
}
