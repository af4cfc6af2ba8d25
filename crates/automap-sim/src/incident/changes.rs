//! The changes during the recording, as kube-state-metrics shows them: releases, settings, and numbers of pods, whoever made them.

use automap_core::change::{Change, ChangeKind, ChangeLog};
use automap_core::time::Interval;

use crate::fault::{Fault, Kind};
use crate::fleet::{Recording, Scaling};
use crate::observation::{START, time};
use crate::plan::Plan;

/// Time until a change of settings is seen at the next sample, in milliseconds.
const SETTINGS_WITHIN_MS: i64 = 60_000;

/// All changes. The log reaches one hour back, without further changes.
pub(super) fn changes(plan: &Plan, faults: &[Fault], recording: &Recording, length_s: f64) -> ChangeLog {
    let by_people = faults.iter().filter(|f| f.kind.is_change() && f.kind != Kind::ScaledUp);
    let mut made: Vec<Change> = by_people.map(|fault| of_fault(plan, fault)).collect();
    made.extend(recording.scalings.iter().map(|scaling| of_scaling(plan, faults, scaling)));
    made.sort();
    let observed = Interval { start: START.plus_ms(-3_600_000), end: time(length_s) };
    ChangeLog::new(observed, Vec::new(), made)
}

fn of_fault(plan: &Plan, fault: &Fault) -> Change {
    let service = fault.place_name(plan);
    let is_release = fault.kind.is_release();
    let (kind, subject, source) = match is_release {
        true => (ChangeKind::Release, format!("deployment {service}"), "kube_replicaset_created"),
        false => {
            let source = "kube_configmap_metadata_resource_version";
            (ChangeKind::ConfigMap, format!("config map {service}-config"), source)
        }
    };
    Change {
        at: time(fault.from_s),
        kind,
        service: Some(service),
        subject,
        from: is_release.then(|| "1.4.2".to_owned()),
        to: is_release.then(|| "1.4.3".to_owned()),
        uncertainty_ms: if is_release { 0 } else { SETTINGS_WITHIN_MS },
        source: source.to_owned(),
        url: None,
    }
}

/// Made by the autoscaler, unless a person scaled at the same time.
fn of_scaling(plan: &Plan, faults: &[Fault], scaling: &Scaling) -> Change {
    let service = plan.services[scaling.service].name.clone();
    let asked =
        |f: &Fault| f.kind == Kind::ScaledUp && f.place_name(plan) == service && (scaling.at_s - f.from_s).abs() < 1.0;
    let (kind, by) = match faults.iter().any(asked) {
        true => (ChangeKind::Scaled, ""),
        false => (ChangeKind::Autoscaled, " by its autoscaler"),
    };
    Change {
        at: time(scaling.at_s),
        kind,
        subject: format!("deployment {service}{by}"),
        service: Some(service),
        from: Some(scaling.pods.0.to_string()),
        to: Some(scaling.pods.1.to_string()),
        uncertainty_ms: 0,
        source: "kube_pod_created".to_owned(),
        url: None,
    }
}
