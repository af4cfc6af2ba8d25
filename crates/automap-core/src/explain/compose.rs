//! Composes an explanation: what changed for the service, its neighbours, the parts of its score and the conditions.
//!
//! It words and orders what the stages found and decides nothing; `conditions` has what would have to be true.

use std::collections::BTreeMap;

use super::conditions::conditions;
use super::model::{
    ChangeSize, EXPLANATION_SCHEMA_VERSION, ExplainedAway, Explanation, Neighbour, ScorePart, SeriesChange, Standing,
};
use super::names::UnknownService;
use super::subject::{Subject, part_name};
use crate::analysis::Analysis;
use crate::anomaly::SeriesEvidence;
use crate::diagnose::DiagnoseOptions;
use crate::frame::{Series, ServiceIdx};
use crate::metric::{EXPECTED, Family, Side};
use crate::note::NotChecked;
use crate::observation::{Observation, QueryRecord};
use crate::propagation::{self, ChangeSource, PropagationOptions, Role};
use crate::rank::{Part, PartSource, RankedService};
use crate::report::Evidence;
use crate::report::evidence::{Facts, round};
use crate::report::{verdict, window_info};
use crate::spread::{Spread, interval};
use crate::verdict::{Decision, Lead, decide};

/// Queries in an explanation.
const MAX_QUERIES: usize = 4;

/// Explains one service of an analysed incident. The options must be those of the analysis: hypotheticals are ranked with
/// them.
///
/// # Errors
/// [`UnknownService`] when neither metrics nor calls know the name.
pub fn explain(
    observation: &Observation,
    analysis: &Analysis,
    options: &DiagnoseOptions,
    service: &str,
) -> Result<Explanation, UnknownService> {
    let known = known_names(observation, analysis);
    if known.binary_search_by(|k| k.as_str().cmp(service)).is_err() {
        return Err(UnknownService::new(service, known));
    }
    let Analysis { frame, windows, anomalies, ranking, .. } = analysis;
    let trace_options = PropagationOptions::default();
    let signals = propagation::find_changes(frame, windows, anomalies, ranking, &trace_options);
    let spread = Spread::new(observation, analysis, &signals);
    let lead = Lead::of(analysis, &options.verdict);
    let decision = decide(analysis, &lead, &options.verdict);
    let first = ranking.services.first().map(|s| s.service).filter(|_| !decision.is_quiet());
    let traced = spread.trace(first);
    let subject =
        Subject { spread: &spread, name: service, index: frame.find(service), options, lead, decision, traced };
    Ok(subject.explanation())
}

fn known_names(observation: &Observation, analysis: &Analysis) -> Vec<String> {
    let mut known: Vec<String> = analysis.frame.services().to_vec();
    known.extend(observation.calls.edges().flat_map(|(from, to, _)| [from.to_owned(), to.to_owned()]));
    known.sort();
    known.dedup();
    known
}

impl Subject<'_> {
    fn explanation(&self) -> Explanation {
        let Analysis { frame, windows, ranking, .. } = self.spread.analysis;
        let ranked = self.ranked();
        let standing = self.standing();
        let signals = self.index.map(|i| self.spread.signals.of(i)).unwrap_or_default();
        let changes = self.changes();
        let shown = if standing == Standing::Cause { signals.as_cause } else { signals.clearest };
        Explanation {
            schema_version: EXPLANATION_SCHEMA_VERSION,
            service: self.name.to_owned(),
            engine: ranking.engine,
            verdict: verdict::kind(self.decision),
            standing,
            rank: self.index.and_then(|i| self.spread.rank(i)),
            ranked: ranking.services.len(),
            score: ranked.map(|r| round(r.score)),
            confidence: ranked.map(|r| round(self.lead.confidence_of(ranking, r, &self.options.verdict))),
            summary: self.summary(standing),
            windows: window_info(frame, windows),
            onset: shown.and_then(|s| s.onset).map(interval),
            callers: self.neighbours(true),
            callees: self.neighbours(false),
            compared_with: self.other().map(|o| self.spread.name(o.service).to_owned()),
            parts: self.parts(),
            explained: self.explained(),
            conditions: conditions(self, standing),
            not_checked: self.not_checked(),
            queries: self.queries(&changes),
            changes,
        }
    }

    fn standing(&self) -> Standing {
        let Some(index) = self.index else { return Standing::Unobserved };
        match (self.spread.rank(index), self.decision, self.traced.roles.get(&index)) {
            (None, _, _) => Standing::Unobserved,
            (Some(1), Decision::Cause, _) => Standing::Cause,
            (Some(1), Decision::NotEnoughEvidence, _) => Standing::Closest,
            (_, _, Some(Role::Victim)) => Standing::Victim,
            (_, _, Some(_)) => Standing::Unexplained,
            _ if self.spread.signals.by_service.contains_key(&index) => Standing::Unexplained,
            _ => Standing::Normal,
        }
    }

    fn summary(&self, standing: Standing) -> String {
        let name = self.name;
        let first = self.spread.analysis.ranking.services.first().map_or("", |f| self.spread.name(f.service));
        match standing {
            Standing::Cause => format!("{name} is named as the cause"),
            Standing::Closest => format!("{name} is the closest candidate, but no cause is named"),
            Standing::Victim => {
                let hop = self.traced.hops.iter().find(|h| Some(h.to) == self.index);
                match hop {
                    Some(h) if self.spread.name(h.from) == first => format!("{name} is a victim of {first}"),
                    Some(h) => format!("{name} is a victim of {first}, by way of {}", self.spread.name(h.from)),
                    None => format!("{name} is a victim of {first}"),
                }
            }
            Standing::Unexplained if self.decision.is_quiet() => {
                format!("{name} changed a little, but there is no incident")
            }
            Standing::Unexplained => format!("{name} changed, and {first} does not account for it"),
            Standing::Normal => format!("{name} stayed normal"),
            Standing::Unobserved => format!("nothing of {name} could be judged"),
        }
    }

    /// All series that belong to the service, strongest first, then those that could not be judged.
    fn changes(&self) -> Vec<SeriesChange> {
        let Some(me) = self.index else { return Vec::new() };
        let Analysis { frame, anomalies, .. } = self.spread.analysis;
        let mut judged: Vec<(usize, &SeriesEvidence)> =
            anomalies.series.iter().enumerate().filter(|(_, s)| s.service == me).collect();
        judged.sort_by(|a, b| b.1.evidence.total_cmp(&a.1.evidence).then(a.0.cmp(&b.0)));
        let seen: Vec<usize> = judged.iter().map(|(_, s)| s.series).collect();
        let missing = self.spread.signals.of(me).clearest.filter(|s| s.source == ChangeSource::Missing);
        let missing = missing.and_then(|s| {
            let onset = s.onset.map(interval);
            let change = self.spread.evidence(me, s)?;
            Some(SeriesChange {
                size: ChangeSize::Clear,
                change,
                before_noise: Some(round(s.evidence)),
                noise: None,
                onset,
            })
        });
        let left = frame
            .series()
            .iter()
            .enumerate()
            .filter(|(i, s)| s.service == me && s.metric.side != Side::Outside && !seen.contains(i));
        let unjudged = left.map(|(i, s)| self.unjudged(i, s));
        missing.into_iter().chain(judged.iter().map(|(i, s)| self.change(*i, s))).chain(unjudged).collect()
    }

    fn change(&self, position: usize, s: &SeriesEvidence) -> SeriesChange {
        let onset = self.spread.signals.onsets.get(&position).copied();
        let change = Evidence { onset: onset.map(|o| o.at), ..self.spread.facts().line(s) };
        SeriesChange {
            size: size(s, &PropagationOptions::default()),
            change,
            before_noise: Some(round(s.before_noise)),
            noise: self.spread.analysis.anomalies.noise.get(&s.metric.name).map(|n| round(*n)),
            onset: onset.map(interval),
        }
    }

    fn unjudged(&self, position: usize, series: &Series) -> SeriesChange {
        let evidence = SeriesEvidence {
            series: position,
            service: series.service,
            peer: series.peer,
            metric: series.metric.clone(),
            evidence: 0.0,
            before_noise: 0.0,
        };
        let facts: Facts<'_> = self.spread.facts();
        let change = Evidence { onset: None, ..facts.line(&evidence) };
        SeriesChange { size: ChangeSize::NotJudged, change, before_noise: None, noise: None, onset: None }
    }

    fn neighbours(&self, callers: bool) -> Vec<Neighbour> {
        let edges = self.spread.observation.calls.edges();
        let mut names: Vec<&str> = edges
            .filter_map(|(from, to, _)| match callers {
                true => (to == self.name).then_some(from),
                false => (from == self.name).then_some(to),
            })
            .collect();
        names.sort_unstable();
        names.into_iter().map(|name| self.neighbour(name, callers)).collect()
    }

    fn neighbour(&self, name: &str, is_caller: bool) -> Neighbour {
        let frame = &self.spread.analysis.frame;
        let index = frame.find(name);
        let (from, to) = if is_caller { (index, self.index) } else { (self.index, index) };
        let call = from.zip(to).and_then(|(from, to)| self.call(from, to));
        let signals = index.map(|i| self.spread.signals.of(i)).unwrap_or_default();
        Neighbour {
            service: name.to_owned(),
            rank: index.and_then(|i| self.spread.rank(i)),
            call: call.map(|(i, s)| self.change(i, s)),
            change: index.zip(signals.clearest).and_then(|(i, s)| self.spread.evidence(i, s)),
            onset: signals.clearest.and_then(|s| s.onset).map(interval),
        }
    }

    fn parts(&self) -> Vec<ScorePart> {
        let (Some(mine), other) = (self.ranked(), self.other()) else { return Vec::new() };
        let mut sources: Vec<&PartSource> = mine.parts.iter().map(|p| &p.source).collect();
        sources.extend(other.into_iter().flat_map(|o| o.parts.iter().map(|p| &p.source)));
        sources.sort_unstable();
        sources.dedup();
        let find = |service: Option<&RankedService>, source: &PartSource| -> Option<Part> {
            service?.parts.iter().find(|p| p.source == *source).cloned()
        };
        let mut parts: Vec<ScorePart> = sources
            .into_iter()
            .map(|source| {
                let (a, b) = (find(Some(mine), source), find(other, source));
                let adds = |part: Option<&Part>| part.map_or(0.0, |p| round(p.weight * p.evidence.max(0.0)));
                ScorePart {
                    part: part_name(source),
                    weight: round(a.as_ref().or(b.as_ref()).map_or(0.0, |p| p.weight)),
                    evidence: a.as_ref().map(|p| round(p.evidence)),
                    adds: adds(a.as_ref()),
                    other_evidence: b.as_ref().map(|p| round(p.evidence)),
                    other_adds: adds(b.as_ref()),
                }
            })
            .collect();
        let gap = |p: &ScorePart| (p.adds - p.other_adds).abs();
        parts.sort_by(|a, b| gap(b).total_cmp(&gap(a)).then_with(|| a.part.cmp(&b.part)));
        parts
    }

    fn explained(&self) -> Vec<ExplainedAway> {
        let Some(mine) = self.ranked() else { return Vec::new() };
        // A callee may explain by its own change and by the calls to it: combine both into one share.
        let mut left: BTreeMap<(&Family, ServiceIdx, bool), f64> = BTreeMap::new();
        for e in &mine.explained {
            *left.entry((&e.family, e.by, e.is_unseen)).or_insert(1.0) *= 1.0 - e.share;
        }
        let mut away: Vec<ExplainedAway> = left
            .into_iter()
            .map(|((family, by, is_unseen), left)| ExplainedAway {
                family: family.clone(),
                by: self.spread.name(by).to_owned(),
                share: round(1.0 - left),
                before: round(self.own_evidence(mine.service, family)),
                is_unseen,
            })
            .collect();
        away.sort_by(|a, b| b.share.total_cmp(&a.share));
        away
    }

    /// The strongest own evidence of a family, before anything is explained away.
    fn own_evidence(&self, service: ServiceIdx, family: &Family) -> f64 {
        let own = self
            .spread
            .analysis
            .anomalies
            .series
            .iter()
            .filter(|s| s.service == service && s.metric.side == Side::Own && s.metric.family == *family);
        own.map(|s| s.evidence).fold(0.0, f64::max)
    }

    fn not_checked(&self) -> Vec<NotChecked> {
        let all = self.spread.observation.not_checked.iter();
        let here = all.filter(|n| n.services.is_empty() || n.services.iter().any(|s| s == self.name));
        here.map(|n| NotChecked { services: Vec::new(), ..n.clone() }).collect()
    }

    /// Queries for the signals that it lacks, else for its clearest changes.
    fn queries(&self, changes: &[SeriesChange]) -> Vec<QueryRecord> {
        let has =
            |signal: &str| changes.iter().any(|c| c.size != ChangeSize::NotJudged && c.change.metric.name == signal);
        let lacking = EXPECTED.into_iter().filter(|w| self.index.is_none() || !has(w));
        let shown = changes.iter().filter(|c| c.size == ChangeSize::Clear).map(|c| c.change.metric.name.as_str());
        let mut wanted: Vec<&str> = Vec::new();
        for signal in shown.take(2).chain(lacking) {
            if !wanted.contains(&signal) {
                wanted.push(signal);
            }
        }
        let queries = &self.spread.observation.queries;
        let found = wanted.iter().filter_map(|w| queries.iter().find(|q| q.signal == *w));
        found.take(MAX_QUERIES).cloned().collect()
    }
}

fn size(s: &SeriesEvidence, options: &PropagationOptions) -> ChangeSize {
    match s.evidence {
        e if e >= options.clear => ChangeSize::Clear,
        e if e >= options.calm => ChangeSize::Small,
        e if e < 0.0 && s.metric.family.rises_only() && s.before_noise < -options.calm => ChangeSize::Fell,
        _ => ChangeSize::WithinNoise,
    }
}
