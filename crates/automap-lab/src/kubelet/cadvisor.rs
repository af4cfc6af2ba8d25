//! `/metrics/cadvisor`: names, labels and rows as a kubelet with containerd exports them.

use super::exposition::Exposition;
use super::{Cfs, ContainerReading, PodReading};

/// The CFS period of every container, in microseconds.
const CFS_PERIOD_US: f64 = 100_000.0;
const PAUSE_IMAGE: &str = "registry.k8s.io/pause:3.10.1";
/// Usage of a pause container: next to nothing, and only at its start.
const PAUSE_CPU_S: f64 = 0.011;
const PAUSE_RSS_BYTES: f64 = 36_864.0;
const PAUSE_USAGE_BYTES: f64 = 208_896.0;
const DEVICE: &str = "/dev/vda";
const INTERFACE: &str = "eth0";

/// One family: the value of each row. `None` leaves a row out.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    /// An extra label, in its alphabetical place.
    label: Option<(&'static str, &'static str)>,
    container: fn(&ContainerReading) -> Option<f64>,
    pause: Option<f64>,
    pod: PodRow,
}

/// The row of the pod's cgroup.
enum PodRow {
    /// The sum of the containers, the pause container's share, and the usage of terminated containers.
    Sum(fn(&PodReading) -> f64),
    /// Its own value.
    Own(fn(&PodReading) -> f64),
}

const fn nothing(_: &PodReading) -> f64 {
    0.0
}

const fn family(
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    container: fn(&ContainerReading) -> Option<f64>,
) -> Family {
    Family { name, kind, help, label: None, container, pause: None, pod: PodRow::Sum(nothing) }
}

fn cfs(container: &ContainerReading, value: fn(Cfs) -> u64) -> Option<f64> {
    container.usage.and(container.cfs).map(|c| value(c) as f64)
}

fn if_any(bytes: u64) -> Option<f64> {
    (bytes > 0).then_some(bytes as f64)
}

/// Pressure of a container with one thread: while it waits, nothing else in it runs, so "waiting" and "stalled" are the same.
const fn cpu_pressure(name: &'static str, help: &'static str) -> Family {
    Family {
        pause: Some(0.0),
        pod: PodRow::Sum(|p| p.terminated.cpu_wait_s),
        ..family(name, "counter", help, |c| c.usage.and(c.cpu_wait_s))
    }
}

const fn io_pressure(name: &'static str, help: &'static str) -> Family {
    Family {
        pause: Some(0.0),
        pod: PodRow::Sum(|p| p.terminated.disk_wait_s),
        ..family(name, "counter", help, |c| c.usage.and(c.disk_wait_s))
    }
}

const FAMILIES: [Family; 17] = [
    Family {
        pod: PodRow::Sum(|p| p.terminated.cfs.periods as f64),
        ..family("container_cpu_cfs_periods_total", "counter", "Number of elapsed enforcement period intervals.", |c| {
            cfs(c, |x| x.periods)
        })
    },
    Family {
        pod: PodRow::Sum(|p| p.terminated.cfs.throttled_periods as f64),
        ..family("container_cpu_cfs_throttled_periods_total", "counter", "Number of throttled period intervals.", |c| {
            cfs(c, |x| x.throttled_periods)
        })
    },
    Family {
        label: Some(("cpu", "total")),
        pause: Some(PAUSE_CPU_S),
        pod: PodRow::Sum(|p| p.terminated.cpu_s),
        ..family("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds.", |c| {
            c.usage.map(|u| u.cpu_s)
        })
    },
    Family {
        label: Some(("device", DEVICE)),
        pod: PodRow::Sum(|p| p.terminated.read_bytes as f64),
        ..family("container_fs_reads_bytes_total", "counter", "Cumulative count of bytes read", |c| {
            c.usage.and_then(|u| if_any(u.read_bytes))
        })
    },
    Family {
        label: Some(("device", DEVICE)),
        pod: PodRow::Sum(|p| p.terminated.write_bytes as f64),
        ..family("container_fs_writes_bytes_total", "counter", "Cumulative count of bytes written", |c| {
            c.usage.and_then(|u| if_any(u.write_bytes))
        })
    },
    Family {
        pause: Some(PAUSE_RSS_BYTES),
        ..family("container_memory_rss", "gauge", "Size of RSS in bytes.", |c| c.usage.map(|u| u.rss_bytes as f64))
    },
    Family {
        pause: Some(PAUSE_USAGE_BYTES),
        ..family(
            "container_memory_usage_bytes",
            "gauge",
            "Current memory usage in bytes, including all memory regardless of when it was accessed",
            |c| c.usage.map(|u| u.usage_bytes as f64),
        )
    },
    Family {
        pause: Some(PAUSE_USAGE_BYTES),
        ..family("container_memory_working_set_bytes", "gauge", "Current working set in bytes.", |c| {
            c.usage.map(|u| u.working_set_bytes as f64)
        })
    },
    Family {
        pause: Some(0.0),
        ..family(
            "container_oom_events_total",
            "counter",
            "Count of out of memory events observed for the container",
            |c| c.usage.map(|_| f64::from(c.oom_events)),
        )
    },
    cpu_pressure(
        "container_pressure_cpu_stalled_seconds_total",
        "Total time duration no tasks in the container could make progress due to CPU congestion.",
    ),
    cpu_pressure(
        "container_pressure_cpu_waiting_seconds_total",
        "Total time duration tasks in the container have waited due to CPU congestion.",
    ),
    io_pressure(
        "container_pressure_io_stalled_seconds_total",
        "Total time duration no tasks in the container could make progress due to IO congestion.",
    ),
    io_pressure(
        "container_pressure_io_waiting_seconds_total",
        "Total time duration tasks in the container have waited due to IO congestion.",
    ),
    Family {
        pod: PodRow::Own(|_| CFS_PERIOD_US),
        ..family("container_spec_cpu_period", "gauge", "CPU period of the container.", |c| {
            c.usage.map(|_| CFS_PERIOD_US)
        })
    },
    Family {
        ..family("container_spec_cpu_quota", "gauge", "CPU quota of the container.", |c| {
            c.usage.map(|_| c.cpu_limit_cores * CFS_PERIOD_US)
        })
    },
    Family {
        pause: Some(0.0),
        ..family("container_spec_memory_limit_bytes", "gauge", "Memory limit for the container.", |c| {
            c.usage.map(|_| c.memory_limit_bytes as f64)
        })
    },
    Family {
        pod: PodRow::Own(|p| p.created_s),
        ..family(
            "container_start_time_seconds",
            "gauge",
            "Start time of the container since unix epoch in seconds.",
            |c| c.usage.map(|_| c.started_s),
        )
    },
];

/// The text for these pods, read at `at_ms`.
pub fn render(pods: &[PodReading], at_ms: i64) -> String {
    let mut text = Exposition::default();
    for family in &FAMILIES {
        text.family(family.name, family.kind, family.help);
        for pod in pods {
            family_rows(&mut text, family, pod, at_ms);
        }
    }
    network(&mut text, pods, at_ms);
    text.into_text()
}

fn family_rows(text: &mut Exposition, family: &Family, pod: &PodReading, at_ms: i64) {
    let values: Vec<(&ContainerReading, f64)> =
        pod.containers.iter().filter_map(|c| (family.container)(c).map(|value| (c, value))).collect();
    let pod_value = match family.pod {
        PodRow::Own(value) => Some(value(pod)),
        PodRow::Sum(terminated) => {
            let rest = terminated(pod) + family.pause.unwrap_or_default();
            let shown = !values.is_empty() || rest > 0.0;
            shown.then(|| values.iter().map(|(_, v)| v).sum::<f64>() + rest)
        }
    };
    let mut row = |row: &Row, value: f64| text.sample(family.name, &row.labels(family.label, pod), value, Some(at_ms));
    if let Some(value) = pod_value {
        row(&Row::pod(pod), value);
    }
    if let Some(value) = family.pause {
        row(&Row::pause(pod), value);
    }
    for (container, value) in values {
        row(&Row::container(pod, container), value);
    }
}

/// The labels that distinguish the rows of one pod.
struct Row<'a> {
    container: &'a str,
    id: String,
    image: &'a str,
    name: &'a str,
}

impl<'a> Row<'a> {
    fn pod(pod: &PodReading) -> Self {
        Self { container: "", id: cgroup(pod), image: "", name: "" }
    }

    fn pause(pod: &'a PodReading) -> Self {
        Self { container: "", id: format!("{}/{}", cgroup(pod), pod.pause_id), image: PAUSE_IMAGE, name: &pod.pause_id }
    }

    fn container(pod: &PodReading, container: &'a ContainerReading) -> Self {
        let id = format!("{}/{}", cgroup(pod), container.id);
        Self { container: &container.name, id, image: &container.image, name: &container.id }
    }

    fn labels(&'a self, extra: Option<(&'a str, &'a str)>, pod: &'a PodReading) -> Vec<(&'a str, &'a str)> {
        let mut labels = vec![
            ("container", self.container),
            ("id", &self.id),
            ("image", self.image),
            ("name", self.name),
            ("namespace", &*pod.namespace),
            ("pod", &pod.name),
        ];
        labels.extend(extra);
        labels.sort_unstable();
        labels
    }
}

fn cgroup(pod: &PodReading) -> String {
    format!("/kubepods/burstable/pod{}", pod.uid)
}

/// The network belongs to the pod: its rows are those of the pause container, which holds the network namespace.
/// Drops stay at 0 as on a cluster: packets that netem loses never reach the drop counters of the pod's device.
fn network(text: &mut Exposition, pods: &[PodReading], at_ms: i64) {
    type Value = fn(&super::NetworkReading) -> u64;
    let families: [(&str, &str, Value); 6] = [
        ("container_network_receive_bytes_total", "Cumulative count of bytes received", |n| n.receive_bytes),
        (
            "container_network_receive_packets_dropped_total",
            "Cumulative count of packets dropped while receiving",
            |_| 0,
        ),
        ("container_network_receive_packets_total", "Cumulative count of packets received", |n| n.receive_packets),
        ("container_network_transmit_bytes_total", "Cumulative count of bytes transmitted", |n| n.transmit_bytes),
        (
            "container_network_transmit_packets_dropped_total",
            "Cumulative count of packets dropped while transmitting",
            |_| 0,
        ),
        ("container_network_transmit_packets_total", "Cumulative count of packets transmitted", |n| n.transmit_packets),
    ];
    if pods.iter().all(|p| p.network.is_none()) {
        return;
    }
    for (name, help, value) in families {
        text.family(name, "counter", help);
        for (pod, network) in pods.iter().filter_map(|p| p.network.as_ref().map(|n| (p, n))) {
            let row = Row::pause(pod);
            let labels = row.labels(Some(("interface", INTERFACE)), pod);
            text.sample(name, &labels, value(network) as f64, Some(at_ms));
        }
    }
}
