//! Limits the services of an observation, and reports which ones were left out.
//!
//! A label that holds a request's path or a random id creates a service for every value. Of more than [`MAX_SERVICES`], the most completely observed
//! ones are kept: a real service has samples of many signals at all times, one invented by a label has few. The others are reported as not checked,
//! and their queries as partly answered, so that none of it is called calm.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::note::NotChecked;

use super::bounds::MAX_SERVICES;
use super::error::RequestError;
use super::names::Names;
use super::plan::{Request, part};
use super::presets::Key;
use super::query::Answer;

/// Most services of other namespaces that call ours or are called by them.
pub(crate) const MAX_BEYOND: usize = 100;
/// Most left-out services that are named.
const MAX_NAMED: usize = 100;

/// Narrows `names` to the services that are kept; returns what was left out, if anything.
pub(crate) fn apply(
    requests: &[Request],
    answers: &[Result<Answer, RequestError>],
    names: &mut Names,
) -> Option<NotChecked> {
    narrow(samples(requests, answers, names), MAX_SERVICES, names)
}

/// The same for services of other namespaces, so that they never displace ours.
pub(crate) fn apply_beyond(
    requests: &[Request],
    answers: &[Result<Answer, RequestError>],
    names: &mut Names,
) -> Option<NotChecked> {
    let all = if names.has_beyond() { samples(requests, answers, names) } else { return None };
    narrow_beyond(all, MAX_BEYOND, names)
}

fn narrow_beyond(all: BTreeMap<String, u64>, most: usize, names: &mut Names) -> Option<NotChecked> {
    let (mut beyond, mut kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|(service, _)| names.is_beyond(service));
    if beyond.len() <= most {
        return None;
    }
    beyond.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let left_out = beyond.split_off(most);
    kept.extend(beyond);
    names.keep_only(kept.into_iter().map(|(service, _)| service).collect());
    let reason = format!(
        "more than {most} services of other namespaces call or are called by these: the {most} with the most samples are looked at, {} are not",
        left_out.len()
    );
    let mut services: Vec<String> = left_out.into_iter().map(|(service, _)| service).take(MAX_NAMED).collect();
    services.sort();
    Some(NotChecked::not_looked_at(services, reason))
}

/// Number of samples of each service, over all signals.
fn samples(requests: &[Request], answers: &[Result<Answer, RequestError>], names: &Names) -> BTreeMap<String, u64> {
    let mut samples = BTreeMap::new();
    for (request, answer) in requests.iter().zip(answers) {
        let Ok(answer) = answer else { continue };
        let is_limited =
            |key: Key| !matches!(key, Key::Node | Key::Outside(_) | Key::OutsideCall(_) | Key::OutsidePeer(_));
        for planned in request.signals.iter().filter(|planned| is_limited(planned.signal.key)) {
            for series in part(answer, planned.parts.0) {
                for owner in names.owners(planned.signal.key, &series.labels) {
                    *samples.entry(owner.service).or_default() += series.points.len() as u64;
                    if let Some(peer) = owner.peer {
                        samples.entry(peer).or_default();
                    }
                }
            }
        }
    }
    samples
}

fn narrow(samples: BTreeMap<String, u64>, most: usize, names: &mut Names) -> Option<NotChecked> {
    if samples.len() <= most {
        return None;
    }
    let mut services: Vec<(String, u64)> = samples.into_iter().collect();
    services.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let left_out: BTreeSet<String> = services.split_off(most).into_iter().map(|(service, _)| service).collect();
    names.keep_only(services.into_iter().map(|(service, _)| service).collect());
    let reason = format!(
        "there are more than {most} services: the {most} with the most samples are looked at, {} are not; does a label hold a path or an id?",
        left_out.len()
    );
    let services = left_out.into_iter().take(MAX_NAMED).collect();
    Some(NotChecked::not_looked_at(services, reason))
}

#[cfg(test)]
mod tests {
    use super::super::pods::Owners;
    use super::super::presets::Key;
    use super::*;

    #[test]
    fn services_of_other_namespaces_are_bounded_by_themselves() {
        let scope = super::super::scope::NamespaceSpec::parse("shop,bank").scope();
        let mut names = Names::new(&scope, Owners::default());
        let samples = ["edge/gate", "far/a", "far/b", "shop/a", "shop/b"].map(|s| (s.to_owned(), s.len() as u64));
        assert_eq!(narrow_beyond(samples.clone().into(), 3, &mut names), None);
        let left_out = narrow_beyond(samples.into(), 2, &mut names).unwrap();
        assert_eq!(left_out.services, ["far/b"]);
        let owners = |name: &str| {
            let labels = BTreeMap::from([("destination_workload".to_owned(), name.to_owned())]);
            names.owners(Key::Workload, &labels).len()
        };
        assert_eq!(["edge/gate", "far/a", "far/b", "shop/a"].map(owners), [1, 1, 0, 1]);
    }

    #[test]
    fn the_most_completely_observed_services_stay_and_the_others_are_named() {
        let mut names = Names::new(&"shop".into(), Owners::default());
        let of = |service: &str, samples| (service.to_owned(), samples);
        let samples = BTreeMap::from([of("carts", 900), of("id-1", 3), of("id-2", 3), of("payment", 900)]);
        assert_eq!(narrow(samples.clone(), 4, &mut names), None);
        let left_out = narrow(samples, 3, &mut names).unwrap();
        assert_eq!(left_out.services, ["id-2"]);
        assert!(left_out.reason.contains("1 are not"), "{}", left_out.reason);
        let owners = |name: &str| {
            let labels = BTreeMap::from([("destination_workload".to_owned(), name.to_owned())]);
            names.owners(Key::Workload, &labels).len()
        };
        assert_eq!([owners("payment"), owners("id-1"), owners("id-2")], [1, 1, 0]);
    }
}
