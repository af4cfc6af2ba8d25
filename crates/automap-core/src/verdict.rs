//! Decides what a ranking justifies: a cause, no incident, or not enough evidence.
//!
//! A ranking always has a first place; this module turns its margin over the others into a confidence, calibrated on public recordings, and names a
//! cause only above a threshold. It does not rank and writes no text.
//!
//! Worked example: the first service has score 9, the second 6, the clearest sign of the first is 4, and the baseline is worth 18 samples. The
//! strength is 4 · (9 − 6) / 9 · 18 / (18 + 6) = 1, the odds are 0.54 · 2^3.2 = 4.96, and the confidence is 4.96 / 5.96 = 0.83: above 0.7, so
//! the service is named.

mod harmless;
mod mechanism;
pub mod time_of_day;

pub use mechanism::{mechanism, store_words};

use crate::analysis::Analysis;
use crate::frame::ServiceIdx;
use crate::metric::Unit;
pub use crate::rank::metrics::causal_weight;
use crate::rank::suspects::{MAX_CAUSES, Suspect};
use crate::rank::{Engine, PartSource, RankedService, Ranking};
use crate::stats::{effective_samples, persistence, soft_step};

/// Independent baseline samples at which evidence counts half. With few samples the normal spread is itself uncertain: with six, pure noise
/// leads by as much as a fault.
const HALF_WEIGHT_SAMPLES: f64 = 6.0;
/// The same in raw samples, for deciding whether anything happened at all.
const HALF_WEIGHT_RAW_SAMPLES: f64 = 10.0;
/// The named services account for at least this share of what users feel.
const MOST: f64 = 0.5;
/// Probability that it is a service's own time and not the network to one of its callees, if no caller reports its calls and no resource of the
/// service moved. A conservative guess: network faults are rarer in clusters, and as frequent in experiments.
const OWN_TIME: f64 = 0.6;
/// Probability that it is a service's own fault and not that of a callee whose latency or errors were not observed. It keeps every confidence below
/// the threshold from which a cause is named.
const CALLEES_UNOBSERVED: f64 = 0.6;
/// Probability that a service whose samples stopped has itself stopped, if samples of running services are lost too.
const SAMPLES_LOST: f64 = 0.6;
/// Factor of the confidence in a service that changed only after users felt something.
const TOO_LATE: f64 = 0.5;

/// When a verdict may name a cause.
#[derive(Clone, Copy, Debug)]
pub struct VerdictOptions {
    /// Score at which an incident is as likely as not. Default 2.5: most fault-free periods of public recordings stay below it, most real incidents
    /// are above it.
    pub score_centre: f64,
    /// Width of that step. Default 0.5.
    pub score_softness: f64,
    /// Confidence from which a cause is named, 0–1. Default 0.7: more than nine of ten causes that reach it on public recordings are right, and
    /// fault-free periods of metrics with known units stay below 0.4.
    pub name_from: f64,
    /// The same where most metrics have no known unit, so that changes too small to matter cannot be recognised. Default 0.9:
    /// one of 50 fault-free periods of public recordings reaches it; one of 25 reaches 0.8.
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

/// What an analysis justifies saying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The services of the [`Lead`] are the cause.
    Cause,
    /// Something is wrong, or may be, but the data does not single out a service.
    NotEnoughEvidence,
    /// Nothing deviates from normal.
    NoIncident,
    /// A service gets more or fewer requests than before, and no request waits or fails: no incident.
    OnlyLoad,
    /// Everything that stands out made the same move at the same hours of earlier days.
    Usual,
    /// Everything that stands out is the direct effect of a deliberate change, such as the new pods of a release, and users do not feel it.
    OnlyChanged,
    /// Nothing that was observed deviates from normal, but what users feel was not observed, or only in part.
    CannotTell,
}

impl Decision {
    /// Whether nothing observed is wrong, so that there is no candidate.
    pub fn is_quiet(self) -> bool {
        matches!(self, Self::NoIncident | Self::OnlyLoad | Self::OnlyChanged | Self::Usual | Self::CannotTell)
    }
}

/// The number of independent samples in the baseline of these services: a rate over a minute, sampled every five seconds, repeats most of itself.
fn independent_samples(analysis: &Analysis, named: &[Vec<ServiceIdx>]) -> f64 {
    let rows = &analysis.windows.rows.baseline;
    let judged = analysis.anomalies.series.iter().filter(|s| named.iter().any(|group| group.contains(&s.service)));
    let stretches: Vec<Vec<f64>> = judged.map(|s| analysis.frame.series()[s.series].values_at(rows)).collect();
    let stretches: Vec<&[f64]> = stretches.iter().map(Vec::as_slice).collect();
    effective_samples(rows.len(), persistence(&stretches, 1))
}

/// Weight of evidence that rests on a baseline of this many samples, 0–1.
fn baseline_reliability(samples: f64, half_weight: f64) -> f64 {
    samples / (samples + half_weight)
}

/// How clearly a service stands out from the others.
///
/// ```
/// use automap_core::rank::Engine;
/// use automap_core::verdict::{Margin, VerdictOptions};
///
/// let options = VerdictOptions::default();
/// let tie = Margin { engine: Engine::Evidence, score: 6.0, runner_up: 6.0, share: 0.4, own_evidence: 4.0, baseline_samples: 18.0 };
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
    /// Independent samples in the baseline of the named services: neighbouring samples that repeat each other count less.
    pub baseline_samples: f64,
}

impl Margin {
    /// Measures the margin of the named services over all others. Of several causes the weakest counts, of a pair the stronger one.
    /// O(services + series × samples).
    pub fn of(analysis: &Analysis, named: &[Vec<ServiceIdx>]) -> Self {
        Self::in_ranking(&analysis.ranking, named, independent_samples(analysis, named))
    }

    /// The same, with the number of independent baseline samples given. O(services).
    pub fn in_ranking(ranking: &Ranking, named: &[Vec<ServiceIdx>], baseline_samples: f64) -> Self {
        let is_named = |s: &RankedService| named.iter().any(|group| group.contains(&s.service));
        let own_evidence = |s: &RankedService| {
            // A change makes a sign in the metrics likelier but is not a sign itself.
            let signs = s.parts.iter().filter(|p| p.source != PartSource::Change && p.weight > 0.0);
            let parts = signs.map(|p| p.evidence.max(0.0));
            match ranking.engine {
                Engine::Evidence => parts.fold(0.0, f64::max),
                Engine::Automap => parts.sum(),
            }
        };
        let weakest = |value: &dyn Fn(&RankedService) -> f64| {
            let strongest = |group: &Vec<ServiceIdx>| {
                let members = ranking.services.iter().filter(|s| group.contains(&s.service));
                members.map(value).fold(f64::NEG_INFINITY, f64::max)
            };
            named.iter().map(strongest).fold(f64::INFINITY, f64::min)
        };
        Self {
            engine: ranking.engine,
            score: weakest(&|s| s.score),
            runner_up: ranking.services.iter().filter(|s| !is_named(s)).map(|s| s.score).fold(0.0, f64::max),
            share: ranking.services.iter().filter(|s| is_named(s)).map(|s| s.share).sum(),
            own_evidence: weakest(&own_evidence),
            baseline_samples,
        }
    }

    /// The margin times the evidence it rests on; 0 for a tie, 1 and more for a clear first place.
    ///
    /// Evidence engine: the clearest sign times the share of the score that no other service reaches, once the score exceeds that of fault-free
    /// time. (A margin made of many faint signs is accidental.) Random walk: the share of visits times the service's own evidence, since
    /// visits rank services but do not say whether anything happened.
    pub fn strength(&self, options: &VerdictOptions) -> f64 {
        baseline_reliability(self.baseline_samples, HALF_WEIGHT_SAMPLES)
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

/// The services that are named if a cause may be named, and how clearly they stand out. Computed once per analysis and passed on.
#[derive(Clone, Debug)]
pub struct Lead {
    /// Suspects that together account for most of what users feel, each one service or a pair that cannot be distinguished, the largest share first;
    /// without measured calls the first service of the ranking. Empty without a ranking.
    pub named: Vec<Vec<ServiceIdx>>,
    /// `None` without a ranking.
    margin: Option<Margin>,
    /// Factor of the confidence, 0–1, for doubts that the margin does not include: the network of unreported calls, unobserved callees, lost
    /// samples, and changes that came after the symptoms.
    certainty: f64,
}

impl Lead {
    /// Whether it names this service.
    pub fn names(&self, service: ServiceIdx) -> bool {
        self.named.iter().flatten().any(|named| *named == service)
    }

    /// Computes it. Of the suspects that carry what users feel, only the clear ones are named: an unclear small remainder does not cast doubt on
    /// the service that accounts for most. O(services + series of the named services × samples).
    pub fn of(analysis: &Analysis, options: &VerdictOptions) -> Self {
        let (suspects, fewest) = time_of_day::without_usual_requests(analysis, named(analysis));
        let all = Self::naming(analysis, suspects.clone());
        let fewer = (fewest..suspects.len()).rev().map(|n| Self::naming(analysis, suspects[..n].to_vec()));
        let needed = options.naming(analysis);
        std::iter::once(all.clone()).chain(fewer).find(|lead| lead.confidence(options) >= needed).unwrap_or(all)
    }

    fn naming(analysis: &Analysis, named: Vec<Vec<ServiceIdx>>) -> Self {
        let margin = (!named.is_empty()).then(|| Margin::of(analysis, &named));
        let firsts = named.iter().filter_map(|group| group.first());
        let mut suspects = firsts.filter_map(|s| analysis.suspects.of(*s));
        let may_be_network = suspects.any(|s| !s.unseen_networks.is_empty());
        let is_late = named.iter().any(|group| group.iter().all(|s| analysis.too_late.contains(s)));
        let may_wait = named.iter().flatten().any(|s| analysis.unseen.callees.contains_key(s));
        let may_be_lost = named.iter().flatten().any(|s| may_be_lost(analysis, *s));
        let certainty = if may_be_network { OWN_TIME } else { 1.0 }
            * if may_be_lost { SAMPLES_LOST } else { 1.0 }
            * if may_wait { CALLEES_UNOBSERVED } else { 1.0 }
            * if is_late { TOO_LATE } else { 1.0 }
            * time_of_day::certainty(analysis, &named);
        Self { named, margin, certainty }
    }

    /// Confidence that the named services are the cause, 0–1, given that there is an incident: [`Margin::confidence`]. 0 without a ranking.
    pub fn confidence(&self, options: &VerdictOptions) -> f64 {
        self.margin.map_or(0.0, |margin| self.certainty * margin.confidence(options))
    }

    /// Confidence that a service is the cause or one of several, 0–1, given that there is an incident. A named service has
    /// [`Self::confidence`], which the two of a pair divide between them; the remaining probability is divided among the others by their shares.
    pub fn confidence_of(&self, ranking: &Ranking, service: &RankedService, options: &VerdictOptions) -> f64 {
        let of_named = self.confidence(options);
        let services = &ranking.services;
        if let Some(group) = self.named.iter().find(|group| group.contains(&service.service)) {
            let scores = services.iter().filter(|s| group.contains(&s.service)).map(|s| s.score.max(0.0));
            let sum: f64 = scores.sum();
            return if group.len() > 1 && sum > 0.0 { of_named * service.score.max(0.0) / sum } else { of_named };
        }
        let is_named = |s: &&RankedService| self.named.iter().any(|group| group.contains(&s.service));
        let others = 1.0 - services.iter().filter(is_named).map(|s| s.share).sum::<f64>();
        if others > 0.0 { ((1.0 - of_named) * service.share / others).min(of_named) } else { 0.0 }
    }
}

/// The suspects that carry what users feel, and how many of them account for most of it; see [`Lead::named`].
fn named(analysis: &Analysis) -> (Vec<Vec<ServiceIdx>>, usize) {
    let Some(top) = analysis.ranking.services.first() else { return (Vec::new(), 0) };
    let carrying = analysis.suspects.carrying();
    let leads = carrying.iter().any(|s| s.services.contains(&top.service));
    if analysis.ranking.engine == Engine::Evidence && leads && carrying.len() <= MAX_CAUSES {
        let place = |s: &ServiceIdx| analysis.ranking.services.iter().position(|r| r.service == *s);
        let by_rank = |suspect: &&Suspect| {
            let mut services = suspect.services.clone();
            services.sort_by_key(|s| place(s).unwrap_or(usize::MAX));
            services
        };
        let carried = |n: usize| carrying[..n].iter().map(|s| s.share).sum::<f64>();
        let has_top = |n: usize| carrying[..n].iter().any(|s| s.services.contains(&top.service));
        let fewest = (1..carrying.len()).find(|&n| carried(n) >= MOST && has_top(n)).unwrap_or(carrying.len());
        return (carrying.iter().map(by_rank).collect(), fewest);
    }
    (vec![vec![top.service]], 1)
}

/// Whether the strongest evidence for a service is that its samples stopped, while other running services lost some of theirs.
pub(crate) fn may_be_lost(analysis: &Analysis, service: ServiceIdx) -> bool {
    let ranked = analysis.ranking.services.iter().find(|r| r.service == service);
    let parts = ranked.map(|r| r.parts.as_slice()).unwrap_or_default();
    let clearest = parts.iter().max_by(|a, b| a.evidence.total_cmp(&b.evidence));
    clearest.is_some_and(|p| p.source == PartSource::Missing && p.evidence > 0.0)
        && analysis.anomalies.partly_lost.iter().any(|s| *s != service)
}

/// Evidence for a service on the scale of the evidence engine, whichever engine ranked.
fn own_evidence(engine: Engine, service: &RankedService) -> f64 {
    match engine {
        Engine::Evidence => service.score,
        Engine::Automap => service.parts.iter().map(|p| p.evidence).sum(),
    }
}

/// Decides what an analysis justifies saying. O(services + series).
///
/// If the user gave the start of the incident, the answer is never that there was none.
pub fn decide(analysis: &Analysis, lead: &Lead, options: &VerdictOptions) -> Decision {
    let Some(top) = analysis.ranking.services.first() else { return Decision::NotEnoughEvidence };
    let own = reliability(analysis) * own_evidence(analysis.ranking.engine, top);
    let is_quiet = own < options.quiet_score && has_quiet_symptoms(analysis, options);
    let is_clear = lead.confidence(options) >= options.naming(analysis);
    let is_told = analysis.windows.onset.is_told();
    if let Some(harmless) = harmless::only(analysis, lead).filter(|_| !is_told) {
        harmless
    } else if !is_told && (is_clear || !is_quiet) && time_of_day::is_usual(analysis, lead) {
        Decision::Usual
    } else if is_clear {
        Decision::Cause
    } else if !is_quiet || is_told {
        Decision::NotEnoughEvidence
    } else if analysis.unseen.hides_symptoms() {
        Decision::CannotTell
    } else {
        Decision::NoIncident
    }
}

/// Whether no symptom exceeds what a baseline of this length shows by chance, and users felt nothing at any time. O(series).
pub(crate) fn has_quiet_symptoms(analysis: &Analysis, options: &VerdictOptions) -> bool {
    let symptom = analysis.anomalies.clearest_symptom();
    reliability(analysis) * symptom < options.quiet_symptom && analysis.plan.current.is_none()
}

/// Weight of the baseline's raw samples for deciding whether anything happened at all, 0–1.
fn reliability(analysis: &Analysis) -> f64 {
    baseline_reliability(analysis.windows.rows.baseline.len() as f64, HALF_WEIGHT_RAW_SAMPLES)
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
        baseline_samples: 18.0,
    };

    /// A tie has odds of 0.54 : 1, 0.54 / 1.54 = 0.351. A score of 9 against 6 is a third its own: 4 · 1/3 · 18/24 = 1, of which the
    /// step at 2.5 takes nothing visible; 0.54 · 2^3.2 = 4.96, 4.96 / 5.96 = 0.832.
    #[test]
    fn confidence_by_hand() {
        let options = VerdictOptions::default();
        assert!((TIE.confidence(&options) - 0.3506).abs() < 1e-4);
        assert!((Margin { score: 9.0, ..TIE }.confidence(&options) - 0.8323).abs() < 1e-3);
        // A walk: 0.5 of the visits with evidence of 4 on 18 samples is 1.5; 0.09 · 2.5^3.5 = 2.223, 2.223 / 3.223 = 0.690.
        let walk = Margin { engine: Engine::Automap, share: 0.5, ..TIE };
        assert!((walk.confidence(&options) - 0.6898).abs() < 1e-3);
    }

    #[test]
    fn what_lowers_the_confidence() {
        let options = VerdictOptions::default();
        let lead = Margin { score: 9.0, ..TIE };
        let before = lead.confidence(&options);
        for (why, other) in [
            ("a short baseline", Margin { baseline_samples: 3.0, ..lead }),
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
