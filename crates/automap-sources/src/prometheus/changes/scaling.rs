//! Replicas: who changed their number, and autoscalers that reached their limit.
//!
//! A number that the autoscaler wanted at that time, or a step later, was set by the autoscaler; any other was set by hand. The first number of a
//! workload is not a change.

use std::collections::BTreeMap;

use automap_core::change::{Change, ChangeKind};
use automap_core::time::Timestamp;

use super::queries::Part;
use super::readings::{Moment, Readings, named, text};
use super::tracks::{Edge, Points, Step, steps};
use super::workloads::Workloads;
use crate::prometheus::decode::Labels;

/// All changes of replicas, and autoscalers that reached their limit.
pub(super) fn find(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let scalers = Scalers::of(readings);
    let pods = readings.created("kube_pod_created", "pod");
    let mut out = Vec::new();
    for (family, label, kind, word) in [
        ("kube_deployment_spec_replicas", "deployment", "Deployment", "deployment"),
        ("kube_statefulset_replicas", "statefulset", "StatefulSet", "stateful set"),
    ] {
        let replicas = readings.by(Part::Gauges, family, |labels| named(labels, label).map(str::to_owned));
        for (name, points) in &replicas {
            for step in steps(points) {
                let is_wanted = scalers.wanted(kind, name, step);
                let (moment, source) = dated(readings, workloads, &pods, name, step, family);
                let (change, by) = match is_wanted {
                    true => (ChangeKind::Autoscaled, " by its autoscaler"),
                    false => (ChangeKind::Scaled, ""),
                };
                out.push(Change {
                    service: Some(workloads.service(name)),
                    from: Some(step.from.to_string()),
                    to: Some(step.to.to_string()),
                    ..moment.change(change, format!("{word} {name}{by}"), source)
                });
            }
        }
    }
    out.extend(scalers.at_limit(readings, workloads));
    out
}

/// Dates an increase by the new pods, whose creation is known to the second.
fn dated<'a>(
    readings: &Readings,
    workloads: &Workloads<'_>,
    pods: &BTreeMap<String, Timestamp>,
    name: &str,
    step: Step,
    family: &'a str,
) -> (Moment, &'a str) {
    let Edge { before, at } = step.edge;
    let earliest = before.plus_ms(-readings.scrape_ms);
    let first = workloads.created_pods(pods, name, name).filter(|c| *c > earliest && *c <= at).min();
    match first.filter(|_| step.to > step.from) {
        Some(created) => (Moment::exact(created), "kube_pod_created"),
        None => (readings.between(step.edge), family),
    }
}

/// Autoscalers by name.
struct Scalers {
    /// Kind and name of what it scales, if exported.
    targets: BTreeMap<String, (String, String)>,
    desired: BTreeMap<String, Points>,
    current: BTreeMap<String, Points>,
    most: BTreeMap<String, Points>,
    /// When one was held back by its limits; `None` if no autoscaler reports that.
    limited: Option<BTreeMap<String, Points>>,
}

impl Scalers {
    fn of(readings: &Readings) -> Self {
        let name = |labels: &Labels| {
            named(labels, "horizontalpodautoscaler").or_else(|| named(labels, "hpa")).map(str::to_owned)
        };
        let both = |what: &str| {
            let mut all = readings.by(Part::Gauges, &format!("kube_horizontalpodautoscaler_{what}"), name);
            all.extend(readings.by(Part::Gauges, &format!("kube_hpa_{what}"), name));
            all
        };
        let target = |labels: &Labels| {
            let of = |label: &str| named(labels, label).map(str::to_owned);
            Some((name(labels)?, (of("scaletargetref_kind")?, of("scaletargetref_name")?)))
        };
        let condition = "kube_horizontalpodautoscaler_status_condition";
        let limited = readings.by(Part::States, condition, |labels| {
            name(labels).filter(|_| text(labels, "condition") == "ScalingLimited")
        });
        Self {
            targets: readings.scalers.iter().filter_map(|s| target(&s.labels)).collect(),
            desired: both("status_desired_replicas"),
            current: both("status_current_replicas"),
            most: both("spec_max_replicas"),
            limited: readings.families.contains(condition).then_some(limited),
        }
    }

    /// Whether the autoscaler of a workload wanted the new number.
    fn wanted(&self, kind: &str, workload: &str, step: Step) -> bool {
        let scales = |scaler: &String| match self.targets.get(scaler) {
            Some((of_kind, name)) => of_kind == kind && name == workload,
            None => scaler == workload,
        };
        let Edge { before, at } = step.edge;
        let until = at.plus_ms(at.ms() - before.ms());
        let ours = self.desired.iter().filter(|(scaler, _)| scales(scaler)).flat_map(|(_, points)| points);
        let meanwhile = ours.filter(|(time, _)| *time >= before && *time <= until);
        meanwhile.map(|(_, desired)| *desired).any(|desired| desired == step.to)
    }

    /// Autoscalers that begin to want more than their limit.
    fn at_limit(&self, readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
        let mut out = Vec::new();
        for (scaler, desired) in &self.desired {
            let Some(most) = self.most.get(scaler) else { continue };
            let is_at_limit = |(time, desired): &(Timestamp, f64)| {
                let limit = at(most, *time)?;
                let is_held = match &self.limited {
                    Some(limited) => limited.get(scaler).and_then(|points| at(points, *time)).is_some(),
                    None => self.current.get(scaler).and_then(|points| at(points, *time)).is_none_or(|n| n >= limit),
                };
                Some((*time, f64::from(*desired >= limit && is_held)))
            };
            let states: Points = desired.iter().filter_map(is_at_limit).collect();
            let workload = self.targets.get(scaler).map_or(scaler.as_str(), |(_, name)| name);
            for step in steps(&states).filter(|step| step.to > step.from) {
                let limit = at(most, step.edge.at).unwrap_or(f64::NAN);
                let family = "kube_horizontalpodautoscaler_status_desired_replicas";
                let moment = readings.between(step.edge);
                out.push(Change {
                    service: Some(workloads.service(workload)),
                    to: Some(format!("{limit} replicas")),
                    ..moment.change(ChangeKind::AutoscalerAtLimit, format!("autoscaler {scaler}"), family)
                });
            }
        }
        out
    }
}

/// The value at this instant.
fn at(points: &Points, time: Timestamp) -> Option<f64> {
    points.binary_search_by(|(t, _)| t.cmp(&time)).ok().map(|i| points[i].1)
}

#[cfg(test)]
mod tests {
    use super::super::readings::tests::{Table, labels, minute};
    use super::*;
    use crate::prometheus::decode::LabelledSeries;
    use crate::prometheus::pods::Owners;

    fn gauge(family: &str) -> String {
        let label = if family.contains("autoscaler") { "horizontalpodautoscaler=web-scaler" } else { "deployment=web" };
        format!("__name__={family},{label}")
    }

    fn found(table: Table) -> Vec<String> {
        let owners = Owners::default();
        let mut changes = find(&table.0, &Workloads { owners: &owners, services: ["web"].into() });
        changes.sort();
        let words = |c: &Change| {
            let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
            let after_s = (c.at.ms() - minute(0).ms()) / 1000;
            format!(
                "{after_s} {:?} {} {}→{} ±{}",
                c.kind,
                c.subject,
                or_none(&c.from),
                or_none(&c.to),
                c.uncertainty_ms / 1000
            )
        };
        changes.iter().map(words).collect()
    }

    #[test]
    fn by_hand_and_by_the_autoscaler() {
        // By hand to 5 at minute 10, back by the autoscaler at 11, up by it at 30.
        let replicas = |m: i64| {
            if m == 10 {
                5.0
            } else if m < 30 {
                2.0
            } else {
                4.0
            }
        };
        let desired = |m: i64| if m < 29 { 2.0 } else { 4.0 };
        let mut table = Table::new()
            .values(Part::Gauges, &gauge("kube_deployment_spec_replicas"), (0..60).map(|m| (m, replicas(m))))
            .values(
                Part::Gauges,
                &gauge("kube_horizontalpodautoscaler_status_desired_replicas"),
                (0..60).map(|m| (m, desired(m))),
            )
            .time("__name__=kube_pod_created,pod=web-77cd5fb6c4-x2x4z", minute(30).plus_ms(-50_000))
            .time("__name__=kube_pod_created,pod=web-db-0", minute(10));
        table.0.scalers = vec![LabelledSeries {
            labels: labels("horizontalpodautoscaler=web-scaler,scaletargetref_kind=Deployment,scaletargetref_name=web"),
            points: Vec::new(),
        }];
        assert_eq!(
            found(table),
            [
                "600 Scaled deployment web 2→5 ±75",
                "660 Autoscaled deployment web by its autoscaler 5→2 ±75",
                "1750 Autoscaled deployment web by its autoscaler 2→4 ±0",
            ]
        );
    }

    #[test]
    fn an_autoscaler_reaches_its_limit_once_and_needs_to_want_more() {
        let condition = "__name__=kube_horizontalpodautoscaler_status_condition,condition=ScalingLimited,horizontalpodautoscaler=web";
        let table = |is_told: bool, limited: std::ops::Range<i64>| {
            let of = |what: &str| {
                format!("__name__=kube_horizontalpodautoscaler_{what}_replicas,horizontalpodautoscaler=web")
            };
            let mut table = Table::new()
                .values(Part::Gauges, &of("spec_max"), (0..60).map(|m| (m, 10.0)))
                .values(Part::Gauges, &of("status_desired"), (0..60).map(|m| (m, if m < 20 { 4.0 } else { 10.0 })))
                .values(Part::Gauges, &of("status_current"), (0..60).map(|m| (m, if m < 25 { 4.0 } else { 10.0 })))
                .there(Part::States, condition, limited);
            if is_told {
                table.0.families.insert("kube_horizontalpodautoscaler_status_condition".to_owned());
            }
            table
        };
        let reached = |s: i64| [format!("{s} AutoscalerAtLimit autoscaler web →10 replicas ±75")];
        assert_eq!(found(table(true, 22..60)), reached(1320));
        assert_eq!(found(table(true, 0..0)), [""; 0], "ten are enough");
        assert_eq!(found(table(false, 0..0)), reached(1500), "where it is not told, all that it may have are there");
        assert_eq!(found(table(true, 0..60)), reached(1200));
    }
}
