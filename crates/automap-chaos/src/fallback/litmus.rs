//! Litmus: a ChaosResult is written when an experiment starts, and rewritten when it ends.

use serde_json::Value;

use super::polled::ActiveFault;
use crate::object::{self, text};

/// Most targets of one result that are read.
const MAX_TARGETS: usize = 1000;

/// The fault of one ChaosResult, while it is active: its phase is `Running`, or a target is `injected`.
pub fn fault(result: &Value) -> Option<ActiveFault> {
    let meta = object::meta(result, "ChaosResult")?;
    let targets: Vec<&Value> = result
        .pointer("/status/history/targets")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(MAX_TARGETS)
        .collect();
    let is_injected = targets.iter().any(|t| text(t, "/chaosStatus") == Some("injected"));
    let is_running = text(result, "/status/experimentStatus/phase") == Some("Running");
    if !is_injected && !is_running {
        return None;
    }
    let experiment = text(result, "/spec/experiment").unwrap_or_default();
    let mut services: Vec<String> = targets.iter().filter_map(|t| text(t, "/name")).map(ToOwned::to_owned).collect();
    services.sort_unstable();
    services.dedup();
    // A result is reused by the next run of the same engine, so its creation time does not belong to this one.
    Some(ActiveFault {
        id: format!("litmus/{}", meta.uid),
        kind: "Litmus".to_owned(),
        namespace: meta.namespace,
        name: meta.name,
        action: experiment.to_owned(),
        services,
        expected_metric: expected(experiment).map(ToOwned::to_owned),
        since: None,
        percent: None,
    })
}

fn expected(experiment: &str) -> Option<&'static str> {
    Some(match experiment {
        e if e.contains("cpu-hog") => "cpu",
        e if e.contains("memory-hog") => "memory",
        e if e.contains("network-latency") || e.contains("http-latency") || e.contains("network-loss") => "latency",
        e if e.contains("partition") || e.contains("status-code") || e.contains("dns") => "error",
        "pod-delete" | "container-kill" | "node-drain" => "lifecycle",
        _ => return None,
    })
}
