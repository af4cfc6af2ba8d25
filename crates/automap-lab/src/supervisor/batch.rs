//! Pods that run beside the shop: a batch job that takes a node's processors or disk, or a cron job that hardly does anything.
//!
//! They are a model without a process: they use what `node_model` grants them. In the metrics they are pods like any other, with a Job as their
//! owner. A program that runs on a node outside any pod, such as an agent of the machine, is a batch load without a pod.

use std::time::Instant;

use super::container::seconds_since_1970;
use super::names;
use crate::change::NodeLoad;
use crate::kubelet::{ContainerReading, JobReading, PodReading, TerminatedUsage, Usage};
use crate::plan;
use automap_core::random::Rng;

const IMAGE: &str = "docker.io/library/reports:3.2";
/// Usage of the idle container.
const IDLE_BYTES: u64 = 24 << 20;
/// Its limits, high enough never to apply.
const CPU_LIMIT_CORES: f64 = 64.0;
const MEMORY_LIMIT_BYTES: u64 = 64 << 30;
/// Bytes that a fully used disk writes per second.
const DISK_BYTES_PER_S: f64 = 150e6;

/// A load on a node, with its pod if it has one.
#[derive(Debug)]
pub(super) struct BatchLoad {
    pub(super) load: NodeLoad,
    pub(super) node: &'static str,
    /// Identifies it; the ledger's id.
    pub(super) id: String,
    pod: Option<BatchPod>,
    /// When it stopped; its pod stays as completed, like those of finished jobs.
    ended_s: Option<f64>,
}

#[derive(Debug)]
struct BatchPod {
    name: String,
    job: String,
    uid: String,
    pause_id: String,
    container_id: String,
    created_s: f64,
    cpu_s: f64,
    written_bytes: f64,
    last: Instant,
}

impl BatchLoad {
    pub(super) fn new(id: &str, node: &'static str, load: NodeLoad, rng: &mut Rng) -> Self {
        let created_s = seconds_since_1970();
        let pod = load.pod.as_ref().map(|pod| {
            // Kubernetes counts the minutes since 1970 in the name of a cron job's job.
            let job =
                if pod.is_cron { format!("{}-{:.0}", pod.name, (created_s / 60.0).floor()) } else { pod.name.clone() };
            BatchPod {
                name: names::pod(&job, rng),
                job,
                uid: names::uid(rng),
                pause_id: names::container_id(rng),
                container_id: names::container_id(rng),
                created_s,
                cpu_s: 0.0,
                written_bytes: 0.0,
                last: Instant::now(),
            }
        });
        Self { load, node, id: id.to_owned(), pod, ended_s: None }
    }

    /// Whether it has any demand now.
    pub(super) fn is_on(&self) -> bool {
        self.ended_s.is_none()
    }

    /// Stops it. A job's pod stays as completed.
    pub(super) fn stop(&mut self) {
        self.ended_s.get_or_insert_with(seconds_since_1970);
    }

    /// Whether something remains to be shown after it has stopped.
    pub(super) fn leaves_a_pod(&self) -> bool {
        self.pod.is_some()
    }

    /// The name of its job.
    pub(super) fn job_name(&self) -> Option<&str> {
        self.pod.as_ref().map(|p| p.job.as_str())
    }

    /// Cores that it would use if it could have them all.
    pub(super) fn wanted_cores(&self) -> f64 {
        if self.is_on() { f64::from(self.load.workers) * self.load.load_percent / 100.0 } else { 0.0 }
    }

    /// Memory in use.
    pub(super) fn memory_bytes(&self) -> u64 {
        if self.is_on() { self.load.memory_bytes.max(IDLE_BYTES) } else { 0 }
    }

    /// Adds the usage since the last call: `share` is the part of the requested processor time that it got.
    pub(super) fn advance(&mut self, now: Instant, share: f64) {
        let cores = self.wanted_cores() * share;
        let disk = if self.is_on() { self.load.disk_percent / 100.0 } else { 0.0 };
        if let Some(pod) = &mut self.pod {
            let seconds = now.saturating_duration_since(pod.last).as_secs_f64();
            pod.last = now;
            pod.cpu_s += cores * seconds;
            pod.written_bytes += disk * DISK_BYTES_PER_S * seconds;
        }
    }

    pub(super) fn reading(&self) -> Option<PodReading> {
        let (pod, spec) = (self.pod.as_ref()?, self.load.pod.as_ref()?);
        let usage = Usage {
            cpu_s: pod.cpu_s,
            rss_bytes: self.memory_bytes(),
            working_set_bytes: self.memory_bytes(),
            usage_bytes: self.memory_bytes(),
            read_bytes: 0,
            write_bytes: pod.written_bytes as u64,
        };
        let container = ContainerReading {
            name: spec.name.clone(),
            image: IMAGE.to_owned(),
            id: pod.container_id.clone(),
            restarts: 0,
            ready: self.is_on(),
            image_id: super::images::digest(IMAGE),
            last_end: None,
            waiting_reason: None,
            started_s: pod.created_s,
            oom_events: 0,
            cpu_limit_cores: CPU_LIMIT_CORES,
            memory_limit_bytes: MEMORY_LIMIT_BYTES,
            usage: self.is_on().then_some(usage),
            cfs: None,
            cpu_wait_s: None,
            disk_wait_s: None,
        };
        Some(PodReading {
            namespace: spec.namespace.clone(),
            owner_kind: "Job",
            owner: pod.job.clone(),
            phase: if self.is_on() { "Running" } else { "Succeeded" },
            node: self.node.to_owned(),
            ip: plan::pod_ip(u8::MAX - 1).to_string(),
            host_ip: plan::node_ip(self.node).to_string(),
            name: pod.name.clone(),
            uid: pod.uid.clone(),
            pause_id: pod.pause_id.clone(),
            created_s: pod.created_s,
            terminated: TerminatedUsage::default(),
            containers: vec![container],
            network: None,
        })
    }

    pub(super) fn job(&self) -> Option<JobReading> {
        let (pod, spec) = (self.pod.as_ref()?, self.load.pod.as_ref()?);
        Some(JobReading {
            namespace: spec.namespace.clone(),
            name: pod.job.clone(),
            cron_job: spec.is_cron.then(|| spec.name.clone()),
            created_s: pod.created_s,
            completed_s: self.ended_s,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::change::LoadPod;

    fn load() -> NodeLoad {
        let pod = LoadPod { name: "report".to_owned(), namespace: "batch".to_owned(), is_cron: true };
        NodeLoad {
            node: "node-2".to_owned(),
            workers: 12,
            load_percent: 50.0,
            memory_bytes: 1 << 30,
            disk_percent: 0.0,
            pod: Some(pod),
        }
    }

    /// 12 threads at 50 % want 6 cores; half of that for 10 s is 30 s of CPU.
    #[test]
    fn a_job_counts_what_it_got_and_stays_as_completed() {
        let mut batch = BatchLoad::new("x", "node-2", load(), &mut Rng::new(1));
        assert_eq!(batch.wanted_cores(), 6.0);
        let start = batch.pod.as_ref().unwrap().last;
        batch.advance(start + Duration::from_secs(10), 0.5);
        let reading = batch.reading().unwrap();
        assert_eq!(reading.containers[0].usage.unwrap().cpu_s, 30.0);
        assert_eq!((reading.namespace.as_str(), reading.owner_kind, reading.phase), ("batch", "Job", "Running"));
        assert!(reading.owner.starts_with("report-") && reading.name.starts_with(&reading.owner));
        batch.stop();
        assert_eq!((batch.wanted_cores(), batch.memory_bytes()), (0.0, 0));
        let reading = batch.reading().unwrap();
        assert_eq!((reading.phase, reading.containers[0].usage), ("Succeeded", None));
        let job = batch.job().unwrap();
        assert!(job.completed_s.is_some() && job.cron_job.as_deref() == Some("report"));
    }

    #[test]
    fn an_agent_of_the_machine_has_no_pod() {
        let mut agent = BatchLoad::new("x", "node-1", NodeLoad { pod: None, ..load() }, &mut Rng::new(1));
        agent.advance(Instant::now(), 1.0);
        assert!(agent.reading().is_none() && agent.job().is_none() && !agent.leaves_a_pod());
    }
}
