//! The kinds of Chaos Mesh: one table that reader, ledger and scorecard share.

use serde_json::Value;

/// The API group.
pub const GROUP: &str = "chaos-mesh.org";
/// Its only version.
pub const VERSION: &str = "v1alpha1";

/// Kind and plural of everything that injects faults.
pub const EXPERIMENTS: [(&str, &str); 14] = [
    ("PodChaos", "podchaos"),
    ("NetworkChaos", "networkchaos"),
    ("StressChaos", "stresschaos"),
    ("HTTPChaos", "httpchaos"),
    ("IOChaos", "iochaos"),
    ("TimeChaos", "timechaos"),
    ("DNSChaos", "dnschaos"),
    ("JVMChaos", "jvmchaos"),
    ("KernelChaos", "kernelchaos"),
    ("BlockChaos", "blockchaos"),
    ("AWSChaos", "awschaos"),
    ("GCPChaos", "gcpchaos"),
    ("AzureChaos", "azurechaos"),
    ("PhysicalMachineChaos", "physicalmachinechaos"),
];

/// Kind and plural of objects that start experiments.
pub const PARENTS: [(&str, &str); 4] = [
    ("Schedule", "schedules"),
    ("Workflow", "workflows"),
    ("WorkflowNode", "workflownodes"),
    ("StatusCheck", "statuschecks"),
];

/// Actions that are done in an instant: their experiments stay "injected" for ever, without a recovery.
const ONE_SHOT: [(&str, &str); 5] = [
    ("PodChaos", "pod-kill"),
    ("PodChaos", "container-kill"),
    ("AWSChaos", "ec2-restart"),
    ("GCPChaos", "node-reset"),
    ("AzureChaos", "vm-restart"),
];

/// Whether a kind injects faults.
pub fn is_experiment(kind: &str) -> bool {
    EXPERIMENTS.iter().any(|(k, _)| *k == kind)
}

/// Whether a kind changes the system as operators do, so that automap sees a change.
pub fn is_change(kind: &str) -> bool {
    matches!(kind, "Release" | "ConfigChange" | "Scale")
}

/// Whether a kind hits machines rather than pods: the ids of its records are addresses or instances.
pub fn hits_machines(kind: &str) -> bool {
    matches!(kind, "AWSChaos" | "GCPChaos" | "AzureChaos" | "PhysicalMachineChaos")
}

/// Whether an action is done in an instant.
pub fn is_one_shot(kind: &str, action: &str) -> bool {
    ONE_SHOT.contains(&(kind, action))
}

/// The family of metrics that a fault moves first, at the service it hits (network faults: as seen by its callers). `None` if unknown.
pub fn expected_metric(kind: &str, action: &str) -> Option<&'static str> {
    Some(match (kind, action) {
        ("StressChaos", "memory") => "memory",
        ("StressChaos", _) => "cpu",
        ("PodChaos", _) | ("AWSChaos" | "GCPChaos" | "AzureChaos", _) => "lifecycle",
        ("NetworkChaos", "partition") | ("HTTPChaos" | "VirtualService", "abort") | ("DNSChaos", _) => "error",
        ("IOChaos", "fault" | "mistake") => "error",
        ("NetworkChaos" | "HTTPChaos" | "IOChaos" | "BlockChaos" | "VirtualService", _) => "latency",
        ("JVMChaos", "latency" | "gc") => "latency",
        ("JVMChaos", "exception") => "error",
        ("JVMChaos", "stress") => "cpu",
        ("Release", "fail") | ("Scale", _) => "error",
        ("Release", "leak") => "memory",
        ("StoreLock", _) => "lock waits",
        ("StoreConnections", _) => "connection slots",
        ("ConsumerStop", _) => "unconsumed queues",
        ("DNS", "fail") => "failed lookups",
        ("DNS", _) => "name lookups",
        ("Certificate", _) => "error",
        ("CacheFlush", _) => "latency",
        ("Release" | "ConfigChange" | "Traffic" | "Autoscaler" | "NodeStress" | "BatchJob", _) => "latency",
        _ => return None,
    })
}

/// How a fault does harm, in the words of the table of mechanisms. `None` if unknown.
pub fn mechanism(kind: &str, action: &str) -> Option<&'static str> {
    Some(match (kind, action) {
        ("StressChaos", "memory") => "memory",
        ("StressChaos", _) | ("JVMChaos", "stress") => "cpu",
        ("PodChaos", "pod-failure") => "outage",
        ("PodChaos", _) => "crash",
        ("NetworkChaos", "delay") => "network delay",
        ("NetworkChaos", "loss" | "corrupt") => "loss",
        ("NetworkChaos", "partition") => "partition",
        ("NetworkChaos", "bandwidth") => "bandwidth",
        ("IOChaos" | "BlockChaos", _) => "disk",
        ("HTTPChaos", "delay") => "slow code",
        ("HTTPChaos", _) => "errors",
        ("DNSChaos" | "DNS", _) => "dns",
        ("StoreLock", _) => "store locks",
        ("StoreConnections", _) => "store connections",
        ("ConsumerStop", _) => "queue",
        ("Certificate", _) => "certificate",
        ("CacheFlush", _) => "cold cache",
        ("Release", _) => "release",
        ("ConfigChange", _) => "config",
        ("Scale", _) => "scale",
        ("Autoscaler", _) => "autoscaler ceiling",
        ("Traffic", _) => "traffic",
        ("NodeStress", "disk") => "node disk",
        ("NodeStress", "memory") => "node memory",
        ("NodeStress", _) => "node cpu",
        ("BatchJob", _) => "noisy neighbour",
        ("CronJob", _) => "job",
        _ => return None,
    })
}

/// The words by which a report states a mechanism: the possible values of its `mechanism`, in lower case. They come from the table of mechanisms in
/// the docs, which lists each with its evidence. Empty: there is no word for it, as for the effect of a change, which is reported as the change.
///
/// A fault that is only visible from outside has the words of what is visible: an isolated service shows calls that fail, a container that is down
/// shows samples that stop.
pub fn words_for(mechanism: &str) -> &'static [&'static str] {
    match mechanism {
        "cpu" => &["cpu"],
        "memory" => &["memory", "restarts or not ready"],
        "outage" | "crash" => {
            &["restarts or not ready", "stopped reporting", "unreachable", "callers' requests to it fail"]
        }
        "network delay" | "bandwidth" => &["network", "slow as its callers see it"],
        "loss" => &["network", "callers' requests to it fail", "slow as its callers see it"],
        "partition" => &["network", "unreachable", "callers' requests to it fail", "slow as its callers see it"],
        "disk" => &["disk", "waiting for disks"],
        "slow code" => &["slow"],
        "errors" => &["failing", "callers' requests to it fail", "clients hung up"],
        "dns" => &["slow lookups", "failing lookups"],
        "store locks" => &["waiting for locks", "longest transaction"],
        "store connections" => &["connections exhausted"],
        "queue" => &["no consumers", "work piles up"],
        "certificate" => &["certificate"],
        "traffic" => &["traffic", "requests"],
        "node cpu" => &["cpu used", "cpu stolen", "cpu"],
        "node memory" => &["memory used", "waiting for memory", "memory"],
        "node disk" => &["disk busy", "waiting for disks", "disk"],
        "noisy neighbour" => &["cpu", "disk", "memory"],
        _ => &[],
    }
}

/// Whether the other end of such a fault is as good an answer as the end that was hit: additional users come through the gateway to the service
/// behind it, and a queue that is not emptied has a broker and a consumer.
pub fn is_told_by_either_end(kind: &str) -> bool {
    matches!(kind, "Traffic" | "ConsumerStop")
}

/// Whether a family of evidence fits a fault of the expected family. Latency of calls may show as the time between two sidecars, a starved CPU as
/// throttling.
pub fn speaks_of(family: &str, expected: &str) -> bool {
    family == expected || matches!((expected, family), ("latency", "network gap") | ("cpu", "throttle"))
}

/// Why a fault may have no effect, judging by its specification.
pub fn ineffective(kind: &str, action: &str, spec: &Value) -> Option<String> {
    /// TCP retransmits lost packets: up to this share the effect is hardly noticeable (chaos-mesh#3651).
    const WEAK_LOSS_PERCENT: f64 = 10.0;
    if (kind, action) == ("NetworkChaos", "duplicate") {
        return Some("sends packets twice: TCP discards the copies".to_owned());
    }
    if (kind, action) != ("NetworkChaos", "loss") {
        return None;
    }
    let percent = spec.pointer("/loss/loss")?;
    let percent = percent.as_f64().or_else(|| percent.as_str()?.trim_end_matches('%').parse().ok())?;
    let text = format!("loses {percent} % of packets: TCP repeats them, up to {WEAK_LOSS_PERCENT} % are hardly felt");
    (percent <= WEAK_LOSS_PERCENT).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kills_are_one_shot_and_failures_are_not() {
        assert!(is_one_shot("PodChaos", "pod-kill") && is_one_shot("PodChaos", "container-kill"));
        assert!(!is_one_shot("PodChaos", "pod-failure") && !is_one_shot("NetworkChaos", "delay"));
    }

    #[test]
    fn what_moves_first_is_known_for_most_and_never_guessed() {
        assert_eq!(expected_metric("StressChaos", "cpu+memory"), Some("cpu"));
        assert_eq!(expected_metric("NetworkChaos", "partition"), Some("error"));
        assert_eq!(expected_metric("TimeChaos", "skew"), None);
    }

    #[test]
    fn a_bad_release_is_told_from_a_slow_disk() {
        assert_eq!(
            (mechanism("Release", "slow"), expected_metric("Release", "leak")),
            (Some("release"), Some("memory"))
        );
        assert_eq!(
            (mechanism("NodeStress", "disk"), mechanism("BatchJob", "run")),
            (Some("node disk"), Some("noisy neighbour"))
        );
        assert_eq!((mechanism("IOChaos", "latency"), mechanism("TimeChaos", "skew")), (Some("disk"), None));
    }

    #[test]
    fn every_mechanism_has_words_or_is_told_by_its_change() {
        for (kind, action) in [
            ("StressChaos", "cpu"),
            ("StressChaos", "memory"),
            ("PodChaos", "pod-kill"),
            ("PodChaos", "pod-failure"),
            ("NetworkChaos", "delay"),
            ("NetworkChaos", "loss"),
            ("NetworkChaos", "partition"),
            ("NetworkChaos", "bandwidth"),
            ("IOChaos", "latency"),
            ("HTTPChaos", "delay"),
            ("HTTPChaos", "abort"),
            ("DNS", "slow"),
            ("StoreLock", "hold"),
            ("StoreConnections", "exhaust"),
            ("ConsumerStop", "stop"),
            ("Certificate", "expire"),
            ("Traffic", "surge"),
            ("NodeStress", "cpu"),
            ("NodeStress", "memory"),
            ("NodeStress", "disk"),
            ("BatchJob", "run"),
        ] {
            assert!(!words_for(mechanism(kind, action).unwrap()).is_empty(), "{kind} {action}");
        }
        assert!(words_for(mechanism("Release", "slow").unwrap()).is_empty() && is_change("Release"));
    }

    #[test]
    fn small_losses_are_weak() {
        let of = |loss: Value| ineffective("NetworkChaos", "loss", &json!({"loss": {"loss": loss}})).is_some();
        assert_eq!((of(json!("10")), of(json!("30")), of(json!(5))), (true, false, true));
    }
}
