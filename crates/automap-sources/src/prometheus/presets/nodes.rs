//! Nodes: what node_exporter reports about a machine, and kube-state-metrics about a node.
//!
//! Machines are found by the address or the name of the nodes that our pods run on (`$HOSTS`, `$NODES`), which [`super::super::nodes`] fills in;
//! without placed pods nothing is queried. CPU pressure (PSI) is left out: even in the machine's own file, it includes time withheld by the limits
//! of single containers.

use super::{Absence, Exporter, Formula, Key, Signal};

/// Rows of node_exporter about our nodes: by address in `instance`, or by a label `node` where the scraper sets one.
macro_rules! machine {
    ($before:literal, $metric:literal, $matchers:expr, $after:literal) => {
        concat!(
            "(",
            concat!($before, $metric, "{instance=~\"$HOSTS\"", $matchers, "$CLUSTER}", $after),
            " or ",
            concat!($before, $metric, "{node=~\"$NODES\",instance!~\"$HOSTS\"", $matchers, "$CLUSTER}", $after),
            ")"
        )
    };
}

/// One value per machine, however many jobs scrape it.
macro_rules! by_host {
    ($value:expr) => {
        concat!(
            "max by (host, node) (label_replace(",
            $value,
            ", \"host\", \"$1\", \"instance\", \"(.+?)(:[0-9]+)?\"))"
        )
    };
}

/// Devices that are not disks of their own.
macro_rules! disks {
    () => {
        ",device!~\"(dm-|md|loop|ram|sr|zram|fd|nbd).*\""
    };
}

/// File systems that can fill up.
macro_rules! files {
    () => {
        ",fstype!~\"tmpfs|ramfs|overlay|squashfs|iso9660|erofs|devtmpfs|autofs|fuse.*|nfs.*|cifs\",mountpoint!~\"/(boot|snap|run|var/lib/(kubelet|docker|containerd))(/.*)?\""
    };
}

/// By pod and node; rows of the same container from two scrapers count once.
macro_rules! taken {
    ($before:literal, $metric:literal, $after:literal) => {
        concat!(
            "sum by (namespace, pod) (max by (namespace, pod, container, id, device, cpu) (",
            $before,
            $metric,
            "{namespace!=$NS,namespace!=\"\",container!=\"\",container!=\"POD\"}",
            $after,
            ")) * on (namespace, pod) group_left (node) max by (namespace, pod, node) (kube_pod_info{exported_namespace=\"\",node=~\"$NODES\"$CLUSTER} or \
             label_replace(label_replace(kube_pod_info{exported_namespace!=\"\",node=~\"$NODES\"$CLUSTER}, \"namespace\", \"$1\", \
             \"exported_namespace\", \"(.+)\"), \"pod\", \"$1\", \"exported_pod\", \"(.+)\"))"
        )
    };
}

pub(crate) const NODE_EXPORTER: Exporter = Exporter {
    preset: "nodes",
    title: "node_exporter",
    file: None,
    selector: r#"node_cpu_seconds_total{mode="idle"}"#,
    or_selectors: &[],
    unless: None,
    remark: None,
    anywhere: r#"node_cpu_seconds_total{mode="idle"}"#,
    service_label: "instance",
    namespace_label: "namespace",
    needs: None,
    quotes_names: false,
    covers: "processors, memory, disks and network of nodes",
    counts: None,
    by_label: None,
    signals: &MACHINE_SIGNALS,
    native: None,
    is_native: false,
    store: None,
    outside: None,
    callees: None,
};

pub(crate) const NODE_STATE: Exporter = Exporter {
    title: "kube-state-metrics of nodes",
    selector: "kube_node_status_condition",
    anywhere: "kube_node_status_condition",
    service_label: "node",
    covers: "readiness and pressure of nodes",
    signals: &STATE_SIGNALS,
    ..NODE_EXPORTER
};

const fn of_nodes(name: &'static str, value: &'static str) -> Signal {
    Signal { name, request: "nodes", key: Key::Node, formula: Formula::Sum(value), absence: Absence::Expected }
}

const MACHINE_SIGNALS: [Signal; 11] = [
    of_nodes(
        "cpu_used_ratio",
        by_host!(concat!(
            "avg by (instance, node) (sum by (instance, node, cpu) (max by (instance, node, cpu, mode) (",
            machine!("rate(", "node_cpu_seconds_total", ",mode!~\"idle|iowait\"", "[$RATE])"),
            ")))"
        )),
    ),
    of_nodes(
        "cpu_stolen_ratio",
        by_host!(concat!(
            "avg by (instance, node) (max by (instance, node, cpu) (",
            machine!("rate(", "node_cpu_seconds_total", ",mode=\"steal\"", "[$RATE])"),
            "))"
        )),
    ),
    of_nodes(
        "cpu_capacity_cores",
        by_host!(concat!(
            "count by (instance, node) (max by (instance, node, cpu) (",
            machine!("", "node_cpu_seconds_total", ",mode=\"idle\"", ""),
            "))"
        )),
    ),
    of_nodes(
        "memory_used_ratio",
        by_host!(concat!(
            "(1 - max by (instance, node) (",
            machine!("", "node_memory_MemAvailable_bytes", "", ""),
            ") / max by (instance, node) (",
            machine!("", "node_memory_MemTotal_bytes", "", ""),
            "))"
        )),
    ),
    of_nodes(
        "memory_waiting_ratio",
        by_host!(machine!("rate(", "node_pressure_memory_waiting_seconds_total", "", "[$RATE])")),
    ),
    of_nodes("disk_busy_ratio", by_host!(machine!("rate(", "node_disk_io_time_seconds_total", disks!(), "[$RATE])"))),
    of_nodes(
        "disk_waiting_ratio",
        by_host!(machine!("rate(", "node_pressure_io_waiting_seconds_total", "", "[$RATE])")),
    ),
    of_nodes(
        "disk_used_ratio",
        by_host!(concat!(
            "(1 - max by (instance, node, mountpoint) (",
            machine!("", "node_filesystem_avail_bytes", files!(), ""),
            ") / max by (instance, node, mountpoint) (",
            machine!("", "node_filesystem_size_bytes", files!(), ""),
            "))"
        )),
    ),
    of_nodes(
        "conntrack_used_ratio",
        by_host!(concat!(
            "(max by (instance, node) (",
            machine!("", "node_nf_conntrack_entries", "", ""),
            ") / max by (instance, node) (",
            machine!("", "node_nf_conntrack_entries_limit", "", ""),
            "))"
        )),
    ),
    of_nodes(
        "network_drops_per_s",
        by_host!(concat!(
            "sum by (instance, node) (max by (instance, node, device) (",
            machine!(
                "rate(",
                "node_network_receive_drop_total",
                ",device!~\"(lo|veth|cali|cni|docker|br-|flannel|lxc|tunl).*\"",
                "[$RATE])"
            ),
            "))"
        )),
    ),
    of_nodes("oom_kills", by_host!(machine!("increase(", "node_vmstat_oom_kill", "", "[$RATE])"))),
];

const STATE_SIGNALS: [Signal; 2] = [
    of_nodes(
        "not_ready",
        "(max by (node) (kube_node_status_condition{condition=\"Ready\",status=\"true\",node=~\"$NODES\"$CLUSTER}) == bool 0)",
    ),
    of_nodes(
        "under_pressure",
        "sum by (node) (max by (node, condition) \
         (kube_node_status_condition{condition=~\".+Pressure|NetworkUnavailable\",status=\"true\",node=~\"$NODES\"$CLUSTER}))",
    ),
];

/// Pods of the namespace with their nodes, over the whole window.
pub(crate) const PLACED: &str = "max by (pod, node, host_ip$AND_SCOPE) (last_over_time(kube_pod_info{namespace=$NS,exported_namespace=\"\",node!=\"\"$PODS}[$SPAN]) or \
     $EXPORTED_BEGIN\
     label_replace(last_over_time(kube_pod_info{exported_namespace=$NS,node!=\"\"$EXPORTED_PODS}[$SPAN]), \"pod\", \"$1\", \"exported_pod\", \"(.+)\")$EXPORTED_END)";

/// What pods of other namespaces use of the nodes `$NODES`: CPUs, bytes from and to disks, memory.
pub(crate) const TAKEN: [(&str, &str); 4] = [
    ("cpu_cores", taken!("rate(", "container_cpu_usage_seconds_total", "[$RATE])")),
    ("disk_read_bytes_per_s", taken!("rate(", "container_fs_reads_bytes_total", "[$RATE])")),
    ("disk_write_bytes_per_s", taken!("rate(", "container_fs_writes_bytes_total", "[$RATE])")),
    ("memory_bytes", taken!("", "container_memory_working_set_bytes", "")),
];
