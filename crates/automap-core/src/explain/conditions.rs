//! What would have to be true for a service to be the cause.
//!
//! Each condition is a sentence with the actual and the required number; a hypothetical ("if its latency were its own") is answered by ranking again
//! without the data that it excludes. `surroundings` checks whether callers, callees and onsets fit.

use super::model::{Condition, ConditionKind, Standing};
use super::subject::{Subject, part_name};
use super::surroundings::{callees, callers, order, reach, share};
use crate::anomaly::{Anomalies, SeriesEvidence};
use crate::frame::ServiceIdx;
use crate::metric::Side;
use crate::rank::suspects::DECIDES;
use crate::rank::{Engine, Explained, PartSource, RankedService, Ranking, evidence};
use crate::report::evidence::round;
use crate::topology::CallGraph;
use crate::verdict::{Margin, VerdictOptions};

/// Parts of the score that are hypothetically removed, one by one.
const MAX_PARTS: usize = 3;
/// Explaining callees that are hypothetically removed, one by one.
const MAX_CALLEES: usize = 3;
/// Explained shares below this change nothing worth diagnostic_weight.
const SMALL_SHARE: f64 = 0.05;
/// Upper bound of the search for a score, above the others' scores.
const HIGHEST_SCORE: f64 = 100.0;
/// Halvings of that range: 100 / 2⁴⁰ is far below the digits shown.
const BISECTIONS: usize = 40;

/// All conditions, the most decisive first.
pub(super) fn conditions(subject: &Subject<'_>, standing: Standing) -> Vec<Condition> {
    let supposed = Suppositions(subject);
    let mut out = Vec::new();
    match subject.ranked() {
        None => out.extend(supposed.unseen()),
        Some(_) if subject.decision.is_quiet() => out.extend(supposed.quiet()),
        Some(mine) if matches!(standing, Standing::Cause | Standing::Closest) => {
            out.extend(supposed.lead(mine));
            out.extend(supposed.to_be_named(mine).filter(|_| standing == Standing::Closest));
            out.extend(share(subject, mine.service));
            out.extend(callers(subject, mine.service));
            out.extend(callees(subject, mine.service));
            out.extend(reach(subject, mine.service));
            out.extend(order(subject, mine.service));
            out.extend(supposed.without_parts(mine));
            out.extend(supposed.rival());
        }
        Some(mine) => {
            out.extend(supposed.score(mine));
            out.extend(share(subject, mine.service));
            out.extend(supposed.own_symptoms(mine));
            out.extend(order(subject, mine.service));
            out.extend(callers(subject, mine.service));
            out.extend(callees(subject, mine.service));
            out.extend(reach(subject, mine.service));
        }
    }
    out
}

struct Suppositions<'a>(&'a Subject<'a>);

impl Suppositions<'_> {
    fn name(&self, service: ServiceIdx) -> &str {
        self.0.spread.name(service)
    }

    fn ranking(&self) -> &Ranking {
        &self.0.spread.analysis.ranking
    }

    /// How far the score is from the first, and which parts lack most.
    fn score(&self, mine: &RankedService) -> Option<Condition> {
        let first = self.0.other()?;
        let lacks = self.lacks(mine, first);
        let lacks = if lacks.is_empty() { String::new() } else { format!("; it lacks {}", lacks.join(", ")) };
        let what = match self.ranking().engine {
            Engine::Evidence => "its score",
            Engine::Automap => "the walk's visits",
        };
        let named = self.named_from(mine.service).filter(|s| *s > first.score + 0.005);
        let named = named.map_or_else(String::new, |s| format!(", and to {s:.2} for it to be named"));
        let statement = format!(
            "{what} would have to rise from {:.2} to {:.2}, that of {}{named}{lacks}",
            mine.score,
            first.score,
            self.name(first.service)
        );
        Some(self.numbers(mine.score, first.score, Condition::new(ConditionKind::Score, Some(false), statement)))
    }

    fn numbers(&self, is: f64, needed: f64, condition: Condition) -> Condition {
        Condition { is: Some(round(is)), needed: Some(round(needed)), ..condition }
    }

    /// For the first, if no cause is named: what it would take.
    fn to_be_named(&self, mine: &RankedService) -> Option<Condition> {
        let (analysis, options) = (self.0.spread.analysis, &self.0.options.verdict);
        let sure = self.0.lead.confidence_of(&analysis.ranking, mine, options);
        let needed = options.naming(analysis);
        let score = self.named_from(mine.service).map_or_else(String::new, |s| {
            format!(": its score would have to be {s:.2} and not {:.2}, the others' as they are", mine.score)
        });
        let statement = format!("a cause is named from a confidence of {needed:.2}, its is {sure:.2}{score}");
        Some(self.numbers(sure, needed, Condition::new(ConditionKind::Score, Some(false), statement)))
    }

    /// If there is no incident.
    fn quiet(&self) -> Option<Condition> {
        let top = self.ranking().services.first()?;
        let named = self.named_from(top.service)?;
        let statement = format!(
            "nothing left its normal behaviour: the highest score of all is {:.2} ({}), a cause would be named from {named:.2}",
            top.score,
            self.name(top.service)
        );
        Some(self.numbers(top.score, named, Condition::new(ConditionKind::Score, Some(false), statement)))
    }

    /// Parts in which another service leads by at least half a clear signal, largest first.
    fn lacks(&self, mine: &RankedService, first: &RankedService) -> Vec<String> {
        let adds = |service: &RankedService, source: &PartSource| {
            let part = service.parts.iter().find(|p| p.source == *source);
            part.map_or(0.0, |p| p.weight * p.evidence.max(0.0))
        };
        let mut lacks: Vec<(f64, String)> = first
            .parts
            .iter()
            .map(|p| (adds(first, &p.source) - adds(mine, &p.source), p))
            .filter(|(gap, _)| *gap >= 0.5)
            .map(|(gap, p)| {
                (
                    gap,
                    format!(
                        "{} ({} against {})",
                        part_name(&p.source),
                        two(adds(mine, &p.source)),
                        two(adds(first, &p.source))
                    ),
                )
            })
            .collect();
        lacks.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        lacks.into_iter().take(MAX_PARTS).map(|(_, text)| text).collect()
    }

    /// Assumes that symptoms attributed to callees are the service's own: ranks again without those calls, one by one, then
    /// all together.
    fn own_symptoms(&self, mine: &RankedService) -> Vec<Condition> {
        let blamed = blamed(mine);
        let mut sets: Vec<Vec<&Explained>> = blamed.iter().take(MAX_CALLEES).map(|e| vec![*e]).collect();
        if blamed.len() > 1 {
            sets.push(blamed);
        }
        sets.iter().filter_map(|set| self.supposed_own(mine.service, set)).collect()
    }

    fn supposed_own(&self, service: ServiceIdx, explained: &[&Explained]) -> Option<Condition> {
        let callees: Vec<ServiceIdx> = explained.iter().map(|e| e.by).collect();
        let (ranking, place) = self.ranked_without_calls(service, &callees)?;
        let score = ranking.services[place].score;
        let rival = ranking.services.iter().find(|s| s.service != service)?;
        let other = format!("{} with {:.2}", self.name(rival.service), rival.score);
        let now = self.0.spread.rank(service).unwrap_or(0);
        let outcome = match place {
            0 => format!("it would be first with {score:.2}, before {other}"),
            _ if place + 1 == now => format!("it would still be number {now} with {score:.2}; first is {other}"),
            _ => format!("it would be number {} with {score:.2}; first is {other}", place + 1),
        };
        let names: Vec<String> = callees.iter().map(|c| possessive(self.name(*c))).collect();
        let mut families: Vec<&str> = explained.iter().map(|e| e.family.as_str()).collect();
        families.sort_unstable();
        families.dedup();
        let share = match explained {
            [one] => format!(" (explained share {:.2} → 0)", one.share),
            _ => " (all explained shares → 0)".to_owned(),
        };
        let (mine, family) = (possessive(self.name(service)), families.join(" and "));
        let statement = format!("if {mine} {family} were its own and not {}{share}, {outcome}", names.join(" or "));
        let is = self.ranking().services.iter().find(|s| s.service == service).map(|s| round(s.score));
        Some(Condition { is, needed: Some(round(score)), ..Condition::new(ConditionKind::Explained, None, statement) })
    }

    /// The ranking as if one service did not call some others: neither the calls nor what the caller measures of them.
    fn ranked_without_calls(&self, caller: ServiceIdx, callees: &[ServiceIdx]) -> Option<(Ranking, usize)> {
        if self.0.spread.analysis.suspects.weight >= DECIDES {
            // The calls are measured, so there is no hypothetical.
            return None;
        }
        let analysis = self.0.spread.analysis;
        if analysis.ranking.engine != Engine::Evidence {
            return None;
        }
        let dropped = |a: &str, b: &str| a == self.name(caller) && callees.iter().any(|c| b == self.name(*c));
        let known = &self.0.spread.observation.calls;
        let mut calls = CallGraph::new();
        known.edges().filter(|(a, b, _)| !dropped(a, b)).for_each(|(a, b, p)| calls.add(a, b, p));
        known.views().for_each(|v| calls.mark_view(v));
        let of_call = |s: &&SeriesEvidence| {
            s.service == caller
                && s.peer.is_some_and(|p| callees.contains(&p))
                && s.metric.side == Side::Client
                && s.metric.family.is_symptom()
        };
        let all = &analysis.anomalies;
        let series = all.series.iter().filter(|s| !of_call(s)).cloned().collect();
        let anomalies = Anomalies { series, ..all.clone() };
        let ranking = evidence::rank(&analysis.frame, &anomalies, &calls, &self.0.options.evidence);
        let place = ranking.services.iter().position(|s| s.service == caller)?;
        Some((ranking, place))
    }

    /// [`score_to_be_named`]; `None` for an engine whose confidence is not a function of the score.
    fn named_from(&self, service: ServiceIdx) -> Option<f64> {
        if self.ranking().engine != Engine::Evidence {
            return None;
        }
        let analysis = self.0.spread.analysis;
        let ranked = self.ranking().services.iter().find(|s| s.service == service)?;
        let options = &self.0.options.verdict;
        score_to_be_named(&Margin::of(analysis, &[vec![ranked.service]]), options.naming(analysis), options)
    }

    /// For the first: by how much it leads.
    fn lead(&self, mine: &RankedService) -> Option<Condition> {
        let next = self.0.other()?;
        let lacks = self.lacks(next, mine);
        let lacks = match lacks.is_empty() {
            true => String::new(),
            false => format!(", which lacks {}", lacks.join(", ")),
        };
        let statement = format!(
            "its score is {:.2}, the next is {} with {:.2}{lacks}",
            mine.score,
            self.name(next.service),
            next.score
        );
        Some(self.numbers(mine.score, next.score, Condition::new(ConditionKind::Score, Some(true), statement)))
    }

    /// For the first: which service would lead if a part of its evidence were a measurement error.
    fn without_parts(&self, mine: &RankedService) -> Vec<Condition> {
        let sum: f64 = mine.parts.iter().map(|p| p.weight * p.evidence.max(0.0)).sum();
        let Some(next) = self.0.other().filter(|_| self.ranking().engine == Engine::Evidence && sum > 0.0) else {
            return Vec::new();
        };
        let mut parts: Vec<(f64, String)> =
            mine.parts.iter().map(|p| (p.weight * p.evidence.max(0.0), part_name(&p.source))).collect();
        parts.retain(|(adds, _)| *adds >= 0.5);
        parts.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let one = |(adds, part): (f64, String)| {
            // A prior scales the whole sum.
            let left = mine.score * (1.0 - adds / sum);
            let outcome = match left < next.score {
                true => format!("{} would be first with {:.2}", self.name(next.service), next.score),
                false => "it would still be first".to_owned(),
            };
            let statement = format!("without {part} its score falls from {:.2} to {left:.2}: {outcome}", mine.score);
            self.numbers(left, next.score, Condition::new(ConditionKind::Part, None, statement))
        };
        parts.into_iter().take(MAX_PARTS).map(one).collect()
    }

    /// For the first: the next one's symptoms would have to be its own.
    fn rival(&self) -> Option<Condition> {
        let next = self.0.other()?;
        let blamed = blamed(next);
        let callees: Vec<ServiceIdx> = blamed.iter().map(|e| e.by).collect();
        let first = blamed.first()?;
        let (ranking, place) = self.ranked_without_calls(next.service, &callees)?;
        let name = self.name(next.service);
        let outcome = match place {
            0 => format!("{name} would be first with {:.2}", ranking.services[0].score),
            _ => format!("{} would still be first", self.name(ranking.services[0].service)),
        };
        let names: Vec<String> = callees.iter().map(|c| possessive(self.name(*c))).collect();
        let statement =
            format!("if {} {} were its own and not {}, {outcome}", possessive(name), first.family, names.join(" or "));
        Some(Condition::new(ConditionKind::Explained, None, statement))
    }

    /// For a service that is not measured: what its callers observe.
    fn unseen(&self) -> Vec<Condition> {
        let mut out = vec![Condition::new(
            ConditionKind::Unseen,
            None,
            "nothing of it was measured, so it can be neither named nor ruled out".to_owned(),
        )];
        let Some(me) = self.0.index else { return out };
        let blamed = self.ranking().services.iter().filter(|s| s.explained.iter().any(|e| e.by == me));
        let waiting: Vec<&str> = blamed.map(|s| self.name(s.service)).collect();
        if !waiting.is_empty() {
            out.push(Condition::new(
                ConditionKind::Unseen,
                None,
                format!("{} may be waiting for it", waiting.join(", ")),
            ));
        }
        out.extend(callers(self.0, me));
        out
    }
}

/// The score from which a service would be first and named, with its clearest sign and all other scores unchanged; `None` if no score suffices.
fn score_to_be_named(margin: &Margin, needed: f64, options: &VerdictOptions) -> Option<f64> {
    let confidence = |score: f64| Margin { score, ..*margin }.confidence(options);
    let (mut low, mut high) = (margin.runner_up, margin.runner_up + HIGHEST_SCORE);
    if confidence(high) < needed {
        return None;
    }
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if confidence(middle) < needed { low = middle } else { high = middle }
    }
    Some(high)
}

/// Each callee that symptoms were attributed to, once, with its largest share.
fn blamed(service: &RankedService) -> Vec<&Explained> {
    let mut out: Vec<&Explained> = Vec::new();
    for e in service.explained.iter().filter(|e| e.share >= SMALL_SHARE) {
        if !out.iter().any(|known| known.by == e.by) {
            out.push(e);
        }
    }
    out
}

/// `2.61`, `0`.
fn two(v: f64) -> String {
    if v < 0.005 { "0".to_owned() } else { format!("{v:.2}") }
}

/// `orders'`, `payment's`.
fn possessive(name: &str) -> String {
    if name.ends_with('s') { format!("{name}'") } else { format!("{name}'s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A confidence of 0.8 are odds of 4 = 0.54·(1 + x)^3.2, so x = (4 / 0.54)^(1 / 3.2) − 1 = 0.8697. With a clearest sign of 4, 30 samples (reliability 0.75)
    /// and the next at 10, of which the step is past, a part of 0.8697 / 3 = 0.2899 must be its own: 10 / (1 − 0.2899) = 14.083.
    #[test]
    fn the_score_to_be_named_by_hand() {
        let options = VerdictOptions::default();
        let lead = Margin {
            engine: Engine::Evidence,
            score: 9.0,
            runner_up: 10.0,
            share: 0.2,
            own_evidence: 4.0,
            baseline_samples: 18.0,
        };
        assert!((score_to_be_named(&lead, 0.8, &options).unwrap() - 14.083).abs() < 1e-3);
        assert_eq!(
            score_to_be_named(&Margin { own_evidence: 0.5, ..lead }, 0.8, &options),
            None,
            "no sign is clear enough"
        );
        assert_eq!(score_to_be_named(&lead, 1.1, &options), None);
    }

    #[test]
    fn names_own_things() {
        assert_eq!((possessive("orders").as_str(), possessive("payment").as_str()), ("orders'", "payment's"));
    }
}
