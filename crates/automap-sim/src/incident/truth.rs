//! The perfect answer for an incident: a ledger entry for each fault.
//!
//! Besides the place and the mechanism it contains what can be measured because nothing is hidden here: whether users felt it, which services on the
//! way to them did, and the chain of calls that carried most of it to the users. If two faults are active at once, each is measured in a separate
//! run, without the other.
//!
//! Worked example. `svc-03-db` is slow. `svc-03` calls it for every request and `svc-07` for one in ten; `gateway` calls both. All three answer later
//! than before, so all have felt it. From the store upwards, the path follows the caller with the most requests: `svc-03`, then `gateway`. The path
//! is `gateway`, `svc-03`, `svc-03-db`; one via `svc-07` is true as well.

use automap_chaos::injection::{ChangeMade, Injection, Role, Target, Truth};
use automap_chaos::kinds;
use serde_json::json;

use super::felt::Felt;
use crate::fault::{Fault, Kind, Place};
use crate::fleet::Recording;
use crate::observation::time;
use crate::plan::Plan;

/// The effects of a fault in a recording in which it is active alone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Effects {
    /// The effect on users.
    pub(super) felt: Felt,
    /// Services that may have suffered and were not observed to be calm.
    way: Vec<usize>,
    /// The chain of calls that carried most of it to the users, the gateway first; empty if it reached nobody.
    path: Vec<usize>,
    /// Other services whose containers were killed after the fault began.
    restarted: Vec<usize>,
}

impl Effects {
    /// Measures the effects; nothing is wrong before `from_s`.
    pub(super) fn of(plan: &Plan, recording: &Recording, fault: Option<&Fault>, (from_s, to_s): (f64, f64)) -> Self {
        let felt = Felt::of(&recording.answers[0], from_s, to_s);
        let Some(fault) = fault else { return Self { felt, way: Vec::new(), path: Vec::new(), restarted: Vec::new() } };
        let way: Vec<usize> = (0..plan.services.len())
            .filter(|i| may_suffer(plan, fault.place)[*i])
            .filter(|i| !Felt::of(&recording.answers[*i], from_s, to_s).is_calm())
            .collect();
        let restarts = |i: usize| {
            let samples = &recording.services[i];
            let before = samples.iter().take_while(|s| s.at_s < from_s).last().map_or(0.0, |s| s.restarts);
            samples.last().map_or(0.0, |s| s.restarts) - before
        };
        let is_other = |i: &usize| fault.place != Place::Service(*i);
        let restarted = (0..plan.services.len()).filter(is_other).filter(|i| restarts(*i) > 0.0).collect();
        Self { felt, path: path(plan, fault.place, &way), way, restarted }
    }
}

/// The services that may suffer from a fault at a place: the service itself and all its direct and indirect callers; for a node, all services on it
/// and their callers.
fn may_suffer(plan: &Plan, place: Place) -> Vec<bool> {
    let mut suffers: Vec<bool> = match place {
        Place::Service(i) => (0..plan.services.len()).map(|s| s == i).collect(),
        Place::Node(n) => plan.services.iter().map(|s| s.node == n).collect(),
    };
    // The callees of a service, and the consumer of its messages, come after it.
    for i in (0..plan.services.len()).rev() {
        suffers[i] |= plan.services[i].calls.iter().any(|call| suffers[call.to]);
        if let Some(broker) = plan.services[i].consumes.filter(|_| suffers[i]) {
            suffers[broker] = true;
        }
    }
    suffers
}

/// From the place upwards, always to the caller with the most requests among those that felt it and are connected to the gateway by such services.
fn path(plan: &Plan, place: Place, way: &[usize]) -> Vec<usize> {
    let (mut callers, visits) = (plan.callers(), plan.visits());
    for (callers, service) in callers.iter_mut().zip(&plan.services) {
        callers.extend(service.consumes);
    }
    let mut leads_up = vec![false; plan.services.len()];
    for i in 0..plan.services.len() {
        let is_target = place == Place::Service(i);
        leads_up[i] = (way.contains(&i) || is_target) && (i == 0 || callers[i].iter().any(|c| leads_up[*c]));
    }
    let requests = |from: usize, to: usize| {
        let call = plan.services[from].calls.iter().find(|call| call.to == to);
        visits[from] * call.map_or(0.0, crate::plan::Call::usual)
    };
    let mut at = match place {
        Place::Service(i) => leads_up[i].then_some(i),
        Place::Node(n) => {
            let here = (0..plan.services.len()).filter(|i| leads_up[*i] && plan.services[*i].node == n);
            here.max_by(|a, b| visits[*a].total_cmp(&visits[*b]))
        }
    };
    let mut path = Vec::new();
    while let Some(i) = at {
        path.push(i);
        let above = callers[i].iter().copied().filter(|c| leads_up[*c]);
        at = above.max_by(|a, b| requests(*a, i).total_cmp(&requests(*b, i)));
    }
    path.reverse();
    path
}

/// The ledger's entry of a fault.
pub(super) fn injection(plan: &Plan, fault: &Fault, effects: &Effects) -> Injection {
    let (kind, action) = fault.kind.words();
    let place = fault.place_name(plan);
    let (from, to) = (time(fault.from_s), time(fault.to_s));
    let entity_kind = match fault.place {
        Place::Service(i) => plan.services[i].kind.word(),
        Place::Node(_) => "node",
    };
    let (word, before, after) = match kind {
        "Release" => ("release", "1.4.2", "1.4.3"),
        "Scale" => ("scale", "pods", "one more"),
        _ => ("config", "settings", "other settings"),
    };
    let change = fault.kind.is_change().then(|| ChangeMade {
        kind: word.to_owned(),
        service: place.clone(),
        before: before.to_owned(),
        after: after.to_owned(),
    });
    let is_cause = fault.kind.role() == Role::Cause;
    // A queue without a consumer has two ends.
    let broker = match fault.place {
        Place::Service(i) if fault.kind == Kind::ConsumerStop => plan.services[i].consumes,
        _ => None,
    };
    let broker = broker.map(|i| plan.services[i].name.clone());
    Injection {
        id: format!("{kind}-{action}-{place}"),
        kind: kind.to_owned(),
        action: action.to_owned(),
        experiment: format!("{action}-{place}"),
        targets: vec![Target { pod: String::new(), service: place.clone(), container: None }],
        peers: broker.into_iter().collect(),
        expected_metric: kinds::expected_metric(kind, action).unwrap_or_default().to_owned(),
        from: from.to_string(),
        from_ms: from.ms(),
        to: Some(to.to_string()),
        to_ms: Some(to.ms()),
        spec: spec(plan, fault, effects, is_cause),
        role: fault.kind.role(),
        truth: is_cause.then(|| Truth {
            entity_kind: entity_kind.to_owned(),
            entity: place,
            mechanism: kinds::mechanism(kind, action).unwrap_or_default().to_owned(),
            change,
        }),
    }
}

fn spec(plan: &Plan, fault: &Fault, effects: &Effects, is_cause: bool) -> serde_json::Value {
    let names = |services: &[usize]| services.iter().map(|i| plan.services[*i].name.clone()).collect::<Vec<_>>();
    let suffers = may_suffer(plan, fault.place);
    let is_elsewhere = |i: &usize| suffers[*i] && fault.place != Place::Service(*i);
    let may_suffer: Vec<usize> = (0..suffers.len()).filter(is_elsewhere).collect();
    let mut path = names(&effects.path);
    if let Place::Node(n) = fault.place
        && !path.is_empty()
    {
        path.push(plan.node_name(n));
    }
    let mut spec = json!({
        "strength": fault.strength,
        "may_suffer": names(&may_suffer),
        "users_feel_it": is_cause && effects.felt.is_felt(),
        "users": effects.felt,
    });
    if is_cause {
        spec["felt_by"] = json!(names(&effects.way));
        spec["path"] = json!(path);
        spec["restarted"] = json!(names(&effects.restarted));
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Call, PlanOptions};

    /// `gateway` calls `a` and `b`, both of which call `db`: `a` for every request, `b` for one in ten.
    fn plan() -> Plan {
        let mut plan = Plan::draw(&PlanOptions { services: 4, ..PlanOptions::default() });
        let call = |to: usize, probability: f64| Call {
            to,
            probability,
            cached: 0.0,
            timeout_ms: 1000.0,
            attempts: 1,
            pool: 9,
            is_needed: true,
        };
        for (i, (name, calls)) in [
            ("gateway", vec![call(1, 0.5), call(2, 0.9)]),
            ("a", vec![call(3, 1.0)]),
            ("b", vec![call(3, 0.1)]),
            ("db", Vec::new()),
        ]
        .into_iter()
        .enumerate()
        {
            (plan.services[i].name, plan.services[i].calls, plan.services[i].node) = (name.to_owned(), calls, i % 2);
        }
        plan
    }

    #[test]
    fn the_path_follows_most_requests_among_those_that_felt_it() {
        let (plan, db) = (plan(), Place::Service(3));
        assert_eq!(may_suffer(&plan, db), [true; 4]);
        assert_eq!(path(&plan, db, &[0, 1, 2]), [0, 1, 3], "half of the requests, and not a tenth");
        assert_eq!(path(&plan, db, &[0, 2]), [0, 2, 3], "the other caller stayed calm");
        assert_eq!(path(&plan, db, &[1, 2]), [0; 0], "users felt nothing");
        assert_eq!(may_suffer(&plan, Place::Node(0)), [true, false, true, false]);
        assert_eq!(path(&plan, Place::Node(0), &[0, 2]), [0], "the gateway runs there itself");
    }
}
