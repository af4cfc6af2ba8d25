//! Averages the ranking over all possible onsets, each weighted by how much it explains.
//!
//! The onset is a nuisance parameter: the question is which service caused the incident. Scores are log evidence, so the evidence of an onset
//! is `ln(prior · Σ_s exp(score_s))`, and a service's final score is the mean of its scores over all onsets, weighted by that evidence. A
//! wrong onset mixes fault and baseline and explains little, so it hardly counts; an earlier onset outweighs the given one only if it explains
//! much more (journal 0006). [`crate::windows`] generates the hypotheses.
//!
//! Worked example: two onsets with priors 0.75 and 0.25 and scores (0, ln 3) and (ln 3, ln 9) for two services. Their evidence is
//! 0.75 · (1 + 3) = 3 and 0.25 · (3 + 9) = 3, so both weigh one half, and the scores are (0 + ln 3) / 2 = 0.55 and (ln 3 + ln 9) / 2 = 1.65.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::anomaly::{self, Anomalies, AnomalyOptions};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::rank::evidence::{self, with_shares};
use crate::rank::{EvidenceOptions, Part, RankedService, Ranking};
use crate::topology::CallGraph;
use crate::windows::{Hypothesis, Windows};

/// Result of one hypothesis about the onset.
#[derive(Debug)]
pub(crate) struct EvaluatedOnset {
    pub(crate) windows: Windows,
    pub(crate) anomalies: Anomalies,
    /// Ranking by the evidence engine.
    pub(crate) ranking: Ranking,
}

/// Evaluates every hypothesis and returns the one that explains most, with all scores averaged over the hypotheses.
///
/// `None` if no hypothesis has a series with enough samples in both windows. Cost: one anomaly detection and ranking per hypothesis, in
/// parallel.
pub(crate) fn rank_by_evidence(
    frame: &MetricFrame,
    hypotheses: Vec<Hypothesis>,
    calls: &CallGraph,
    anomaly_options: &AnomalyOptions,
    evidence_options: &EvidenceOptions,
) -> Option<EvaluatedOnset> {
    let mut evaluations: Vec<(f64, EvaluatedOnset)> = hypotheses
        .into_par_iter()
        .map(|Hypothesis { windows, prior }| {
            let anomalies = anomaly::detect(frame, &windows.rows, anomaly_options);
            let ranking = evidence::rank(frame, &anomalies, calls, evidence_options);
            (prior, EvaluatedOnset { windows, anomalies, ranking })
        })
        .collect();
    evaluations.retain(|(_, evaluation)| !evaluation.ranking.services.is_empty());
    let best = (0..evaluations.len())
        .max_by(|a, b| log_evidence(&evaluations[*a]).total_cmp(&log_evidence(&evaluations[*b])).then(b.cmp(a)));
    let best = best?;
    let averaged = averaged(&evaluations, best);
    let (_, evaluation) = evaluations.swap_remove(best);
    Some(EvaluatedOnset { ranking: averaged, ..evaluation })
}

/// The services of the best hypothesis, with scores and parts averaged over all hypotheses. A service that a hypothesis does not judge scores
/// 0 there.
fn averaged(evaluations: &[(f64, EvaluatedOnset)], best: usize) -> Ranking {
    let services = &evaluations[best].1.ranking.services;
    if evaluations.len() == 1 {
        return with_shares(services.clone());
    }
    let all = log_sum_exp(evaluations.iter().map(log_evidence));
    let weighted: Vec<(f64, BTreeMap<ServiceIdx, &RankedService>)> = evaluations
        .iter()
        .map(|l| ((log_evidence(l) - all).exp(), l.1.ranking.services.iter().map(|s| (s.service, s)).collect()))
        .collect();
    let mean = |s: &RankedService| {
        let views: Vec<(f64, &RankedService)> =
            weighted.iter().filter_map(|(w, there)| Some((*w, *there.get(&s.service)?))).collect();
        let score = views.iter().map(|(w, there)| w * there.score).sum();
        RankedService { score, parts: averaged_parts(s, &views), ..s.clone() }
    };
    with_shares(services.iter().map(mean).collect())
}

/// Every part that any hypothesis has, in the order of the best one. Negative evidence does not count in a score, so it does not count in the
/// mean either; a part that is nowhere positive keeps the value of the best hypothesis.
fn averaged_parts(best: &RankedService, views: &[(f64, &RankedService)]) -> Vec<Part> {
    let mut parts = best.parts.clone();
    for part in views.iter().flat_map(|(_, there)| &there.parts) {
        if part.evidence > 0.0 && !parts.iter().any(|p| p.source == part.source) {
            parts.push(Part { evidence: 0.0, ..part.clone() });
        }
    }
    for part in &mut parts {
        let there = views.iter().flat_map(|(w, there)| there.parts.iter().map(move |p| (w, p)));
        let mean: f64 = there.filter(|(_, p)| p.source == part.source).map(|(w, p)| w * p.evidence.max(0.0)).sum();
        if mean > 0.0 {
            part.evidence = mean;
        }
    }
    parts
}

/// Log evidence for an onset, summed over all possible causes: `ln(prior · Σ_s exp(score_s))`.
fn log_evidence((prior, evaluation): &(f64, EvaluatedOnset)) -> f64 {
    prior.ln() + log_sum_exp(evaluation.ranking.services.iter().map(|s| s.score))
}

/// `ln Σ exp(x)`, computed without overflow; minus infinity without values.
fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY { top } else { top + values.map(|v| (v - top).exp()).sum::<f64>().ln() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::anomaly::Rows;
    use crate::metric::Family;
    use crate::rank::{Engine, PartSource};
    use crate::time::{Interval, Timestamp};
    use crate::windows::OnsetSource;

    fn evaluated(prior: f64, scores: &[f64]) -> (f64, EvaluatedOnset) {
        let t = Timestamp::from_ms;
        let windows = Windows {
            baseline: Interval { start: t(0), end: t(1) },
            incident: Interval { start: t(1), end: t(2) },
            onset: OnsetSource::Given,
            rows: Rows { baseline: vec![0], incident: vec![1] },
        };
        let service = |(i, score): (usize, &f64)| RankedService {
            service: ServiceIdx(i),
            score: *score,
            share: 0.0,
            parts: Vec::new(),
            explained: Vec::new(),
        };
        let services = scores.iter().enumerate().map(service).collect();
        let anomalies = Anomalies {
            series: Vec::new(),
            missing: BTreeMap::new(),
            partly_lost: BTreeSet::new(),
            loads: BTreeMap::new(),
            noise: BTreeMap::new(),
        };
        (prior, EvaluatedOnset { windows, anomalies, ranking: Ranking { engine: Engine::Evidence, services } })
    }

    fn scores(ranking: &Ranking) -> Vec<(usize, f64)> {
        ranking.services.iter().map(|s| (s.service.0, (s.score * 100.0).round() / 100.0)).collect()
    }

    /// exp(0) + exp(ln 3) = 4 against exp(ln 3) + exp(ln 9) = 12, priors 0.75 and 0.25: 3 against 3, so both onsets weigh one half. Scores are
    /// (0 + ln 3) / 2 = 0.55 and (ln 3 + ln 9) / 2 = 1.65.
    #[test]
    fn worked_by_hand() {
        let (zero, three, nine) = (0.0, 3f64.ln(), 9f64.ln());
        let evaluations = [evaluated(0.75, &[zero, three]), evaluated(0.25, &[three, nine])];
        assert_eq!(scores(&averaged(&evaluations, 0)), [(1, 1.65), (0, 0.55)]);
    }

    /// Half of each hypothesis: latency (4 + 2) / 2 = 3, memory (0 + 3) / 2 = 1.5 with the −2 counting as 0, and restarts that only the second
    /// hypothesis has (0 + 1) / 2. Their sum is the mean of the scores, (4 + 6) / 2.
    #[test]
    fn the_parts_still_add_up_to_the_score() {
        let part = |family, evidence| Part { source: PartSource::Own(family), evidence, weight: 1.0 };
        let mut evaluations = [evaluated(0.5, &[4.0]), evaluated(0.5 * (4.0f64 - 6.0).exp(), &[6.0])];
        evaluations[0].1.ranking.services[0].parts = vec![part(Family::Latency, 4.0), part(Family::Memory, -2.0)];
        evaluations[1].1.ranking.services[0].parts =
            vec![part(Family::Lifecycle, 1.0), part(Family::Latency, 2.0), part(Family::Memory, 3.0)];
        let mean = &averaged(&evaluations, 0).services[0];
        let parts: Vec<_> = mean.parts.iter().map(|p| (&p.source, (p.evidence * 100.0).round() / 100.0)).collect();
        let own = PartSource::Own;
        assert_eq!(parts, [(&own(Family::Latency), 3.0), (&own(Family::Memory), 1.5), (&own(Family::Lifecycle), 0.5)]);
        assert!((mean.score - 5.0).abs() < 1e-9);
    }

    #[test]
    fn one_onset_keeps_its_scores_and_an_unlikely_one_hardly_counts() {
        assert_eq!(scores(&averaged(&[evaluated(1.0, &[2.0, 5.0])], 0)), [(1, 5.0), (0, 2.0)]);
        let evaluations = [evaluated(0.85, &[1.0, 12.0]), evaluated(0.15, &[3.0, 2.0])];
        assert_eq!(scores(&averaged(&evaluations, 0)), [(1, 12.0), (0, 1.0)]);
    }
}
