//! Pods: their node, owner and state.

use super::super::PodReading;
use super::super::exposition::Exposition;
use super::flag;

const PHASES: [&str; 5] = ["Pending", "Succeeded", "Failed", "Unknown", "Running"];

pub(super) fn write(text: &mut Exposition, pods: &[PodReading]) {
    identity(text, pods);
    status(text, pods);
}

fn identity(text: &mut Exposition, pods: &[PodReading]) {
    for (name, help) in [
        ("kube_pod_created", "[STABLE] Unix creation timestamp"),
        ("kube_pod_start_time", "[STABLE] Start time in unix timestamp for a pod."),
    ] {
        text.family(name, "gauge", help);
        for pod in pods {
            text.sample(name, &labels(pod, &[]), pod.created_s.floor(), None);
        }
    }
    text.family("kube_pod_info", "gauge", "[STABLE] Information about pod.");
    for pod in pods {
        let more = [
            ("host_ip", &*pod.host_ip),
            ("pod_ip", &*pod.ip),
            ("node", &*pod.node),
            ("created_by_kind", pod.owner_kind),
            ("created_by_name", &*pod.owner),
            ("priority_class", ""),
            ("host_network", "false"),
        ];
        text.sample("kube_pod_info", &labels(pod, &more), 1.0, None);
    }
    text.family("kube_pod_owner", "gauge", "[STABLE] Information about the Pod's owner.");
    for pod in pods {
        let more = [("owner_kind", pod.owner_kind), ("owner_name", &*pod.owner), ("owner_is_controller", "true")];
        text.sample("kube_pod_owner", &labels(pod, &more), 1.0, None);
    }
}

fn status(text: &mut Exposition, pods: &[PodReading]) {
    text.family("kube_pod_status_phase", "gauge", "[STABLE] The pods current phase.");
    for pod in pods {
        for phase in PHASES {
            text.sample("kube_pod_status_phase", &labels(pod, &[("phase", phase)]), flag(phase == pod.phase), None);
        }
    }
    text.family("kube_pod_status_ready", "gauge", "[STABLE] Describes whether the pod is ready to serve requests.");
    for pod in pods {
        for (condition, holds) in [("true", pod.is_ready()), ("false", !pod.is_ready()), ("unknown", false)] {
            text.sample("kube_pod_status_ready", &labels(pod, &[("condition", condition)]), flag(holds), None);
        }
    }
}

/// The labels common to all series of a pod, plus `more`.
pub(super) fn labels<'a>(pod: &'a PodReading, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("namespace", &*pod.namespace), ("pod", &*pod.name), ("uid", &*pod.uid)]
        .into_iter()
        .chain(more.iter().copied())
        .collect()
}
