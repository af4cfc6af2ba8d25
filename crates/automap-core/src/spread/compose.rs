//! Turns a trace into the plain model: names, times and sentences.

use super::model::{
    ChangedService, Hop, OnsetInterval, PROPAGATION_SCHEMA_VERSION, Propagation, SpreadPath, SpreadRole,
};
use crate::analysis::Analysis;
use crate::frame::ServiceIdx;
use crate::observation::Observation;
use crate::onset::LEVEL;
use crate::propagation::{
    self, ChangeSource, ClearChange, ClearChanges, HopState, OnsetSpan, PropagationOptions, Role, TracedEffects,
};
use crate::report::Evidence;
use crate::report::evidence::{Facts, round};
use crate::report::{verdict, window_info};
use crate::verdict::{Decision, Lead, VerdictOptions, decide};

/// How the fault of an analysed incident spread from the first of the ranking. Without an incident nothing is traced.
pub fn propagation(observation: &Observation, analysis: &Analysis, options: &VerdictOptions) -> Propagation {
    let options_of_trace = PropagationOptions::default();
    let Analysis { frame, windows, anomalies, ranking, .. } = analysis;
    let signals = propagation::find_changes(frame, windows, anomalies, ranking, &options_of_trace);
    let decision = decide(analysis, &Lead::of(analysis, options), options);
    let first = ranking.services.first().map(|s| s.service).filter(|_| !decision.is_quiet());
    let spread = Spread::new(observation, analysis, &signals);
    spread.model(first, &spread.trace(first), decision)
}

/// The data shared by every propagation of one analysis, whichever service it is traced from.
pub(crate) struct Spread<'a> {
    pub(crate) observation: &'a Observation,
    pub(crate) analysis: &'a Analysis,
    pub(crate) signals: &'a ClearChanges,
    /// See [`propagation::services_without_metrics`].
    beyond: Vec<String>,
}

impl<'a> Spread<'a> {
    pub(crate) fn new(observation: &'a Observation, analysis: &'a Analysis, signals: &'a ClearChanges) -> Self {
        let beyond = propagation::services_without_metrics(&analysis.frame, &observation.calls);
        Self { observation, analysis, signals, beyond }
    }

    pub(crate) fn facts(&self) -> Facts<'_> {
        let Analysis { frame, windows, anomalies, .. } = self.analysis;
        Facts { frame, anomalies, windows }
    }

    /// What an assumed cause accounts for.
    pub(crate) fn trace(&self, cause: Option<ServiceIdx>) -> TracedEffects {
        let Analysis { frame, anomalies, ranking, .. } = self.analysis;
        let options = PropagationOptions::default();
        propagation::from_cause(frame, anomalies, ranking, &self.observation.calls, self.signals, cause, &options)
    }

    pub(crate) fn model(&self, cause: Option<ServiceIdx>, traced: &TracedEffects, decision: Decision) -> Propagation {
        let services = self.changed(traced);
        let hops: Vec<Hop> = traced.hops.iter().map(|h| self.hop(h)).collect();
        let paths = traced.paths.iter().map(|p| path(p, &hops)).collect();
        let judged: Vec<ServiceIdx> = self.analysis.anomalies.series.iter().map(|s| s.service).collect();
        let by_name = |keep: &dyn Fn(ServiceIdx) -> bool| -> Vec<String> {
            let all = (0..self.analysis.frame.services().len() + self.beyond.len()).map(ServiceIdx);
            let kept = all.filter(|s| keep(*s)).map(|s| self.name(s));
            let mut names: Vec<String> =
                kept.filter(|name| !self.analysis.entities.is_beneath(name)).map(str::to_owned).collect();
            names.sort();
            names
        };
        let cause_name = cause.map(|c| self.name(c).to_owned());
        Propagation {
            schema_version: PROPAGATION_SCHEMA_VERSION,
            verdict: verdict::kind(decision),
            summary: summary(cause_name.as_deref(), &services, decision),
            cause: cause_name,
            windows: window_info(&self.analysis.frame, &self.analysis.windows),
            interval_level: LEVEL,
            against: against(&services, &hops),
            services,
            hops,
            paths,
            calm: by_name(&|s| judged.contains(&s) && !self.signals.by_service.contains_key(&s)),
            unobserved: by_name(&|s| !judged.contains(&s)),
        }
    }

    pub(crate) fn name(&self, service: ServiceIdx) -> &str {
        let measured = self.analysis.frame.services();
        measured.get(service.0).unwrap_or_else(|| &self.beyond[service.0 - measured.len()])
    }

    pub(crate) fn rank(&self, service: ServiceIdx) -> Option<usize> {
        self.analysis.ranking.services.iter().position(|s| s.service == service).map(|i| i + 1)
    }

    fn changed(&self, traced: &TracedEffects) -> Vec<ChangedService> {
        let one = |service: ServiceIdx| {
            let signals = self.signals.of(service);
            let role = traced.roles.get(&service).copied().unwrap_or(Role::Unexplained);
            let shown = match role {
                Role::Cause => signals.as_cause.or(signals.clearest),
                _ => signals.clearest,
            }?;
            let hop = traced.hops.iter().find(|h| h.to == service).filter(|_| role == Role::Victim);
            Some(ChangedService {
                service: self.name(service).to_owned(),
                role: match role {
                    Role::Cause => SpreadRole::Cause,
                    Role::Victim => SpreadRole::Victim,
                    Role::Unexplained => SpreadRole::Unexplained,
                },
                rank: self.rank(service),
                onset: shown.onset.map(interval),
                change: self.evidence(service, shown)?,
                explained_by: hop.map(|h| self.name(h.from).to_owned()),
                explained_share: hop.and_then(|h| h.share).map(round),
            })
        };
        // Instants, not their texts: `:22Z` and `:22.5Z` sort differently as strings.
        let place = |service: ServiceIdx, row: &ChangedService| {
            let signals = self.signals.of(service);
            let shown =
                if row.role == SpreadRole::Cause { signals.as_cause.or(signals.clearest) } else { signals.clearest };
            let onset = shown.and_then(|s| s.onset).map(|o| o.at);
            let depth = traced.hops.iter().position(|h| h.to == service);
            (onset.is_none(), onset, row.role, depth, service)
        };
        let mut placed: Vec<_> = self.signals.by_service.keys().filter_map(|s| Some((*s, one(*s)?))).collect();
        placed.sort_by_key(|(service, row)| place(*service, row));
        placed.into_iter().map(|(_, row)| row).collect()
    }

    /// A signal as evidence, its onset that of the interval.
    pub(crate) fn evidence(&self, service: ServiceIdx, signal: ClearChange) -> Option<Evidence> {
        let facts = self.facts();
        let found = match signal.source {
            ChangeSource::Series(i) => facts.line(&self.analysis.anomalies.series[i]),
            ChangeSource::Missing => {
                facts.missing(self.analysis.ranking.services.iter().find(|s| s.service == service)?)?
            }
        };
        Some(Evidence { onset: signal.onset.map(|o| o.at), ..found })
    }

    fn hop(&self, hop: &propagation::Hop) -> Hop {
        let lag = hop.lag_ms();
        let seconds = |ms: i64| ms as f64 / 1e3;
        let shown_by = hop.shown_by.map(|i| {
            let onset = self.signals.onsets.get(&i).map(|o| o.at);
            Evidence { onset, ..self.facts().line(&self.analysis.anomalies.series[i]) }
        });
        let too_early_s = lag.filter(|_| hop.state == HopState::Contradictory).map(|(_, _, most)| seconds(-most));
        let mut out = Hop {
            from: self.name(hop.from).to_owned(),
            to: self.name(hop.to).to_owned(),
            channel: hop.channel,
            state: hop.state,
            from_onset: hop.cause.and_then(|s| s.onset).map(interval),
            to_onset: hop.effect.and_then(|s| s.onset).map(interval),
            lag_s: lag.map(|(at, _, _)| seconds(at)),
            lag_min_s: lag.map(|(_, least, _)| seconds(least)),
            lag_max_s: lag.map(|(_, _, most)| seconds(most)),
            too_early_s,
            shown_by,
            summary: String::new(),
        };
        let effect = hop.effect.and_then(|s| self.evidence(hop.to, s)).map(|e| e.summary);
        out.summary = sentence(&out, effect.as_deref());
        out
    }
}

pub(crate) fn interval(span: OnsetSpan) -> OnsetInterval {
    OnsetInterval { at: span.at, earliest: span.earliest, latest: span.latest }
}

fn path(positions: &[usize], hops: &[Hop]) -> SpreadPath {
    let services = positions.first().map(|i| hops[*i].from.clone()).into_iter();
    SpreadPath {
        services: services.chain(positions.iter().map(|i| hops[*i].to.clone())).collect(),
        hops: positions.to_vec(),
        state: positions.iter().map(|i| hops[*i].state).max().unwrap_or(HopState::Unobserved),
    }
}

/// What the order of the hop's onsets implies, and the evidence.
fn sentence(hop: &Hop, effect: Option<&str>) -> String {
    let Hop { from, to, .. } = hop;
    let order = match (hop.state, hop.lag_s, hop.too_early_s) {
        (HopState::Consistent, Some(lag), _) => format!("{to} changed {lag} s after {from}"),
        (HopState::Simultaneous, Some(_), _) => {
            format!("{from} and {to} changed within what the samples can tell apart")
        }
        (HopState::Contradictory, _, Some(s)) => format!("{to} changed at least {s} s BEFORE {from}"),
        _ if hop.to_onset.is_none() => format!("nothing shows when {to} changed"),
        _ => format!("nothing shows when {from} changed"),
    };
    let shown = hop.shown_by.as_ref().map(|e| e.summary.as_str()).or(effect);
    shown.map_or(order.clone(), |shown| format!("{order}; {shown}"))
}

fn summary(cause: Option<&str>, services: &[ChangedService], decision: Decision) -> String {
    let Some(cause) = cause else { return "no incident: nothing to trace".to_owned() };
    let cause = match decision {
        Decision::Cause => cause.to_owned(),
        _ => format!("no cause is named; the closest candidate, {cause},"),
    };
    let count = |role: SpreadRole| services.iter().filter(|s| s.role == role).count();
    let (victims, unexplained) = (count(SpreadRole::Victim), count(SpreadRole::Unexplained));
    match (victims, unexplained) {
        (0, 0) => format!("{cause} is alone: no other service changed clearly"),
        (v, 0) => format!("{cause} accounts for {}", all_of(v)),
        (v, u) => format!("{cause} accounts for {v} of {} other services that changed", v + u),
    }
}

fn all_of(n: usize) -> String {
    match n {
        1 => "the one other service that changed".to_owned(),
        2 => "both other services that changed".to_owned(),
        n => format!("all {n} other services that changed"),
    }
}

fn against(services: &[ChangedService], hops: &[Hop]) -> Vec<String> {
    let orders = hops.iter().filter_map(|h| {
        let s = h.too_early_s?;
        Some(format!("{} changed at least {s} s before {}, which should have caused it", h.to, h.from))
    });
    let mut unexplained: Vec<&ChangedService> = services.iter().filter(|s| s.role == SpreadRole::Unexplained).collect();
    unexplained.sort_by(|a, b| b.change.strength.total_cmp(&a.change.strength));
    let unexplained = unexplained
        .into_iter()
        .map(|s| format!("{} changed too ({}), and no call from the cause explains it", s.service, s.change.summary));
    orders.chain(unexplained).collect()
}
