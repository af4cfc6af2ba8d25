//! Changes reported by deployment controllers: Argo CD, Flux, Flagger and Argo Rollouts.
//!
//! Controllers report only about themselves, so each is tracked by its own series: one whose series begin has not changed anything. Argo CD does not
//! export the revision.

use std::collections::BTreeMap;

use automap_core::change::{Change, ChangeKind};

use super::queries::Part;
use super::readings::{Readings, named, text};
use super::tracks::{Points, steps, successions};
use super::workloads::Workloads;
use crate::prometheus::decode::Labels;

/// Applications that are synchronised more often than this in one look-back correct themselves all the time.
const MAX_USUAL: usize = 12;

/// All changes by controllers.
pub(super) fn find(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let mut out = argo_cd(readings, workloads);
    out.extend(flux(readings, workloads));
    out.extend(flagger(readings, workloads));
    out.extend(rollouts(readings, workloads));
    out
}

fn argo_cd(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let key = |labels: &Labels| Some((named(labels, "name")?.to_owned(), text(labels, "phase").to_owned()));
    let mut out = Vec::new();
    for ((app, phase), points) in readings.by(Part::ArgoSyncs, "", key) {
        if points.len() > MAX_USUAL {
            continue;
        }
        out.extend(points.into_iter().map(|(time, _)| Change {
            service: workloads.by_prefix(&app),
            to: Some(phase.clone()),
            ..readings.within_step(time).change(
                ChangeKind::Sync,
                format!("Argo CD application {}", bare(&app)),
                "argocd_app_sync_total",
            )
        }));
    }
    out
}

/// The name without the namespace prefix.
fn bare(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, name)| name)
}

/// One series for each revision of an object: a new one replaces the old one.
fn flux(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let key = |labels: &Labels| {
        let of = |name: &str| text(labels, name).to_owned();
        Some(((of("customresource_kind"), of("exported_namespace"), of("name")), of("revision")))
    };
    let mut by_object: BTreeMap<_, BTreeMap<String, Points>> = BTreeMap::new();
    for ((object, revision), points) in readings.by(Part::Flux, "", key) {
        by_object.entry(object).or_default().insert(revision, points);
    }
    let mut out = Vec::new();
    for ((kind, namespace, name), revisions) in by_object {
        for (edge, from, to) in successions(&revisions, &readings.axis) {
            out.push(Change {
                service: workloads.by_prefix_in(&namespace, &name),
                from: Some(from.to_owned()),
                to: Some(to.to_owned()),
                ..readings.between(edge).change(ChangeKind::Sync, format!("Flux {kind} {name}"), "gotk_resource_info")
            });
        }
    }
    out
}

/// 0 is in progress, 1 succeeded, 2 failed. The weight is the share of requests that the canary gets.
fn flagger(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let by = |family: &str, label: &'static str| {
        readings.by(Part::Gauges, family, move |labels| named(labels, label).map(str::to_owned))
    };
    let mut out = Vec::new();
    let mut tell = |family: &str, of: BTreeMap<String, Points>, words: &dyn Fn(f64) -> String| {
        for (name, points) in of {
            for step in steps(&points) {
                out.push(Change {
                    service: Some(workloads.service(&name)),
                    from: Some(words(step.from)),
                    to: Some(words(step.to)),
                    ..readings.between(step.edge).change(ChangeKind::Canary, format!("canary {name}"), family)
                });
            }
        }
    };
    tell("flagger_canary_status", by("flagger_canary_status", "name"), &|status| {
        let word = match status as i64 {
            0 => "running",
            1 => "succeeded",
            _ => "failed",
        };
        word.to_owned()
    });
    let mut weights = by("flagger_canary_weight", "workload");
    // Both weights are exported; each is the complement of the other.
    weights.retain(|workload, _| !workload.ends_with("-primary"));
    tell("flagger_canary_weight", weights, &|weight| format!("{weight} % of requests"));
    out
}

/// The phase of a rollout; the release itself is seen from its replica sets.
fn rollouts(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let key = |labels: &Labels| Some((named(labels, "name")?.to_owned(), named(labels, "phase")?.to_owned()));
    let mut by_name: BTreeMap<String, BTreeMap<String, Points>> = BTreeMap::new();
    for ((name, phase), points) in readings.by(Part::States, "rollout_info", key) {
        by_name.entry(name).or_default().insert(phase, points);
    }
    let mut out = Vec::new();
    for (name, phases) in by_name {
        for (edge, from, to) in successions(&phases, &readings.axis) {
            out.push(Change {
                service: Some(workloads.service(&name)),
                from: Some(from.to_owned()),
                to: Some(to.to_owned()),
                ..readings.between(edge).change(ChangeKind::Canary, format!("roll-out {name}"), "rollout_info")
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

    #[test]
    fn every_controller_tells_in_its_way() {
        let revision =
            |r: &str| format!("customresource_kind=HelmRelease,exported_namespace=shop,name=orders,revision={r}");
        let rollout = |phase: &str| format!("__name__=rollout_info,name=web,strategy=canary,phase={phase}");
        let weight = |of: &str| format!("__name__=flagger_canary_weight,workload={of}");
        let table = Table::new()
            .there(Part::ArgoSyncs, "name=orders-app,phase=Succeeded", [10])
            .there(Part::ArgoSyncs, "name=heals-itself,phase=Succeeded", 0..60)
            .there(Part::Flux, &revision("1.4.2"), 0..20)
            .there(Part::Flux, &revision("1.4.3"), 20..60)
            .values(Part::Gauges, "__name__=flagger_canary_status,name=carts", [(29, 1.0), (30, 0.0), (40, 2.0)])
            .values(Part::Gauges, &weight("carts"), [(29, 0.0), (31, 10.0)])
            .values(Part::Gauges, &weight("carts-primary"), [(29, 100.0), (31, 90.0)])
            .there(Part::States, &rollout("Healthy"), 0..50)
            .there(Part::States, &rollout("Progressing"), 50..60);
        let owners = Owners::default();
        let mut found = find(&table.0, &Workloads { owners: &owners, services: ["orders", "carts-primary"].into() });
        found.sort();
        let words = |c: &Change| {
            let or_none = |text: &Option<String>| text.clone().unwrap_or("-".into());
            let minutes = (c.at.ms() - minute(0).ms()) / 60_000;
            format!("{minutes} {} of {} {}→{}", c.subject, or_none(&c.service), or_none(&c.from), or_none(&c.to))
        };
        assert_eq!(
            found.iter().map(words).collect::<Vec<_>>(),
            [
                "10 Argo CD application orders-app of orders -→Succeeded",
                "20 Flux HelmRelease orders of orders 1.4.2→1.4.3",
                "30 canary carts of carts-primary succeeded→running",
                "31 canary carts of carts-primary 0 % of requests→10 % of requests",
                "40 canary carts of carts-primary running→failed",
                "50 roll-out web of web Healthy→Progressing",
            ]
        );
    }
}
