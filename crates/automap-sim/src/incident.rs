//! One labelled recording: a system, faults (or none), the resulting metrics, and the perfect answer.
//!
//! Most have one fault. Some have two at once, at different places; in some, containers without a free worker are killed by their liveness probes, so
//! that an overload spreads; some have none. Any of them may also contain a decoy, a harmless release.
//!
//! *Example.* `draw(&IncidentOptions { seed: 7, ..IncidentOptions::default() })` is always the same twenty minutes of the same system with the same fault.

mod changes;
mod felt;
mod truth;

use automap_chaos::injection::Injection;
use automap_core::frame::FrameError;
use automap_core::observation::Observation;
use automap_core::random::Rng;

use crate::chance::{between, happens};
use crate::fault::{self, Fault, Kind};
use crate::fleet::{Recording, RunOptions, run};
use crate::observation::observe;
use crate::plan::{Plan, PlanOptions};
pub use felt::Felt;
use truth::Effects;

/// Longest delay of the second of two faults after the first, in seconds.
const SECOND_WITHIN_S: f64 = 60.0;
/// Strengths of a fault that may spread.
const SPREADING: (f64, f64) = (0.7, 1.0);
/// Attempts to draw a second fault at another place.
const TRIES: usize = 50;

/// Options of a random incident.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IncidentOptions {
    /// The system.
    pub plan: PlanOptions,
    /// Options of the run; its seed is drawn from `seed`.
    pub run: RunOptions,
    /// The shares of the kinds of incidents.
    pub shares: Shares,
    /// Duration of a fault, in seconds; it lasts to the end of the recording.
    pub fault_s: f64,
    /// The same seed gives the same incident.
    pub seed: u64,
}

/// The shares of recordings of each kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Without a fault.
    pub quiet: f64,
    /// Of those with a fault: with two at once.
    pub double: f64,
    /// Of those with a fault: with one that may spread. Together with `double` at most 1.
    pub spreading: f64,
    /// Of all: with a harmless decoy.
    pub decoys: f64,
}

impl Default for Shares {
    fn default() -> Self {
        Self { quiet: 0.15, double: 0.0, spreading: 0.0, decoys: 0.25 }
    }
}

impl Default for IncidentOptions {
    fn default() -> Self {
        Self {
            plan: PlanOptions::default(),
            run: RunOptions::default(),
            shares: Shares::default(),
            fault_s: 240.0,
            seed: 0,
        }
    }
}

/// One recording.
#[derive(Clone, Debug)]
pub struct Incident {
    /// The system.
    pub plan: Plan,
    /// Its faults, decoys included.
    pub faults: Vec<Fault>,
    /// The scrapes.
    pub recording: Recording,
    /// The input of a diagnosis.
    pub observation: Observation,
    /// What was injected, decoys included; empty for a quiet one.
    pub injected: Vec<Injection>,
    /// The effect on users.
    pub felt: Felt,
}

/// Draws a random incident.
///
/// # Errors
/// [`FrameError`] when there are more cells than a frame can hold.
pub fn draw(options: &IncidentOptions) -> Result<Incident, FrameError> {
    let plan = Plan::draw(&options.plan);
    let mut rng = Rng::named(options.seed, "incident");
    let length_s = options.run.length_s;
    let from_s = length_s - options.fault_s - between(&mut rng, 0.0, 20.0);
    let window = (from_s, length_s);
    let mut run = options.run;
    let mut faults = Vec::new();
    if !happens(&mut rng, options.shares.quiet) {
        let first = fault::any(&plan, window, &mut rng);
        let form = rng.unit();
        if form < options.shares.double {
            faults.extend(second(&plan, &first, window, &mut rng));
        } else if form < options.shares.double + options.shares.spreading {
            run.has_probes = true;
        }
        let strength = if run.has_probes { between(&mut rng, SPREADING.0, SPREADING.1) } else { first.strength };
        faults.insert(0, Fault { strength, ..first });
    }
    if happens(&mut rng, options.shares.decoys) {
        let at = from_s + between(&mut rng, -60.0, 30.0);
        let kind = Kind::DECOYS[rng.below(Kind::DECOYS.len())];
        faults.extend(Fault::draw(kind, &plan, (at, length_s), &mut rng));
    }
    record(plan, faults, from_s, &RunOptions { seed: rng.bits(), ..run })
}

/// A fault at another place, slightly later.
fn second(plan: &Plan, first: &Fault, (from_s, to_s): (f64, f64), rng: &mut Rng) -> Option<Fault> {
    let from_s = from_s + between(rng, 0.0, SECOND_WITHIN_S.min(to_s - from_s));
    (0..TRIES).map(|_| fault::any(plan, (from_s, to_s), rng)).find(|fault| fault.place != first.place)
}

/// Runs a system with these faults; `from_s` is the end of the "before" period for the users.
///
/// # Errors
/// [`FrameError`] when there are more cells than a frame can hold.
pub fn record(plan: Plan, faults: Vec<Fault>, from_s: f64, run_options: &RunOptions) -> Result<Incident, FrameError> {
    let window = (from_s, run_options.length_s);
    let recording = run(&plan, &faults, run_options);
    let mut observation = observe(&plan, &recording, run_options.scrape_s, run_options.length_s)?;
    observation.changes = changes::changes(&plan, &faults, &recording, run_options.length_s);
    let causes = faults.iter().filter(|fault| fault.kind.is_cause()).count();
    let injected = faults.iter().map(|fault| {
        // With several causes, each is measured alone.
        let alone = (causes > 1 && fault.kind.is_cause()).then(|| run(&plan, &[*fault], run_options));
        let effects = Effects::of(&plan, alone.as_ref().unwrap_or(&recording), Some(fault), window);
        truth::injection(&plan, fault, &effects)
    });
    let injected = injected.collect();
    let felt = Effects::of(&plan, &recording, None, window).felt;
    Ok(Incident { plan, faults, recording, observation, injected, felt })
}

#[cfg(test)]
mod tests {
    use automap_chaos::injection::Role;

    use super::*;

    /// A small system for eight minutes, with a fault of a kind in the last three.
    fn with(kind: Option<Kind>) -> Incident {
        let plan = Plan::draw(&PlanOptions { services: 10, users_per_s: 20.0, seed: 3 });
        let mut rng = Rng::new(5);
        let fault = kind.and_then(|kind| Fault::draw(kind, &plan, (300.0, 480.0), &mut rng));
        let faults: Vec<Fault> = fault.into_iter().map(|f| Fault { strength: 0.9, ..f }).collect();
        let options = RunOptions { length_s: 480.0, seed: 1, ..RunOptions::default() };
        record(plan, faults, 300.0, &options).unwrap()
    }

    #[test]
    fn users_feel_what_hurts_and_nothing_else() {
        let quiet = with(None);
        assert!(!quiet.felt.is_felt(), "{:?}", quiet.felt);
        assert!(quiet.felt.error_ratio.0 < 0.02 && quiet.felt.latency_ms.0 > 1.0, "{:?}", quiet.felt);
        let harmless = with(Some(Kind::ReleaseHarmless));
        assert!(!harmless.felt.is_felt(), "{:?}", harmless.felt);
        assert_eq!((harmless.injected[0].role, harmless.observation.changes.changes.len()), (Role::Decoy, 1));
        for kind in [Kind::Delay, Kind::SlowCode, Kind::Errors, Kind::ReleaseFail, Kind::Outage, Kind::Partition] {
            let hurt = with(Some(kind));
            assert!(hurt.felt.is_felt(), "{kind:?}: {:?}", hurt.felt);
        }
    }

    #[test]
    fn the_same_seed_is_the_same_incident() {
        let options = IncidentOptions {
            plan: PlanOptions { services: 8, ..PlanOptions::default() },
            run: RunOptions { length_s: 200.0, ..RunOptions::default() },
            fault_s: 60.0,
            ..IncidentOptions::default()
        };
        let values = |seed| {
            let incident = draw(&IncidentOptions { seed, ..options }).unwrap();
            let bits = incident.observation.frame.series().iter().flat_map(|s| s.values.iter().map(|v| v.to_bits()));
            (bits.collect::<Vec<u64>>(), incident.injected)
        };
        assert_eq!(values(4), values(4));
        assert_ne!(values(4).0, values(5).0);
    }
    #[test]
    fn two_faults_are_at_two_places_and_each_is_measured_alone() {
        let double = (0..20).find_map(|seed| {
            let options = IncidentOptions {
                plan: PlanOptions { services: 8, users_per_s: 10.0, seed: 2 },
                run: RunOptions { length_s: 200.0, ..RunOptions::default() },
                shares: Shares { quiet: 0.0, double: 1.0, spreading: 0.0, decoys: 0.0 },
                fault_s: 90.0,
                seed,
            };
            let incident = draw(&options).unwrap();
            let users = |i: usize| incident.injected[i].spec["users"].clone();
            (users(0) != users(1)).then_some(incident)
        });
        let double = double.unwrap();
        assert_eq!((double.faults.len(), double.injected.len()), (2, 2));
        assert_ne!(double.faults[0].place, double.faults[1].place);
        assert!(double.faults[1].from_s >= double.faults[0].from_s);
    }

    #[test]
    fn an_overload_spreads_where_containers_are_killed_that_do_not_answer() {
        let others_killed = |has_probes: bool| {
            let mut plan = Plan::draw(&PlanOptions { services: 10, users_per_s: 20.0, seed: 3 });
            for service in &mut plan.services {
                service.workers = 3;
                service.calls.iter_mut().for_each(|call| (call.timeout_ms, call.pool) = (30_000.0, 100));
            }
            let slow = (1..10).max_by(|a, b| plan.visits()[*a].total_cmp(&plan.visits()[*b])).unwrap();
            let place = fault::Place::Service(slow);
            let fault = Fault { kind: Kind::SlowCode, place, strength: 1.0, from_s: 60.0, to_s: 240.0 };
            let options = RunOptions { length_s: 240.0, has_probes, ..RunOptions::default() };
            let incident = record(plan, vec![fault; 12], 60.0, &options).unwrap();
            let restarts = |i: usize| incident.recording.services[i].last().map_or(0.0, |s| s.restarts);
            (0..10).filter(|i| *i != slow && restarts(*i) > 0.0).count()
        };
        assert_eq!(others_killed(false), 0);
        assert!(others_killed(true) >= 1);
    }
}
