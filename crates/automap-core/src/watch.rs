//! Watching: from one look at a system to the next, when an incident opens, changes, and ends.
//!
//! A pure state machine without clock or I/O: the same looks give the same incidents, live, replayed or in a test. Every look is diagnosed as
//! `diagnose` would; whether the answer is worth waking somebody is decided here, by what requests feel and for how long.

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
use open_incident::OpenIncident;
pub use replay::{ReplayOptions, replay};
use vitals::VitalsOptions;

/// Closed incidents that are remembered, so that a relapse is known and their time is not taken for normal.
const MAX_REMEMBERED: usize = 50;

/// When an incident opens and ends. All spans in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct WatchOptions {
    /// How each look is diagnosed.
    pub diagnose: DiagnoseOptions,
    /// What counts as felt.
    pub vitals: VitalsOptions,
    /// The last so much of a look is "now". Default 30 s, three samples at least.
    pub now_ms: i64,
    /// Requests feel it for so long before an incident opens. Default 1 min: the half minute of slow answers of a deployment is over by then.
    pub confirm_ms: i64,
    /// The same where many requests fail. Default 30 s.
    pub confirm_critical_ms: i64,
    /// What no request feels has to last longer. Default 3 min: pods that start are busy for a minute or two.
    pub confirm_resource_ms: i64,
    /// Confidence from which an unfelt change opens an incident, 0–1. Default 0.9.
    pub resource_confidence: f64,
    /// A resource has to be at this multiple of normal to open an incident that no request feels. Default 2.
    pub resource_factor: f64,
    /// Nothing is wrong for so long before an incident is closed. Default 2 min.
    pub recover_ms: i64,
    /// What comes back so soon after it was closed is the same incident. Default 10 min.
    pub merge_ms: i64,
    /// The beginning of an incident that is diagnosed; later it is only followed. Default 15 min.
    pub diagnose_ms: i64,
    /// What lasts longer is the new normal. Default 6 h.
    pub accept_ms: i64,
    /// NormalRanges time that has to be known before anything is judged. Default 10 min, 20 samples at least.
    pub learn_ms: i64,
    /// The last so much is not taken for normal before an incident is open: it may be its beginning. Default 2 min.
    pub guard_ms: i64,
    /// Data older than this is not "now": the source is behind. Default 90 s.
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

/// What was seen on one tick.
#[derive(Debug)]
pub struct WatchInput<'a> {
    /// When.
    pub now: Timestamp,
    /// The metrics up to now, normal time included. Its window hint is not used.
    pub observation: &'a Observation,
    /// Objectives whose budget burns too fast now, and how bad that is.
    pub slos: &'a [(SloImpact, Severity)],
    /// Alerts from outside that fire now.
    pub alerts: &'a [Alert],
}

/// An alert that fires somewhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its `groupKey` or fingerprint.
    pub key: String,
    /// In words.
    pub summary: String,
    /// When what it tells of began.
    pub started: Timestamp,
}

/// How well a system can be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchHealth {
    /// Well.
    Ready,
    /// Too little normal time so far.
    Learning {
        /// Samples of it.
        samples: usize,
        /// Samples needed.
        needed: usize,
    },
    /// The source has nothing of now.
    Stale {
        /// The last instant with data.
        since: Timestamp,
    },
    /// So many services fell silent at once that it is the source, not they.
    SourceSilent {
        /// How many.
        services: usize,
        /// Of how many.
        of: usize,
    },
}

/// What came of one look.
#[derive(Debug)]
pub struct WatchOutcome {
    /// How well it can be watched.
    pub health: WatchHealth,
    /// The incident that opened, changed or ended, in its new revision.
    pub change: Option<Incident>,
    /// The answer of now; `None` where nothing could be judged.
    pub report: Option<Report>,
    /// What requests feel now.
    pub signs: Vec<IndicatorChange>,
}

/// What is remembered of one target from look to look.
#[derive(Debug)]
pub struct Watch {
    target: String,
    options: WatchOptions,
    stage: Stage,
    /// The latest closed ones, the oldest first, without their reports.
    closed: Vec<Incident>,
}

#[derive(Debug)]
enum Stage {
    Quiet(TroubleSince),
    Open(Box<OpenIncident>),
}

/// Since when something has been wrong without a break.
#[derive(Clone, Copy, Debug, Default)]
struct TroubleSince {
    felt: Option<Timestamp>,
    unfelt: Option<Timestamp>,
}

impl Watch {
    /// Nothing is known yet.
    pub fn new(target: impl Into<String>, options: WatchOptions) -> Self {
        Self { target: target.into(), options, stage: Stage::Quiet(TroubleSince::default()), closed: Vec::new() }
    }

    /// Goes on after a restart with the incidents of this target that a store kept, in any order.
    pub fn resume(target: impl Into<String>, options: WatchOptions, mut kept: Vec<Incident>) -> Self {
        let mut watch = Self::new(target, options);
        kept.retain(|i| i.target == watch.target);
        kept.sort_by(|a, b| (a.opened, &a.id).cmp(&(b.opened, &b.id)));
        let open = kept.iter().rposition(Incident::is_open).map(|i| kept.remove(i));
        for incident in kept.into_iter().filter(|i| !i.is_open()) {
            watch.remember(incident);
        }
        if let Some(incident) = open {
            watch.stage = Stage::Open(Box::new(OpenIncident::resume(incident, &watch.options)));
        }
        watch
    }

    /// The incident that goes on.
    pub fn open_incident(&self) -> Option<&Incident> {
        match &self.stage {
            Stage::Open(following) => Some(&following.incident),
            Stage::Quiet(_) => None,
        }
    }

    /// Somebody else changed the open incident: a person confirmed it, an alert joined. Theirs replaces ours.
    pub fn replace_open(&mut self, incident: Incident) {
        if let Stage::Open(following) = &mut self.stage
            && following.incident.id == incident.id
        {
            following.incident = incident;
        }
    }

    /// One look. `change` holds what a store must keep before the next one.
    pub fn evaluate(&mut self, look: &WatchInput<'_>) -> WatchOutcome {
        let blind = |health| WatchOutcome { health, change: None, report: None, signs: Vec::new() };
        let seen = match quiet::prepare(look, &self.spans_of_trouble(look.now), &self.options) {
            Ok(seen) => seen,
            Err(health) => return blind(health),
        };
        match &mut self.stage {
            Stage::Quiet(suspicion) => {
                let opening = match quiet::assess(&seen, look, suspicion, &self.options) {
                    Ok(opening) => opening,
                    Err(health) => return blind(health),
                };
                let report = Some(opening.report.clone());
                let signs = opening.signs.clone();
                let change = opening.is_due.then(|| self.begin(look, &opening));
                WatchOutcome { health: WatchHealth::Ready, change, report, signs }
            }
            Stage::Open(following) => {
                let (change, report, signs) = following.step(&seen, look, &self.options);
                if let Some(incident) = change.as_ref().filter(|i| !i.is_open()) {
                    let incident = incident.clone();
                    self.stage = Stage::Quiet(TroubleSince::default());
                    self.remember(incident);
                }
                WatchOutcome { health: WatchHealth::Ready, change, report, signs }
            }
        }
    }

    /// Opens an incident, or takes up the one that was closed a moment ago.
    fn begin(&mut self, look: &WatchInput<'_>, opening: &quiet::Assessment) -> Incident {
        let recent = self.closed.iter().rposition(|i| self.is_the_same(i, opening, look.now));
        let following = match recent.map(|i| self.closed.remove(i)) {
            Some(before) => OpenIncident::again(before, look, opening, &self.options),
            None => {
                OpenIncident::new(titles::id(&self.target, opening.onset), &self.target, look, opening, &self.options)
            }
        };
        let incident = following.incident.clone();
        self.stage = Stage::Open(Box::new(following));
        incident
    }

    /// A closed incident comes back: soon, and with the same cause; where either has none, with a symptom that it had.
    fn is_the_same(&self, before: &Incident, opening: &quiet::Assessment, now: Timestamp) -> bool {
        let soon = before.closed.is_some_and(|closed| now.ms() - closed.ms() <= self.options.merge_ms);
        let same_sign = |s: &IndicatorChange| {
            before.symptoms.iter().any(|b| (&b.service, b.indicator) == (&s.service, s.indicator))
        };
        let same = match (titles::named(&opening.report), &before.cause) {
            (Some(new), Some(old)) => new.service == old.service,
            _ => opening.signs.iter().any(same_sign),
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

    /// Time that is not normal: from a little before each closed incident to its end. What was accepted as the new normal is normal.
    fn spans_of_trouble(&self, now: Timestamp) -> Vec<Interval> {
        let accept = self.options.accept_ms;
        let lasted = |i: &Incident| i.closed.unwrap_or(now).ms() - i.onset.ms();
        let spans = self.closed.iter().filter(|i| lasted(i) < accept);
        spans.filter_map(|i| Interval::new(i.onset.plus_ms(-self.options.now_ms), i.closed?)).collect()
    }
}

/// The worst that was seen of each indicator.
fn keep_worst(kept: &mut BTreeMap<(String, crate::incident::Indicator), IndicatorChange>, signs: &[IndicatorChange]) {
    for sign in signs {
        let worse = |old: &IndicatorChange| (sign.to - sign.from).abs() > (old.to - old.from).abs();
        let key = (sign.service.clone(), sign.indicator);
        if kept.get(&key).is_none_or(worse) {
            kept.insert(key, sign.clone());
        }
    }
}

/// Adds a moment of a change and gives the incident its next revision.
fn revise(incident: &mut Incident, at: Timestamp, moments: Vec<(TimelineKind, String)>) {
    for (kind, text) in moments {
        incident.note(at, kind, text);
    }
    incident.revision += 1;
    incident.updated = at;
}
