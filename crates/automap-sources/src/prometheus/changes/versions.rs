//! Versions that programs report themselves: `*_build_info`, OpenTelemetry's `target_info`, Istio's control plane.
//!
//! Only changes that no release of the same service explains are reported: programs that were replaced by other means than a Kubernetes template.

use std::collections::BTreeMap;

use automap_core::change::{Change, ChangeKind};
use automap_core::time::Timestamp;

use super::queries::Part;
use super::readings::{Readings, in_place, named, text};
use super::tracks::{Points, successions};
use super::workloads::Workloads;
use crate::prometheus::decode::Labels;

/// A release within this time explains another version.
const RELEASE_MS: i64 = 15 * 60_000;

/// The source: family, service if known, and name to show.
type Reporter = (String, Option<String>, String);

/// Versions that appear while others of the same program were present, unless `known` explains them.
pub(super) fn find(readings: &Readings, workloads: &Workloads<'_>, known: &[Change]) -> Vec<Change> {
    let mut all: BTreeMap<Reporter, BTreeMap<String, Points>> = BTreeMap::new();
    for part in [Part::Builds, Part::Targets] {
        let key = |labels: &Labels| reporter(labels, part, workloads);
        for ((reporter, version), points) in readings.by(part, "", key) {
            all.entry(reporter).or_default().insert(version, points);
        }
    }
    let mut out = Vec::new();
    for ((family, service, subject), versions) in all {
        for (edge, from, to) in successions(&versions, &readings.axis) {
            let moment = readings.between(edge);
            if is_explained(known, service.as_deref(), moment.at) {
                continue;
            }
            out.push(Change {
                service: service.clone(),
                from: Some(from.to_owned()),
                to: Some(to.to_owned()),
                ..moment.change(ChangeKind::Version, subject.clone(), &family)
            });
        }
    }
    out
}

/// From its workload, or from a job that is named like a service of ours: `orders`, or `shop/orders`.
fn reporter(labels: &Labels, part: Part, workloads: &Workloads<'_>) -> Option<(Reporter, String)> {
    let job = text(labels, "job");
    let job = in_place(labels, job.rsplit_once('/').map_or(job, |(_, job)| job));
    let job = job.as_str();
    if part == Part::Targets {
        let version = named(labels, "service_version")?.to_owned();
        let service =
            named(labels, "k8s_deployment_name").map_or_else(|| job.to_owned(), |name| workloads.service(name));
        return Some((("target_info".to_owned(), Some(service.clone()), format!("service {service}")), version));
    }
    let (family, version) = (text(labels, "__name__").to_owned(), named(labels, "version")?.to_owned());
    if let Some(component) = named(labels, "component").filter(|_| family == "istio_build") {
        return Some(((family, None, format!("Istio {component}")), version));
    }
    let service = match named(labels, "workload") {
        Some(workload) => Some(workloads.service(workload)),
        None => Some(workloads.service(job)).filter(|job| workloads.services.contains(job.as_str())),
    };
    let program = family.strip_suffix("_build_info").unwrap_or(&family).to_owned();
    let whose = service.as_ref().map_or_else(|| format!("job {job}"), |service| format!("service {service}"));
    Some(((family, service, format!("{program} of {whose}")), version))
}

fn is_explained(known: &[Change], service: Option<&str>, at: Timestamp) -> bool {
    let by_template = [ChangeKind::Release, ChangeKind::Rollback, ChangeKind::Image];
    known.iter().any(|change| {
        service.is_some()
            && change.service.as_deref() == service
            && by_template.contains(&change.kind)
            && (change.at.ms() - at.ms()).abs() <= RELEASE_MS
    })
}

#[cfg(test)]
mod tests {
    use super::super::readings::Moment;
    use super::super::readings::tests::{Table, minute};
    use super::*;
    use crate::prometheus::pods::Owners;

    #[test]
    fn another_version_is_told_unless_a_release_explains_it() {
        let build = |workload: &str, version: &str| {
            format!("__name__=app_build_info,job=pods,workload={workload},version={version}")
        };
        let target = |version: &str| format!("job=shop/cart,service_version={version}");
        let pilot = |version: &str| format!("__name__=istio_build,component=pilot,version={version}");
        let table = Table::new()
            .there(Part::Builds, &build("web", "1"), 0..22)
            .there(Part::Builds, &build("web", "2"), 20..60)
            .there(Part::Builds, &build("api", "1"), 0..22)
            .there(Part::Builds, &build("api", "2"), 20..60)
            .there(Part::Builds, &build("new", "1"), 20..60)
            .there(Part::Targets, &target("7"), 0..30)
            .there(Part::Targets, &target("8"), 30..60)
            .there(Part::Builds, &pilot("1.24.0"), 0..41)
            .there(Part::Builds, &pilot("1.24.1"), 40..60);
        let owners = Owners::default();
        let workloads = Workloads { owners: &owners, services: ["web", "api", "cart"].into() };
        let release = Moment::exact(minute(19)).change(ChangeKind::Release, "deployment api", "x");
        let known = [Change { service: Some("api".into()), ..release }];
        let words = |c: &Change| {
            let or_none = |text: &Option<String>| text.clone().unwrap_or("-".into());
            let minutes = (c.at.ms() - minute(0).ms()) / 60_000;
            format!("{minutes} {} of {} {}→{}", c.subject, or_none(&c.service), or_none(&c.from), or_none(&c.to))
        };
        let mut found = find(&table.0, &workloads, &known);
        found.sort();
        let place = "job=shop/cart,__place__=shop";
        let version = |v: &str| format!("{place},service_version={v}");
        let table = Table::new().there(Part::Targets, &version("7"), 0..30).there(Part::Targets, &version("8"), 30..60);
        let of_several = find(&table.0, &Workloads { services: ["shop/cart"].into(), ..workloads }, &[]);
        assert_eq!(of_several[0].service.as_deref(), Some("shop/cart"), "of several namespaces");
        assert_eq!(
            found.iter().map(words).collect::<Vec<_>>(),
            ["20 app of service web of web 1→2", "30 service cart of cart 7→8", "40 Istio pilot of - 1.24.0→1.24.1"]
        );
    }
}
