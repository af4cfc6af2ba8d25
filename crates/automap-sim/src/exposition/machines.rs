//! What node_exporter reports about machines. The usage of a machine's CPUs is spread evenly over them.

use super::family::{Family, Rows};
use super::world::{Row, World, address, labels};

/// Families of machines.
pub(super) static FAMILIES: [Family; 2] = [
    Family { name: "node_cpu_seconds", kind: "counter", rows: Rows::Nodes(processors) },
    Family { name: "node_disk_io_time_seconds", kind: "counter", rows: Rows::Nodes(disk) },
];

fn processors(world: &World<'_>, n: usize) -> Vec<Row> {
    let (cores, instance) = (world.plan.nodes[n], instance(n));
    let mut rows = Vec::new();
    for cpu in 0..cores as usize {
        let of_mode =
            |mode: &str| ("_total", labels(&[("instance", &instance), ("cpu", &cpu.to_string()), ("mode", mode)]));
        rows.push(world.row_of_node(n, of_mode("user"), &|s| s.cpu_s / cores));
        rows.push(world.row_of_node(n, of_mode("idle"), &|s| (s.at_s - s.cpu_s / cores).max(0.0)));
    }
    rows
}

fn disk(world: &World<'_>, n: usize) -> Vec<Row> {
    let labels = labels(&[("instance", &instance(n)), ("device", "sda")]);
    vec![world.row_of_node(n, ("_total", labels), &|s| s.disk_s)]
}

fn instance(n: usize) -> String {
    format!("{}:9100", address(n))
}
