//! One open incident, from look to look: diagnosed while it is young, followed until it is over.

use std::collections::BTreeMap;

use super::quiet::{Assessment, PreparedInput, Watchpoint, is_silent, watchpoints};
use super::vitals::NormalRanges;
use super::{WatchInput, WatchOptions, keep_worst, revise, titles};
use crate::analysis::Analysis;
use crate::diagnose::analyse;
use crate::incident::{
    Incident, IncidentState, Indicator, IndicatorChange, NamedCause, Severity, SloImpact, TimelineKind, span,
};
use crate::observation::Observation;
use crate::report::{Report, compose};
use crate::time::{Timestamp, WindowHint};
use crate::windows::MIN_BASELINE_POINTS;

/// A named cause gives way to another one that is named by so many looks in a row: an answer that flaps is no answer.
const LOOKS_TO_REPLACE: u32 = 2;
/// A rise of confidence that is worth a new revision.
const CONFIDENCE_STEP: f64 = 0.1;
/// A move of the onset that is worth one, in samples.
const ONSET_STEPS: i64 = 3;

/// An open incident and what it takes to follow it.
#[derive(Debug)]
pub(super) struct OpenIncident {
    pub(super) incident: Incident,
    /// When this bout of it began; the incident's onset is that of its first.
    began: Timestamp,
    /// NormalRanges time before it; empty after a restart until the next look.
    normal: NormalRanges,
    unfelt: Vec<Watchpoint>,
    worst: BTreeMap<(String, Indicator), IndicatorChange>,
    slos: BTreeMap<String, SloImpact>,
    /// Since when nothing is wrong.
    well_since: Option<Timestamp>,
    /// Another cause than the named one, and how many looks in a row named it.
    rival: Option<(String, u32)>,
}

impl OpenIncident {
    /// A new incident.
    pub(super) fn new(
        id: String,
        target: &str,
        look: &WatchInput<'_>,
        opening: &Assessment,
        options: &WatchOptions,
    ) -> Self {
        let cause = titles::named(&opening.report);
        let incident = Incident { cause, ..Incident::new(id, target, opening.onset, look.now) };
        Self::begin(incident, TimelineKind::Opened, look, opening, options)
    }

    /// One that was closed a moment ago and is back.
    pub(super) fn again(before: Incident, look: &WatchInput<'_>, opening: &Assessment, options: &WatchOptions) -> Self {
        let (reopened, cause) = (before.reopened + 1, titles::named(&opening.report).or(before.cause));
        let incident = Incident { state: IncidentState::Open, closed: None, reopened, cause, ..before };
        Self::begin(incident, TimelineKind::Reopened, look, opening, options)
    }

    /// One that a store kept over a restart.
    pub(super) fn resume(incident: Incident, options: &WatchOptions) -> Self {
        let worst = incident.symptoms.iter().map(|s| ((s.service.clone(), s.indicator), s.clone())).collect();
        let slos = incident.slos.iter().map(|s| (s.slo.clone(), s.clone())).collect();
        let well_since = (incident.state == IncidentState::Recovering).then_some(incident.updated);
        let from_report = incident.report.as_ref();
        let began = from_report.and_then(|r| Timestamp::parse_rfc3339(&r.windows.incident_start));
        Self {
            began: began.unwrap_or(incident.onset),
            normal: NormalRanges::default(),
            unfelt: from_report.map(|r| watchpoints(r, options)).unwrap_or_default(),
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
        look: &WatchInput<'_>,
        opening: &Assessment,
        options: &WatchOptions,
    ) -> Self {
        let mut following = Self {
            began: opening.onset,
            normal: opening.normal.clone(),
            unfelt: opening.unfelt.clone(),
            ..Self::resume(incident, options)
        };
        following.well_since = None;
        keep_worst(&mut following.worst, &opening.signs);
        let mut next = following.refreshed(&opening.report, look, options);
        let because: Vec<String> = look.alerts.iter().map(|a| a.summary.clone()).collect();
        let text = if because.is_empty() { next.title.clone() } else { titles::some(&because) };
        let mut moments = vec![(kind, text)];
        moments.extend(next.cause.as_ref().map(|c| (TimelineKind::Verdict, verdict_text(c))));
        revise(&mut next, look.now, moments);
        following.incident = next;
        following
    }

    /// One look. What changed, the answer of now, what is felt now.
    pub(super) fn step(
        &mut self,
        seen: &PreparedInput,
        look: &WatchInput<'_>,
        options: &WatchOptions,
    ) -> (Option<Incident>, Option<Report>, Vec<IndicatorChange>) {
        let frame = &seen.observation.frame;
        let again = self.diagnose_again(seen, look, options);
        if self.normal.is_empty() {
            let rows: Vec<usize> = match &again {
                Some((analysis, _)) => analysis.windows.rows.baseline.clone(),
                None => (0..frame.times().partition_point(|t| *t < self.began)).collect(),
            };
            self.normal = NormalRanges::of(frame, &rows);
        }
        let signs = self.normal.signs(frame, &seen.recent, &options.vitals);
        keep_worst(&mut self.worst, &signs);
        let unfelt = self.unfelt.iter().any(|w| w.holds(frame, &seen.recent) != Some(false));
        let only_unfelt = self.worst.is_empty() && self.slos.is_empty() && self.incident.alerts.is_empty();
        let told = !look.slos.is_empty() || !look.alerts.is_empty();
        let unknown = self.worst.keys().any(|(service, _)| is_silent(frame, service, &seen.recent));
        let is_wrong = !signs.is_empty() || told || unknown || (only_unfelt && unfelt);

        let report = again.map(|(_, report)| report);
        let mut next = match &report {
            Some(report) => self.refreshed(report, look, options),
            None => self.refreshed_without(look),
        };
        let mut moments = self.moments(&next, look);
        self.move_on(&mut next, is_wrong, look, options, &mut moments);
        let known = !moments.is_empty() || self.is_surer(&next) || self.onset_moved(&next, seen);
        let shown = report.or_else(|| self.incident.report.clone());
        if !known {
            return (None, shown, signs);
        }
        revise(&mut next, look.now, moments);
        self.incident = next.clone();
        (Some(next), shown, signs)
    }

    /// The answer with what is known now, while the incident is young and goes on.
    fn diagnose_again(
        &self,
        seen: &PreparedInput,
        look: &WatchInput<'_>,
        options: &WatchOptions,
    ) -> Option<(Analysis, Report)> {
        let end = self.began.plus_ms(options.diagnose_ms);
        if self.well_since.is_some() || look.now > end {
            return None;
        }
        let frame = &seen.observation.frame;
        if frame.times().partition_point(|t| *t < self.began) < MIN_BASELINE_POINTS {
            return None;
        }
        let hint = WindowHint { incident_start: Some(self.began), ..WindowHint::default() };
        let observation = Observation { hint, ..seen.observation.clone() };
        let analysis = analyse(&observation, &options.diagnose).ok()?;
        let report = compose(&observation, &analysis, &options.diagnose.verdict);
        Some((analysis, report))
    }

    /// The incident as this answer and look tell it; not yet a revision.
    fn refreshed(&mut self, report: &Report, look: &WatchInput<'_>, options: &WatchOptions) -> Incident {
        let mut next = self.refreshed_without(look);
        next.cause = self.cause(titles::named(report));
        let start = Timestamp::parse_rfc3339(&report.windows.incident_start);
        if next.reopened == 0
            && let Some(start) = start.filter(|s| s.ms() > look.now.ms() - options.accept_ms)
        {
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

    fn refreshed_without(&mut self, look: &WatchInput<'_>) -> Incident {
        for (impact, _) in look.slos {
            let slot = self.slos.entry(impact.slo.clone()).or_insert_with(|| impact.clone());
            let highest = slot.burn_rate.max(impact.burn_rate);
            *slot = SloImpact { burn_rate: highest, ..impact.clone() };
        }
        let mut next = self.incident.clone();
        next.symptoms = ordered(&self.worst);
        next.slos = self.slos.values().cloned().collect();
        for alert in look.alerts {
            if !next.alerts.contains(&alert.key) {
                next.alerts.push(alert.key.clone());
            }
        }
        let told = look.slos.iter().map(|(_, severity)| *severity).max();
        let alerted = (!next.alerts.is_empty()).then_some(Severity::Warning);
        next.severity = titles::severity(next.symptoms.iter(), told.max(alerted)).max(next.severity);
        next.title = titles::title(&next);
        next
    }

    /// The cause that is told: the newest answer, but a named cause stays until another one is named repeatedly.
    fn cause(&mut self, answer: Option<NamedCause>) -> Option<NamedCause> {
        let told = self.incident.cause.clone();
        let (Some(new), Some(old)) = (&answer, &told) else {
            self.rival = None;
            return answer.or(told);
        };
        if new.service == old.service {
            self.rival = None;
            return answer;
        }
        let looks = match &self.rival {
            Some((service, looks)) if *service == new.service => looks + 1,
            _ => 1,
        };
        if looks >= LOOKS_TO_REPLACE {
            self.rival = None;
            return answer;
        }
        self.rival = Some((new.service.clone(), looks));
        told
    }

    /// What is worth a line in the timeline.
    fn moments(&self, next: &Incident, look: &WatchInput<'_>) -> Vec<(TimelineKind, String)> {
        let old = &self.incident;
        let mut moments = Vec::new();
        let service = |i: &Incident| i.cause.as_ref().map(|c| c.service.clone());
        if let Some(cause) = next.cause.as_ref().filter(|_| service(old) != service(next)) {
            moments.push((TimelineKind::Verdict, verdict_text(cause)));
        }
        let known =
            |s: &&IndicatorChange| old.symptoms.iter().any(|o| (&o.service, o.indicator) == (&s.service, s.indicator));
        let mut more: Vec<String> = next.symptoms.iter().filter(|s| !known(s)).map(titles::sign).collect();
        let burns = next.slos.iter().filter(|s| !old.slos.iter().any(|o| o.slo == s.slo));
        more.extend(
            burns.map(|s| format!("{} burns its error budget at {:.1} times the sustainable rate", s.slo, s.burn_rate)),
        );
        if !more.is_empty() {
            moments.push((TimelineKind::Spread, titles::some(&more)));
        } else if next.severity > old.severity {
            moments.push((TimelineKind::Spread, format!("now {}", next.severity.as_str())));
        }
        let joined = look.alerts.iter().filter(|a| !old.alerts.contains(&a.key)).map(|a| a.summary.clone());
        let joined: Vec<String> = joined.collect();
        if !joined.is_empty() {
            moments.push((TimelineKind::Alert, titles::some(&joined)));
        }
        moments
    }

    /// Open, recovering, relapsed, closed.
    fn move_on(
        &mut self,
        next: &mut Incident,
        is_wrong: bool,
        look: &WatchInput<'_>,
        options: &WatchOptions,
        moments: &mut Vec<(TimelineKind, String)>,
    ) {
        let lasted = look.now.ms() - self.began.ms();
        if is_wrong && lasted >= options.accept_ms {
            let text = format!("it has lasted for {}: taken as the new normal", span(lasted));
            self.close(next, look.now, text, moments);
            return;
        }
        match (is_wrong, self.well_since) {
            (true, Some(_)) => {
                self.well_since = None;
                next.state = IncidentState::Open;
                moments.push((TimelineKind::Relapsed, "wrong again".to_owned()));
            }
            (true, None) => {}
            (false, None) => {
                self.well_since = Some(look.now);
                next.state = IncidentState::Recovering;
                moments.push((TimelineKind::Recovering, "nothing is wrong any more".to_owned()));
            }
            (false, Some(since)) if look.now.ms() - since.ms() >= options.recover_ms => {
                let text = format!("well for {}", span(look.now.ms() - since.ms()));
                self.close(next, look.now, text, moments);
            }
            (false, Some(_)) => {}
        }
    }

    fn close(&self, next: &mut Incident, now: Timestamp, text: String, moments: &mut Vec<(TimelineKind, String)>) {
        next.state = IncidentState::Closed;
        next.closed = Some(now);
        moments.push((TimelineKind::Closed, text));
    }

    fn is_surer(&self, next: &Incident) -> bool {
        let of = |i: &Incident| i.cause.as_ref().map_or(0.0, |c| c.confidence);
        of(next) >= of(&self.incident) + CONFIDENCE_STEP
    }

    fn onset_moved(&self, next: &Incident, seen: &PreparedInput) -> bool {
        (next.onset.ms() - self.incident.onset.ms()).abs() > ONSET_STEPS * seen.observation.frame.step_ms()
    }
}

/// Failed requests before lost ones before slow ones, the largest first.
fn ordered(worst: &BTreeMap<(String, Indicator), IndicatorChange>) -> Vec<IndicatorChange> {
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
