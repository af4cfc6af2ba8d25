//! A HorizontalPodAutoscaler: sets the number of pods so that their CPU use stays near a target, within a minimum and a maximum.
//!
//! It follows the rules of Kubernetes in seconds instead of minutes: pods are added at once, and removed only when fewer were enough for half a
//! minute. Like a real one it considers the application's container alone, since the side-car's request would mask its use.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::change::Autoscale;
use crate::kubelet::AutoscalerReading;

/// How often it decides.
const EVERY: Duration = Duration::from_secs(3);
/// The number of pods is reduced only if fewer were enough for this long (`stabilizationWindowSeconds`).
const STABLE_FOR: Duration = Duration::from_secs(30);
/// Within this distance of the target it does nothing.
const TOLERANCE: f64 = 0.1;

/// An autoscaler of one Deployment.
#[derive(Debug)]
pub(super) struct Autoscaler {
    pub(super) service: &'static str,
    pub(super) spec: Autoscale,
    next: Instant,
    /// Its recent recommendations, before the maximum is applied.
    wants: VecDeque<(Instant, u32)>,
    current: u32,
    desired: u32,
}

impl Autoscaler {
    pub(super) fn new(service: &'static str, spec: Autoscale, replicas: u32) -> Self {
        let (current, desired) = (replicas, replicas);
        Self { service, spec, next: Instant::now(), wants: VecDeque::new(), current, desired }
    }

    /// The number of pods that it wants now; `None` if it is not due yet, or the CPU use of the pods is unknown.
    ///
    /// # Arguments
    /// - `current`: pods that exist.
    /// - `use_percent`: mean CPU use of the ready ones, in percent of their request.
    pub(super) fn decide(&mut self, now: Instant, current: u32, use_percent: Option<f64>) -> Option<u32> {
        if now < self.next {
            return None;
        }
        self.next = now + EVERY;
        self.current = current;
        self.wants.push_back((now, wanted(current, use_percent?, self.spec.target_cpu_percent)));
        self.wants.retain(|(at, _)| now.duration_since(*at) <= STABLE_FOR);
        let highest = self.wants.iter().map(|(_, n)| *n).max().unwrap_or(current);
        self.desired = highest.clamp(self.spec.min_replicas, self.spec.max_replicas);
        Some(self.desired)
    }

    /// Whether it would exceed its maximum.
    fn is_limited(&self) -> bool {
        self.wants.iter().map(|(_, n)| *n).max().is_some_and(|n| n > self.spec.max_replicas)
    }

    pub(super) fn reading(&self) -> AutoscalerReading {
        AutoscalerReading {
            service: self.service.to_owned(),
            min_replicas: self.spec.min_replicas,
            max_replicas: self.spec.max_replicas,
            target_cpu_percent: self.spec.target_cpu_percent,
            current_replicas: self.current,
            desired_replicas: self.desired,
            is_limited: self.is_limited(),
        }
    }
}

/// The number of pods that would bring their use to the target.
///
/// Example: 2 pods at 90 % with a target of 50 % need 2 · 90 / 50 = 3.6, so 4; at 54 % they are close enough.
fn wanted(current: u32, use_percent: f64, target_percent: f64) -> u32 {
    let ratio = use_percent / target_percent.max(1.0);
    if (ratio - 1.0).abs() <= TOLERANCE {
        return current;
    }
    (f64::from(current) * ratio).ceil().clamp(0.0, 1000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_decides_and_the_tolerance_keeps_calm() {
        assert_eq!(wanted(2, 90.0, 50.0), 4);
        assert_eq!(wanted(2, 54.0, 50.0), 2);
        assert_eq!(wanted(3, 10.0, 50.0), 1);
    }

    #[test]
    fn it_grows_at_once_shrinks_late_and_tells_when_its_ceiling_binds() {
        let spec = Autoscale { min_replicas: 1, max_replicas: 2, target_cpu_percent: 50.0 };
        let mut scaler = Autoscaler::new("catalogue", spec, 1);
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        assert_eq!(scaler.decide(at(1), 1, Some(40.0)), Some(1));
        assert_eq!(scaler.decide(at(2), 1, Some(190.0)), None, "every three seconds");
        assert_eq!(scaler.decide(at(4), 1, Some(190.0)), Some(2), "4 are wanted, 2 allowed");
        let reading = scaler.reading();
        assert_eq!((reading.desired_replicas, reading.is_limited), (2, true));
        assert_eq!(scaler.decide(at(8), 2, Some(10.0)), Some(2), "not before it was calm for 30 s");
        assert_eq!(scaler.decide(at(35), 2, Some(10.0)), Some(1));
        assert!(!scaler.reading().is_limited);
        assert_eq!(scaler.decide(at(40), 1, None), None);
    }
}
