//! From YAML to checked experiments. One function per kind; each says which fields it supports and what Chaos Mesh's
//! own admission would refuse.

use serde_json::Value;

use super::experiment::{Direction, Experiment, Fault, Mode, Peer, Selector};
use super::fields::{ChaosError, Fields};
use super::quantity;
use crate::effect::{Effect, HttpMatch};
use crate::plan;

/// The kinds that the lab makes real.
pub const KINDS: [&str; 5] = ["HTTPChaos", "IOChaos", "NetworkChaos", "PodChaos", "StressChaos"];

const API_VERSION: &str = "chaos-mesh.org/v1alpha1";
const FILE_BYTES_MAX: usize = 256 * 1024;
const DOCUMENTS_MAX: usize = 100;
const NAME_BYTES_MAX: usize = 253;
const WORKERS_MAX: u64 = 8;

/// Reads every document of a file. `file` is only used in messages.
///
/// # Errors
/// Names file, document and field, and what would be supported.
pub fn parse(file: &str, yaml: &str) -> Result<Vec<Experiment>, ChaosError> {
    let fail = |problem: String| ChaosError::File { file: file.to_owned(), problem };
    if yaml.len() > FILE_BYTES_MAX {
        return Err(fail(format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(yaml).map_err(|e| fail(format!("is not valid YAML: {}", e.without_snippet())))?;
    let documents: Vec<&Value> = documents.iter().filter(|d| !d.is_null()).collect();
    if documents.is_empty() || documents.len() > DOCUMENTS_MAX {
        return Err(fail(format!("holds {} documents; expected 1 to {DOCUMENTS_MAX}", documents.len())));
    }
    let number = |(i, value): (usize, &&Value)| document(&format!("{file}, document {}", i + 1), value);
    documents.iter().enumerate().map(number).collect()
}

fn document(place: &str, value: &Value) -> Result<Experiment, ChaosError> {
    let root = Fields::root(place, value)?;
    let api_version = root.text("apiVersion")?;
    if api_version != API_VERSION {
        return Err(
            root.wrong("apiVersion", format!("{api_version:?} is not a Chaos Mesh experiment; expected {API_VERSION}"))
        );
    }
    let kind = root.word("kind", &KINDS.map(|k| (k, k)), None)?;
    let metadata = root.object("metadata", "metadata")?;
    let name = metadata.text("name")?;
    if !is_kubernetes_name(name) {
        return Err(metadata.wrong("name", format!("{name:?} is not a name that Kubernetes takes: a-z, 0-9, - and .")));
    }
    let place = format!("{place} ({kind} {name})");
    let (root, metadata) = (root.of_document(&place), metadata.of_document(&place));
    root.only(&["apiVersion", "kind", "metadata", "spec"])?;
    metadata.only(&["name", "namespace", "labels", "annotations"])?;
    let namespace = metadata.text_opt("namespace")?.unwrap_or(plan::NAMESPACE);
    let spec = root.object("spec", "spec")?;
    let (action, fault) = match kind {
        "NetworkChaos" => network(&spec)?,
        "PodChaos" => pod(&spec)?,
        "StressChaos" => stress(&spec)?,
        "IOChaos" => io(&spec)?,
        _ => http(&spec)?,
    };
    let mut selector = selector(&spec, "spec.selector")?;
    if selector.namespaces.is_empty() {
        selector.namespaces.push(namespace.to_owned());
    }
    let duration = duration(&spec, &fault)?;
    let echo = value.get("spec").cloned().unwrap_or_default();
    Ok(Experiment { kind, action, name: name.to_owned(), selector, mode: mode(&spec)?, duration, fault, spec: echo })
}

fn is_kubernetes_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}

fn duration(spec: &Fields, fault: &Fault) -> Result<Option<std::time::Duration>, ChaosError> {
    let duration = spec.read_opt("duration", quantity::duration)?;
    match (duration, fault.is_one_shot()) {
        (Some(_), true) => Err(spec.wrong("duration", "a kill happens once and has no duration; leave it out")),
        (None, false) => {
            Err(spec.wrong("duration", "is required: without it the fault would last until somebody deletes it"))
        }
        (Some(d), false) if d.is_zero() => Err(spec.wrong("duration", "must be longer than nothing")),
        (duration, _) => Ok(duration),
    }
}

const COMMON: [&str; 4] = ["selector", "mode", "value", "duration"];

fn only(spec: &Fields, own: &[&str]) -> Result<(), ChaosError> {
    let supported: Vec<&str> = own.iter().chain(&COMMON).copied().collect();
    spec.only(&supported)
}

fn selector(parent: &Fields, path: &str) -> Result<Selector, ChaosError> {
    let selector = parent.object("selector", path)?;
    selector.only(&["namespaces", "labelSelectors"])?;
    Ok(Selector { namespaces: selector.texts("namespaces")?, labels: selector.pairs("labelSelectors")? })
}

fn mode(parent: &Fields) -> Result<Mode, ChaosError> {
    let needs_value = |key: &str| parent.wrong("value", format!("is required with mode {key}"));
    let word =
        parent.word("mode", &["one", "all", "fixed", "fixed-percent", "random-max-percent"].map(|w| (w, w)), None)?;
    let share = || parent.read_opt("value", quantity::percent)?.ok_or_else(|| needs_value(word));
    match word {
        "one" | "all" if parent.has("value") => Err(parent.wrong("value", format!("has no meaning with mode {word}"))),
        "one" => Ok(Mode::One),
        "all" => Ok(Mode::All),
        "fixed" => {
            let text = parent.text_opt("value")?.ok_or_else(|| needs_value(word))?;
            let count = text.parse().ok().filter(|n| *n > 0);
            count.map(Mode::Fixed).ok_or_else(|| parent.wrong("value", format!("{text:?} is not a number of pods")))
        }
        "fixed-percent" => Ok(Mode::FixedPercent(share()?)),
        _ => Ok(Mode::RandomMaxPercent(share()?)),
    }
}

fn network(spec: &Fields) -> Result<(String, Fault), ChaosError> {
    let actions = ["delay", "loss", "partition", "bandwidth"];
    let action = spec.word("action", &actions.map(|a| (a, a)), None)?;
    // A partition has no parameters; the others have a mapping named like the action.
    let parameters = if action == "partition" { "action" } else { action };
    only(spec, &["action", "direction", "target", parameters])?;
    let directions = [("to", Direction::To), ("from", Direction::From), ("both", Direction::Both)];
    let direction = spec.word("direction", &directions, Some(Direction::To))?;
    let target = peer(spec)?;
    if direction != Direction::To && target.is_none() {
        return Err(spec.wrong("direction", "from and both need a target"));
    }
    let effect = match action {
        "delay" => delay(&spec.object("delay", "spec.delay")?)?,
        "loss" => loss(&spec.object("loss", "spec.loss")?)?,
        "partition" => Effect::NetworkPartition { peers: None },
        _ => bandwidth(&spec.object("bandwidth", "spec.bandwidth")?)?,
    };
    Ok((action.to_owned(), Fault::Network { effect, direction, target }))
}

fn peer(spec: &Fields) -> Result<Option<Peer>, ChaosError> {
    let Some(target) = spec.object_opt("target", "spec.target")? else { return Ok(None) };
    target.only(&["mode", "value", "selector"])?;
    Ok(Some(Peer { selector: selector(&target, "spec.target.selector")?, mode: mode(&target)? }))
}

fn delay(delay: &Fields) -> Result<Effect, ChaosError> {
    delay.only(&["latency", "jitter", "correlation"])?;
    Ok(Effect::NetworkDelay {
        latency_ms: delay.read("latency", quantity::duration)?.as_secs_f64() * 1e3,
        jitter_ms: delay.read_opt("jitter", quantity::duration)?.unwrap_or_default().as_secs_f64() * 1e3,
        correlation_percent: delay.read_opt("correlation", quantity::percent)?.unwrap_or_default(),
        peers: None,
    })
}

fn loss(loss: &Fields) -> Result<Effect, ChaosError> {
    loss.only(&["loss", "correlation"])?;
    Ok(Effect::NetworkLoss {
        loss_percent: loss.read("loss", quantity::percent)?,
        correlation_percent: loss.read_opt("correlation", quantity::percent)?.unwrap_or_default(),
        peers: None,
    })
}

fn bandwidth(bandwidth: &Fields) -> Result<Effect, ChaosError> {
    bandwidth.only(&["rate", "buffer", "limit"])?;
    let required = |key: &str| {
        let number = bandwidth.whole_opt(key)?.filter(|n| *n > 0);
        number.ok_or_else(|| bandwidth.wrong(key, "is required: a number of bytes, like 10000"))
    };
    // The queue's limit is checked, as a cluster checks it, but the lab's queue holds whatever its peers may send.
    required("limit")?;
    Ok(Effect::NetworkBandwidth {
        rate_bytes_per_s: bandwidth.read("rate", quantity::rate_bytes_per_s)?,
        buffer_bytes: required("buffer")?,
        peers: None,
    })
}

fn pod(spec: &Fields) -> Result<(String, Fault), ChaosError> {
    let action = spec.word("action", &["pod-kill", "pod-failure", "container-kill"].map(|a| (a, a)), None)?;
    let fault = match action {
        "pod-kill" => {
            only(spec, &["action", "gracePeriod"])?;
            if spec.whole_opt("gracePeriod")?.is_some_and(|s| s > 0) {
                return Err(spec.wrong("gracePeriod", "the lab kills at once; supported here: 0"));
            }
            Fault::PodKill
        }
        "pod-failure" => {
            only(spec, &["action"])?;
            Fault::PodFailure
        }
        _ => {
            only(spec, &["action", "containerNames"])?;
            let containers = spec.texts("containerNames")?;
            if containers.is_empty() {
                return Err(spec.wrong("containerNames", "is required with container-kill"));
            }
            Fault::ContainerKill { containers }
        }
    };
    Ok((action.to_owned(), fault))
}

fn stress(spec: &Fields) -> Result<(String, Fault), ChaosError> {
    only(spec, &["stressors", "containerNames"])?;
    application_container(spec)?;
    let stressors = spec.object("stressors", "spec.stressors")?;
    stressors.only(&["cpu", "memory"])?;
    let (mut actions, mut effects) = (Vec::new(), Vec::new());
    if let Some(cpu) = stressors.object_opt("cpu", "spec.stressors.cpu")? {
        cpu.only(&["workers", "load"])?;
        let load = cpu.whole_opt("load")?.unwrap_or(100);
        if load > 100 {
            return Err(cpu.wrong("load", format!("{load} is not a percentage from 0 to 100")));
        }
        actions.push("cpu");
        effects.push(Effect::CpuStress { workers: workers(&cpu)?, load_percent: load as f64 });
    }
    if let Some(memory) = stressors.object_opt("memory", "spec.stressors.memory")? {
        memory.only(&["workers", "size"])?;
        actions.push("memory");
        effects.push(Effect::MemoryStress {
            workers: workers(&memory)?,
            size_bytes: memory.read("size", quantity::size_bytes)?,
        });
    }
    if effects.is_empty() {
        return Err(spec.wrong("stressors", "names neither cpu nor memory"));
    }
    Ok((actions.join("+"), Fault::Application { effects }))
}

fn workers(stressor: &Fields) -> Result<u32, ChaosError> {
    let workers = stressor.whole_opt("workers")?.filter(|n| (1..=WORKERS_MAX).contains(n));
    let workers = workers.and_then(|n| u32::try_from(n).ok());
    workers.ok_or_else(|| stressor.wrong("workers", format!("is required: 1 to {WORKERS_MAX}")))
}

/// Stress and I/O faults go to the application. Without `containerNames` Chaos Mesh takes a pod's first container,
/// which in the lab is the application too.
fn application_container(spec: &Fields) -> Result<(), ChaosError> {
    let containers = spec.texts("containerNames")?;
    match containers.iter().find(|c| plan::component(c).is_none()) {
        None => Ok(()),
        Some(other) => Err(spec.wrong(
            "containerNames",
            format!("{other:?} cannot be hit; the lab reaches the application, named like its Deployment"),
        )),
    }
}

fn io(spec: &Fields) -> Result<(String, Fault), ChaosError> {
    only(spec, &["action", "volumePath", "path", "delay", "percent", "containerNames"])?;
    let action = spec.word("action", &[("latency", "latency")], None)?;
    application_container(spec)?;
    let volume = spec.text("volumePath")?;
    if let Some(path) = spec.text_opt("path")? {
        let all = format!("{}/**/*", volume.trim_end_matches('/'));
        if path != all {
            return Err(spec.wrong("path", format!("the lab delays the whole volume; supported here: {all}")));
        }
    }
    let percent = spec.whole_opt("percent")?.unwrap_or(100);
    if percent > 100 {
        return Err(spec.wrong("percent", format!("{percent} is not a percentage from 0 to 100")));
    }
    let delay_ms = spec.read("delay", quantity::duration)?.as_secs_f64() * 1e3;
    Ok((
        action.to_owned(),
        Fault::Application { effects: vec![Effect::IoLatency { delay_ms, percent: percent as f64 }] },
    ))
}

fn http(spec: &Fields) -> Result<(String, Fault), ChaosError> {
    only(spec, &["target", "port", "path", "method", "abort", "delay"])?;
    let on_response = spec.word("target", &[("Request", false), ("Response", true)], None)?;
    if spec.whole_opt("port")?.is_none() {
        return Err(spec.wrong("port", "is required: the port of the application, 80 in the shop"));
    }
    let matching = HttpMatch {
        path: spec.text_opt("path")?.unwrap_or("*").to_owned(),
        method: spec.text_opt("method")?.map(str::to_owned),
    };
    let delay = spec.read_opt("delay", quantity::duration)?;
    match (spec.flag_opt("abort")?.unwrap_or(false), delay) {
        (true, None) => {
            Ok(("abort".to_owned(), Fault::Application { effects: vec![Effect::HttpAbort { matching, on_response }] }))
        }
        (false, Some(delay)) => {
            let delay_ms = delay.as_secs_f64() * 1e3;
            Ok((
                "delay".to_owned(),
                Fault::Application { effects: vec![Effect::HttpDelay { matching, delay_ms, on_response }] },
            ))
        }
        _ => Err(spec.wrong("abort", "needs exactly one of abort: true and delay")),
    }
}
