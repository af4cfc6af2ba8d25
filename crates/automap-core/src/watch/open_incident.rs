//! Follows one open incident from poll to poll until it is over.
//!
//! While the incident is young (`diagnose_ms`) it is diagnosed again at every poll, since its cause often shows only after a minute or two.
//! Later only the indicators that users notice are checked, alerts the diagnosis of a long incident compares against a baseline that is
//! no longer representative. Whether an incident opens at all is decided in `quiet`; titles and texts are made in `titles`.

use std::collections::BTreeMap;

use super::quiet::{Assessment, PreparedInput, Watchpoint, is_silent, watchpoints};
use super::vitals::NormalRanges;
use super::{WatchInput, WatchOptions, keep_worst, revise, titles};
use crate::analysis::Analysis;
use crate::diagnose::analyse;
use crate::incident::{
    Incident, IncidentState, Indicator, IndicatorChange, NamedCause, Severity, SloImpact, TimelineKind,
};
use crate::observation::Observation;
use crate::quantity;
use crate::report::{Report, compose};
use crate::time::{Timestamp, WindowHint};
use crate::windows::{MIN_BASELINE_POINTS, OnsetSource};

/// A named cause is replaced only once this many polls in a row have named another one, so that the answer does not flap.
const POLLS_TO_REPLACE: u32 = 2;
/// Rise of the confidence that makes a new revision.
const CONFIDENCE_STEP: f64 = 0.1;
/// Change of the onset that makes a new revision, in samples.
const ONSET_STEPS: i64 = 3;

/// An open incident and the state needed to follow it.
#[derive(Debug)]
pub(super) struct OpenIncident {
    pub(super) incident: Incident,
    /// When the current outbreak began. After a relapse this is later than the incident's onset.
    began: Timestamp,
    /// Normal ranges from before the incident; empty after a restart until the next poll.
    normal: NormalRanges,
    /// Resources by which an incident that no user notices is followed.
    watchpoints: Vec<Watchpoint>,
    worst: BTreeMap<(String, Indicator), IndicatorChange>,
    slos: BTreeMap<String, SloImpact>,
    /// Since when nothing is wrong, while recovering.
    well_since: Option<Timestamp>,
    /// A cause other than the named one, and how many polls in a row have named it.
    rival: Option<(String, u32)>,
}

impl OpenIncident {
    /// Opens a new incident.
    pub(super) fn new(
        id: String,
        target: &str,
        input: &WatchInput<'_>,
        assessment: &Assessment,
        options: &WatchOptions,
    ) -> Self {
        let cause = titles::named(&assessment.report);
        let incident = Incident { cause, ..Incident::new(id, target, assessment.onset, input.now) };
        Self::begin(incident, TimelineKind::Opened, input, assessment, options)
    }

    /// Reopens one that was closed shortly before.
    pub(super) fn reopen(
        before: Incident,
        input: &WatchInput<'_>,
        assessment: &Assessment,
        options: &WatchOptions,
    ) -> Self {
        let (reopened, cause) = (before.reopened + 1, titles::named(&assessment.report).or(before.cause));
        let incident = Incident { state: IncidentState::Open, closed: None, reopened, cause, ..before };
        Self::begin(incident, TimelineKind::Reopened, input, assessment, options)
    }

    /// Continues one from the store after a restart.
    pub(super) fn resume(incident: Incident, options: &WatchOptions) -> Self {
        let worst = incident.symptoms.iter().map(|s| ((s.service.clone(), s.indicator), s.clone())).collect();
        let slos = incident.slos.iter().map(|s| (s.slo.clone(), s.clone())).collect();
        let well_since = (incident.state == IncidentState::Recovering).then_some(incident.updated);
        let from_report = incident.report.as_ref();
        let began = from_report.map(|r| r.windows.incident_start);
        Self {
            began: began.unwrap_or(incident.onset),
            normal: NormalRanges::default(),
            watchpoints: from_report.map(|r| watchpoints(r, options)).unwrap_or_default(),
            worst,
            slos,
            well_since,
            rival: None,
            incident,
        }
    }

    fn begin(
        incident: Incident,
        kind: TimelineKind,
        input: &WatchInput<'_>,
        assessment: &Assessment,
        options: &WatchOptions,
    ) -> Self {
        let mut open = Self {
            began: assessment.onset,
            normal: assessment.normal.clone(),
            watchpoints: assessment.watchpoints.clone(),
            ..Self::resume(incident, options)
        };
        open.well_since = None;
        keep_worst(&mut open.worst, &assessment.signs);
        let mut next = open.refreshed(&assessment.report, input, options);
        let alerts: Vec<String> = input.alerts.iter().map(|a| a.summary.clone()).collect();
        let text = if alerts.is_empty() { next.title.clone() } else { titles::first_few(&alerts) };
        let mut entries = vec![(kind, text)];
        entries.extend(next.cause.as_ref().map(|c| (TimelineKind::Verdict, verdict_text(c))));
        revise(&mut next, input.now, entries);
        open.incident = next;
        open
    }

    /// Processes one poll. Returns the new revision, if there is one, the latest diagnosis, and the indicators out of range now.
    pub(super) fn update(
        &mut self,
        prepared: &PreparedInput,
        input: &WatchInput<'_>,
        options: &WatchOptions,
    ) -> (Option<Incident>, Option<Report>, Vec<IndicatorChange>) {
        let frame = &prepared.observation.frame;
        let again = self.diagnose_again(prepared, input, options);
        if self.normal.is_empty() {
            let rows: Vec<usize> = match &again {
                Some((analysis, _)) => analysis.windows.rows.baseline.clone(),
                None => (0..frame.times().partition_point(|t| *t < self.began)).collect(),
            };
            self.normal = NormalRanges::of(frame, &rows);
        }
        let signs = prepared.signs(&self.normal, options);
        keep_worst(&mut self.worst, &signs);
        let resource_abnormal = self.watchpoints.iter().any(|w| w.holds(frame, &prepared.recent) != Some(false));
        let is_resource_only = self.worst.is_empty() && self.slos.is_empty() && self.incident.alerts.is_empty();
        let is_reported = !input.slos.is_empty() || !input.alerts.is_empty();
        let is_unobserved = self.worst.keys().any(|(service, _)| is_silent(frame, service, &prepared.recent));
        let is_wrong = !signs.is_empty() || is_reported || is_unobserved || (is_resource_only && resource_abnormal);

        let report = again.map(|(_, report)| report);
        let mut next = match &report {
            Some(report) => self.refreshed(report, input, options),
            None => self.refreshed_without_report(input),
        };
        let mut entries = self.timeline_entries(&next, input);
        if is_wrong || prepared.is_whole() {
            self.change_state(&mut next, is_wrong, input, options, &mut entries);
        } else {
            // Calm is counted from the next whole look on.
            self.well_since = self.well_since.map(|_| input.now);
        }
        let is_worth_reporting =
            !entries.is_empty() || self.is_more_confident(&next) || self.onset_moved(&next, prepared);
        let current_report = report.or_else(|| self.incident.report.clone());
        if !is_worth_reporting {
            return (None, current_report, signs);
        }
        revise(&mut next, input.now, entries);
        self.incident = next.clone();
        (Some(next), current_report, signs)
    }

    /// Diagnoses again with today's data, as long as the incident is young and not recovering.
    fn diagnose_again(
        &self,
        prepared: &PreparedInput,
        input: &WatchInput<'_>,
        options: &WatchOptions,
    ) -> Option<(Analysis, Report)> {
        let end = self.began.plus_ms(options.diagnose_ms);
        if self.well_since.is_some() || input.now > end {
            return None;
        }
        let frame = &prepared.observation.frame;
        if frame.times().partition_point(|t| *t < self.began) < MIN_BASELINE_POINTS {
            return None;
        }
        let hint = WindowHint { incident_start: Some(self.began), ..WindowHint::default() };
        let observation = Observation { hint, ..prepared.observation.clone() };
        let analysis = analyse(&observation, &options.diagnose).ok()?;
        let report = compose(&observation, &analysis, &options.diagnose.verdict);
        Some((analysis, report))
    }

    /// The incident brought up to date with a diagnosis and an input; not yet a new revision.
    fn refreshed(&mut self, report: &Report, input: &WatchInput<'_>, options: &WatchOptions) -> Incident {
        let mut next = self.refreshed_without_report(input);
        next.cause = self.cause(titles::named(report));
        let start = report.windows.incident_start;
        // When it opens its onset is the assessment's; later diagnoses start from that and may move it.
        let follows = matches!(report.windows.incident_start_is, OnsetSource::Given | OnsetSource::Moved);
        if follows && next.reopened == 0 && start.ms() > input.now.ms() - options.accept_ms {
            next.onset = start.min(next.opened);
        }
        let before = std::mem::take(&mut next.victims).into_iter();
        let cause = next.cause.as_ref().map(|c| c.service.clone());
        let now = report.victims.iter().map(|v| v.service.clone());
        let mut victims: Vec<String> = before.chain(now).filter(|v| Some(v) != cause.as_ref()).collect();
        victims.sort_unstable();
        victims.dedup();
        next.victims = victims;
        next.report = Some(report.clone());
        next.title = titles::title(&next);
        next
    }

    fn refreshed_without_report(&mut self, input: &WatchInput<'_>) -> Incident {
        for (impact, _) in input.slos {
            let slot = self.slos.entry(impact.slo.clone()).or_insert_with(|| impact.clone());
            let highest = slot.burn_rate.max(impact.burn_rate);
            *slot = SloImpact { burn_rate: highest, ..impact.clone() };
        }
        let mut next = self.incident.clone();
        next.symptoms = by_importance(&self.worst);
        next.slos = self.slos.values().cloned().collect();
        for alert in input.alerts {
            if !next.alerts.contains(&alert.key) {
                next.alerts.push(alert.key.clone());
            }
        }
        let by_slo = input.slos.iter().map(|(_, severity)| *severity).max();
        let alerted = (!next.alerts.is_empty()).then_some(Severity::Warning);
        next.severity = titles::severity(next.symptoms.iter(), by_slo.max(alerted)).max(next.severity);
        next.title = titles::title(&next);
        next
    }

    /// The cause to report: that of the latest diagnosis, but a named cause stays until another one is named repeatedly.
    fn cause(&mut self, latest: Option<NamedCause>) -> Option<NamedCause> {
        let current = self.incident.cause.clone();
        let (Some(new), Some(old)) = (&latest, &current) else {
            self.rival = None;
            return latest.or(current);
        };
        if new.service == old.service {
            self.rival = None;
            return latest;
        }
        let polls = match &self.rival {
            Some((service, polls)) if *service == new.service => polls + 1,
            _ => 1,
        };
        if polls >= POLLS_TO_REPLACE {
            self.rival = None;
            return latest;
        }
        self.rival = Some((new.service.clone(), polls));
        current
    }

    /// What is worth an entry in the timeline: another cause, more symptoms, a higher severity, new alerts.
    fn timeline_entries(&self, next: &Incident, input: &WatchInput<'_>) -> Vec<(TimelineKind, String)> {
        let old = &self.incident;
        let mut entries = Vec::new();
        let service = |i: &Incident| i.cause.as_ref().map(|c| c.service.clone());
        if let Some(cause) = next.cause.as_ref().filter(|_| service(old) != service(next)) {
            entries.push((TimelineKind::Verdict, verdict_text(cause)));
        }
        let known =
            |s: &&IndicatorChange| old.symptoms.iter().any(|o| (&o.service, o.indicator) == (&s.service, s.indicator));
        let mut more: Vec<String> = next.symptoms.iter().filter(|s| !known(s)).map(titles::symptom).collect();
        let burns = next.slos.iter().filter(|s| !old.slos.iter().any(|o| o.slo == s.slo));
        more.extend(
            burns.map(|s| format!("{} burns its error budget at {:.1} times the sustainable rate", s.slo, s.burn_rate)),
        );
        if !more.is_empty() {
            entries.push((TimelineKind::Spread, titles::first_few(&more)));
        } else if next.severity > old.severity {
            entries.push((TimelineKind::Spread, format!("now {}", next.severity.as_str())));
        }
        let joined = input.alerts.iter().filter(|a| !old.alerts.contains(&a.key)).map(|a| a.summary.clone());
        let joined: Vec<String> = joined.collect();
        if !joined.is_empty() {
            entries.push((TimelineKind::Alert, titles::first_few(&joined)));
        }
        entries
    }

    /// Moves between open, recovering and closed.
    fn change_state(
        &mut self,
        next: &mut Incident,
        is_wrong: bool,
        input: &WatchInput<'_>,
        options: &WatchOptions,
        entries: &mut Vec<(TimelineKind, String)>,
    ) {
        let duration = input.now.ms() - self.began.ms();
        if is_wrong && duration >= options.accept_ms {
            let text = format!("it has lasted for {}: accepted as the new normal", quantity::duration(duration));
            self.close(next, input.now, text, entries);
            return;
        }
        match (is_wrong, self.well_since) {
            (true, Some(_)) => {
                self.well_since = None;
                next.state = IncidentState::Open;
                entries.push((TimelineKind::Relapsed, "the problem is back".to_owned()));
            }
            (true, None) => {}
            (false, None) => {
                self.well_since = Some(input.now);
                next.state = IncidentState::Recovering;
                entries.push((TimelineKind::Recovering, "back to normal".to_owned()));
            }
            (false, Some(since)) if input.now.ms() - since.ms() >= options.recover_ms => {
                let text = format!("normal for {}", quantity::duration(input.now.ms() - since.ms()));
                self.close(next, input.now, text, entries);
            }
            (false, Some(_)) => {}
        }
    }

    fn close(&self, next: &mut Incident, now: Timestamp, text: String, entries: &mut Vec<(TimelineKind, String)>) {
        next.state = IncidentState::Closed;
        next.closed = Some(now);
        entries.push((TimelineKind::Closed, text));
    }

    fn is_more_confident(&self, next: &Incident) -> bool {
        let of = |i: &Incident| i.cause.as_ref().map_or(0.0, |c| c.confidence);
        of(next) >= of(&self.incident) + CONFIDENCE_STEP
    }

    fn onset_moved(&self, next: &Incident, prepared: &PreparedInput) -> bool {
        (next.onset.ms() - self.incident.onset.ms()).abs() > ONSET_STEPS * prepared.observation.frame.step_ms()
    }
}

/// Failed requests before lost ones before slow ones, and the largest change of a kind first.
fn by_importance(worst: &BTreeMap<(String, Indicator), IndicatorChange>) -> Vec<IndicatorChange> {
    let kind = |s: &IndicatorChange| match s.indicator {
        Indicator::Errors => 0,
        Indicator::Requests => 1,
        Indicator::Latency => 2,
    };
    let size = |s: &IndicatorChange| (s.to - s.from).abs();
    let mut signs: Vec<IndicatorChange> = worst.values().cloned().collect();
    signs.sort_by(|a, b| {
        kind(a).cmp(&kind(b)).then(size(b).total_cmp(&size(a))).then_with(|| a.service.cmp(&b.service))
    });
    signs
}

fn verdict_text(cause: &NamedCause) -> String {
    let kind = cause.mechanism.as_ref().map(|m| format!(" ({m})")).unwrap_or_default();
    format!("{}{kind}, confidence {:.2}", cause.service, cause.confidence)
}
