//! The nodes: their counters, and how the pods on a node are notified that they must share it.
//!
//! Twice a second every node's demand is added up, `node_model` computes the contention, counters advance, and applications on a node with changed
//! contention get the new numbers. Nodes without a load beside the shop are not affected.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::BatchLoad;
use super::lab_state::{LabState, SharedState};
use super::node_model::{Contention, Demand, contention};
use super::pod::Pod;
use super::process_effect::ProcessEffect;
use crate::effect::Effect;
use crate::kubelet::NodeReading;

const EVERY: Duration = Duration::from_millis(500);
/// Memory of a node's own programs.
const SYSTEM_MEMORY_BYTES: u64 = 1 << 30;
/// Share of the disk's time used by a node's own programs.
const SYSTEM_DISK_BUSY: f64 = 0.01;
/// Time constant of the load average.
const LOAD_AVERAGE_S: f64 = 60.0;
/// An application is notified when a number has changed by this share.
const WORTH_TELLING: f64 = 0.1;
/// Number of completed jobs whose pods are still shown.
const FINISHED_MAX: usize = 10;

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: &'static str,
    pub(super) reading: NodeReading,
    last: Instant,
    /// Bytes in and out per pod at the last step.
    traffic: BTreeMap<String, (u64, u64)>,
}

impl Node {
    pub(super) fn new(name: &'static str, created_s: f64) -> Self {
        let reading = NodeReading::new(name, created_s);
        Self { name, reading, last: Instant::now(), traffic: BTreeMap::new() }
    }

    /// Advances its counters to `now`.
    fn advance(&mut self, now: Instant, demand: Demand, with: &Contention) {
        let seconds = now.saturating_duration_since(self.last).as_secs_f64();
        self.last = now;
        let cores = self.reading.cores;
        let busy = (demand.shop_cores + with.other_cores).clamp(0.0, cores);
        let waits_for_disk = (demand.disk_busy * cores / 2.0).min(cores - busy);
        let count = &mut self.reading.counters;
        count.cpu_busy_s += busy * seconds;
        count.cpu_iowait_s += waits_for_disk * seconds;
        count.cpu_idle_s += (cores - busy - waits_for_disk) * seconds;
        count.cpu_pressure_s += with.cpu_pressure * seconds;
        count.disk_pressure_s += with.disk_pressure * seconds;
        count.memory_pressure_s += with.memory_pressure * seconds;
        count.disk_busy_s += demand.disk_busy.min(1.0) * seconds;
        let runnable = demand.shop_cores + demand.other_cores;
        count.load1 += (runnable - count.load1) * (1.0 - (-seconds / LOAD_AVERAGE_S).exp());
    }

    fn count_traffic(&mut self, pods: &[&Pod]) {
        let mut now = BTreeMap::new();
        for (pod, network) in pods.iter().filter_map(|p| p.network.map(|n| (p, n))) {
            let (received, sent) = self.traffic.get(&pod.name).copied().unwrap_or_default();
            self.reading.counters.received_bytes += network.receive_bytes.saturating_sub(received);
            self.reading.counters.sent_bytes += network.transmit_bytes.saturating_sub(sent);
            now.insert(pod.name.clone(), (network.receive_bytes, network.transmit_bytes));
        }
        self.traffic = now;
    }
}

/// Runs until the lab ends.
pub(super) async fn run(shared: Arc<SharedState>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let (on, off) = step(&shared);
        for effect in &off {
            effect.end().await;
        }
        for effect in &on {
            // A process that is just ending does not accept it; its successor is notified when it is ready.
            let _ = effect.apply().await;
        }
    }
}

/// One step of all nodes. Returns the notifications for applications: new contention, and contention that ends.
fn step(shared: &SharedState) -> (Vec<ProcessEffect>, Vec<ProcessEffect>) {
    let state = &mut *shared.state();
    let now = Instant::now();
    let (mut on, mut off) = (Vec::new(), Vec::new());
    let LabState { nodes, pods, batch, .. } = state;
    for node in nodes {
        let here: Vec<&Pod> = pods.iter().filter(|p| p.place.node == node.name).collect();
        let demand = Demand {
            memory_used: node.reading.memory_used_bytes as f64 / node.reading.memory_bytes as f64,
            ..demand(&here, batch, node.name)
        };
        let with = contention(node.reading.cores, demand);
        node.count_traffic(&here);
        node.advance(now, demand, &with);
        let beside = batch.iter().filter(|b| b.node == node.name);
        let used: u64 = here.iter().map(|p| p.memory_bytes()).chain(beside.map(BatchLoad::memory_bytes)).sum();
        node.reading.memory_used_bytes = used + SYSTEM_MEMORY_BYTES;
        batch.iter_mut().filter(|b| b.node == node.name).for_each(|b| b.advance(now, 1.0 / with.stretch));
        for pod in pods.iter_mut().filter(|p| p.place.node == node.name && p.app.ready) {
            let effect = ProcessEffect::new(shared.ports, pod, "/effects/node".to_owned(), effect(&with));
            match (pod.told, with.is_felt()) {
                (Some(told), true) if !is_worth_telling(&told, &with) => {}
                (_, true) => {
                    pod.told = Some(with);
                    on.push(effect);
                }
                (Some(_), false) => {
                    pod.told = None;
                    off.push(effect);
                }
                (None, false) => {}
            }
        }
    }
    (on, off)
}

/// The demand of the threads on a node.
fn demand(pods: &[&Pod], batch: &[BatchLoad], node: &str) -> Demand {
    let here = || batch.iter().filter(|b| b.node == node && b.is_on());
    Demand {
        shop_cores: pods.iter().map(|p| p.cpu_cores()).sum(),
        other_cores: here().map(BatchLoad::wanted_cores).sum(),
        disk_busy: here().map(|b| b.load.disk_percent / 100.0).sum::<f64>() + SYSTEM_DISK_BUSY,
        memory_used: 0.0,
    }
}

fn effect(with: &Contention) -> Effect {
    Effect::NodeContention {
        dispatch_wait_ms: with.dispatch_wait_ms,
        stretch: with.stretch,
        disk_wait_ms: with.disk_wait_ms,
        memory_wait_ms: with.memory_wait_ms,
    }
}

fn is_worth_telling(told: &Contention, now: &Contention) -> bool {
    let differs = |a: f64, b: f64| (a - b).abs() > WORTH_TELLING * a.abs().max(b.abs());
    differs(told.dispatch_wait_ms, now.dispatch_wait_ms)
        || differs(told.stretch, now.stretch)
        || differs(told.disk_wait_ms, now.disk_wait_ms)
        || differs(told.memory_wait_ms, now.memory_wait_ms)
}

/// Starts a load beside the shop.
pub(super) fn start_load(state: &mut LabState, id: &str, load: &crate::change::NodeLoad) -> Option<&'static str> {
    let node = crate::plan::NODES.into_iter().find(|n| *n == load.node)?;
    let started = BatchLoad::new(id, node, load.clone(), &mut state.rng);
    // A name is free again when its job has ended and is removed.
    state.batch.retain(|b| b.is_on() || b.job_name() != started.job_name());
    state.batch.push(started);
    Some(node)
}

/// Ends it. The pods of the last finished jobs stay.
pub(super) fn stop_load(state: &mut LabState, id: &str) {
    state.batch.iter_mut().filter(|b| b.id == id).for_each(BatchLoad::stop);
    state.batch.retain(|b| b.is_on() || b.leaves_a_pod());
    let finished = state.batch.iter().filter(|b| !b.is_on()).count();
    let mut surplus = finished.saturating_sub(FINISHED_MAX);
    state.batch.retain(|b| {
        let goes = !b.is_on() && surplus > 0;
        surplus -= usize::from(goes);
        !goes
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 s with 8 cores, of which the shop uses 0.5 and a neighbour wants 24: it gets 24 / 3.0625 = 7.84 of them, and nothing is idle.
    #[test]
    fn a_full_node_is_not_idle_and_somebody_always_waits() {
        let mut node = Node::new("node-1", 0.0);
        let start = node.last;
        let demand = Demand { shop_cores: 0.5, other_cores: 24.0, disk_busy: 0.01, ..Demand::default() };
        let with = contention(8.0, demand);
        node.advance(start + Duration::from_secs(10), demand, &with);
        let count = node.reading.counters;
        assert!((count.cpu_busy_s - 80.0).abs() < 1e-9 && count.cpu_idle_s.abs() < 1e-9, "{count:?}");
        assert!((count.cpu_pressure_s - 10.0).abs() < 1e-9, "{count:?}");
        // 24.5 · (1 − e^(−10/60))
        assert!((count.load1 - 3.761).abs() < 0.001, "{count:?}");

        let mut calm = Node::new("node-2", 0.0);
        let start = calm.last;
        let demand = Demand { shop_cores: 0.5, other_cores: 0.0, disk_busy: 0.01, ..Demand::default() };
        calm.advance(start + Duration::from_secs(10), demand, &contention(8.0, demand));
        let count = calm.reading.counters;
        assert!((count.cpu_busy_s - 5.0).abs() < 1e-9 && (count.cpu_idle_s - 74.6).abs() < 1e-9, "{count:?}");
        assert!(count.cpu_pressure_s < 1e-6, "{count:?}");
    }

    #[test]
    fn applications_are_told_again_only_when_it_matters() {
        let at =
            |other_cores| contention(8.0, Demand { shop_cores: 0.4, other_cores, disk_busy: 0.0, ..Demand::default() });
        assert!(!is_worth_telling(&at(24.0), &at(24.4)));
        assert!(is_worth_telling(&at(24.0), &at(30.0)));
    }
}
