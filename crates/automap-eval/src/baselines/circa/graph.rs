//! CIRCA's structural graph: every metric is traffic, saturation, latency or errors of a service, and the architecture determines what causes what.
//!
//! Within a service traffic causes saturation, saturation causes latency, and latency causes errors; each of them also causes all later ones
//! directly. Traffic flows from caller to callee; latency and errors flow from callee to caller. If a service has no metric of some kind, the
//! causes of that kind are passed on to its effects. Errors always pass on the errors behind them.

use std::collections::BTreeSet;

use automap_core::frame::MetricFrame;
use automap_core::metric::{Family, Side};
use automap_core::topology::CallGraph;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum MetricKind {
    Traffic,
    Saturation,
    Latency,
    Error,
}

const KINDS: [MetricKind; 4] = [MetricKind::Traffic, MetricKind::Saturation, MetricKind::Latency, MetricKind::Error];

impl MetricKind {
    fn of(family: &Family) -> Self {
        match family {
            Family::Throughput => Self::Traffic,
            Family::Latency | Family::NetworkGap => Self::Latency,
            Family::Error => Self::Error,
            _ => Self::Saturation,
        }
    }
}

/// The causal graph over the series of a frame, addressed by their index.
#[derive(Debug)]
pub(super) struct MetricGraph {
    parents: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
    depth: Vec<usize>,
    effects_first: Vec<usize>,
}

impl MetricGraph {
    pub(super) fn new(frame: &MetricFrame, calls: &CallGraph) -> Self {
        let nodes = Nodes::new(frame, calls);
        let n = frame.series().len();
        let (mut parents, mut children) = (vec![Vec::new(); n], vec![Vec::new(); n]);
        for service in 0..frame.services().len() {
            for kind in KINDS {
                let mut causes = BTreeSet::new();
                let mut visited = BTreeSet::from([(service, kind)]);
                for (s, k) in nodes.causes(service, kind) {
                    nodes.resolve(s, k, &mut visited, &mut causes);
                }
                for &effect in nodes.own(service, kind) {
                    parents[effect] = causes.iter().copied().filter(|c| *c != effect).collect();
                    parents[effect].iter().for_each(|&c: &usize| children[c].push(effect));
                }
            }
        }
        let (depth, mut order) = layers(&parents, &children);
        order.reverse();
        Self { parents, children, depth, effects_first: order }
    }

    pub(super) fn parents(&self, series: usize) -> &[usize] {
        &self.parents[series]
    }

    pub(super) fn children(&self, series: usize) -> &[usize] {
        &self.children[series]
    }

    /// Length of the longest chain of causes; the number of series if it is on or behind a cycle.
    pub(super) fn depth(&self, series: usize) -> usize {
        self.depth[series]
    }

    /// All series, effects before their causes. Series on a cycle are ordered by index.
    pub(super) fn effects_first(&self) -> &[usize] {
        &self.effects_first
    }
}

/// Topological order by Kahn's algorithm. Nodes on a cycle, or behind one, come last.
fn layers(parents: &[Vec<usize>], children: &[Vec<usize>]) -> (Vec<usize>, Vec<usize>) {
    let n = parents.len();
    let mut waiting: Vec<usize> = parents.iter().map(Vec::len).collect();
    let mut depth = vec![n; n];
    let mut order: Vec<usize> = (0..n).filter(|&i| waiting[i] == 0).collect();
    order.iter().for_each(|&i| depth[i] = 0);
    let mut next = 0;
    while let Some(&i) = order.get(next) {
        next += 1;
        for &child in &children[i] {
            waiting[child] -= 1;
            if waiting[child] == 0 {
                depth[child] = parents[child].iter().map(|&p| depth[p] + 1).max().unwrap_or(0);
                order.push(child);
            }
        }
    }
    order.extend((0..n).filter(|&i| waiting[i] > 0));
    (depth, order)
}

/// Series by service and kind, and the calls by service.
struct Nodes {
    own: Vec<[Vec<usize>; 4]>,
    callers: Vec<Vec<usize>>,
    callees: Vec<Vec<usize>>,
}

impl Nodes {
    fn new(frame: &MetricFrame, calls: &CallGraph) -> Self {
        let n = frame.services().len();
        let mut own: Vec<[Vec<usize>; 4]> = vec![Default::default(); n];
        for (i, s) in frame.series().iter().enumerate().filter(|(_, s)| s.metric.side != Side::Outside) {
            own[s.service.0][MetricKind::of(&s.metric.family) as usize].push(i);
        }
        let (mut callers, mut callees) = (vec![Vec::new(); n], vec![Vec::new(); n]);
        for (from, to, _) in calls.edges() {
            if let (Some(from), Some(to)) = (frame.find(from), frame.find(to)) {
                callees[from.0].push(to.0);
                callers[to.0].push(from.0);
            }
        }
        Self { own, callers, callees }
    }

    fn own(&self, service: usize, kind: MetricKind) -> &[usize] {
        &self.own[service][kind as usize]
    }

    fn causes(&self, service: usize, kind: MetricKind) -> Vec<(usize, MetricKind)> {
        let within = KINDS.into_iter().filter(|k| *k < kind).map(|k| (service, k));
        let across = match kind {
            MetricKind::Traffic => &self.callers[service][..],
            MetricKind::Saturation => &[],
            MetricKind::Latency | MetricKind::Error => &self.callees[service],
        };
        within.chain(across.iter().map(|&other| (other, kind))).collect()
    }

    /// Collects the series that represent a node: its own; if it has none, those of its causes; for errors, its own and those of the
    /// errors behind them.
    fn resolve(
        &self,
        service: usize,
        kind: MetricKind,
        visited: &mut BTreeSet<(usize, MetricKind)>,
        out: &mut BTreeSet<usize>,
    ) {
        if !visited.insert((service, kind)) {
            return;
        }
        let own = self.own(service, kind);
        out.extend(own);
        for (s, k) in self.causes(service, kind) {
            if own.is_empty() || (kind == MetricKind::Error && k == MetricKind::Error) {
                self.resolve(s, k, visited, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::test_frames;
    use super::*;

    /// Series by name: 0 b_cpu, 1 b_latency, 2 b_workload, 3 f_latency, 4 f_workload, 5 m_cpu; f calls m, m calls b; m has only a CPU.
    #[test]
    fn parents_worked_by_hand() {
        let one = || vec![1.0; 4];
        let frame = test_frames::frame(&[
            ("b", "cpu", one()),
            ("b", "latency", one()),
            ("b", "workload", one()),
            ("f", "latency", one()),
            ("f", "workload", one()),
            ("m", "cpu", one()),
        ]);
        let graph = MetricGraph::new(&frame, &[("f", "m"), ("m", "b")].into_iter().collect());
        assert_eq!(graph.parents(0), [2], "saturation from traffic");
        assert_eq!(graph.parents(1), [0, 2], "latency from saturation and traffic");
        assert_eq!(graph.parents(2), [4], "traffic through the service without traffic");
        // f's latency: its own traffic, and of m, which has no latency, the CPU, f's traffic behind m's, and b's latency.
        assert_eq!(graph.parents(3), [1, 4, 5]);
        assert_eq!(graph.parents(5), [4]);
        assert_eq!([4, 2, 0, 1, 3].map(|i| graph.depth(i)), [0, 1, 2, 3, 4]);
        assert_eq!(graph.effects_first()[0], 3);
    }

    #[test]
    fn services_that_call_each_other_are_handled() {
        let frame = test_frames::frame(&[("a", "latency", vec![1.0; 4]), ("b", "latency", vec![1.0; 4])]);
        let graph = MetricGraph::new(&frame, &[("a", "b"), ("b", "a")].into_iter().collect());
        assert_eq!((graph.parents(0), graph.parents(1)), (&[1][..], &[0][..]));
        assert_eq!(graph.effects_first().len(), 2);
    }
}
