//! The expected final state of the store and the receiver: one incident for each fault and no other, each notified once.

use std::collections::BTreeMap;

use automap_core::incident::Incident;
use automap_server::store::{IncidentFilter, Store};

use super::common::arrived::Arrived;
use super::common::server::Server;
use super::world::{Fault, SERVICES, name};

/// How far an incident's onset may be before or after its fault: a few samples.
const MAX_OFF_MS: i64 = 60_000;

/// All incidents, by target.
pub(crate) fn incidents(store: &dyn Store) -> BTreeMap<String, Vec<Incident>> {
    let mut all: BTreeMap<String, Vec<Incident>> = BTreeMap::new();
    for incident in store.list(&IncidentFilter::default()).unwrap() {
        all.entry(incident.target.clone()).or_default().push(incident);
    }
    all
}

/// Whether there are this many incidents, and all of them have ended.
pub(crate) fn are_over(store: &dyn Store, wanted: usize) -> bool {
    let all: Vec<Incident> = incidents(store).into_values().flatten().collect();
    all.len() >= wanted && all.iter().all(|incident| !incident.is_open())
}

/// Checks the incidents and their messages. Returns the lines of the result.
pub(crate) fn check(store: &dyn Store, receiver: &Server, faults: &BTreeMap<usize, Fault>) -> String {
    let mut found = incidents(store);
    let (mut named, mut closed, mut total) = (0, 0, 0);
    let mut arrived = Arrived::at(receiver);
    let mut wrong = Vec::new();
    for (target, fault) in faults {
        let of_target = found.remove(&name(*target)).unwrap_or_default();
        let [incident] = &of_target[..] else {
            let seen: Vec<_> = of_target.iter().map(|i| (&i.id, i.state, &i.title)).collect();
            wrong.push(format!("{}: {} incidents for one fault: {seen:?}", name(*target), of_target.len()));
            continue;
        };
        let off_ms = incident.onset.ms() - fault.from_ms;
        if off_ms.abs() > MAX_OFF_MS {
            wrong.push(format!("{}: dated {off_ms} ms off", incident.id));
        }
        if arrived.check(store, &incident.id).is_empty() {
            wrong.push(format!("nobody was told of {}", incident.id));
        }
        total += 1;
        named += usize::from(incident.cause.as_ref().is_some_and(|c| c.service == SERVICES[fault.place].0));
        closed += usize::from(!incident.is_open());
    }
    wrong.extend(found.into_values().flatten().map(|i| format!("{} has no fault: {}", i.id, i.title)));
    assert_eq!(wrong, Vec::<String>::new());
    let Arrived { delivered, folded, repeated, .. } = arrived;
    format!(
        "{} faults, {total} incidents, each fault one of its own, {named} with the right cause, {closed} closed; {delivered} messages delivered, \
         {folded} folded, {repeated} came twice under their key",
        faults.len()
    )
}
