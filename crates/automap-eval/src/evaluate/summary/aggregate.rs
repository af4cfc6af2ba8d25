//! Computes a summary from the outcomes: means, confidence intervals, paired differences, calibration, onset errors.
//!
//! All shares and scores are rounded to six decimal places, so that the JSON does not show the rounding errors of sums.

use std::collections::BTreeMap;
use std::time::Duration;

use automap_chaos::score::{SetScore, SetTotals, Share};

use super::cases::case_summary;
use super::choice::choice;
use super::model::{
    ByName, ConfidenceSummary, EngineSummary, Estimate, GroupScores, IntervalEnds, MetricLevel, Miss, OnsetErrors,
    OnsetGroup, OnsetSummary, QuietGroup, QuietSummary, Spread, Summary, VERSION,
};
use crate::evaluate::one_case::NO_ONSET;
use crate::evaluate::onset::OnsetHint;
use crate::evaluate::{Outcome, Outcomes, QuietOutcome, ScoreAndChance, Settings};
use crate::score::Accuracy;
use crate::score::bootstrap::{self, confidence_intervals};
use crate::score::calibration::{Prediction, calibration_error, reliability, risk_coverage};
use crate::score::paths::PathScore;

/// An onset within this many samples counts as found: a rate over two scrapes cannot show it more precisely.
const NEAR_STEPS: f64 = 2.0;

/// Summarises the outcomes of [`crate::evaluate::evaluate`]. `dataset` is the name of the folder, for the record.
pub fn summarise(dataset: &str, settings: &Settings, outcomes: &Outcomes) -> Summary {
    let mut onsets: Vec<OnsetSummary> =
        (0..settings.onsets.len()).map(|o| onset_summary(settings, outcomes, o)).collect();
    let other_onsets = onsets.split_off(1.min(onsets.len()));
    let none = OnsetSummary { onset: String::new(), engines: ByName(Vec::new()), onset_error: None, choice: None };
    Summary {
        version: VERSION,
        dataset: dataset.to_owned(),
        topology: settings.uses_known_calls,
        seed: settings.seed,
        first: onsets.pop().unwrap_or(none),
        other_onsets,
        memory_max_mb: outcomes.memory_max_bytes.map(|bytes| (bytes as f64 / 1e5).round() / 10.0),
    }
}

fn onset_summary(settings: &Settings, outcomes: &Outcomes, o: usize) -> OnsetSummary {
    let first = outcomes.incidents[o].first().map(|all| by_set(all)).unwrap_or_default();
    let engines = settings.engines.iter().enumerate().map(|(e, engine)| {
        let sets = by_set(&outcomes.incidents[o][e]);
        let mut summary = engine_summary(&sets, &outcomes.cpu[o][e], settings.seed);
        summary.minus_first = (e > 0).then(|| paired_difference(&sets, &first, settings.seed));
        summary.confidence = engine.has_confidence().then(|| confidence_summary(&outcomes.incidents[o][e]));
        summary.quiet = (!outcomes.quiet[o][e].is_empty()).then(|| quiet_summary(&outcomes.quiet[o][e]));
        summary.cases = settings.lists_cases.then(|| sets.values().flatten().map(|o| case_summary(o)).collect());
        (engine.as_str().to_owned(), summary)
    });
    let engines = ByName(engines.collect());
    let is_found = settings.onsets[o] == OnsetHint::Unknown;
    OnsetSummary {
        onset: settings.onsets[o].to_string(),
        choice: choice(&engines, &outcomes.services),
        engines,
        onset_error: is_found.then(|| onset_errors(&first)),
    }
}

type BySet<'a> = BTreeMap<&'a str, Vec<&'a Outcome>>;

fn by_set(all: &[Outcome]) -> BySet<'_> {
    let mut out = BySet::new();
    all.iter().for_each(|o| out.entry(&o.set).or_default().push(o));
    out
}

fn engine_summary(sets: &BySet, cpu: &BTreeMap<String, Duration>, seed: u64) -> EngineSummary {
    let (of_sets, over) = estimates(sets, |o| Some(o.services), seed);
    let (metrics_of_sets, metrics_over) = estimates(sets, |o| o.metrics, seed);
    let time = |set: &str| cpu.get(set).copied().unwrap_or_default().as_secs_f64();
    let group = |cases: &[&Outcome], services: Estimate, metrics: Option<Estimate>, cpu_s: Option<f64>| GroupScores {
        cases: cases.len(),
        unanswered: cases.iter().filter(|o| o.miss.is_some()).count(),
        services,
        metric_level: metrics.map(|pairs| MetricLevel { cases: with_metric(cases), pairs }),
        named_sets: set_totals(cases),
        named_paths: path_totals(cases),
        cpu_s_per_case: cpu_s.map(|s| s / cases.len().max(1) as f64),
    };
    let all: Vec<&Outcome> = sets.values().flatten().copied().collect();
    let total = sets.keys().map(|set| time(set)).sum();
    let mut kinds: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    all.iter().for_each(|o| kinds.entry(&o.fault).or_default().push(o));
    let mut by_felt: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for (outcome, is_felt) in all.iter().filter_map(|o| Some((o, o.is_felt?))) {
        by_felt.entry(if is_felt { "felt by users" } else { "not felt by users" }).or_default().push(outcome);
    }
    let of_kind = |cases: &[&Outcome]| {
        let metrics: Vec<ScoreAndChance> = cases.iter().filter_map(|o| o.metrics).collect();
        let services: Vec<ScoreAndChance> = cases.iter().map(|o| o.services).collect();
        group(
            cases,
            mean_estimate(&services).rounded(),
            (!metrics.is_empty()).then(|| mean_estimate(&metrics).rounded()),
            None,
        )
    };
    let named = sets.iter().map(|(set, cases)| {
        let metrics = metrics_of_sets.get(set).cloned();
        ((*set).to_owned(), group(cases, of_sets.get(set).cloned().unwrap_or_default(), metrics, Some(time(set))))
    });
    let miss = |o: &&Outcome| Some(Miss { set: o.set.clone(), case: o.case.clone(), reason: o.miss.clone()? });
    EngineSummary {
        over_sets: group(&all, over, (!metrics_of_sets.is_empty()).then_some(metrics_over), Some(total)),
        sets: ByName(named.collect()),
        fault_kinds: ByName(kinds.iter().map(|(kind, cases)| ((*kind).to_owned(), of_kind(cases))).collect()),
        by_felt: ByName(by_felt.iter().map(|(words, cases)| ((*words).to_owned(), of_kind(cases))).collect()),
        minus_first: None,
        confidence: None,
        quiet: None,
        misses: all.iter().filter_map(miss).collect(),
        cases: None,
    }
}

/// `None` if the engine names no causes.
fn set_totals(cases: &[&Outcome]) -> Option<SetTotals> {
    let all: Vec<SetScore> = cases.iter().filter_map(|o| o.named_set).collect();
    (!all.is_empty()).then(|| SetTotals::of(all))
}

/// `None` if no truth says who felt a fault.
fn path_totals(cases: &[&Outcome]) -> Option<Share> {
    let all: Vec<PathScore> = cases.iter().filter_map(|o| o.paths).collect();
    let right = all.iter().map(|p| p.right).sum();
    (!all.is_empty()).then(|| Share::of(right, all.iter().map(|p| p.of).sum()))
}

fn with_metric(cases: &[&Outcome]) -> usize {
    cases.iter().filter(|o| o.metrics.is_some()).count()
}

/// Estimates of each set that has such scores, and of the mean over those sets.
fn estimates<'a>(
    sets: &BySet<'a>,
    scored: impl Fn(&Outcome) -> Option<ScoreAndChance>,
    seed: u64,
) -> (BTreeMap<&'a str, Estimate>, Estimate) {
    let chosen: Vec<(&str, Vec<(&str, ScoreAndChance)>)> = sets
        .iter()
        .map(|(set, cases)| (*set, cases.iter().filter_map(|o| Some((&o.scenario[..], scored(o)?))).collect()))
        .filter(|(_, cases): &(_, Vec<_>)| !cases.is_empty())
        .collect();
    let reached: Vec<Vec<bootstrap::ScenarioScore>> =
        chosen.iter().map(|(_, cases)| cases.iter().map(|(scenario, s)| (*scenario, s.reached)).collect()).collect();
    let (ends, over_ends) = confidence_intervals(&reached, seed);
    let plains: Vec<Estimate> =
        chosen.iter().map(|(_, cases)| mean_estimate(&cases.iter().map(|(_, s)| *s).collect::<Vec<_>>())).collect();
    let mean = Accuracy::mean(&plains.iter().map(|e| e.mean).collect::<Vec<_>>()).rounded();
    let chance = Accuracy::mean(&plains.iter().filter_map(|e| e.chance).collect::<Vec<_>>()).rounded();
    let of_sets = chosen.iter().zip(plains).zip(ends);
    let of_sets =
        of_sets.map(|(((set, _), e), ends)| (*set, Estimate { ci: Some(IntervalEnds::from(ends)), ..e }.rounded()));
    (of_sets.collect(), Estimate { mean, ci: Some(IntervalEnds::from(over_ends)), chance: Some(chance) })
}

fn mean_estimate(scored: &[ScoreAndChance]) -> Estimate {
    let mean = |f: fn(&ScoreAndChance) -> Accuracy| Accuracy::mean(&scored.iter().map(f).collect::<Vec<_>>());
    Estimate { mean: mean(|s| s.reached), ci: None, chance: Some(mean(|s| s.chance)) }
}

impl Estimate {
    fn rounded(self) -> Self {
        Self { mean: self.mean.rounded(), chance: self.chance.map(Accuracy::rounded), ..self }
    }
}

/// The mean difference to the first engine, case by case. Pairing removes what makes a case easy or hard for every engine, so the
/// interval is narrower than that of two separate means.
fn paired_difference(sets: &BySet, first: &BySet, seed: u64) -> Estimate {
    let paired = |(cases, firsts): (&Vec<&Outcome>, &Vec<&Outcome>)| -> Vec<(String, Accuracy)> {
        let one = |(a, b): (&&Outcome, &&Outcome)| (a.scenario.clone(), a.services.reached - b.services.reached);
        cases.iter().zip(firsts).map(one).collect()
    };
    let differences: Vec<Vec<(String, Accuracy)>> = sets.values().zip(first.values()).map(paired).collect();
    let scored: Vec<Vec<bootstrap::ScenarioScore>> =
        differences.iter().map(|set| set.iter().map(|(scenario, d)| (&scenario[..], *d)).collect()).collect();
    let of_set = |set: &Vec<bootstrap::ScenarioScore>| Accuracy::mean(&set.iter().map(|(_, d)| *d).collect::<Vec<_>>());
    let mean = Accuracy::mean(&scored.iter().map(of_set).collect::<Vec<_>>()).rounded();
    Estimate { mean, ci: Some(IntervalEnds::from(confidence_intervals(&scored, seed).1)), chance: None }
}

fn confidence_summary(all: &[Outcome]) -> ConfidenceSummary {
    let predictions: Vec<Prediction> = all
        .iter()
        .map(|o| Prediction {
            confidence: o.certainty.map_or(0.0, |c| c.confidence),
            is_right: o.services.reached.ac1 >= 1.0,
        })
        .collect();
    let named: Vec<&Outcome> = all.iter().filter(|o| o.certainty.is_some_and(|c| c.is_named)).collect();
    let right = named.iter().filter(|o| o.services.reached.ac1 >= 1.0).count();
    let bins = reliability(&predictions);
    ConfidenceSummary {
        named: named.len(),
        named_right: (!named.is_empty()).then(|| share(right, named.len())),
        calibration_error: calibration_error(&bins).map(round),
        reliability: bins,
        risk_coverage: risk_coverage(&predictions),
    }
}

fn quiet_summary(all: &[QuietOutcome]) -> QuietSummary {
    let mut sets: BTreeMap<&str, Vec<&QuietOutcome>> = BTreeMap::new();
    all.iter().for_each(|q| sets.entry(&q.set).or_default().push(q));
    let group = |some: &[&QuietOutcome]| {
        let count = |f: fn(&QuietOutcome) -> bool| some.iter().filter(|q| f(q)).count();
        QuietGroup {
            stretches: some.len(),
            unanswered: count(|q| q.confidence.is_none()),
            named: share(count(|q| q.is_named), some.len()),
            onset_found: share(count(|q| q.has_onset), some.len()),
            confidence: spread(some.iter().filter_map(|q| q.confidence).collect()),
        }
    };
    let of_sets = sets.iter().map(|(set, some)| ((*set).to_owned(), group(some))).collect();
    QuietSummary { all: group(&all.iter().collect::<Vec<_>>()), sets: ByName(of_sets) }
}

fn onset_errors(sets: &BySet) -> OnsetErrors {
    let all: Vec<&Outcome> = sets.values().flatten().copied().collect();
    let of_sets = sets.iter().map(|(set, cases)| ((*set).to_owned(), onset_group(cases))).collect();
    OnsetErrors { all: onset_group(&all), sets: ByName(of_sets) }
}

fn onset_group(cases: &[&Outcome]) -> OnsetGroup {
    let not_found = cases.iter().filter(|o| o.miss.as_deref() == Some(NO_ONSET)).count();
    let errors: Vec<(f64, f64)> = cases
        .iter()
        .filter_map(|o| Some((o.onset_error_ms? as f64 / 1e3, o.onset_error_ms? as f64 / o.step_ms.max(1) as f64)))
        .collect();
    let of = errors.len() + not_found;
    let count = |f: &dyn Fn(f64) -> bool| share(errors.iter().filter(|(_, steps)| f(*steps)).count(), of);
    OnsetGroup {
        cases: of,
        not_found,
        error_s: spread(errors.iter().map(|(s, _)| s.abs()).collect()),
        error_steps: spread(errors.iter().map(|(_, steps)| steps.abs()).collect()),
        within_2_steps: count(&|steps| steps.abs() <= NEAR_STEPS),
        early: count(&|steps| steps < -NEAR_STEPS),
        late: count(&|steps| steps > NEAR_STEPS),
    }
}

fn spread(mut values: Vec<f64>) -> Option<Spread> {
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| values.get((share * (values.len().max(1) - 1) as f64).round() as usize).copied().map(round);
    Some(Spread { p50: at(0.5)?, p90: at(0.9)?, max: at(1.0)? })
}

fn share(some: usize, all: usize) -> f64 {
    round(some as f64 / all.max(1) as f64)
}

/// Six decimal places, which hide the rounding errors of sums.
pub(super) fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::Baseline;
    use crate::engine::{Certainty, Engine};

    fn outcome(set: &str, rank: Option<usize>, confidence: f64, onset_error_ms: Option<i64>) -> Outcome {
        let reached = Accuracy::of_answer(&[rank]);
        Outcome {
            set: set.to_owned(),
            case: format!("{rank:?}"),
            scenario: format!("{rank:?}"),
            fault: "cpu".to_owned(),
            ranked: crate::evaluate::Ranked { causes: vec!["x".to_owned()], rank, ..Default::default() },
            services: ScoreAndChance { reached, chance: Accuracy::of_chance(4, 1) },
            metrics: None,
            named_set: Some(SetScore {
                faults: 1,
                named: usize::from(confidence >= 0.4),
                right: usize::from(rank == Some(1)),
            }),
            paths: None,
            is_felt: None,
            certainty: Some(Certainty { confidence, is_named: confidence >= 0.4 }),
            onset_error_ms,
            step_ms: 5000,
            miss: onset_error_ms.is_none().then(|| NO_ONSET.to_owned()),
        }
    }

    fn settings(engines: Vec<Engine>) -> Settings {
        Settings {
            engines,
            onsets: vec![OnsetHint::Unknown],
            uses_known_calls: true,
            includes_quiet_periods: false,
            lists_cases: true,
            seed: 1,
        }
    }

    #[test]
    fn sets_have_equal_weight_and_engines_are_compared_case_by_case() {
        let engines = vec![Engine::BuiltIn(automap_core::rank::Engine::Evidence), Engine::Baseline(Baseline::Random)];
        let good = vec![outcome("a", Some(1), 0.9, Some(0)), outcome("b", Some(1), 0.5, Some(-15_000))];
        let bad = vec![outcome("a", Some(2), 0.3, Some(0)), outcome("b", None, 0.0, None)];
        let mut first = good.clone();
        first.push(outcome("b", Some(3), 0.5, Some(10_000)));
        let mut second = bad.clone();
        second.push(outcome("b", Some(3), 0.2, Some(10_000)));
        let outcomes = Outcomes {
            incidents: vec![vec![first, second]],
            quiet: vec![vec![Vec::new(), Vec::new()]],
            cpu: vec![vec![BTreeMap::from([("b".to_owned(), Duration::from_secs(3))]), BTreeMap::new()]],
            services: BTreeMap::new(),
            memory_max_bytes: Some(12_340_000),
        };
        let summary = summarise("dir", &settings(engines), &outcomes);
        let (ours, random) = (&summary.first.engines.0[0].1, &summary.first.engines.0[1].1);
        // Set a: 1; set b: 1 of 2.
        assert_eq!((ours.over_sets.services.mean.ac1, ours.over_sets.cases), (0.75, 3));
        assert_eq!(ours.fault_kinds.get("cpu").unwrap().services.mean.ac1, 0.666667);
        assert_eq!((ours.over_sets.cpu_s_per_case, ours.sets.get("b").unwrap().cpu_s_per_case), (Some(1.0), Some(1.5)));
        assert_eq!(ours.over_sets.services.chance.unwrap().ac1, 0.25);
        assert_eq!(random.minus_first.as_ref().unwrap().mean.ac1, -0.75);
        assert_eq!((random.misses.len(), random.over_sets.unanswered), (1, 1));
        let ranks: Vec<_> = random.cases.as_ref().unwrap().iter().map(|c| (&c.set[..], c.rank)).collect();
        assert_eq!(ranks, [("a", Some(2)), ("b", None), ("b", Some(3))]);
        let confidence_summary = ours.confidence.as_ref().unwrap();
        assert_eq!((confidence_summary.named, confidence_summary.named_right), (3, Some(0.666667)));
        assert_eq!(random.confidence, None);
        // Three named, two of them right, of three faults.
        let sets = ours.over_sets.named_sets.unwrap();
        assert_eq!((sets.precision.hits, sets.precision.of, sets.recall.of, sets.exact.hits), (2, 3, 3, 2));
        // Errors 0, −3 and +2 samples.
        let found = &summary.first.onset_error.as_ref().unwrap().all;
        assert_eq!((found.cases, found.not_found, found.error_s.unwrap().p50), (3, 0, 10.0));
        assert_eq!((found.within_2_steps, found.early, found.late), (0.666667, 0.333333, 0.0));
        assert_eq!(summary.memory_max_mb, Some(12.3));
    }

    #[test]
    fn fault_free_time_is_summarised() {
        let quiet = |confidence: Option<f64>| QuietOutcome {
            set: "a".to_owned(),
            confidence,
            is_named: confidence.is_some_and(|c| c >= 0.4),
            has_onset: true,
        };
        let all = quiet_summary(&[quiet(Some(0.1)), quiet(Some(0.5)), quiet(None), quiet(Some(0.2))]).all;
        assert_eq!((all.stretches, all.unanswered, all.named), (4, 1, 0.25));
        assert_eq!(all.confidence, Some(Spread { p50: 0.2, p90: 0.5, max: 0.5 }));
    }
}
