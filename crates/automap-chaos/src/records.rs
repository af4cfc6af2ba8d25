//! Turns a record's history into stretches of time. Histories are sets, so duplicates and disorder do not matter.

use std::collections::BTreeSet;

use automap_core::time::Timestamp;

use crate::object::RecordEvent;

/// Most history entries kept for one record. Chaos Mesh itself keeps the last 100.
pub(crate) const MAX_HISTORY: usize = 1000;

/// A stretch during which one pod was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) from: Timestamp,
    pub(crate) to: Option<Timestamp>,
}

/// Everything observed of one record.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// Succeeded: `(when, is an injection)`.
    done: BTreeSet<(Timestamp, bool)>,
    /// The last failure to inject, for messages.
    pub(crate) failed: Option<(Timestamp, String)>,
}

impl History {
    pub(crate) fn add(&mut self, event: &RecordEvent) {
        if event.succeeded {
            self.done.insert((event.at, event.is_apply));
        } else if event.is_apply && self.failed.as_ref().is_none_or(|(at, _)| *at < event.at) {
            self.failed = Some((event.at, event.message.clone()));
        }
        while self.done.len() > MAX_HISTORY {
            self.done.pop_first();
        }
    }

    /// Adds a stretch known from elsewhere: an earlier run's ledger, or phases.
    pub(crate) fn add_span(&mut self, span: Span) {
        self.done.insert((span.from, true));
        if let Some(to) = span.to {
            self.done.insert((to, false));
        }
    }

    /// Whether it begins with a recovery: the earlier injection is no longer recorded.
    pub(crate) fn is_cut(&self) -> bool {
        self.done.first().is_some_and(|(_, is_apply)| !is_apply)
    }

    /// From the first injection to the next recovery, and so on. Injections repeated in between (a restarted pod) belong to the same stretch.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let (mut spans, mut open) = (Vec::new(), None);
        let times: BTreeSet<Timestamp> = self.done.iter().map(|(at, _)| *at).collect();
        for at in times {
            let (apply, recover) = (self.done.contains(&(at, true)), self.done.contains(&(at, false)));
            // Times are whole seconds, so both may fall into one. An open stretch is closed first.
            if let Some(from) = open.take_if(|_| recover) {
                spans.push(Span { from, to: Some(at) });
                open = apply.then_some(at);
            } else if open.is_none() && apply {
                if recover {
                    spans.push(Span { from: at, to: Some(at) });
                } else {
                    open = Some(at);
                }
            }
        }
        spans.extend(open.map(|from| Span { from, to: None }));
        spans
    }
}

/// Pods that were hit together: which record, and when.
pub(crate) type Stretch = Vec<(usize, Span)>;

/// Groups spans of several records into stretches of the experiment: overlapping ones belong together. Input: `(record, span)`.
pub(crate) fn stretches(mut all: Vec<(usize, Span)>) -> Vec<Stretch> {
    all.sort_by_key(|(record, span)| (span.from, *record));
    // Each with its end.
    let mut out: Vec<(Option<Timestamp>, Stretch)> = Vec::new();
    for (record, span) in all {
        match out.last_mut() {
            // A stretch has ended when exactly its end is reached: a resume may follow a pause within the second.
            Some((end, members)) if end.is_none_or(|end| span.from < end || members[0].1.from == span.from) => {
                *end = end.zip(span.to).map(|(a, b)| a.max(b));
                members.push((record, span));
            }
            _ => out.push((span.to, vec![(record, span)])),
        }
    }
    out.into_iter().map(|(_, members)| members).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(s: i64) -> Timestamp {
        Timestamp::from_ms(s * 1000)
    }

    fn history(events: &[(i64, bool)]) -> History {
        let mut history = History::default();
        for (s, is_apply) in events {
            history.add(&RecordEvent { at: t(*s), is_apply: *is_apply, succeeded: true, message: String::new() });
        }
        history
    }

    fn spans(events: &[(i64, bool)]) -> Vec<(i64, Option<i64>)> {
        let of = |s: Span| (s.from.ms() / 1000, s.to.map(|t| t.ms() / 1000));
        history(events).spans().into_iter().map(of).collect()
    }

    #[test]
    fn disorder_and_duplicates_change_nothing() {
        let want = vec![(10, Some(20)), (30, None)];
        assert_eq!(spans(&[(10, true), (20, false), (30, true)]), want);
        assert_eq!(spans(&[(30, true), (20, false), (10, true), (20, false), (30, true)]), want);
    }

    #[test]
    fn repeated_injections_are_one_stretch_and_a_lone_recovery_is_none() {
        assert_eq!(spans(&[(10, true), (15, true), (20, false)]), [(10, Some(20))]);
        assert_eq!(spans(&[(20, false)]), []);
        assert!(history(&[(20, false), (30, true)]).is_cut());
    }

    #[test]
    fn within_one_second_the_open_one_ends_first() {
        assert_eq!(spans(&[(10, true), (20, true), (20, false), (30, false)]), [(10, Some(20)), (20, Some(30))]);
        assert_eq!(spans(&[(10, true), (10, false)]), [(10, Some(10))]);
    }

    #[test]
    fn pods_of_one_stretch_are_found_together() {
        let span = |from, to: Option<i64>| Span { from: t(from), to: to.map(t) };
        let all = vec![(0, span(10, Some(20))), (1, span(11, Some(21))), (0, span(21, None)), (1, span(22, None))];
        let sizes: Vec<usize> = stretches(all).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2]);
    }
}
