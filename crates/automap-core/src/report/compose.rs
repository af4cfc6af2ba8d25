//! Composes the report from the results of the stages.
//!
//! It selects, orders and words, but changes no number: scores and confidence come from `rank` and `verdict`.

use std::collections::BTreeMap;

use std::collections::BTreeSet;

use super::counter_evidence::{CounterEvidence, Doubt};
use super::evidence::{Facts, round};
use super::model::{
    AlsoChanged, Cause, Coverage, Evidence, NextStep, Report, SCHEMA_VERSION, Symptom, Victim, WindowInfo,
};
use super::{changes, course, hosts, impact, parts, path, time_of_day, verdict};
use crate::analysis::Analysis;
use crate::anomaly::{CLEAR, SeriesEvidence};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{CLIENT_LATENCY_MS, COUNTER_EVIDENCE, Metric, NETWORK_GAP_MS, Side};
use crate::note::{NotChecked, Note};
use crate::observation::Observation;
use crate::quantity::change;
use crate::rank::suspects::DECIDES;
use crate::rank::{PartSource, RankedService, Ranking};
use crate::time::Timestamp;
use crate::unseen::{Unanswered, UnobservedCallees};
use crate::verdict::{Decision, Lead, VerdictOptions, decide, may_be_lost};
use crate::windows::Windows;

/// Most services with lost samples that are named.
const MAX_LOST_NAMED: usize = 5;
/// Candidates in a report.
const MAX_CAUSES: usize = 5;
/// Symptoms in a report.
const MAX_SYMPTOMS: usize = 3;
/// Onsets closer than this many steps are the same: rates look back over about as many.
const ONSET_STEPS: i64 = 5;
/// A service below this share of what users feel counts as accounting for nothing.
const NEGLIGIBLE_SHARE: f64 = 0.05;
/// Evidence from which a service that accounts for nothing is worth mentioning.
const UNUSUAL: f64 = 1.5;
/// Such services in a report.
const MAX_ALSO_CHANGED: usize = 3;

/// Writes the report. Pure wording: nothing here changes an order or a number.
pub fn compose(observation: &Observation, analysis: &Analysis, options: &VerdictOptions) -> Report {
    let Analysis { frame, windows, anomalies, ranking, notes, .. } = analysis;
    let facts = Facts { frame, anomalies, windows };
    let lead = Lead::of(analysis, options);
    let decision = decide(analysis, &lead, options);
    let is_named = decision == Decision::Cause;
    let named: Vec<ServiceIdx> = lead.named.iter().flatten().copied().filter(|_| is_named).collect();
    let has_candidates = !decision.is_quiet();
    let mut causes =
        if has_candidates { candidates(&facts, observation, analysis, (&lead, &named, options)) } else { Vec::new() };
    let victims = if decision == Decision::Cause { victims(&facts, observation, ranking) } else { Vec::new() };
    if let Some(first) = causes.first_mut() {
        with_its_effects(first, &victims, frame.step_ms());
    }
    let mut notes: Vec<Note> = observation.notes.iter().chain(notes).cloned().collect();
    notes.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
    notes.dedup();
    let time_of_day = time_of_day::time_of_day(analysis, &lead, decision);
    Report {
        schema_version: SCHEMA_VERSION,
        source: observation.source.clone(),
        engine: ranking.engine,
        verdict: verdict::compose(decision, analysis, &lead, (observation, options, time_of_day.as_ref())),
        windows: window_info(frame, windows),
        course: course::course(analysis),
        symptoms: noticed(&facts, observation, analysis, decision),
        impacts: impact::impacts(frame, &analysis.impacts),
        changes: changes::changes(&observation.changes, analysis, &named),
        time_of_day,
        also_changed: match decision {
            Decision::OnlyLoad | Decision::OnlyChanged => harmless(&facts, analysis, &lead),
            _ if has_candidates => also_changed(&facts, analysis),
            _ => Vec::new(),
        },
        coverage: coverage(observation, analysis),
        next: next(decision, &causes, observation, analysis),
        causes,
        victims,
        not_checked: not_checked(observation, analysis),
        notes,
        queries: observation.queries.clone(),
    }
}

fn candidates(
    facts: &Facts<'_>,
    observation: &Observation,
    analysis: &Analysis,
    (lead, named, options): (&Lead, &[ServiceIdx], &VerdictOptions),
) -> Vec<Cause> {
    let ranking = &analysis.ranking;
    let first_onset = first_symptom_row(facts);
    let is_named = |service: ServiceIdx| named.contains(&service);
    ranking
        .services
        .iter()
        .take(MAX_CAUSES)
        .enumerate()
        .map(|(i, ranked)| {
            let evidence = facts.for_candidate(ranked);
            let onset = evidence.iter().filter_map(|e| e.onset).min();
            let name = facts.frame.service(ranked.service);
            let holds_up = hosts::holds_up(analysis, ranked.service);
            Cause {
                rank: i + 1,
                service: name.to_owned(),
                kind: analysis.entities.kind_of(name),
                score: round(ranked.score),
                confidence: round(lead.confidence_of(ranking, ranked, options)),
                counter_evidence: counter_evidence(facts, ranked, analysis, onset, first_onset),
                accounts_for: impact::accounts_for(facts.frame, &analysis.impacts, &analysis.suspects, ranked.service),
                change: changes::of_cause(&observation.changes, analysis, (ranked.service, is_named(ranked.service))),
                parts: parts::of_service(&observation.breakdowns, name, analysis.windows.incident),
                onset,
                evidence,
                path: path::from_entry(&observation.calls, name, holds_up.iter().flat_map(|h| &h.services)),
                holds_up,
            }
        })
        .collect()
}

/// A cause does not begin after its effects. Within the blur of rates both began at the same time, so the cause is dated back to the earliest of its
/// victims; a larger distance is kept as counter-evidence.
fn with_its_effects(cause: &mut Cause, victims: &[Victim], step_ms: i64) {
    let Some(earliest) = victims.iter().flat_map(|v| &v.evidence).filter_map(|e| e.onset).min() else { return };
    let is_blurred = |at: &Timestamp| *at > earliest && *at <= earliest.plus_ms(ONSET_STEPS * step_ms);
    let onsets = std::iter::once(&mut cause.onset).chain(cause.evidence.iter_mut().map(|e| &mut e.onset));
    for onset in onsets {
        if onset.as_ref().is_some_and(is_blurred) {
            *onset = Some(earliest);
        }
    }
}

/// Counter-evidence: resources that did not move, a later onset than the symptom's, a close second.
fn counter_evidence(
    facts: &Facts<'_>,
    ranked: &RankedService,
    analysis: &Analysis,
    onset: Option<Timestamp>,
    first_symptom: Option<usize>,
) -> Vec<CounterEvidence> {
    let mut out = Vec::new();
    let metrics = unchanged(facts, ranked.service);
    if !metrics.is_empty() {
        out.push(Doubt::Unchanged { metrics });
    }
    for e in ranked.explained.iter().filter(|e| e.share >= 0.3).take(1) {
        let (callee, family) = (facts.frame.service(e.by).to_owned(), e.family.clone());
        out.push(match e.is_unseen {
            true => Doubt::UnmeasuredCallee { callee, family },
            false => Doubt::ShownByCallee { callee, family },
        });
    }
    if let (Some(onset), Some(row)) = (onset, first_symptom) {
        let first_symptom = facts.frame.times()[row];
        if onset > first_symptom.plus_ms(ONSET_STEPS * facts.frame.step_ms()) {
            out.push(Doubt::LateOnset { onset, first_symptom });
        }
    }
    let suspect = analysis.suspects.of(ranked.service).filter(|s| s.share >= NEGLIGIBLE_SHARE);
    if let Some(suspect) = suspect.filter(|s| !s.unseen_networks.is_empty()) {
        let callees = suspect.unseen_networks.iter().map(|s| facts.frame.service(*s).to_owned()).collect();
        out.push(Doubt::UnseenNetwork { callees });
    }
    if let Some(UnobservedCallees { callees, queries }) = analysis.unseen.callees.get(&ranked.service).cloned() {
        out.push(Doubt::UnobservedCallees { callees, queries });
    }
    if may_be_lost(analysis, ranked.service) {
        let others = analysis.anomalies.partly_lost.iter().filter(|s| **s != ranked.service).take(MAX_LOST_NAMED);
        out.push(Doubt::SamplesLost { services: others.map(|s| facts.frame.service(*s).to_owned()).collect() });
    }
    let rival = analysis.ranking.services.iter().find(|s| s.service != ranked.service);
    if let Some(rival) = rival.filter(|r| r.share > 0.3 * ranked.share && r.share <= ranked.share) {
        out.push(Doubt::CloseRival { service: facts.frame.service(rival.service).to_owned() });
    }
    out.into_iter().map(CounterEvidence::new).collect()
}

/// Own metrics of a service that stayed in their normal range, one per family.
fn unchanged(facts: &Facts<'_>, service: ServiceIdx) -> Vec<Metric> {
    let own = |name: &str| {
        let mut series = facts.anomalies.series.iter();
        series.find(|s| s.service == service && s.peer.is_none() && s.metric.name == name)
    };
    COUNTER_EVIDENCE
        .iter()
        .filter_map(|name| own(name))
        .filter(|s| s.evidence < 0.3)
        .map(|s| s.metric.clone())
        .collect()
}

fn first_symptom_row(facts: &Facts<'_>) -> Option<usize> {
    let clear = facts.anomalies.series.iter().filter(|s| s.metric.family.is_symptom() && s.evidence >= CLEAR);
    clear.filter_map(|s| facts.onset(&facts.frame.series()[s.series])).min()
}

/// The symptoms to show. Without an incident there are none: noise is no symptom. The one that made the incident stand out is always included.
fn noticed(facts: &Facts<'_>, observation: &Observation, analysis: &Analysis, decision: Decision) -> Vec<Symptom> {
    let found = symptoms(facts, observation);
    match decision {
        Decision::NoIncident | Decision::OnlyLoad | Decision::OnlyChanged | Decision::Usual => Vec::new(),
        _ if found.is_empty() => course::felt(facts, &analysis.plan).into_iter().collect(),
        _ => found,
    }
}

/// Entry services' own latency and errors that rose, strongest first; without calls, any service's.
fn symptoms(facts: &Facts<'_>, observation: &Observation) -> Vec<Symptom> {
    let entries = observation.calls.entries();
    let at_entry = |s: &&SeriesEvidence| entries.is_empty() || entries.contains(&facts.frame.service(s.service));
    let mut found: Vec<&SeriesEvidence> = facts
        .anomalies
        .series
        .iter()
        .filter(|s| s.metric.side == Side::Own && s.metric.family.is_symptom() && s.evidence >= CLEAR)
        .filter(at_entry)
        .collect();
    found.sort_by(|a, b| b.evidence.total_cmp(&a.evidence).then(a.series.cmp(&b.series)));
    found
        .into_iter()
        .take(MAX_SYMPTOMS)
        .map(|s| Symptom { service: facts.frame.service(s.service).to_owned(), evidence: facts.line(s) })
        .collect()
}

/// Services with a clear symptom that call the named cause, directly or through others.
fn victims(facts: &Facts<'_>, observation: &Observation, ranking: &Ranking) -> Vec<Victim> {
    let Some(cause) = ranking.services.first() else { return Vec::new() };
    let cause_name = facts.frame.service(cause.service);
    let mut clear: BTreeMap<ServiceIdx, Vec<&SeriesEvidence>> = BTreeMap::new();
    let own = facts.anomalies.series.iter().filter(|s| s.metric.side == Side::Own);
    for s in own.filter(|s| s.metric.family.is_symptom() && s.evidence >= CLEAR) {
        clear.entry(s.service).or_default().push(s);
    }
    let mut victims: Vec<(f64, Victim)> = Vec::new();
    for ranked in ranking.services.iter().skip(1) {
        let name = facts.frame.service(ranked.service);
        let Some(mut shown) = clear.remove(&ranked.service) else { continue };
        if !observation.calls.reaches(name, cause_name) {
            continue;
        }
        shown.sort_by(|a, b| b.evidence.total_cmp(&a.evidence).then(a.series.cmp(&b.series)));
        let by = next_hop(observation, name, cause_name);
        let evidence: Vec<Evidence> = shown.iter().take(2).map(|s| facts.line(s)).collect();
        let summary = format!("{}; {}", evidence[0].summary, toll(facts, ranked.service, &by));
        let victim = Victim { service: name.to_owned(), explained_by: by, evidence, summary };
        victims.push((shown[0].evidence, victim));
    }
    victims.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.service.cmp(&b.1.service)));
    victims.into_iter().map(|(_, v)| v).collect()
}

/// What the victim's calls towards the cause show, or merely that it calls it.
fn toll(facts: &Facts<'_>, service: ServiceIdx, by: &str) -> String {
    let calls = facts.anomalies.series.iter().filter(|s| {
        s.service == service
            && s.metric.side == Side::Client
            && s.metric.family.is_symptom()
            && s.peer.is_some_and(|p| facts.frame.service(p) == by)
    });
    let clearest = calls.filter(|s| s.evidence >= CLEAR).max_by(|a, b| a.evidence.total_cmp(&b.evidence));
    match clearest {
        Some(s) => {
            let (from, to) = facts.levels(&facts.frame.series()[s.series]);
            format!("its calls to {by}: {} {}", s.metric.words(), change(from, to, s.metric.unit))
        }
        None => format!("it calls {by}"),
    }
}

/// The callee over which a victim reaches the cause.
fn next_hop(observation: &Observation, victim: &str, cause: &str) -> String {
    let calls = &observation.calls;
    let hops: Vec<&str> = calls.callees(victim).filter(|to| *to == cause || calls.reaches(to, cause)).collect();
    let direct = hops.iter().find(|to| **to == cause);
    direct.or(hops.first()).map_or_else(|| cause.to_owned(), |s| (*s).to_owned())
}

pub(crate) fn window_info(frame: &MetricFrame, windows: &Windows) -> WindowInfo {
    WindowInfo {
        baseline_start: windows.baseline.start,
        baseline_end: windows.baseline.end,
        baseline_samples: windows.rows.baseline.len(),
        incident_start: windows.incident.start,
        incident_end: windows.incident.end,
        incident_samples: windows.rows.incident.len(),
        incident_start_is: windows.onset,
        step_s: frame.step_ms() as f64 / 1e3,
    }
}

fn coverage(observation: &Observation, analysis: &Analysis) -> Coverage {
    let Analysis { frame, anomalies, entities, .. } = analysis;
    let judged: BTreeSet<ServiceIdx> = anomalies.series.iter().map(|s| s.service).collect();
    Coverage {
        services: observation.services().count(),
        services_judged: judged.iter().filter(|s| !entities.is_beneath(frame.service(**s))).count(),
        series_judged: anomalies.series.len(),
        series: frame.series().len(),
    }
}

/// The query that shows the strongest evidence, and what to do if there is none.
fn next(decision: Decision, causes: &[Cause], observation: &Observation, analysis: &Analysis) -> Vec<NextStep> {
    let mut texts = Vec::new();
    if decision == Decision::NotEnoughEvidence {
        texts.extend(unobserved(causes).map(|query| query.remedy().to_owned()));
        texts.dedup();
        texts.push("wait for more samples, or give the incident's start and a longer baseline".to_owned());
    }
    if decision == Decision::CannotTell {
        texts.extend(analysis.unseen.remedies(&analysis.frame));
    }
    let mut out: Vec<NextStep> = texts.into_iter().map(|text| NextStep { text, signal: None, query: None }).collect();
    let strongest = causes.first().and_then(|c| c.evidence.first());
    let metric =
        strongest.map(|e| if e.metric.name == NETWORK_GAP_MS { CLIENT_LATENCY_MS } else { e.metric.name.as_str() });
    if let Some(query) = metric.and_then(|m| observation.queries.iter().find(|q| q.signal == m)) {
        out.push(NextStep {
            text: format!("look at {}", query.signal),
            signal: Some(query.signal.clone()),
            query: Some(query.promql.clone()),
        });
    }
    out
}

/// The incomplete answers that leave open whether the first candidate waits for a callee.
fn unobserved(causes: &[Cause]) -> impl Iterator<Item = &Unanswered> {
    let doubts = causes.iter().take(1).flat_map(|c| &c.counter_evidence);
    let queries = doubts.filter_map(|e| match &e.doubt {
        Doubt::UnobservedCallees { queries, .. } => Some(queries),
        _ => None,
    });
    queries.flatten()
}

/// Services that are as unusual as a cause but account for nothing that users feel.
fn also_changed(facts: &Facts<'_>, analysis: &Analysis) -> Vec<AlsoChanged> {
    if analysis.suspects.weight < DECIDES {
        return Vec::new();
    }
    let accounts_for_nothing =
        |r: &&RankedService| analysis.suspects.of(r.service).is_none_or(|s| s.share < NEGLIGIBLE_SHARE);
    let own_change = |r: &&RankedService| {
        let parts = r.parts.iter().filter(|p| matches!(&p.source, PartSource::Own(f) if f.is_resource()));
        parts.map(|p| p.evidence).fold(0.0, f64::max) >= UNUSUAL
    };
    let services = analysis.ranking.services.iter().filter(accounts_for_nothing).filter(own_change);
    services
        .take(MAX_ALSO_CHANGED)
        .map(|r| AlsoChanged {
            service: facts.frame.service(r.service).to_owned(),
            evidence: facts.for_candidate(r).into_iter().filter(|e| e.metric.family.is_resource()).take(2).collect(),
        })
        .filter(|changed| !changed.evidence.is_empty())
        .collect()
}

/// The services that get more or fewer requests, or show the direct effects of their change, if nothing else happened.
fn harmless(facts: &Facts<'_>, analysis: &Analysis, lead: &Lead) -> Vec<AlsoChanged> {
    let services = analysis.ranking.services.iter().filter(|r| lead.names(r.service));
    let changed = |r: &RankedService| AlsoChanged {
        service: facts.frame.service(r.service).to_owned(),
        evidence: facts.for_candidate(r).into_iter().take(2).collect(),
    };
    services.take(MAX_ALSO_CHANGED).map(changed).collect()
}

/// What the source did not query or receive, and what the analysis lacked.
fn not_checked(observation: &Observation, analysis: &Analysis) -> Vec<NotChecked> {
    let mut all = observation.not_checked.clone();
    all.extend(analysis.unseen.not_checked(&analysis.frame));
    all.sort();
    all.dedup();
    all
}
