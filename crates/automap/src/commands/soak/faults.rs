//! Which fault comes next, and how long nothing happens before it. Repeatable by its seed.

use std::time::Duration;

use automap_core::random::Rng;

use crate::commands::drill::plan::{Drill, PLAN};

/// Shortest quiet stretch, recovery of the watcher included.
const QUIET_MIN_S: u64 = 200;
/// And so much more at most.
const QUIET_MORE_S: u64 = 160;

/// The faults of the drill in random order, none twice before all have come.
#[derive(Debug)]
pub(super) struct Faults {
    random: Rng,
    left: Vec<Drill>,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        // The seed of a documented run gives the faults of that run.
        Self { random: Rng::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1), left: Vec::new() }
    }

    /// Name and manifest, with its own duration replaced.
    pub(super) fn next(&mut self, lasts: Duration) -> (String, String) {
        loop {
            if self.left.is_empty() {
                self.left = PLAN.into_iter().filter(|d| d.fault().is_some()).collect();
            }
            let i = (self.random.bits() % self.left.len() as u64) as usize;
            if let Some(fault) = self.left.swap_remove(i).fault() {
                let name = fault.name.trim_end_matches(".yaml").to_owned();
                return (name, with_duration(&fault.yaml, lasts));
            }
        }
    }

    pub(super) fn quiet(&mut self) -> Duration {
        Duration::from_secs(QUIET_MIN_S + self.random.bits() % QUIET_MORE_S)
    }
}

/// Faults that end by themselves last as long as asked; kills are over at once.
fn with_duration(yaml: &str, lasts: Duration) -> String {
    let line = |l: &str| match l.trim_start().starts_with("duration:") {
        true => format!("{}duration: {}s", &l[..l.len() - l.trim_start().len()], lasts.as_secs()),
        false => l.to_owned(),
    };
    yaml.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_comes_before_one_comes_twice_and_lasts_as_asked() {
        let mut faults = Faults::new(3);
        let first: Vec<_> = (0..14).map(|_| faults.next(Duration::from_secs(150))).collect();
        let names: std::collections::BTreeSet<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), 14);
        for (name, yaml) in &first {
            assert!(!yaml.contains("duration:") || yaml.contains("  duration: 150s\n"), "{name}: {yaml}");
        }
        let mut again = Faults::new(3);
        assert_eq!(again.next(Duration::from_secs(150)), first[0]);
    }
}
