//! What may be said: a cause, no incident, or not enough evidence.

use crate::anomaly::Anomalies;
pub use crate::rank::metrics::causal_weight;
use crate::rank::{Engine, Part, RankedService, Ranking};
use crate::stats::soft_step;

/// When a verdict may name a cause.
#[derive(Clone, Copy, Debug)]
pub struct VerdictOptions {
    /// Score at which an incident is as likely as not. Default 3: most fault-free stretches of public recordings stay below
    /// it, most real incidents rise above it.
    pub score_centre: f64,
    /// Width of that step. Default 0.5.
    pub score_softness: f64,
    /// Confidence from which a cause is named. Default 0.4.
    pub name_from: f64,
    /// A top score below this, with no symptom beyond `quiet_symptom`, is "no incident". Default 2.
    pub quiet_score: f64,
    /// Evidence of a symptom that counts as one. Default 1.5.
    pub quiet_symptom: f64,
}

impl Default for VerdictOptions {
    fn default() -> Self {
        Self { score_centre: 3.0, score_softness: 0.5, name_from: 0.4, quiet_score: 2.0, quiet_symptom: 1.5 }
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

/// Confidence that a service is the cause: its share of belief among all, times how far its score is beyond what
/// fault-free time shows. 0 to 1; above 0.4 close to the share of right answers on public recordings, below it an order.
///
/// A walk's visits are an order and no belief: the AutoMAP engine's share is that of the squared visits, gated by the service's
/// clearest own signal.
pub fn confidence(engine: Engine, service: &RankedService, options: &VerdictOptions) -> f64 {
    match engine {
        Engine::Evidence => service.share * soft_step(service.score, options.score_centre, options.score_softness),
        Engine::Automap => {
            let clearest = service.parts.iter().map(|p| p.evidence).fold(0.0, f64::max);
            service.share * soft_step(clearest, options.quiet_symptom, options.score_softness)
        }
    }
}

/// What speaks for a service on the scale of the evidence engine.
fn own_evidence(engine: Engine, service: &RankedService) -> f64 {
    match engine {
        Engine::Evidence => service.score,
        Engine::Automap => service.parts.iter().map(|p| p.evidence).sum(),
    }
}

/// Decides what may be said about a ranking.
pub fn decide(ranking: &Ranking, anomalies: &Anomalies, options: &VerdictOptions) -> Decision {
    let Some(top) = ranking.services.first() else { return Decision::NotEnoughEvidence };
    let symptom =
        anomalies.series.iter().filter(|s| s.metric.family.is_symptom()).map(|s| s.evidence).fold(0.0, f64::max);
    if confidence(ranking.engine, top, options) >= options.name_from {
        Decision::Cause
    } else if own_evidence(ranking.engine, top) < options.quiet_score && symptom < options.quiet_symptom {
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
