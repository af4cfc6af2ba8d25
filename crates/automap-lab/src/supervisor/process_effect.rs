//! One effect in one process: how to start it there and how to end it.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;

use super::beside::BesidePod;
use super::pod::Pod;
use crate::control::http;
use crate::effect::Effect;
use crate::plan::Ports;
use crate::shop::http::Local;

/// Time limit for a process to answer a change of its effects.
const EFFECT_WITHIN: Duration = Duration::from_secs(3);
/// Number of attempts to end an effect. If all fail, the process has ended and its effects with it.
const END_TRIES: u32 = 5;
const END_RETRY_DELAY: Duration = Duration::from_millis(500);

/// One effect in one process.
#[derive(Clone, Debug)]
pub(super) struct ProcessEffect {
    pub(super) pod: String,
    pub(super) is_in_sidecar: bool,
    address: Local,
    path: String,
    effect: Effect,
}

impl ProcessEffect {
    /// An effect for a process of `pod`: its side-car for network effects, otherwise its application. `path` identifies
    /// the effect at the process' admin port.
    pub(super) fn new(ports: Ports, pod: &Pod, path: String, effect: Effect) -> Self {
        let (is_in_sidecar, component) = (effect.is_network(), pod.component);
        let port = if is_in_sidecar { ports.sidecar_admin(component) } else { ports.app_admin(component) };
        let address = Local::at(pod.ip(), port);
        Self { pod: pod.name.clone(), is_in_sidecar, address, path, effect }
    }

    /// An effect on a workload beside the shop.
    pub(super) fn beside(pod: &BesidePod, ports: Ports, path: String, effect: Effect) -> Self {
        Self { pod: pod.name.clone(), is_in_sidecar: true, address: pod.admin(ports), path, effect }
    }

    /// Whether the effect survives a restart of its process. Effects that Chaos Mesh applies to the pod's network do; those in a container do not.
    pub(super) fn outlives_process(&self) -> bool {
        let is_beside_process =
            matches!(self.effect, Effect::HttpAbort { .. } | Effect::HttpDelay { .. } | Effect::NameService { .. });
        self.effect.is_network() || is_beside_process
    }

    pub(super) async fn apply(&self) -> Result<(), String> {
        let body = serde_json::to_vec(&self.effect).map_err(|e| e.to_string())?;
        let response = http::send(Method::PUT, self.address, &self.path, body.into(), EFFECT_WITHIN).await;
        match response {
            Ok(r) if r.status().is_success() => Ok(()),
            Ok(r) => Err(format!("{}: {}", r.status(), String::from_utf8_lossy(r.body()).trim())),
            Err(e) => Err(e.to_string()),
        }
    }

    pub(super) async fn end(&self) {
        for _ in 0..END_TRIES {
            if http::send(Method::DELETE, self.address, &self.path, Bytes::new(), EFFECT_WITHIN).await.is_ok() {
                return;
            }
            tokio::time::sleep(END_RETRY_DELAY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_effects_on_the_pods_network_survive_a_restart() {
        let applied = |effect| ProcessEffect {
            pod: String::new(),
            is_in_sidecar: false,
            address: Local::port(0),
            path: String::new(),
            effect,
        };
        assert!(applied(Effect::NetworkPartition { peers: None }).outlives_process());
        assert!(!applied(Effect::CpuStress { workers: 1, load_percent: 50.0 }).outlives_process());
        assert!(!applied(Effect::IoLatency { delay_ms: 1.0, percent: 100.0 }).outlives_process());
    }
}
