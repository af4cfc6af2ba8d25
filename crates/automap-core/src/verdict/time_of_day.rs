//! Compares what stands out with the same hours of earlier days, and decides whether such days are worth querying.
//!
//! The series that carry a verdict are compared day by day: clear symptoms, evidence for the named services, and requests at the entries that moved
//! by a fifth. If each of them made the same move on at least two days, what stands out is usual, and there is no incident. A series that was not
//! observed on a day was not the same; one that was not observed today is not called calm; and if the user or an alert says that there is an
//! incident, there is one. Failing requests are an incident, however usual: the incident stands, and the report says that it is usual.
//!
//! Worked example: requests at the entry rose from 212 to 388 a second and its latency from 31 to 250 ms. Yesterday they went from 205 to 379 and
//! from 30 to 41, a week ago from 198 to 391 and from 29 to 40. On both days the requests made the same move and the latency did not: the traffic is
//! usual, the latency is not, and the incident stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::Analysis;
use crate::anomaly::{CLEAR, SeriesEvidence, practical_floor};
use crate::change::{ChangeKind, ChangeLog};
use crate::frame::{MetricFrame, Series, ServiceIdx};
use crate::metric::{Family, Metric, Side, Unit};
use crate::rank::PartSource;
use crate::stats::{Level, mean, median};
use crate::time::Interval;
use crate::time_of_day::{CompareWith, EarlierDay, MAX_CELLS_PER_DAY, MAX_SPAN_MS, Move, SeriesName};

use super::{Lead, mechanism};

/// Maximum number of queries for days: the first ones, and one more if they disagree.
pub const MAX_ROUNDS: usize = 2;
/// Days that must show the same move before it is usual.
pub const ENOUGH_DAYS: usize = 2;
/// Requests at the entries that move by this share are a reason to query earlier days.
const TRAFFIC_MOVED: f64 = 0.2;
/// A step makes at least this share of a change at once; less is a drift.
const STEP: f64 = 0.5;
/// A job that began at most this long before the onset may have started the incident.
const JOB_BEFORE_MS: i64 = 900_000;
/// If an incident is more than twice as long as this, this last part must be usual as well.
const END_MS: i64 = 300_000;
/// Users' requests fail if the failing share at an entry rises by this: one in a hundred.
const FAILED_USERS: f64 = 0.01;
/// Factor of the confidence in a service that would be named for a usual number of requests, which keeps it from being named.
const USUAL_REQUESTS: f64 = 0.5;

/// What the same hours of earlier days say about what stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TimeOfDayFinding")]
pub enum Finding {
    /// All of it is usual for this time.
    Usual,
    /// The requests are usual, something else is not.
    TrafficIsUsual,
    /// It is not usual.
    Unusual,
    /// Fewer than two days were observed.
    TooFewDays,
}

/// One series that carries the verdict, today and on each earlier day.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Its position in the frame.
    pub series: usize,
    /// Its move today.
    pub today: Move,
    /// Its move on each of [`Analysis::earlier_days`]; `None` if it was not observed.
    pub earlier: Vec<Option<Move>>,
    /// For each of them, whether the move was the same.
    pub is_same: Vec<bool>,
}

impl Compared {
    /// Whether it was the same on enough days.
    pub fn is_usual(&self) -> bool {
        self.is_same.iter().filter(|same| **same).count() >= ENOUGH_DAYS
    }

    /// Whether it counts requests.
    pub fn is_traffic(&self, analysis: &Analysis) -> bool {
        analysis.frame.series()[self.series].metric.family == Family::Throughput
    }
}

/// The comparison with earlier days.
#[derive(Clone, Debug)]
pub struct TimeOfDay {
    /// What it says.
    pub finding: Finding,
    /// Whether users' requests fail, in which case being usual is no excuse.
    pub fails_users: bool,
    /// The series, the clearest first.
    pub series: Vec<Compared>,
}

/// Compares; `None` if no earlier day was queried, or nothing stands out. O(series + carrying series × days × samples).
pub fn compare(analysis: &Analysis, lead: &Lead) -> Option<TimeOfDay> {
    if analysis.earlier_days.is_empty() {
        return None;
    }
    let windows = windows(analysis)?;
    let compared = |series| compared(analysis, series, windows);
    let series: Vec<Compared> = carrying(analysis, lead).into_iter().map(compared).collect();
    let days = (!series.is_empty()).then_some(analysis.earlier_days.len())?;
    let observed = analysis.earlier_days.iter().filter(|day| day.frame().is_some());
    let all_same = (0..days).filter(|day| series.iter().all(|s| s.is_same[*day])).count();
    let mut traffic = series.iter().filter(|s| s.is_traffic(analysis)).peekable();
    let finding = if observed.count() < ENOUGH_DAYS {
        Finding::TooFewDays
    } else if all_same >= ENOUGH_DAYS {
        Finding::Usual
    } else if traffic.peek().is_some() && traffic.all(Compared::is_usual) {
        Finding::TrafficIsUsual
    } else {
        Finding::Unusual
    };
    let frame = &analysis.frame;
    let fails = |s: &Compared| {
        let series = &frame.series()[s.series];
        let is_at_entry = analysis.entries.is_empty() || analysis.entries.contains(&series.service);
        is_at_entry && series.peer.is_none() && fails_users(&series.metric, s.today)
    };
    Some(TimeOfDay { finding, fails_users: series.iter().any(fails), series })
}

/// Whether clearly more requests fail than before, as counted by the server.
pub(crate) fn fails_users(metric: &Metric, Move { from, to }: Move) -> bool {
    let is_more = if metric.unit == Unit::Ratio { to - from >= FAILED_USERS } else { to > from };
    metric.family == Family::Error && metric.side == Side::Own && is_more
}

/// Whether everything that stands out is usual. Stopped samples, unobserved symptoms, and failing requests of users never are.
pub(super) fn is_usual(analysis: &Analysis, lead: &Lead) -> bool {
    let of_named = analysis.ranking.services.iter().filter(|r| lead.names(r.service)).flat_map(|r| &r.parts);
    let has_stopped = of_named.clone().any(|p| p.source == PartSource::Missing && p.evidence >= CLEAR);
    let is_seen = !has_stopped && !analysis.unseen.hides_symptoms();
    is_seen && compare(analysis, lead).is_some_and(|c| c.finding == Finding::Usual && !c.fails_users)
}

/// The services that may be named, without those that would be named for their number of requests although that is usual. If no others are left they
/// stay, and [`certainty`] keeps them from being named.
pub(super) fn without_usual_requests(
    analysis: &Analysis,
    (mut named, fewest): (Vec<Vec<ServiceIdx>>, usize),
) -> (Vec<Vec<ServiceIdx>>, usize) {
    if named.iter().any(|group| !is_usual_request_rate(analysis, group)) {
        named.retain(|group| !is_usual_request_rate(analysis, group));
    }
    let most = named.len();
    (named, fewest.min(most))
}

/// Factor of the confidence, 0–1, in services that would be named for a usual number of requests.
pub(super) fn certainty(analysis: &Analysis, named: &[Vec<ServiceIdx>]) -> f64 {
    if named.iter().any(|group| is_usual_request_rate(analysis, group)) { USUAL_REQUESTS } else { 1.0 }
}

/// Whether the first of these services would be named for its number of requests, and that is usual.
fn is_usual_request_rate(analysis: &Analysis, group: &[ServiceIdx]) -> bool {
    let Some(service) = group.first().filter(|_| !analysis.earlier_days.is_empty()) else { return false };
    let is_named_for_it = mechanism(analysis, *service) == Some(PartSource::Own(Family::Throughput));
    let is_load = |s: &Series| s.service == *service && s.peer.is_none() && s.metric.family == Family::Throughput;
    let series = analysis.frame.series().iter().position(is_load);
    let usual = |series| windows(analysis).is_some_and(|windows| compared(analysis, series, windows).is_usual());
    is_named_for_it && series.is_some_and(usual)
}

/// The series that carry the verdict, the clearest first: all of them must be usual.
fn carrying(analysis: &Analysis, lead: &Lead) -> Vec<usize> {
    let series = analysis.anomalies.series.iter();
    let carries = |s: &&SeriesEvidence| s.evidence >= CLEAR && (s.metric.family.is_symptom() || lead.names(s.service));
    let mut clear: Vec<&SeriesEvidence> = series.filter(carries).collect();
    clear.sort_by(|a, b| b.evidence.total_cmp(&a.evidence).then(a.series.cmp(&b.series)));
    let felt = analysis.plan.current.as_ref().and_then(|c| c.symptom).map(|(series, _, _)| series);
    let traffic = traffic(analysis).filter(|series| {
        let Move { from, to } = today(analysis, *series).0;
        (to - from).abs() >= TRAFFIC_MOVED * from.abs().max(to.abs())
    });
    let mut all: Vec<usize> = Vec::new();
    for series in traffic.chain(clear.iter().map(|s| s.series)).chain(felt) {
        if !all.contains(&series) {
            all.push(series);
        }
    }
    all
}

/// The requests of the entries; where no calls are known, those of every service.
fn traffic(analysis: &Analysis) -> impl Iterator<Item = usize> {
    let is_entry = |s: &Series| analysis.entries.is_empty() || analysis.entries.contains(&s.service);
    let is_traffic =
        move |s: &Series| s.metric.family == Family::Throughput && s.metric.side == Side::Own && is_entry(s);
    let all = analysis.frame.series().iter().enumerate();
    all.filter(move |(_, s)| s.peer.is_none() && is_traffic(s)).map(|(i, _)| i)
}

fn compared(analysis: &Analysis, series: usize, [baseline, incident]: [Interval; 2]) -> Compared {
    let (today, level) = today(analysis, series);
    let of = &analysis.frame.series()[series];
    let (floor, name) = (practical_floor(of.metric.unit), name(&analysis.frame, of));
    let end = end_of(analysis, incident);
    let at_end = end.map(|(rows, window)| (Move { to: level.of(&of.values_at(&rows)), ..today }, window));
    let is_like = |day: &EarlierDay, (today, window): (Move, Interval)| {
        day.moved(name, [baseline, window], level).is_some_and(|m| today.is_like(&m, floor))
    };
    let days = &analysis.earlier_days;
    let earlier = days.iter().map(|day| day.moved(name, [baseline, incident], level)).collect();
    let same = |day| is_like(day, (today, incident)) && at_end.is_none_or(|end| is_like(day, end));
    Compared { series, today, earlier, is_same: days.iter().map(same).collect() }
}

/// The last minutes of a long incident, which may be worse than the whole, such as a fault that begins in a busy hour. `None` if they are most of it.
fn end_of(analysis: &Analysis, incident: Interval) -> Option<(Vec<usize>, Interval)> {
    let window = Interval { start: incident.end.plus_ms(-END_MS), ..incident };
    let times = analysis.frame.times();
    let rows = analysis.windows.rows.incident.iter().copied().filter(|&i| window.contains(times[i]));
    (incident.len_ms() > 2 * END_MS).then(|| (rows.collect(), window))
}

pub(crate) fn name<'a>(frame: &'a MetricFrame, series: &'a Series) -> SeriesName<'a> {
    SeriesName {
        service: frame.service(series.service),
        metric: &series.metric.name,
        peer: series.peer.map(|p| frame.service(p)),
    }
}

/// Today's move, and the statistic that measures it.
fn today(analysis: &Analysis, series: usize) -> (Move, Level) {
    let (series, rows) = (&analysis.frame.series()[series], &analysis.windows.rows);
    let (before, during) = (series.values_at(&rows.baseline), series.values_at(&rows.incident));
    let level = Level::telling(&before, &during);
    (Move { from: level.of(&before), to: level.of(&during) }, level)
}

fn windows(analysis: &Analysis) -> Option<[Interval; 2]> {
    let rows = &analysis.windows.rows;
    Some([analysis.frame.span_of(&rows.baseline)?, analysis.frame.span_of(&rows.incident)?])
}

/// The days to query next, given the known ones: none if the first look gives no reason, the start was given, or enough is known.
///
/// Reasons are requests at the entries that moved by a fifth, a drift instead of a step, a lead whose evidence is requests, and a job that began.
/// O(series + samples of the carrying series).
pub fn days_to_ask(analysis: &Analysis, lead: &Lead, changes: &ChangeLog, with: CompareWith) -> Vec<u32> {
    let frame = &analysis.frame;
    let cells = frame.series().len() * frame.times().len();
    let is_too_large = cells > MAX_CELLS_PER_DAY || frame.span().len_ms() > MAX_SPAN_MS;
    let is_auto = with == CompareWith::Auto;
    if is_too_large || (is_auto && analysis.windows.onset.is_told()) {
        return Vec::new();
    }
    if analysis.earlier_days.is_empty() {
        let has_reason = !is_auto || is_worth_asking(analysis, lead, changes);
        return if has_reason { with.first_days() } else { Vec::new() };
    }
    let next = with.next_day().filter(|_| analysis.earlier_days.len() < CompareWith::Auto.first_days().len() + 1);
    let all_observed = analysis.earlier_days.iter().all(|day| day.frame().is_some());
    let same = compare(analysis, lead)
        .map_or(0, |c| (0..analysis.earlier_days.len()).filter(|day| c.series.iter().all(|s| s.is_same[*day])).count());
    next.filter(|_| all_observed && same == 1).into_iter().collect()
}

fn is_worth_asking(analysis: &Analysis, lead: &Lead, changes: &ChangeLog) -> bool {
    let of = |rows: &[usize]| {
        let level = |series: usize| median(&analysis.frame.series()[series].values_at(rows));
        traffic(analysis).map(level).filter(|v| !v.is_nan()).sum::<f64>()
    };
    let rows = &analysis.windows.rows;
    let (from, to) = (of(&rows.baseline), of(&rows.incident));
    let traffic_moved = (to - from).abs() >= TRAFFIC_MOVED * from.max(to) && from.max(to) > 0.0;
    let parts = analysis.ranking.services.iter().filter(|r| lead.names(r.service)).flat_map(|r| &r.parts);
    let clearest = parts.max_by(|a, b| a.evidence.total_cmp(&b.evidence));
    let is_traffic = clearest.is_some_and(|p| p.source == PartSource::Own(Family::Throughput));
    let onset = analysis.windows.incident.start;
    let began = |at| (onset.plus_ms(-JOB_BEFORE_MS)..=onset.plus_ms(JOB_BEFORE_MS)).contains(&at);
    let job_began = changes.changes.iter().any(|c| c.kind == ChangeKind::Job && began(c.at));
    traffic_moved || is_traffic || job_began || is_drift(analysis, lead)
}

/// Whether the clearest series that carries the verdict reached its level gradually.
///
/// Worked example: a latency that rises by 1 ms a minute for an hour, the last ten minutes of which are the incident, has risen by 48 ms between the first quarter of the
/// baseline and the last of the incident, and by 10 ms between the quarters on both sides of the onset: 10 / 48 is less than half, a drift.
fn is_drift(analysis: &Analysis, lead: &Lead) -> bool {
    let Some(series) = carrying(analysis, lead).into_iter().next() else { return false };
    let series = &analysis.frame.series()[series];
    let (before, during) = (&analysis.windows.rows.baseline, &analysis.windows.rows.incident);
    let quarter = |rows: &[usize]| rows.len().div_ceil(4);
    let level = |rows: &[usize]| mean(&series.values_at(rows));
    let (b, d) = (quarter(before), quarter(during));
    let (first, last_before) = (level(&before[..b]), level(&before[before.len() - b..]));
    let (first_during, last) = (level(&during[..d]), level(&during[during.len() - d..]));
    (first_during - last_before).abs() < STEP * (last - first).abs()
}

/// Whether this sign of one series, a move from one level to another, is usual: the same on two earlier days.
pub(crate) fn is_usual_sign(
    days: &[EarlierDay],
    name: SeriesName<'_>,
    (today, floor): (Move, f64),
    windows: [Interval; 2],
) -> bool {
    let moves = days.iter().filter_map(|day| day.moved(name, windows, Level::Median));
    moves.filter(|m| today.is_like(m, floor)).count() >= ENOUGH_DAYS
}
