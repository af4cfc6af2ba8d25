//! An autoscaler, like Kubernetes' horizontal one with a CPU target: adds pods if the existing ones are busy, and removes pods if they have been idle
//! for a while.
//!
//! Every 15 seconds: pods wanted = pods · use / target, rounded up, where the use is a share of the pods' limits and the target is 60 %; within a
//! tenth of the target nothing changes. Additional pods serve 20 seconds later. Pods are removed only if fewer were wanted for five minutes.
//!
//! Worked example. Two pods with a limit of 1 CPU each used 1.8 CPUs: 90 % of their limits, and 2 · 90 / 60 = 3 pods are wanted. At 65 %, 2 · 65 / 60
//! would be 3 too, but nothing changes.
//!
//! Left out: new pods with empty caches, nodes without room, and differences between pods of a workload. A fault at a service affects all its pods.

/// Target share of the limit.
const TARGET: f64 = 0.6;
/// Nothing changes this close to the target.
const TOLERANCE: f64 = 0.1;
/// Consecutive looks that must want fewer pods.
const CALM_LOOKS: u32 = 20;

/// One autoscaler.
#[derive(Debug, Default)]
pub(super) struct Scaler {
    /// CPU time at the last look.
    seen_cpu_s: f64,
    /// Consecutive looks that wanted fewer pods.
    calm_looks: u32,
}

impl Scaler {
    /// Evaluates the usage of the last `seconds`. Returns the new number of pods; `None`: unchanged.
    pub(super) fn look(
        &mut self,
        cpu_s: f64,
        seconds: f64,
        pods: usize,
        limit_cores: f64,
        most: usize,
    ) -> Option<usize> {
        let used_cores = (cpu_s - self.seen_cpu_s) / seconds;
        self.seen_cpu_s = cpu_s;
        // A counter that restarted shows nothing about the time before.
        let wanted = if used_cores < 0.0 { pods } else { wanted(pods, used_cores, limit_cores).clamp(1, most) };
        self.calm_looks = if wanted < pods { self.calm_looks + 1 } else { 0 };
        (wanted > pods || self.calm_looks >= CALM_LOOKS).then_some(wanted)
    }
}

fn wanted(pods: usize, used_cores: f64, limit_cores: f64) -> usize {
    let ratio = used_cores / (pods as f64 * limit_cores) / TARGET;
    if (ratio - 1.0).abs() <= TOLERANCE { pods } else { (pods as f64 * ratio).ceil() as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_wanted_worked_by_hand() {
        assert_eq!(wanted(2, 1.8, 1.0), 3);
        assert_eq!(wanted(2, 1.3, 1.0), 2, "within a tenth of the target");
        assert_eq!(wanted(4, 0.5, 1.0), 1);
    }

    #[test]
    fn more_at_once_and_fewer_after_five_minutes() {
        let mut scaler = Scaler::default();
        assert_eq!(scaler.look(15.0 * 0.9, 15.0, 1, 1.0, 9), Some(2));
        assert_eq!(scaler.look(15.0 * 0.9 + 15.0 * 9.0, 15.0, 2, 1.0, 3), Some(3), "never more than the most");
        let mut cpu_s = 148.5;
        let looks = (1..=20).map(|_| {
            cpu_s += 1.5;
            scaler.look(cpu_s, 15.0, 3, 1.0, 3)
        });
        let looks: Vec<_> = looks.collect();
        assert!(looks[..19].iter().all(Option::is_none) && looks[19] == Some(1), "{looks:?}");
        assert_eq!(scaler.look(0.0, 15.0, 1, 1.0, 3), None, "a counter that began anew");
    }
}
