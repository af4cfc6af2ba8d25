//! A deliberate change by an operator: a release, a roll-back, another number of pods, a setting, an autoscaler, more users.
//!
//! Data only, shared by the command line, the files in `faults/` and the supervisor, which carries changes out and reverts them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
use crate::chaos::quantity;
use crate::effect::Effect;
use crate::plan::{NODE_CORES, NODE_MEMORY_BYTES};

/// Maximum number of settings of one service.
pub const SETTINGS_MAX: usize = 32;
/// Maximum length of a setting's name or value, in bytes.
const SETTING_BYTES_MAX: usize = 200;
/// Entries of a page with the usual cost of a request.
const USUAL_PAGE_SIZE: f64 = 10.0;
/// Share of a node's memory that a load beside the shop may take before anything has to wait.
const MEMORY_SHARE_HARMLESS: f64 = 0.8;
/// Maximum page size.
const PAGE_SIZE_MAX: f64 = 10_000.0;

/// One change of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Another version takes over.
    Release {
        /// The image's tag.
        version: String,
        /// How it behaves.
        behaviour: Behaviour,
    },
    /// The previous version takes over again.
    RollBack,
    /// Another number of pods.
    Scale {
        /// Pods wanted.
        replicas: u32,
    },
    /// Other settings in the service's config map.
    Config {
        /// Names and values; other settings stay as they are.
        settings: BTreeMap<String, String>,
    },
    /// The number of pods follows their CPU use.
    Autoscale(Autoscale),
    /// The number of pods is fixed again.
    NoAutoscaler,
    /// A load beside the shop takes a node's processors, memory or disk. It belongs to no service.
    NodeLoad(NodeLoad),
    /// The number of users changes.
    Traffic {
        /// New users per second.
        rate_per_s: f64,
    },
}

/// How an autoscaler works.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Autoscale {
    /// Minimum number of pods.
    pub min_replicas: u32,
    /// Maximum number of pods.
    pub max_replicas: u32,
    /// Target CPU use, in percent of the request (which is half of the limit).
    pub target_cpu_percent: f64,
}

/// The resources of a node that a load beside the shop takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeLoad {
    /// The node.
    pub node: String,
    /// Threads that want a core.
    pub workers: u32,
    /// Share of the time in which each wants it.
    pub load_percent: f64,
    /// Memory.
    pub memory_bytes: u64,
    /// Share of the disk's time.
    pub disk_percent: f64,
    /// Its pod; `None` for a load without a pod, such as an agent of the machine.
    pub pod: Option<LoadPod>,
}

/// A pod of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadPod {
    /// Name of the job or cron job.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Whether a cron job starts it.
    pub is_cron: bool,
}

impl NodeLoad {
    /// Whether its node has room for it, so that nothing else on it is affected.
    pub fn is_harmless(&self) -> bool {
        let takes_memory = self.memory_bytes as f64 > MEMORY_SHARE_HARMLESS * NODE_MEMORY_BYTES as f64;
        f64::from(self.workers) * self.load_percent / 100.0 <= NODE_CORES / 2.0
            && self.disk_percent <= 50.0
            && !takes_memory
    }
}

impl Change {
    /// Kind and action in the ledger.
    pub fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Release { behaviour, .. } => ("Release", behaviour.name()),
            Self::RollBack => ("Release", "roll-back"),
            Self::Scale { .. } => ("Scale", "replicas"),
            Self::Config { .. } => ("ConfigChange", "settings"),
            Self::Autoscale(_) => ("Autoscaler", "scale"),
            Self::NoAutoscaler => ("Autoscaler", "off"),
            Self::NodeLoad(load) => match &load.pod {
                Some(pod) if pod.is_cron => ("CronJob", "run"),
                Some(_) => ("BatchJob", "run"),
                None if load.disk_percent > 0.0 && load.workers == 0 => ("NodeStress", "disk"),
                None if load.workers > 0 => ("NodeStress", "cpu"),
                None => ("NodeStress", "memory"),
            },
            Self::Traffic { .. } => ("Traffic", "surge"),
        }
    }

    /// Whether it has no noticeable effect.
    pub fn is_harmless(&self) -> bool {
        match self {
            Self::Release { behaviour, .. } => behaviour.is_harmless(),
            Self::Scale { replicas } => *replicas > 0,
            Self::Config { settings } => settings.iter().all(|(k, v)| matches!(effect_of(k, v), Ok(None))),
            Self::RollBack | Self::Autoscale(_) | Self::NoAutoscaler => true,
            Self::NodeLoad(load) => load.is_harmless(),
            Self::Traffic { .. } => false,
        }
    }
}

/// The effect of a setting on the applications that read it. `None` if users would notice nothing.
///
/// These have an effect: `call-timeout` (a duration: how long the service waits for others), `max-requests` (requests handled at a time) and
/// `page-size` (entries per page: 10 is usual, ten times as many cost ten times the CPU).
///
/// # Errors
/// When the value does not fit a setting that has an effect, or a name or value is too long.
pub fn effect_of(name: &str, value: &str) -> Result<Option<Effect>, String> {
    if name.is_empty() || name.len() > SETTING_BYTES_MAX || value.len() > SETTING_BYTES_MAX {
        return Err(format!("names and values of settings have 1 to {SETTING_BYTES_MAX} bytes"));
    }
    let problem = |expected: &str| format!("{name}={value}: expected {expected}");
    match name {
        "call-timeout" => {
            let timeout = quantity::duration(value).ok().filter(|d| !d.is_zero());
            let timeout = timeout.ok_or_else(|| problem("a span like 50ms"))?;
            Ok(Some(Effect::CallTimeout { timeout_ms: timeout.as_secs_f64() * 1e3 }))
        }
        "max-requests" => {
            let max = value.parse().ok().filter(|n| (1..=10_000).contains(n));
            Ok(Some(Effect::RequestSlots { max: max.ok_or_else(|| problem("a number from 1 to 10000"))? }))
        }
        "page-size" => {
            let size: Option<f64> = value.parse().ok().filter(|n| (1.0..=PAGE_SIZE_MAX).contains(n));
            let size = size.ok_or_else(|| problem("a number of entries from 1 to 10000"))?;
            Ok(Some(Effect::RequestWork { factor: size / USUAL_PAGE_SIZE }))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_settings_have_an_effect_and_their_values_are_checked() {
        assert_eq!(effect_of("call-timeout", "50ms"), Ok(Some(Effect::CallTimeout { timeout_ms: 50.0 })));
        assert_eq!(effect_of("page-size", "200"), Ok(Some(Effect::RequestWork { factor: 20.0 })));
        assert_eq!(effect_of("max-requests", "1"), Ok(Some(Effect::RequestSlots { max: 1 })));
        assert_eq!(effect_of("log-level", "debug"), Ok(None));
        assert_eq!(effect_of("call-timeout", "soon").unwrap_err(), "call-timeout=soon: expected a span like 50ms");
        assert!(effect_of("max-requests", "0").is_err() && effect_of("", "x").is_err());
    }

    #[test]
    fn a_change_is_harmless_when_nobody_should_feel_it() {
        let config = |k: &str, v: &str| Change::Config { settings: BTreeMap::from([(k.to_owned(), v.to_owned())]) };
        assert!(config("log-level", "debug").is_harmless() && !config("page-size", "500").is_harmless());
        assert!(Change::Scale { replicas: 3 }.is_harmless() && !Change::Scale { replicas: 0 }.is_harmless());
        let release = |fail_percent| Change::Release {
            version: "v2".to_owned(),
            behaviour: Behaviour { fail_percent, ..Behaviour::default() },
        };
        assert!(release(0.0).is_harmless() && !release(20.0).is_harmless());
        assert_eq!(release(20.0).kind(), ("Release", "fail"));
    }
}
