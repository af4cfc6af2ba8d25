//! Names that are not in automap's own table: those of public data sets (`latency-90`, `mem`, `disk-read`, `availability`) and of tables that
//! users write. The meaning is read from the words of the name; an unknown name becomes a family of its own.

use super::{Family, Metric, Side, Unit};

/// The meaning of a name, from its words.
pub(super) fn metric(name: &str) -> Metric {
    let is_availability =
        !name.contains("error") && (name.starts_with("avail") || name.contains("success")) && !is_count(name);
    Metric {
        name: name.to_owned(),
        family: family(name, is_availability),
        side: side(name),
        unit: unit(name),
        is_availability,
    }
}

/// Whether a name denotes a count: the successes of `success_count` and `requests_success_rps` are not a share.
fn is_count(name: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    has(&["count", "total", "rps", "per_s", "successes"]) && !has(&["ratio", "rate", "percent"])
}

fn side(name: &str) -> Side {
    match name {
        n if n.starts_with("client") || n.starts_with("tcp_") => Side::Client,
        n if n.starts_with("served") => Side::Served,
        n if n.starts_with("entry") => Side::Outside,
        _ => Side::Own,
    }
}

fn family(name: &str, is_availability: bool) -> Family {
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    let starts = |words: &[&str]| words.iter().any(|w| name.starts_with(w));
    if has(&["latency"]) {
        Family::Latency
    } else if has(&["error"]) || starts(&["tcp_failures"]) || is_availability {
        Family::Error
    } else if has(&["workload", "throughput"]) {
        Family::Throughput
    } else if starts(&["cpu_throttled"]) {
        Family::Throttle
    } else if name == "cpu" {
        Family::Cpu
    } else if ["mem", "mem-delta"].contains(&name) || starts(&["memory"]) {
        Family::Memory
    } else if starts(&["net-", "network_"]) {
        Family::Network
    } else if starts(&["disk", "fs"]) {
        Family::Disk
    } else if starts(&["syscall-"]) {
        Family::Syscall
    } else {
        Family::Other(name.to_owned())
    }
}

/// The unit according to the end of the name.
pub(super) fn unit(name: &str) -> Unit {
    const SUFFIXES: [(&str, Unit); 7] = [
        ("_bytes_per_s", Unit::BytesPerS),
        ("_per_s", Unit::PerS),
        ("_rps", Unit::PerS),
        ("_ms", Unit::Ms),
        ("_ratio", Unit::Ratio),
        ("_bytes", Unit::Bytes),
        ("_cores", Unit::Cores),
    ];
    SUFFIXES.iter().find(|(end, _)| name.ends_with(end)).map_or(Unit::Unknown, |(_, unit)| *unit)
}
