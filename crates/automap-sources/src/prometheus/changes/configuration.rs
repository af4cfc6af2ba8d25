//! Config maps, secrets, releases of Helm, and the configuration of the mesh.
//!
//! Their content is not exported, only that they changed. Objects that change all the time, such as the locks of leader elections, are not
//! configuration and are left out. Helm writes a secret for each of its releases, which is reported as a release.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::change::{Change, ChangeKind};
use automap_core::time::Timestamp;

use super::queries::Part;
use super::readings::{Moment, Readings, named, text};
use super::workloads::Workloads;
use crate::prometheus::decode::Labels;

/// Objects that change more often than this in one look-back are considered to change all the time.
const MAX_USUAL: usize = 12;
/// With new objects of more kinds than this at once, Istio's control plane is listing everything after a start.
const MAX_NEW_KINDS: usize = 3;
/// Objects created this close to their workload belong to it, in milliseconds.
const INSTALL_MS: i64 = 300_000;
/// How Helm names the secrets of its releases: `sh.helm.release.v1.NAME.vREVISION`.
const HELM: &str = "sh.helm.release.v1.";

/// All changes of configuration.
pub(super) fn find(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let mut out = Vec::new();
    for (part, label, kind, word) in [
        (Part::ConfigMaps, "configmap", ChangeKind::ConfigMap, "config map"),
        (Part::Secrets, "secret", ChangeKind::Secret, "secret"),
    ] {
        let object = |labels: &Labels| named(labels, label).filter(|name| !name.starts_with(HELM)).map(str::to_owned);
        let family = format!("kube_{label}_metadata_resource_version");
        for (name, points) in readings.by(part, "", object) {
            if points.len() <= MAX_USUAL {
                let change = |(at, _): (Timestamp, f64)| Change {
                    service: workloads.by_prefix(&name),
                    ..readings.within_step(at).change(kind, format!("{word} {name}"), &family)
                };
                out.extend(points.into_iter().map(change));
            }
        }
        out.extend(created(readings, workloads, label, (kind, word)));
    }
    out.extend(helm(readings, workloads));
    out.extend(mesh(readings));
    out
}

/// New objects, as created by generators that put a hash of the content into the name. An object older than the first sample may be no newer than
/// everything else: its namespace may have been installed then. An object created with its workload belongs to that.
fn created(
    readings: &Readings,
    workloads: &Workloads<'_>,
    label: &str,
    (kind, word): (ChangeKind, &str),
) -> Vec<Change> {
    let family = format!("kube_{label}_created");
    let workloads_created: Vec<(String, Timestamp)> = ["deployment", "statefulset", "daemonset"]
        .into_iter()
        .flat_map(|kind| readings.created(&format!("kube_{kind}_created"), kind))
        .collect();
    let is_installed = |name: &str, at: Timestamp| {
        let service = workloads.by_prefix(name);
        let with_it = |(workload, created): &(String, Timestamp)| {
            service.as_ref() == Some(&workloads.service(workload)) && (created.ms() - at.ms()).abs() <= INSTALL_MS
        };
        workloads_created.iter().any(with_it)
    };
    let first = readings.watched().first();
    let mut by_stem: BTreeMap<String, Vec<(String, Timestamp)>> = BTreeMap::new();
    for (name, at) in readings.created(&family, label) {
        if !name.starts_with(HELM) && first.is_some_and(|first| at >= first) && !is_installed(&name, at) {
            let stem = name.rsplit_once('-').map_or(name.as_str(), |(stem, _)| stem).to_owned();
            by_stem.entry(stem).or_default().push((name, at));
        }
    }
    let usual = by_stem.into_values().filter(|of_stem| of_stem.len() <= MAX_USUAL).flatten();
    let change = |(name, at): (String, Timestamp)| Change {
        service: workloads.by_prefix(&name),
        to: Some("created".to_owned()),
        ..Moment::exact(at).change(kind, format!("{word} {name}"), &family)
    };
    usual.map(change).collect()
}

/// Releases of Helm, from the secrets that it writes.
fn helm(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    const FAMILY: &str = "kube_secret_created";
    let release = |(secret, at): (String, Timestamp)| {
        let (name, revision) = secret.strip_prefix(HELM)?.rsplit_once(".v")?;
        let before = revision.parse::<u64>().ok().and_then(|n| n.checked_sub(1)).filter(|n| *n > 0);
        Some(Change {
            service: workloads.by_prefix(name),
            from: before.map(|n| format!("revision {n}")),
            to: Some(format!("revision {revision}")),
            ..Moment::exact(at).change(ChangeKind::Sync, format!("Helm release {name}"), FAMILY)
        })
    };
    readings.created(FAMILY, "secret").into_iter().filter_map(release).collect()
}

/// Istio's configuration: the kind of object is exported, but not which one, nor its namespace.
fn mesh(readings: &Readings) -> Vec<Change> {
    let event = |labels: &Labels| Some((text(labels, "type").to_owned(), text(labels, "event").to_owned()));
    let events = readings.by(Part::Mesh, "", event);
    let mut new_kinds: BTreeMap<Timestamp, BTreeSet<&str>> = BTreeMap::new();
    for ((kind, _), points) in events.iter().filter(|((_, event), _)| event == "add") {
        points.iter().for_each(|(time, _)| {
            new_kinds.entry(*time).or_default().insert(kind);
        });
    }
    let is_listing =
        |event: &str, time: &Timestamp| event == "add" && new_kinds.get(time).is_some_and(|k| k.len() > MAX_NEW_KINDS);
    let mut out = Vec::new();
    for ((kind, event), points) in events.iter().filter(|(_, points)| points.len() <= MAX_USUAL) {
        for (time, _) in points.iter().filter(|(time, _)| !is_listing(event, time)) {
            let what = match event.as_str() {
                "add" => "added",
                "delete" => "deleted",
                _ => "updated",
            };
            out.push(Change {
                to: Some(what.to_owned()),
                ..readings.within_step(*time).change(ChangeKind::MeshConfig, kind, "pilot_k8s_cfg_events")
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::readings::tests::{Table, minute};
    use super::*;
    use crate::prometheus::pods::Owners;

    fn found(table: Table) -> Vec<String> {
        let owners = Owners::default();
        let mut changes = find(&table.0, &Workloads { owners: &owners, services: ["orders"].into() });
        changes.sort();
        let words = |c: &Change| {
            let or_none = |text: &Option<String>| text.clone().unwrap_or("-".into());
            let after_s = (c.at.ms() - minute(0).ms()) / 1000;
            let (from, to) = (or_none(&c.from), or_none(&c.to));
            format!(
                "{after_s} {:?} {} of {} {from}→{to} ±{}",
                c.kind,
                c.subject,
                or_none(&c.service),
                c.uncertainty_ms / 1000
            )
        };
        changes.iter().map(words).collect()
    }

    #[test]
    fn configuration_that_changes_now_and_then_is_told() {
        let table = Table::new()
            .there(Part::ConfigMaps, "configmap=orders-settings", [20])
            .there(Part::ConfigMaps, "configmap=leader-election", 0..60)
            .there(Part::Secrets, "secret=shop-tls", [30])
            .time("__name__=kube_configmap_created,configmap=orders-env-7f9c8", minute(5).plus_ms(3_000))
            .time("__name__=kube_configmap_created,configmap=orders", minute(0).plus_ms(-1))
            .time("__name__=kube_secret_created,secret=sh.helm.release.v1.orders.v7", minute(7));
        assert_eq!(
            found(table),
            [
                "303 ConfigMap config map orders-env-7f9c8 of orders -→created ±0",
                "420 Sync Helm release orders of orders revision 6→revision 7 ±0",
                "1200 ConfigMap config map orders-settings of orders -→- ±75",
                "1800 Secret secret shop-tls of - -→- ±75",
            ]
        );
        let installed = Table::new()
            .time("__name__=kube_deployment_created,deployment=orders", minute(30))
            .time("__name__=kube_configmap_created,configmap=orders-settings", minute(29));
        assert_eq!(found(installed), [""; 0], "it came with its workload");
        let mut many = Table::new();
        for i in 0..13 {
            many = many.time(&format!("__name__=kube_configmap_created,configmap=run-{i}"), minute(i));
        }
        assert_eq!(found(many), [""; 0], "made by each run of something");
    }

    #[test]
    fn a_control_plane_that_starts_lists_all_and_changes_nothing() {
        let event = |kind: &str, event: &str| format!("type={kind},event={event}");
        let mut table = Table::new().there(Part::Mesh, &event("VirtualService", "update"), [20]);
        for kind in ["Gateway", "DestinationRule", "Sidecar", "VirtualService"] {
            table = table.there(Part::Mesh, &event(kind, "add"), [40]);
        }
        let table = table.there(Part::Mesh, &event("Gateway", "add"), [50]);
        assert_eq!(
            found(table),
            ["1200 MeshConfig VirtualService of - -→updated ±75", "3000 MeshConfig Gateway of - -→added ±75"]
        );
    }
}
