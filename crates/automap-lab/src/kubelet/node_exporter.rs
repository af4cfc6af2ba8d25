//! `/metrics/node/NAME`: what node_exporter would export about one node, with its names and labels. The values are those of the lab's model of a node.

use super::NodeReading;
use super::exposition::Exposition;

/// The kernel's share of the CPU time in use.
const SYSTEM_SHARE: f64 = 0.2;
const DEVICE: &str = "vda";
const FILE_SYSTEM_BYTES: f64 = 100e9;
const FILE_SYSTEM_USED_BYTES: f64 = 31e9;
/// Connections that a node always tracks, and the maximum that it can track.
const CONNECTIONS: f64 = 400.0;
const CONNECTIONS_MAX: f64 = 262_144.0;

/// The text for this node.
pub fn render(node: &NodeReading) -> String {
    let mut text = Exposition::default();
    cpu(&mut text, node);
    memory(&mut text, node);
    pressure(&mut text, node);
    disk(&mut text, node);
    network(&mut text, node);
    identity(&mut text, node);
    text.into_text()
}

fn gauge(text: &mut Exposition, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
    text.family(name, "gauge", help);
    text.sample(name, labels, value, None);
}

fn counter(text: &mut Exposition, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
    text.family(name, "counter", help);
    text.sample(name, labels, value, None);
}

fn cpu(text: &mut Exposition, node: &NodeReading) {
    let name = "node_cpu_seconds_total";
    text.family(name, "counter", "Seconds the CPUs spent in each mode.");
    let count = node.counters;
    let modes = [
        ("idle", count.cpu_idle_s),
        ("iowait", count.cpu_iowait_s),
        ("irq", 0.0),
        ("nice", 0.0),
        ("softirq", 0.0),
        ("steal", 0.0),
        ("system", count.cpu_busy_s * SYSTEM_SHARE),
        ("user", count.cpu_busy_s * (1.0 - SYSTEM_SHARE)),
    ];
    // The scheduler spreads the load evenly.
    for cpu in 0..node.cores as u32 {
        let cpu = cpu.to_string();
        for (mode, seconds) in modes {
            text.sample(name, &[("cpu", &cpu), ("mode", mode)], seconds / node.cores, None);
        }
    }
    gauge(text, "node_load1", "1m load average.", &[], count.load1);
}

fn memory(text: &mut Exposition, node: &NodeReading) {
    let total = node.memory_bytes as f64;
    let available = (total - node.memory_used_bytes as f64).max(0.0);
    let help = "Memory information field MemTotal_bytes.";
    gauge(text, "node_memory_MemTotal_bytes", help, &[], total);
    let help = "Memory information field MemAvailable_bytes.";
    gauge(text, "node_memory_MemAvailable_bytes", help, &[], available);
    let help = "/proc/vmstat information field oom_kill.";
    text.family("node_vmstat_oom_kill", "untyped", help);
    text.sample("node_vmstat_oom_kill", &[], node.counters.oom_kills as f64, None);
}

/// CPU time is never completely stalled: some thread always runs.
fn pressure(text: &mut Exposition, node: &NodeReading) {
    let count = node.counters;
    let waiting = [
        ("cpu", "CPU time", count.cpu_pressure_s),
        ("io", "IO congestion", count.disk_pressure_s),
        ("memory", "memory congestion", count.memory_pressure_s),
    ];
    for (resource, why, seconds) in waiting {
        let name = format!("node_pressure_{resource}_waiting_seconds_total");
        let help = format!("Total time in seconds that processes have waited for {why}");
        counter(text, &name, &help, &[], seconds);
    }
    for (resource, seconds) in [("io", count.disk_pressure_s), ("memory", count.memory_pressure_s)] {
        let name = format!("node_pressure_{resource}_stalled_seconds_total");
        let help = format!("Total time in seconds no process could make progress due to {resource} congestion");
        counter(text, &name, &help, &[], seconds);
    }
}

fn disk(text: &mut Exposition, node: &NodeReading) {
    let (device, busy_s) = ([("device", DEVICE)], node.counters.disk_busy_s);
    counter(text, "node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", &device, busy_s);
    let help = "The weighted # of seconds spent doing I/Os.";
    counter(text, "node_disk_io_time_weighted_seconds_total", help, &device, busy_s);
    let labels = [("device", "/dev/vda1"), ("fstype", "ext4"), ("mountpoint", "/")];
    let help = "Filesystem space available to non-root users in bytes.";
    gauge(text, "node_filesystem_avail_bytes", help, &labels, FILE_SYSTEM_BYTES - FILE_SYSTEM_USED_BYTES);
    gauge(text, "node_filesystem_size_bytes", "Filesystem size in bytes.", &labels, FILE_SYSTEM_BYTES);
}

fn network(text: &mut Exposition, node: &NodeReading) {
    let device = [("device", "eth0")];
    let directions = [("receive", node.counters.received_bytes), ("transmit", node.counters.sent_bytes)];
    for (direction, bytes) in directions {
        for (what, value) in [("bytes", bytes as f64), ("drop", 0.0), ("errs", 0.0)] {
            let name = format!("node_network_{direction}_{what}_total");
            counter(text, &name, &format!("Network device statistic {direction}_{what}."), &device, value);
        }
    }
    let help = "Number of currently allocated flow entries for connection tracking.";
    gauge(text, "node_nf_conntrack_entries", help, &[], CONNECTIONS);
    let help = "Maximum size of connection tracking table.";
    gauge(text, "node_nf_conntrack_entries_limit", help, &[], CONNECTIONS_MAX);
}

fn identity(text: &mut Exposition, node: &NodeReading) {
    let labels = [
        ("domainname", "(none)"),
        ("machine", "x86_64"),
        ("nodename", &*node.name),
        ("release", "6.8.0"),
        ("sysname", "Linux"),
        ("version", "#1 SMP"),
    ];
    let help = "Labeled system information as provided by the uname system call.";
    gauge(text, "node_uname_info", help, &labels, 1.0);
    gauge(text, "node_boot_time_seconds", "Node boot time, in unixtime.", &[], node.created_s.floor());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::NodeCounters;

    #[test]
    fn the_families_have_the_names_of_node_exporter() {
        let counters =
            NodeCounters { cpu_busy_s: 80.0, cpu_idle_s: 720.0, cpu_pressure_s: 3.5, ..NodeCounters::default() };
        let node = NodeReading { memory_used_bytes: 1 << 30, counters, ..NodeReading::new("node-2", 1000.5) };
        let text = render(&node);
        // 80 s on 8 cores, a fifth of it in the kernel: 8 s and 2 s for each.
        for line in [
            r#"node_cpu_seconds_total{cpu="7",mode="user"} 8"#,
            r#"node_cpu_seconds_total{cpu="0",mode="system"} 2"#,
            r#"node_cpu_seconds_total{cpu="3",mode="idle"} 90"#,
            "node_memory_MemAvailable_bytes 16106127360",
            "node_pressure_cpu_waiting_seconds_total 3.5",
            r##"node_uname_info{domainname="(none)",machine="x86_64",nodename="node-2",release="6.8.0",sysname="Linux",version="#1 SMP"} 1"##,
            "node_boot_time_seconds 1000",
        ] {
            assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
        }
        assert!(!text.contains("node_pressure_cpu_stalled"), "the kernel has none");
        // The text format has no other types; an unknown one fails the whole scrape.
        let kinds = text.lines().filter_map(|l| l.strip_prefix("# TYPE ")).filter_map(|l| l.split(' ').nth(1));
        assert!(kinds.clone().all(|k| ["counter", "gauge", "untyped"].contains(&k)), "{text}");
        assert!(kinds.count() > 20, "{text}");
    }
}
