//! When something was seen to change: its value, or its presence.
//!
//! A first sample is not a change, and objects do not end when their exporter is down: a restarted kube-state-metrics has new series for old objects,
//! and lists them piece by piece. So everything is compared with the last instant at which the exporter was seen, however long ago, and objects that
//! were present before count as present while a restarted exporter settles. `a` seen at 1, 2, 5, 6 while others are seen at 1, 2, 3, 4, 5, 6 went
//! between 2 and 3 and came between 4 and 5; with nothing at all seen at 3 and 4 it was there throughout.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::time::Timestamp;

/// The values of one object, in order of time.
pub(super) type Points = Vec<(Timestamp, f64)>;

/// How long a restarted exporter may take to list everything again, in milliseconds.
const SETTLE_MS: i64 = 90_000;

/// A change between two sampled instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    /// The last instant before it.
    pub(super) before: Timestamp,
    /// The first instant after it.
    pub(super) at: Timestamp,
}

/// The time during which an object was present; an end outside the sampled time is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) begins: Option<Edge>,
    pub(super) ends: Option<Edge>,
}

/// A change from one value to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) edge: Edge,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// Every value that differs from the one before it.
pub(super) fn steps(points: &[(Timestamp, f64)]) -> impl Iterator<Item = Step> + '_ {
    let step = |w: &[(Timestamp, f64)]| {
        let [(before, from), (at, to)] = [w[0], w[1]];
        (from != to).then_some(Step { edge: Edge { before, at }, from, to })
    };
    points.windows(2).filter_map(step)
}

/// The instants at which an exporter was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watched {
    seen: Vec<Timestamp>,
    /// For each of them, the first instant of the gapless stretch that it belongs to.
    since: Vec<Timestamp>,
}

impl Watched {
    /// From the instants at which it was seen, among the sampled ones; both in order.
    pub(super) fn new(seen: &BTreeSet<Timestamp>, axis: &[Timestamp]) -> Self {
        let mut out = Self::default();
        let mut since = None;
        for time in axis {
            if seen.contains(time) {
                let first = *since.get_or_insert(*time);
                out.seen.push(*time);
                out.since.push(first);
            } else {
                since = None;
            }
        }
        out
    }

    /// The first instant.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.seen.first().copied()
    }

    /// The last instant.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.seen.last().copied()
    }

    /// The last instant before this time.
    pub(super) fn before(&self, time: Timestamp) -> Option<Timestamp> {
        let n = self.seen.partition_point(|seen| *seen < time);
        n.checked_sub(1).map(|i| self.seen[i])
    }

    /// Whether an object first seen at this time may have been present all along, since the exporter has only just started to report.
    pub(super) fn is_first_look(&self, time: Timestamp) -> bool {
        let Some(first) = self.first() else { return true };
        let settles = time.ms() - first.ms() <= SETTLE_MS && self.stretch(time) == Some(first);
        time <= first || settles
    }

    /// The first instant of the stretch that contains a time.
    fn stretch(&self, time: Timestamp) -> Option<Timestamp> {
        self.seen.binary_search(&time).ok().map(|i| self.since[i])
    }
}

/// When an object was present, from the instants at which it was seen.
pub(super) fn spans(points: &[(Timestamp, f64)], watched: &Watched) -> Vec<Span> {
    let here: BTreeSet<Timestamp> = points.iter().map(|(time, _)| *time).collect();
    let mut out = Vec::new();
    let mut open: Option<Span> = None;
    let mut before: Option<Timestamp> = None;
    // Until then, objects in the last sample before the gap count as present.
    let mut held_until: Option<Timestamp> = None;
    for (time, since) in watched.seen.iter().zip(&watched.since) {
        if time == since {
            held_until = before.and(open.as_ref()).map(|_| time.plus_ms(SETTLE_MS));
        }
        let is_here = here.contains(time);
        let is_held = held_until.is_some_and(|until| *time <= until && here.range(*time..=until).next().is_some());
        match (&mut open, is_here || is_held) {
            (None, true) => {
                let begins = match watched.is_first_look(*time) {
                    true => None,
                    false => before.map(|before| Edge { before, at: *time }),
                };
                open = Some(Span { begins, ends: None });
            }
            (Some(span), false) => {
                span.ends = before.map(|before| Edge { before, at: *time });
                out.extend(open.take());
            }
            _ => {}
        }
        before = Some(*time);
    }
    out.extend(open);
    out
}

/// The first time of each group of times closer together than `quiet_ms`, with the last sample before it; without those that may have been present
/// all along.
pub(super) fn outbreaks(times: &BTreeSet<Timestamp>, watched: &Watched, quiet_ms: i64) -> Vec<Edge> {
    let mut out = Vec::new();
    let mut last: Option<Timestamp> = None;
    for time in times {
        if last.is_none_or(|last| time.ms() - last.ms() > quiet_ms)
            && !watched.is_first_look(*time)
            && let Some(before) = watched.before(*time)
        {
            out.push(Edge { before, at: *time });
        }
        last = Some(*time);
    }
    out
}

/// What replaced what, among series of which only one is expected at a time, such as the versions of a program. They are tracked by their own
/// samples, and if two of the same object overlap, the later one counts.
pub(super) fn successions<'a>(
    of_object: &'a BTreeMap<String, Points>,
    axis: &[Timestamp],
) -> Vec<(Edge, &'a str, &'a str)> {
    let seen = of_object.values().flatten().map(|(time, _)| *time).collect();
    let watched = Watched::new(&seen, axis);
    let spans_of: BTreeMap<&str, Vec<Span>> =
        of_object.iter().map(|(name, points)| (name.as_str(), spans(points, &watched))).collect();
    let is_there = |span: &&Span, time: Timestamp| {
        span.begins.is_none_or(|edge| edge.at <= time) && span.ends.is_none_or(|edge| edge.at > time)
    };
    // Of those present, the one that began last.
    let before = |name: &str, time: Timestamp| {
        let others = spans_of.iter().filter(|(other, _)| **other != name);
        let there =
            others.filter_map(|(other, spans)| Some((spans.iter().find(|span| is_there(span, time))?.begins, *other)));
        there.max().map(|(_, other)| other)
    };
    let mut out = Vec::new();
    for (name, spans) in &spans_of {
        for edge in spans.iter().filter_map(|span| span.begins) {
            out.extend(before(name, edge.before).map(|from| (edge, from, *name)));
        }
    }
    out.sort_unstable();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_ms(minute * 60_000)
    }

    fn watched(minutes: impl IntoIterator<Item = i64>) -> Watched {
        let seen = minutes.into_iter().map(at).collect();
        Watched::new(&seen, &(0..30).map(at).collect::<Vec<_>>())
    }

    fn seen(minutes: impl IntoIterator<Item = i64>, by: &Watched) -> Vec<(Option<i64>, Option<i64>)> {
        let points: Points = minutes.into_iter().map(|m| (at(m), 1.0)).collect();
        let minute = |edge: Option<Edge>| edge.map(|e| e.at.ms() / 60_000);
        spans(&points, by).into_iter().map(|s| (minute(s.begins), minute(s.ends))).collect()
    }

    #[test]
    fn what_comes_and_goes_has_edges_and_what_was_there_has_none() {
        let all = watched(0..20);
        assert_eq!(seen(0..20, &all), [(None, None)]);
        assert_eq!(seen(1..20, &all), [(None, None)], "the exporter may have listed it late");
        assert_eq!(seen(5..9, &all), [(Some(5), Some(9))]);
        assert_eq!(seen((0..3).chain(5..20), &all), [(None, Some(3)), (Some(5), None)]);
        assert_eq!(seen([], &all), []);
    }

    #[test]
    fn an_exporter_that_was_away_changes_nothing() {
        let gap = watched((0..8).chain(12..20));
        assert_eq!(seen((0..8).chain(12..20), &gap), [(None, None)]);
        assert_eq!(seen((0..8).chain(13..20), &gap), [(None, None)], "listed piece by piece");
        assert_eq!(seen(0..8, &gap), [(None, Some(12))], "what never comes back went in the gap");
        let points: Points = (12..20).map(|m| (at(m), 1.0)).collect();
        let [span] = spans(&points, &gap)[..] else { panic!() };
        assert_eq!(span.begins, Some(Edge { before: at(7), at: at(12) }), "it came some time in the gap");
        let late = watched(6..20);
        assert_eq!(seen(6..20, &late), [(None, None)], "the first look sees all for the first time");
    }

    #[test]
    fn values_change_between_samples_however_far_apart() {
        let points = [(at(1), 2.0), (at(2), 2.0), (at(9), 5.0)];
        let found: Vec<Step> = steps(&points).collect();
        assert_eq!(found, [Step { edge: Edge { before: at(2), at: at(9) }, from: 2.0, to: 5.0 }]);
    }

    #[test]
    fn one_takes_the_place_of_another_though_both_are_there_for_a_while() {
        let there = |minutes: std::ops::Range<i64>| minutes.map(|m| (at(m), 1.0)).collect::<Points>();
        let axis: Vec<Timestamp> = (0..30).map(at).collect();
        let of = BTreeMap::from([("b".to_owned(), there(0..13)), ("a".to_owned(), there(10..30))]);
        let edge = Edge { before: at(9), at: at(10) };
        assert_eq!(successions(&of, &axis), [(edge, "b", "a")]);
        let alone = BTreeMap::from([("a".to_owned(), there(10..30))]);
        assert!(successions(&alone, &axis).is_empty(), "the first look at a program");
    }

    #[test]
    fn what_alternates_breaks_out_once() {
        let all = watched(0..30);
        let times = |minutes: &[i64]| minutes.iter().map(|m| at(*m)).collect::<BTreeSet<_>>();
        let minutes = |times| outbreaks(&times, &all, 600_000).iter().map(|e| e.at.ms() / 60_000).collect::<Vec<_>>();
        assert_eq!(minutes(times(&[5, 7, 12, 25])), [5, 25]);
        assert_eq!(minutes(times(&[0, 1, 5])), [0; 0], "it went on before the first look");
    }
}
