//! Finds services whose callees were not observed: the data that would exonerate such a caller is missing, so it is never named alone.
//!
//! A caller of a slow service is slow itself, and only the callee's own latency and errors, or the calls to it, distinguish the two. If the
//! queries for these were refused, failed or partly answered, a callee counts as observed only by series whose queries were completely answered.
//! Callees that only use TCP are not covered, since no query for requests shows them. Without such queries nothing is found.
//!
//! Worked example: front-end calls catalogue, and the answers for `latency_ms` are incomplete. If `client_latency_ms` was completely answered and
//! has a series from front-end to catalogue, catalogue is observed. Otherwise front-end may wait for catalogue, whatever its own series show.

use std::collections::{BTreeMap, BTreeSet};

use super::{OF_REQUESTS, Unanswered};
use crate::anomaly::Anomalies;
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Family, Metric, Side};
use crate::observation::{QueryRecord, QueryState};
use crate::topology::{CallGraph, Protocol};

/// Symptoms that exonerate a caller if its callee shows them.
const EXONERATING: [Family; 2] = [Family::Latency, Family::Error];
/// The sides that report requests.
const SIDES: [Side; 3] = [Side::Own, Side::Client, Side::Served];

/// Callees of a service that may be the cause instead of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnobservedCallees {
    /// Those whose latency or errors were not observed; empty if its calls were not observed.
    pub callees: Vec<String>,
    /// The queries with incomplete answers; empty if all answers were complete, but there are no series.
    pub queries: Vec<Unanswered>,
}

impl UnobservedCallees {
    /// As in "whether front-end waits for catalogue was not observed: the server's answers for latency are incomplete".
    pub fn sentence(&self, service: &str) -> String {
        let answers: Vec<String> = self.queries.iter().map(Unanswered::sentence).collect();
        let answers = match answers.is_empty() {
            true => "no series measures these calls before and during the incident".to_owned(),
            false => answers.join("; "),
        };
        match self.callees.is_empty() {
            true => format!("whom {service} calls was not wholly observed: {answers}"),
            false => format!("whether {service} waits for {} was not observed: {answers}", self.callees.join(", ")),
        }
    }
}

/// Queries for one side of one family without a complete answer.
struct Open<'a> {
    family: Family,
    side: Side,
    queries: Vec<&'a QueryRecord>,
}

/// Services whose callees were not observed. O(queries + series · log series + calls · log calls).
pub(super) fn find(
    frame: &MetricFrame,
    anomalies: &Anomalies,
    calls: &CallGraph,
    queries: &[QueryRecord],
) -> BTreeMap<ServiceIdx, UnobservedCallees> {
    let asked: Vec<(Metric, &QueryRecord)> = queries.iter().map(|q| (Metric::parse(&q.signal), q)).collect();
    let open = open(&asked);
    if open.is_empty() {
        return BTreeMap::new();
    }
    let is_open = |family: &Family, side: Side| open.iter().any(|o| o.family == *family && o.side == side);
    let whole = anomalies.series.iter().filter(|s| !is_open(&s.metric.family, s.metric.side));
    let seen: BTreeSet<(Option<ServiceIdx>, ServiceIdx, &Family)> = whole
        .filter_map(|s| match (s.metric.side, s.peer) {
            (Side::Own, None) => Some((None, s.service, &s.metric.family)),
            (Side::Client | Side::Served, Some(peer)) => Some((Some(s.service), peer, &s.metric.family)),
            _ => None,
        })
        .collect();
    let families: Vec<&Family> = EXONERATING.iter().filter(|f| open.iter().any(|o| o.family == **f)).collect();
    let is_seen = |caller: ServiceIdx, callee: &str| {
        let Some(callee) = frame.find(callee) else { return families.is_empty() };
        families.iter().all(|f| seen.contains(&(None, callee, *f)) || seen.contains(&(Some(caller), callee, *f)))
    };
    let unknown = Unknown::of(&asked, &open);
    let mut requests: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to, _) in calls.edges().filter(|(_, _, protocol)| *protocol == Protocol::Request) {
        requests.entry(from).or_default().push(to);
    }
    let called: BTreeSet<&str> = calls.edges().map(|(_, to, _)| to).collect();
    let judged = anomalies.series.iter().map(|s| frame.service(s.service));
    let services: BTreeSet<&str> = judged.chain(calls.edges().flat_map(|(from, to, _)| [from, to])).collect();
    let of_service = |service: &str| {
        let idx = frame.find(service)?;
        let callees = requests.get(service).map(Vec::as_slice).unwrap_or_default();
        let hidden = callees.iter().filter(|to| !is_seen(idx, to)).map(|to| (*to).to_owned()).collect::<Vec<_>>();
        let is_open_end = unknown.is_for(!callees.is_empty(), called.contains(service));
        if hidden.is_empty() && !is_open_end {
            return None;
        }
        let matters = |o: &&Open<'_>| is_open_end && o.side != Side::Own || families.contains(&&o.family);
        let queries = open.iter().filter(matters).flat_map(|o| o.queries.iter().map(|q| (o.family.clone(), *q)));
        Some((idx, UnobservedCallees { callees: hidden, queries: Unanswered::grouped(queries) }))
    };
    services.into_iter().filter_map(of_service).collect()
}

fn open<'a>(asked: &[(Metric, &'a QueryRecord)]) -> Vec<Open<'a>> {
    let of = |family: &Family, side: Side| {
        let ours = asked.iter().filter(|(m, _)| m.family == *family && m.side == side).map(|(_, q)| *q);
        let (whole, open): (Vec<_>, Vec<_>) =
            ours.filter(|q| q.state != QueryState::Empty).partition(|q| q.state == QueryState::Complete);
        (whole.is_empty() && !open.is_empty()).then(|| Open { family: family.clone(), side, queries: open })
    };
    OF_REQUESTS.iter().flat_map(|f| SIDES.into_iter().filter_map(move |side| of(f, side))).collect()
}

/// Whether calls may exist that no answer shows. Every signal of calls shows them, so one complete answer is enough.
enum Unknown {
    None,
    /// Some calls were delivered, others may be missing.
    Some,
    /// No answer came at all.
    All,
}

impl Unknown {
    fn of(asked: &[(Metric, &QueryRecord)], open: &[Open<'_>]) -> Self {
        let is_call = |side: Side| matches!(side, Side::Client | Side::Served);
        let is_answered = asked
            .iter()
            .any(|(m, q)| is_call(m.side) && OF_REQUESTS.contains(&m.family) && q.state == QueryState::Complete);
        let mut of_calls = open.iter().filter(|o| is_call(o.side)).flat_map(|o| &o.queries).peekable();
        match (is_answered || of_calls.peek().is_none(), of_calls.any(|q| q.state == QueryState::Partial)) {
            (true, _) => Self::None,
            (false, true) => Self::Some,
            (false, false) => Self::All,
        }
    }

    /// Whether a service may have unknown callees. If only some calls are missing, a called service without known callees is assumed to be the
    /// end of a chain: otherwise one store that is down would hide every cause.
    fn is_for(&self, calls: bool, is_called: bool) -> bool {
        match self {
            Self::None => false,
            Self::Some => calls || !is_called,
            Self::All => true,
        }
    }
}
