//! Makes the next revision of an open incident: brings its record up to date, and decides whether that is worth reporting.
//!
//! `open_incident` decides whether it goes on or is over.

use std::collections::BTreeMap;

use super::model::{Alert, WatchOptions};
use super::open_incident::OpenIncident;
use super::quiet::PreparedInput;
use super::titles;
use crate::incident::{
    Incident, Indicator, IndicatorChange, MAX_REPORTED, NamedCause, Severity, SloImpact, TimelineKind,
};
use crate::report::Report;
use crate::time::Timestamp;

/// A named cause is replaced only once this many polls in a row have named another one, so that the answer does not flap.
const POLLS_TO_REPLACE: u32 = 2;
/// Rise of the confidence that makes a new revision.
const CONFIDENCE_STEP: f64 = 0.1;
/// Change of the onset that makes a new revision, in samples.
const ONSET_STEPS: i64 = 3;

impl OpenIncident {
    /// The incident brought up to date with a diagnosis and an input; not yet a new revision.
    pub(super) fn refreshed(
        &mut self,
        report: &Report,
        named: Option<NamedCause>,
        (now, options): (Timestamp, &WatchOptions),
        reported: (&[Alert], &[(SloImpact, Severity)]),
    ) -> Incident {
        let mut next = self.refreshed_without_report(reported);
        next.cause = self.cause(named);
        let start = report.windows.incident_start;
        // It opens with the onset of the assessment; later diagnoses start from that and may move it.
        let follows = report.windows.incident_start_is.is_told();
        if follows && next.reopened == 0 && start.ms() > now.ms() - options.accept_ms {
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
        next.title = titles::title(&next, self.unjudged.as_deref());
        next
    }

    pub(super) fn refreshed_without_report(
        &mut self,
        (alerts, slos): (&[Alert], &[(SloImpact, Severity)]),
    ) -> Incident {
        self.keep_slos(slos);
        let mut next = self.incident.clone();
        next.symptoms = by_importance(&self.worst);
        next.slos = self.slos.values().cloned().collect();
        next.slos_omitted = self.slos_omitted;
        for service in alerts.iter().flat_map(|a| &a.services) {
            if self.alerted.len() < MAX_REPORTED {
                self.alerted.insert(service.clone());
            }
        }
        let mut omitted = 0;
        for alert in alerts {
            match next.alerts.contains(&alert.key) {
                true => {}
                false if next.alerts.len() < MAX_REPORTED => next.alerts.push(alert.key.clone()),
                false => omitted += 1,
            }
        }
        self.alerts_omitted = self.alerts_omitted.max(omitted);
        next.alerts_omitted = self.alerts_omitted;
        let by_slo = slos.iter().map(|(_, severity)| *severity).max();
        let alerted = (!next.alerts.is_empty()).then_some(Severity::Warning);
        next.severity = titles::severity(next.symptoms.iter(), by_slo.max(alerted)).max(next.severity);
        next.title = titles::title(&next, self.unjudged.as_deref());
        next
    }

    /// Keeps the highest rate of every objective.
    fn keep_slos(&mut self, slos: &[(SloImpact, Severity)]) {
        let mut omitted = 0;
        for (impact, _) in slos {
            if self.slos.len() >= MAX_REPORTED && !self.slos.contains_key(&impact.slo) {
                omitted += 1;
                continue;
            }
            let slot = self.slos.entry(impact.slo.clone()).or_insert_with(|| impact.clone());
            let highest = slot.burn_rate.max(impact.burn_rate);
            *slot = SloImpact { burn_rate: highest, ..impact.clone() };
        }
        self.slos_omitted = self.slos_omitted.max(omitted);
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

    /// The changes worth an entry in the timeline: another cause, more symptoms, a higher severity, new alerts.
    pub(super) fn timeline_entries(&self, next: &Incident, alerts: &[Alert]) -> Vec<(TimelineKind, String)> {
        let old = &self.incident;
        let mut entries = Vec::new();
        let service = |i: &Incident| i.cause.as_ref().map(|c| c.service.clone());
        if let Some(cause) = next.cause.as_ref().filter(|_| service(old) != service(next)) {
            entries.push((TimelineKind::Verdict, titles::verdict_text(cause)));
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
        // One that is only counted joins without an entry, since it would join again at every poll.
        let is_new = |a: &&Alert| next.alerts.contains(&a.key) && !old.alerts.contains(&a.key);
        let joined: Vec<String> = alerts.iter().filter(is_new).map(|a| a.summary.clone()).collect();
        if !joined.is_empty() {
            entries.push((TimelineKind::Alert, titles::first_few(&joined)));
        }
        entries
    }

    pub(super) fn is_more_confident(&self, next: &Incident) -> bool {
        let of = |i: &Incident| i.cause.as_ref().map_or(0.0, |c| c.confidence);
        of(next) >= of(&self.incident) + CONFIDENCE_STEP
    }

    pub(super) fn onset_moved(&self, next: &Incident, prepared: &PreparedInput) -> bool {
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
