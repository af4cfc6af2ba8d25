//! Attributes what users feel to the places where it arises, along the measured calls.
//!
//! Being unusual does not make a service a cause: a cause must explain what users feel. So the added waiting and the added failures at the entry
//! services are decomposed, call by call, into own time, network, more calls, and what the callee passes on; the callee's part is decomposed in the
//! same way. All shares of one impact sum to 1. The kind of fault is left to the evidence of the series. Where calls are not measured there is no
//! attribution, and the evidence decides alone.
//!
//! For a service `s` with calls `s → c`, `n` calls per request and latency `L` at the caller, a request takes `W_s = own_s + φ_s · Σ_c n·L`, where
//! `φ_s ≤ 1` absorbs parallel calls. A change of the product is divided exactly: `Δ(n·L) = n̄·ΔL + L̄·Δn`, each call slower and more calls; and `ΔL` is
//! the network between both ends plus the callee's added latency. By Little's law, rate × added latency is the number of additional users waiting.
//! Intervals come from a block bootstrap of the samples.
//!
//! Worked example: front-end answers in 20 ms and then 80 ms. It calls orders once per request, which took 10 ms and takes 68 ms at the
//! caller, 9 ms and 67 ms at orders: of the 60 ms, 58 are passed on by orders, 2 are front-end's own. Orders calls payment, whose calls take 50 ms
//! more at orders and 0 ms more at payment: of orders' 58 ms, 50 are the network to payment and 8 its own. The shares are 50/60 = 0.83 for that
//! network, 8/60 = 0.13 for orders and 2/60 = 0.03 for front-end. `attribution/decompose` holds this example as a test.

mod decompose;
mod ends;
mod entries;
mod levels;
mod place;
mod resample;
mod stand_ins;

pub use entries::EntryImpact;
pub use place::{ImpactKind, Place};

use std::collections::BTreeSet;

use crate::anomaly::{Anomalies, Rows};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Family, Side};
use crate::topology::CallGraph;
use decompose::Decomposition;
use ends::Ends;
use entries::Entry;
use levels::{Levels, Measured};

/// Shares below this are dropped.
const DUST: f64 = 0.002;
/// Limits of the interval of a share: nine of ten resamples lie inside.
const INTERVAL: (f64, f64) = (0.05, 0.95);

/// One kind of impact on users, divided among the places where it arises.
#[derive(Clone, Debug)]
pub struct Impact {
    /// Waiting or failing.
    pub kind: ImpactKind,
    /// Where users feel it, the largest part first.
    pub entries: Vec<EntryImpact>,
    /// Sum over the entries: additional users waiting at any moment, or failures per second, at the baseline's request rate.
    pub amount: f64,
    /// Evidence of the clearest such symptom at an entry; the scale of [`crate::anomaly`].
    pub evidence: f64,
    /// Where it arises, the largest share first. The shares sum to 1, less dust.
    pub shares: Vec<Share>,
    /// Calls that were made but not measured, as caller and callee: their part is in the caller's share.
    pub unmeasured: Vec<(ServiceIdx, ServiceIdx)>,
    /// Calls that only the callee times, as caller and callee: the network to it is in the caller's share too.
    pub one_sided: Vec<(ServiceIdx, ServiceIdx)>,
}

/// A place and its share of an impact.
#[derive(Clone, Debug)]
pub struct Share {
    /// Where.
    pub place: Place,
    /// Share of the impact, 0–1.
    pub share: f64,
    /// For a network or refused calls: probability that the fault is at the callee's end and not the caller's, 0–1. 0 for other places.
    pub at_callee: f64,
    /// The share in each resample, for intervals of sums.
    draws: Vec<f64>,
}

impl Share {
    /// Interval of a weighted sum of shares that holds nine of ten resamples: `(low, high)`. `(0, 0)` without shares.
    pub fn interval<'a>(shares: impl IntoIterator<Item = (&'a Self, f64)>) -> (f64, f64) {
        let mut sums: Vec<f64> = Vec::new();
        for (share, weight) in shares {
            sums.resize(share.draws.len().max(sums.len()), 0.0);
            sums.iter_mut().zip(&share.draws).for_each(|(sum, draw)| *sum += weight * draw);
        }
        sums.sort_by(f64::total_cmp);
        let at = |p: f64| sums.get(((sums.len().max(1) - 1) as f64 * p).round() as usize).copied().unwrap_or(0.0);
        (at(INTERVAL.0), at(INTERVAL.1))
    }
}

/// Attributes what users feel in the incident rows, compared with the baseline rows.
///
/// Empty if no call has both a rate and a latency, if there is no entry, or if nothing rose. Missing samples are left out of the
/// means; a call that is not measured counts as own time of its caller and is listed, and the network of a call that only the callee reports
/// counts as own time too.
/// Cost: O(series × samples) for the sums by block, then O(services + calls) for each of 100 resamples.
///
/// ```
/// use automap_core::anomaly::{AnomalyOptions, Rows, detect};
/// use automap_core::attribution::{Place, attribute};
/// use automap_core::frame::{RawSeries, assemble};
/// use automap_core::time::Timestamp;
/// use automap_core::topology::CallGraph;
///
/// // front-end calls payment once per request; payment takes 50 ms more from row 60 on.
/// let times: Vec<Timestamp> = (0..80).map(|i| Timestamp::from_ms(i * 1_000)).collect();
/// let series = |service: &str, metric: &str, peer: Option<&str>, normal: f64, fault: f64| RawSeries {
///     service: service.into(),
///     metric: metric.into(),
///     peer: peer.map(Into::into),
///     points: times
///         .iter()
///         .enumerate()
///         .map(|(i, t)| (*t, normal * (1.0 + 0.01 * (i % 7) as f64) + if i >= 60 { fault } else { 0.0 }))
///         .collect(),
/// };
/// let raw = vec![
///     series("front-end", "throughput_rps", None, 10.0, 0.0),
///     series("front-end", "latency_ms", None, 20.0, 50.0),
///     series("front-end", "client_rps", Some("payment"), 10.0, 0.0),
///     series("front-end", "client_latency_ms", Some("payment"), 8.0, 50.0),
///     series("front-end", "served_latency_ms", Some("payment"), 7.0, 50.0),
///     series("payment", "throughput_rps", None, 10.0, 0.0),
///     series("payment", "latency_ms", None, 7.0, 50.0),
/// ];
/// let (frame, _) = assemble(raw, times.clone())?;
/// let calls: CallGraph = [("front-end", "payment")].into_iter().collect();
/// let rows = Rows::split(&frame, 60);
/// let impacts = attribute(&frame, &rows, &calls, &detect(&frame, &rows, &AnomalyOptions::default()));
/// let first = &impacts[0].shares[0];
/// assert_eq!(first.place, Place::Service(frame.find("payment").unwrap()));
/// assert!(first.share > 0.95 && (impacts[0].amount - 0.5).abs() < 0.05, "10 requests/s x 50 ms: half a user waits");
/// # Ok::<(), automap_core::frame::FrameError>(())
/// ```
pub fn attribute(frame: &MetricFrame, rows: &Rows, calls: &CallGraph, anomalies: &Anomalies) -> Vec<Impact> {
    let Some(measured) = Measured::of(frame, rows) else { return Vec::new() };
    let levels = measured.levels(measured.whole());
    let entries = entries::find(frame, calls, &measured, &levels);
    let of = |kind: ImpactKind| Division::of(kind, &entries, &measured, &levels);
    let divisions: Vec<Division> = [ImpactKind::Waiting, ImpactKind::Failing].into_iter().filter_map(of).collect();
    if divisions.is_empty() {
        return Vec::new();
    }
    let kept: Vec<(ImpactKind, &[usize])> = divisions.iter().map(|d| (d.kind, &*d.kept)).collect();
    let draws: Vec<Vec<Vec<f64>>> = resample::draws(&measured, |levels| {
        let again = |(kind, kept): &(ImpactKind, &[usize])| {
            let shares = divide(*kind, &entries, &measured, levels).1;
            kept.iter().map(|&place| shares[place]).collect()
        };
        kept.iter().map(again).collect()
    });
    let ends = Ends::of(&measured, &levels);
    let impact = |(i, division): (usize, Division)| {
        let draws: Vec<&[f64]> = draws.iter().map(|kinds| &*kinds[i]).collect();
        division.impact((&measured, &levels, &ends), &draws, anomalies)
    };
    divisions.into_iter().enumerate().map(impact).collect()
}

/// Where users feel one kind of impact, and the share of every place.
fn divide(kind: ImpactKind, entries: &[Entry], measured: &Measured, levels: &Levels) -> (Vec<EntryImpact>, Vec<f64>) {
    let felt = entries::felt(kind, entries, measured, levels);
    let shares = Decomposition::new(measured, levels).divide(kind, &felt);
    (felt, shares)
}

/// One kind of impact, divided using all samples.
struct Division {
    kind: ImpactKind,
    felt: Vec<EntryImpact>,
    amount: f64,
    /// By place.
    whole: Vec<f64>,
    /// The places that are more than dust.
    kept: Vec<usize>,
}

impl Division {
    /// `None` if users do not feel it.
    fn of(kind: ImpactKind, entries: &[Entry], measured: &Measured, levels: &Levels) -> Option<Self> {
        let (felt, whole) = divide(kind, entries, measured, levels);
        let amount: f64 = felt.iter().map(|e| e.amount).sum();
        let kept = (0..whole.len()).filter(|&i| whole[i] >= DUST).collect();
        (amount > 0.0).then_some(Self { kind, felt, amount, whole, kept })
    }

    /// Adds the shares of the kept places in every resample.
    fn impact(
        self,
        (measured, levels, ends): (&Measured, &Levels, &Ends),
        draws: &[&[f64]],
        anomalies: &Anomalies,
    ) -> Impact {
        let share = |(k, &i): (usize, &usize)| {
            let place = measured.place(i);
            let draws = draws.iter().map(|shares| shares[k]).collect();
            Share { place, share: self.whole[i], at_callee: ends.at_callee(place), draws }
        };
        let mut shares: Vec<Share> = self.kept.iter().enumerate().map(share).collect();
        shares.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.place.cmp(&b.place)));
        let at: BTreeSet<ServiceIdx> = self.felt.iter().map(|e| e.service).collect();
        let evidence = symptom_evidence(anomalies, &self.kind.family(), &at);
        let unmeasured = Decomposition::new(measured, levels).unmeasured(self.kind);
        let one_sided = measured.one_sided.clone();
        let (kind, entries, amount) = (self.kind, self.felt, self.amount);
        Impact { kind, entries, amount, evidence, shares, unmeasured, one_sided }
    }
}

/// Evidence of the clearest such symptom of the entries, in their own answers or in one of their calls.
fn symptom_evidence(anomalies: &Anomalies, family: &Family, entries: &BTreeSet<ServiceIdx>) -> f64 {
    let at_entry = anomalies.series.iter().filter(|s| {
        s.metric.family == *family && matches!(s.metric.side, Side::Own | Side::Client) && entries.contains(&s.service)
    });
    at_entry.map(|s| s.evidence).fold(0.0, f64::max)
}
