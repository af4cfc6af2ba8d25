//! What happened to containers and pods: deaths, crash loops, images that are not pulled, probes, evictions, pods without a node.
//!
//! If kube-state-metrics exports the time of the last death (2.12 and later), every death is exact, and several between two samples are one. The
//! reason of the last death stays until the next one, so it does not indicate a death by itself: it is read at the time at which a death is first
//! seen.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::change::{Change, ChangeKind};
use automap_core::time::Timestamp;

use super::queries::Part;
use super::readings::{Moment, Readings, container, named, text};
use super::tracks::{Points, Watched, outbreaks, spans};
use super::workloads::Workloads;
use crate::prometheus::decode::Labels;

/// States that pause for less than this are considered to continue.
const QUIET_MS: i64 = 15 * 60_000;

/// All container and pod events.
pub(super) fn find(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let watched = readings.watched();
    let mut out = deaths(readings, workloads);
    out.extend(waiting(readings, workloads, &watched));
    out.extend(probes(readings, workloads));
    out.extend(evicted(readings, workloads, &watched));
    out.extend(unscheduled(readings, workloads, &watched));
    out
}

/// Pod and container.
type Container = (String, String);

fn deaths(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    const TIME: &str = "kube_pod_container_status_last_terminated_timestamp";
    let times = readings.by(Part::Gauges, TIME, container);
    let codes = readings.by(Part::Gauges, "kube_pod_container_status_last_terminated_exitcode", container);
    let mut reasons: BTreeMap<Container, Vec<(String, Points)>> = BTreeMap::new();
    let of_reason = |labels: &Labels| Some((container(labels)?, text(labels, "reason").to_owned()));
    for ((key, reason), points) in
        readings.by(Part::States, "kube_pod_container_status_last_terminated_reason", of_reason)
    {
        reasons.entry(key).or_default().push((reason, points));
    }
    let told = |key: &Container, seen: Timestamp, moment: Moment, source: &str| {
        let reason = reasons.get(key).and_then(|all| all.iter().find(|(_, points)| value(points, seen).is_some()));
        let code = codes.get(key).and_then(|points| value(points, seen));
        death(key, reason.map(|(reason, _)| reason.as_str()), code, moment, workloads, source)
    };
    let mut out = Vec::new();
    for (key, points) in times.iter().filter(|((pod, _), _)| !workloads.is_of_job(pod)) {
        let mut last = f64::NEG_INFINITY;
        for (seen, seconds) in points {
            let at = Timestamp::from_seconds(*seconds).filter(|at| *at >= readings.since && *at <= *seen);
            if let Some(at) = at
                && *seconds > last
            {
                out.extend(told(key, *seen, Moment::exact(at), TIME));
            }
            last = last.max(*seconds);
        }
    }
    for (key, points) in readings.by(Part::Restarts, "", container) {
        if times.contains_key(&key) || workloads.is_of_job(&key.0) {
            continue;
        }
        let source = "kube_pod_container_status_restarts_total";
        out.extend(points.iter().filter_map(|(seen, _)| told(&key, *seen, readings.within_step(*seen), source)));
    }
    out
}

/// A container that exited with success did so on purpose.
fn death(
    (pod, container): &Container,
    reason: Option<&str>,
    code: Option<f64>,
    moment: Moment,
    workloads: &Workloads<'_>,
    source: &str,
) -> Option<Change> {
    let kind = match (reason, code) {
        (Some("OOMKilled"), _) => ChangeKind::OomKilled,
        // Reasons of containers that exited with success are not queried.
        (None, Some(0.0)) => return None,
        _ => ChangeKind::Crashed,
    };
    let words = match (reason, code) {
        (Some(reason), Some(code)) => Some(format!("{reason}, exit code {code}")),
        (Some(reason), None) => Some(reason.to_owned()),
        (None, code) => code.map(|code| format!("exit code {code}")),
    };
    Some(Change {
        service: Some(workloads.of_pod(pod)),
        to: words,
        ..moment.change(kind, format!("container {container} of pod {pod}"), source)
    })
}

/// Crash loops and images that are not pulled; both alternate with attempts.
fn waiting(readings: &Readings, workloads: &Workloads<'_>, watched: &Watched) -> Vec<Change> {
    const FAMILY: &str = "kube_pod_container_status_waiting_reason";
    let kind = |reason: &str| match reason {
        "CrashLoopBackOff" => Some(ChangeKind::CrashLoop),
        "ImagePullBackOff"
        | "ErrImagePull"
        | "ErrImageNeverPull"
        | "InvalidImageName"
        | "ImageInspectError"
        | "RegistryUnavailable" => Some(ChangeKind::ImagePullFailed),
        // It cannot start: its config map, secret or command is missing.
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" | "StartError" => {
            Some(ChangeKind::Crashed)
        }
        _ => None,
    };
    let mut of_service: BTreeMap<(String, ChangeKind), BTreeMap<Timestamp, (String, String)>> = BTreeMap::new();
    let key = |labels: &Labels| Some((container(labels)?, text(labels, "reason").to_owned()));
    for (((pod, container), reason), points) in readings.by(Part::States, FAMILY, key) {
        let Some(kind) = kind(&reason) else { continue };
        let times = of_service.entry((workloads.of_pod(&pod), kind)).or_default();
        let subject = format!("container {container} of pod {pod}");
        for (time, _) in points {
            times.entry(time).or_insert_with(|| (subject.clone(), reason.clone()));
        }
    }
    let mut out = Vec::new();
    for ((service, kind), first) in of_service {
        for edge in outbreaks(&first.keys().copied().collect(), watched, QUIET_MS) {
            let Some((subject, reason)) = first.get(&edge.at) else { continue };
            out.push(Change {
                service: Some(service.clone()),
                to: Some(reason.clone()),
                ..readings.between(edge).change(kind, subject, FAMILY)
            });
        }
    }
    out
}

fn probes(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let key = |labels: &Labels| {
        let (pod, container) = container(labels)?;
        Some((workloads.of_pod(&pod), container, text(labels, "probe_type").to_owned()))
    };
    let mut out = Vec::new();
    for ((service, container, probe), points) in readings.by(Part::Probes, "", key) {
        let mut last: Option<Timestamp> = None;
        for (time, _) in points {
            if last.is_none_or(|last| time.ms() - last.ms() > QUIET_MS) {
                let subject = format!("{} probe of container {container}", probe.to_lowercase());
                let moment = readings.within_step(time);
                out.push(Change {
                    service: Some(service.clone()),
                    ..moment.change(ChangeKind::ProbeFailed, subject, "prober_probe_total")
                });
            }
            last = Some(time);
        }
    }
    out
}

/// Evicted pods stay listed for days; only those that newly appear were evicted in this time.
fn evicted(readings: &Readings, workloads: &Workloads<'_>, watched: &Watched) -> Vec<Change> {
    const FAMILY: &str = "kube_pod_status_reason";
    let key = |labels: &Labels| Some((named(labels, "pod")?.to_owned(), text(labels, "reason").to_owned()));
    let mut out = Vec::new();
    for ((pod, reason), points) in readings.by(Part::States, FAMILY, key) {
        for edge in spans(&points, watched).into_iter().filter_map(|span| span.begins) {
            out.push(Change {
                service: Some(workloads.of_pod(&pod)),
                to: Some(reason.clone()),
                ..readings.between(edge).change(ChangeKind::Evicted, format!("pod {pod}"), FAMILY)
            });
        }
    }
    out
}

fn unscheduled(readings: &Readings, workloads: &Workloads<'_>, watched: &Watched) -> Vec<Change> {
    const FAMILY: &str = "kube_pod_status_unschedulable";
    let key = |labels: &Labels| named(labels, "pod").map(|pod| workloads.of_pod(pod));
    let mut out = Vec::new();
    for (service, points) in readings.by(Part::States, FAMILY, key) {
        let times: BTreeSet<Timestamp> = points.iter().map(|(time, _)| *time).collect();
        for edge in outbreaks(&times, watched, QUIET_MS) {
            out.push(Change {
                service: Some(service.clone()),
                ..readings.between(edge).change(ChangeKind::Unschedulable, format!("a pod of {service}"), FAMILY)
            });
        }
    }
    out
}

/// The value at this instant.
fn value(points: &Points, time: Timestamp) -> Option<f64> {
    points.binary_search_by(|(t, _)| t.cmp(&time)).ok().map(|i| points[i].1)
}

#[cfg(test)]
mod tests {
    use super::super::readings::tests::{Table, minute};
    use super::*;
    use crate::prometheus::pods::Owners;

    const POD: &str = "pod=web-77cd5fb6c4-x2x4z,container=web";

    fn found(table: Table) -> Vec<String> {
        let owners = Owners::default();
        let mut changes = find(&table.0, &Workloads { owners: &owners, services: BTreeSet::new() });
        changes.sort();
        let words = |c: &Change| {
            let after_s = (c.at.ms() - minute(0).ms()) / 1000;
            let service = c.service.clone().unwrap_or_default();
            format!(
                "{after_s} {:?} {service} {} ±{}",
                c.kind,
                c.to.clone().unwrap_or_default(),
                c.uncertainty_ms / 1000
            )
        };
        changes.iter().map(words).collect()
    }

    #[test]
    fn deaths_are_exact_and_the_reason_that_stays_is_none() {
        let family = |what: &str| format!("__name__=kube_pod_container_status_last_terminated_{what},{POD}");
        let died = |m: i64| {
            if m < 20 {
                minute(-300)
            } else if m < 40 {
                minute(19).plus_ms(12_000)
            } else {
                minute(39)
            }
        };
        let table = Table::new()
            .values(Part::Gauges, &family("timestamp"), (0..60).map(|m| (m, died(m).seconds())))
            .values(Part::Gauges, &family("exitcode"), (0..60).map(|m| (m, if m < 40 { 137.0 } else { 1.0 })))
            .there(Part::States, &(family("reason") + ",reason=OOMKilled"), 0..40)
            .there(Part::States, &(family("reason") + ",reason=Error"), 40..60)
            .there(Part::Restarts, POD, [20, 40]);
        assert_eq!(
            found(table),
            ["1152 OomKilled web OOMKilled, exit code 137 ±0", "2340 Crashed web Error, exit code 1 ±0"],
            "not the one before the look-back, and each once"
        );
    }

    #[test]
    fn restarts_tell_deaths_where_nothing_else_does() {
        let reason = format!("__name__=kube_pod_container_status_last_terminated_reason,{POD},reason=OOMKilled");
        let table = Table::new().there(Part::Restarts, POD, [20]).there(Part::States, &reason, 0..60);
        assert_eq!(found(table), ["1200 OomKilled web OOMKilled ±75"]);
        let codes = format!("__name__=kube_pod_container_status_last_terminated_exitcode,{POD}");
        let well = Table::new().there(Part::Restarts, POD, [20]).values(Part::Gauges, &codes, [(20, 0.0)]);
        assert_eq!(found(well), [""; 0], "it ended well");
    }

    #[test]
    fn what_alternates_is_told_once_for_a_workload() {
        let state = |pod: &str, reason: &str| {
            format!(
                "__name__=kube_pod_container_status_waiting_reason,pod=web-77cd5fb6c4-{pod},container=web,reason={reason}"
            )
        };
        let table = Table::new()
            .there(Part::States, &state("x2x4z", "CrashLoopBackOff"), [20, 23, 30])
            .there(Part::States, &state("x2x4w", "CrashLoopBackOff"), 25..40)
            .there(Part::States, &state("x2x4z", "ErrImagePull"), [10])
            .there(Part::States, &state("x2x4z", "ImagePullBackOff"), [11])
            .there(Part::Probes, &format!("{POD},probe_type=Readiness"), [5, 6, 7, 50]);
        assert_eq!(
            found(table),
            [
                "300 ProbeFailed web  ±75",
                "600 ImagePullFailed web ErrImagePull ±75",
                "1200 CrashLoop web CrashLoopBackOff ±75",
                "3000 ProbeFailed web  ±75",
            ]
        );
    }

    #[test]
    fn evicted_pods_that_are_listed_for_days_are_old() {
        let evicted = |pod: &str| format!("__name__=kube_pod_status_reason,pod=web-77cd5fb6c4-{pod},reason=Evicted");
        let pending = "__name__=kube_pod_status_unschedulable,pod=web-77cd5fb6c4-x2x4z";
        let table = Table::new()
            .there(Part::States, &evicted("aaaaa"), 0..60)
            .there(Part::States, &evicted("bbbbb"), 30..60)
            .there(Part::States, pending, [31, 32, 33]);
        assert_eq!(found(table), ["1800 Evicted web Evicted ±75", "1860 Unschedulable web  ±75"]);
    }
}
