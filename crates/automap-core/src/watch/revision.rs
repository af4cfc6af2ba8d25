//! Makes the next revision of an open incident: brings its record up to date, and decides whether that is worth reporting.
//!
//! `open_incident` decides whether it goes on or is over.

use std::collections::BTreeMap;

use super::model::{Alert, WatchOptions};
use super::open_incident::OpenIncident;
use super::quiet::PreparedInput;
use super::titles;
use crate::incident::{Incident, Indicator, IndicatorChange, NamedCause, Severity, SloImpact, TimelineKind};
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
        for (impact, _) in slos {
            let slot = self.slos.entry(impact.slo.clone()).or_insert_with(|| impact.clone());
            let highest = slot.burn_rate.max(impact.burn_rate);
            *slot = SloImpact { burn_rate: highest, ..impact.clone() };
        }
        let mut next = self.incident.clone();
        next.symptoms = by_importance(&self.worst);
        next.slos = self.slos.values().cloned().collect();
        self.alerted.extend(alerts.iter().flat_map(|a| a.services.iter().cloned()));
        for alert in alerts {
            if !next.alerts.contains(&alert.key) {
                next.alerts.push(alert.key.clone());
            }
        }
        let by_slo = slos.iter().map(|(_, severity)| *severity).max();
        let alerted = (!next.alerts.is_empty()).then_some(Severity::Warning);
        next.severity = titles::severity(next.symptoms.iter(), by_slo.max(alerted)).max(next.severity);
        next.title = titles::title(&next, self.unjudged.as_deref());
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
        let joined = alerts.iter().filter(|a| !old.alerts.contains(&a.key)).map(|a| a.summary.clone());
        let joined: Vec<String> = joined.collect();
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
