//! Decides what a ranking allows to be said: a cause, no incident, or not enough evidence.
//!
//! The ranking always has a first place; this module turns its margin over the others into a confidence, calibrated on public recordings, and
//! names a cause only from a threshold on. It does not rank and makes no texts.
//!
//! Worked example: the first service has score 9, the second 6, the clearest sign of the first is 4, and the baseline has 30 samples. The
//! strength is 4 · (9 − 6) / 9 · 30 / (30 + 10) = 1, the odds are 0.54 · 2^3.2 = 4.96, and the confidence is 4.96 / 5.96 = 0.83: above 0.7, so
//! the service is named.

use crate::analysis::Analysis;
use crate::metric::Unit;
pub use crate::rank::metrics::causal_weight;
use crate::rank::{Engine, Part, RankedService};
use crate::stats::soft_step;

/// Baseline samples at which evidence counts half. With few samples the normal spread is itself a guess: with six, pure noise leads by as
/// much as a fault.
const HALF_WEIGHT_SAMPLES: f64 = 10.0;

/// When a verdict may name a cause.
#[derive(Clone, Copy, Debug)]
pub struct VerdictOptions {
    /// Score at which an incident is as likely as not. Default 2.5: most fault-free stretches of public recordings stay below
    /// it, most real incidents rise above it.
    pub score_centre: f64,
    /// Width of that step. Default 0.5.
    pub score_softness: f64,
    /// Confidence from which a cause is named, 0–1. Default 0.7: more than nine of ten that reach it on public recordings are right, and
    /// fault-free stretches of metrics with known units stay below 0.4.
    pub name_from: f64,
    /// The same where most metrics have no known unit, so that changes too small to matter cannot be recognised. Default 0.9:
    /// one of 50 fault-free stretches of public recordings reaches it; 0.8 is reached by one of 25.
    pub name_from_unitless: f64,
    /// If the top score, weighted by the reliability of the baseline, is below this and no symptom exceeds `quiet_symptom`, there is no
    /// incident. Default 1.5: a score of 2 on a baseline of 30 samples.
    pub quiet_score: f64,
    /// Evidence from which a symptom counts, weighted in the same way. Default 1.1: evidence of 1.5 on a baseline of 30 samples.
    pub quiet_symptom: f64,
}

impl Default for VerdictOptions {
    fn default() -> Self {
        Self {
            score_centre: 2.5,
            score_softness: 0.5,
            name_from: 0.7,
            name_from_unitless: 0.9,
            quiet_score: 1.5,
            quiet_symptom: 1.1,
        }
    }
}

impl VerdictOptions {
    /// Confidence from which a cause is named on this data.
    pub fn naming(&self, analysis: &Analysis) -> f64 {
        let series = &analysis.anomalies.series;
        let unitless = series.iter().filter(|s| s.metric.unit == Unit::Unknown).count();
        if 2 * unitless > series.len() { self.name_from_unitless } else { self.name_from }
    }
}

/// What an analysis allows to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The first service of the ranking is the cause.
    Cause,
    /// Something is wrong, or may be, but the data does not single out a service.
    NotEnoughEvidence,
    /// Nothing left its normal behaviour.
    NoIncident,
}

/// Weight of evidence that rests on a baseline of this many samples, 0–1.
fn baseline_reliability(samples: usize) -> f64 {
    let n = samples as f64;
    n / (n + HALF_WEIGHT_SAMPLES)
}

/// How clearly a service stands out from the others.
///
/// ```
/// use automap_core::rank::Engine;
/// use automap_core::verdict::{Margin, VerdictOptions};
///
/// let options = VerdictOptions::default();
/// let tie = Margin { engine: Engine::Evidence, score: 6.0, runner_up: 6.0, share: 0.4, own_evidence: 4.0, baseline_samples: 30 };
/// assert!((tie.confidence(&options) - 0.35).abs() < 0.01);
/// let clear = Margin { score: 9.0, ..tie };
/// assert!((clear.strength(&options) - 1.0).abs() < 0.01);
/// assert!((clear.confidence(&options) - 0.83).abs() < 0.01);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Margin {
    /// Which engine ranked.
    pub engine: Engine,
    /// Score of the service.
    pub score: f64,
    /// The best score of the others.
    pub runner_up: f64,
    /// Its share in the ranking, 0–1.
    pub share: f64,
    /// Its own evidence: the clearest part for the evidence engine, the sum of all parts for the random walk.
    pub own_evidence: f64,
    /// Samples in the baseline.
    pub baseline_samples: usize,
}

impl Margin {
    /// Measures the margin of one service of a ranking. O(services).
    pub fn of(analysis: &Analysis, service: &RankedService) -> Self {
        let ranking = &analysis.ranking;
        let others = ranking.services.iter().filter(|s| s.service != service.service).map(|s| s.score);
        let parts = service.parts.iter().map(|p| p.evidence.max(0.0));
        let own_evidence = match ranking.engine {
            Engine::Evidence => parts.fold(0.0, f64::max),
            Engine::Automap => parts.sum(),
        };
        let runner_up = others.fold(0.0, f64::max);
        let baseline_samples = analysis.windows.rows.baseline.len();
        Self {
            engine: ranking.engine,
            score: service.score,
            runner_up,
            share: service.share,
            own_evidence,
            baseline_samples,
        }
    }

    /// The margin times the evidence it rests on; 0 for a tie, 1 and more for a clear first place.
    ///
    /// Evidence engine: the clearest sign times the share of the score that no other service reaches, once the score exceeds what fault-free
    /// time shows. (A margin made of many faint signs is accidental.) Random walk: the share of visits times the service's own evidence, since
    /// visits rank services but do not say whether anything happened.
    pub fn strength(&self, options: &VerdictOptions) -> f64 {
        baseline_reliability(self.baseline_samples)
            * match self.engine {
                Engine::Evidence if self.score > self.runner_up => {
                    let part = (self.score - self.runner_up) / self.score;
                    self.own_evidence * part * soft_step(self.score, options.score_centre, options.score_softness)
                }
                Engine::Evidence => 0.0,
                Engine::Automap => self.own_evidence * self.share,
            }
    }

    /// Probability that a first place with this margin is right, given that there is an incident: `odds = a · (1 + strength)^b`, fitted on 382
    /// public incidents and cross-validated by leaving one data set out at a time (journal 0006). If the best two tie, the first is right in
    /// 35 % of cases with the evidence engine and in 8 % with the random walk.
    pub fn confidence(&self, options: &VerdictOptions) -> f64 {
        let (a, b) = match self.engine {
            Engine::Evidence => (0.54, 3.2),
            Engine::Automap => (0.09, 3.5),
        };
        let odds = a * (1.0 + self.strength(options).max(0.0)).powf(b);
        odds / (1.0 + odds)
    }
}

/// Confidence that a service is the cause, 0–1, given that there is an incident. For the first service it is [`Margin::confidence`]; the
/// remaining probability is divided among the others by their shares.
pub fn confidence(analysis: &Analysis, service: &RankedService, options: &VerdictOptions) -> f64 {
    let Some(first) = analysis.ranking.services.first() else { return 0.0 };
    let first_confidence = Margin::of(analysis, first).confidence(options);
    if service.service == first.service {
        return first_confidence;
    }
    let others = 1.0 - first.share;
    if others > 0.0 { ((1.0 - first_confidence) * service.share / others).min(first_confidence) } else { 0.0 }
}

/// Evidence for a service on the scale of the evidence engine, whichever engine ranked.
fn own_evidence(engine: Engine, service: &RankedService) -> f64 {
    match engine {
        Engine::Evidence => service.score,
        Engine::Automap => service.parts.iter().map(|p| p.evidence).sum(),
    }
}

/// Decides what an analysis allows to be said. O(services + series).
pub fn decide(analysis: &Analysis, options: &VerdictOptions) -> Decision {
    let Some(top) = analysis.ranking.services.first() else { return Decision::NotEnoughEvidence };
    let series = analysis.anomalies.series.iter();
    let symptom = series.filter(|s| s.metric.family.is_symptom()).map(|s| s.evidence).fold(0.0, f64::max);
    let reliability = baseline_reliability(analysis.windows.rows.baseline.len());
    let own = reliability * own_evidence(analysis.ranking.engine, top);
    if confidence(analysis, top, options) >= options.naming(analysis) {
        Decision::Cause
    } else if own < options.quiet_score
        && reliability * symptom < options.quiet_symptom
        && analysis.plan.current.is_none()
    {
        Decision::NoIncident
    } else {
        Decision::NotEnoughEvidence
    }
}

/// The part of a score that says most about the kind of fault.
///
/// Within a service causes come before consequences: a memory leak raises the CPU load, CPU load raises the latency, and a dead container
/// affects everything, but not the reverse. `None` without any positive evidence.
pub fn mechanism(service: &RankedService) -> Option<&Part> {
    let weight = |p: &&Part| (causal_weight(&p.source) * p.evidence, p.evidence);
    let parts = service.parts.iter().filter(|p| p.evidence > 0.0);
    parts.max_by(|a, b| {
        weight(a).partial_cmp(&weight(b)).unwrap_or(std::cmp::Ordering::Equal).then(b.source.cmp(&a.source))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIE: Margin = Margin {
        engine: Engine::Evidence,
        score: 6.0,
        runner_up: 6.0,
        share: 0.4,
        own_evidence: 4.0,
        baseline_samples: 30,
    };

    /// A tie has odds of 0.54 : 1, 0.54 / 1.54 = 0.351. A score of 9 against 6 is a third its own: 4 · 1/3 · 30/40 = 1, of which the
    /// step at 2.5 takes nothing visible; 0.54 · 2^3.2 = 4.96, 4.96 / 5.96 = 0.832.
    #[test]
    fn confidence_by_hand() {
        let options = VerdictOptions::default();
        assert!((TIE.confidence(&options) - 0.3506).abs() < 1e-4);
        assert!((Margin { score: 9.0, ..TIE }.confidence(&options) - 0.8323).abs() < 1e-3);
        // A walk: 0.5 of the visits with evidence of 4 on 30 samples is 1.5; 0.09 · 2.5^3.5 = 2.223, 2.223 / 3.223 = 0.690.
        let walk = Margin { engine: Engine::Automap, share: 0.5, ..TIE };
        assert!((walk.confidence(&options) - 0.6898).abs() < 1e-3);
    }

    #[test]
    fn what_lowers_the_confidence() {
        let options = VerdictOptions::default();
        let lead = Margin { score: 9.0, ..TIE };
        let before = lead.confidence(&options);
        for (why, other) in [
            ("a short baseline", Margin { baseline_samples: 6, ..lead }),
            ("a close second", Margin { runner_up: 8.0, ..lead }),
            ("many faint signs", Margin { own_evidence: 1.0, ..lead }),
            ("a score that fault-free time reaches", Margin { score: 1.5, runner_up: 1.0, ..lead }),
        ] {
            assert!(other.confidence(&options) < before - 0.1, "{why}");
        }
        assert_eq!(
            Margin { score: -1.0, runner_up: 0.0, ..lead }.confidence(&options),
            TIE.confidence(&options),
            "below zero"
        );
    }
}
