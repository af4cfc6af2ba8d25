//! The record of one incident: cause, symptoms, cost and timeline, from its onset to its end.
//!
//! Plain, versioned data. [`crate::watch`] creates and updates it; the server stores, sends and serves it. Text for people is composed elsewhere.

pub mod history;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::{Metric, Unit};
use crate::report::Report;
use crate::time::{Timestamp, as_rfc3339};

/// Version of this schema. A reader accepts this one and the previous one.
pub const INCIDENT_SCHEMA_VERSION: u32 = 1;
/// Longest timeline. Beyond it the oldest entries of the second half are dropped, so that both beginning and end are kept; notes stay.
pub const MAX_TIMELINE: usize = 200;
/// Most alerts, and most objectives, that an incident lists; the others are counted. It is rewritten at every revision and sent in every list.
pub const MAX_REPORTED: usize = 500;
/// Most notes of a timeline. They fit into its second half, so that none has to be dropped.
pub const MAX_NOTES: usize = 50;

/// One incident of one target. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// Version of this schema.
    pub schema_version: u32,
    /// `sock-shop-20261125T140415Z-8c1f3a07`: the target, the time of the opening and a digest. Unique, and never changes. Those of older versions end
    /// with the second of the onset.
    pub id: String,
    /// The watched system's name in the configuration.
    pub target: String,
    /// Its state.
    pub state: IncidentState,
    /// How bad it is.
    pub severity: Severity,
    /// Increases by one with every change; two copies with the same revision are equal.
    pub revision: u64,
    /// When it began, to the best of current knowledge.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub onset: Timestamp,
    /// When it was opened.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub opened: Timestamp,
    /// When it last changed.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub updated: Timestamp,
    /// When it was closed; `null` while it is open.
    #[serde(with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    pub closed: Option<Timestamp>,
    /// One line of text: `payment (network): front-end p95 latency 74.1 → 376 ms`.
    pub title: String,
    /// The service named as the cause; `null` if the evidence does not single one out.
    pub cause: Option<NamedCause>,
    /// Indicators that left their normal range, with the largest change of each; worst first.
    pub symptoms: Vec<IndicatorChange>,
    /// Services that suffer from the cause: alerts on them may be suppressed.
    pub victims: Vec<String>,
    /// Its cost to the objectives: the first 500.
    pub slos: Vec<SloImpact>,
    /// The most further objectives that burned at one time.
    #[serde(default)]
    pub slos_omitted: usize,
    /// External alerts that belong to it: `groupKey` or fingerprint of the first 500.
    pub alerts: Vec<String>,
    /// The most further alerts that fired at one time.
    #[serde(default)]
    pub alerts_omitted: usize,
    /// How often it was reopened.
    pub reopened: u32,
    /// Owner of the affected service; `null` if none is configured.
    #[serde(default)]
    pub owner: Option<Owner>,
    /// The cause as confirmed by a user; `null` until then.
    pub confirmed: Option<String>,
    /// The mute that currently suppresses notifications; `null` if there is none.
    #[serde(default)]
    pub muted: Option<Muted>,
    /// What happened when, oldest first; at most [`MAX_TIMELINE`] entries.
    pub timeline: Vec<TimelineEntry>,
    /// The latest diagnosis.
    pub report: Option<Report>,
}

/// State of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Something is wrong.
    Open,
    /// Nothing is wrong any more; it will be closed if that lasts.
    Recovering,
    /// Over.
    Closed,
}

/// How bad an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something changed that users do not notice.
    Info,
    /// Users notice it.
    Warning,
    /// Many requests fail, or an objective's budget burns fast.
    Critical,
}

/// The service named as the cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NamedCause {
    /// Its name.
    pub service: String,
    /// The kind of fault that its evidence indicates, such as `network` or `cpu`.
    pub mechanism: Option<String>,
    /// Confidence, 0 to 1.
    pub confidence: f64,
    /// The change that may have started it, such as `release 1.4.2 → 1.4.3`; `null` if none fits.
    #[serde(default)]
    pub change: Option<String>,
}

/// Owner of a service, with links for whoever is on call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Owner {
    /// The team.
    pub team: Option<String>,
    /// Link to the runbook.
    pub runbook: Option<String>,
    /// Link to the dashboard.
    pub dashboard: Option<String>,
    /// Fixed severity of its incidents.
    pub severity: Option<Severity>,
}

/// Why notifications of an incident are currently suppressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Muted {
    /// The mute: its name in the configuration, its id, or `silence <id>` of an Alertmanager.
    pub by: String,
    /// When it ends.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub until: Timestamp,
}

/// What users notice of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Indicator {
    /// Share of failed requests.
    Errors,
    /// Latency.
    Latency,
    /// Requests that no longer arrive.
    Requests,
}

/// An indicator of a service that left its normal range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Sign")]
pub struct IndicatorChange {
    /// The service.
    pub service: String,
    /// Which of its indicators.
    pub indicator: Indicator,
    /// The metric it is read from: `error_ratio`, `latency_p95_ms`.
    pub metric: Metric,
    /// Normal level, in the metric's unit.
    pub from: f64,
    /// Level now, in the metric's unit.
    pub to: f64,
    /// Unit of both: `ms`, `ratio`, `1/s`.
    pub unit: Unit,
}

/// An objective and what the incident costs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SloImpact {
    /// Name of the objective; with the burning group, if events are counted by group: `web{handler="/pay"}`.
    pub slo: String,
    /// The service that it covers; empty for the whole system.
    pub service: String,
    /// How fast the budget burns: the highest rate seen, as a multiple of the rate that would use it up exactly at the end of its period.
    pub burn_rate: f64,
    /// Share of the whole period's budget that this incident has used so far, 0–1 and more; `null` if it could not be computed.
    pub budget_share: Option<f64>,
}

/// One entry of an incident's timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    /// When automap noticed.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub at: Timestamp,
    /// What happened.
    pub kind: TimelineKind,
    /// One line of text.
    pub text: String,
}

/// Kinds of timeline entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Moment")]
#[serde(rename_all = "snake_case")]
pub enum TimelineKind {
    /// It was opened.
    Opened,
    /// Another cause was named, or none any more.
    Verdict,
    /// More services are affected, or it got worse.
    Spread,
    /// Nothing is wrong any more.
    Recovering,
    /// Something is wrong again before it was closed.
    Relapsed,
    /// Closed.
    Closed,
    /// It came back soon after it was closed.
    Reopened,
    /// The source stopped answering, or answers again.
    Source,
    /// An external alert joined.
    Alert,
    /// A user confirmed the cause.
    Confirmed,
    /// A mute began or ended.
    Muted,
    /// A user wrote a note.
    Noted,
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
            Self::Muted => "muted",
            Self::Noted => "noted",
        }
    }
}

impl Incident {
    /// A new incident at revision 0, with only the onset known. Its first change makes it revision 1.
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
            slos_omitted: 0,
            alerts: Vec::new(),
            alerts_omitted: 0,
            reopened: 0,
            owner: None,
            confirmed: None,
            muted: None,
            timeline: Vec::new(),
            report: None,
        }
    }

    /// Adds an entry to the timeline. When it is full, the oldest entry of its second half that is not a note is dropped.
    pub fn add_entry(&mut self, at: Timestamp, kind: TimelineKind, text: impl Into<String>) {
        if self.timeline.len() >= MAX_TIMELINE {
            let dropped = self.timeline.iter().skip(MAX_TIMELINE / 2).position(|e| e.kind != TimelineKind::Noted);
            self.timeline.remove(MAX_TIMELINE / 2 + dropped.unwrap_or_default());
        }
        self.timeline.push(TimelineEntry { at, kind, text: text.into() });
    }

    /// How many notes its timeline holds.
    pub fn notes(&self) -> usize {
        self.timeline.iter().filter(|entry| entry.kind == TimelineKind::Noted).count()
    }

    /// Sets the mute that applies, with an entry in the timeline if it changed. Returns whether it changed; the caller must increase the revision.
    pub fn set_muted(&mut self, at: Timestamp, muted: Option<Muted>) -> bool {
        if self.muted == muted {
            return false;
        }
        let text = match &muted {
            Some(Muted { by, until }) => format!("nobody is notified until {}: {by}", until.rfc3339()),
            None => "the mute is over".to_owned(),
        };
        self.muted = muted;
        self.add_entry(at, TimelineKind::Muted, text);
        true
    }

    /// The affected services: the cause or, while none is named, those with symptoms.
    pub fn services(&self) -> Vec<&str> {
        match &self.cause {
            Some(cause) => vec![&cause.service],
            None => self.symptoms.iter().map(|s| s.service.as_str()).collect(),
        }
    }

    /// Whether it is not closed yet.
    pub fn is_open(&self) -> bool {
        self.state != IncidentState::Closed
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
    fn times_are_readable_and_survive_json() {
        let incident = an_incident();
        let json = serde_json::to_value(&incident).unwrap();
        assert_eq!((json["onset"].as_str(), json["closed"].is_null()), (Some("2025-11-23T14:03:15Z"), true));
        assert_eq!(serde_json::from_value::<Incident>(json).unwrap(), incident);
    }

    #[test]
    fn a_mute_is_told_when_it_begins_and_when_it_ends() {
        let mut incident = an_incident();
        let (at, muted) = (incident.onset, Muted { by: "backup".into(), until: incident.onset.plus_ms(60_000) });
        assert!(!incident.set_muted(at, None));
        assert!(incident.set_muted(at, Some(muted.clone())) && !incident.set_muted(at, Some(muted)));
        assert!(incident.set_muted(at, None));
        let texts: Vec<&str> = incident.timeline.iter().map(|e| e.text.as_str()).collect();
        assert_eq!(texts, ["nobody is notified until 2025-11-23T14:04:15Z: backup", "the mute is over"]);
    }

    #[test]
    fn a_full_timeline_keeps_its_beginning_and_its_end() {
        let mut incident = an_incident();
        for i in 0..MAX_TIMELINE + 5 {
            incident.add_entry(incident.onset, TimelineKind::Verdict, i.to_string());
        }
        let texts: Vec<&str> = incident.timeline.iter().map(|e| e.text.as_str()).collect();
        assert_eq!((texts.len(), texts[0], texts[99], texts[100]), (MAX_TIMELINE, "0", "99", "105"));
        assert_eq!(texts.last(), Some(&"204"));
    }

    #[test]
    fn what_people_wrote_stays_when_a_timeline_is_full() {
        let mut incident = an_incident();
        for i in 0..3 * MAX_TIMELINE {
            let kind =
                if i % 10 == 0 && incident.notes() < MAX_NOTES { TimelineKind::Noted } else { TimelineKind::Verdict };
            incident.add_entry(incident.onset, kind, i.to_string());
        }
        assert_eq!((incident.timeline.len(), incident.notes()), (MAX_TIMELINE, MAX_NOTES));
        assert_eq!(incident.timeline.last().map(|e| e.text.as_str()), Some("599"));
    }
}
