//! Follows one open incident from poll to poll until it is over.
//!
//! While the incident is young (`diagnose_ms`) it is diagnosed again at every poll, since its cause often shows only after a minute or two.
//! Later only the indicators that users notice are checked, alerts the diagnosis of a long incident compares against a baseline that is
//! no longer representative. `quiet` and `beside` decide whether an incident opens at all, `share` what of a poll belongs to it; `revision`
//! makes its next revision.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Alert, Share, WatchOptions};
use super::quiet::{Assessment, PreparedInput, Watchpoint, is_same_sign, marks, watchpoints};
use super::titles;
use crate::anomaly::CLEAR;
use crate::diagnose::analyse;
use crate::frame::MetricFrame;
use crate::incident::{
    Incident, IncidentState, Indicator, IndicatorChange, NamedCause, Severity, SloImpact, TimelineKind,
};
use crate::observation::Observation;
use crate::quantity;
use crate::report::{Report, compose};
use crate::time::{Timestamp, WindowHint};
use crate::windows::MIN_BASELINE_POINTS;

/// Entry of the timeline of an incident that opened without data that could be judged, once there is some.
const JUDGED: &str = "its data can be judged now";

/// An open incident and the state needed to follow it.
#[derive(Debug)]
pub(super) struct OpenIncident {
    pub(super) incident: Incident,
    /// When the current outbreak began. After a relapse this is later than the incident's onset.
    pub(super) began: Timestamp,
    /// The resources to follow for an incident that no user notices.
    watchpoints: Vec<Watchpoint>,
    /// The largest change seen so far of every indicator of every service.
    pub(super) worst: BTreeMap<(String, Indicator), IndicatorChange>,
    /// At most [`MAX_REPORTED`](crate::incident::MAX_REPORTED), and the most further ones that burned at one time.
    pub(super) slos: BTreeMap<String, SloImpact>,
    pub(super) slos_omitted: usize,
    /// The most alerts at one time that the incident does not list.
    pub(super) alerts_omitted: usize,
    /// The services that its alerts name, as many as it may list alerts.
    pub(super) alerted: BTreeSet<String>,
    /// Since when nothing is wrong, while recovering: restarted after a poll that could not tell.
    well_since: Option<Timestamp>,
    /// When it began to recover.
    recovered: Option<Timestamp>,
    /// Since when services that wait for its cause have symptoms of their own, which are no evidence for the cause.
    pub(super) evidence_until: Option<Timestamp>,
    /// Why its data could not be judged since it opened; `None` once it was.
    pub(super) unjudged: Option<String>,
    /// When it was judged for the first time, if it opened without.
    first_judged: Option<Timestamp>,
    /// A cause other than the named one, and how many polls in a row have named it.
    pub(super) rival: Option<(String, u32)>,
}

/// What an incident opens with.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    pub(super) now: Timestamp,
    pub(super) assessment: &'a Assessment,
    /// The cause, if one is named that no other open incident explains.
    pub(super) cause: Option<NamedCause>,
    pub(super) alerts: &'a [Alert],
    pub(super) slos: &'a [(SloImpact, Severity)],
}

/// The data of one poll that every open incident needs.
pub(super) struct Poll<'a> {
    pub(super) prepared: &'a PreparedInput,
    pub(super) now: Timestamp,
    pub(super) options: &'a WatchOptions,
    /// Names of the objectives of which it is not known whether they burn.
    pub(super) uncounted: &'a [String],
    /// Whether another open incident explains a service, so that it cannot be the cause of this one.
    pub(super) is_others: &'a dyn Fn(&str) -> bool,
}

/// An open incident diagnosed again.
#[derive(Debug)]
pub(super) struct Diagnosis {
    report: Report,
    /// The rows taken as normal.
    pub(super) baseline_rows: Vec<usize>,
}

impl OpenIncident {
    /// Opens a new incident.
    pub(super) fn new(id: String, target: &str, opening: &Opening<'_>, options: &WatchOptions) -> Self {
        let onset = opening.assessment.onset;
        let incident = Incident { cause: opening.cause.clone(), ..Incident::new(id, target, onset, opening.now) };
        Self::begin(incident, TimelineKind::Opened, opening, options)
    }

    /// Reopens one that was closed shortly before.
    pub(super) fn reopen(before: Incident, opening: &Opening<'_>, options: &WatchOptions) -> Self {
        let (reopened, cause) = (before.reopened + 1, opening.cause.clone().or(before.cause));
        let incident = Incident { state: IncidentState::Open, closed: None, reopened, cause, ..before };
        Self::begin(incident, TimelineKind::Reopened, opening, options)
    }

    /// Continues one from the store after a restart.
    pub(super) fn resume(incident: Incident, options: &WatchOptions) -> Self {
        let worst = incident.symptoms.iter().map(|s| ((s.service.clone(), s.indicator), s.clone())).collect();
        let slos = incident.slos.iter().map(|s| (s.slo.clone(), s.clone())).collect();
        let well_since = (incident.state == IncidentState::Recovering).then_some(incident.updated);
        let from_report = incident.report.as_ref();
        let source = incident.timeline.iter().rfind(|e| e.kind == TimelineKind::Source).map(|e| e.text.clone());
        let unjudged = source.filter(|told| from_report.is_none() && told != JUDGED);
        let began =
            from_report.map(|r| r.windows.incident_start).filter(|_| incident.cause.is_some() || incident.reopened > 0);
        Self {
            began: began.unwrap_or(incident.onset),
            watchpoints: from_report.map(|r| watchpoints(r, options)).unwrap_or_default(),
            worst,
            slos,
            slos_omitted: incident.slos_omitted,
            alerts_omitted: incident.alerts_omitted,
            alerted: BTreeSet::new(),
            well_since,
            recovered: well_since,
            evidence_until: None,
            unjudged,
            first_judged: None,
            rival: None,
            incident,
        }
    }

    fn begin(incident: Incident, kind: TimelineKind, opening: &Opening<'_>, options: &WatchOptions) -> Self {
        let Opening { now, assessment, alerts, slos, .. } = *opening;
        let mut open = Self {
            began: assessment.onset,
            watchpoints: assessment.watchpoints.clone(),
            ..Self::resume(incident, options)
        };
        (open.well_since, open.recovered) = (None, None);
        open.keep_worst(&assessment.signs);
        open.unjudged = assessment.report.as_ref().err().cloned();
        let mut next = match &assessment.report {
            Ok(report) => open.refreshed(report, opening.cause.clone(), (now, options), (alerts, slos)),
            Err(_) => open.refreshed_without_report((alerts, slos)),
        };
        let summaries: Vec<String> = alerts.iter().map(|a| a.summary.clone()).collect();
        let text = if summaries.is_empty() { next.title.clone() } else { titles::first_few(&summaries) };
        let mut entries = vec![(kind, text)];
        entries.extend(next.cause.as_ref().map(|c| (TimelineKind::Verdict, titles::verdict_text(c))));
        entries.extend(open.unjudged.iter().map(|why| (TimelineKind::Source, why.clone())));
        revise(&mut next, now, entries);
        open.incident = next;
        open
    }

    /// Whether nothing is wrong any more.
    pub(super) fn is_recovering(&self) -> bool {
        self.well_since.is_some()
    }

    /// When it began to recover, while it does.
    pub(super) fn recovered(&self) -> Option<Timestamp> {
        self.recovered
    }

    /// Whether its data could not be judged yet.
    pub(super) fn is_unjudged(&self) -> bool {
        self.unjudged.is_some()
    }

    /// Whether it is diagnosed again: it is young, or was not judged for long, and not recovering.
    pub(super) fn is_young(&self, now: Timestamp, options: &WatchOptions) -> bool {
        let since = self.first_judged.unwrap_or(self.began);
        self.well_since.is_none() && (self.is_unjudged() || now <= since.plus_ms(options.diagnose_ms))
    }

    /// The services that are its cause: those that are named together, and the confirmed one. Empty while none is named.
    pub(super) fn causes(&self) -> BTreeSet<String> {
        let named = self.incident.cause.as_ref().map(|c| c.service.clone());
        let verdict = self.incident.report.as_ref().map(|r| &r.verdict);
        let together = verdict.filter(|v| named.as_ref().is_some_and(|n| v.names(n)));
        let together = together.into_iter().flat_map(|v| v.causes.iter().flat_map(|c| c.services.iter().cloned()));
        together.chain(named).chain(self.incident.confirmed.clone()).collect()
    }

    /// The services that show its symptoms, or that its alerts and objectives name.
    pub(super) fn noticed(&self) -> BTreeSet<String> {
        let by_slos = self.slos.values().map(|s| s.service.clone()).filter(|service| !service.is_empty());
        self.worst
            .keys()
            .map(|(service, _)| service.clone())
            .chain(self.alerted.iter().cloned())
            .chain(by_slos)
            .collect()
    }

    /// Services that showed clear evidence when it began: if one of them is named later, it is the cause of this incident.
    pub(super) fn early(&self, options: &WatchOptions) -> BTreeSet<String> {
        let until = self.began.plus_ms(options.spread_ms);
        let report = self.incident.report.as_ref();
        let candidates = report.into_iter().flat_map(|r| {
            let causes = r.causes.iter().map(|c| (&c.service, &c.evidence));
            causes.chain(r.also_changed.iter().map(|c| (&c.service, &c.evidence)))
        });
        let is_early = |evidence: &crate::report::Evidence| {
            evidence.strength >= CLEAR && evidence.onset.is_some_and(|onset| onset <= until)
        };
        candidates.filter(|(_, evidence)| evidence.iter().any(is_early)).map(|(service, _)| service.clone()).collect()
    }

    /// Whether it has shown this indicator of this service.
    pub(super) fn has_symptom(&self, sign: &IndicatorChange) -> bool {
        self.worst.values().any(|w| is_same_sign(w, sign))
    }

    /// The services that have shown symptoms.
    pub(super) fn services_with_symptoms(&self) -> impl Iterator<Item = &str> {
        self.worst.keys().map(|(service, _)| service.as_str())
    }

    /// Whether users have not noticed it, and nobody has reported it.
    pub(super) fn is_resource_only(&self) -> bool {
        self.worst.is_empty() && self.slos.is_empty() && self.incident.alerts.is_empty()
    }

    /// Whether a followed resource may still be abnormal.
    pub(super) fn may_be_abnormal(&self, frame: &MetricFrame, recent: &[usize]) -> bool {
        self.watchpoints.iter().any(|w| w.holds(frame, recent) != Some(false))
    }

    /// Whether the marks of its cause (a resource, the network to it) are still at the incident's level; `None` if the diagnosis rests on
    /// latency and errors alone.
    pub(super) fn marks_hold(&self, frame: &MetricFrame, recent: &[usize], options: &WatchOptions) -> Option<bool> {
        let cause = self.incident.cause.as_ref()?;
        let report = self.incident.report.as_ref()?;
        let marks = marks(report, &cause.service, options);
        (!marks.is_empty()).then(|| marks.iter().any(|m| m.holds(frame, recent) == Some(true)))
    }

    /// Processes one poll. Returns the new revision, if there is one, and the latest diagnosis.
    pub(super) fn update(
        &mut self,
        poll: &Poll<'_>,
        share: &Share,
        diagnosis: Option<Diagnosis>,
    ) -> (Option<Incident>, Option<Report>) {
        let Poll { prepared, now, options, .. } = *poll;
        self.keep_worst(&share.signs);
        let is_first_judged = self.unjudged.take().is_some();
        if is_first_judged {
            self.first_judged = Some(now);
        }
        let report = diagnosis.map(|d| d.report);
        let reported = (share.alerts.as_slice(), share.slos.as_slice());
        let mut next = match &report {
            Some(report) => {
                let current = self.incident.cause.as_ref().map(|c| c.service.clone());
                let is_own = |c: &NamedCause| current.as_ref() == Some(&c.service) || !(poll.is_others)(&c.service);
                self.refreshed(report, titles::named(report).filter(is_own), (now, options), reported)
            }
            None => self.refreshed_without_report(reported),
        };
        let mut entries = self.timeline_entries(&next, &share.alerts);
        entries.extend(is_first_judged.then(|| (TimelineKind::Source, JUDGED.to_owned())));
        let is_unclear = share.is_unclear || self.may_burn_unseen(poll);
        let is_calm = !share.is_wrong && !is_unclear && prepared.is_whole();
        if share.is_wrong || is_calm {
            self.change_state(&mut next, share.is_wrong, (now, options), &mut entries);
        } else {
            // Calm is counted again from the next complete and clear poll.
            self.well_since = self.well_since.map(|_| now);
        }
        let is_worth_reporting =
            !entries.is_empty() || self.is_more_confident(&next) || self.onset_moved(&next, prepared);
        let current_report = report.or_else(|| self.incident.report.clone());
        if !is_worth_reporting {
            return (None, current_report);
        }
        revise(&mut next, now, entries);
        self.incident = next.clone();
        (Some(next), current_report)
    }

    /// Takes the alerts and objectives of a poll whose data cannot be judged. Returns the new revision, if there is one.
    pub(super) fn join_unjudged(
        &mut self,
        now: Timestamp,
        reported: (&[Alert], &[(SloImpact, Severity)]),
    ) -> Option<Incident> {
        let mut next = self.refreshed_without_report(reported);
        let mut entries = self.timeline_entries(&next, reported.0);
        if self.is_recovering() {
            self.relapse(&mut next, &mut entries);
        }
        if entries.is_empty() {
            return None;
        }
        revise(&mut next, now, entries);
        self.incident = next.clone();
        Some(next)
    }

    /// Diagnoses it again with this data. It may have begun up to `tolerance_ms` earlier than dated.
    pub(super) fn diagnose(
        &self,
        observation: Observation,
        tolerance_ms: Option<i64>,
        options: &WatchOptions,
    ) -> Option<Diagnosis> {
        if observation.frame.times().partition_point(|t| *t < self.began) < MIN_BASELINE_POINTS {
            return None;
        }
        let hint =
            WindowHint { incident_start: Some(self.began), start_tolerance_ms: tolerance_ms, ..WindowHint::default() };
        let observation = Observation { hint, ..observation };
        let analysis = analyse(&observation, &options.diagnose).ok()?;
        let report = compose(&observation, &analysis, &options.diagnose.verdict);
        Some(Diagnosis { report, baseline_rows: analysis.windows.rows.baseline })
    }

    /// Whether an objective that burnt during this incident may still do so. For `accept_ms` at most: one that was removed is never counted again.
    fn may_burn_unseen(&self, poll: &Poll<'_>) -> bool {
        // An incident names an objective with its burning group: `web{handler="/pay"}`.
        let is_of = |burnt: &str, objective: &str| {
            burnt.strip_prefix(objective).is_some_and(|group| group.is_empty() || group.starts_with('{'))
        };
        let has_burnt = |objective: &String| self.slos.keys().any(|burnt| is_of(burnt, objective));
        poll.now.ms() - self.began.ms() < poll.options.accept_ms && poll.uncounted.iter().any(has_burnt)
    }

    /// Keeps the largest change seen so far of every indicator of every service.
    fn keep_worst(&mut self, signs: &[IndicatorChange]) {
        for sign in signs {
            let worse = |old: &IndicatorChange| (sign.to - sign.from).abs() > (old.to - old.from).abs();
            let key = (sign.service.clone(), sign.indicator);
            if self.worst.get(&key).is_none_or(worse) {
                self.worst.insert(key, sign.clone());
            }
        }
    }

    /// Moves between open, recovering and closed.
    fn change_state(
        &mut self,
        next: &mut Incident,
        is_wrong: bool,
        (now, options): (Timestamp, &WatchOptions),
        entries: &mut Vec<(TimelineKind, String)>,
    ) {
        let duration = now.ms() - self.began.ms();
        if is_wrong && duration >= options.accept_ms {
            let text = format!("it has lasted for {}: accepted as the new normal", quantity::duration(duration));
            self.close(next, now, text, entries);
            return;
        }
        match (is_wrong, self.well_since) {
            (true, Some(_)) => self.relapse(next, entries),
            (true, None) => {}
            (false, None) => {
                (self.well_since, self.recovered) = (Some(now), Some(now));
                next.state = IncidentState::Recovering;
                entries.push((TimelineKind::Recovering, "back to normal".to_owned()));
            }
            (false, Some(since)) if now.ms() - since.ms() >= options.recover_ms => {
                let text = format!("normal for {}", quantity::duration(now.ms() - since.ms()));
                self.close(next, now, text, entries);
            }
            (false, Some(_)) => {}
        }
    }

    fn relapse(&mut self, next: &mut Incident, entries: &mut Vec<(TimelineKind, String)>) {
        (self.well_since, self.recovered) = (None, None);
        next.state = IncidentState::Open;
        entries.push((TimelineKind::Relapsed, "the problem is back".to_owned()));
    }

    fn close(&self, next: &mut Incident, now: Timestamp, text: String, entries: &mut Vec<(TimelineKind, String)>) {
        next.state = IncidentState::Closed;
        next.closed = Some(now);
        entries.push((TimelineKind::Closed, text));
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
