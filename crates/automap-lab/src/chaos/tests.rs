//! Valid files, and invalid ones with their complete messages.

use std::time::Duration;

use super::*;
use crate::effect::{Effect, HttpMatch};

/// A document with `spec` as one line of YAML, hitting payment.
fn yaml(kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: chaos-mesh.org/v1alpha1\nkind: {kind}\nmetadata: {{name: x, namespace: sock-shop}}\n\
         spec: {{mode: all, selector: {{labelSelectors: {{name: payment}}}}, {spec}}}\n"
    )
}

fn one(kind: &str, spec: &str) -> Result<Experiment, ChaosError> {
    parse("f.yaml", &yaml(kind, spec)).map(|mut all| all.remove(0))
}

/// The rest of a message after file, document, kind and name.
fn problem(kind: &str, spec: &str) -> String {
    let error = one(kind, spec).unwrap_err().to_string();
    let place = format!("f.yaml, document 1 ({kind} x): ");
    error.strip_prefix(&place).unwrap_or_else(|| panic!("no place in: {error}")).to_owned()
}

fn planned(kind: &str, spec: &str) -> Result<InjectionPlan, String> {
    one(kind, spec).unwrap().plan_injection(&mut || 0).map_err(|e| e.to_string())
}

#[test]
fn every_supported_fault_becomes_its_effect() {
    let http = |path: &str| HttpMatch { path: path.to_owned(), method: None };
    let delay = Effect::NetworkDelay { latency_ms: 300.0, jitter_ms: 20.0, correlation_percent: 25.0, peers: None };
    let cases = [
        (
            "NetworkChaos",
            "action: delay, duration: 5m, delay: {latency: 300ms, jitter: 20ms, correlation: '25'}",
            delay,
        ),
        (
            "NetworkChaos",
            "action: loss, duration: 5m, loss: {loss: '30'}",
            Effect::NetworkLoss { loss_percent: 30.0, correlation_percent: 0.0, peers: None },
        ),
        ("NetworkChaos", "action: partition, duration: 5m", Effect::NetworkPartition { peers: None }),
        (
            "NetworkChaos",
            "action: bandwidth, duration: 5m, bandwidth: {rate: 1mbps, limit: 20000, buffer: 10000}",
            Effect::NetworkBandwidth { rate_bytes_per_s: 1_000_000, buffer_bytes: 10_000, peers: None },
        ),
        (
            "StressChaos",
            "duration: 5m, containerNames: [payment], stressors: {cpu: {workers: 2, load: 90}}",
            Effect::CpuStress { workers: 2, load_percent: 90.0 },
        ),
        (
            "StressChaos",
            "duration: 5m, stressors: {memory: {workers: 1, size: 256MiB}}",
            Effect::MemoryStress { workers: 1, size_bytes: 268_435_456 },
        ),
        (
            "HTTPChaos",
            "duration: 5m, target: Request, port: 80, path: '/pay*', abort: true",
            Effect::HttpAbort { matching: http("/pay*"), on_response: false },
        ),
        (
            "HTTPChaos",
            "duration: 5m, target: Response, port: 80, delay: 1.5s",
            Effect::HttpDelay { matching: http("*"), delay_ms: 1500.0, on_response: true },
        ),
    ];
    for (kind, spec, effect) in cases {
        let expected = InjectionStep::Apply { service: "payment", effect };
        assert_eq!(planned(kind, spec).unwrap().steps, [expected], "{kind} {spec}");
    }
}

#[test]
fn unsupported_fields_are_refused_by_name() {
    for (kind, spec, expected) in [
        (
            "NetworkChaos",
            "action: duplicate, duration: 5m",
            "spec.action: \"duplicate\" is not supported by the lab; supported here: delay, loss, corrupt, partition, bandwidth",
        ),
        (
            "NetworkChaos",
            "action: delay, duration: 5m, delay: {latency: 1s, reorder: {}}",
            "spec.delay.reorder: not supported by the lab; supported here: latency, jitter, correlation",
        ),
        (
            "NetworkChaos",
            "action: delay, delay: {latency: 1s}",
            "spec.duration: is required: without it the fault would never end by itself",
        ),
        ("NetworkChaos", "action: delay, duration: 5m", "spec.delay: is required"),
        (
            "NetworkChaos",
            "action: delay, duration: 5m, delay: {latency: soon}",
            "spec.delay.latency: \"soon\" is not a duration; write 300ms, 90s, 5m or 1h30m",
        ),
        (
            "NetworkChaos",
            "action: loss, duration: 5m, loss: {loss: 30}",
            "spec.loss.loss: expected a string, got 30; a cluster refuses it too (put it in quotes)",
        ),
        (
            "NetworkChaos",
            "action: partition, direction: both, duration: 5m",
            "spec.direction: from and both need a target",
        ),
        (
            "PodChaos",
            "action: pod-kill, duration: 5m",
            "spec.duration: a kill happens once and has no duration; leave it out",
        ),
        ("PodChaos", "action: pod-kill, gracePeriod: 30", "spec.gracePeriod: the lab kills at once; supported here: 0"),
        ("PodChaos", "action: container-kill", "spec.containerNames: is required with container-kill"),
        (
            "StressChaos",
            "duration: 5m, containerNames: [istio-proxy], stressors: {cpu: {workers: 1}}",
            "spec.containerNames: \"istio-proxy\" cannot be hit; the lab reaches the application, named like its Deployment",
        ),
        ("StressChaos", "duration: 5m, stressors: {}", "spec.stressors: names neither cpu nor memory"),
        (
            "StressChaos",
            "duration: 5m, stressors: {memory: {workers: 1, size: 25%}}",
            "spec.stressors.memory.size: \"25%\" is not a size (the lab takes no share of the memory); write 200MB or 256MiB",
        ),
        (
            "HTTPChaos",
            "duration: 5m, target: Request, port: 80",
            "spec.abort: needs exactly one of abort: true and delay",
        ),
        (
            "HTTPChaos",
            "duration: 5m, target: Request, port: 80, code: 500, abort: true",
            "spec.code: not supported by the lab; supported here: target, port, path, method, abort, delay, selector, \
             mode, value, duration",
        ),
    ] {
        assert_eq!(problem(kind, spec), expected, "{kind} {spec}");
    }
}

/// Corrupt packets are dropped by the receiver.
#[test]
fn corruption_is_loss() {
    let parsed = |spec: &str| parse("f.yaml", &yaml("NetworkChaos", spec)).unwrap().remove(0);
    let corrupt = parsed("action: corrupt, duration: 5m, corrupt: {corrupt: '20'}");
    let loss = parsed("action: loss, duration: 5m, loss: {loss: '20'}");
    assert_eq!((corrupt.action.as_str(), &corrupt.fault), ("corrupt", &loss.fault));
}

#[test]
fn documents_are_counted_and_other_kinds_refused() {
    let good = yaml("PodChaos", "action: pod-kill");
    let all = parse("f.yaml", &format!("{good}---\n{good}")).unwrap();
    assert_eq!(all.len(), 2);
    let error = parse("f.yaml", &format!("{good}---\n{}", yaml("TimeChaos", "duration: 5m"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "f.yaml, document 2: kind: \"TimeChaos\" is not supported by the lab; supported here: HTTPChaos, IOChaos, \
         NetworkChaos, PodChaos, StressChaos"
    );
    let error = parse("f.yaml", "apiVersion: v1\nkind: Pod\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "f.yaml, document 1: apiVersion: \"v1\" is not a Chaos Mesh experiment; expected chaos-mesh.org/v1alpha1, \
         or lab.automap/v1 for what is the lab's own"
    );
    assert_eq!(parse("f.yaml", "").unwrap_err().to_string(), "f.yaml: holds 0 documents; expected 1 to 100");
    assert!(parse("f.yaml", "a: [").unwrap_err().to_string().starts_with("f.yaml: is not valid YAML: "));
}

#[test]
fn direction_decides_whose_packets_are_affected() {
    let spec = |direction: &str| {
        format!(
            "action: partition, duration: 1m, direction: {direction}, \
             target: {{mode: all, selector: {{labelSelectors: {{name: orders}}}}}}"
        )
    };
    let cut = |service, peer: &str| InjectionStep::Apply {
        service,
        effect: Effect::NetworkPartition { peers: Some(vec![peer.to_owned()]) },
    };
    let (to, from) = (cut("payment", "orders"), cut("orders", "payment"));
    for (direction, orders) in [("to", vec![to.clone()]), ("from", vec![from.clone()]), ("both", vec![to, from])] {
        let resolved = planned("NetworkChaos", &spec(direction)).unwrap();
        assert_eq!(resolved.steps, orders, "{direction}");
        assert_eq!((resolved.targets, resolved.peers), (vec!["payment"], vec!["orders"]));
    }
}

#[test]
fn an_experiment_without_effect_is_refused() {
    let io = "action: latency, duration: 1m, delay: 100ms, volumePath: /data";
    assert!(planned("IOChaos", io).unwrap_err().starts_with("x: payment has no volume; pods with one: carts-db, "));
    let http = "duration: 5m, target: Request, port: 8080, abort: true";
    assert_eq!(planned("HTTPChaos", http).unwrap_err(), "x: payment serves HTTP on port 80");
    let kill = "action: container-kill, containerNames: [sidecar]";
    let message = "x: pod payment has no container \"sidecar\"; its containers are payment and istio-proxy";
    assert_eq!(planned("PodChaos", kill).unwrap_err(), message);
    let wrong_label = yaml("PodChaos", "action: pod-kill").replace("{name: payment}", "{app: payment}");
    let error = parse("f.yaml", &wrong_label).unwrap().remove(0).plan_injection(&mut || 0).unwrap_err().to_string();
    assert!(error.starts_with("x: spec.selector matches no pod, so nothing would be injected; "), "{error}");
}

#[test]
fn the_example_faults_are_all_usable() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("faults");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 15, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for experiment in parse(&file.display().to_string(), &text).unwrap() {
            assert_eq!(Some(experiment.name.as_str()), file.file_stem().and_then(|s| s.to_str()));
            assert!(!experiment.plan_injection(&mut || 0).unwrap().steps.is_empty());
            assert!(experiment.duration.is_none_or(|d| d <= Duration::from_secs(300)), "{file:?} takes too long");
        }
    }
}
