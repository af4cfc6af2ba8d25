//! The same scrapes as text in the OpenMetrics format, under the names used in a cluster: Istio's sidecars, cAdvisor, kube-state-metrics,
//! node_exporter and an exporter for each store.
//!
//! [`history`] writes all samples with their times, as `promtool tsdb create-blocks-from openmetrics` reads them; [`at`] writes what one scrape of
//! all targets would return at a time. A capture of the same incident contains the rates of the same counters, so a Prometheus with this text leads
//! to the same numbers.
//!
//! ```text
//! # TYPE istio_requests counter
//! istio_requests_total{reporter="destination",source_workload="gateway",…,response_code="200",pod="svc-03-…"} 4711 1763942405.12
//! ```
//!
//! Families that no fault affects are left out, as are the several hundred others of such exporters; failed scrapes leave gaps and no stale markers,
//! which the format cannot express.

mod cluster;
mod family;
mod machines;
mod mesh;
mod stores;
mod world;

use std::fmt::Write as _;
use std::io;

use automap_core::time::Timestamp;

use crate::incident::Incident;
use family::{Family, Rows};
pub use world::NAMESPACE;
use world::{Row, World};

/// Which samples get a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// All, with their times.
    All,
    /// The latest of each target, without a time.
    Latest,
}

fn families() -> impl Iterator<Item = &'static Family> {
    mesh::FAMILIES.iter().chain(&cluster::FAMILIES).chain(&stores::FAMILIES).chain(&machines::FAMILIES)
}

/// Writes every sample of an incident whose recording begins at `start`. O(services · scrapes · metrics), a family and a service at a time.
///
/// # Errors
/// Those of the writer.
pub fn history(incident: &Incident, start: Timestamp, out: &mut dyn io::Write) -> io::Result<()> {
    write(&World::new(incident, start, f64::INFINITY), Lines::All, out)
}

/// What a scrape of all targets returns `s` seconds after the start. O(services · scrapes · metrics).
pub fn at(incident: &Incident, start: Timestamp, s: f64) -> String {
    let mut text = Vec::new();
    // Writing to a vector cannot fail.
    let _ = write(&World::new(incident, start, s), Lines::Latest, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn write(world: &World<'_>, lines: Lines, out: &mut dyn io::Write) -> io::Result<()> {
    for family in families() {
        writeln!(out, "# TYPE {} {}", family.name, family.kind)?;
        let (targets, rows) = match family.rows {
            Rows::Services(rows) => (world.plan.services.len(), rows),
            Rows::Nodes(rows) => (world.plan.nodes.len(), rows),
        };
        for target in 0..targets {
            for row in rows(world, target) {
                out.write_all(text(family.name, &row, world, lines).as_bytes())?;
            }
        }
    }
    out.write_all(b"# EOF\n")
}

/// The lines of one series.
fn text(family: &str, row: &Row, world: &World<'_>, lines: Lines) -> String {
    let mut out = String::new();
    let series = format!("{family}{}{{{}}}", row.suffix, row.labels);
    // Writing to a string cannot fail.
    match lines {
        Lines::All => row.points.iter().for_each(|(at_s, value)| {
            let _ = writeln!(out, "{series} {value} {}", world.unix_s(*at_s));
        }),
        Lines::Latest => {
            if let Some((_, value)) = row.points.last().filter(|(at_s, _)| *at_s >= row.latest_s) {
                let _ = writeln!(out, "{series} {value}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::fault::{Fault, Kind, Place};
    use crate::fleet::RunOptions;
    use crate::incident::record;
    use crate::observation::START;
    use crate::plan::{Plan, PlanOptions};

    fn incident(kind: Kind) -> Incident {
        let plan = Plan::draw(&PlanOptions { services: 6, users_per_s: 10.0, seed: 3 });
        let place = kind.places(&plan)[0];
        let fault = Fault { kind, place, strength: 0.5, from_s: 60.0, to_s: 120.0 };
        let options = RunOptions { length_s: 120.0, lost_scrapes: 0.0, ..RunOptions::default() };
        record(plan, vec![fault], 60.0, &options).unwrap()
    }

    fn lines(incident: &Incident) -> Vec<String> {
        let mut text = Vec::new();
        history(incident, START, &mut text).unwrap();
        String::from_utf8(text).unwrap().lines().map(ToOwned::to_owned).collect()
    }

    /// The last value of each series, by its name and labels.
    fn last(lines: &[String]) -> BTreeMap<String, f64> {
        let samples = lines.iter().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| {
                let (series, rest) = line.split_once("} ").unwrap();
                (series.to_owned(), rest.split(' ').next().unwrap().parse().unwrap())
            })
            .collect()
    }

    #[test]
    fn each_family_is_one_block_and_each_series_goes_on_in_time() {
        let lines = lines(&incident(Kind::SlowCode));
        assert_eq!(lines.last().map(String::as_str), Some("# EOF"));
        let types: Vec<&String> = lines.iter().filter(|l| l.starts_with("# TYPE")).collect();
        let mut once = types.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!((types.len(), types.len()), (once.len(), families().count()));
        let mut before: Option<(String, f64)> = None;
        for line in lines.iter().filter(|line| !line.starts_with('#')) {
            let (series, at) = (line.split("} ").next().unwrap(), line.rsplit(' ').next().unwrap().parse().unwrap());
            assert!(before.as_ref().is_none_or(|(s, t)| s != series || *t < at), "{line}");
            before = Some((series.to_owned(), at));
        }
    }

    /// A service and its callers count the same requests, except for those in flight.
    #[test]
    fn both_ends_count_the_same_requests() {
        let incident = incident(Kind::ReleaseHarmless);
        let all = last(&lines(&incident));
        let sum = |reporter: &str, to: &str| -> f64 {
            let of_call = |series: &&String| {
                series.starts_with("istio_requests_total")
                    && series.contains(&format!("reporter=\"{reporter}\""))
                    && series.contains(&format!("destination_workload=\"{to}\""))
                    && !series.contains("source_workload=\"unknown\"")
            };
            all.keys().filter(of_call).map(|series| all[series]).sum()
        };
        let mut compared = 0;
        for service in incident.plan.services.iter().skip(1).filter(|service| service.has_side_car()) {
            let (sent, served) = (sum("source", &service.name), sum("destination", &service.name));
            assert!((sent - served).abs() <= 0.1 * served + 10.0, "{}: {sent} and {served}", service.name);
            compared += usize::from(served > 50.0);
        }
        assert!(compared > 0);
    }

    #[test]
    fn a_scrape_finds_what_is_there_at_its_time() {
        let outage = incident(Kind::Outage);
        let Place::Service(service) = outage.faults[0].place else { unreachable!("an outage is of a service") };
        let name = &outage.plan.services[service].name;
        let cpu = |text: &str| {
            let is_it = |l: &&str| l.starts_with("container_cpu_usage") && l.contains(&format!("container=\"{name}\""));
            text.lines().find(is_it).map(ToOwned::to_owned)
        };
        let (before, during) = (at(&outage, START, 50.0), at(&outage, START, 90.0));
        assert!(cpu(&before).is_some() && cpu(&during).is_none(), "{during}");
        let ready = format!("kube_pod_status_ready{{namespace=\"{NAMESPACE}\",pod=\"{name}-");
        assert!(during.lines().any(|l| l.starts_with(&ready) && l.ends_with("} 0")), "{during}");
        assert!(
            before.lines().filter(|l| !l.starts_with('#')).all(|l| l
                .rsplit("} ")
                .next()
                .unwrap()
                .parse::<f64>()
                .is_ok())
        );
    }

    #[test]
    fn a_release_is_another_pod_of_another_replica_set() {
        let incident = incident(Kind::ReleaseFail);
        let lines = lines(&incident);
        let Place::Service(service) = incident.faults[0].place else { unreachable!("a release is of a service") };
        let name = &incident.plan.services[service].name;
        let count = |metric: &str, label: &str| {
            let of_it = lines.iter().filter(|l| l.starts_with(metric) && l.contains(&format!("{label}=\"{name}\"")));
            let series: BTreeSet<&str> = of_it.filter_map(|l| l.split("} ").next()).collect();
            series.len()
        };
        assert_eq!(
            (count("kube_pod_container_info", "container"), count("kube_replicaset_owner", "owner_name")),
            (2, 2)
        );
    }
}
