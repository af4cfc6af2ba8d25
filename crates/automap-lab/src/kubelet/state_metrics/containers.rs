//! Containers: image, resources, restarts, and how the last instance ended.

use super::super::exposition::Exposition;
use super::super::{ContainerReading, LastEnd, PodReading};
use super::flag;
use super::pods::labels;
use crate::plan::REQUEST_OF_LIMIT;

pub(super) fn write(text: &mut Exposition, pods: &[PodReading]) {
    info(text, pods);
    resources(text, pods);
    last_ends(text, pods);
    status(text, pods);
}

fn each(pods: &[PodReading]) -> impl Iterator<Item = (&PodReading, &ContainerReading)> {
    pods.iter().flat_map(|p| p.containers.iter().map(move |c| (p, c)))
}

/// A container that was never started has an image and no digest yet.
fn info(text: &mut Exposition, pods: &[PodReading]) {
    text.family("kube_pod_container_info", "gauge", "[STABLE] Information about a container in a pod.");
    for (pod, container) in each(pods) {
        let was_started = container.waiting_reason != Some("ContainerCreating");
        let container_id = format!("containerd://{}", container.id);
        let seen = |text| if was_started { text } else { "" };
        let more = [
            ("container", &*container.name),
            ("image_spec", &*container.image),
            ("image", &*container.image),
            ("image_id", seen(&*container.image_id)),
            ("container_id", seen(&*container_id)),
        ];
        text.sample("kube_pod_container_info", &labels(pod, &more), 1.0, None);
    }
}

fn resources(text: &mut Exposition, pods: &[PodReading]) {
    for (name, share) in
        [("kube_pod_container_resource_limits", 1.0), ("kube_pod_container_resource_requests", REQUEST_OF_LIMIT)]
    {
        text.family(name, "gauge", "The number of resource by a container.");
        for (pod, container) in each(pods) {
            let amounts =
                [("cpu", "core", container.cpu_limit_cores), ("memory", "byte", container.memory_limit_bytes as f64)];
            for (resource, unit, limit) in amounts {
                let more =
                    [("container", &*container.name), ("node", &*pod.node), ("resource", resource), ("unit", unit)];
                text.sample(name, &labels(pod, &more), limit * share, None);
            }
        }
    }
}

fn last_ends(text: &mut Exposition, pods: &[PodReading]) {
    let ended = || each(pods).filter_map(|(p, c)| c.last_end.map(|end| (p, c, end)));
    let reason = "kube_pod_container_status_last_terminated_reason";
    text.family(reason, "gauge", "Describes the last reason the container was in terminated state.");
    for (pod, container, end) in ended() {
        text.sample(reason, &labels(pod, &[("container", &container.name), ("reason", end.reason)]), 1.0, None);
    }
    type Value = fn(LastEnd) -> f64;
    let families: [(&str, &str, Value); 2] = [
        (
            "kube_pod_container_status_last_terminated_exitcode",
            "Describes the exit code for the last container in terminated state.",
            |end| f64::from(end.exit_code),
        ),
        (
            "kube_pod_container_status_last_terminated_timestamp",
            "Last terminated time for a pod container in unix timestamp.",
            |end| end.at_s.floor(),
        ),
    ];
    for (name, help, value) in families {
        text.family(name, "gauge", help);
        for (pod, container, end) in ended() {
            text.sample(name, &labels(pod, &[("container", &container.name)]), value(end), None);
        }
    }
}

fn status(text: &mut Exposition, pods: &[PodReading]) {
    type Value = fn(&ContainerReading) -> f64;
    let families: [(&str, &str, &str, Value); 3] = [
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
        (
            "kube_pod_container_status_waiting",
            "gauge",
            "[STABLE] Describes whether the container is currently in waiting state.",
            |c| flag(c.waiting_reason.is_some()),
        ),
    ];
    for (name, kind, help, value) in families {
        text.family(name, kind, help);
        for (pod, container) in each(pods) {
            text.sample(name, &labels(pod, &[("container", &container.name)]), value(container), None);
        }
    }
    let waiting = "kube_pod_container_status_waiting_reason";
    text.family(waiting, "gauge", "[STABLE] Describes the reason the container is currently in waiting state.");
    for (pod, container) in each(pods) {
        if let Some(why) = container.waiting_reason {
            text.sample(waiting, &labels(pod, &[("container", &container.name), ("reason", why)]), 1.0, None);
        }
    }
}
