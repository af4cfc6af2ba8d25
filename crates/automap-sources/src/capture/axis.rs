//! Stores a time axis in a few numbers: runs of equally spaced times.

use automap_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Most times of an axis.
const MAX_SAMPLES: usize = 1_000_000;

/// `count` times, `step_ms` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    start_ms: i64,
    step_ms: i64,
    count: usize,
}

/// A strictly increasing axis as runs, greedily from the start.
pub(super) fn runs(times: &[Timestamp]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for time in times {
        let ms = time.ms();
        match runs.last_mut() {
            Some(run) if run.count == 1 => {
                run.step_ms = ms - run.start_ms;
                run.count = 2;
            }
            Some(run) if Some(ms) == run.time_ms(run.count) => run.count += 1,
            _ => runs.push(Run { start_ms: ms, step_ms: 0, count: 1 }),
        }
    }
    runs
}

/// Expands the runs into times; `None` if there are too many or one is not representable.
pub(super) fn times(runs: &[Run]) -> Option<Vec<Timestamp>> {
    let mut times = Vec::new();
    for run in runs {
        if run.count > MAX_SAMPLES - times.len() {
            return None;
        }
        for i in 0..run.count {
            times.push(Timestamp::from_ms(run.time_ms(i)?));
        }
    }
    Some(times)
}

impl Run {
    fn time_ms(&self, i: usize) -> Option<i64> {
        self.step_ms.checked_mul(i64::try_from(i).ok()?)?.checked_add(self.start_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_axis_survives() {
        for ms in [&[0, 15, 30, 45][..], &[0, 1, 100, 101, 102, 5000], &[-7, 3], &[9]] {
            let axis: Vec<Timestamp> = ms.iter().copied().map(Timestamp::from_ms).collect();
            assert_eq!(times(&runs(&axis)), Some(axis));
        }
        let regular: Vec<Timestamp> = (0..500).map(|i| Timestamp::from_ms(i * 15_000)).collect();
        assert_eq!(runs(&regular).len(), 1);
    }

    #[test]
    fn an_endless_axis_is_refused() {
        assert_eq!(times(&[Run { start_ms: 0, step_ms: 1, count: usize::MAX }]), None);
        assert_eq!(times(&[Run { start_ms: 0, step_ms: i64::MAX, count: 3 }]), None);
    }
}
