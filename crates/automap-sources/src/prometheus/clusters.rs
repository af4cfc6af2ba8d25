//! Merges the looks at several clusters: every name carries its cluster, so that two services `carts` remain two, and so do two nodes `node-1`.
//!
//! ```text
//!  eu: carts → carts-db on node/n1 ┐                 eu/carts → eu/carts-db on eu/node/n1
//!  us: carts → carts-db on node/n1 ┴▶ in one frame:  us/carts → us/carts-db on us/node/n1
//! ```
//!
//! Each cluster is queried separately, so nothing needs to be taken apart here. A single look keeps its names; only the ends of calls in another
//! cluster get that one as a prefix. Notes that apply to all clusters alike appear once.

use std::collections::BTreeSet;

use automap_core::breakdown::Wanted;
use automap_core::change::{ChangeKind, ChangeLog};
use automap_core::entity::Entity;
use automap_core::note::{NotChecked, Note};
use automap_core::observation::QueryRecord;
use automap_core::second_look::BrokenDown;
use automap_core::time::Interval;
use automap_core::topology::CallGraph;

use super::changes::Outcome;
use super::chosen::{Chosen, Place};
use super::cluster::ELSEWHERE;
use super::gather::Gathered;

/// The result of the look at one cluster.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    pub(crate) chosen: Chosen,
    pub(crate) gathered: Gathered,
    /// What could not be queried because it is absent.
    pub(crate) not_there: Vec<NotChecked>,
}

/// The name in the observation of a name in a look.
fn name(place: Option<&Place>, name: &str) -> String {
    match (name.strip_prefix(ELSEWHERE), place) {
        (Some(elsewhere), _) => elsewhere.to_owned(),
        (None, Some(place)) => format!("{}/{name}", place.prefix),
        (None, None) => name.to_owned(),
    }
}

/// The services of one cluster, by their names in its look.
pub(crate) fn services_of(place: Option<&Place>, services: &[String]) -> Vec<String> {
    match place {
        None => services.to_vec(),
        Some(place) => services.iter().filter_map(|s| place.without(s)).map(ToOwned::to_owned).collect(),
    }
}

/// Merges all looks into one, with their series in order.
pub(crate) fn together(looked: Vec<Looked>) -> Looked {
    let mut out = Looked::default();
    let several = looked.len();
    let (mut notes, mut not_checked, mut not_there) = (Told::default(), Told::default(), Told::default());
    for Looked { chosen, mut gathered, not_there: absent } in looked {
        let place = chosen.place();
        rename(&mut gathered, place);
        let Gathered { raw, calls, entities, queries, first_failure, warned, .. } = gathered;
        out.gathered.raw.extend(raw);
        calls.edges().for_each(|(from, to, how)| out.gathered.calls.add(from, to, how));
        out.gathered.entities.extend(entities);
        let known: BTreeSet<_> = out.gathered.queries.iter().map(|q| (q.signal.clone(), q.promql.clone())).collect();
        let is_new = |q: &QueryRecord| several == 1 || !known.contains(&(q.signal.clone(), q.promql.clone()));
        out.gathered.queries.extend(queries.into_iter().filter(is_new));
        out.gathered.first_failure = out.gathered.first_failure.or(first_failure);
        out.gathered.warned.extend(&warned);
        gathered.notes.into_iter().for_each(|note| notes.add(place, note));
        gathered.not_checked.into_iter().for_each(|gap| not_checked.add(place, gap));
        absent.into_iter().for_each(|gap| not_there.add(place, gap));
    }
    out.gathered.raw.sort_by(|a, b| (&a.service, &a.metric, &a.peer).cmp(&(&b.service, &b.metric, &b.peer)));
    let of = |in_all: usize| move |places: usize| places < in_all;
    out.gathered.notes = notes.told(of(several), |note: &mut Note| &mut note.message);
    out.gathered.not_checked = not_checked.told(of(several), |gap: &mut NotChecked| &mut gap.reason);
    out.not_there = not_there.told(of(several), |gap: &mut NotChecked| &mut gap.reason);
    out
}

/// Renames everything in a look to the names of the observation.
fn rename(gathered: &mut Gathered, place: Option<&Place>) {
    let has_elsewhere = || gathered.raw.iter().any(|s| s.peer.as_ref().is_some_and(|p| p.starts_with(ELSEWHERE)));
    let callers = || gathered.raw.iter().any(|s| s.service.starts_with(ELSEWHERE));
    if place.is_none() && !has_elsewhere() && !callers() {
        return;
    }
    let mut names: BTreeSet<String> = BTreeSet::new();
    for series in &mut gathered.raw {
        series.service = name(place, &series.service);
        series.peer = series.peer.take().map(|peer| name(place, &peer));
        names.extend([Some(&series.service), series.peer.as_ref()].into_iter().flatten().cloned());
    }
    let mut calls = CallGraph::new();
    gathered.calls.edges().for_each(|(from, to, how)| calls.add(&name(place, from), &name(place, to), how));
    gathered.calls = calls;
    let cluster = place.map(|place| place.cluster.as_str());
    let mut entities = std::mem::take(&mut gathered.entities).in_cluster(cluster, |known| name(place, known));
    if let Some(place) = place {
        let is_new = |known: &String| place.without(known).is_some() && entities.get(known).is_none();
        let new: Vec<String> = names.into_iter().filter(is_new).collect();
        for known in new {
            entities.describe(&known, Entity { cluster: Some(place.cluster.clone()), ..Entity::default() });
        }
    }
    gathered.entities = entities;
    for gap in &mut gathered.not_checked {
        gap.services.iter_mut().for_each(|service| *service = name(place, service));
    }
}

/// Notes of several looks, in order, with their clusters.
#[derive(Debug)]
struct Told<T>(Vec<(T, Vec<String>)>);

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Told<T> {
    fn add(&mut self, place: Option<&Place>, item: T) {
        let Some(place) = place else { return self.0.push((item, Vec::new())) };
        match self.0.iter_mut().find(|(known, _)| *known == item) {
            Some((_, clusters)) => clusters.push(place.prefix.clone()),
            None => self.0.push((item, vec![place.prefix.clone()])),
        }
    }

    /// Each note once, prefixed with its clusters if it does not apply to all.
    fn told(self, is_some: impl Fn(usize) -> bool, text: impl Fn(&mut T) -> &mut String) -> Vec<T> {
        let told = |(mut item, clusters): (T, Vec<String>)| {
            if !clusters.is_empty() && is_some(clusters.len()) {
                let text = text(&mut item);
                *text = format!("{}: {text}", clusters.join(", "));
            }
            item
        };
        self.0.into_iter().map(told).collect()
    }
}

/// The changes of all clusters, for the time that is covered in each of them. If one covers none, no kind is observed completely.
pub(crate) fn changes(outcomes: Vec<(Chosen, Outcome)>) -> (ChangeLog, Vec<NotChecked>, Vec<QueryRecord>) {
    let several = outcomes.len();
    let (mut log, mut queries, mut not_checked) = (ChangeLog::default(), Vec::new(), Told::default());
    let mut periods: Vec<Interval> = Vec::new();
    for (chosen, outcome) in outcomes {
        let place = chosen.place();
        let ChangeLog { observed, unseen, changes, omitted } = outcome.log;
        periods.extend(observed);
        log.unseen.extend(unseen);
        log.omitted += omitted;
        log.changes.extend(changes.into_iter().map(|mut change| {
            change.service = change.service.map(|service| name(place, &service));
            change
        }));
        queries.extend(outcome.queries);
        outcome.not_checked.into_iter().for_each(|gap| not_checked.add(place, gap));
    }
    if (1..several).contains(&periods.len()) {
        log.unseen.extend(ChangeKind::ALL);
    }
    let common = periods.iter().map(|p| p.start).max().zip(periods.iter().map(|p| p.end).min());
    log.observed = common.and_then(|(start, end)| Interval::new(start, end));
    let not_checked = not_checked.told(|n| n < several, |gap: &mut NotChecked| &mut gap.reason);
    (if several == 1 { log } else { log.bounded() }, not_checked, queries)
}

/// Breakdowns in each cluster, by the names of its look.
pub(crate) fn break_down(
    places: &[Option<&Place>],
    wanted: &[Wanted],
    ask: impl Fn(usize, &[Wanted]) -> BrokenDown,
) -> BrokenDown {
    let mut out = BrokenDown::default();
    for (at, place) in places.iter().enumerate() {
        let own = |one: &Wanted| match place {
            None => Some(one.clone()),
            Some(place) => Some(Wanted { service: place.without(&one.service)?.to_owned(), ..one.clone() }),
        };
        let wanted: Vec<Wanted> = wanted.iter().filter_map(own).collect();
        if wanted.is_empty() {
            continue;
        }
        let BrokenDown { breakdowns, not_checked, queries } = ask(at, &wanted);
        out.breakdowns.extend(breakdowns.into_iter().map(|mut of_one| {
            of_one.service = name(*place, &of_one.service);
            of_one
        }));
        out.not_checked.extend(not_checked.into_iter().map(|mut gap| {
            gap.services.iter_mut().for_each(|service| *service = name(*place, service));
            gap
        }));
        out.queries.extend(queries);
    }
    out
}

#[cfg(test)]
mod tests {
    use automap_core::frame::RawSeries;
    use automap_core::time::Timestamp;
    use automap_core::topology::Protocol;

    use super::*;

    fn place(cluster: &str) -> Place {
        Place { cluster: cluster.to_owned(), prefix: cluster.to_owned() }
    }

    fn look(chosen: Chosen) -> Looked {
        let series = |service: &str, peer: Option<&str>| RawSeries {
            service: service.into(),
            metric: "client_rps".into(),
            peer: peer.map(Into::into),
            points: Vec::new(),
        };
        let mut gathered = Gathered::default();
        gathered.raw.push(series("carts", Some("@us/pay")));
        gathered.calls.add("carts", "@us/pay", Protocol::Request);
        gathered.entities.place("carts", "node/n1", 1);
        gathered.notes.push(Note::info("a", "in all"));
        let services = vec!["carts".to_owned()];
        gathered.not_checked.push(NotChecked { signal: "cpu".into(), services, reason: "none".into() });
        Looked { chosen, gathered, not_there: Vec::new() }
    }

    #[test]
    fn equal_names_of_two_clusters_are_two_and_calls_lead_into_the_other() {
        let mut us = look(Chosen::OneOfSeveral(place("us")));
        us.gathered.notes.push(Note::info("b", "here"));
        let all = together(vec![look(Chosen::OneOfSeveral(place("eu"))), us]).gathered;
        let names: Vec<_> = all.raw.iter().map(|s| (s.service.as_str(), s.peer.as_deref())).collect();
        assert_eq!(names, [("eu/carts", Some("us/pay")), ("us/carts", Some("us/pay"))]);
        assert_eq!(
            all.calls.edges().map(|(a, b, _)| (a, b)).collect::<Vec<_>>(),
            [("eu/carts", "us/pay"), ("us/carts", "us/pay")]
        );
        assert_eq!(all.entities.on_node("us/node/n1").collect::<Vec<_>>(), ["us/carts"]);
        assert_eq!(all.entities.get("eu/carts").unwrap().cluster.as_deref(), Some("eu"));
        assert_eq!(all.notes.iter().map(|n| n.message.as_str()).collect::<Vec<_>>(), ["in all", "us: here"]);
        assert_eq!(all.not_checked[1].services, ["us/carts"]);
    }

    /// Minutes that a cluster covers; `None`: its changes were not read.
    fn covered(periods: &[Option<(i64, i64)>]) -> ChangeLog {
        let minute = |n: i64| Timestamp::from_ms(60_000 * n);
        let outcome = |(i, period): (usize, &Option<(i64, i64)>)| {
            let observed = period.and_then(|(from, to)| Interval::new(minute(from), minute(to)));
            let log = ChangeLog { observed, ..ChangeLog::default() };
            (Chosen::OneOfSeveral(place(&i.to_string())), Outcome { log, ..Outcome::default() })
        };
        changes(periods.iter().enumerate().map(outcome).collect()).0
    }

    #[test]
    fn changes_are_observed_where_every_cluster_covers_the_time() {
        let minutes = |log: &ChangeLog| log.observed.map(|p| (p.start.ms() / 60_000, p.end.ms() / 60_000));
        let both = covered(&[Some((0, 60)), Some((10, 50))]);
        assert_eq!((minutes(&both), both.unseen.len()), (Some((10, 50)), 0));
        let one = covered(&[None, Some((10, 50))]);
        assert_eq!((minutes(&one), &one.unseen[..]), (Some((10, 50)), &ChangeKind::ALL[..]), "the other may hide any");
        assert_eq!(covered(&[None, None]), ChangeLog::default());
        assert_eq!(minutes(&covered(&[Some((0, 10)), Some((20, 30)), Some((0, 30))])), None, "no time in common");
    }

    #[test]
    fn one_cluster_keeps_its_names() {
        let one = together(vec![look(Chosen::One("eu".into()))]).gathered;
        assert_eq!((one.raw[0].service.as_str(), one.raw[0].peer.as_deref()), ("carts", Some("us/pay")));
        assert_eq!(one.entities.on_node("node/n1").collect::<Vec<_>>(), ["carts"]);
    }
}
