//! Locates a rise among the values of one label: a value's share of the rise against its share of the requests, with a significance test.
//!
//! The rise of a value is its excess over its own baseline level, at its request count in the incident; without enough requests in the baseline, over
//! the level of the whole service. A value stands out if its share of the rise exceeds its share of the requests by more than [`CLEAR_SPREADS`]
//! spreads and by a practical margin. Failures are binomial. Of durations only sum and count are known: their standard deviation is assumed to equal
//! their mean, as in an exponential distribution. "Evenly" is said only where the whole rise on one value would have stood out; otherwise there are
//! too few requests to tell.
//!
//! Worked example: three pods serve 300 requests each. Before, none fails; then 60 fail, all of them at one pod. Its share of the rise is 1, its
//! share of the requests a third. Spread evenly it would have 20 with a spread of √(300 · 0.067 · 0.933 · ⅔) = 3.5; 60 is 11 spreads above. With 2
//! failures instead of 60, all of them at one pod are 2 spreads above even: too few to tell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ByLabel, Counts, Measure, ValueCounts};

/// Spreads above an even share from which chance is ruled out, for up to 200 values at once.
const CLEAR_SPREADS: f64 = 3.5;
/// Baseline requests from which a value is compared with its own level.
const OWN_LEVEL_REQUESTS: f64 = 20.0;
/// A value stands out in practice if its share of the rise is this many times its share of the requests …
const CLEAR_FACTOR: f64 = 1.5;
/// … or exceeds it by this margin; this must hold for all that stand out together.
const CLEAR_MARGIN: f64 = 0.2;
/// The values that stand out have at least this share of the rise.
const MOST: f64 = 0.5;
/// A rise of less than this share of the earlier level does not count.
const LEAST_RISE: f64 = 0.05;
/// Outcomes are listed until they have this share of the rise.
const NEARLY_ALL: f64 = 0.8;
/// Failures from which their outcomes are reported.
const LEAST_FAILURES: f64 = 5.0;

/// How a rise is distributed over the values of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Most of the rise is on the listed values.
    Concentrated,
    /// The rise is proportional to the requests.
    Even,
    /// There is too little data to decide.
    TooFew,
    /// There is only one value.
    OnlyOne,
    /// What was counted here did not rise.
    NoRise,
}

/// The share of one value in a rise.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueShare {
    /// The value.
    pub value: String,
    /// Its share of the rise; the shares of all values add up to 1, and a value that fell has a negative share.
    pub of_rise: f64,
    /// Its share of the requests (or periods, or pods) in the incident, 0–1.
    pub of_base: f64,
    /// Its level in the baseline; `None` if it had none.
    pub from: Option<f64>,
    /// Its level in the incident; `None` if it had none.
    pub to: Option<f64>,
}

/// The finding for one label.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelFinding {
    /// The finding.
    pub finding: Finding,
    /// How many values there were in the incident.
    pub values: usize,
    /// The values on which the rise is concentrated, else all; the largest share of the rise first.
    pub shares: Vec<ValueShare>,
}

impl LabelFinding {
    /// Share of the rise, and of the requests, of all listed values together.
    pub fn together(&self) -> (f64, f64) {
        self.shares.iter().fold((0.0, 0.0), |(rise, base), s| (rise + s.of_rise, base + s.of_base))
    }
}

/// Judges the counts by one label. O(values · log values).
///
/// ```
/// use automap_core::breakdown::judge::{Finding, judge};
/// use automap_core::breakdown::{ByLabel, Counts, Label, Measure, ValueCounts};
///
/// let pod = |value: &str, failed: f64| ValueCounts {
///     value: value.to_owned(),
///     before: Some(Counts { base: 300.0, amount: 0.0 }),
///     during: Some(Counts { base: 300.0, amount: failed }),
/// };
/// let pods = |failed: [f64; 3]| {
///     let values = ["a", "b", "c"].into_iter().zip(failed).map(|(name, n)| pod(name, n)).collect();
///     judge(&ByLabel { label: Label::Pod, values }, Measure::Failures)
/// };
/// let one = pods([60.0, 0.0, 0.0]);
/// assert_eq!((one.finding, one.shares[0].value.as_str(), one.shares[0].of_rise), (Finding::Concentrated, "a", 1.0));
/// assert_eq!(pods([20.0, 21.0, 19.0]).finding, Finding::Even);
/// assert_eq!(pods([2.0, 0.0, 0.0]).finding, Finding::TooFew);
/// ```
pub fn judge(counts: &ByLabel, measure: Measure) -> LabelFinding {
    let sum = |of: fn(&ValueCounts) -> Option<Counts>| {
        counts
            .values
            .iter()
            .filter_map(of)
            .fold(Counts::default(), |a, b| Counts { base: a.base + b.base, amount: a.amount + b.amount })
    };
    let (before, during) = (sum(|v| v.before), sum(|v| v.during));
    let seen = counts.values.iter().filter(|v| v.during.is_some_and(|c| c.base > 0.0)).count();
    let nothing = |finding| LabelFinding { finding, values: seen, shares: Vec::new() };
    let Some(level) = before.level().filter(|_| during.base > 0.0) else { return nothing(Finding::TooFew) };
    let is_outcome = counts.label.is_outcome() && measure == Measure::Failures;
    let rises: Vec<f64> =
        counts.values.iter().map(|v| rise(v, (level, before.base, during.base), is_outcome, measure)).collect();
    let total: f64 = rises.iter().sum();
    if total <= LEAST_RISE * level * during.base || total <= 0.0 {
        return nothing(Finding::NoRise);
    }
    let mut shares: Vec<ValueShare> = counts
        .values
        .iter()
        .zip(&rises)
        .map(|(v, rise)| ValueShare {
            value: v.value.clone(),
            of_rise: rise / total,
            of_base: v.during.map_or(0.0, |c| c.base / during.base),
            from: v.before.and_then(Counts::level),
            to: v.during.and_then(Counts::level),
        })
        .collect();
    shares.sort_by(|a, b| b.of_rise.total_cmp(&a.of_rise).then_with(|| a.value.cmp(&b.value)));
    if is_outcome {
        return outcomes(shares, total, seen);
    }
    if seen < 2 {
        return LabelFinding { finding: Finding::OnlyOne, values: seen, shares };
    }
    let spreads = |of_rise: f64, of_base: f64| spreads_above(of_rise - of_base, of_base, total, during, measure);
    let stands_out = |s: &ValueShare| {
        let is_much = s.of_rise >= CLEAR_FACTOR * s.of_base || s.of_rise >= s.of_base + CLEAR_MARGIN;
        is_much && spreads(s.of_rise, s.of_base) >= CLEAR_SPREADS
    };
    let found: Vec<ValueShare> = shares.iter().filter(|s| stands_out(s)).cloned().collect();
    let found = LabelFinding { finding: Finding::Concentrated, values: seen, shares: found };
    let (of_rise, of_base) = found.together();
    if of_rise >= MOST && of_rise >= of_base + CLEAR_MARGIN {
        return found;
    }
    let typical = typical(&shares);
    let finding = if spreads(1.0, typical) >= CLEAR_SPREADS { Finding::Even } else { Finding::TooFew };
    LabelFinding { finding, values: seen, shares }
}

/// The excess of a value over its expected amount without a fault.
fn rise(v: &ValueCounts, whole: (f64, f64, f64), is_outcome: bool, measure: Measure) -> f64 {
    let (level, base_before, base_during) = whole;
    let now = v.during.unwrap_or_default();
    if is_outcome {
        // The requests with an outcome are its failures, so count how many of all requests end like this.
        return now.amount - v.before.map_or(0.0, |c| c.amount) * base_during / base_before;
    }
    let least = if measure.is_of_pods() { 1.0 } else { OWN_LEVEL_REQUESTS };
    let own = v.before.filter(|c| c.base >= least).and_then(Counts::level);
    now.amount - now.base * own.unwrap_or(level)
}

/// By how many spreads a share of the rise exceeds an even one. Levels of pods are not based on counts: there the practical margin alone decides.
fn spreads_above(excess: f64, of_base: f64, total: f64, during: Counts, measure: Measure) -> f64 {
    if measure.is_of_pods() {
        return f64::INFINITY;
    }
    let level = during.amount / during.base;
    let spread = match measure {
        Measure::Failures | Measure::Throttling => (level * (1.0 - level).max(0.0)).sqrt(),
        _ => level,
    };
    let of_sum = spread * (during.base * of_base * (1.0 - of_base)).sqrt();
    if of_sum > 0.0 {
        excess * total / of_sum
    } else if excess > 0.0 && level > 0.0 && of_base > 0.0 {
        CLEAR_SPREADS
    } else {
        0.0
    }
}

/// The median of the shares of the requests.
fn typical(shares: &[ValueShare]) -> f64 {
    let mut parts: Vec<f64> = shares.iter().map(|s| s.of_base).filter(|b| *b > 0.0).collect();
    parts.sort_by(f64::total_cmp);
    parts.get(parts.len() / 2).copied().unwrap_or(1.0)
}

/// The outcomes that make up nearly all of the new failures.
fn outcomes(shares: Vec<ValueShare>, total: f64, seen: usize) -> LabelFinding {
    if total < LEAST_FAILURES {
        return LabelFinding { finding: Finding::TooFew, values: seen, shares };
    }
    let mut sum = 0.0;
    let listed = shares.into_iter().take_while(|s| {
        let is_needed = sum < NEARLY_ALL;
        sum += s.of_rise;
        is_needed
    });
    LabelFinding { finding: Finding::Concentrated, values: seen, shares: listed.collect() }
}

#[cfg(test)]
mod tests {
    use super::super::Label;
    use super::*;

    type Window = Option<(f64, f64)>;

    fn of(label: Label, measure: Measure, values: &[(&str, Window, Window)]) -> LabelFinding {
        let counts = |w: &Window| w.map(|(base, amount)| Counts { base, amount });
        let values = values.iter().map(|(name, before, during)| ValueCounts {
            value: (*name).to_owned(),
            before: counts(before),
            during: counts(during),
        });
        judge(&ByLabel { label, values: values.collect() }, measure)
    }

    fn named(found: &LabelFinding) -> Vec<&str> {
        found.shares.iter().map(|s| s.value.as_str()).collect()
    }

    #[test]
    fn a_bad_canary_is_told_though_it_was_not_there_before() {
        let found = of(
            Label::Pod,
            Measure::Latency,
            &[
                ("old-a", Some((4000.0, 48_000.0)), Some((400.0, 4900.0))),
                ("old-b", Some((4000.0, 48_000.0)), Some((400.0, 4700.0))),
                ("new", None, Some((200.0, 50_000.0))),
            ],
        );
        assert_eq!((found.finding, named(&found)), (Finding::Concentrated, vec!["new"]));
        let new = &found.shares[0];
        assert!(new.of_rise > 0.98 && (new.of_base - 0.2).abs() < 1e-9, "{new:?}");
        assert_eq!((new.from, new.to), (None, Some(250.0)));
    }

    #[test]
    fn several_pods_of_one_node_stand_out_together() {
        let pod = |name, ms: f64| (name, Some((1000.0, 12_000.0)), Some((500.0, 500.0 * ms)));
        let found = of(
            Label::Pod,
            Measure::Latency,
            &[pod("a", 60.0), pod("b", 12.0), pod("c", 64.0), pod("d", 12.1), pod("e", 11.9), pod("f", 12.0)],
        );
        assert_eq!((found.finding, named(&found)), (Finding::Concentrated, vec!["c", "a"]));
        assert!((found.together().1 - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn chance_is_no_concentration_and_too_few_requests_are_no_evenness() {
        let pods = |n: f64, slow: [f64; 3]| {
            let [a, b, c] = slow.map(|ms| Some((n, n * ms)));
            let before = Some((n * 10.0, n * 120.0));
            of(Label::Pod, Measure::Latency, &[("a", before, a), ("b", before, b), ("c", before, c)])
        };
        assert_eq!(pods(300.0, [60.0, 62.0, 58.0]).finding, Finding::Even);
        assert_eq!(pods(3.0, [60.0, 10.0, 12.0]).finding, Finding::TooFew, "three requests each");
        assert_eq!(pods(300.0, [12.0, 12.1, 11.9]).finding, Finding::NoRise);
        // A pod that serves most requests has most of the rise, which says nothing.
        let busy = of(
            Label::Pod,
            Measure::Failures,
            &[("a", Some((8000.0, 0.0)), Some((800.0, 80.0))), ("b", Some((2000.0, 0.0)), Some((200.0, 20.0)))],
        );
        assert_eq!(busy.finding, Finding::Even);
    }

    #[test]
    fn what_failed_before_is_no_rise() {
        let found = of(
            Label::Route,
            Measure::Failures,
            &[
                ("/search", Some((1000.0, 100.0)), Some((1000.0, 100.0))),
                ("/carts", Some((1000.0, 0.0)), Some((1000.0, 50.0))),
            ],
        );
        assert_eq!((found.finding, named(&found)), (Finding::Concentrated, vec!["/carts"]));
        assert_eq!(found.shares[0].of_rise, 1.0);
    }

    #[test]
    fn outcomes_are_listed_by_their_part_alone() {
        let found = of(
            Label::ResponseCode,
            Measure::Failures,
            &[
                ("200", Some((1000.0, 0.0)), Some((450.0, 0.0))),
                ("500", Some((10.0, 10.0)), Some((5.0, 5.0))),
                ("503", None, Some((50.0, 50.0))),
            ],
        );
        assert_eq!((found.finding, named(&found)), (Finding::Concentrated, vec!["503"]));
        let few = of(
            Label::ResponseCode,
            Measure::Failures,
            &[("200", Some((9.0, 0.0)), Some((9.0, 0.0))), ("503", None, Some((2.0, 2.0)))],
        );
        assert_eq!(few.finding, Finding::TooFew);
    }

    #[test]
    fn of_resources_the_pods_are_compared() {
        let pod = |name, before: f64, during: f64| (name, Some((1.0, before)), Some((1.0, during)));
        let one = of(Label::Pod, Measure::Cpu, &[pod("a", 0.2, 0.9), pod("b", 0.2, 0.21), pod("c", 0.2, 0.19)]);
        assert_eq!((one.finding, named(&one)), (Finding::Concentrated, vec!["a"]));
        let all = of(Label::Pod, Measure::Cpu, &[pod("a", 0.2, 0.8), pod("b", 0.2, 0.9), pod("c", 0.2, 0.85)]);
        assert_eq!(all.finding, Finding::Even);
    }

    #[test]
    fn one_value_and_none() {
        let one = of(Label::Caller, Measure::Failures, &[("web", Some((100.0, 0.0)), Some((100.0, 50.0)))]);
        assert_eq!((one.finding, one.values), (Finding::OnlyOne, 1));
        assert_eq!(of(Label::Caller, Measure::Failures, &[]).finding, Finding::TooFew);
        assert_eq!(
            of(Label::Pod, Measure::Latency, &[("new", None, Some((9.0, 90.0)))]).finding,
            Finding::TooFew,
            "nothing to compare with"
        );
    }
}
