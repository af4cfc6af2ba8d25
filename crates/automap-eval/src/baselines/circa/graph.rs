//! CIRCA's structural graph: metrics are traffic, saturation, latency or errors of a service, and architecture says which causes which.
//!
//! Within a service traffic → saturation → latency → errors, each also over the ones between; traffic flows from caller to callee, latency and
//! errors from callee to caller. A kind that a service has no metric of passes its causes on to its effects; errors pass on theirs always.

use std::collections::BTreeSet;

use automap_core::frame::MetricFrame;
use automap_core::metric::{Family, Side};
use automap_core::topology::CallGraph;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Traffic,
    Saturation,
    Latency,
    Error,
}

const KINDS: [Kind; 4] = [Kind::Traffic, Kind::Saturation, Kind::Latency, Kind::Error];

impl Kind {
    fn of(family: &Family) -> Self {
        match family {
            Family::Throughput => Self::Traffic,
            Family::Latency | Family::NetworkGap => Self::Latency,
            Family::Error => Self::Error,
            _ => Self::Saturation,
        }
    }
}

/// Which series cause which.
#[derive(Debug)]
pub(super) struct Structure {
    parents: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
    depth: Vec<usize>,
    effects_first: Vec<usize>,
}

impl Structure {
    pub(super) fn new(frame: &MetricFrame, calls: &CallGraph) -> Self {
        let nodes = Nodes::new(frame, calls);
        let n = frame.series().len();
        let (mut parents, mut children) = (vec![Vec::new(); n], vec![Vec::new(); n]);
        for service in 0..frame.services().len() {
            for kind in KINDS {
                let mut causes = BTreeSet::new();
                let mut seen = BTreeSet::from([(service, kind)]);
                for (s, k) in nodes.causes(service, kind) {
                    nodes.resolve(s, k, &mut seen, &mut causes);
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

    /// Length of the longest chain of causes above; the number of series for one on a cycle.
    pub(super) fn depth(&self, series: usize) -> usize {
        self.depth[series]
    }

    /// All series, effects before their causes (on a cycle of calls: by number).
    pub(super) fn effects_first(&self) -> &[usize] {
        &self.effects_first
    }
}

/// Kahn's algorithm; what lies on a cycle, or behind one, comes last.
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
            own[s.service.0][Kind::of(&s.metric.family) as usize].push(i);
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

    fn own(&self, service: usize, kind: Kind) -> &[usize] {
        &self.own[service][kind as usize]
    }

    fn causes(&self, service: usize, kind: Kind) -> Vec<(usize, Kind)> {
        let within = KINDS.into_iter().filter(|k| *k < kind).map(|k| (service, k));
        let across = match kind {
            Kind::Traffic => &self.callers[service][..],
            Kind::Saturation => &[],
            Kind::Latency | Kind::Error => &self.callees[service],
        };
        within.chain(across.iter().map(|&other| (other, kind))).collect()
    }

    /// The series that stand for a node: its own, else those of its causes; for errors both their own and those of the errors behind.
    fn resolve(&self, service: usize, kind: Kind, seen: &mut BTreeSet<(usize, Kind)>, out: &mut BTreeSet<usize>) {
        if !seen.insert((service, kind)) {
            return;
        }
        let own = self.own(service, kind);
        out.extend(own);
        for (s, k) in self.causes(service, kind) {
            if own.is_empty() || (kind == Kind::Error && k == Kind::Error) {
                self.resolve(s, k, seen, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples;
    use super::*;

    /// Series by name: 0 b_cpu, 1 b_latency, 2 b_workload, 3 f_latency, 4 f_workload, 5 m_cpu; f calls m, m calls b; m has only a CPU.
    #[test]
    fn parents_by_hand() {
        let one = || vec![1.0; 4];
        let frame = samples::frame(&[
            ("b", "cpu", one()),
            ("b", "latency", one()),
            ("b", "workload", one()),
            ("f", "latency", one()),
            ("f", "workload", one()),
            ("m", "cpu", one()),
        ]);
        let structure = Structure::new(&frame, &[("f", "m"), ("m", "b")].into_iter().collect());
        assert_eq!(structure.parents(0), [2], "saturation from traffic");
        assert_eq!(structure.parents(1), [0, 2], "latency from saturation and traffic");
        assert_eq!(structure.parents(2), [4], "traffic through the service without traffic");
        // f's latency: its own traffic, and of m, which has no latency, the CPU, f's traffic behind m's, and b's latency.
        assert_eq!(structure.parents(3), [1, 4, 5]);
        assert_eq!(structure.parents(5), [4]);
        assert_eq!([4, 2, 0, 1, 3].map(|i| structure.depth(i)), [0, 1, 2, 3, 4]);
        assert_eq!(structure.effects_first()[0], 3);
    }

    #[test]
    fn services_that_call_each_other_end() {
        let frame = samples::frame(&[("a", "latency", vec![1.0; 4]), ("b", "latency", vec![1.0; 4])]);
        let structure = Structure::new(&frame, &[("a", "b"), ("b", "a")].into_iter().collect());
        assert_eq!((structure.parents(0), structure.parents(1)), (&[1][..], &[0][..]));
        assert_eq!(structure.effects_first().len(), 2);
    }
}
