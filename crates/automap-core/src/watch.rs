//! Decides, poll after poll, when an incident opens, changes and closes.
//!
//! [`Watch`] is a pure state machine: it has no clock and does no I/O, so the same inputs give the same incidents whether they are live,
//! replayed or made up by a test. Every input is diagnosed as [`crate::diagnose()`] would; this module only decides whether the result is
//! worth an alert, by what users notice and for how long. Polling, storing and notifying are the server's business.
//!
//! Worked example, with the default options and one poll every 20 s: `payment` turns slow at 14:00:00. The poll at 14:00:20 sees latency
//! out of its normal range and starts the clock; the one at 14:01:20 finds it still so after `confirm_ms` (1 min) and opens the incident.
//! Each further poll diagnoses it again, and a revision is returned only where something worth reporting changed. Once nothing is wrong
//! any more the incident is *recovering*, and after `recover_ms` (2 min) of that it is closed.

mod id;
mod open_incident;
mod quiet;
mod replay;
mod titles;
pub mod vitals;

use std::collections::BTreeMap;

use crate::diagnose::DiagnoseOptions;
use crate::incident::{Incident, IndicatorChange, Severity, SloImpact, TimelineKind};
use crate::observation::Observation;
use crate::report::Report;
use crate::time::{Interval, Timestamp};
use crate::unseen::Unanswered;
use open_incident::OpenIncident;
pub use replay::{ReplayOptions, replay};
use vitals::VitalsOptions;

/// Closed incidents kept in memory: a relapse is recognised by them, and their time is left out of the baseline.
const MAX_REMEMBERED: usize = 50;
/// How long before now an alert may say that the problem began: rules wait for minutes before they fire. What is older is dated to this.
pub const MAX_ALERT_LEAD_MS: i64 = 30 * 60_000;

/// When an incident opens and closes. All durations are in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct WatchOptions {
    /// How each poll is diagnosed.
    pub diagnose: DiagnoseOptions,
    /// Which changes of latency, errors and requests users notice.
    pub vitals: VitalsOptions,
    /// Length of "now", the end of the data that is compared with the baseline. Default 30 s; at least three samples.
    pub now_ms: i64,
    /// How long users must notice a change before an incident opens. Default 1 min: a deployment's half minute of slow answers is over by then.
    pub confirm_ms: i64,
    /// The same where many requests fail. Default 30 s.
    pub confirm_critical_ms: i64,
    /// How long a resource must be abnormal before it opens an incident that no user notices. Default 3 min: pods that start are busy for a
    /// minute or two.
    pub confirm_resource_ms: i64,
    /// Confidence needed to open an incident that no user notices, 0–1. Default 0.9.
    pub resource_confidence: f64,
    /// How many times its normal level a resource must reach to open an incident that no user notices. Default 2.
    pub resource_factor: f64,
    /// How long nothing may be wrong before an incident is closed. Default 2 min.
    pub recover_ms: i64,
    /// A problem that returns within this time after its incident was closed reopens it. Default 10 min.
    pub merge_ms: i64,
    /// How long an open incident is diagnosed again at every poll; later only its indicators are checked. Default 15 min.
    pub diagnose_ms: i64,
    /// An incident that lasts longer is closed, and its level accepted as the new normal. Default 6 h.
    pub accept_ms: i64,
    /// Baseline needed before anything is judged. Default 10 min; at least 20 samples.
    pub learn_ms: i64,
    /// The most recent data that is kept out of the baseline while no incident is open, since one may be starting. Default 2 min.
    pub guard_ms: i64,
    /// Without data newer than this the source counts as stale. Default 90 s.
    pub stale_ms: i64,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            diagnose: DiagnoseOptions::default(),
            vitals: VitalsOptions::default(),
            now_ms: 30_000,
            confirm_ms: 60_000,
            confirm_critical_ms: 30_000,
            confirm_resource_ms: 180_000,
            resource_confidence: 0.9,
            resource_factor: 2.0,
            recover_ms: 120_000,
            merge_ms: 600_000,
            diagnose_ms: 900_000,
            accept_ms: 6 * 3_600_000,
            learn_ms: 600_000,
            guard_ms: 120_000,
            stale_ms: 90_000,
        }
    }
}

/// What one poll of a target delivers.
#[derive(Debug)]
pub struct WatchInput<'a> {
    /// Time of the poll.
    pub now: Timestamp,
    /// The metrics up to now, baseline included. Its window hint is ignored.
    pub observation: &'a Observation,
    /// Objectives whose error budget burns too fast now, each with its severity.
    pub slos: &'a [(SloImpact, Severity)],
    /// Alerts of other systems that are firing now.
    pub alerts: &'a [Alert],
}

/// A firing alert of another system, such as Alertmanager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its `groupKey` or fingerprint.
    pub key: String,
    /// One line for people.
    pub summary: String,
    /// When the alert says the problem began.
    pub started: Timestamp,
}

/// Whether the data of a poll can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchHealth {
    /// It can.
    Ready,
    /// There is too little baseline so far.
    Learning {
        /// Baseline samples so far.
        samples: usize,
        /// Samples needed.
        needed: usize,
    },
    /// The source has no recent data.
    Stale {
        /// Time of the last sample.
        since: Timestamp,
    },
    /// So many services stopped reporting at once that the source must be at fault.
    SourceSilent {
        /// Services that stopped reporting.
        services: usize,
        /// Services that reported just before.
        of: usize,
    },
    /// Not all that was asked about requests was answered. What is seen may open an incident; what is not seen is neither calm nor the end of one.
    Partial(Vec<Unanswered>),
}

/// Result of one poll.
#[derive(Debug)]
pub struct WatchOutcome {
    /// Whether the data could be judged.
    pub health: WatchHealth,
    /// The incident that opened, changed or closed, in its new revision; `None` where nothing worth reporting happened.
    pub change: Option<Incident>,
    /// The latest diagnosis; `None` where nothing could be judged.
    pub report: Option<Report>,
    /// Indicators that are out of their normal range now.
    pub signs: Vec<IndicatorChange>,
    /// Share of the remembered time that incidents disturbed and that was not learnt from, 0–1; 0 while an incident is open.
    pub disturbed: f64,
}

/// State of one target between polls.
#[derive(Debug)]
pub struct Watch {
    target: String,
    options: WatchOptions,
    stage: Stage,
    /// The most recently closed incidents, oldest first, without their reports.
    closed: Vec<Incident>,
}

#[derive(Debug)]
enum Stage {
    Quiet(TroubleSince),
    Open(Box<OpenIncident>),
}

/// Since when something has been wrong without interruption, while no incident is open.
#[derive(Clone, Copy, Debug, Default)]
struct TroubleSince {
    /// Something that users notice.
    user_visible: Option<Timestamp>,
    /// A resource only.
    resource_only: Option<Timestamp>,
}

impl Watch {
    /// Starts without any history.
    pub fn new(target: impl Into<String>, options: WatchOptions) -> Self {
        Self { target: target.into(), options, stage: Stage::Quiet(TroubleSince::default()), closed: Vec::new() }
    }

    /// Resumes after a restart.
    ///
    /// `stored` are incidents from the store, in any order; those of other targets are ignored. The latest open one is followed further, closed
    /// ones serve to recognise a relapse.
    pub fn resume(target: impl Into<String>, options: WatchOptions, mut stored: Vec<Incident>) -> Self {
        let mut watch = Self::new(target, options);
        stored.retain(|i| i.target == watch.target);
        stored.sort_by(|a, b| (a.opened, &a.id).cmp(&(b.opened, &b.id)));
        let open = stored.iter().rposition(Incident::is_open).map(|i| stored.remove(i));
        for incident in stored.into_iter().filter(|i| !i.is_open()) {
            watch.remember(incident);
        }
        if let Some(incident) = open {
            watch.stage = Stage::Open(Box::new(OpenIncident::resume(incident, &watch.options)));
        }
        watch
    }

    /// The open incident, if there is one.
    pub fn open_incident(&self) -> Option<&Incident> {
        match &self.stage {
            Stage::Open(open) => Some(&open.incident),
            Stage::Quiet(_) => None,
        }
    }

    /// Takes over a copy of an incident that was changed elsewhere, for instance when a user confirmed its cause. An open one that another replica
    /// closed is open no more; a closed one is not opened again; one that is not remembered is ignored.
    pub fn take_over(&mut self, incident: Incident) {
        let is_known = |i: &Incident| i.id == incident.id && i.opened == incident.opened;
        if let Some(known) = self.closed.iter_mut().find(|i| is_known(i)) {
            if !incident.is_open() {
                *known = Incident { report: None, ..incident };
            }
            return;
        }
        let Stage::Open(open) = &mut self.stage else { return };
        if !is_known(&open.incident) {
            return;
        }
        if incident.is_open() {
            open.incident = incident;
        } else {
            self.stage = Stage::Quiet(TroubleSince::default());
            self.remember(incident);
        }
    }

    /// The incidents that may still be reopened at `now`.
    pub fn recently_closed(&self, now: Timestamp) -> impl Iterator<Item = &Incident> {
        let merge_ms = self.options.merge_ms;
        self.closed.iter().filter(move |i| i.closed.is_some_and(|closed| now.ms() - closed.ms() <= merge_ms))
    }

    /// Gives an incident another id, since the store keeps another incident under this one. Returns the new id; `None` for one that is not remembered.
    pub fn rename(&mut self, id: &str) -> Option<String> {
        let closed: Vec<String> = self.closed.iter().map(|i| i.id.clone()).collect();
        let open = match &mut self.stage {
            Stage::Open(open) => Some(&mut open.incident),
            Stage::Quiet(_) => None,
        };
        let incident = open.into_iter().chain(self.closed.iter_mut().rev()).find(|i| i.id == id)?;
        let is_taken = |new: &str| new == id || closed.iter().any(|c| c == new);
        incident.id = id::new_id(&self.target, incident.opened, incident.onset, is_taken);
        Some(incident.id.clone())
    }

    /// Processes one poll. A `change` in the result must be stored before the next call.
    ///
    /// Cost: that of one diagnosis while nothing is open or the incident is young; O(series × samples) otherwise.
    pub fn evaluate(&mut self, input: &WatchInput<'_>) -> WatchOutcome {
        let unusable = |health| WatchOutcome { health, change: None, report: None, signs: Vec::new(), disturbed: 0.0 };
        let prepared = match quiet::prepare(input, &self.past_incidents(input.now), &self.options) {
            Ok(prepared) => prepared,
            Err(health) => return unusable(health),
        };
        let health = || match &prepared.unanswered[..] {
            [] => WatchHealth::Ready,
            unanswered => WatchHealth::Partial(unanswered.to_vec()),
        };
        match &mut self.stage {
            Stage::Quiet(trouble) => {
                let last_closed = self.closed.iter().filter_map(|i| i.closed).max();
                let assessment = match quiet::assess(&prepared, input, trouble, last_closed, &self.options) {
                    Ok(assessment) => assessment,
                    Err(health) => return unusable(health),
                };
                let report = Some(assessment.report.clone());
                let signs = assessment.signs.clone();
                let disturbed = assessment.disturbed;
                let change = assessment.is_due.then(|| self.open(input, &assessment));
                WatchOutcome { health: health(), change, report, signs, disturbed }
            }
            Stage::Open(open) => {
                let (change, report, signs) = open.update(&prepared, input, &self.options);
                if let Some(incident) = change.as_ref().filter(|i| !i.is_open()) {
                    let incident = incident.clone();
                    self.stage = Stage::Quiet(TroubleSince::default());
                    self.remember(incident);
                }
                WatchOutcome { health: health(), change, report, signs, disturbed: 0.0 }
            }
        }
    }

    /// Opens a new incident, or reopens one that was closed shortly before.
    fn open(&mut self, input: &WatchInput<'_>, assessment: &quiet::Assessment) -> Incident {
        let recent = self.closed.iter().rposition(|i| self.is_relapse(i, assessment, input));
        let open = match recent.map(|i| self.closed.remove(i)) {
            Some(before) => OpenIncident::reopen(before, input, assessment, &self.options),
            None => {
                let is_taken = |id: &str| self.closed.iter().any(|i| i.id == id);
                let id = id::new_id(&self.target, input.now, assessment.onset, is_taken);
                OpenIncident::new(id, &self.target, input, assessment, &self.options)
            }
        };
        let incident = open.incident.clone();
        self.stage = Stage::Open(Box::new(open));
        incident
    }

    /// Whether a closed incident is back: it was closed within `merge_ms` and has the same cause or, where either has no cause, shares a symptom or an
    /// alert. Where a user confirmed the cause, only what names the confirmed service is the same.
    fn is_relapse(&self, before: &Incident, assessment: &quiet::Assessment, input: &WatchInput<'_>) -> bool {
        let soon = before.closed.is_some_and(|closed| input.now.ms() - closed.ms() <= self.options.merge_ms);
        let same_sign = |s: &IndicatorChange| {
            before.symptoms.iter().any(|b| (&b.service, b.indicator) == (&s.service, s.indicator))
        };
        let named = titles::named(&assessment.report).map(|c| c.service);
        let same = match (named, &before.cause, &before.confirmed) {
            (named, _, Some(confirmed)) => named.as_ref() == Some(confirmed),
            (Some(new), Some(old), None) => new == old.service,
            _ => assessment.signs.iter().any(same_sign) || input.alerts.iter().any(|a| before.alerts.contains(&a.key)),
        };
        soon && same
    }

    fn remember(&mut self, mut incident: Incident) {
        incident.report = None;
        self.closed.push(incident);
        if self.closed.len() > MAX_REMEMBERED {
            self.closed.remove(0);
        }
    }

    /// The time of closed incidents, from a little before their onset, which is no baseline. Levels that were accepted as the new normal are not
    /// excluded.
    fn past_incidents(&self, now: Timestamp) -> Vec<Interval> {
        let accept = self.options.accept_ms;
        let lasted = |i: &Incident| i.closed.unwrap_or(now).ms() - i.onset.ms();
        let spans = self.closed.iter().filter(|i| lasted(i) < accept);
        spans.filter_map(|i| Interval::new(i.onset.plus_ms(-self.options.now_ms), i.closed?)).collect()
    }
}

/// Keeps the largest change seen so far of every indicator of every service.
fn keep_worst(kept: &mut BTreeMap<(String, crate::incident::Indicator), IndicatorChange>, signs: &[IndicatorChange]) {
    for sign in signs {
        let worse = |old: &IndicatorChange| (sign.to - sign.from).abs() > (old.to - old.from).abs();
        let key = (sign.service.clone(), sign.indicator);
        if kept.get(&key).is_none_or(worse) {
            kept.insert(key, sign.clone());
        }
    }
}

/// Adds timeline entries and gives the incident its next revision.
fn revise(incident: &mut Incident, at: Timestamp, entries: Vec<(TimelineKind, String)>) {
    for (kind, text) in entries {
        incident.add_entry(at, kind, text);
    }
    incident.revision += 1;
    incident.updated = at;
}
