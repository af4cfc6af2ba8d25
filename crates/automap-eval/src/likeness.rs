//! Compares how the metrics of two data sets behave, such as simulated and recorded incidents.
//!
//! Before the fault, for each series: its noise, how often it jumps, how much of the last samples persists in the current one, and how much is
//! missing. For each incident with one fault: the share of services whose latency or errors move. Distributions are compared by the
//! Kolmogorov–Smirnov distance, which does not depend on units.
//!
//! Left out: how noise depends on load, and what several series do together beyond moving at all. Two data sets that are alike here may differ
//! otherwise.

mod measures;

use std::collections::BTreeMap;

use automap_core::metric::Family;
use automap_core::stats::{median, quantile};

use crate::dataset::{Case, Dataset};

/// Fewest values that form a distribution.
const MIN_VALUES: usize = 8;
/// Families that nearly every data set has.
const FAMILIES: [Family; 6] =
    [Family::Latency, Family::Error, Family::Throughput, Family::Cpu, Family::Memory, Family::Network];
/// Stands for all families if a measure belongs to an incident.
const ALL: &str = "all";

/// The compared property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Standard deviation by mean.
    Noise,
    /// Kurtosis of the steps from sample to sample: 3 for a normal distribution, more with rare jumps.
    Jumps,
    /// Autocorrelation at this lag, in samples.
    Autocorrelation(usize),
    /// Share of samples that are missing.
    Missing,
    /// Share of the services that move for a fault.
    Reach,
}

impl Measure {
    /// The measure in words.
    pub fn words(self) -> String {
        match self {
            Self::Noise => "coefficient of variation".to_owned(),
            Self::Jumps => "kurtosis of differences".to_owned(),
            Self::Autocorrelation(lag) => format!("autocorrelation, lag {lag}"),
            Self::Missing => "share of samples missing".to_owned(),
            Self::Reach => "share of services that move".to_owned(),
        }
    }
}

/// The distributions of a data set.
#[derive(Clone, Debug, Default)]
pub struct Traits {
    /// Incidents and quiet stretches that were measured.
    pub cases: usize,
    values: BTreeMap<(Measure, String), Vec<f64>>,
}

/// A distribution in three numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// 10th percentile.
    pub p10: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        Self { p10: quantile(values, 0.1), p50: median(values), p90: quantile(values, 0.9) }
    }
}

/// One measure of one family of metrics on both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was measured.
    pub measure: Measure,
    /// The family of metrics.
    pub family: String,
    /// In the first data set.
    pub simulated: Spread,
    /// In the second.
    pub recorded: Spread,
    /// The largest difference of the two distribution functions, 0 to 1.
    pub distance: f64,
}

/// How far apart two distributions are, as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// Hardly different.
    Like,
    /// Visibly different.
    Apart,
    /// They have little in common.
    Unlike,
}

impl Likeness {
    /// From this distance on, two distributions are apart.
    pub const APART: f64 = 0.25;
    /// From this distance on, they are unlike.
    pub const UNLIKE: f64 = 0.5;
}

impl Row {
    /// The distance as a word.
    pub fn likeness(&self) -> Likeness {
        match self.distance {
            d if d >= Likeness::UNLIKE => Likeness::Unlike,
            d if d >= Likeness::APART => Likeness::Apart,
            _ => Likeness::Like,
        }
    }
}

impl Traits {
    /// Measures a data set, one case after the other. A case that cannot be read is left out.
    ///
    /// # Arguments
    /// - `most`: with more cases than this, every few are taken, evenly spread over the data set.
    /// - `on_progress`: called after each case with the number of cases done.
    pub fn of(dataset: &Dataset, most: usize, on_progress: &mut dyn FnMut(usize)) -> Self {
        let mut traits = Self::default();
        let all: Vec<_> = dataset.incidents().chain(dataset.quiet()).collect();
        let every = all.len().div_ceil(most.max(1)).max(1);
        for (done, location) in all.into_iter().step_by(every).enumerate() {
            if let Ok(case) = location.read(true) {
                traits.add(&case);
            }
            on_progress(done + 1);
        }
        traits
    }

    fn add(&mut self, case: &Case) {
        self.cases += 1;
        let frame = &case.observation.frame;
        let onset = case.truth.as_ref().map(|truth| truth.started);
        let quiet = frame.times().partition_point(|t| onset.is_none_or(|onset| *t < onset));
        for series in frame.series().iter().filter(|s| FAMILIES.contains(&s.metric.family)) {
            let family = series.metric.family.as_str();
            for (measure, value) in measures::of_series(&series.values[..quiet]) {
                self.values.entry((measure, family.to_owned())).or_default().push(value);
            }
        }
        let is_single = case.truth.as_ref().is_some_and(|truth| truth.services.len() == 1);
        if let Some(share) = is_single.then(|| measures::moved(frame, quiet)).flatten() {
            self.values.entry((Measure::Reach, ALL.to_owned())).or_default().push(share);
        }
    }

    /// All measures with enough values on both sides, in order.
    pub fn beside(&self, recorded: &Self) -> Vec<Row> {
        let both = self.values.iter().filter_map(|(key, ours)| Some((key, ours, recorded.values.get(key)?)));
        let is_enough = |ours: &[f64], theirs: &[f64]| ours.len().min(theirs.len()) >= MIN_VALUES;
        both.filter(|(_, ours, theirs)| is_enough(ours, theirs))
            .map(|((measure, family), ours, theirs)| Row {
                measure: *measure,
                family: family.clone(),
                simulated: Spread::of(ours),
                recorded: Spread::of(theirs),
                distance: measures::distance(ours, theirs),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_of_what_both_sides_have() {
        let key = |family: &str| (Measure::Noise, family.to_owned());
        let rising: Vec<f64> = (0..20).map(f64::from).collect();
        let ours = Traits {
            cases: 1,
            values: [(key("cpu"), rising.clone()), (key("memory"), rising.clone()), (key("error"), vec![1.0])].into(),
        };
        let theirs = Traits { cases: 1, values: [(key("cpu"), rising.clone()), (key("error"), rising)].into() };
        let rows = ours.beside(&theirs);
        assert_eq!((rows.len(), rows[0].family.as_str(), rows[0].distance), (1, "cpu", 0.0));
        assert_eq!((rows[0].likeness(), rows[0].simulated.p50), (Likeness::Like, 9.5));
    }
}
