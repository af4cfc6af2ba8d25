//! One incident from its first sign to its end: what was known when. Plain data; `watch` makes it, stores and interfaces carry it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::Report;
use crate::time::{Timestamp, as_rfc3339};

/// Version of this shape. A reader accepts this one and the one before.
pub const INCIDENT_SCHEMA_VERSION: u32 = 1;
/// Longest timeline: beyond it the entries after the first half are forgotten, the oldest of them first.
pub const MAX_TIMELINE: usize = 200;

/// One incident of one target. Instants are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// Version of this shape.
    pub schema_version: u32,
    /// `sock-shop-20261125T140315Z`: the target and the onset as first known. Never changes.
    pub id: String,
    /// The watched system's name in the configuration.
    pub target: String,
    /// Where it stands.
    pub state: IncidentState,
    /// How bad it is.
    pub severity: Severity,
    /// Grows by one with every change; two copies with the same revision are equal.
    pub revision: u64,
    /// When it began, as far as is known now.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String")]
    pub onset: Timestamp,
    /// When it was opened.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String")]
    pub opened: Timestamp,
    /// When it last changed.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String")]
    pub updated: Timestamp,
    /// When it was closed; `null` while it goes on.
    #[serde(with = "as_rfc3339::option")]
    #[schemars(with = "Option<String>")]
    pub closed: Option<Timestamp>,
    /// One line for people: `payment (network): front-end p95 latency 74.1 → 376 ms`.
    pub title: String,
    /// The service named; `null` where the evidence does not single one out.
    pub cause: Option<NamedCause>,
    /// What users of the services feel, the worst that was seen of each, worst first.
    pub symptoms: Vec<IndicatorChange>,
    /// Services that suffer from the cause: alerts on them may be held back.
    pub victims: Vec<String>,
    /// What it costs the objectives.
    pub slos: Vec<SloImpact>,
    /// Alerts from outside that belong to it: `groupKey` or fingerprint.
    pub alerts: Vec<String>,
    /// How often it came back after it had been closed.
    pub reopened: u32,
    /// Who looks after the service that it is about; `null` where nobody is known to.
    #[serde(default)]
    pub owner: Option<Owner>,
    /// What people say was the cause; `null` until somebody does.
    pub confirmed: Option<String>,
    /// What was known when, oldest first; at most [`MAX_TIMELINE`] entries.
    pub timeline: Vec<TimelineEntry>,
    /// The latest diagnosis.
    pub report: Option<Report>,
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// It goes on.
    Open,
    /// Nothing is wrong any more; it is closed when that lasts.
    Recovering,
    /// Over.
    Closed,
}

/// How bad an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something changed that no user feels.
    Info,
    /// Users feel it.
    Warning,
    /// Many requests fail, or an objective's budget burns fast.
    Critical,
}

/// The service named as the cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NamedCause {
    /// Which.
    pub service: String,
    /// What kind of fault its evidence speaks of, such as `network` or `cpu`.
    pub mechanism: Option<String>,
    /// Confidence, 0 to 1.
    pub confidence: f64,
}

/// Who looks after a service, and where they look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Owner {
    /// The team.
    pub team: Option<String>,
    /// Where it is written what to do.
    pub runbook: Option<String>,
    /// Where to look.
    pub dashboard: Option<String>,
    /// How bad an incident of it is, whatever it looks like.
    pub severity: Option<Severity>,
}

/// What the requests of a service feel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Indicator {
    /// Share of failed requests.
    Errors,
    /// Time to answer.
    Latency,
    /// Requests that no longer arrive or are no longer counted.
    Requests,
}

/// An indicator of a service that left its normal range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Sign")]
pub struct IndicatorChange {
    /// Whose requests.
    pub service: String,
    /// What about them.
    pub indicator: Indicator,
    /// The metric it is read from: `error_ratio`, `latency_p95_ms`.
    pub metric: String,
    /// Level in normal time.
    pub from: f64,
    /// Level now, in the metric's unit.
    pub to: f64,
    /// Unit of both: `ms`, `ratio`, `1/s`.
    pub unit: String,
}

/// An objective and what the incident costs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SloImpact {
    /// Name of the objective.
    pub slo: String,
    /// The service it is about; empty for the whole system.
    pub service: String,
    /// How fast the budget burns, as a multiple of what would use it up exactly at the end of its period: the highest that fired.
    pub burn_rate: f64,
    /// Share of the whole period's budget that this incident has used up so far, 0 to 1 and more; `null` where it could not be computed.
    pub budget_share: Option<f64>,
}

/// One moment of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    /// When automap knew.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What kind of moment.
    pub kind: TimelineKind,
    /// In words.
    pub text: String,
}

/// Kinds of moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Moment")]
#[serde(rename_all = "snake_case")]
pub enum TimelineKind {
    /// It was opened.
    Opened,
    /// The answer changed: another cause, or none.
    Verdict,
    /// More is affected, or it is worse.
    Spread,
    /// Nothing is wrong any more.
    Recovering,
    /// It is wrong again before it was closed.
    Relapsed,
    /// Closed.
    Closed,
    /// It came back soon after it had been closed.
    Reopened,
    /// The source did not answer, or answers again.
    Source,
    /// An alert from outside joined.
    Alert,
    /// Somebody said what the cause was.
    Confirmed,
}

impl IncidentState {
    /// The word used in listings and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Recovering => "recovering",
            Self::Closed => "closed",
        }
    }
}

impl Severity {
    /// The word used in listings and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl TimelineKind {
    /// The word used in listings and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Verdict => "verdict",
            Self::Spread => "spread",
            Self::Recovering => "recovering",
            Self::Relapsed => "relapsed",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
            Self::Source => "source",
            Self::Alert => "alert",
            Self::Confirmed => "confirmed",
        }
    }
}

impl Incident {
    /// One of which nothing is known but when it began; its first change makes it revision 1.
    pub fn new(id: impl Into<String>, target: impl Into<String>, onset: Timestamp, opened: Timestamp) -> Self {
        Self {
            schema_version: INCIDENT_SCHEMA_VERSION,
            id: id.into(),
            target: target.into(),
            state: IncidentState::Open,
            severity: Severity::Info,
            revision: 0,
            onset,
            opened,
            updated: opened,
            closed: None,
            title: String::new(),
            cause: None,
            symptoms: Vec::new(),
            victims: Vec::new(),
            slos: Vec::new(),
            alerts: Vec::new(),
            reopened: 0,
            owner: None,
            confirmed: None,
            timeline: Vec::new(),
            report: None,
        }
    }

    /// Adds a moment; forgets the oldest one after the first half when there is no room.
    pub fn note(&mut self, at: Timestamp, kind: TimelineKind, text: impl Into<String>) {
        if self.timeline.len() >= MAX_TIMELINE {
            self.timeline.remove(MAX_TIMELINE / 2);
        }
        self.timeline.push(TimelineEntry { at, kind, text: text.into() });
    }

    /// The services that it is about: its cause; while none is named, those with symptoms.
    pub fn services(&self) -> Vec<&str> {
        match &self.cause {
            Some(cause) => vec![&cause.service],
            None => self.symptoms.iter().map(|s| s.service.as_str()).collect(),
        }
    }

    /// Whether it still goes on.
    pub fn is_open(&self) -> bool {
        self.state != IncidentState::Closed
    }
}

/// `6 h`, `12 min`, `40 s`.
pub fn span(ms: i64) -> String {
    let s = ms.max(0) / 1000;
    match s {
        s if s >= 7200 => format!("{} h", s / 3600),
        s if s >= 120 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn an_incident() -> Incident {
        let t = Timestamp::from_ms(1_763_906_595_000);
        Incident { severity: Severity::Warning, ..Incident::new("shop-20251123T140315Z", "shop", t, t) }
    }

    #[test]
    fn instants_are_readable_and_survive_json() {
        let incident = an_incident();
        let json = serde_json::to_value(&incident).unwrap();
        assert_eq!((json["onset"].as_str(), json["closed"].is_null()), (Some("2025-11-23T14:03:15Z"), true));
        assert_eq!(serde_json::from_value::<Incident>(json).unwrap(), incident);
    }

    #[test]
    fn a_full_timeline_keeps_its_beginning_and_its_end() {
        let mut incident = an_incident();
        for i in 0..MAX_TIMELINE + 5 {
            incident.note(incident.onset, TimelineKind::Verdict, i.to_string());
        }
        let texts: Vec<&str> = incident.timeline.iter().map(|e| e.text.as_str()).collect();
        assert_eq!((texts.len(), texts[0], texts[99], texts[100]), (MAX_TIMELINE, "0", "99", "105"));
        assert_eq!(texts.last(), Some(&"204"));
    }
}
