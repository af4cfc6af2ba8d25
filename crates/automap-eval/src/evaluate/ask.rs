//! One engine, one case: the question without the truth, the answer beside it.

use automap_core::metric::Side;
use automap_core::observation::Observation;
use automap_core::time::Interval;

use super::onset::KnownOnset;
use super::{Outcome, Quiet, Read, Scored};
use crate::dataset::{Case, Truth, indicator};
use crate::engine::{Answer, Engine, Question};
use crate::score::Accuracy;
use automap_core::random::Rng;

/// Why a case without an onset has no answer.
pub(super) const NO_ONSET: &str = "no onset found";
/// Fault-free time is cut where this share of it is left: the incident is at most as long.
const QUIET_SHARE: f64 = 1.0 / 3.0;

/// Asks about an incident. A case that cannot be read, or that nobody answers, is a miss.
pub(super) fn incident(read: &Read, engine: Engine, seed: u64) -> Outcome {
    let mut outcome = Outcome {
        set: read.place.set.clone(),
        case: read.place.name.clone(),
        scenario: read.place.name.clone(),
        fault: "unreadable".to_owned(),
        services: Scored::default(),
        metrics: None,
        certainty: None,
        onset_error_ms: None,
        step_ms: 0,
        miss: None,
    };
    let (case, truth) = match &read.case {
        Ok(Case { truth: None, .. }) => return Outcome { miss: Some("nothing was broken".to_owned()), ..outcome },
        Err(reason) => return Outcome { miss: Some(reason.clone()), ..outcome },
        Ok(case @ Case { truth: Some(truth), .. }) => (case, truth),
    };
    (outcome.scenario, outcome.fault) = (truth.scenario(), truth.fault.clone());
    outcome.step_ms = case.observation.frame.step_ms();
    (outcome.services.chance, outcome.metrics) = chance(case, truth);
    match answer(case, engine, seed_of(read, seed)) {
        Ok(answer) => put_beside(&mut outcome, &answer, truth),
        Err(reason) => outcome.miss = Some(reason),
    }
    outcome
}

fn answer(case: &Case, engine: Engine, seed: u64) -> Result<Answer, String> {
    let question = Question { observation: &case.observation, entry: case.entry.as_deref(), seed };
    let answer = engine.answer(&question)?;
    // An onset that was not found is a failure of the whole, whatever the last third of the data would have said.
    match answer.started {
        None => Err(NO_ONSET.to_owned()),
        Some(_) => Ok(answer),
    }
}

fn put_beside(outcome: &mut Outcome, answer: &Answer, truth: &Truth) {
    let rank = |cause: &String| answer.services.iter().position(|s| s == cause).map(|i| i + 1);
    let ranks: Vec<Option<usize>> = truth.services.iter().map(rank).collect();
    outcome.services.reached = Accuracy::of_answer(&ranks);
    if let Some(metrics) = &mut outcome.metrics {
        let root = answer.metrics.iter().position(|(s, m)| truth.is_root(s, m) == Some(true));
        metrics.reached = Accuracy::of_answer(&[root.map(|i| i + 1)]);
    }
    outcome.certainty = answer.certainty;
    outcome.onset_error_ms = answer.started.map(|started| started.ms() - truth.started.ms());
}

/// What a random order of the case's services, and of its pairs, would reach.
fn chance(case: &Case, truth: &Truth) -> (Accuracy, Option<Scored>) {
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
    // The first of several right pairs counts, as of one right pair among fewer.
    let of_metrics = Accuracy::of_first_by_chance(pairs.len(), roots);
    (of_services, truth.root_metric.is_some().then(|| Scored { reached: Accuracy::default(), chance: of_metrics }))
}

/// Asks about fault-free time: a quiet window, or what came before the incident, with the last part of it taken for an incident as long
/// as the real one, a third of it at most. `None` where there is too little of it to ask.
pub(super) fn quiet(read: &Read, engine: Engine, onset: KnownOnset, seed: u64) -> Option<Quiet> {
    let case = read.case.as_ref().ok()?;
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
    let question = Question { observation: &observation, entry: case.entry.as_deref(), seed: seed_of(read, seed) };
    let answer = engine.answer(&question).ok();
    let certainty = answer.as_ref().and_then(|a| a.certainty);
    Some(Quiet {
        set: read.place.set.clone(),
        confidence: certainty.map(|c| c.confidence),
        is_named: certainty.is_some_and(|c| c.is_named),
        has_onset: answer.is_some_and(|a| a.started.is_some()),
    })
}

fn seed_of(read: &Read, seed: u64) -> u64 {
    Rng::named(seed, &format!("{}/{}", read.place.set, read.place.name)).bits()
}
