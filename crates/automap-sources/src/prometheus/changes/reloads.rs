//! Gateways that reloaded their configuration: routes, hosts, time limits and certificates for all incoming requests.
//!
//! A gateway reports the time of its last reload, so a reload is dated to the second; the metric for it is in its preset. Reading the configuration
//! at start is not a reload, and neither is a reload caused by pods that come and go, if a gateway keeps their addresses in its configuration. Left
//! out: what changed in it. Istio's gateways are configured by its control plane, whose configuration is read in `configuration.rs`.
//!
//! Worked example: at 10:00:30 the controller reported that it last read its configuration at 9:12:04, and at 10:00:45 that it did at 10:00:37. So it
//! was reloaded at 10:00:37. A second replica that reloaded at 10:00:39 did so for the same change.

use std::collections::BTreeMap;

use automap_core::change::{Change, ChangeKind};
use automap_core::time::Timestamp;

use super::queries::Part;
use super::readings::{Moment, Readings, text};
use super::tracks::{Points, Step, steps};
use crate::prometheus::decode::Labels;
use crate::prometheus::presets::{Exporter, Outside, Reloads};
use crate::prometheus::promql::{self, Cluster, Values};
use crate::prometheus::scope::Scope;

/// The metrics of the built-in presets that show reloads.
pub(super) const FAMILIES: [&str; 4] = [
    "nginx_ingress_controller_config_last_reload_successful_timestamp_seconds",
    "traefik_config_last_reload_success",
    "haproxy_process_start_time_seconds",
    "envoy_http_rds_config_reload_time_ms",
];
/// The label with the preset of a series.
const PRESET: &str = "preset";
/// Gateways that reload more often than this in one look-back do so all the time.
const MAX_USUAL: usize = 12;
/// Configuration that a process reads within this time after it was first seen is its initial one, in milliseconds.
const SETTLE_MS: i64 = 90_000;
/// A time that moved by less is the same, in seconds: some programs compute it from their uptime.
const SAME_S: f64 = 2.0;
/// Replicas of a gateway that reload this close together do so for one change.
const REPLICAS_MS: i64 = 60_000;
/// Pods come and go within this time after the change that causes it, and the gateway then reads their addresses.
const FOLLOWS_MS: i64 = 180_000;
/// Clocks of different machines may differ by this much.
const SKEW_MS: i64 = 5_000;

/// A gateway that reports when it read its configuration.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    preset: &'static str,
    outside: &'static Outside,
    reloads: &'static Reloads,
    promql: String,
}

impl Gateway {
    /// The gateways of the presets that were found. `clusters` are the clusters that a preset is narrowed to, by title.
    pub(crate) fn among(
        found: &[&'static Exporter],
        values: &Values,
        clusters: &BTreeMap<&'static str, Cluster>,
    ) -> Vec<Self> {
        let gateway = |exporter: &&'static Exporter| {
            let outside = exporter.outside?;
            let reloads = outside.reloads.as_ref()?;
            let cluster = clusters.get(exporter.title).or(values.cluster.as_ref()).cloned();
            let promql = promql::fill(reloads.time_s, &Values { cluster, ..values.clone() });
            Some(Self { preset: exporter.preset, outside, reloads, promql })
        };
        found.iter().filter_map(gateway).collect()
    }

    /// The process that a series belongs to: the gateway, and the labels that distinguish its processes.
    fn process(&self, labels: &Labels, scope: &Scope) -> Option<(String, Vec<String>)> {
        let name = self.outside.name(labels, scope).filter(|_| text(labels, PRESET) == self.preset)?;
        let is_own = |label: &&String| !["outside", "outside_namespace", PRESET].contains(&label.as_str());
        Some((name, labels.iter().filter(|(label, _)| is_own(label)).map(|(_, value)| value.clone()).collect()))
    }
}

/// The expression for all of them.
pub(super) fn promql(gateways: &[Gateway]) -> String {
    let one =
        |gateway: &Gateway| format!(r#"label_replace({}, "{PRESET}", "{}", "", "")"#, gateway.promql, gateway.preset);
    gateways.iter().map(one).collect::<Vec<_>>().join(" or ")
}

/// All reloads that no change in `known` explains.
pub(super) fn find(readings: &Readings, gateways: &[Gateway], scope: &Scope, known: &[Change]) -> Vec<Change> {
    let mut out = Vec::new();
    for gateway in gateways {
        let mut by_name: BTreeMap<String, Vec<Moment>> = BTreeMap::new();
        for ((name, _), points) in readings.by(Part::Reloads, "", |labels| gateway.process(labels, scope)) {
            by_name.entry(name).or_default().extend(of_process(readings, &points));
        }
        for (name, moments) in by_name {
            let apart = apart(moments);
            if apart.len() <= MAX_USUAL {
                let told = apart.into_iter().filter(|moment| !is_explained(*moment, &name, gateway, known));
                out.extend(told.map(|moment| Change {
                    service: Some(name.clone()),
                    ..moment.change(ChangeKind::GatewayReload, gateway.reloads.what, gateway.reloads.metric)
                }));
            }
        }
    }
    out
}

/// When one process reloaded its configuration.
fn of_process(readings: &Readings, points: &Points) -> Vec<Moment> {
    let Some(first) = points.first().map(|(time, _)| *time) else { return Vec::new() };
    let is_reload = |step: &Step| step.to - step.from >= SAME_S && step.edge.at.ms() - first.ms() > SETTLE_MS;
    let moment = |step: Step| {
        let between = readings.between(step.edge);
        let (latest, earliest) = (between.at.plus_ms(SKEW_MS), between.at.plus_ms(-between.uncertainty_ms - SKEW_MS));
        // A time from a wrong clock is less useful than the sampling time.
        let told = Timestamp::from_seconds(step.to).filter(|told| (earliest..=latest).contains(told));
        told.map_or(between, |told| Moment::exact(told.min(between.at)))
    };
    steps(points).filter(is_reload).map(moment).collect()
}

/// The first reload of each group that replicas made for one change.
fn apart(mut moments: Vec<Moment>) -> Vec<Moment> {
    moments.sort_by_key(|moment| (moment.at, moment.uncertainty_ms));
    let mut out: Vec<Moment> = Vec::new();
    for moment in moments {
        if out.last().is_none_or(|last| moment.at.ms() - last.at.ms() > REPLICAS_MS) {
            out.push(moment);
        }
    }
    out
}

/// Whether it follows from pods that came or went: of the gateway itself, or of any service whose addresses it keeps.
fn is_explained(moment: Moment, name: &str, gateway: &Gateway, known: &[Change]) -> bool {
    let earliest = moment.at.plus_ms(-moment.uncertainty_ms);
    known.iter().filter(|change| moves_pods(change.kind)).any(|change| {
        let is_concerned = gateway.reloads.also_for_pods || change.service.as_deref() == Some(name);
        let began = change.at.plus_ms(-change.uncertainty_ms - SKEW_MS);
        is_concerned && earliest <= change.at.plus_ms(FOLLOWS_MS) && moment.at >= began
    })
}

/// Whether it makes pods come, go or become unready.
fn moves_pods(kind: ChangeKind) -> bool {
    use ChangeKind::{
        Autoscaled, CrashLoop, Crashed, Evicted, Image, Node, NodeCondition, OomKilled, ProbeFailed, Release, Rollback,
        Scaled,
    };
    matches!(
        kind,
        Release
            | Rollback
            | Image
            | Scaled
            | Autoscaled
            | OomKilled
            | Crashed
            | CrashLoop
            | Evicted
            | ProbeFailed
            | Node
            | NodeCondition
    )
}

#[cfg(test)]
mod tests {
    use super::super::readings::tests::{Table, minute};
    use super::*;
    use crate::prometheus::presets::Presets;

    fn gateways() -> Vec<Gateway> {
        let values = Values { namespace: "shop".into(), cluster: None, rate_ms: 60_000, span_ms: 60_000, only: None };
        Gateway::among(Presets::default().exporters(), &values, &BTreeMap::new())
    }

    /// Values that are times: from each of these minutes on, this many seconds after the first minute.
    fn times(changes: &[(i64, f64)]) -> impl Iterator<Item = (i64, f64)> {
        let at = |after_s: f64| if after_s == 0.0 { 0.0 } else { minute(0).seconds() + after_s };
        let value = |m: i64| changes.iter().rev().find(|(from, _)| *from <= m).map(|(_, after_s)| (m, at(*after_s)));
        (0..60).filter_map(value).collect::<Vec<_>>().into_iter()
    }

    fn process(preset: &str, name: &str, instance: &str) -> String {
        format!("preset={preset},outside={name},outside_namespace=edge,instance={instance}")
    }

    fn found(table: Table, known: &[Change]) -> Vec<String> {
        let words = |c: &Change| {
            let after_s = (c.at.ms() - minute(0).ms()) / 1000;
            format!("{after_s} {} {} ±{}", c.service.as_deref().unwrap_or("-"), c.subject, c.uncertainty_ms / 1000)
        };
        find(&table.0, &gateways(), &"shop".into(), known).iter().map(words).collect()
    }

    #[test]
    fn all_built_in_presets_that_tell_it_are_listed() {
        let all = gateways();
        let metrics: Vec<&str> = FAMILIES.into_iter().filter(|f| all.iter().any(|g| g.reloads.metric == *f)).collect();
        assert_eq!(metrics, FAMILIES);
        for gateway in &all {
            assert!(FAMILIES.contains(&gateway.reloads.metric) && gateway.promql.contains(gateway.reloads.metric));
            assert!(!gateway.promql.contains("$NS") && gateway.promql.contains("shop"), "{}", gateway.promql);
        }
    }

    #[test]
    fn a_reload_is_dated_by_the_gateway_and_replicas_reload_once() {
        let table = Table::new()
            .values(Part::Reloads, &process("ingress-nginx", "nginx", "a"), times(&[(0, 0.0), (20, 1183.0)]))
            .values(Part::Reloads, &process("ingress-nginx", "nginx", "b"), times(&[(0, -900.0), (20, 1185.0)]))
            .values(Part::Reloads, &process("haproxy", "haproxy", "c"), times(&[(0, -900.0), (30, -899.0)]))
            .values(Part::Reloads, &process("envoy-gateway", "envoy", "d"), times(&[(0, -900.0), (40, -300.0)]));
        assert_eq!(
            found(table, &[]),
            ["1183 edge/nginx ingress-nginx configuration ±0", "2400 edge/envoy Envoy routes ±75"],
            "a second more is the same, and a clock that is ten minutes late dates nothing"
        );
    }

    #[test]
    fn what_a_process_begins_with_is_no_reload() {
        let table = Table::new()
            .values(Part::Reloads, &process("ingress-nginx", "nginx", "a"), times(&[(20, 1190.0), (21, 1250.0)]))
            .values(Part::Reloads, &process("ingress-nginx", "nginx", "b"), times(&[(0, 70.0), (30, 0.0)]));
        assert_eq!(found(table, &[]), [""; 0], "a new replica, and one that began anew");
        let always = (0..60).step_by(3).map(|m| (m, m as f64 * 60.0 - 5.0)).collect::<Vec<_>>();
        let table = Table::new().values(Part::Reloads, &process("traefik", "traefik", "a"), times(&always));
        assert_eq!(found(table, &[]), [""; 0], "reloaded all the time");
    }

    #[test]
    fn pods_that_come_and_go_explain_a_reload_where_their_addresses_are_in_it() {
        let table = |preset: &str, name: &str| {
            let points = times(&[(0, -900.0), (20, 1183.0), (40, 2383.0)]);
            Table::new().values(Part::Reloads, &process(preset, name, "a"), points)
        };
        let change = |kind, service: &str, at_s: i64| Change {
            service: Some(service.into()),
            ..Moment::exact(minute(0).plus_ms(at_s * 1000)).change(kind, "x", "test")
        };
        let known = [change(ChangeKind::Release, "orders", 1130), change(ChangeKind::ConfigMap, "orders", 2380)];
        assert_eq!(found(table("traefik", "traefik"), &known), ["2383 edge/traefik Traefik configuration ±0"]);
        assert_eq!(found(table("ingress-nginx", "nginx"), &known).len(), 2);
        let own = [change(ChangeKind::Crashed, "edge/nginx", 1180)];
        assert_eq!(found(table("ingress-nginx", "nginx"), &own).len(), 1, "it was started again");
    }
}
