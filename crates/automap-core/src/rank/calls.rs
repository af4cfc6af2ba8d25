//! The call graph by service index, as the evidence engine needs it.
//!
//! Resolves names once, so that the ranking works with indices only.

use crate::frame::{MetricFrame, ServiceIdx};
use crate::topology::CallGraph;

/// Callers and callees of every service of a frame.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) callees: Vec<Vec<ServiceIdx>>,
    pub(super) callers: Vec<Vec<ServiceIdx>>,
    /// Whether a service is only a client's view of another one.
    pub(super) is_view: Vec<bool>,
}

impl Calls {
    /// Resolves a call graph. Calls from or to services outside the frame are left out.
    pub(super) fn new(frame: &MetricFrame, graph: &CallGraph) -> Self {
        let n = frame.services().len();
        let (mut callees, mut callers) = (vec![Vec::new(); n], vec![Vec::new(); n]);
        for (from, to, _) in graph.edges() {
            if let (Some(from), Some(to)) = (frame.find(from), frame.find(to)) {
                callees[from.0].push(to);
                callers[to.0].push(from);
            }
        }
        let is_view = frame.services().iter().map(|s| graph.is_view(s)).collect();
        Self { callees, callers, is_view }
    }
}
