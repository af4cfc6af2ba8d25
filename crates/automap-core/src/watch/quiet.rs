//! One look at a system that has no open incident: is there one?

use super::vitals::NormalRanges;
use super::{TroubleSince, WatchHealth, WatchInput, WatchOptions, titles};
use crate::anomaly::practical_floor;
use crate::diagnose::analyse;
use crate::frame::{MetricFrame, Series};
use crate::incident::{IndicatorChange, Severity};
use crate::metric::Metric;
use crate::observation::Observation;
use crate::report::{Evidence, Report, VerdictKind, compose};
use crate::stats::{finite, median};
use crate::time::{Interval, Timestamp, WindowHint};
use crate::windows::OnsetSource;

/// Fewest rows of "now".
const MIN_NOW_ROWS: usize = 3;
/// Fewest rows of normal time.
const MIN_NORMAL_ROWS: usize = 20;
/// More of the services silent at once than this is the source's silence.
const SILENT_SHARE: f64 = 0.6;
/// A resource must have moved by so many of the spreads that are too small to matter.
const UNFELT_SPREADS: f64 = 5.0;

/// A look that can be judged.
#[derive(Debug)]
pub(super) struct PreparedInput {
    /// The observation without the time of earlier incidents.
    pub(super) observation: Observation,
    /// The rows of now.
    pub(super) recent: Vec<usize>,
}

/// What speaks for opening an incident.
#[derive(Debug)]
pub(super) struct Assessment {
    pub(super) is_due: bool,
    pub(super) onset: Timestamp,
    pub(super) signs: Vec<IndicatorChange>,
    pub(super) unfelt: Vec<Watchpoint>,
    pub(super) normal: NormalRanges,
    pub(super) report: Report,
}

/// A resource by which an unfelt incident is followed: it is over when the level is nearer to normal again.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Watchpoint {
    service: String,
    metric: String,
    peer: Option<String>,
    from: f64,
    to: f64,
}

/// Prepares a look: the time of earlier incidents is cut out.
///
/// # Errors
/// What keeps it from being judged.
pub(super) fn prepare(
    look: &WatchInput<'_>,
    trouble: &[Interval],
    options: &WatchOptions,
) -> Result<PreparedInput, WatchHealth> {
    let frame = &look.observation.frame;
    let since = last_with_data(frame);
    if look.now.ms() - since.ms() > options.stale_ms.max(3 * frame.step_ms()) {
        return Err(WatchHealth::Stale { since });
    }
    let frame =
        frame.without(trouble).map_err(|_| WatchHealth::Learning { samples: 0, needed: needed(frame, options) })?;
    let recent = recent(&frame, options);
    let (silent, of) = silent(&frame, &recent);
    if of > 1 && silent as f64 > SILENT_SHARE * of as f64 {
        return Err(WatchHealth::SourceSilent { services: silent, of });
    }
    let observation = Observation { frame, hint: WindowHint::default(), ..look.observation.clone() };
    Ok(PreparedInput { observation, recent })
}

/// Whether an incident is due, with the suspicion brought up to date. The onset is found in the data.
///
/// # Errors
/// Too little normal time to judge.
pub(super) fn assess(
    seen: &PreparedInput,
    look: &WatchInput<'_>,
    suspicion: &mut TroubleSince,
    options: &WatchOptions,
) -> Result<Assessment, WatchHealth> {
    let frame = &seen.observation.frame;
    let (samples, needed) = (seen.recent.first().copied().unwrap_or(0), needed(frame, options));
    let learning = WatchHealth::Learning { samples, needed };
    if samples < needed {
        return Err(learning);
    }
    let Ok(analysis) = analyse(&seen.observation, &options.diagnose) else { return Err(learning) };
    let report = compose(&seen.observation, &analysis, &options.diagnose.verdict);
    let windows = &analysis.windows;
    let normal = NormalRanges::of(frame, &history(frame, options));
    let mut signs = normal.signs(frame, &seen.recent, &options.vitals);
    // Where trouble is older than what is remembered, history is no normal time; a cause beyond doubt says since when it is not.
    if signs.is_empty() && report.verdict.kind == VerdictKind::Cause && windows.onset == OnsetSource::Detected {
        signs = NormalRanges::of(frame, &windows.rows.baseline).signs(frame, &seen.recent, &options.vitals);
    }
    let unfelt = if windows.onset == OnsetSource::Detected { unfelt(seen, &report, options) } else { Vec::new() };
    let since = |slot: &mut Option<Timestamp>, holds: bool| {
        *slot = holds.then(|| slot.unwrap_or(look.now));
        slot.map(|since| look.now.ms() - since.ms())
    };
    let felt_for = since(&mut suspicion.felt, !signs.is_empty());
    let unfelt_for = since(&mut suspicion.unfelt, !unfelt.is_empty());
    let is_critical = titles::severity(signs.iter(), None) == Severity::Critical;
    let confirm_ms = if is_critical { options.confirm_critical_ms } else { options.confirm_ms };
    let told = !look.slos.is_empty() || !look.alerts.is_empty();
    let is_due = told
        || felt_for.is_some_and(|ms| ms >= confirm_ms && ms > 0)
        || unfelt_for.is_some_and(|ms| ms >= options.confirm_resource_ms && ms > 0);
    let first_felt = suspicion.felt.or(suspicion.unfelt).unwrap_or(look.now).plus_ms(-options.now_ms);
    let first_told = look.alerts.iter().map(|a| a.started).min();
    let onset = match windows.onset {
        OnsetSource::Detected => windows.incident.start,
        _ => first_told.unwrap_or(first_felt).min(look.now),
    };
    Ok(Assessment { is_due, onset, signs, unfelt, normal, report })
}

/// What a cause that nobody feels is recognised by, if it is beyond doubt and still there.
fn unfelt(seen: &PreparedInput, report: &Report, options: &WatchOptions) -> Vec<Watchpoint> {
    let verdict = &report.verdict;
    if verdict.kind != VerdictKind::Cause || verdict.confidence < options.resource_confidence {
        return Vec::new();
    }
    let mut all = watchpoints(report, options);
    all.retain(|w| w.holds(&seen.observation.frame, &seen.recent) == Some(true));
    all
}

/// Resources of the first candidate that rose by more than a release changes them.
pub(super) fn watchpoints(report: &Report, options: &WatchOptions) -> Vec<Watchpoint> {
    let rose = |e: &Evidence| {
        let (from, to) = (e.from?, e.to?);
        let metric = Metric::parse(&e.metric);
        let least = UNFELT_SPREADS * practical_floor(metric.unit);
        let clear = to > from && to >= options.resource_factor * from && to - from >= least;
        (clear && !metric.family.is_symptom()).then(|| Watchpoint {
            service: e.seen_by.clone(),
            metric: e.metric.clone(),
            peer: e.peer.clone(),
            from,
            to,
        })
    };
    report.causes.first().into_iter().flat_map(|c| &c.evidence).filter_map(rose).collect()
}

impl Watchpoint {
    /// Whether the level is nearer to the incident's than to normal; `None` where it is not observed.
    pub(super) fn holds(&self, frame: &MetricFrame, recent: &[usize]) -> Option<bool> {
        let peer = match &self.peer {
            Some(peer) => Some(frame.find(peer)?),
            None => None,
        };
        let series = frame.get(frame.find(&self.service)?, &self.metric, peer)?;
        let values = finite(&recent.iter().map(|&i| series.values[i]).collect::<Vec<_>>());
        if 2 * values.len() < recent.len() {
            return None;
        }
        let now = median(&values);
        Some((now - self.from).abs() > (now - self.to).abs())
    }
}

/// Samples of normal time that have to be known.
fn needed(frame: &MetricFrame, options: &WatchOptions) -> usize {
    MIN_NORMAL_ROWS.max((options.learn_ms / frame.step_ms().max(1)) as usize)
}

/// The last rows: those of the last moments, three at least.
fn recent(frame: &MetricFrame, options: &WatchOptions) -> Vec<usize> {
    let times = frame.times();
    let from = times[times.len() - 1].plus_ms(-options.now_ms);
    let first = times.partition_point(|t| *t <= from).min(times.len().saturating_sub(MIN_NOW_ROWS));
    (first..times.len()).collect()
}

/// All rows but the last ones, which may be the beginning of an incident.
fn history(frame: &MetricFrame, options: &WatchOptions) -> Vec<usize> {
    let times = frame.times();
    let guard = times[times.len() - 1].plus_ms(-options.guard_ms);
    (0..times.partition_point(|t| *t <= guard)).collect()
}

fn has_data(series: &Series, rows: &[usize]) -> bool {
    rows.iter().any(|&i| !series.values[i].is_nan())
}

/// Whether nothing at all is observed of a service: it is not known to be well.
pub(super) fn is_silent(frame: &MetricFrame, service: &str, recent: &[usize]) -> bool {
    let service = frame.find(service);
    !frame.series().iter().any(|s| Some(s.service) == service && has_data(s, recent))
}

fn last_with_data(frame: &MetricFrame) -> Timestamp {
    let times = frame.times();
    let any = |i: &usize| frame.series().iter().any(|s| !s.values[*i].is_nan());
    times[(0..times.len()).rev().find(any).unwrap_or(0)]
}

/// Services that had data just before and have none now, of those that had.
fn silent(frame: &MetricFrame, recent: &[usize]) -> (usize, usize) {
    let before = recent.first().copied().unwrap_or(0);
    let look_back = before.saturating_sub(recent.len().max(MIN_NOW_ROWS) * 2)..before;
    let mut had = vec![false; frame.services().len()];
    let mut have = had.clone();
    for s in frame.series() {
        had[s.service.0] |= look_back.clone().any(|i| !s.values[i].is_nan());
        have[s.service.0] |= has_data(s, recent);
    }
    let of = had.iter().filter(|h| **h).count();
    (had.iter().zip(&have).filter(|(had, have)| **had && !**have).count(), of)
}
