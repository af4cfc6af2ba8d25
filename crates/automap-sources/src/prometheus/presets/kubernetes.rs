//! Signals of pods from the kubelet's cAdvisor and from kube-state-metrics.
//!
//! cAdvisor has a row for every container, one for the pause container and one for the pod as a whole (empty `container`): summing all of them counts
//! two or three times. The network belongs to the pod, whatever its row's name.
//!
//! Two jobs, or two replicas of Prometheus or of kube-state-metrics, may deliver the same row. So rows are first reduced to one per pod and container
//! (`max by`), and only then summed. If a scraper does not honour labels, its own `namespace`, `pod` and `container` replace those of the workload,
//! which are called `exported_…`; every expression matches both forms.

use super::{Absence, Exporter, Formula, Key, Signal};

/// Rows of a service's own containers. Either only `namespace` or all labels may be exported ones.
macro_rules! containers {
    ($before:literal, $metric:literal, $after:literal) => {
        concat!(
            "(",
            concat!($before, $metric, "{$APP}", $after),
            " or $EXPORTED_BEGIN",
            concat!($before, $metric, "{$APP_EXPORTED_NAMESPACE}", $after),
            "$EXPORTED_END or ($EXPORTED_BEGIN",
            "label_replace(label_replace(",
            concat!($before, $metric, "{$APP_EXPORTED}", $after),
            ", \"pod\", \"$1\", \"exported_pod\", \"(.+)\"), \"container\", \"$1\", \"exported_container\", \"(.+)\")",
            "$EXPORTED_END))"
        )
    };
}

/// Growth per second of a container counter: one row for all scrapers, summed by pod.
macro_rules! rate {
    ($metric:literal, $inner:literal, $by:literal) => {
        concat!(
            "sum by (pod$AND_SCOPE) (max by (pod, ",
            $by,
            "$AND_SCOPE) (",
            $inner,
            containers!("rate(", $metric, "[$RATE])"),
            "))"
        )
    };
}

/// The same for a counter of a pod's network.
macro_rules! interfaces {
    ($metric:literal) => {
        concat!(
            "sum by (pod$AND_SCOPE) (max by (pod, interface$AND_SCOPE) (rate(",
            $metric,
            "{namespace=$NS,exported_namespace=\"\",$INTERFACE$PODS}[$RATE]) or ($EXPORTED_BEGIN",
            "label_replace(rate(",
            $metric,
            "{exported_namespace=$NS,$INTERFACE$EXPORTED_PODS}[$RATE]), \"pod\", \"$1\", \"exported_pod\", \"(.+)\")$EXPORTED_END)))"
        )
    };
}

/// Rows of kube-state-metrics.
macro_rules! state {
    ($before:literal, $metric:literal, $matchers:literal, $after:literal) => {
        concat!(
            "(",
            concat!($before, $metric, "{namespace=$NS,exported_namespace=\"\"$PODS", $matchers, "}", $after),
            " or ($EXPORTED_BEGIN",
            "label_replace(label_replace(",
            concat!($before, $metric, "{exported_namespace=$NS$EXPORTED_PODS", $matchers, "}", $after),
            ", \"pod\", \"$1\", \"exported_pod\", \"(.+)\"), \"container\", \"$1\", \"exported_container\", \"(.+)\")",
            "$EXPORTED_END))"
        )
    };
}

/// Pods that serve requests, as opposed to those of jobs, which come and go.
macro_rules! servers {
    ($offset:literal) => {
        concat!("group by (pod$AND_SCOPE) (", state!("", "kube_pod_owner", ",owner_kind!=\"Job\"", $offset), ")")
    };
}

pub(super) const CADVISOR: Exporter = Exporter {
    preset: "kubernetes-resources",
    title: "cAdvisor",
    file: None,
    selector: r#"container_cpu_usage_seconds_total{namespace=$NS,exported_namespace="",container!=""}"#,
    or_selectors: &[r#"container_cpu_usage_seconds_total{exported_namespace=$NS,container!=""}"#],
    unless: None,
    remark: None,
    anywhere: r#"container_cpu_usage_seconds_total{container!=""}"#,
    service_label: "pod",
    namespace_label: "namespace",
    needs: None,
    quotes_names: false,
    covers: "cpu, memory, disk and network of containers",
    counts: None,
    by_label: None,
    signals: &CADVISOR_SIGNALS,
    native: None,
    is_native: false,
    store: None,
    outside: None,
    callees: None,
};

/// Some container runtimes (cri-dockerd: kubernetes#111077) have only rows of pods.
pub(super) const CADVISOR_PODS: Exporter = Exporter {
    title: "cAdvisor without containers",
    selector: "container_cpu_usage_seconds_total{$POD_ROW}",
    or_selectors: &[],
    unless: Some(r#"container_cpu_usage_seconds_total{namespace=$NS,container!=""}"#),
    remark: Some(
        "cAdvisor's series lack the label container, as with cri-dockerd: CPU, memory and disks are those of whole pods, \
         side-cars included",
    ),
    anywhere: r#"container_cpu_usage_seconds_total{pod!=""}"#,
    signals: &POD_ROW_SIGNALS,
    ..CADVISOR
};

pub(super) const STATE_METRICS: Exporter = Exporter {
    preset: "kubernetes-resources",
    title: "kube-state-metrics",
    file: None,
    selector: r#"kube_pod_owner{namespace=$NS,exported_namespace=""}"#,
    or_selectors: &["kube_pod_owner{exported_namespace=$NS}"],
    unless: None,
    remark: None,
    anywhere: "kube_pod_owner",
    service_label: "pod",
    namespace_label: "namespace",
    needs: None,
    quotes_names: false,
    covers: "restarts and readiness of pods",
    counts: None,
    by_label: None,
    signals: &STATE_SIGNALS,
    native: None,
    is_native: false,
    store: None,
    outside: None,
    callees: None,
};

/// Pods and replica sets with their owners, over the whole window, since pods end. Part 0: pods, part 1: replica sets.
pub(crate) const OWNERS: [&str; 2] = [
    concat!(
        "max by (pod, owner_kind, owner_name$AND_SCOPE) (",
        state!("last_over_time(", "kube_pod_owner", "", "[$SPAN])"),
        ")"
    ),
    concat!(
        "max by (replicaset, owner_kind, owner_name$AND_SCOPE) (",
        "last_over_time(kube_replicaset_owner{namespace=$NS,exported_namespace=\"\"$SETS}[$SPAN]) or $EXPORTED_BEGIN\
         last_over_time(kube_replicaset_owner{exported_namespace=$NS$SETS}[$SPAN])$EXPORTED_END",
        ")"
    ),
];

/// The node of each pod, and the images in each pod.
pub(crate) const PODS_NODES: &str =
    concat!("max by (pod, node) (", state!("last_over_time(", "kube_pod_info", ",node!=\"\"", "[$SPAN])"), ")");
pub(crate) const PODS_IMAGES: &str = concat!(
    "group by (pod, container, image) (",
    state!("last_over_time(", "kube_pod_container_info", ",container!~\"$PROXIES\"", "[$SPAN])"),
    ")"
);
/// The zones of nodes: from their labels, which kube-state-metrics exports if allowed, and from their provider's id.
pub(crate) const NODES_ZONES: [&str; 2] = [
    "group by (node, label_topology_kubernetes_io_zone, label_failure_domain_beta_kubernetes_io_zone) \
     (kube_node_labels{node!=\"\"$CLUSTER})",
    "group by (node, provider_id) (kube_node_info{provider_id!=\"\"$CLUSTER})",
];

/// cAdvisor does not report disks for many runtimes (cadvisor#2560, #3047; containerd#9690).
const NO_DISK: Absence =
    Absence::Unobserved("container_fs_* is absent: no container touched a disk, or this runtime does not tell");
const NO_NETWORK: Absence = Absence::Unobserved("container_network_* is absent for these pods");
const NO_CPU: Absence = Absence::Unobserved("container_cpu_usage_seconds_total is absent");
const NO_MEMORY: Absence = Absence::Unobserved("container_memory_working_set_bytes is absent");

/// The gauge of a dead container stays visible for five minutes; its CPU counter has no sample in the window. `id` distinguishes a restarted
/// container from the previous one.
const MEMORY: &str = concat!(
    "sum by (pod$AND_SCOPE) (max by (pod, container$AND_SCOPE) (",
    containers!("", "container_memory_working_set_bytes", ""),
    " and on (pod, container, id$AND_SCOPE) ",
    containers!("count_over_time(", "container_cpu_usage_seconds_total", "[$RATE])"),
    "))"
);
const POD_ROW_MEMORY: &str = "max by (pod$AND_SCOPE) (container_memory_working_set_bytes{$POD_ROW} and on (pod, id$AND_SCOPE) \
                              count_over_time(container_cpu_usage_seconds_total{$POD_ROW}[$RATE]))";

const NETWORK: [Signal; 2] = [
    of_pods("network_in_bytes_per_s", "network", interfaces!("container_network_receive_bytes_total"), NO_NETWORK),
    of_pods("network_out_bytes_per_s", "network", interfaces!("container_network_transmit_bytes_total"), NO_NETWORK),
];

const CADVISOR_SIGNALS: [Signal; 8] = [
    of_pods("cpu_cores", "cpu", rate!("container_cpu_usage_seconds_total", "sum without (cpu) ", "container"), NO_CPU),
    // A saturated sidecar is a cause of its own.
    of_pods(
        "proxy_cpu_cores",
        "cpu",
        "sum by (pod$AND_SCOPE) (max by (pod, container$AND_SCOPE) (sum without (cpu) \
         (rate(container_cpu_usage_seconds_total{namespace=$NS,container=~\"$PROXIES\"$PODS}[$RATE]))))",
        Absence::Expected,
    ),
    Signal {
        name: "cpu_throttled_ratio",
        request: "throttling",
        key: Key::Pod,
        formula: Formula::Share {
            part: rate!("container_cpu_cfs_throttled_periods_total", "", "container"),
            whole: rate!("container_cpu_cfs_periods_total", "", "container"),
        },
        absence: Absence::Unobserved("container_cpu_cfs_* is absent: no container has a CPU limit"),
    },
    of_pods("memory_bytes", "memory", MEMORY, NO_MEMORY),
    of_pods("disk_read_bytes_per_s", "disk", rate!("container_fs_reads_bytes_total", "", "container, device"), NO_DISK),
    of_pods(
        "disk_write_bytes_per_s",
        "disk",
        rate!("container_fs_writes_bytes_total", "", "container, device"),
        NO_DISK,
    ),
    NETWORK[0],
    NETWORK[1],
];

const POD_ROW_SIGNALS: [Signal; 6] = [
    of_pods(
        "cpu_cores",
        "cpu",
        "max by (pod$AND_SCOPE) (sum without (cpu) (rate(container_cpu_usage_seconds_total{$POD_ROW}[$RATE])))",
        NO_CPU,
    ),
    of_pods("memory_bytes", "memory", POD_ROW_MEMORY, NO_MEMORY),
    of_pods(
        "disk_read_bytes_per_s",
        "disk",
        "sum by (pod$AND_SCOPE) (max by (pod, device$AND_SCOPE) (rate(container_fs_reads_bytes_total{$POD_ROW}[$RATE])))",
        NO_DISK,
    ),
    of_pods(
        "disk_write_bytes_per_s",
        "disk",
        "sum by (pod$AND_SCOPE) (max by (pod, device$AND_SCOPE) (rate(container_fs_writes_bytes_total{$POD_ROW}[$RATE])))",
        NO_DISK,
    ),
    NETWORK[0],
    NETWORK[1],
];

const STATE_SIGNALS: [Signal; 3] = [
    of_pods(
        "restarts",
        "pod state",
        concat!(
            "sum by (pod$AND_SCOPE) (max by (pod, container$AND_SCOPE) (",
            state!("increase(", "kube_pod_container_status_restarts_total", "", "[$RATE])"),
            "))"
        ),
        Absence::Unobserved("kube_pod_container_status_restarts_total is absent"),
    ),
    // A killed pod is not restarted but replaced. Only pods whose namespace was observed before can be new.
    Signal {
        name: "pods_started",
        request: "pod state",
        key: Key::Pod,
        formula: Formula::Events {
            events: concat!(
                "((",
                servers!(""),
                " unless on (pod$AND_SCOPE) ",
                servers!(" offset $RATE"),
                ") and on () group (",
                servers!(" offset $RATE"),
                "))"
            ),
            among: servers!(""),
        },
        absence: Absence::Expected,
    },
    // A leftover pod, evicted or finished, is not ready either, which is no fault: another one serves in its place.
    of_pods(
        "not_ready",
        "pod state",
        concat!(
            "sum by (pod$AND_SCOPE) ((max by (pod$AND_SCOPE) (",
            state!("", "kube_pod_status_ready", ",condition=\"true\"", ""),
            ") == bool 0) unless on (pod$AND_SCOPE) (",
            state!("", "kube_pod_status_phase", ",phase=~\"Succeeded|Failed\"", ""),
            " == 1) unless on (pod$AND_SCOPE) ",
            state!("", "kube_pod_owner", ",owner_kind=\"Job\"", ""),
            ")"
        ),
        Absence::Unobserved("kube_pod_status_ready is absent"),
    ),
];

const fn of_pods(name: &'static str, request: &'static str, sum: &'static str, absence: Absence) -> Signal {
    Signal { name, request, key: Key::Pod, formula: Formula::Sum(sum), absence }
}
