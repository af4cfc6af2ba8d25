//! Selects the series that a page shows: those that the report mentions or, without an incident, those that users would
//! notice first.

use crate::anomaly::SeriesEvidence;
use crate::chart::{Chart, ChartRole, chart};
use crate::frame::Series;
use crate::metric::{CLIENT_LATENCY_MS, CONTRAST, FELT_BY_USERS, NETWORK_GAP_MS, Side};
use crate::observation::{Observation, QueryState};
use crate::report::evidence::Facts;
use crate::report::{Evidence, Report, VerdictKind};

/// Charts on one page.
pub const MAX_CHARTS: usize = 12;
/// Charts of one service's own page.
pub const MAX_SERVICE_CHARTS: usize = 24;
/// Charts of the named service, or of the first candidate.
const OF_FIRST: usize = 6;
/// Charts of each further candidate if no cause is named.
const OF_RIVAL: usize = 2;
/// Charts of what users notice.
const OF_SYMPTOMS: usize = 3;
/// Charts of each victim.
const OF_VICTIM: usize = 2;
/// Charts of unchanged metrics of the named service.
const OF_UNCHANGED: usize = 3;
/// A series below this evidence did not change.
const CALM: f64 = 0.3;
/// Entry services whose metrics are shown when nothing happened.
const CALM_ENTRIES: usize = 2;
/// Charts when nothing happened, including those that came closest to unusual.
const OF_CALM: usize = 6;

/// The charts of a page, most telling first within each role; no series twice.
pub(super) fn charts(facts: &Facts<'_>, observation: &Observation, report: &Report) -> Vec<Chart> {
    let mut page = Page { facts, observation, max: MAX_CHARTS, charts: Vec::new() };
    match report.verdict.kind {
        VerdictKind::NoIncident | VerdictKind::CannotTell => page.calm(),
        VerdictKind::Cause => {
            for cause in report.causes.iter().take(1) {
                page.add(&cause.evidence, ChartRole::Cause, OF_FIRST);
            }
            page.symptoms(report);
            for victim in &report.victims {
                page.add(&victim.evidence, ChartRole::Victim, OF_VICTIM);
            }
            page.contrast(report);
        }
        VerdictKind::NotEnoughEvidence => {
            for (i, cause) in report.detailed_causes().0.into_iter().enumerate() {
                page.add(&cause.evidence, ChartRole::Candidate, if i == 0 { OF_FIRST } else { OF_RIVAL });
            }
            page.symptoms(report);
        }
    }
    page.charts
}

/// The series of one service with at least one sample, up to the limit, and how many exceed it.
pub(super) fn service_charts(
    facts: &Facts<'_>,
    observation: &Observation,
    report: &Report,
    service: &str,
) -> (Vec<Chart>, usize) {
    let role = match () {
        () if report.verdict.names(service) => ChartRole::Cause,
        () if report.victims.iter().any(|v| v.service == service) => ChartRole::Victim,
        () => ChartRole::Calm,
    };
    let frame = facts.frame;
    let Some(index) = frame.find(service) else { return (Vec::new(), 0) };
    let mut series: Vec<&Series> = frame.series().iter().filter(|s| s.service == index).collect();
    series.retain(|s| s.values.iter().any(|v| v.is_finite()));
    let felt = |s: &Series| FELT_BY_USERS.iter().position(|name| s.metric.name == *name).unwrap_or(usize::MAX);
    series.sort_by_key(|s| (s.peer.is_some(), felt(s)));
    let omitted = series.len().saturating_sub(MAX_SERVICE_CHARTS);
    let mut page = Page { facts, observation, max: MAX_SERVICE_CHARTS, charts: Vec::new() };
    series.into_iter().for_each(|s| page.push(s, role));
    (page.charts, omitted)
}

struct Page<'a> {
    facts: &'a Facts<'a>,
    observation: &'a Observation,
    max: usize,
    charts: Vec<Chart>,
}

impl<'a> Page<'a> {
    fn symptoms(&mut self, report: &Report) {
        for symptom in report.symptoms.iter().take(OF_SYMPTOMS) {
            self.add(std::slice::from_ref(&symptom.evidence), ChartRole::Symptom, 1);
        }
    }

    fn add(&mut self, evidence: &[Evidence], role: ChartRole, most: usize) {
        let found: Vec<&Series> = evidence.iter().filter_map(|e| self.series_of(e)).collect();
        for series in found.into_iter().take(most) {
            self.push(series, role);
        }
    }

    /// Unchanged metrics of the named service.
    fn contrast(&mut self, report: &Report) {
        let frame = self.facts.frame;
        let Some(named) = report.verdict.service.as_deref().and_then(|name| frame.find(name)) else { return };
        let calm = |s: &&SeriesEvidence| s.service == named && s.peer.is_none() && s.evidence.abs() < CALM;
        let own: Vec<&SeriesEvidence> = self.facts.anomalies.series.iter().filter(calm).collect();
        let unchanged = CONTRAST.iter().filter_map(|name| own.iter().find(|s| s.metric.name == *name));
        for s in unchanged.take(OF_UNCHANGED) {
            self.push(&frame.series()[s.series], ChartRole::Unchanged);
        }
    }

    /// What users would notice first, then what came closest to unusual.
    fn calm(&mut self) {
        let frame = self.facts.frame;
        for entry in self.observation.calls.entries().into_iter().take(CALM_ENTRIES) {
            let service = frame.find(entry);
            for series in FELT_BY_USERS.iter().filter_map(|name| frame.get(service?, name, None)) {
                self.push(series, ChartRole::Calm);
            }
        }
        let mut closest: Vec<&SeriesEvidence> = self.facts.anomalies.series.iter().collect();
        closest.sort_by(|a, b| b.evidence.abs().total_cmp(&a.evidence.abs()).then(a.series.cmp(&b.series)));
        for s in closest {
            if self.charts.len() >= OF_CALM {
                break;
            }
            self.push(&frame.series()[s.series], ChartRole::Calm);
        }
    }

    fn push(&mut self, series: &Series, role: ChartRole) {
        let name = |s| self.facts.frame.service(s).to_owned();
        let (service, peer) = (name(series.service), series.peer.map(name));
        let same = |c: &Chart| (&c.service, &c.peer, &c.metric) == (&service, &peer, &series.metric);
        if self.charts.len() < self.max && !self.charts.iter().any(same) {
            self.charts.push(chart(self.facts, series, role, self.query(&series.metric.name)));
        }
    }

    /// The series that an item of evidence refers to; for missing samples, the service's own series that lost most.
    fn series_of(&self, evidence: &Evidence) -> Option<&'a Series> {
        let frame = self.facts.frame;
        let service = frame.find(&evidence.seen_by)?;
        let peer = match &evidence.peer {
            Some(peer) => Some(frame.find(peer)?),
            None => None,
        };
        let missing = |s: &&Series| self.facts.windows.rows.incident.iter().filter(|&&i| s.values[i].is_nan()).count();
        frame.get(service, &evidence.metric.name, peer).or_else(|| {
            let own = frame.series().iter().filter(|s| s.service == service && s.metric.side == Side::Own);
            // The first of equals: `max_by_key` alone would take the last.
            own.rev().max_by_key(missing)
        })
    }

    /// An expression for the metric; the caller's latency for a gap, which no source delivers.
    fn query(&self, metric: &str) -> Option<String> {
        let signal = if metric == NETWORK_GAP_MS { CLIENT_LATENCY_MS } else { metric };
        let delivered = |s: QueryState| matches!(s, QueryState::Complete | QueryState::Partial);
        let found = self.observation.queries.iter().find(|q| q.signal == signal && delivered(q.state));
        found.map(|q| q.promql.clone())
    }
}
