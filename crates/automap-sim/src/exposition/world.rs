//! What a cluster calls the parts of a simulated system: pods, replica sets, images, addresses; and which scrapes are known at a time.

use automap_core::random::Rng;
use automap_core::time::Timestamp;

use crate::fault::{Fault, Kind, Place};
use crate::incident::Incident;
use crate::meters::{NodeSample, ServiceSample};
use crate::plan::{Plan, Service};

/// The namespace that the services are in.
pub const NAMESPACE: &str = "sim";
/// The letters and digits that Kubernetes makes suffixes of.
const SUFFIX: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// How long before the recording everything was installed, in seconds.
const INSTALLED_S: f64 = 3.0 * 86_400.0;

/// One series.
pub(super) struct Row {
    /// What its samples are called after the family's name.
    pub(super) suffix: &'static str,
    /// `name="value",…`
    pub(super) labels: String,
    /// When, in seconds since the start, and what.
    pub(super) points: Vec<(f64, f64)>,
    /// The latest scrape of its target: a series that has no value there is not there.
    pub(super) latest_s: f64,
}

/// One pod of a service from its start to its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Life {
    pub(super) pod: String,
    pub(super) replica_set: String,
    pub(super) version: &'static str,
    /// When it was made, in seconds since the start.
    pub(super) made_s: f64,
    pub(super) until_s: f64,
}

impl Life {
    fn has(&self, at_s: f64) -> bool {
        (self.made_s..self.until_s).contains(&at_s)
    }
}

/// An incident up to a time.
pub(super) struct World<'a> {
    pub(super) plan: &'a Plan,
    /// The direct callers of each service.
    pub(super) callers: Vec<Vec<usize>>,
    lives: Vec<Vec<Life>>,
    faults: &'a [Fault],
    services: Vec<&'a [ServiceSample]>,
    nodes: Vec<&'a [NodeSample]>,
    start: Timestamp,
}

impl<'a> World<'a> {
    pub(super) fn new(incident: &'a Incident, start: Timestamp, until_s: f64) -> Self {
        let (plan, recording, faults) = (&incident.plan, &incident.recording, &incident.faults[..]);
        let up_to = |samples: &'a Vec<ServiceSample>| &samples[..samples.partition_point(|s| s.at_s <= until_s)];
        let nodes = recording.nodes.iter();
        Self {
            plan,
            callers: plan.callers(),
            lives: (0..plan.services.len()).map(|i| lives(&plan.services[i], i, faults)).collect(),
            faults,
            services: recording.services.iter().map(up_to).collect(),
            nodes: nodes.map(|samples| &samples[..samples.partition_point(|s| s.at_s <= until_s)]).collect(),
            start,
        }
    }

    pub(super) fn service(&self, i: usize) -> &'a Service {
        &self.plan.services[i]
    }

    pub(super) fn lives(&self, service: usize) -> &[Life] {
        &self.lives[service]
    }

    /// A time as Unix seconds.
    pub(super) fn unix_s(&self, at_s: f64) -> f64 {
        self.start.plus_ms((at_s * 1e3).round() as i64).ms() as f64 / 1e3
    }

    /// A series of one pod of a service, from what each of its scrapes finds.
    pub(super) fn row(
        &self,
        service: usize,
        life: &Life,
        (suffix, labels): (&'static str, String),
        of: &dyn Fn(&ServiceSample) -> Option<f64>,
    ) -> Row {
        let samples = self.services[service];
        let points = samples.iter().filter(|s| life.has(s.at_s)).filter_map(|s| Some((s.at_s, of(s)?))).collect();
        Row { suffix, labels, points, latest_s: samples.last().map_or(0.0, |s| s.at_s) }
    }

    /// A series that is there whichever pod is: what the cluster knows of a workload.
    pub(super) fn row_of_workload(&self, service: usize, labels: String, of: &dyn Fn(f64) -> Option<f64>) -> Row {
        let samples = self.services[service];
        let points = samples.iter().filter_map(|s| Some((s.at_s, of(s.at_s)?))).collect();
        Row { suffix: "", labels, points, latest_s: samples.last().map_or(0.0, |s| s.at_s) }
    }

    /// A series of a node.
    pub(super) fn row_of_node(
        &self,
        node: usize,
        (suffix, labels): (&'static str, String),
        of: &dyn Fn(&NodeSample) -> f64,
    ) -> Row {
        let samples = self.nodes[node];
        // What has grown never shrinks, whatever was counted ahead of time.
        let mut most = f64::NEG_INFINITY;
        let points = samples.iter().map(|s| {
            most = most.max(of(s));
            (s.at_s, most)
        });
        Row { suffix, labels, points: points.collect(), latest_s: samples.last().map_or(0.0, |s| s.at_s) }
    }

    /// How many pods a service has.
    pub(super) fn pods(&self, service: usize, at_s: f64) -> f64 {
        let samples = self.services[service];
        samples[..samples.partition_point(|s| s.at_s <= at_s)].last().map_or(1.0, |s| s.pods)
    }

    /// When the settings of a service were changed.
    pub(super) fn configured_s(&self, service: usize) -> Option<f64> {
        let fits = |f: &&Fault| f.kind == Kind::ConfigTimeout && f.place == Place::Service(service);
        self.faults.iter().find(fits).map(|f| f.from_s)
    }
}

/// The pods of a service: another one with each release.
fn lives(service: &Service, i: usize, faults: &[Fault]) -> Vec<Life> {
    let is_release = |f: &&Fault| f.kind.is_release() && f.place == Place::Service(i);
    let mut made: Vec<f64> = faults.iter().filter(is_release).map(|f| f.from_s).collect();
    made.sort_by(f64::total_cmp);
    let ends: Vec<f64> = made.iter().copied().chain([f64::INFINITY]).collect();
    made.insert(0, -INSTALLED_S);
    let life = |(n, (made_s, until_s)): (usize, (f64, f64))| {
        let mut rng = Rng::named(n as u64, &service.name);
        let replica_set = format!("{}-{}", service.name, suffix(9, &mut rng));
        let pod = format!("{replica_set}-{}", suffix(5, &mut rng));
        Life { pod, replica_set, version: if n == 0 { "1.4.2" } else { "1.4.3" }, made_s, until_s }
    };
    made.into_iter().zip(ends).enumerate().map(life).collect()
}

fn suffix(length: usize, rng: &mut Rng) -> String {
    (0..length).map(|_| char::from(SUFFIX[rng.below(SUFFIX.len())])).collect()
}

/// The labels of a series, in the order given.
pub(super) fn labels(pairs: &[(&str, &str)]) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect::<Vec<_>>().join(",")
}

/// Labels of what belongs to a pod.
pub(super) fn of_pod(life: &Life, more: &[(&str, &str)]) -> String {
    let mut pairs = vec![("namespace", NAMESPACE), ("pod", life.pod.as_str())];
    pairs.extend_from_slice(more);
    labels(&pairs)
}

/// The address of a node.
pub(super) fn address(node: usize) -> String {
    format!("10.0.{}.{}", (node + 1) / 250, (node + 1) % 250)
}

/// The name of a node in a cluster.
pub(super) fn node(node: usize) -> String {
    format!("node-{}", node + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::PlanOptions;

    #[test]
    fn a_release_ends_one_pod_and_begins_another() {
        let plan = Plan::draw(&PlanOptions::default());
        let release =
            Fault { kind: Kind::ReleaseSlow, place: Place::Service(2), strength: 0.5, from_s: 60.0, to_s: 90.0 };
        let lives = lives(&plan.services[2], 2, &[release]);
        assert_eq!(lives.len(), 2);
        assert!(lives[0].has(59.0) && !lives[0].has(60.0) && lives[1].has(60.0) && lives[1].has(1e9));
        assert!(lives[0].pod.starts_with(&lives[0].replica_set) && lives[0].replica_set != lives[1].replica_set);
        assert_eq!((lives[0].version, lives[1].version), ("1.4.2", "1.4.3"));
        assert_eq!(super::lives(&plan.services[3], 3, &[release]).len(), 1);
    }

    #[test]
    fn values_of_labels_are_escaped() {
        assert_eq!(labels(&[("a", "x\"y\\z\n"), ("b", "")]), r#"a="x\"y\\z\n",b="""#);
    }
}
