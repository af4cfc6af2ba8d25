//! The effects that are active in one application.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::cpu_limiter::CpuLimiter;
use super::stress::{CpuStress, MemoryStress};
use crate::effect::{Effect, HttpMatch};
use crate::shop::locked;
use automap_core::random::Rng;

/// All effects by id.
#[derive(Default)]
pub(super) struct Effects {
    active: Mutex<BTreeMap<String, ActiveEffect>>,
}

struct ActiveEffect {
    effect: Effect,
    since: Instant,
    /// Stops background activity when the effect is removed.
    running: Running,
}

enum Running {
    Nothing,
    Cpu(#[expect(dead_code, reason = "held for its drop")] CpuStress),
    Memory(#[expect(dead_code, reason = "held for its drop")] MemoryStress),
    Slots(Arc<Semaphore>),
}

/// Mean waits on an overcommitted node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NodeWait {
    /// For a core, before a piece of work.
    pub(super) dispatch: Duration,
    /// Work takes this many times its CPU time.
    pub(super) stretch: f64,
    /// For the disk, before a file operation.
    pub(super) disk: Duration,
    /// For memory, before a piece of work.
    pub(super) memory: Duration,
}

/// What happens to one HTTP request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct HttpFault {
    pub(super) request_delay: Duration,
    pub(super) abort_request: bool,
    pub(super) response_delay: Duration,
    pub(super) abort_response: bool,
}

impl Effects {
    /// Starts an effect, replacing the one with the same id.
    pub(super) fn apply(&self, id: &str, effect: Effect, cpu_limiter: &Arc<CpuLimiter>) -> Result<(), String> {
        let running = match &effect {
            e if e.is_network() => {
                return Err("the application does not apply network effects; send this one to the side-car".to_owned());
            }
            Effect::NameService { .. } => {
                return Err("the name server applies effects on names; an application does not".to_owned());
            }
            Effect::CpuStress { workers, load_percent } => {
                Running::Cpu(CpuStress::start(*workers, *load_percent, cpu_limiter)?)
            }
            Effect::RequestSlots { max } => Running::Slots(Arc::new(Semaphore::new(*max as usize))),
            Effect::MemoryStress { workers, size_bytes } => {
                Running::Memory(MemoryStress::start(*workers, *size_bytes)?)
            }
            _ => Running::Nothing,
        };
        locked(&self.active).insert(id.to_owned(), ActiveEffect { effect, since: Instant::now(), running });
        Ok(())
    }

    /// Ends an effect. Returns whether it was active.
    pub(super) fn end(&self, id: &str) -> bool {
        locked(&self.active).remove(id).is_some()
    }

    /// The active effects by id.
    pub(super) fn all(&self) -> BTreeMap<String, Effect> {
        locked(&self.active).iter().map(|(id, a)| (id.clone(), a.effect.clone())).collect()
    }

    /// What happens to this request.
    pub(super) fn http_fault(&self, method: &str, path: &str) -> HttpFault {
        let mut fault = HttpFault::default();
        for ActiveEffect { effect, .. } in locked(&self.active).values() {
            match effect {
                Effect::HttpAbort { matching, on_response } if hits(matching, method, path) => {
                    fault.abort_request |= !on_response;
                    fault.abort_response |= on_response;
                }
                Effect::HttpDelay { matching, delay_ms, on_response } if hits(matching, method, path) => {
                    let delay = if *on_response { &mut fault.response_delay } else { &mut fault.request_delay };
                    *delay += millis(*delay_ms);
                }
                _ => {}
            }
        }
        fault
    }

    /// Time limit for a call, if an effect sets one.
    pub(super) fn call_limit(&self) -> Option<Duration> {
        let limit = |e: &Effect| match e {
            Effect::CallTimeout { timeout_ms } => Some(millis(*timeout_ms)),
            _ => None,
        };
        locked(&self.active).values().filter_map(|a| limit(&a.effect)).min()
    }

    /// The multiple of its usual CPU time that a request costs.
    pub(super) fn work_factor(&self) -> f64 {
        let factor = |e: &Effect| if let Effect::RequestWork { factor } = e { *factor } else { 1.0 };
        locked(&self.active).values().map(|a| factor(&a.effect)).product()
    }

    /// The waits imposed by the node, if it is overcommitted.
    pub(super) fn contention(&self) -> Option<NodeWait> {
        locked(&self.active).values().find_map(|a| match a.effect {
            Effect::NodeContention { dispatch_wait_ms, stretch, disk_wait_ms, memory_wait_ms } => Some(NodeWait {
                dispatch: millis(dispatch_wait_ms),
                stretch,
                disk: millis(disk_wait_ms),
                memory: millis(memory_wait_ms),
            }),
            _ => None,
        })
    }

    /// The semaphore for requests in progress, if their number is limited.
    pub(super) fn request_slots(&self) -> Option<Arc<Semaphore>> {
        locked(&self.active).values().find_map(|a| match &a.running {
            Running::Slots(slots) => Some(Arc::clone(slots)),
            _ => None,
        })
    }

    /// How long a command must wait for the lock held by an effect; `None` while it is free.
    pub(super) fn lock_wait(&self) -> Option<Duration> {
        let wait = |a: &ActiveEffect| match a.effect {
            Effect::StoreLock { hold_ms, free_ms } => held_for(a.since.elapsed(), millis(hold_ms), millis(free_ms)),
            _ => None,
        };
        locked(&self.active).values().filter_map(wait).max()
    }

    /// Connections left for the shop, if an effect holds the others.
    pub(super) fn sessions_left(&self) -> Option<u32> {
        let left = |a: &ActiveEffect| if let Effect::StoreSessions { left } = a.effect { Some(left) } else { None };
        locked(&self.active).values().filter_map(left).min()
    }

    /// Whether the consumer is stopped.
    pub(super) fn is_consumer_stopped(&self) -> bool {
        locked(&self.active).values().any(|a| a.effect == Effect::ConsumerStop)
    }

    /// Maximum length of a queue, if an effect sets one.
    pub(super) fn queue_limit(&self) -> Option<u32> {
        let limit = |a: &ActiveEffect| if let Effect::QueueLimit { max } = a.effect { Some(max) } else { None };
        locked(&self.active).values().filter_map(limit).min()
    }

    /// How long the next file operation waits.
    pub(super) fn io_delay(&self, rng: &mut Rng) -> Duration {
        locked(&self.active)
            .values()
            .filter_map(|a| match a.effect {
                Effect::IoLatency { delay_ms, percent } if rng.percent(percent) => Some(millis(delay_ms)),
                _ => None,
            })
            .sum()
    }
}

/// How much longer a lock stays held that is taken every `hold + free`, this long after it was first taken.
///
/// Example: held for 600 ms and free for 200 ms, it is free again in 100 ms after 500 and after 1300 ms, and free now after 700 ms.
fn held_for(since: Duration, hold: Duration, free: Duration) -> Option<Duration> {
    let round_s = (hold + free).as_secs_f64();
    let into = Duration::try_from_secs_f64(since.as_secs_f64() % round_s.max(f64::MIN_POSITIVE)).ok()?;
    hold.checked_sub(into).filter(|left| !left.is_zero())
}

fn millis(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default()
}

fn hits(matching: &HttpMatch, method: &str, path: &str) -> bool {
    matching.method.as_ref().is_none_or(|m| m.eq_ignore_ascii_case(method)) && matches_glob(&matching.path, path)
}

/// `*` matches any run of characters; everything else matches itself. Greedy from left to right: linear time.
fn matches_glob(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glob() {
        for (pattern, text, expected) in [
            ("/orders", "/orders", true),
            ("/orders", "/orders/1", false),
            ("*", "/anything", true),
            ("/carts/*/items", "/carts/user-1/items", true),
            ("/carts/*/items", "/carts/user-1", false),
            ("/a*b*c", "/a-b-b-c", true),
            ("/a*b*c", "/a-c-b", false),
            ("/ab*ba", "/aba", false),
        ] {
            assert_eq!(matches_glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_lock_is_held_and_free_in_turn() {
        let at = |ms| held_for(millis(ms), millis(600.0), millis(200.0));
        assert_eq!((at(0.0), at(500.0), at(1300.0)), (Some(millis(600.0)), Some(millis(100.0)), Some(millis(100.0))));
        assert_eq!((at(700.0), at(1500.0)), (None, None));
        assert_eq!(held_for(millis(5.0), Duration::ZERO, Duration::ZERO), None);
    }

    #[test]
    fn http_faults_hit_what_they_match() {
        let effects = Effects::default();
        let cpu_limiter = Arc::new(CpuLimiter::unlimited());
        let matching = HttpMatch { path: "/paymentAuth".to_owned(), method: Some("POST".to_owned()) };
        let abort = Effect::HttpAbort { matching: matching.clone(), on_response: true };
        let delay = Effect::HttpDelay { matching, delay_ms: 20.0, on_response: false };
        effects.apply("a", abort, &cpu_limiter).unwrap();
        effects.apply("b", delay, &cpu_limiter).unwrap();
        let fault = effects.http_fault("POST", "/paymentAuth");
        assert_eq!((fault.request_delay, fault.abort_response), (Duration::from_millis(20), true));
        assert!(!fault.abort_request && effects.http_fault("GET", "/paymentAuth") == HttpFault::default());
        assert!(effects.end("a") && !effects.end("a"));
    }

    #[test]
    fn settings_hold_until_they_end() {
        let effects = Effects::default();
        let cpu_limiter = Arc::new(CpuLimiter::unlimited());
        assert_eq!((effects.call_limit(), effects.work_factor()), (None, 1.0));
        effects.apply("t", Effect::CallTimeout { timeout_ms: 50.0 }, &cpu_limiter).unwrap();
        effects.apply("w", Effect::RequestWork { factor: 3.0 }, &cpu_limiter).unwrap();
        effects.apply("s", Effect::RequestSlots { max: 1 }, &cpu_limiter).unwrap();
        assert_eq!((effects.call_limit(), effects.work_factor()), (Some(Duration::from_millis(50)), 3.0));
        let slots = effects.request_slots().unwrap();
        let _held = slots.try_acquire().unwrap();
        assert!(effects.request_slots().unwrap().try_acquire().is_err(), "the second request waits");
        assert!(effects.end("s") && effects.request_slots().is_none());
    }

    #[test]
    fn network_effects_are_refused() {
        let cpu_limiter = Arc::new(CpuLimiter::unlimited());
        let refused = Effects::default().apply("n", Effect::NetworkPartition { peers: None }, &cpu_limiter);
        assert!(refused.unwrap_err().contains("side-car"));
    }
}
