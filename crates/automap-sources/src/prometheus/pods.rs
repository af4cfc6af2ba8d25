//! Which workload a pod belongs to: by its owners, else by its name.

use std::collections::BTreeMap;

use super::plan::part;
use super::query::Answer;

/// The characters in the random parts of Kubernetes names: no vowels, no look-alikes.
const NAME_ALPHABET: &str = "bcdfghjklmnpqrstvwxz2456789";
/// Longest hash of a replica set.
const MAX_TEMPLATE_HASH: usize = 10;
/// Length of the random end of a pod's name.
const POD_SUFFIX: usize = 5;
/// Digits at the end of the name of a cron job's job: minutes since 1970, or seconds before Kubernetes 1.21.
const SCHEDULE_DIGITS: [usize; 2] = [8, 10];

/// The owners that kube-state-metrics knew in the window; may be empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners {
    /// Pod → kind and name.
    pods: BTreeMap<String, (String, String)>,
    /// Replica set → name of its deployment or roll-out.
    replica_sets: BTreeMap<String, String>,
}

impl Owners {
    /// Reads the answer to [`super::presets::ONCE`].
    pub(crate) fn read(answer: &Answer) -> Self {
        let mut owners = Self::default();
        for (index, name_label) in [(0, "pod"), (1, "replicaset")] {
            for series in part(answer, index) {
                let label = |name: &str| series.labels.get(name).map_or("", String::as_str).to_owned();
                let (name, kind, owner) = (label(name_label), label("owner_kind"), label("owner_name"));
                if name.is_empty() || owner.is_empty() || owner == "<none>" {
                    continue;
                }
                if index == 0 {
                    owners.pods.insert(name, (kind, owner));
                } else {
                    owners.replica_sets.insert(name, owner);
                }
            }
        }
        owners
    }

    /// Whether no owners are known and names have to be used.
    pub(crate) fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    /// The workloads of all pods.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.pods.keys().map(|pod| self.workload(pod))
    }

    /// All known pods, each with its workload.
    pub(crate) fn pods(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pods.keys().map(|pod| (pod.as_str(), self.workload(pod)))
    }

    /// The workload of a pod: deployment, stateful set, daemon set, cron job, or the pod itself.
    pub(crate) fn workload<'a>(&'a self, pod: &'a str) -> &'a str {
        match self.pods.get(pod) {
            Some((kind, set)) if kind == "ReplicaSet" => self.of_replica_set(set),
            Some((kind, job)) if kind == "Job" => of_job(job),
            // The owner of a static pod is its node.
            Some((kind, owner)) if kind != "Node" => owner,
            _ => by_name(pod),
        }
    }

    /// The deployment or roll-out of a replica set.
    pub(crate) fn of_replica_set<'a>(&'a self, set: &'a str) -> &'a str {
        match self.replica_sets.get(set) {
            Some(deployment) => deployment,
            None => without_random(set, 1..=MAX_TEMPLATE_HASH).unwrap_or(set),
        }
    }

    /// Whether a pod runs a job, as far as is known.
    pub(crate) fn is_of_job(&self, pod: &str) -> bool {
        self.pods.get(pod).is_some_and(|(kind, _)| kind == "Job")
    }
}

/// The cron job of a job, or the job itself.
pub(crate) fn of_job(job: &str) -> &str {
    without_schedule(job).unwrap_or(job)
}

/// Deployment `web-5d4f8c7b9-x2x4z`, stateful set `db-0`, daemon set `agent-x2x4z`, cron job `backup-29012345-x2x4z`; anything else is its own
/// workload.
fn by_name(pod: &str) -> &str {
    if let Some(set) = without_random(pod, POD_SUFFIX..=POD_SUFFIX) {
        return without_schedule(set).or_else(|| without_random(set, 1..=MAX_TEMPLATE_HASH)).unwrap_or(set);
    }
    match pod.rsplit_once('-') {
        Some((set, ordinal))
            if !set.is_empty() && !ordinal.is_empty() && ordinal.bytes().all(|b| b.is_ascii_digit()) =>
        {
            set
        }
        _ => pod,
    }
}

/// The name without its last part, if that part is in Kubernetes' random alphabet and has one of these lengths.
fn without_random(name: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<&str> {
    let (rest, random) = name.rsplit_once('-')?;
    let fits = lengths.contains(&random.len()) && random.chars().all(|c| NAME_ALPHABET.contains(c));
    (fits && !rest.is_empty()).then_some(rest)
}

/// The name of a cron job's job without its scheduled time.
fn without_schedule(job: &str) -> Option<&str> {
    let (cron_job, time) = job.rsplit_once('-')?;
    let is_time = SCHEDULE_DIGITS.contains(&time.len()) && time.bytes().all(|b| b.is_ascii_digit());
    (is_time && !cron_job.is_empty()).then_some(cron_job)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::LabelledSeries;
    use automap_core::time::Timestamp;

    #[test]
    fn names_alone_tell_user_from_user_db() {
        for (pod, workload) in [
            ("user-5d4f8c7b9-x2x4z", "user"),
            ("user-db-5d4f8c7b9-x2x4z", "user-db"),
            ("user-db-0", "user-db"),
            ("user-db-12", "user-db"),
            ("front-end-7c9b9b6c5d-bbbbb", "front-end"),
            ("fluent-agent-x2x4z", "fluent-agent"),
            ("backup-29012345-x2x4z", "backup"),
            ("user", "user"),
            ("user-db", "user-db"),
            ("-x2x4z", "-x2x4z"),
        ] {
            assert_eq!(by_name(pod), workload, "{pod}");
        }
    }

    #[test]
    fn owners_win_over_names() {
        let row = |part: &str, label: &str, name: &str, kind: &str, owner: &str| LabelledSeries {
            labels: [("part", part), (label, name), ("owner_kind", kind), ("owner_name", owner)]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            points: vec![(Timestamp::from_ms(0), 1.0)],
        };
        let series = vec![
            row("0", "pod", "a-1", "ReplicaSet", "a-77"),
            row("0", "pod", "b-1", "ReplicaSet", "b-55"),
            row("0", "pod", "c-0", "StatefulSet", "c-db"),
            row("0", "pod", "proxy-node-x2x4z", "Node", "machine"),
            row("0", "pod", "bare-4", "<none>", "<none>"),
            row("0", "pod", "backup-29012345-x2x4z", "Job", "backup-29012345"),
            row("0", "pod", "import-2-x2x4z", "Job", "import-2"),
            row("1", "replicaset", "a-77", "Deployment", "apple"),
        ];
        let owners = Owners::read(&Answer { series, ..Answer::default() });
        for (pod, workload) in [
            ("a-1", "apple"),
            ("b-1", "b"),
            ("c-0", "c-db"),
            ("proxy-node-x2x4z", "proxy-node"),
            ("bare-4", "bare"),
            ("backup-29012345-x2x4z", "backup"),
            ("import-2-x2x4z", "import-2"),
        ] {
            assert_eq!(owners.workload(pod), workload);
        }
    }
}
