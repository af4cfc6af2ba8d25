//! Lists what a diagnosis would need but could not observe: unobserved signals are never called calm.
//!
//! "No incident" is a statement about requests, so it needs the latency and the errors of the entry services, and complete answers to the queries
//! for them. Services that are called but report nothing are listed too, since a cause may hide there. The sources know what was not queried at
//! all, and why. A cause, too, is named only if what would exonerate it was observed (`callees`).

mod callees;

pub use callees::UnobservedCallees;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::anomaly::Anomalies;
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Family, Metric, Side};
use crate::note::NotChecked;
use crate::observation::{QueryRecord, QueryState};
use crate::topology::{CallGraph, Protocol};

/// The families that users feel.
const OF_REQUESTS: [Family; 3] = [Family::Latency, Family::Error, Family::Throughput];

/// What was not observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unseen {
    /// Latency or errors that cannot be judged at the entries, with the entries that lack them; an empty list means that no service has them.
    pub symptoms: Vec<(Family, Vec<ServiceIdx>)>,
    /// Called services of which nothing can be judged, neither from their own series nor from their callers'.
    pub silent: Vec<ServiceIdx>,
    /// Queries for latency, errors or requests that were not completely answered, so that some symptoms may be hidden.
    pub unanswered: Vec<Unanswered>,
    /// Services that may wait for an unobserved callee, since queries were not completely answered or there are no series.
    pub callees: BTreeMap<ServiceIdx, UnobservedCallees>,
}

/// Queries for what users feel that were not completely answered for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unanswered {
    /// Refused, failed or partial.
    pub state: QueryState,
    /// Why, in the server's words.
    pub reason: Option<String>,
    /// Latency, errors, requests.
    pub families: Vec<Family>,
}

impl Unanswered {
    /// Finds what the queries leave open. The services' own metrics decide, or those of their calls if services report none. A signal that one
    /// source does not answer but another answers completely counts as answered. O(queries).
    ///
    /// ```
    /// use automap_core::metric::Family;
    /// use automap_core::observation::{QueryRecord, QueryState};
    /// use automap_core::unseen::Unanswered;
    ///
    /// let query = |signal: &str, state| QueryRecord {
    ///     signal: signal.into(),
    ///     promql: String::new(),
    ///     series: 0,
    ///     samples: 0,
    ///     state,
    ///     reason: Some("a store is down".into()),
    /// };
    /// let partial = [query("latency_ms", QueryState::Partial), query("error_ratio", QueryState::Complete)];
    /// assert_eq!(Unanswered::all(&partial)[0].families, [Family::Latency]);
    /// let elsewhere = [query("latency_ms", QueryState::Partial), query("latency_ms", QueryState::Complete)];
    /// assert!(Unanswered::all(&elsewhere).is_empty());
    /// ```
    pub fn all(queries: &[QueryRecord]) -> Vec<Self> {
        let asked: Vec<(Metric, &QueryRecord)> = queries.iter().map(|q| (Metric::parse(&q.signal), q)).collect();
        let mut open: Vec<(Family, &QueryRecord)> = Vec::new();
        for family in OF_REQUESTS {
            let of_side = |side: Side| {
                let ours = asked.iter().filter(|(metric, _)| metric.family == family && metric.side == side);
                ours.map(|(_, query)| *query).filter(|query| query.state != QueryState::Empty).collect::<Vec<_>>()
            };
            let sides = [of_side(Side::Own), of_side(Side::Client)];
            let Some(queries) = sides.iter().find(|queries| !queries.is_empty()) else { continue };
            if queries.iter().any(|query| query.state == QueryState::Complete) {
                continue;
            }
            open.extend(queries.iter().map(|query| (family.clone(), *query)));
        }
        Self::grouped(open)
    }

    /// One per state and reason.
    fn grouped<'a>(open: impl IntoIterator<Item = (Family, &'a QueryRecord)>) -> Vec<Self> {
        let mut found: BTreeMap<(QueryState, Option<&str>), Vec<Family>> = BTreeMap::new();
        for (family, query) in open {
            let families = found.entry((query.state, query.reason.as_deref())).or_default();
            if !families.contains(&family) {
                families.push(family);
            }
        }
        let named = found.into_iter();
        named.map(|((state, reason), families)| Self { state, reason: reason.map(str::to_owned), families }).collect()
    }

    /// As in "the answers for latency and errors are incomplete".
    pub fn sentence(&self) -> String {
        let of = enumerate(&self.families);
        match self.state {
            QueryState::Refused => format!("the server refused the queries for {of}"),
            QueryState::Partial => format!("the server's answers for {of} are incomplete"),
            QueryState::Screened => format!("not all services were asked for {of}"),
            QueryState::Failed | QueryState::Empty | QueryState::Complete => format!("the queries for {of} failed"),
        }
    }

    /// What may help.
    pub fn remedy(&self) -> &'static str {
        match self.state {
            QueryState::Refused => {
                "ask for less at once (a shorter window or a larger step), or raise the server's limit that its answer names"
            }
            QueryState::Partial => "see what the server's warning names, and ask again when it is back",
            QueryState::Screened => "ask for all services, or look at fewer namespaces",
            QueryState::Failed | QueryState::Empty | QueryState::Complete => "mend what the error names, and ask again",
        }
    }
}

impl Unseen {
    /// Finds it. Entries are those that make requests: a service that only reads a queue has no users. Without calls, or if every caller is also
    /// called, a symptom counts as observed if any service reports it. O(series + calls + queries).
    pub fn of(frame: &MetricFrame, anomalies: &Anomalies, calls: &CallGraph, queries: &[QueryRecord]) -> Self {
        let asks = |service: &str| calls.edges().any(|(from, _, p)| from == service && p == Protocol::Request);
        let entries: BTreeSet<ServiceIdx> =
            frame.entries(calls).into_iter().filter(|s| asks(frame.service(*s))).collect();
        let lacking = |family: Family| {
            let symptoms = anomalies.series.iter().filter(|s| s.metric.family == family);
            let judged: BTreeSet<ServiceIdx> =
                symptoms.filter(|s| matches!(s.metric.side, Side::Own | Side::Client)).map(|s| s.service).collect();
            if entries.is_empty() {
                return judged.is_empty().then_some((family, Vec::new()));
            }
            let lacking: Vec<ServiceIdx> = entries.difference(&judged).copied().collect();
            (!lacking.is_empty()).then_some((family, lacking))
        };
        let known: BTreeSet<ServiceIdx> =
            anomalies.series.iter().flat_map(|s| [Some(s.service), s.peer]).flatten().collect();
        let called = calls.edges().filter_map(|(_, to, _)| frame.find(to));
        let silent: BTreeSet<ServiceIdx> = called.filter(|s| !known.contains(s)).collect();
        Self {
            symptoms: [Family::Latency, Family::Error].into_iter().filter_map(lacking).collect(),
            silent: silent.into_iter().collect(),
            unanswered: Unanswered::all(queries),
            callees: callees::find(frame, anomalies, calls, queries),
        }
    }

    /// Adds services that may wait for callees without sufficient series, although all answers were complete.
    pub fn with_unmeasured(mut self, frame: &MetricFrame, waits: &BTreeMap<ServiceIdx, Vec<ServiceIdx>>) -> Self {
        for (service, callees) in waits {
            let callees = callees.iter().map(|s| frame.service(*s).to_owned()).collect();
            let unmeasured = UnobservedCallees { callees, queries: Vec::new() };
            self.callees.entry(*service).or_insert(unmeasured);
        }
        self
    }

    /// Whether something that users feel may be unobserved, so that nothing may be called calm.
    pub fn hides_symptoms(&self) -> bool {
        !(self.symptoms.is_empty() && self.unanswered.is_empty())
    }

    /// What may help, for everything that hides symptoms.
    pub fn remedies(&self, frame: &MetricFrame) -> Vec<String> {
        let answer = self.unanswered.iter().map(|u| u.remedy().to_owned());
        let lacking: BTreeSet<&str> = self.symptoms.iter().flat_map(|(_, s)| s).map(|s| frame.service(*s)).collect();
        let lacking: Vec<&str> = lacking.into_iter().collect();
        let families: Vec<Family> = self.symptoms.iter().map(|(family, _)| family.clone()).collect();
        let requests =
            if lacking.is_empty() { "requests".to_owned() } else { format!("requests to {}", lacking.join(", ")) };
        let measure = (!families.is_empty()).then(|| format!("measure the {} of {requests}", enumerate(&families)));
        let mut all: Vec<String> = answer.chain(measure).collect();
        all.dedup();
        all
    }

    /// What was not observed, for a report.
    pub fn not_checked(&self, frame: &MetricFrame) -> Vec<NotChecked> {
        let names = |services: &[ServiceIdx]| services.iter().map(|s| frame.service(*s).to_owned()).collect::<Vec<_>>();
        let symptom = |(family, services): &(Family, Vec<ServiceIdx>)| NotChecked {
            signal: family.as_str().to_owned(),
            services: names(services),
            reason: match services.is_empty() {
                true => format!("no service reports the {} of its requests", words(family)),
                false => format!("users enter here, and no series shows the {} of their requests", words(family)),
            },
        };
        let mut out: Vec<NotChecked> = self.symptoms.iter().map(symptom).collect();
        if !self.silent.is_empty() {
            out.push(NotChecked {
                signal: "everything".to_owned(),
                services: names(&self.silent),
                reason: "called by others, and neither they nor it report anything about it".to_owned(),
            });
        }
        // The source lists queries that were refused or failed.
        let partial = self.unanswered.iter().filter(|u| u.state == QueryState::Partial);
        out.extend(partial.map(|u| NotChecked {
            signal: u.families.iter().map(Family::as_str).collect::<Vec<_>>().join(", "),
            services: Vec::new(),
            reason: match &u.reason {
                Some(reason) => format!("the server's answers are incomplete: {reason}"),
                None => "the server's answers are incomplete".to_owned(),
            },
        }));
        out
    }
}

/// As in "the errors of its requests".
pub(crate) fn words(family: &Family) -> &str {
    match family {
        Family::Error => "errors",
        Family::Throughput => "the number of requests",
        other => other.as_str(),
    }
}

/// `latency, errors and the number of requests`.
fn enumerate(families: &[Family]) -> String {
    let words: Vec<&str> = families.iter().map(words).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::{AnomalyOptions, Rows, detect};
    use crate::frame::{RawSeries, assemble};
    use crate::time::Timestamp;

    fn unseen(series: &[(&str, &str, Option<&str>)], calls: &[(&str, &str)]) -> (MetricFrame, Unseen) {
        let times: Vec<Timestamp> = (0..20).map(|i| Timestamp::from_ms(i * 1000)).collect();
        let raw = series.iter().map(|(service, metric, peer)| RawSeries {
            service: (*service).to_owned(),
            metric: (*metric).to_owned(),
            peer: peer.map(str::to_owned),
            points: times.iter().enumerate().map(|(i, t)| (*t, (i % 3) as f64)).collect(),
        });
        let (frame, _) = assemble(raw.collect(), times.clone()).unwrap();
        let anomalies = detect(&frame, &Rows::split(&frame, 12), &AnomalyOptions::default());
        let calls: CallGraph = calls.iter().copied().collect();
        let found = Unseen::of(&frame, &anomalies, &calls, &[]);
        (frame, found)
    }

    #[test]
    fn an_entry_needs_latency_and_errors() {
        let calls = [("front-end", "orders")];
        let complete = [("front-end", "latency_ms", None), ("front-end", "client_error_ratio", Some("orders"))];
        assert_eq!(unseen(&complete, &calls).1, Unseen::default(), "its calls show what its requests get");
        let (frame, partial) = unseen(&[("front-end", "latency_ms", None), ("orders", "error_ratio", None)], &calls);
        assert_eq!(partial.symptoms, [(Family::Error, vec![frame.find("front-end").unwrap()])]);
        assert_eq!(partial.not_checked(&frame)[0].services, ["front-end"]);
        let (_, none) = unseen(&[("front-end", "cpu_cores", None)], &[]);
        assert_eq!(none.symptoms.len(), 2);
        let (_, any) = unseen(&[("a", "latency_ms", None), ("b", "error_ratio", None)], &[]);
        assert!(any.symptoms.is_empty(), "without calls nothing says where users enter");
    }

    fn query(signal: &str, state: QueryState, reason: &str) -> QueryRecord {
        let reason = (!reason.is_empty()).then(|| reason.to_owned());
        QueryRecord { signal: signal.into(), promql: String::new(), series: 1, samples: 1, state, reason }
    }

    #[test]
    fn what_was_not_wholly_answered_is_grouped_by_its_reason() {
        use QueryState::{Complete, Empty, Failed, Partial, Refused};
        let all = Unanswered::all(&[
            query("throughput_rps", Refused, "too many samples"),
            query("error_ratio", Refused, "too many samples"),
            query("latency_ms", Partial, "a store is down"),
            query("cpu_cores", Failed, "it broke"),
            query("client_latency_ms", Failed, "it broke"),
        ]);
        let sentences: Vec<String> = all.iter().map(Unanswered::sentence).collect();
        assert_eq!(
            sentences,
            [
                "the server's answers for latency are incomplete",
                "the server refused the queries for errors and the number of requests"
            ]
        );
        let unseen = Unseen { unanswered: all, ..Unseen::default() };
        assert!(unseen.hides_symptoms() && !Unseen::default().hides_symptoms());
        for (queries, is_answered) in [
            (vec![query("latency_ms", Complete, ""), query("latency_p95_ms", Refused, "too large")], true),
            (vec![query("latency_ms", Complete, ""), query("client_latency_ms", Partial, "down")], true),
            (vec![query("latency_ms", Empty, ""), query("client_latency_ms", Partial, "down")], false),
            (vec![query("latency_ms", Failed, "broke"), query("client_latency_ms", Complete, "")], false),
        ] {
            assert_eq!(Unanswered::all(&queries).is_empty(), is_answered, "{queries:?}");
        }
    }
}
