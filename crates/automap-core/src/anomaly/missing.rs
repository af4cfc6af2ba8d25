//! Turns samples that stop arriving into evidence, because a dead pod does not report that it is dead.
//!
//! A pod that is no longer scraped does not report either, and that is no fault of the service. So rows in which nearly all series have gaps
//! count as not observed, and so do rows in which the other services lack the same metric: after a collector outage gauges return at once but
//! rates only after a full window, and a query may be refused for all services. A service that still answers has not stopped: its callers get
//! answers, its own requests are counted or timed, or it makes calls as before.
//!
//! Worked example: none of 60 baseline samples is missing, all of 20 incident samples are. The smoothed share before is 0.5 / 61 = 0.008, its
//! error 0.023 + 1/20, so z = (1 − 0.008) / 0.073 = 13.5 and the evidence `ln(1 + 13.5) = 2.7`.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::Rows;
use super::load::is_own_load;
use super::rows::Column;
use crate::frame::ServiceIdx;
use crate::metric::{Family, Side};
use crate::stats::{finite, mean, signed_log};

/// A series that misses a larger share of its baseline samples is ignored.
const USUALLY_MISSING: f64 = 0.5;
/// A row in which a smaller share of the usual series, or of a metric's series at other services, has a value was not observed: the collector
/// itself was down.
const OBSERVED: f64 = 0.2;
/// Share of the usual requests from which a service counts as still answering.
const GOES_ON: f64 = 0.5;
/// A service whose failed share rises by at most this is answering well.
const WELL: f64 = 0.05;

/// Evidence by service: the largest rise of the missing share over its series, as a two-sample z with continuity correction, compressed.
/// Services without a rise are absent. O(series × samples).
pub(super) fn evidence(columns: &[Column], rows: &Rows) -> BTreeMap<ServiceIdx, f64> {
    let usual =
        columns.par_iter().filter(|c| is_told_by_its_service(c) && share_missing(c, &rows.baseline) <= USUALLY_MISSING);
    let usual: Vec<&Column> = usual.collect();
    // Without gaps in the incident, the missing share cannot have risen.
    let with_gaps: Vec<&Column> =
        usual.par_iter().copied().filter(|c| rows.incident.iter().any(|&i| c.values[i].is_nan())).collect();
    if with_gaps.is_empty() {
        return BTreeMap::new();
    }
    let rows = observed(&usual, rows);
    let reported = Reported::of(&usual);
    let around = Around::of(columns, with_gaps.iter().map(|c| c.service).collect());
    let mut out: BTreeMap<ServiceIdx, f64> = BTreeMap::new();
    for column in &with_gaps {
        let rows = reported.by_others(column, &rows);
        let (n0, n1) = (rows.baseline.len() as f64, rows.incident.len() as f64);
        if n0 == 0.0 || n1 == 0.0 {
            continue;
        }
        let p0 = (share_missing(column, &rows.baseline) * n0 + 0.5) / (n0 + 1.0);
        let error = (p0 * (1.0 - p0) * (1.0 / n0 + 1.0 / n1)).sqrt() + 1.0 / n1;
        let z = (share_missing(column, &rows.incident) - p0) / error;
        if z > 0.0 && !goes_on(column.service, &around, &rows) {
            let e = out.entry(column.service).or_default();
            *e = e.max(signed_log(z));
        }
    }
    out
}

/// A callee's measurements of a call are stored with the caller, but stop with the callee.
fn is_told_by_its_service(column: &Column) -> bool {
    column.metric.side != Side::Served && column.metric.family != Family::NetworkGap
}

fn share_missing(column: &Column, rows: &[usize]) -> f64 {
    rows.iter().filter(|&&i| column.values[i].is_nan()).count() as f64 / rows.len() as f64
}

/// How many series of a metric have a value in each row, and which series belong to one service.
struct Reported<'a> {
    all: BTreeMap<&'a str, Counts>,
    own: BTreeMap<(&'a str, ServiceIdx), Vec<&'a Column<'a>>>,
}

#[derive(Default)]
struct Counts {
    series: usize,
    by_row: Vec<usize>,
}

impl Counts {
    fn add(&mut self, column: &Column) {
        self.series += 1;
        self.by_row.resize(column.values.len(), 0);
        self.by_row.iter_mut().zip(column.values.iter()).for_each(|(n, value)| *n += usize::from(!value.is_nan()));
    }
}

impl<'a> Reported<'a> {
    fn of(usual: &[&'a Column<'a>]) -> Self {
        let mut out = Self { all: BTreeMap::new(), own: BTreeMap::new() };
        for column in usual {
            let name = column.metric.name.as_str();
            out.all.entry(name).or_default().add(column);
            out.own.entry((name, column.service)).or_default().push(column);
        }
        out
    }

    /// The rows in which other services report the same metric; all rows if no other service has it.
    fn by_others(&self, column: &Column, rows: &Rows) -> Rows {
        let name = column.metric.name.as_str();
        let (Some(all), Some(own)) = (self.all.get(name), self.own.get(&(name, column.service))) else {
            return rows.clone();
        };
        let others = all.series - own.len();
        let own_at = |i: usize| own.iter().filter(|c| !c.values[i].is_nan()).count();
        let is_reported = |i: &usize| (all.by_row[*i] - own_at(*i)) as f64 >= OBSERVED * others as f64;
        let keep = |rows: &[usize]| rows.iter().copied().filter(is_reported).collect();
        Rows { baseline: keep(&rows.baseline), incident: keep(&rows.incident) }
    }
}

/// The rows in which the collector was up.
fn observed(usual: &[&Column], rows: &Rows) -> Rows {
    let is_observed = |i: &usize| {
        let present = usual.iter().filter(|c| !c.values[*i].is_nan()).count();
        present as f64 >= OBSERVED * usual.len() as f64
    };
    let keep = |rows: &[usize]| rows.iter().copied().filter(is_observed).collect();
    Rows { baseline: keep(&rows.baseline), incident: keep(&rows.incident) }
}

/// The series of some services, and of their callers: looked up once, since many may be missing at a time.
struct Around<'a> {
    own: BTreeMap<ServiceIdx, Vec<&'a Column<'a>>>,
    by_callers: BTreeMap<ServiceIdx, Vec<&'a Column<'a>>>,
}

impl<'a> Around<'a> {
    fn of(columns: &'a [Column<'a>], services: BTreeSet<ServiceIdx>) -> Self {
        let mut out = Self { own: BTreeMap::new(), by_callers: BTreeMap::new() };
        for column in columns {
            if services.contains(&column.service) {
                out.own.entry(column.service).or_default().push(column);
            }
            if let Some(peer) = column.peer.filter(|p| column.metric.side == Side::Client && services.contains(p)) {
                out.by_callers.entry(peer).or_default().push(column);
            }
        }
        out
    }

    fn own(&self, service: ServiceIdx) -> impl Iterator<Item = &'a Column<'a>> {
        self.own.get(&service).into_iter().flatten().copied()
    }

    fn by_callers(&self, service: ServiceIdx, family: Family) -> impl Iterator<Item = &'a Column<'a>> {
        self.by_callers.get(&service).into_iter().flatten().copied().filter(move |c| c.metric.family == family)
    }
}

/// Whether a service still answers although one of its series has gaps: by its callers' measurements or, without these, by its own request
/// counter and by the calls that it makes.
fn goes_on(service: ServiceIdx, around: &Around, rows: &Rows) -> bool {
    let of_family = |family: Family| around.by_callers(service, family);
    if of_family(Family::Error).any(|c| level(c, &rows.incident) > level(c, &rows.baseline) + WELL) {
        return false;
    }
    let calls: Vec<&Column> = of_family(Family::Throughput).filter(|c| !c.metric.is_of_connections()).collect();
    if calls.iter().any(|c| is_seen(c, rows)) {
        return keeps_its_level(&calls, rows);
    }
    if answers(service, around, rows) {
        return true;
    }
    let makes = |c: &&Column| c.metric.side == Side::Client && c.metric.family == Family::Throughput;
    let made = around.own(service).filter(makes).filter(|c| !c.metric.is_of_connections());
    let own = around.own(service).filter(|c| is_own_load(c));
    of_family(Family::Error).any(|c| is_seen(c, rows))
        || keeps_its_level(&own.collect::<Vec<_>>(), rows)
        || keeps_its_level(&made.collect::<Vec<_>>(), rows)
}

/// Whether the latency or the errors of a service's requests are still measured, which takes at least one request.
fn answers(service: ServiceIdx, around: &Around, rows: &Rows) -> bool {
    let is_of_requests = |c: &&Column| {
        let is_kind = matches!(c.metric.family, Family::Latency | Family::Error);
        is_kind && c.metric.side == Side::Own && c.peer.is_none()
    };
    around.own(service).filter(is_of_requests).any(|c| is_seen(c, rows))
}

/// Services with one request metric that stopped and another that continues. A stopped service loses all of them; here samples are lost in
/// transit, possibly those of other services too.
pub(super) fn partly_lost(columns: &[Column], rows: &Rows) -> BTreeSet<ServiceIdx> {
    let is_of_requests = |c: &&Column| {
        let is_own = c.metric.side == Side::Own && c.peer.is_none();
        is_own && matches!(c.metric.family, Family::Latency | Family::Error | Family::Throughput)
    };
    let is_lost = |c: &&Column| {
        let [before, after] = [&rows.baseline, &rows.incident].map(|rows| share_missing(c, rows));
        before <= USUALLY_MISSING && after >= before + USUALLY_MISSING
    };
    let of_requests: Vec<&Column> = columns.iter().filter(is_of_requests).collect();
    let goes_on = |s: ServiceIdx| of_requests.iter().any(|c| c.service == s && is_seen(c, rows));
    of_requests.iter().copied().filter(is_lost).map(|c| c.service).filter(|s| goes_on(*s)).collect()
}

fn is_seen(column: &Column, rows: &Rows) -> bool {
    let [before, after] = [&rows.baseline, &rows.incident].map(|rows| share_missing(column, rows));
    after <= (before + WELL).min(USUALLY_MISSING)
}

/// Whether the sum of the remaining series stays near its usual level.
fn keeps_its_level(counts: &[&Column], rows: &Rows) -> bool {
    let seen: Vec<&Column> = counts.iter().copied().filter(|c| is_seen(c, rows)).collect();
    let total = |rows: &[usize]| seen.iter().map(|c| level(c, rows)).filter(|v| v.is_finite()).sum::<f64>();
    total(&rows.incident) > 0.0 && total(&rows.incident) >= GOES_ON * total(&rows.baseline)
}

fn level(column: &Column, rows: &[usize]) -> f64 {
    mean(&finite(&column.pick(rows)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    const GAP: f64 = f64::NAN;

    /// Service, callee, metric, value in the baseline, value in the incident.
    type Row = (usize, Option<usize>, &'static str, f64, f64);

    fn missing(series: &[Row]) -> Vec<usize> {
        let metrics: Vec<Metric> = series.iter().map(|row| Metric::parse(row.2)).collect();
        let column = |(i, (service, peer, _, before, after)): (usize, &Row)| Column {
            series: i,
            service: ServiceIdx(*service),
            peer: peer.map(ServiceIdx),
            metric: &metrics[i],
            values: (0..40).map(|t| if t < 30 { *before } else { *after }).collect(),
        };
        let columns: Vec<Column> = series.iter().enumerate().map(column).collect();
        let rows = Rows { baseline: (0..30).collect(), incident: (30..40).collect() };
        evidence(&columns, &rows).into_keys().map(|s| s.0).collect()
    }

    #[test]
    fn who_is_not_scraped_any_more_has_not_stopped() {
        let own = (1, None, "throughput_rps", 20.0, GAP);
        let cpu = (1, None, "cpu_cores", 0.2, GAP);
        let front_end = (0, None, "throughput_rps", 30.0, 30.0);
        let calls = |after| (0, Some(1), "client_rps", 20.0, after);
        let failed = |after| (0, Some(1), "client_error_ratio", 0.0, after);
        assert_eq!(missing(&[front_end, own, cpu, calls(20.0), failed(0.0)]), [0; 0], "its callers see it well");
        assert_eq!(missing(&[front_end, own, cpu, calls(20.0), failed(1.0)]), [1], "its callers lose it, too");
        assert_eq!(missing(&[front_end, own, cpu, calls(2.0), failed(0.0)]), [1]);
        let served = (0, Some(1), "served_latency_ms", 9.0, GAP);
        assert_eq!(missing(&[front_end, own, served, calls(20.0)]), [0; 0], "the callee told how long it took");
        assert_eq!(missing(&[front_end, own, cpu]), [1], "nobody tells that it is well");
        let answering = (1, None, "throughput_rps", 20.0, 19.0);
        assert_eq!(missing(&[front_end, answering, cpu]), [0; 0], "its machine's kubelet is away");
        assert_eq!(missing(&[front_end, (1, None, "throughput_rps", 20.0, 0.0), cpu]), [1]);
    }

    #[test]
    fn a_collector_that_was_away_has_seen_nobody_stop() {
        let all: Vec<Row> = (0..6).map(|s| (s, None, "throughput_rps", 20.0, GAP)).collect();
        assert_eq!(missing(&all), [0; 0]);
    }

    #[test]
    fn a_metric_that_no_service_reports_any_more_has_seen_nobody_stop() {
        let row = |metric, after| move |s| (s, None, metric, 20.0, after);
        let mut all: Vec<Row> = (0..6).map(row("latency_ms", GAP)).collect();
        all.extend((0..6).map(row("cpu_cores", 20.0)));
        all.extend((0..6).map(row("memory_bytes", 20.0)));
        assert_eq!(missing(&all), [0; 0], "a query that was refused, or rates after a gap");
        for i in [0, 1, 3, 4, 5] {
            all[i].4 = 20.0;
        }
        assert_eq!(missing(&all), [2], "the others report theirs");
    }
}
