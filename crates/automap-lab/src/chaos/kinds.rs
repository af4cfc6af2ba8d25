//! The `spec` of each kind: which fields the lab supports, and the fault they describe. One function for each kind.

use super::experiment::{Direction, Fault, Peer};
use super::fields::{ChaosError, Fields};
use super::quantity;
use super::selector_fields::{mode, selector};
use crate::effect::{Effect, HttpMatch};
use crate::plan;

const WORKERS_MAX: u64 = 8;

const COMMON: [&str; 4] = ["selector", "mode", "value", "duration"];

fn only(spec: &Fields, own: &[&str]) -> Result<(), ChaosError> {
    let supported: Vec<&str> = own.iter().chain(&COMMON).copied().collect();
    spec.only(&supported)
}

pub(super) fn network(spec: &Fields) -> Result<(String, Fault), ChaosError> {
    let actions = ["delay", "loss", "corrupt", "partition", "bandwidth"];
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
        "loss" => loss(&spec.object("loss", "spec.loss")?, "loss")?,
        // A corrupt packet fails its checksum and is discarded, so every higher layer sees a lost packet.
        "corrupt" => loss(&spec.object("corrupt", "spec.corrupt")?, "corrupt")?,
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

fn loss(loss: &Fields, share: &str) -> Result<Effect, ChaosError> {
    loss.only(&[share, "correlation"])?;
    Ok(Effect::NetworkLoss {
        loss_percent: loss.read(share, quantity::percent)?,
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

pub(super) fn pod(spec: &Fields) -> Result<(String, Fault), ChaosError> {
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

pub(super) fn stress(spec: &Fields) -> Result<(String, Fault), ChaosError> {
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

pub(super) fn io(spec: &Fields) -> Result<(String, Fault), ChaosError> {
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

pub(super) fn http(spec: &Fields) -> Result<(String, Fault), ChaosError> {
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
