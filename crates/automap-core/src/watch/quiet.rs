//! Decides, while no incident is open, whether one should be.
//!
//! [`prepare`] rejects data that cannot be judged: stale, too short, or missing most services at once. [`assess`] then compares "now" with the
//! baseline in two ways: by the indicators that users notice, and by resources that a confident diagnosis points at. Either must last for its
//! confirmation time. `beside` does the same for what open incidents leave unexplained; `open_incident` follows an incident once it is open.

use super::model::{Alert, Reported, WatchHealth, WatchInput, WatchOptions};
use super::titles;
use super::usual;
use super::vitals::NormalRanges;
use crate::anomaly::practical_floor;
use crate::course::{Plan, Stretch};
use crate::diagnose::analyse;
use crate::frame::{MetricFrame, Series};
use crate::incident::{Indicator, IndicatorChange, NamedCause, Severity};
use crate::metric::{CLIENT_LATENCY_MS, Family, Metric, NETWORK_GAP_MS, SERVED_LATENCY_MS, Side};
use crate::observation::Observation;
use crate::report::{Evidence, Report, VerdictKind, compose};
use crate::stats::{finite, median};
use crate::time::{Interval, Timestamp, WindowHint};
use crate::unseen::Unanswered;
use crate::windows::OnsetSource;

/// How long before now an alert may date the beginning of the problem.
pub(super) const MAX_ALERT_LEAD_MS: i64 = 30 * 60_000;
/// Fewest rows that count as "now".
pub(super) const MIN_NOW_ROWS: usize = 3;
/// Fewest rows of baseline.
const MIN_NORMAL_ROWS: usize = 20;
/// If a larger share of the services stops reporting at once, the source is the cause and not the services.
const SILENT_SHARE: f64 = 0.6;
/// Smallest rise of a watched resource, in multiples of its unit's practical floor.
const MIN_RISE_IN_FLOORS: f64 = 5.0;

/// Since when something has been wrong without interruption, while no incident is open for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TroubleSince {
    /// Something that users notice.
    user_visible: Option<Timestamp>,
    /// A resource only.
    resource_only: Option<Timestamp>,
}

/// Data of a poll that can be judged.
#[derive(Debug)]
pub(super) struct PreparedInput {
    /// The observation, without the time of earlier incidents.
    pub(super) observation: Observation,
    /// The rows of "now".
    pub(super) recent: Vec<usize>,
    /// The queries for requests that were not completely answered.
    pub(super) unanswered: Vec<Unanswered>,
}

impl PreparedInput {
    /// Whether all queries for requests were answered, so that the absence of signs means calm.
    pub(super) fn is_whole(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// Whether the data can be judged completely.
    pub(super) fn health(&self) -> WatchHealth {
        match &self.unanswered[..] {
            [] => WatchHealth::Ready,
            unanswered => WatchHealth::Partial(unanswered.to_vec()),
        }
    }

    /// [`WatchHealth::Learning`] while there is too little baseline.
    pub(super) fn learning(&self, options: &WatchOptions) -> Option<WatchHealth> {
        let needed = needed(&self.observation.frame, options);
        (self.samples() < needed).then_some(WatchHealth::Learning { samples: self.samples(), needed })
    }

    /// Samples of baseline.
    fn samples(&self) -> usize {
        self.recent.first().copied().unwrap_or(0)
    }

    /// The same with another frame.
    pub(super) fn with_frame(&self, frame: MetricFrame, options: &WatchOptions) -> Self {
        let recent = recent(&frame, options);
        let observation = Observation { frame, ..self.observation.clone() };
        Self { observation, recent, unanswered: self.unanswered.clone() }
    }

    /// The indicators that are out of range now. In a partial answer counts are too low, so they do not prove lost requests.
    pub(super) fn signs(&self, normal: &NormalRanges, options: &WatchOptions) -> Vec<IndicatorChange> {
        let mut signs = normal.signs(&self.observation.frame, &self.recent, &options.vitals);
        signs.retain(|s| self.is_whole() || s.indicator != Indicator::Requests);
        signs
    }
}

/// Whether an incident should open, and what is known about it.
#[derive(Debug)]
pub(super) struct Assessment {
    /// An incident should open now.
    pub(super) is_due: bool,
    /// Best estimate of when it began.
    pub(super) onset: Timestamp,
    /// The beginning was found in the data, and it is not over.
    pub(super) is_current: bool,
    pub(super) signs: Vec<IndicatorChange>,
    pub(super) watchpoints: Vec<Watchpoint>,
    pub(super) normal: NormalRanges,
    /// The diagnosis, or why there is none.
    pub(super) report: Result<Report, String>,
    /// Share of the remembered time that is disturbed and was excluded from the baseline, 0–1.
    pub(super) disturbed: f64,
    /// Earlier days to query before it opens.
    pub(super) wanted_days: Vec<u32>,
}

impl Assessment {
    /// The cause that the diagnosis names.
    pub(super) fn named(&self) -> Option<NamedCause> {
        titles::named(self.report.as_ref().ok()?)
    }

    /// The same for a problem that only these alerts report.
    pub(super) fn of_alerts(&self, alerts: &[Alert], input: &WatchInput<'_>, last_closed: Option<Timestamp>) -> Self {
        let of_data = (input.now, Some(input.observation.frame.span().start));
        let onset = first_reported(alerts, of_data, last_closed).unwrap_or(input.now).min(input.now);
        Self::reported(onset, self.normal.clone(), self.report.clone())
    }

    /// The same if the data cannot be judged.
    pub(super) fn unjudged(reported: &Reported<'_>, last_closed: Option<Timestamp>) -> Self {
        let Reported { now, alerts, why, data_since, .. } = *reported;
        let onset = first_reported(alerts, (now, data_since), last_closed).unwrap_or(now).min(now);
        Self::reported(onset, NormalRanges::default(), Err(why.to_owned()))
    }

    fn reported(onset: Timestamp, normal: NormalRanges, report: Result<Report, String>) -> Self {
        let (signs, watchpoints, wanted_days) = (Vec::new(), Vec::new(), Vec::new());
        let (is_due, is_current, disturbed) = (true, false, 0.0);
        Self { is_due, onset, is_current, signs, watchpoints, normal, report, disturbed, wanted_days }
    }
}

/// A resource to follow for an incident that no user notices: it is over once the level is nearer to normal again.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Watchpoint {
    service: String,
    metric: Metric,
    peer: Option<String>,
    from: f64,
    to: f64,
}

/// Checks an input and removes the time of earlier incidents.
///
/// # Errors
/// The reason why the data cannot be judged.
pub(super) fn prepare(
    input: &WatchInput<'_>,
    past_incidents: &[Interval],
    options: &WatchOptions,
) -> Result<PreparedInput, WatchHealth> {
    let frame = &input.observation.frame;
    let since = last_with_data(frame);
    if input.now.ms() - since.ms() > options.stale_ms.max(3 * frame.step_ms()) {
        return Err(WatchHealth::Stale { since });
    }
    let frame = frame
        .without(past_incidents)
        .map_err(|_| WatchHealth::Learning { samples: 0, needed: needed(frame, options) })?;
    let recent = recent(&frame, options);
    let (silent, of) = silent(&frame, &recent);
    if of > 1 && silent as f64 > SILENT_SHARE * of as f64 {
        return Err(WatchHealth::SourceSilent { services: silent, of });
    }
    let observation = Observation { frame, hint: WindowHint::default(), ..input.observation.clone() };
    let unanswered = Unanswered::all(&observation.queries);
    Ok(PreparedInput { observation, recent, unanswered })
}

/// Decides whether an incident should open, and updates since when something has been wrong. Signs that are not `among` these are ignored.
/// `last_closed` is when the latest incident was closed.
///
/// # Errors
/// [`WatchHealth::Learning`] while there is too little baseline.
pub(super) fn assess(
    prepared: &PreparedInput,
    input: &WatchInput<'_>,
    trouble: &mut TroubleSince,
    among: Option<&[IndicatorChange]>,
    last_closed: Option<Timestamp>,
    options: &WatchOptions,
) -> Result<Assessment, WatchHealth> {
    let frame = &prepared.observation.frame;
    if let Some(learning) = prepared.learning(options) {
        return Err(learning);
    }
    let Ok(analysis) = analyse(&prepared.observation, &options.diagnose) else {
        return Err(WatchHealth::Learning { samples: prepared.samples(), needed: needed(frame, options) });
    };
    let report = compose(&prepared.observation, &analysis, &options.diagnose.verdict);
    let windows = &analysis.windows;
    // An incident that is over in the data is not the current one.
    let is_current = windows.onset == OnsetSource::Detected && analysis.plan.over_since.is_none();
    let (learnt_from, disturbed) = undisturbed(history(frame, options), &analysis.plan, frame, options);
    let normal = NormalRanges::of(frame, &learnt_from);
    let is_among = |s: &IndicatorChange| among.is_none_or(|all| all.iter().any(|o| is_same_sign(o, s)));
    let mut signs = prepared.signs(&normal, options);
    signs.retain(is_among);
    usual::remove(&mut signs, prepared, &learnt_from);
    // A problem older than the remembered data has contaminated the history; a confident diagnosis shows where the real baseline ends.
    if signs.is_empty() && report.verdict.kind == VerdictKind::Cause && is_current {
        signs = prepared.signs(&NormalRanges::of(frame, &windows.rows.baseline), options);
        signs.retain(is_among);
        usual::remove(&mut signs, prepared, &windows.rows.baseline);
    }
    let watchpoints = if is_current { active_watchpoints(prepared, &report, options) } else { Vec::new() };
    let since = |slot: &mut Option<Timestamp>, holds: bool| {
        if holds || prepared.is_whole() {
            *slot = holds.then(|| slot.unwrap_or(input.now));
        }
        slot.filter(|_| holds).map(|since| input.now.ms() - since.ms())
    };
    let noticed_for = since(&mut trouble.user_visible, !signs.is_empty());
    let resource_for = since(&mut trouble.resource_only, !watchpoints.is_empty());
    let is_critical = titles::severity(signs.iter(), None) == Severity::Critical;
    let confirm_ms = if is_critical { options.confirm_critical_ms } else { options.confirm_ms };
    let is_reported = !input.slos.is_empty() || !input.alerts.is_empty();
    let is_due = is_reported
        || noticed_for.is_some_and(|ms| ms >= confirm_ms && ms > 0)
        || resource_for.is_some_and(|ms| ms >= options.confirm_resource_ms && ms > 0);
    let wanted_days =
        if is_due && !is_reported { usual::wanted_days(prepared, &analysis, options) } else { Vec::new() };
    let first_noticed = trouble.user_visible.or(trouble.resource_only).unwrap_or(input.now).plus_ms(-options.now_ms);
    // An onset detected in the data counts only if something is observed to be wrong now, since noise has one, too.
    let is_seen = is_current && !(signs.is_empty() && watchpoints.is_empty());
    let onset = if is_seen {
        windows.incident.start
    } else {
        let of_data = (input.now, Some(frame.span().start));
        first_reported(input.alerts, of_data, last_closed).unwrap_or(first_noticed).min(input.now)
    };
    Ok(Assessment { is_due, onset, is_current, signs, watchpoints, normal, report: Ok(report), disturbed, wanted_days })
}

/// When the problem began according to the earliest alert, but not before the remembered data, not before the latest incident was closed (nothing was
/// wrong then, and no alert fired), and not earlier than [`MAX_ALERT_LEAD_MS`].
fn first_reported(
    alerts: &[Alert],
    (now, data_since): (Timestamp, Option<Timestamp>),
    last_closed: Option<Timestamp>,
) -> Option<Timestamp> {
    let started = alerts.iter().map(|a| a.started).min()?;
    let lead = now.plus_ms(-MAX_ALERT_LEAD_MS);
    let earliest = data_since.unwrap_or(lead).max(lead).max(last_closed.unwrap_or(lead));
    Some(started.max(earliest))
}

/// Whether two signs are the same indicator of the same service.
pub(super) fn is_same_sign(a: &IndicatorChange, b: &IndicatorChange) -> bool {
    (&a.service, a.indicator) == (&b.service, b.indicator)
}

/// The resources by which a confidently named cause can be followed, as far as they are still abnormal.
fn active_watchpoints(prepared: &PreparedInput, report: &Report, options: &WatchOptions) -> Vec<Watchpoint> {
    let verdict = &report.verdict;
    if verdict.kind != VerdictKind::Cause || verdict.confidence < options.resource_confidence {
        return Vec::new();
    }
    let mut all = watchpoints(report, options);
    all.retain(|w| w.holds(&prepared.observation.frame, &prepared.recent) == Some(true));
    all
}

/// Resources of the first candidate that rose by more than a release usually changes them.
pub(super) fn watchpoints(report: &Report, options: &WatchOptions) -> Vec<Watchpoint> {
    report.causes.first().into_iter().flat_map(|c| risen(&c.evidence, options)).collect()
}

/// The same for one candidate: the marks that its fault goes on, while its latency and errors may come from another.
pub(super) fn marks(report: &Report, service: &str, options: &WatchOptions) -> Vec<Watchpoint> {
    let causes = report.causes.iter().filter(|c| c.service == service);
    causes.flat_map(|c| risen(&c.evidence, options)).collect()
}

fn risen<'a>(evidence: &'a [Evidence], options: &'a WatchOptions) -> impl Iterator<Item = Watchpoint> + 'a {
    let rose = |e: &Evidence| {
        let (from, to) = (e.from?, e.to?);
        let least = MIN_RISE_IN_FLOORS * practical_floor(e.metric.unit);
        let clear = to > from && to >= options.resource_factor * from && to - from >= least;
        (clear && !e.metric.family.is_symptom()).then(|| Watchpoint {
            service: e.seen_by.clone(),
            metric: e.metric.clone(),
            peer: e.peer.clone(),
            from,
            to,
        })
    };
    evidence.iter().filter_map(rose)
}

impl Watchpoint {
    /// Whether the level is nearer to the incident's than to normal; `None` if it is not observed.
    pub(super) fn holds(&self, frame: &MetricFrame, recent: &[usize]) -> Option<bool> {
        let all = self.values(frame, recent)?;
        let values = finite(&all);
        if 2 * values.len() < recent.len() {
            return None;
        }
        let now = median(&values);
        Some((now - self.from).abs() > (now - self.to).abs())
    }

    /// Its values in some rows. The network gap is derived from what both ends measure.
    fn values(&self, frame: &MetricFrame, rows: &[usize]) -> Option<Vec<f64>> {
        let peer = match &self.peer {
            Some(peer) => Some(frame.find(peer)?),
            None => None,
        };
        let service = frame.find(&self.service)?;
        let of = |metric: &str| Some(frame.get(service, metric, peer)?.values_at(rows));
        if self.metric.name != NETWORK_GAP_MS {
            return of(&self.metric.name);
        }
        let (client, served) = (of(CLIENT_LATENCY_MS)?, of(SERVED_LATENCY_MS)?);
        Some(client.iter().zip(&served).map(|(c, s)| c - s).collect())
    }
}

/// Baseline samples needed before anything is judged.
fn needed(frame: &MetricFrame, options: &WatchOptions) -> usize {
    MIN_NORMAL_ROWS.max((options.learn_ms / frame.step_ms().max(1)) as usize)
}

/// The rows of "now": those within `now_ms` of the end, at least three.
fn recent(frame: &MetricFrame, options: &WatchOptions) -> Vec<usize> {
    let times = frame.times();
    let from = times[times.len() - 1].plus_ms(-options.now_ms);
    let first = times.partition_point(|t| *t <= from).min(times.len().saturating_sub(MIN_NOW_ROWS));
    (first..times.len()).collect()
}

/// All rows but the most recent ones, which may be the beginning of an incident.
fn history(frame: &MetricFrame, options: &WatchOptions) -> Vec<usize> {
    let times = frame.times();
    let guard = times[times.len() - 1].plus_ms(-options.guard_ms);
    (0..times.partition_point(|t| *t <= guard)).collect()
}

/// The rows to learn from: without incidents that users felt, even those that no watcher saw, and without the start of the system. Also returns the
/// share left out. Anything that has lasted for `accept_ms` is the new normal.
fn undisturbed(history: Vec<usize>, plan: &Plan, frame: &MetricFrame, options: &WatchOptions) -> (Vec<usize>, f64) {
    let times = frame.times();
    let lasted = |s: &Stretch| times[s.rows.end.min(times.len() - 1)].ms() - times[s.rows.start].ms();
    let stretches = plan.current.iter().chain(&plan.others).filter(|s| lasted(s) < options.accept_ms);
    let stretches: Vec<&Stretch> = stretches.collect();
    let is_quiet = |i: &usize| {
        let is_warm = plan.warm_until.is_none_or(|until| times[*i] >= until);
        is_warm && !stretches.iter().any(|s| s.rows.contains(i))
    };
    let quiet: Vec<usize> = history.iter().copied().filter(is_quiet).collect();
    let share = 1.0 - quiet.len() as f64 / history.len().max(1) as f64;
    if quiet.len() < MIN_NORMAL_ROWS { (history, 0.0) } else { (quiet, share) }
}

fn has_data(series: &Series, rows: &[usize]) -> bool {
    rows.iter().any(|&i| !series.values[i].is_nan())
}

/// Whether a service reports nothing at all, or no longer reports its requests, so that it cannot be called healthy.
pub(super) fn is_silent(frame: &MetricFrame, service: &str, recent: &[usize]) -> bool {
    let service = frame.find(service);
    let own = || frame.series().iter().filter(|s| Some(s.service) == service);
    let counts = || own().filter(|s| is_load(s));
    !own().any(|s| has_data(s, recent)) || (counts().next().is_some() && !counts().any(|s| has_data(s, recent)))
}

/// A service's own number of requests.
fn is_load(series: &Series) -> bool {
    series.metric.side == Side::Own && series.metric.family == Family::Throughput
}

fn last_with_data(frame: &MetricFrame) -> Timestamp {
    let times = frame.times();
    let any = |i: &usize| frame.series().iter().any(|s| !s.values[*i].is_nan());
    times[(0..times.len()).rev().find(any).unwrap_or(0)]
}

/// How many services reported just before but do not now, and how many reported just before.
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
