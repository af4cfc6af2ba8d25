//! What may be said: a cause, no incident, or not enough evidence.

use crate::analysis::Analysis;
use crate::metric::Unit;
pub use crate::rank::metrics::causal_weight;
use crate::rank::{Engine, Part, RankedService};
use crate::stats::soft_step;

/// With this many samples in the baseline a lead counts half: what spread is normal is itself a guess then, and with six of them
/// pure noise leads by as much as a fault.
const HALF_BELIEVED_SAMPLES: f64 = 10.0;

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
    /// The same where most metrics have no known unit, so that nothing says which changes are too small to matter. Default 0.9:
    /// one of 50 fault-free stretches of public recordings reaches it; 0.8 is reached by one of 25.
    pub name_from_unitless: f64,
    /// A top score below this, as far as it is believed, with no symptom beyond `quiet_symptom`, is "no incident". Default 1.5: a score of 2
    /// on 30 samples of normal time.
    pub quiet_score: f64,
    /// Evidence of a symptom that counts as one, as far as it is believed. Default 1.1: 1.5 on 30 samples.
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

/// What may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The first of the ranking is named.
    Cause,
    /// Something is wrong, or may be, but the data does not single out a service.
    NotEnoughEvidence,
    /// Nothing left its normal behaviour.
    NoIncident,
}

/// How far evidence on a baseline of so many samples is believed, 0 to 1.
fn believed(baseline: usize) -> f64 {
    let n = baseline as f64;
    n / (n + HALF_BELIEVED_SAMPLES)
}

/// How clearly a first place stands out; 0 is a tie, 1 a clear lead.
#[derive(Clone, Copy, Debug)]
pub struct Margin {
    /// Which engine ranked.
    pub engine: Engine,
    /// Score of the service.
    pub score: f64,
    /// The best score of the others.
    pub next: f64,
    /// Share of belief.
    pub share: f64,
    /// Its own evidence: the clearest part for the evidence engine, the sum of all for the walk.
    pub own: f64,
    /// Samples in the baseline.
    pub baseline: usize,
}

impl Margin {
    /// The lead that a service has, or lacks.
    pub fn of(analysis: &Analysis, service: &RankedService) -> Self {
        let ranking = &analysis.ranking;
        let others = ranking.services.iter().filter(|s| s.service != service.service).map(|s| s.score);
        let parts = service.parts.iter().map(|p| p.evidence.max(0.0));
        let own = match ranking.engine {
            Engine::Evidence => parts.fold(0.0, f64::max),
            Engine::Automap => parts.sum(),
        };
        let next = others.fold(0.0, f64::max);
        let baseline = analysis.windows.rows.baseline.len();
        Self { engine: ranking.engine, score: service.score, next, share: service.share, own, baseline }
    }

    /// The lead times what it rests on. Evidence: the clearest sign times the part of the score that nobody else has (a lead made of
    /// many faint signs is a lead by accident), once the score is beyond what fault-free time shows. Walk: visits say who is first and not
    /// whether anything happened, so the share of visits times the service's own evidence.
    pub fn strength(&self, options: &VerdictOptions) -> f64 {
        believed(self.baseline)
            * match self.engine {
                Engine::Evidence if self.score > self.next => {
                    let part = (self.score - self.next) / self.score;
                    self.own * part * soft_step(self.score, options.score_centre, options.score_softness)
                }
                Engine::Evidence => 0.0,
                Engine::Automap => self.own * self.share,
            }
    }

    /// Probability that a first place with this lead is right, given that there is an incident: `odds = a · (1 + strength)^b`, fitted on the
    /// 382 public incidents and checked leaving one set out at a time (journal 0006). A tie of the best two is right in 35 % of cases with the
    /// evidence engine and in 8 % with the walk.
    pub fn confidence(&self, options: &VerdictOptions) -> f64 {
        let (a, b) = match self.engine {
            Engine::Evidence => (0.54, 3.2),
            Engine::Automap => (0.09, 3.5),
        };
        let odds = a * (1.0 + self.strength(options).max(0.0)).powf(b);
        odds / (1.0 + odds)
    }
}

/// Confidence that a service is the cause, 0 to 1, given that there is an incident: for the first the share of right answers that such a lead had on
/// public recordings; what is left to doubt goes to the others by their shares of belief.
pub fn confidence(analysis: &Analysis, service: &RankedService, options: &VerdictOptions) -> f64 {
    let Some(first) = analysis.ranking.services.first() else { return 0.0 };
    let sure = Margin::of(analysis, first).confidence(options);
    if service.service == first.service {
        return sure;
    }
    let others = 1.0 - first.share;
    if others > 0.0 { ((1.0 - sure) * service.share / others).min(sure) } else { 0.0 }
}

/// What speaks for a service on the scale of the evidence engine.
fn own_evidence(engine: Engine, service: &RankedService) -> f64 {
    match engine {
        Engine::Evidence => service.score,
        Engine::Automap => service.parts.iter().map(|p| p.evidence).sum(),
    }
}

/// Decides what may be said about an analysis.
pub fn decide(analysis: &Analysis, options: &VerdictOptions) -> Decision {
    let Some(top) = analysis.ranking.services.first() else { return Decision::NotEnoughEvidence };
    let series = analysis.anomalies.series.iter();
    let symptom = series.filter(|s| s.metric.family.is_symptom()).map(|s| s.evidence).fold(0.0, f64::max);
    let believed = believed(analysis.windows.rows.baseline.len());
    let own = believed * own_evidence(analysis.ranking.engine, top);
    if confidence(analysis, top, options) >= options.naming(analysis) {
        Decision::Cause
    } else if own < options.quiet_score && believed * symptom < options.quiet_symptom {
        Decision::NoIncident
    } else {
        Decision::NotEnoughEvidence
    }
}

/// The part of a score that says best what kind of fault it is.
///
/// Within a service causes come before consequences: a memory hog moves the CPU, a CPU hog the latency, a dead
/// container everything; not the reverse.
pub fn mechanism(service: &RankedService) -> Option<&Part> {
    let telling = |p: &&Part| (causal_weight(&p.source) * p.evidence, p.evidence);
    let parts = service.parts.iter().filter(|p| p.evidence > 0.0);
    parts.max_by(|a, b| {
        telling(a).partial_cmp(&telling(b)).unwrap_or(std::cmp::Ordering::Equal).then(b.source.cmp(&a.source))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIE: Margin = Margin { engine: Engine::Evidence, score: 6.0, next: 6.0, share: 0.4, own: 4.0, baseline: 30 };

    /// A tie leaves the odds of a coin with 0.54 : 1, 0.54 / 1.54 = 0.351. A score of 9 against 6 is a third its own: 4 · 1/3 · 30/40 = 1, of which the
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
    fn what_makes_a_lead_less_believable() {
        let options = VerdictOptions::default();
        let lead = Margin { score: 9.0, ..TIE };
        let sure = lead.confidence(&options);
        for (why, other) in [
            ("a short baseline", Margin { baseline: 6, ..lead }),
            ("a close second", Margin { next: 8.0, ..lead }),
            ("many faint signs", Margin { own: 1.0, ..lead }),
            ("a score that fault-free time reaches", Margin { score: 1.5, next: 1.0, ..lead }),
        ] {
            assert!(other.confidence(&options) < sure - 0.1, "{why}");
        }
        assert_eq!(
            Margin { score: -1.0, next: 0.0, ..lead }.confidence(&options),
            TIE.confidence(&options),
            "below zero"
        );
    }
}
