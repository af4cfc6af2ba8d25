//! Weighs how well the changes of a service fit the onset of the incident: evidence with a base rate.
//!
//! A change shortly before the onset is stronger evidence the rarer changes of that service are, and the more typical the delay is of bad changes.
//! Changes that are not deliberate (a restart, an eviction, autoscaling) follow from a fault more often than they cause one and are no evidence, and
//! neither are changes after the onset. A service that explains nothing of what users feel gains nothing from its changes. A release that was rolled
//! back before the onset is no longer evidence, and neither is the roll-back after three minutes: the service is back in its earlier state.
//!
//! The delay from a bad change to its onset has the density `f(d) = (2 / s) · (1 + d / s)^-3` with s = 290 s: half of them hurt within two minutes, a tenth
//! after more than ten. If changes of the service occur by chance at the rate λ, the changes at delays `dᵢ` are `Σ f(dᵢ) / λ` times likelier if one
//! of them is the cause than if none is. Half of the incidents that a service causes begin with a visible change (Beyer et al., *Site Reliability
//! Engineering*, chapter 1, say 70 % of all outages), so the evidence is `ln(½ + ½ · Σ f(dᵢ) / λ)`, between 0 and 3. The rate is estimated from the
//! log: `λ = (n + 0.1) / (t + 2.4 h)` with n other changes in the time t.
//!
//! Worked example: catalogue was released 47 s before the onset and not otherwise changed in the six hours of the log. f(47 s) = 4.4e-3 /s,
//! λ = 0.1 / 8.4 h = 3.3e-6 /s, so the evidence is ln(½ + ½ · 1332) = 6.5, capped at 3. A service that is released every five minutes has λ = 71.1 /
//! 8.4 h = 2.4e-3 /s, and its releases in the last six hours sum up to a ratio of about 1.5 by chance: evidence 0.2.

use std::collections::{BTreeMap, BTreeSet};

use super::suspects::Suspects;
use super::{Part, PartSource, RankedService, Ranking};
use crate::anomaly::CLEAR;
use crate::change::{Change, ChangeKind, ChangeLog};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::stats::soft_step;
use crate::time::Timestamp;

/// Evidence from which a change is reported as the start of the incident.
pub const TELLING: f64 = 2.0;
/// Maximum evidence of a change: one clear signal, since rates and delays are rough.
const MAX_EVIDENCE: f64 = 3.0;
/// Scale of the delay until a bad change hurts, in seconds: the median is 0.41 of it.
const DELAY_SCALE_S: f64 = 290.0;
/// Share of the incidents that begin with a visible change.
const BY_CHANGE: f64 = 0.5;
/// Prior number of changes of a service in `PRIOR_S`: one a day.
const PRIOR_CHANGES: f64 = 0.1;
const PRIOR_S: f64 = 2.4 * 3600.0;
/// Changes of one service closer together than this count as one: a release leaves several traces.
const ONE_CHANGE_MS: i64 = 120_000;
/// Pods of a change come and go within this time after it: 3 min.
const SHOWS_WITHIN_MS: i64 = 180_000;
/// Softness of the step at a clear symptom.
const FELT_SOFTNESS: f64 = 0.25;

/// The changes of a service that fit the onset.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeFit {
    /// Position in [`ChangeLog::changes`] of the best-fitting one.
    pub change: usize,
    /// Log evidence that a change of this service caused the incident, 0 to 3.
    pub evidence: f64,
    /// The part of it that counts in the ranking, in proportion to what the service explains.
    pub counted: f64,
}

/// When the incident began, and by how many milliseconds this may be too early.
#[derive(Clone, Copy, Debug)]
pub struct Onset {
    /// When it began.
    pub at: Timestamp,
    /// A change this much later may still have started it.
    pub blur_ms: i64,
}

/// How well the changes of each service fit an onset. Services without a fitting change are absent; empty if changes were not observed.
/// O(changes · log changes).
pub fn fits(log: &ChangeLog, frame: &MetricFrame, onset: Onset) -> BTreeMap<ServiceIdx, ChangeFit> {
    let Some(observed) = log.observed else { return BTreeMap::new() };
    let observed_s = (onset.at.ms() - observed.start.ms()).max(0) as f64 / 1e3;
    let mut of_service: BTreeMap<ServiceIdx, Vec<usize>> = BTreeMap::new();
    for (i, change) in log.changes.iter().enumerate() {
        let service = change.service.as_deref().and_then(|name| frame.find(name));
        if let Some(service) = service.filter(|_| change.kind.is_deliberate() && came_before(change, onset)) {
            of_service.entry(service).or_default().push(i);
        }
    }
    let fit = |(service, changes): (ServiceIdx, Vec<usize>)| {
        let mut groups = grouped(&log.changes, &changes);
        let rate = (groups.len() as f64 - 1.0 + PRIOR_CHANGES) / (observed_s + PRIOR_S);
        let undone = taken_back(&log.changes, &changes, onset);
        groups.iter_mut().for_each(|group| group.retain(|i| !undone.contains(i)));
        groups.retain(|group| !group.is_empty());
        let densities = groups.iter().map(|group| density(&log.changes[group[0]], onset));
        let ratio: f64 = densities.map(|f| f / rate).sum();
        let evidence = (1.0 - BY_CHANGE + BY_CHANGE * ratio).ln().clamp(0.0, MAX_EVIDENCE);
        // The latest is the likeliest; among its traces the first kind is the most telling.
        let change = *groups.last()?.iter().min_by_key(|i| (log.changes[**i].kind, **i))?;
        (evidence > 0.0).then_some((service, ChangeFit { change, evidence, counted: 0.0 }))
    };
    of_service.into_iter().filter_map(fit).collect()
}

/// Kinds of change that replaced, added or removed pods just before an onset, by service: their direct effects are no fault. Includes autoscaling.
/// O(changes · log services).
pub fn brought_about(log: &ChangeLog, frame: &MetricFrame, onset: Onset) -> BTreeMap<ServiceIdx, BTreeSet<ChangeKind>> {
    let mut kinds: BTreeMap<ServiceIdx, BTreeSet<ChangeKind>> = BTreeMap::new();
    let is_recent = |c: &Change| onset.at.ms() - c.at.ms() <= SHOWS_WITHIN_MS && came_before(c, onset);
    for change in log.changes.iter().filter(|c| log.observed.is_some() && is_recent(c)) {
        use ChangeKind::{Autoscaled, Image, Release, Rollback, Scaled};
        let service = change.service.as_deref().and_then(|name| frame.find(name));
        if let Some(service) =
            service.filter(|_| matches!(change.kind, Release | Rollback | Image | Scaled | Autoscaled))
        {
            kinds.entry(service).or_default().insert(change.kind);
        }
    }
    kinds
}

fn came_before(change: &Change, onset: Onset) -> bool {
    change.at.ms() - change.uncertainty_ms <= onset.at.ms() + onset.blur_ms
}

/// The changes that a roll-back reverted before the onset, and the roll-back itself once its pods are up: the service is as it was before all of
/// them.
///
/// The version that it returns to determines how far back it goes; without versions, to before the latest release. A version that was already
/// reverted is not an earlier state: bringing it back is a new change.
fn taken_back(all: &[Change], changes: &[usize], onset: Onset) -> BTreeSet<usize> {
    use ChangeKind::{Image, Release, Rollback, Version};

    let of_pods: Vec<usize> = changes.iter().copied().filter(|i| matches!(all[*i].kind, Release | Rollback)).collect();
    let (mut undone, mut settled) = (BTreeSet::new(), BTreeSet::new());
    for (k, &back) in of_pods.iter().enumerate().filter(|(_, i)| all[**i].kind == Rollback) {
        let (earlier, to) = (&of_pods[..k], all[back].to.as_deref());
        let is_to = |i: &usize| to.is_some() && all[*i].to.as_deref() == to;
        let first = match earlier.iter().rposition(is_to) {
            Some(brought) if undone.contains(&earlier[brought]) => None,
            Some(brought) => earlier.get(brought + 1),
            None => {
                let left = earlier.iter().find(|i| to.is_some() && all[**i].from.as_deref() == to);
                left.or_else(|| earlier.last().filter(|i| to.is_none() || all[**i].from.is_none()))
            }
        };
        let Some(&first) = first else { continue };
        let since = changes.iter().filter(|i| (all[first].at..=all[back].at).contains(&all[**i].at) && **i != back);
        undone.extend(since.filter(|i| matches!(all[**i].kind, Release | Rollback | Image | Version)));
        if onset.at.ms() - all[back].at.ms() > SHOWS_WITHIN_MS {
            settled.insert(back);
        }
    }
    // A settled roll-back is an earlier state that a later one may return to; only a reverted one is not.
    undone.extend(settled);
    undone
}

/// Changes grouped by time, the earliest first.
fn grouped(all: &[Change], changes: &[usize]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for &i in changes {
        match groups.last_mut() {
            Some(group) if all[i].at.ms() - all[group[group.len() - 1]].at.ms() <= ONE_CHANGE_MS => group.push(i),
            _ => groups.push(vec![i]),
        }
    }
    groups
}

/// Density of the delay from this change to the onset, per second, averaged over the time in which the change may have happened.
fn density(change: &Change, onset: Onset) -> f64 {
    let delay_s = |at_ms: i64| (onset.at.ms() - at_ms).max(0) as f64 / 1e3;
    let (shortest, longest) = (delay_s(change.at.ms()), delay_s(change.at.ms() - change.uncertainty_ms));
    // The probability of a delay beyond d is (1 + d / s)^-2.
    let beyond = |d: f64| (1.0 + d / DELAY_SCALE_S).powi(-2);
    match longest - shortest {
        width if width > 1.0 => (beyond(shortest) - beyond(longest)) / width,
        _ => 2.0 / DELAY_SCALE_S * (1.0 + shortest / DELAY_SCALE_S).powi(-3),
    }
}

/// Adds the evidence of the changes to their services, in proportion to what these account for of what users feel; if calls are not measured, in
/// proportion to their symptom. Sets the counted part in `fits`.
pub fn weigh(ranking: Ranking, fits: &mut BTreeMap<ServiceIdx, ChangeFit>, suspects: &Suspects) -> Ranking {
    if fits.is_empty() {
        return ranking;
    }
    let mut services = ranking.services;
    for ranked in &mut services {
        let Some(fit) = fits.get_mut(&ranked.service) else { continue };
        let explains = suspects.weight * suspects.accounts(ranked.service) + (1.0 - suspects.weight) * symptom(ranked);
        fit.counted = explains * fit.evidence;
        ranked.parts.push(Part { source: PartSource::Change, evidence: fit.counted, weight: 1.0 });
        ranked.score += fit.counted;
    }
    super::evidence::with_shares(services)
}

/// How clearly a service shows a symptom that users feel, 0–1.
fn symptom(ranked: &RankedService) -> f64 {
    let of_part = |p: &Part| match &p.source {
        PartSource::Own(family) | PartSource::SeenByCallers(family) if family.is_symptom() => p.evidence,
        PartSource::NetworkGap | PartSource::Missing => p.evidence,
        _ => f64::NEG_INFINITY,
    };
    let clearest = ranked.parts.iter().map(of_part).fold(f64::NEG_INFINITY, f64::max);
    soft_step(clearest, CLEAR, FELT_SOFTNESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};
    use crate::metric::Family;
    use crate::rank::Engine;
    use crate::time::Interval;

    const ONSET_S: i64 = 6 * 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_ms(second * 1000)
    }

    fn frame() -> MetricFrame {
        let raw = ["catalogue", "orders"].map(|service| RawSeries {
            service: service.into(),
            metric: "latency_ms".into(),
            peer: None,
            points: vec![(at(0), 1.0)],
        });
        assemble(raw.to_vec(), vec![at(0), at(5)]).unwrap().0
    }

    fn change(service: &str, kind: ChangeKind, second: i64) -> Change {
        Change {
            at: at(second),
            kind,
            service: Some(service.into()),
            subject: format!("deployment {service}"),
            from: None,
            to: None,
            uncertainty_ms: 0,
            source: "test".into(),
            url: None,
        }
    }

    fn evidence(changes: Vec<Change>) -> BTreeMap<String, f64> {
        let frame = frame();
        let log = ChangeLog::new(Interval::new(at(0), at(ONSET_S + 600)).unwrap(), Vec::new(), changes);
        let fits = fits(&log, &frame, Onset { at: at(ONSET_S), blur_ms: 15_000 });
        fits.into_iter().map(|(s, fit)| (frame.service(s).to_owned(), fit.evidence)).collect()
    }

    fn of_catalogue(changes: Vec<Change>) -> f64 {
        evidence(changes).get("catalogue").copied().unwrap_or(0.0)
    }

    /// f(1 h) = 2/290 · (1 + 3600/290)^-3 = 2.85e-6 /s; λ = 0.1 / (6 h + 2.4 h) = 3.307e-6 /s; ln(½ + ½ · 0.861) = −0.072: nothing. At 30 min
    /// f = 1.84e-5, ln(½ + ½ · 5.57) = 1.19.
    #[test]
    fn worked_by_hand() {
        let release = |before| of_catalogue(vec![change("catalogue", ChangeKind::Release, ONSET_S - before)]);
        assert_eq!(release(47), MAX_EVIDENCE);
        assert!((release(1800) - 1.19).abs() < 0.01, "{}", release(1800));
        assert_eq!(release(3600), 0.0);
        assert_eq!(release(-10), MAX_EVIDENCE, "within the blur of the onset");
        assert_eq!(release(-60), 0.0, "after the onset");
    }

    #[test]
    fn a_service_that_is_always_changed_gains_little() {
        for phase in [5, 47, 100, 200, 290] {
            let releases = (0..71).map(|i| change("catalogue", ChangeKind::Release, ONSET_S - phase - 300 * i));
            let gain = of_catalogue(releases.collect());
            assert!(gain < 0.8, "{phase} s before: {gain}");
        }
        let daily = of_catalogue(vec![change("catalogue", ChangeKind::Release, ONSET_S - 47)]);
        let hourly = (0..6).map(|i| change("catalogue", ChangeKind::Release, ONSET_S - 47 - 3600 * i)).collect();
        assert!(of_catalogue(hourly) < daily);
    }

    #[test]
    fn what_happened_to_a_service_is_no_evidence_and_traces_of_one_release_are_one_change() {
        let crash = vec![change("catalogue", ChangeKind::Crashed, ONSET_S - 30)];
        assert_eq!(evidence(crash), BTreeMap::new());
        let traces =
            [(ChangeKind::Version, 30), (ChangeKind::Release, 47), (ChangeKind::Image, 45), (ChangeKind::Scaled, 50)];
        let traces = traces.map(|(kind, before)| change("catalogue", kind, ONSET_S - before)).to_vec();
        assert_eq!(of_catalogue(traces.clone()), MAX_EVIDENCE);
        let log = ChangeLog::new(Interval::new(at(0), at(ONSET_S)).unwrap(), Vec::new(), traces);
        let fits = fits(&log, &frame(), Onset { at: at(ONSET_S), blur_ms: 0 });
        assert_eq!(log.changes[fits[&ServiceIdx(0)].change].kind, ChangeKind::Release);
    }

    #[test]
    fn what_was_taken_back_is_no_evidence() {
        let release = || change("catalogue", ChangeKind::Release, ONSET_S - 500);
        let back = |before| change("catalogue", ChangeKind::Rollback, ONSET_S - before);
        assert_eq!(of_catalogue(vec![release()]), MAX_EVIDENCE);
        assert_eq!(of_catalogue(vec![release(), back(460)]), 0.0, "as it was before");
        assert_eq!(of_catalogue(vec![release(), back(60)]), MAX_EVIDENCE, "its pods are coming up");
        let again = change("catalogue", ChangeKind::Release, ONSET_S - 30);
        assert_eq!(of_catalogue(vec![release(), back(460), again]), MAX_EVIDENCE, "another one");
    }

    #[test]
    fn versions_tell_how_far_a_roll_back_goes() {
        use ChangeKind::{Release, Rollback};

        let to = |kind, before, from: &str, to: &str| Change {
            from: Some(from.into()),
            to: Some(to.into()),
            ..change("catalogue", kind, ONSET_S - before)
        };
        let told = |changes: Vec<Change>| {
            let log = ChangeLog::new(Interval::new(at(0), at(ONSET_S + 600)).unwrap(), Vec::new(), changes);
            let fits = fits(&log, &frame(), Onset { at: at(ONSET_S), blur_ms: 15_000 });
            fits.get(&ServiceIdx(0)).map(|fit| log.changes[fit.change].to.clone().unwrap())
        };
        let two = || vec![to(Release, 900, "1.0", "1.1"), to(Release, 700, "1.1", "1.2")];
        assert_eq!(told(two()).as_deref(), Some("1.2"));
        let all = [two(), vec![to(Rollback, 500, "1.2", "1.0")]].concat();
        assert_eq!(told(all), None, "as before both releases");
        let one = [two(), vec![to(Rollback, 500, "1.2", "1.1")]].concat();
        assert_eq!(told(one).as_deref(), Some("1.1"), "it runs, and came 15 minutes before");
        let again =
            vec![to(Release, 1500, "1.0", "1.1"), to(Rollback, 1200, "1.1", "1.0"), to(Rollback, 210, "1.0", "1.1")];
        assert_eq!(told(again).as_deref(), Some("1.1"), "the bad version is back");
        let twice = vec![
            to(Release, 1500, "1.0", "1.1"),
            to(Rollback, 1200, "1.1", "1.0"),
            to(Release, 900, "1.0", "1.1"),
            to(Rollback, 600, "1.1", "1.0"),
        ];
        assert_eq!(told(twice), None, "tried twice, rolled back twice");
    }

    #[test]
    fn a_vague_time_says_less_than_an_exact_one() {
        let vague = |uncertainty_s: i64| {
            let change = change("catalogue", ChangeKind::ConfigMap, ONSET_S - 1200);
            of_catalogue(vec![Change { uncertainty_ms: 1000 * uncertainty_s, ..change }])
        };
        assert!(vague(0) > vague(1200) && vague(1200) > 0.0);
    }

    #[test]
    fn unread_logs_and_unknown_services_say_nothing() {
        let onset = Onset { at: at(ONSET_S), blur_ms: 0 };
        let unread =
            ChangeLog { changes: vec![change("orders", ChangeKind::Release, ONSET_S)], ..ChangeLog::default() };
        assert!(fits(&unread, &frame(), onset).is_empty());
        assert_eq!(evidence(vec![change("elsewhere", ChangeKind::Release, ONSET_S - 5)]), BTreeMap::new());
    }

    /// Both were released just before. Only orders shows a symptom; calls are not measured.
    #[test]
    fn a_service_that_shows_no_symptom_gains_nothing() {
        let part = |family, evidence| vec![Part { source: PartSource::Own(family), evidence, weight: 1.0 }];
        let service =
            |i, score, parts| RankedService { service: ServiceIdx(i), score, share: 0.0, parts, explained: Vec::new() };
        let services = vec![service(0, 2.5, part(Family::Memory, 2.5)), service(1, 2.0, part(Family::Latency, 2.0))];
        let fit = ChangeFit { change: 0, evidence: 3.0, counted: 0.0 };
        let mut both = BTreeMap::from([(ServiceIdx(0), fit.clone()), (ServiceIdx(1), fit)]);
        let ranking = Ranking { engine: Engine::Evidence, services };
        let ranking = weigh(ranking, &mut both, &Suspects::default());
        assert_eq!(ranking.services[0].service, ServiceIdx(1));
        assert!((ranking.services[0].score - 4.95).abs() < 0.01, "{}", ranking.services[0].score);
        assert!((ranking.services[1].score - 2.5).abs() < 0.01, "{}", ranking.services[1].score);
        assert!(both[&ServiceIdx(0)].counted < 0.01 && both[&ServiceIdx(1)].counted > 2.9);
    }
}
