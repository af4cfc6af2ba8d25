//! Releases and roll-backs: another pod template takes over.
//!
//! A deployment has a replica set for each template, a stateful set a revision. The one that became active last is the current one. It is a roll-back
//! if a template takes over that was current before or is older than the one it replaces; so is a release that is abandoned half-way: the new set
//! goes and the old one stays. Neither scaling nor an annotation changes a template, though an annotation raises `metadata_generation`; so the
//! generation alone is used for daemon sets only, together with pods that are not up to date. A template that runs again after none ran (`Recreate`,
//! scaled to zero) is not a takeover.
//!
//! ```text
//!  orders-77 ██████████████▓▓░░░░░░░░███████     77 there, 88 takes over (release), 77 takes over again (roll-back)
//!  orders-88 ░░░░░░░░░░░░██████████▓▓░░░░░░░
//! ```

use std::collections::{BTreeMap, BTreeSet};

use automap_core::change::{Change, ChangeKind};
use automap_core::time::Timestamp;

use super::images::{self, Images, OwnerKey};
use super::queries::Part;
use super::readings::{Moment, Readings, named, text};
use super::tracks::{Edge, Points, Span, Watched, spans, steps};
use super::workloads::Workloads;

/// An object may have been created this much earlier than it is seen: a template waits until its pods are.
const SLACK_MS: i64 = 60_000;
/// Longest time until a changed template shows in the first pod.
const SOON_MS: i64 = 600_000;

/// One pod template of a workload.
#[derive(Debug)]
struct Template {
    name: String,
    created: Option<Timestamp>,
    spans: Vec<Span>,
}

/// A template that took over.
#[derive(Debug, PartialEq, Eq)]
struct Takeover {
    edge: Edge,
    from: Option<usize>,
    to: usize,
    is_back: bool,
}

/// All releases and roll-backs, and images that changed under the same tag.
pub(super) fn find(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let watched = readings.watched();
    let images = images::of_owners(readings);
    let pods = readings.created("kube_pod_created", "pod");
    let finder = Finder { readings, workloads, watched, images, pods };
    let mut out = finder.of_replica_sets();
    out.extend(finder.of_stateful_sets());
    out.extend(finder.of_daemon_sets());
    out.extend(finder.pushed_again());
    out
}

struct Finder<'a> {
    readings: &'a Readings,
    workloads: &'a Workloads<'a>,
    watched: Watched,
    images: BTreeMap<OwnerKey, Images>,
    pods: BTreeMap<String, Timestamp>,
}

impl Finder<'_> {
    fn of_replica_sets(&self) -> Vec<Change> {
        let created = self.readings.created("kube_replicaset_created", "replicaset");
        let by_spec = self.readings.by(Part::ReplicaSets, "", |labels| Some(named(labels, "replicaset")?.to_owned()));
        let is_set = |labels: &_| text(labels, "owner_kind") == "ReplicaSet";
        let by_pods = self.readings.by(Part::PodOwners, "", |labels| {
            is_set(labels).then(|| named(labels, "owner_name").map(str::to_owned)).flatten()
        });
        let (sets, source) = match by_spec.is_empty() {
            false => (by_spec, "kube_replicaset_spec_replicas"),
            true => (by_pods, "kube_pod_owner"),
        };
        let mut by_workload: BTreeMap<String, Vec<Template>> = BTreeMap::new();
        for (name, points) in sets {
            let workload = self.workloads.of_owner("ReplicaSet", &name).to_owned();
            let created = created.get(&name).copied();
            let template = Template { created, spans: self.spans_of(&points, created), name };
            by_workload.entry(workload).or_default().push(template);
        }
        let replicas = self
            .readings
            .by(Part::Gauges, "kube_deployment_spec_replicas", |labels| named(labels, "deployment").map(str::to_owned));
        let mut out = Vec::new();
        for (workload, templates) in by_workload {
            for takeover in takeovers(&templates) {
                let to = &templates[takeover.to];
                if takeover.from.is_none() && was_scaled_up(replicas.get(&workload), takeover.edge) {
                    continue;
                }
                let (moment, source) = match to.created {
                    Some(created) if !takeover.is_back && self.is_within(created, takeover.edge) => {
                        (Moment::exact(created), "kube_replicaset_created")
                    }
                    _ => self.dated_by_pods(&to.name, &workload, takeover.edge, source),
                };
                let images = |i: usize| self.images_of("ReplicaSet", &templates[i].name);
                let from = takeover.from.map(images).unwrap_or_default();
                out.push(self.change(
                    "deployment",
                    &workload,
                    takeover.is_back,
                    moment,
                    source,
                    (&from, &images(takeover.to)),
                ));
            }
        }
        out
    }

    fn of_stateful_sets(&self) -> Vec<Change> {
        let family = "kube_statefulset_status_update_revision";
        let revisions = self.readings.by(Part::States, family, |labels| {
            Some((named(labels, "statefulset")?.to_owned(), named(labels, "revision")?.to_owned()))
        });
        let mut by_set: BTreeMap<String, Vec<Template>> = BTreeMap::new();
        for ((set, name), points) in revisions {
            by_set.entry(set).or_default().push(Template { name, created: None, spans: spans(&points, &self.watched) });
        }
        let mut out = Vec::new();
        for (set, templates) in &by_set {
            for takeover in takeovers(templates).into_iter().filter(|t| t.from.is_some()) {
                let (from, to) = self.images_around("StatefulSet", set, takeover.edge);
                let (moment, source) = self.dated_by_pods(set, set, takeover.edge, family);
                out.push(self.change("stateful set", set, takeover.is_back, moment, source, (&from, &to)));
            }
        }
        // Without revisions, only a changed image shows a release.
        out.extend(self.by_image("StatefulSet", "stateful set", |set| !by_set.contains_key(set)));
        out
    }

    fn of_daemon_sets(&self) -> Vec<Change> {
        let key = |labels: &_| named(labels, "daemonset").map(str::to_owned);
        let generations = self.readings.by(Part::Gauges, "kube_daemonset_metadata_generation", key);
        let updated = self.readings.by(Part::Gauges, "kube_daemonset_status_updated_number_scheduled", key);
        let mut out = Vec::new();
        for (set, points) in &generations {
            for step in steps(points) {
                let falls = updated.get(set).is_some_and(|updated| falls(updated, step.edge));
                let (from, to) = self.images_around("DaemonSet", set, step.edge);
                if !falls {
                    continue;
                }
                let family = "kube_daemonset_metadata_generation";
                let (moment, source) = (self.readings.between(step.edge), family);
                out.push(self.change("daemon set", set, false, moment, source, (&from, &to)));
            }
        }
        out.extend(self.by_image("DaemonSet", "daemon set", |set| !updated.contains_key(set)));
        out
    }

    /// Releases of workloads that have one name for all templates, from their images alone.
    fn by_image(&self, kind: &str, word: &str, is_unknown: impl Fn(&str) -> bool) -> Vec<Change> {
        let key = |labels: &_| {
            let of_kind = text(labels, "owner_kind") == kind && is_unknown(text(labels, "owner_name"));
            let name = |label: &str| text(labels, label).to_owned();
            of_kind.then(|| (name("owner_name"), name("container"), name("image")))
        };
        let mut by_container: BTreeMap<(String, String), Vec<Template>> = BTreeMap::new();
        for ((set, container, name), points) in self.readings.by(Part::Images, "", key) {
            let template = Template { name, created: None, spans: spans(&points, &self.watched) };
            by_container.entry((set, container)).or_default().push(template);
        }
        let mut out = Vec::new();
        for ((set, container), templates) in by_container {
            for takeover in takeovers(&templates).into_iter().filter(|t| t.from.is_some()) {
                let image = |i: usize| {
                    let image = images::Image { name: templates[i].name.clone(), id: String::new() };
                    Images::from([(container.clone(), image)])
                };
                let from = takeover.from.map(image).unwrap_or_default();
                let (moment, source) = self.dated_by_pods(&set, &set, takeover.edge, "kube_pod_container_info");
                out.push(self.change(word, &set, takeover.is_back, moment, source, (&from, &image(takeover.to))));
            }
        }
        out
    }

    /// Images that changed under the same tag while the template stayed.
    fn pushed_again(&self) -> Vec<Change> {
        let key = |labels: &_| {
            let name = |label: &str| text(labels, label).to_owned();
            Some(((name("owner_kind"), name("owner_name"), name("container"), name("image")), name("image_id")))
        };
        let mut by_image: BTreeMap<_, Vec<Template>> = BTreeMap::new();
        for ((image, name), points) in self.readings.by(Part::Images, "", key) {
            let template = Template { name, created: None, spans: spans(&points, &self.watched) };
            by_image.entry(image).or_default().push(template);
        }
        let mut out = Vec::new();
        for ((kind, owner, container, image), templates) in by_image {
            for takeover in takeovers(&templates).into_iter().filter(|t| !t.is_back) {
                let Some(from) = takeover.from else { continue };
                let workload = self.workloads.of_owner(&kind, &owner).to_owned();
                let (moment, source) = self.dated_by_pods(&owner, &workload, takeover.edge, "kube_pod_container_info");
                let id = |i: usize| Some(images::digest(&templates[i].name).to_owned());
                let subject = format!("image {image} of container {container}");
                out.push(Change {
                    service: Some(self.workloads.service(&workload)),
                    from: id(from),
                    to: id(takeover.to),
                    ..moment.change(ChangeKind::Image, subject, source)
                });
            }
        }
        out
    }

    /// When a template was present. One that was created after the first sample was not present all along.
    fn spans_of(&self, points: &Points, created: Option<Timestamp>) -> Vec<Span> {
        let mut all = spans(points, &self.watched);
        let first_seen = points.first().map(|(time, _)| *time);
        let is_young = created.zip(self.watched.first()).is_some_and(|(created, first)| created > first);
        if let (true, Some(span), Some(at)) = (is_young, all.first_mut(), first_seen)
            && span.begins.is_none()
            && let Some(before) = self.watched.before(at)
        {
            span.begins = Some(Edge { before, at });
        }
        all
    }

    fn change(
        &self,
        word: &str,
        workload: &str,
        is_back: bool,
        moment: Moment,
        source: &str,
        (before, after): (&Images, &Images),
    ) -> Change {
        let (from, to) = match images::compared(workload, before, after) {
            (Some(from), Some(to)) if from == to => (None, Some(format!("{to} (same image)"))),
            other => other,
        };
        let kind = if is_back { ChangeKind::Rollback } else { ChangeKind::Release };
        let change = moment.change(kind, format!("{word} {workload}"), source);
        Change { service: Some(self.workloads.service(workload)), from, to, ..change }
    }

    fn images_of(&self, kind: &str, name: &str) -> Images {
        self.images.get(&(kind.to_owned(), name.to_owned())).cloned().unwrap_or_default()
    }

    /// The images that a workload had last before a change, and those after it or soon after.
    fn images_around(&self, kind: &str, name: &str, edge: Edge) -> (Images, Images) {
        let ours = |labels: &_| {
            let is_ours = text(labels, "owner_kind") == kind && text(labels, "owner_name") == name;
            let label = |name: &str| text(labels, name).to_owned();
            is_ours.then(|| (label("container"), images::Image { name: label("image"), id: label("image_id") }))
        };
        let mut begun: Vec<(Option<Timestamp>, String, images::Image)> = Vec::new();
        for ((container, image), points) in self.readings.by(Part::Images, "", ours) {
            let spans = spans(&points, &self.watched).into_iter();
            begun.extend(spans.map(|span| (span.begins.map(|e| e.at), container.clone(), image.clone())));
        }
        begun.sort();
        let until = |time: Timestamp| {
            let earlier = begun.iter().filter(|(begin, ..)| begin.is_none_or(|begin| begin <= time));
            earlier.map(|(_, container, image)| (container.clone(), image.clone())).collect()
        };
        (until(edge.before), until(edge.at.plus_ms(SOON_MS)))
    }

    /// Dated by the first pod that was created in between, if any: its time is exact.
    fn dated_by_pods(&self, owner: &str, workload: &str, edge: Edge, source: &'static str) -> (Moment, &'static str) {
        let ours = self.workloads.created_pods(&self.pods, owner, workload);
        let first = ours.filter(|created| self.is_within(*created, edge)).min();
        match first {
            Some(created) => (Moment::exact(created), "kube_pod_created"),
            None => (self.readings.between(edge), source),
        }
    }

    fn is_within(&self, time: Timestamp, edge: Edge) -> bool {
        time > edge.before.plus_ms(-self.readings.scrape_ms - SLACK_MS) && time <= edge.at
    }
}

/// Whether a deployment had no replicas before: then its template did not take over.
fn was_scaled_up(replicas: Option<&Points>, edge: Edge) -> bool {
    let before = replicas.and_then(|points| points.iter().rev().find(|(time, _)| *time <= edge.before));
    before.is_some_and(|(_, replicas)| *replicas == 0.0)
}

/// Whether fewer pods are up to date soon after than before.
fn falls(updated: &Points, edge: Edge) -> bool {
    let before = updated.iter().rev().find(|(time, _)| *time <= edge.before).map(|(_, n)| *n);
    let soon = edge.at.plus_ms(SOON_MS);
    let after = updated.iter().filter(|(time, _)| *time >= edge.at && *time <= soon).map(|(_, n)| *n);
    before.is_some_and(|before| after.into_iter().any(|after| after < before))
}

/// The takeovers of templates, in order of time.
fn takeovers(templates: &[Template]) -> Vec<Takeover> {
    let age = |i: usize| (templates[i].created, i);
    let first = |i: usize| templates[i].spans.first().filter(|span| span.begins.is_none());
    let mut active: Vec<usize> = (0..templates.len()).filter(|i| first(*i).is_some()).collect();
    // Of the templates present from the start, the one that stays longest is the current one.
    let stays = |i: usize| first(i).and_then(|span| span.ends).map_or(i64::MAX, |edge| edge.at.ms());
    active.sort_by_key(|i| (templates[*i].created, stays(*i), *i));
    let mut current = active.last().copied();
    let mut was_current: BTreeSet<usize> = active.iter().copied().collect();
    let mut events: BTreeMap<Timestamp, Vec<(Edge, usize, bool)>> = BTreeMap::new();
    for (i, template) in templates.iter().enumerate() {
        for span in &template.spans {
            for (edge, begins) in [(span.begins, true), (span.ends, false)] {
                if let Some(edge) = edge {
                    events.entry(edge.at).or_default().push((edge, i, begins));
                }
            }
        }
    }
    let mut out = Vec::new();
    for mut at_once in events.into_values() {
        at_once.sort_by_key(|(_, i, _)| age(*i));
        for (_, i, begins) in &at_once {
            active.retain(|known| known != i);
            if *begins {
                active.push(*i);
            }
        }
        let (Some(to), Some((edge, ..))) = (active.last().copied(), at_once.first()) else { continue };
        if current == Some(to) {
            continue;
        }
        let is_older = |from: usize| templates[to].created.zip(templates[from].created).is_some_and(|(a, b)| a < b);
        let is_back = current.is_some_and(|from| was_current.contains(&to) || is_older(from));
        out.push(Takeover { edge: *edge, from: current, to, is_back });
        current = Some(to);
        was_current.insert(to);
    }
    out
}

#[cfg(test)]
mod tests;
