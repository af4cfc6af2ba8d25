//! Evaluates one engine on one case: queries it without the truth, then scores the answer with it.
//!
//! Also builds the fault-free questions that measure false alarms: the time before an incident is cut so that its last part looks like an
//! incident to the engine.

use automap_chaos::score::SetScore;
use automap_core::metric::Side;
use automap_core::observation::Observation;
use automap_core::time::Interval;
use automap_core::topology::CallGraph;

use super::onset::OnsetHint;
use super::{LoadedCase, Outcome, QuietOutcome, RANKED_KEPT, Ranked, ScoreAndChance};
use crate::dataset::{Case, Truth, indicator};
use crate::engine::{Answer, Engine, Question};
use crate::score::Accuracy;
use crate::score::paths::PathScore;
use automap_core::random::Rng;

/// The reason shown for an answer without an onset.
pub(super) const NO_ONSET: &str = "no onset found";
/// The last part of a fault-free period that is treated as the incident, at most.
const QUIET_SHARE: f64 = 1.0 / 3.0;

/// Evaluates an incident. A case that cannot be loaded or answered is a miss.
pub(super) fn evaluate_incident(loaded: &LoadedCase, engine: Engine, seed: u64) -> Outcome {
    let mut outcome = Outcome {
        set: loaded.location.set.clone(),
        case: loaded.location.name.clone(),
        scenario: loaded.location.name.clone(),
        fault: "unreadable".to_owned(),
        ranked: Ranked::default(),
        services: ScoreAndChance::default(),
        metrics: None,
        named_set: engine.has_confidence().then_some(SetScore { faults: 1, named: 0, right: 0 }),
        paths: None,
        is_felt: None,
        certainty: None,
        onset_error_ms: None,
        step_ms: 0,
        miss: None,
    };
    let (case, truth) = match &loaded.case {
        Ok(Case { truth: None, .. }) => return Outcome { miss: Some("no fault was injected".to_owned()), ..outcome },
        Err(reason) => return Outcome { miss: Some(reason.clone()), ..outcome },
        Ok(case @ Case { truth: Some(truth), .. }) => (case, truth),
    };
    (outcome.scenario, outcome.fault) = (truth.scenario(), truth.fault.clone());
    outcome.step_ms = case.observation.frame.step_ms();
    outcome.is_felt = truth.is_felt;
    outcome.ranked.causes.clone_from(&truth.services);
    (outcome.services.chance, outcome.metrics) = chance_scores(case, truth);
    outcome.named_set = outcome.named_set.map(|_| SetScore::of(&truth.faulty_services(), &[]));
    match answer(case, engine, seed_of(loaded, seed)) {
        Ok(answer) => score_answer(&mut outcome, &answer, truth, &case.observation.calls),
        Err(reason) => outcome.miss = Some(reason),
    }
    outcome
}

fn answer(case: &Case, engine: Engine, seed: u64) -> Result<Answer, String> {
    let question = Question { observation: &case.observation, entry: case.entry.as_deref(), seed };
    let answer = engine.answer(&question)?;
    // Without an onset the engine compares arbitrary windows; a lucky ranking must not count as an answer.
    match answer.started {
        None => Err(NO_ONSET.to_owned()),
        Some(_) => Ok(answer),
    }
}

fn score_answer(outcome: &mut Outcome, answer: &Answer, truth: &Truth, calls: &CallGraph) {
    let rank = |cause: &String| answer.services.iter().position(|s| s == cause).map(|i| i + 1);
    let ranks: Vec<Option<usize>> = truth.services.iter().map(rank).collect();
    outcome.services.reached = Accuracy::of_answer(&ranks);
    outcome.ranked.rank = ranks.iter().copied().flatten().min();
    outcome.ranked.services = answer.services.iter().take(RANKED_KEPT).cloned().collect();
    if let Some(metrics) = &mut outcome.metrics {
        let root = answer.metrics.iter().position(|(s, m)| truth.is_root(s, m) == Some(true));
        outcome.ranked.metric_rank = root.map(|i| i + 1);
        metrics.reached = Accuracy::of_answer(&[outcome.ranked.metric_rank]);
    }
    if let Some(named) = &answer.named {
        outcome.named_set = Some(SetScore::of(&truth.faulty_services(), named));
        // An engine that is not given the calls cannot report a chain.
        let can_tell = !truth.felt_by.is_empty() && !calls.is_empty();
        outcome.paths = can_tell.then(|| PathScore::of(&truth.felt_by, named, &answer.paths, calls));
    }
    if answer.services.is_empty() {
        outcome.miss = Some(format!("no candidates shown: {}", answer.verdict.as_deref().unwrap_or("no verdict")));
    }
    outcome.certainty = answer.certainty;
    outcome.onset_error_ms = answer.started.map(|started| started.ms() - truth.started.ms());
}

/// The expected scores of a random order of the case's services, and of its (service, indicator) pairs.
fn chance_scores(case: &Case, truth: &Truth) -> (Accuracy, Option<ScoreAndChance>) {
    let frame = &case.observation.frame;
    let blamable = frame.series().iter().filter(|s| s.metric.side != Side::Outside);
    let mut pairs: Vec<(&str, &str)> =
        blamable.map(|s| (frame.service(s.service), indicator(&s.metric.name))).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut services: Vec<&str> = pairs.iter().map(|(service, _)| *service).collect();
    services.dedup();
    let causes = services.iter().filter(|s| truth.services.iter().any(|t| t == *s)).count();
    let of_services = Accuracy::of_chance(services.len(), causes);
    let roots = pairs.iter().filter(|(s, m)| truth.is_root(s, m) == Some(true)).count();
    // Several metrics may be the root; the best-ranked one counts.
    let of_metrics = Accuracy::of_first_by_chance(pairs.len(), roots);
    (
        of_services,
        truth.root_metric.is_some().then(|| ScoreAndChance { reached: Accuracy::default(), chance: of_metrics }),
    )
}

/// Evaluates fault-free time: a recording without a fault, or the time before the incident. Its last part takes the role of the incident; it is as
/// long as the real incident, but at most a third of the period. `None` if the case cannot be read or the period is empty.
pub(super) fn evaluate_quiet_period(
    loaded: &LoadedCase,
    engine: Engine,
    onset: OnsetHint,
    seed: u64,
) -> Option<QuietOutcome> {
    let case = loaded.case.as_ref().ok()?;
    let span = case.observation.frame.span();
    let (end, incident_ms) = match &case.truth {
        Some(truth) => (truth.started, span.end.ms() - truth.started.ms()),
        None => (span.end, i64::MAX),
    };
    let frame = case.observation.frame.within(Interval { start: span.start, end }).ok()?;
    let span = frame.span();
    let third = (span.len_ms() as f64 * QUIET_SHARE) as i64;
    let started = span.end.plus_ms(-third.min(incident_ms));
    let observation = Observation { frame, hint: onset.hint(started), ..case.observation.clone() };
    let question = Question { observation: &observation, entry: case.entry.as_deref(), seed: seed_of(loaded, seed) };
    let answer = engine.answer(&question).ok();
    let certainty = answer.as_ref().and_then(|a| a.certainty);
    Some(QuietOutcome {
        set: loaded.location.set.clone(),
        confidence: certainty.map(|c| c.confidence),
        is_named: certainty.is_some_and(|c| c.is_named),
        has_onset: answer.is_some_and(|a| a.started.is_some()),
    })
}

fn seed_of(loaded: &LoadedCase, seed: u64) -> u64 {
    Rng::named(seed, &format!("{}/{}", loaded.location.set, loaded.location.name)).bits()
}
