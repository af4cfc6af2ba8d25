//! Decides at each poll when incidents open, change and close: one incident per problem, not per target.
//!
//! [`Watch`] is a pure state machine: it has no clock and does no I/O, so the same inputs give the same incidents whether they are live,
//! replayed or from a test. Every input is diagnosed as [`crate::diagnose()`] would; this module only decides whether the result is worth an alert,
//! by what users notice and for how long. The server polls, stores and notifies.
//!
//! Worked example, with the default options and one poll every 20 s: `payment` turns slow at 14:00:00. The poll at 14:00:20 sees latency
//! out of its normal range and starts the timer; the one at 14:01:20, after `confirm_ms` (1 min), still sees it and opens the incident.
//! Each further poll diagnoses it again, and a revision is returned only where something worth reporting changed. Once nothing is wrong
//! any more, the incident is *recovering*, and after `recover_ms` (2 min) it is closed.
//!
//! While it is open, `catalogue` turns slow at 14:05:00. Compared with the level since payment's fault, `catalogue` and `front-end` are slower, and
//! the cause of the change at 14:05 is a service that neither is nor calls payment. Once two polls in a row have named it and it has lasted for
//! `confirm_ms`, it is a separate incident. `front-end` waits for both: it keeps open whichever incident still shows something that it alone
//! explains.
//!
//! Why these rules: a cause is compared with the level in force (`beside`), not with normal time, since in the latter the larger of two faults hides
//! the smaller one, or takes its place as the cause of the first incident. A *caller* of the cause is never a separate incident, since a backlog
//! looks like a fault of the service that has it. Nor is there a second incident if no calls are known, or while the first has no cause whose callers
//! could be distinguished: a consequence then looks the same as a cause.

mod beside;
mod closed;
mod id;
mod level;
mod model;
mod open_incident;
mod quiet;
mod replay;
mod revision;
mod scope;
mod share;
mod titles;
mod unjudged;
mod usual;
pub mod vitals;

use crate::incident::{Incident, NamedCause, Severity, SloImpact};
use crate::time::{Interval, Timestamp};
use beside::{Beside, Look};
use closed::ClosedIncidents;
pub use model::{Alert, Reported, WatchHealth, WatchInput, WatchOptions, WatchOutcome};
use open_incident::{OpenIncident, Poll};
use quiet::{Assessment, PreparedInput, TroubleSince};
pub use replay::{ReplayOptions, replay};
use scope::{Callers, Scope};
use vitals::NormalRanges;

/// Most simultaneously open incidents of one target. Problems beyond that join the latest one.
pub const MAX_OPEN: usize = 5;
/// How much earlier than dated an incident may have begun if it was opened beside another: its baseline is shorter.
const BESIDE_TOLERANCE_MS: i64 = 60_000;
/// How long before now an alert may date the beginning of the problem: rules wait for minutes before they fire. Older dates are clamped to this.
pub const MAX_ALERT_LEAD_MS: i64 = quiet::MAX_ALERT_LEAD_MS;

/// State of one target between polls.
#[derive(Debug)]
pub struct Watch {
    target: String,
    options: WatchOptions,
    /// Since when something has been wrong, while no incident is open.
    trouble: TroubleSince,
    /// The open incidents, in the order of opening.
    open: Vec<OpenIncident>,
    /// Normal ranges from before the first open incident; empty while none is open, and after a restart until the next poll.
    normal: NormalRanges,
    /// A problem beside them that may be a separate incident.
    beside: Beside,
    closed: ClosedIncidents,
}

impl Watch {
    /// Starts without any history.
    pub fn new(target: impl Into<String>, options: WatchOptions) -> Self {
        Self {
            target: target.into(),
            options,
            trouble: TroubleSince::default(),
            open: Vec::new(),
            normal: NormalRanges::default(),
            beside: Beside::default(),
            closed: ClosedIncidents::default(),
        }
    }

    /// Resumes after a restart.
    ///
    /// `stored` are incidents from the store, in any order; those of other targets are ignored. Open ones continue to be followed, closed ones serve
    /// to recognise a relapse.
    pub fn resume(target: impl Into<String>, options: WatchOptions, mut stored: Vec<Incident>) -> Self {
        let mut watch = Self::new(target, options);
        stored.retain(|i| i.target == watch.target);
        stored.sort_by(|a, b| (a.opened, &a.id).cmp(&(b.opened, &b.id)));
        for incident in stored {
            match incident.is_open() {
                true => watch.open.push(OpenIncident::resume(incident, &watch.options)),
                false => watch.closed.remember(incident),
            }
        }
        watch
    }

    /// The open incidents, the most severe first; of equal ones, the one opened first.
    pub fn open_incidents(&self) -> Vec<&Incident> {
        let mut open: Vec<&Incident> = self.open.iter().map(|o| &o.incident).collect();
        open.sort_by_key(|i| std::cmp::Reverse(i.severity));
        open
    }

    /// Takes over a copy of an incident that was changed elsewhere, for instance when a user confirmed its cause. An open one that another replica
    /// closed is closed; a closed one is not reopened; an unknown one is ignored.
    pub fn take_over(&mut self, incident: Incident) {
        if self.closed.take_over(&incident) {
            return;
        }
        let is_known = |o: &OpenIncident| o.incident.id == incident.id && o.incident.opened == incident.opened;
        let Some(at) = self.open.iter().position(is_known) else { return };
        if incident.is_open() {
            self.open[at].incident = incident;
        } else {
            self.open.remove(at);
            self.end(incident);
        }
    }

    /// The incidents that may still be reopened at `now`.
    pub fn recently_closed(&self, now: Timestamp) -> impl Iterator<Item = &Incident> {
        self.closed.since(now.plus_ms(-self.options.merge_ms))
    }

    /// Gives an incident a new id, if the store has another incident with this one. Returns the new id; `None` for an unknown incident.
    pub fn rename(&mut self, id: &str) -> Option<String> {
        let taken = self.ids();
        let incident =
            self.open.iter_mut().map(|o| &mut o.incident).chain(self.closed.latest_first()).find(|i| i.id == id)?;
        let is_taken = |new: &str| taken.iter().any(|t| t == new);
        incident.id = id::new_id(&self.target, incident.opened, incident.onset, is_taken);
        Some(incident.id.clone())
    }

    /// Processes one poll. The changes in the result must be stored before the next call.
    ///
    /// Cost: one diagnosis while nothing is open; otherwise one for what is beside the open incidents, if they are older than `spread_ms`, and one
    /// for each young incident.
    pub fn evaluate(&mut self, input: &WatchInput<'_>) -> WatchOutcome {
        let prepared = match quiet::prepare(input, &self.past_incidents(input.now), &self.options) {
            Ok(prepared) => prepared,
            Err(health) => return self.unjudged(health, input),
        };
        // A short history judges nothing, but an incident that was judged before goes on.
        if self.open.iter().all(OpenIncident::is_unjudged)
            && let Some(learning) = prepared.learning(&self.options)
        {
            return self.unjudged(learning, input);
        }
        if self.open.is_empty() { self.evaluate_quiet(&prepared, input) } else { self.follow(&prepared, input) }
    }

    /// Decides whether to open an incident while none is open.
    fn evaluate_quiet(&mut self, prepared: &PreparedInput, input: &WatchInput<'_>) -> WatchOutcome {
        let last_closed = self.closed.last();
        let assessed = quiet::assess(prepared, input, &mut self.trouble, None, last_closed, &self.options);
        let assessment = match assessed {
            Ok(assessment) => assessment,
            Err(health) => return self.unjudged(health, input),
        };
        let mut changes = Vec::new();
        if assessment.is_due && assessment.wanted_days.is_empty() {
            self.normal = assessment.normal.clone();
            let cause = assessment.named();
            changes.push(self.open(input.now, &assessment, cause, input.alerts, input.slos));
        }
        let Assessment { report, signs, disturbed, wanted_days, .. } = assessment;
        WatchOutcome { health: prepared.health(), changes, report: report.ok(), signs, disturbed, wanted_days }
    }

    /// Follows the open incidents, and opens another one for a problem that none of them explains.
    fn follow(&mut self, prepared: &PreparedInput, input: &WatchInput<'_>) -> WatchOutcome {
        self.learn_normal(prepared, input.now);
        let mut signs = prepared.signs(&self.normal, &self.options);
        usual::remove_beside(&mut signs, prepared, self.open.iter().map(|o| o.began).min());
        let callers = Callers::of(&prepared.observation.calls);
        let scopes: Vec<Scope> = self.open.iter().map(|o| Scope::of(o, &callers, &self.options)).collect();
        let look = self.beside.look(prepared, (&self.open, &scopes), &signs, input.now, &self.options);
        let look = look.filter(|_| self.open.len() < MAX_OPEN);
        let is_known = |service: &str| prepared.observation.frame.find(service).is_some();
        let claims = share::claims(&self.open, &scopes, (input.alerts, input.slos), &is_known, look.is_some());
        let shares = share::shares(prepared, (&self.open, &scopes), &signs, look.as_ref(), (&claims, &self.options));

        self.bound_evidence(look.as_ref(), &scopes);

        let mut changes = Vec::new();
        let mut reports = Vec::new();
        for (at, share) in shares.iter().enumerate() {
            let analysis = self.diagnose_again(at, prepared, look.as_ref(), input.now);
            let others = scopes.iter().enumerate().filter(|(i, _)| *i != at);
            let is_others = |service: &str| others.clone().any(|(_, s)| s.is_same_trouble(service));
            let (now, uncounted) = (input.now, input.uncounted);
            let poll = Poll { prepared, now, options: &self.options, uncounted, is_others: &is_others };
            let (change, report) = self.open[at].update(&poll, share, analysis);
            changes.extend(change);
            reports.push((self.open[at].incident.id.clone(), report));
        }
        if let Some(look) = &look {
            changes.extend(self.open_beside(input, look, &claims.alerts_of_none));
        }
        let worst = self.open_incidents().first().map(|i| i.id.clone());
        let of_worst = reports.iter().position(|(id, _)| Some(id) == worst.as_ref()).unwrap_or(0);
        let report = reports.swap_remove(of_worst).1;
        let (over, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.open).into_iter().partition(|o| !o.incident.is_open());
        self.open = open;
        over.into_iter().for_each(|ended| self.end(ended.incident));
        let (health, wanted_days) = (prepared.health(), Vec::new());
        WatchOutcome { health, changes, report, signs, disturbed: 0.0, wanted_days }
    }

    /// Opens incidents for problems that no open one explains: once due or, immediately, if alerts name services that none of them explains. If
    /// [`MAX_OPEN`] leaves only one place, the two are merged.
    fn open_beside(&mut self, input: &WatchInput<'_>, look: &Look, alerts: &[Alert]) -> Vec<Incident> {
        let mut opened = Vec::new();
        let cause = look.separate_cause();
        let (mut about, mut others): (Vec<Alert>, Vec<Alert>) =
            alerts.iter().cloned().partition(|a| cause.is_some() && look.is_about(a));
        if let Some(cause) = cause.filter(|_| look.is_due || !about.is_empty()) {
            if self.open.len() + 1 >= MAX_OPEN {
                about.append(&mut others);
            }
            opened.push(self.open(input.now, &look.assessment, Some(cause), &about, &[]));
        }
        if !others.is_empty() {
            let reported = look.assessment.of_alerts(&others, input, self.closed.last());
            opened.push(self.open(input.now, &reported, None, &others, &[]));
        }
        if !opened.is_empty() {
            self.beside = Beside::default();
        }
        opened
    }

    /// Diagnoses an open incident again: compared with the level in force when it began, up to the beginning of the next problem.
    fn diagnose_again(
        &self,
        at: usize,
        prepared: &PreparedInput,
        look: Option<&Look>,
        now: Timestamp,
    ) -> Option<open_incident::Diagnosis> {
        let this = &self.open[at];
        if !this.is_young(now, &self.options) {
            return None;
        }
        let others = self.open.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, o)| o);
        let earlier: Vec<&OpenIncident> = others.clone().filter(|o| o.began < this.began).collect();
        let later = others.filter(|o| o.began > this.began).map(|o| o.began);
        let beside = look.filter(|l| l.is_held() || l.consequence().is_some()).map(|l| l.assessment.onset);
        let next = later.chain(beside).chain(this.evidence_until).min();
        let (mut observation, tolerance_ms) = match earlier.is_empty() {
            true => (prepared.observation.clone(), None),
            false => (level::in_force(prepared, &earlier, &self.options)?.observation, Some(BESIDE_TOLERANCE_MS)),
        };
        if let Some(next) = next.filter(|next| *next > this.began) {
            let until = Interval::new(observation.frame.span().start, next)?;
            observation.frame = observation.frame.within(until).ok()?;
        }
        this.diagnose(observation, tolerance_ms, &self.options)
    }

    /// The backlog of services that wait for a cause can outgrow the cause's own symptoms, so it is excluded from the evidence for the cause.
    fn bound_evidence(&mut self, look: Option<&Look>, scopes: &[Scope]) {
        let Some((look, (service, true))) = look.and_then(|l| Some((l, l.consequence()?))) else { return };
        for (open, scope) in self.open.iter_mut().zip(scopes) {
            if scope.is_consequence(&service) && look.assessment.onset > open.began {
                open.evidence_until.get_or_insert(look.assessment.onset);
            }
        }
    }

    /// After a restart: the normal ranges before the first open incident or, if the data does not reach back that far, those recorded in its
    /// symptoms.
    fn learn_normal(&mut self, prepared: &PreparedInput, now: Timestamp) {
        if !self.normal.is_empty() {
            return;
        }
        let Some(first) = (0..self.open.len()).min_by_key(|i| self.open[*i].began) else { return };
        let frame = &prepared.observation.frame;
        let rows = match self.diagnose_again(first, prepared, None, now) {
            Some(diagnosis) => diagnosis.baseline_rows,
            None => (0..frame.times().partition_point(|t| *t < self.open[first].began)).collect(),
        };
        self.normal = NormalRanges::of(frame, &rows);
        if self.normal.is_empty() {
            let symptoms = self.open.iter().flat_map(|o| &o.incident.symptoms);
            self.normal = NormalRanges::of_symptoms(symptoms);
        }
    }

    /// Opens a new incident, or reopens one that was closed shortly before.
    fn open(
        &mut self,
        now: Timestamp,
        assessment: &Assessment,
        cause: Option<NamedCause>,
        alerts: &[Alert],
        slos: &[(SloImpact, Severity)],
    ) -> Incident {
        let since = now.plus_ms(-self.options.merge_ms);
        let opening = open_incident::Opening { now, assessment, cause, alerts, slos };
        let before = self.closed.take_relapse(since, &opening);
        let open = match before {
            Some(before) => OpenIncident::reopen(before, &opening, &self.options),
            None => {
                let taken = self.ids();
                let is_taken = |id: &str| taken.iter().any(|t| t == id);
                let id = id::new_id(&self.target, now, assessment.onset, is_taken);
                OpenIncident::new(id, &self.target, &opening, &self.options)
            }
        };
        let incident = open.incident.clone();
        self.open.push(open);
        incident
    }

    /// Ends an incident.
    fn end(&mut self, incident: Incident) {
        self.closed.remember(incident);
        self.beside = Beside::default();
        if self.open.is_empty() {
            self.trouble = TroubleSince::default();
            self.normal = NormalRanges::default();
        }
    }

    /// The ids of all incidents that are remembered.
    fn ids(&self) -> Vec<String> {
        self.open.iter().map(|o| o.incident.id.clone()).chain(self.closed.ids()).collect()
    }

    /// The time of closed incidents, from shortly before their onset, which is excluded from baselines. Levels that were accepted as the new normal
    /// are not excluded.
    fn past_incidents(&self, now: Timestamp) -> Vec<Interval> {
        let lasted = |i: &Incident| i.closed.unwrap_or(now).ms() - i.onset.ms();
        let spans = self.closed.iter().filter(|i| lasted(i) < self.options.accept_ms);
        // Open incidents are judged by the present, so its rows are kept even if an incident ended meanwhile.
        let present = now.plus_ms(if self.open.is_empty() { 0 } else { -2 * self.options.now_ms });
        let span = |i: &Incident| Interval::new(i.onset.plus_ms(-self.options.now_ms), i.closed?.min(present));
        spans.filter_map(span).collect()
    }
}
