//! The totals of rows.

use serde::Serialize;

use super::blame::BlameTotals;
use super::mechanism::MechanismTotals;
use super::outcome::Outcome;
use super::row::Row;
use super::sets::SetTotals;
use super::share::Share;

/// Required minimum shares of a scorecard; `None`: no minimum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Minimum {
    /// Of [`Totals::top1`].
    pub top1: Option<f64>,
    /// Of [`Totals::top3`].
    pub top3: Option<f64>,
    /// Of the exact sets of [`Totals::sets`].
    pub exact_set: Option<f64>,
    /// Of [`Totals::named`].
    pub named: Option<f64>,
    /// Of the right mechanisms of [`Totals::mechanism`].
    pub mechanism: Option<f64>,
}

/// All rows together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Totals {
    /// A service that was hit is ranked first, of all faults that were evaluated.
    pub top1: Share,
    /// It is among the first three.
    pub top3: Share,
    /// The same as `top1`, of those faults that moved something beyond noise. For information: gates use `top1`.
    pub top1_of_felt: Share,
    /// The same as `top1`, if either end of a faulty connection counts as right. For information: gates use `top1`.
    pub top1_of_either_end: Share,
    /// It is named as the cause, as one of several, or as one of a pair.
    pub named: Share,
    /// All named causes compared with all faults, if either end of a faulty connection counts as right.
    pub sets: SetTotals,
    /// The expected family of metrics comes first in the evidence of the service hit, of those that are ranked.
    pub metric_top1: Share,
    /// It was detected at all.
    pub detected: Share,
    /// Median of the seconds until detection.
    pub detected_median_s: Option<f64>,
    /// Mean reciprocal rank, 0 for faults without a rank.
    pub mrr: Option<f64>,
    /// A service is named although no fault was injected, or none with a noticeable effect.
    pub false_alarms: Share,
    /// Changes that are told and blamed; `None` if no answer could see changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<BlameTotals>,
    /// Mechanisms that are told; `None` if none is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<MechanismTotals>,
    /// Experiments that hit no pod.
    pub nothing_injected: usize,
    /// Experiments that could not be run or evaluated.
    pub not_scored: usize,
}

impl Totals {
    /// Computes the totals.
    pub fn of(rows: &[Row]) -> Self {
        use Outcome::{FalseAlarm, Named, NoEffect, NotObserved, NotScored, NothingInjected, Quiet};
        let is_fault = |r: &&Row| r.outcome.is_of_fault();
        let faults: Vec<&Row> = rows.iter().filter(is_fault).collect();
        let count = |of: &[Outcome]| rows.iter().filter(|r| of.contains(&r.outcome)).count();
        let within = |k: usize| faults.iter().filter(|r| r.rank.is_some_and(|rank| rank <= k)).count();
        let felt: Vec<&&Row> = faults.iter().filter(|r| !matches!(r.outcome, NoEffect | NotObserved)).collect();
        let ranked: Vec<&&Row> = faults.iter().filter(|r| r.rank.is_some() && r.expected_metric.is_some()).collect();
        let mut after: Vec<f64> = faults.iter().filter_map(|r| r.detected_after_s).collect();
        after.sort_by(f64::total_cmp);
        let reciprocal: f64 = faults.iter().filter_map(|r| r.rank).map(|rank| 1.0 / rank as f64).sum();
        Self {
            top1: Share::of(within(1), faults.len()),
            top3: Share::of(within(3), faults.len()),
            top1_of_felt: Share::of(felt.iter().filter(|r| r.rank == Some(1)).count(), felt.len()),
            top1_of_either_end: Share::of(
                faults.iter().filter(|r| r.rank_of_either_end == Some(1)).count(),
                faults.len(),
            ),
            named: Share::of(faults.iter().filter(|r| r.outcome == Named).count(), faults.len()),
            sets: SetTotals::of(faults.iter().filter_map(|r| r.set)),
            metric_top1: Share::of(ranked.iter().filter(|r| r.metric_rank == Some(1)).count(), ranked.len()),
            detected: Share::of(after.len(), faults.len()),
            detected_median_s: median(&after),
            mrr: (!faults.is_empty()).then(|| reciprocal / faults.len() as f64),
            false_alarms: Share::of(count(&[FalseAlarm]), count(&[FalseAlarm, Quiet])),
            changes: BlameTotals::of(rows.iter().filter_map(|r| r.changes.as_ref())),
            mechanism: MechanismTotals::of(rows.iter().filter_map(|r| r.mechanism.as_ref())),
            nothing_injected: count(&[NothingInjected]),
            not_scored: count(&[NotScored]),
        }
    }

    /// The shares below their required minimum, one text each. A share of no questions counts as 0.
    pub fn misses(&self, min: Minimum) -> Vec<String> {
        let miss = |what: &str, share: &Share, min: Option<f64>| {
            let min = min?;
            let got = share.share.unwrap_or(0.0);
            (got < min).then(|| format!("{what} {got:.2} ({}), below {min:.2}", share.words()))
        };
        let all = [
            miss("truth first", &self.top1, min.top1),
            miss("truth among three", &self.top3, min.top3),
            miss("exactly the faults named", &self.sets.exact, min.exact_set),
            miss("truth named", &self.named, min.named),
            self.mechanism.as_ref().and_then(|m| miss("right mechanism", &m.right, min.mechanism)),
        ];
        all.into_iter().flatten().collect()
    }

    /// As shown to users.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("truth first in {}, among the first three in {}", self.top1.words(), self.top3.words()),
            format!("named as the cause in {}", self.named.words()),
            self.sets.words(),
        ];
        if self.top1_of_felt.of < self.top1.of {
            lines.push(format!(
                "of the faults that moved something beyond noise: first in {}",
                self.top1_of_felt.words()
            ));
        }
        if self.top1_of_either_end.hits > self.top1.hits {
            lines.push(format!(
                "first, where either end of a faulty connection is right: {}",
                self.top1_of_either_end.words()
            ));
        }
        let median = self.detected_median_s.map_or_else(String::new, |s| format!(", after {s:.0} s (median)"));
        lines.push(format!("detected: {}{median}", self.detected.words()));
        lines.push(format!("the expected metric first in the evidence of {}", self.metric_top1.words()));
        lines.push(format!("false alarms: {} of {} quiet stretches", self.false_alarms.hits, self.false_alarms.of));
        lines.extend(self.mechanism.as_ref().map(MechanismTotals::words));
        lines.extend(self.changes.as_ref().map(BlameTotals::words));
        if self.nothing_injected > 0 {
            lines.push(format!("{} experiments hit no pod", self.nothing_injected));
        }
        if self.not_scored > 0 {
            let (are, their) = if self.not_scored == 1 {
                ("experiment is", "its row gives the reason")
            } else {
                ("experiments are", "their rows give the reasons")
            };
            lines.push(format!("{} {are} not scored; {their}", self.not_scored));
        }
        lines
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some((low + high) / 2.0)
}
