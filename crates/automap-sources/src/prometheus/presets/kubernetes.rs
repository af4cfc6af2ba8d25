//! Signals of pods from the kubelet's cAdvisor and from kube-state-metrics.
//!
//! cAdvisor has a row for every container, one for the pause container and one for the pod as a whole (empty
//! `container`): adding all of them counts two or three times. The network belongs to the pod, whatever its row's name.

use super::{Absence, Exporter, Formula, Key, Signal};

pub(super) const CADVISOR: Exporter = Exporter {
    preset: "kubernetes-resources",
    title: "cAdvisor",
    file: None,
    selector: r#"container_cpu_usage_seconds_total{namespace=$NS,container!=""}"#,
    anywhere: r#"container_cpu_usage_seconds_total{container!=""}"#,
    service_label: "pod",
    namespace_label: "namespace",
    needs: None,
    covers: "cpu, memory, disk and network of containers",
    counts: None,
    signals: &CADVISOR_SIGNALS,
};

pub(super) const STATE_METRICS: Exporter = Exporter {
    preset: "kubernetes-resources",
    title: "kube-state-metrics",
    file: None,
    selector: "kube_pod_owner{namespace=$NS}",
    anywhere: "kube_pod_owner",
    service_label: "pod",
    namespace_label: "namespace",
    needs: None,
    covers: "restarts and readiness of pods",
    counts: None,
    signals: &STATE_SIGNALS,
};

/// cAdvisor says nothing about the disks of many runtimes (cadvisor#2560, #3047; containerd#9690).
const NO_DISK: Absence =
    Absence::Unobserved("container_fs_* is absent: no container touched a disk, or this runtime does not tell");
const NO_NETWORK: Absence = Absence::Unobserved("container_network_* is absent for these pods");

const CADVISOR_SIGNALS: [Signal; 8] = [
    Signal {
        name: "cpu_cores",
        request: "cpu",
        key: Key::Pod,
        formula: Formula::Sum("sum by (pod) (rate(container_cpu_usage_seconds_total{$APP}[$RATE]))"),
        absence: Absence::Unobserved("container_cpu_usage_seconds_total is absent"),
    },
    // A saturated side-car is a cause of its own.
    Signal {
        name: "proxy_cpu_cores",
        request: "cpu",
        key: Key::Pod,
        formula: Formula::Sum(
            "sum by (pod) (rate(container_cpu_usage_seconds_total{namespace=$NS,container=~\"$PROXIES\"}[$RATE]))",
        ),
        absence: Absence::Expected,
    },
    Signal {
        name: "cpu_throttled_ratio",
        request: "throttling",
        key: Key::Pod,
        formula: Formula::Share {
            part: "sum by (pod) (rate(container_cpu_cfs_throttled_periods_total{$APP}[$RATE]))",
            whole: "sum by (pod) (rate(container_cpu_cfs_periods_total{$APP}[$RATE]))",
        },
        absence: Absence::Unobserved("container_cpu_cfs_* is absent: no container has a CPU limit"),
    },
    // The gauge of a dead container stays visible for five minutes; its CPU counter has no sample in the window. `id`
    // tells a restarted container from the one before.
    Signal {
        name: "memory_bytes",
        request: "memory",
        key: Key::Pod,
        formula: Formula::Sum(
            "sum by (pod) (container_memory_working_set_bytes{$APP} and on (pod, container, id) \
             count_over_time(container_cpu_usage_seconds_total{$APP}[$RATE]))",
        ),
        absence: Absence::Unobserved("container_memory_working_set_bytes is absent"),
    },
    Signal {
        name: "disk_read_bytes_per_s",
        request: "disk",
        key: Key::Pod,
        formula: Formula::Sum("sum by (pod) (rate(container_fs_reads_bytes_total{$APP}[$RATE]))"),
        absence: NO_DISK,
    },
    Signal {
        name: "disk_write_bytes_per_s",
        request: "disk",
        key: Key::Pod,
        formula: Formula::Sum("sum by (pod) (rate(container_fs_writes_bytes_total{$APP}[$RATE]))"),
        absence: NO_DISK,
    },
    Signal {
        name: "network_in_bytes_per_s",
        request: "network",
        key: Key::Pod,
        formula: Formula::Sum(
            "sum by (pod) (rate(container_network_receive_bytes_total{namespace=$NS,pod!=\"\",interface!~\"lo|veth.*\"}[$RATE]))",
        ),
        absence: NO_NETWORK,
    },
    Signal {
        name: "network_out_bytes_per_s",
        request: "network",
        key: Key::Pod,
        formula: Formula::Sum(
            "sum by (pod) (rate(container_network_transmit_bytes_total{namespace=$NS,pod!=\"\",interface!~\"lo|veth.*\"}[$RATE]))",
        ),
        absence: NO_NETWORK,
    },
];

const STATE_SIGNALS: [Signal; 3] = [
    Signal {
        name: "restarts",
        request: "pod state",
        key: Key::Pod,
        formula: Formula::Sum(
            "sum by (pod) (increase(kube_pod_container_status_restarts_total{namespace=$NS}[$RATE]))",
        ),
        absence: Absence::Unobserved("kube_pod_container_status_restarts_total is absent"),
    },
    // A killed pod restarts nothing: another takes its place. Only pods whose namespace was watched before can be new.
    Signal {
        name: "pods_started",
        request: "pod state",
        key: Key::Pod,
        formula: Formula::Events {
            events: "count by (pod) ((kube_pod_owner{namespace=$NS} unless on (pod) kube_pod_owner{namespace=$NS} offset $RATE) \
                     and on (namespace) kube_pod_owner{namespace=$NS} offset $RATE)",
            among: "count by (pod) (kube_pod_owner{namespace=$NS})",
        },
        absence: Absence::Expected,
    },
    // A finished job is not ready either, and that is fine.
    Signal {
        name: "not_ready",
        request: "pod state",
        key: Key::Pod,
        formula: Formula::Sum(
            "sum by (pod) ((kube_pod_status_ready{namespace=$NS,condition=\"true\"} == bool 0) \
             unless on (pod) (kube_pod_status_phase{namespace=$NS,phase=\"Succeeded\"} == 1))",
        ),
        absence: Absence::Unobserved("kube_pod_status_ready is absent"),
    },
];
