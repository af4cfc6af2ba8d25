//! `/metrics`: what kube-state-metrics exports about the same pods.

use super::exposition::Exposition;
use super::{ContainerReading, NODE, PodReading};
use crate::plan::NAMESPACE;

const POD_IP: &str = "127.0.0.1";
/// Requests stand at this share of the limits.
const REQUEST_OF_LIMIT: f64 = 0.5;
const PHASES: [&str; 5] = ["Pending", "Succeeded", "Failed", "Unknown", "Running"];

/// The text for these pods.
pub fn render(pods: &[PodReading]) -> String {
    let mut text = Exposition::default();
    deployments(&mut text, pods);
    identity(&mut text, pods);
    status(&mut text, pods);
    containers(&mut text, pods);
    text.into_text()
}

fn deployments(text: &mut Exposition, pods: &[PodReading]) {
    type Value = fn(&PodReading) -> f64;
    let families: [(&str, &str, Value); 4] = [
        ("kube_deployment_created", "[STABLE] Unix creation timestamp", |p| p.deployed_s.floor()),
        ("kube_deployment_spec_replicas", "[STABLE] Number of desired pods for a deployment.", |_| 1.0),
        (
            "kube_deployment_status_observed_generation",
            "[STABLE] The generation observed by the deployment controller.",
            |_| 1.0,
        ),
        (
            "kube_deployment_status_replicas_available",
            "[STABLE] The number of available replicas per deployment.",
            |p| f64::from(u8::from(p.is_ready())),
        ),
    ];
    for (name, help, value) in families {
        text.family(name, "gauge", help);
        for pod in pods {
            text.sample(name, &[("namespace", NAMESPACE), ("deployment", &pod.service)], value(pod), None);
        }
    }
}

fn identity(text: &mut Exposition, pods: &[PodReading]) {
    text.family("kube_pod_info", "gauge", "[STABLE] Information about pod.");
    for pod in pods {
        let more = [
            ("host_ip", POD_IP),
            ("pod_ip", POD_IP),
            ("node", NODE),
            ("created_by_kind", "ReplicaSet"),
            ("created_by_name", &pod.replica_set),
            ("priority_class", ""),
            ("host_network", "false"),
        ];
        text.sample("kube_pod_info", &labels(pod, &more), 1.0, None);
    }
    text.family("kube_pod_owner", "gauge", "[STABLE] Information about the Pod's owner.");
    for pod in pods {
        let more = [("owner_kind", "ReplicaSet"), ("owner_name", &*pod.replica_set), ("owner_is_controller", "true")];
        text.sample("kube_pod_owner", &labels(pod, &more), 1.0, None);
    }
    text.family("kube_replicaset_owner", "gauge", "[STABLE] Information about the ReplicaSet's owner.");
    for pod in pods {
        let labels = [
            ("namespace", NAMESPACE),
            ("replicaset", &*pod.replica_set),
            ("owner_kind", "Deployment"),
            ("owner_name", &*pod.service),
            ("owner_is_controller", "true"),
        ];
        text.sample("kube_replicaset_owner", &labels, 1.0, None);
    }
}

fn status(text: &mut Exposition, pods: &[PodReading]) {
    text.family("kube_pod_status_phase", "gauge", "[STABLE] The pods current phase.");
    for pod in pods {
        for phase in PHASES {
            text.sample("kube_pod_status_phase", &labels(pod, &[("phase", phase)]), flag(phase == "Running"), None);
        }
    }
    text.family("kube_pod_status_ready", "gauge", "[STABLE] Describes whether the pod is ready to serve requests.");
    for pod in pods {
        for (condition, holds) in [("true", pod.is_ready()), ("false", !pod.is_ready()), ("unknown", false)] {
            text.sample("kube_pod_status_ready", &labels(pod, &[("condition", condition)]), flag(holds), None);
        }
    }
}

fn containers(text: &mut Exposition, pods: &[PodReading]) {
    let each = || pods.iter().flat_map(|p| p.containers.iter().map(move |c| (p, c)));
    let resources = |text: &mut Exposition, name: &str, share: f64| {
        text.family(name, "gauge", "The number of resource by a container.");
        for (pod, container) in each() {
            let amounts =
                [("cpu", "core", container.cpu_limit_cores), ("memory", "byte", container.memory_limit_bytes as f64)];
            for (resource, unit, limit) in amounts {
                let more = [("container", &*container.name), ("node", NODE), ("resource", resource), ("unit", unit)];
                text.sample(name, &labels(pod, &more), limit * share, None);
            }
        }
    };
    resources(text, "kube_pod_container_resource_limits", 1.0);
    resources(text, "kube_pod_container_resource_requests", REQUEST_OF_LIMIT);
    let reason = "kube_pod_container_status_last_terminated_reason";
    text.family(reason, "gauge", "Describes the last reason the container was in terminated state.");
    for (pod, container) in each() {
        if let Some(why) = &container.last_terminated_reason {
            text.sample(reason, &labels(pod, &[("container", &container.name), ("reason", why)]), 1.0, None);
        }
    }
    type Value = fn(&ContainerReading) -> f64;
    let families: [(&str, &str, &str, Value); 2] = [
        (
            "kube_pod_container_status_ready",
            "gauge",
            "[STABLE] Describes whether the containers readiness check succeeded.",
            |c| flag(c.ready),
        ),
        (
            "kube_pod_container_status_restarts_total",
            "counter",
            "[STABLE] The number of container restarts per container.",
            |c| f64::from(c.restarts),
        ),
    ];
    for (name, kind, help, value) in families {
        text.family(name, kind, help);
        for (pod, container) in each() {
            text.sample(name, &labels(pod, &[("container", &container.name)]), value(container), None);
        }
    }
}

fn labels<'a>(pod: &'a PodReading, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("namespace", NAMESPACE), ("pod", &*pod.name), ("uid", &*pod.uid)]
        .into_iter()
        .chain(more.iter().copied())
        .collect()
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}
