//! The kinds of objects that are read: group, version, kind and plural of each.

use automap_chaos::kinds;
use kube::core::{ApiResource, GroupVersionKind};

/// One kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// API group; empty: core.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Its plural, as used in URLs and access rights.
    pub plural: &'static str,
}

/// Pods: which service a name belongs to, and when a killed one has been replaced.
pub const PODS: Resource = Resource { group: "", version: "v1", kind: "Pod", plural: "pods" };
/// Events about experiments that no longer exist.
pub const EVENTS: Resource = Resource { group: "", version: "v1", kind: "Event", plural: "events" };
/// Istio's fault injection.
pub const VIRTUAL_SERVICES: Resource =
    Resource { group: "networking.istio.io", version: "v1beta1", kind: "VirtualService", plural: "virtualservices" };
/// Results of Litmus.
pub const LITMUS_RESULTS: Resource =
    Resource { group: "litmuschaos.io", version: "v1alpha1", kind: "ChaosResult", plural: "chaosresults" };

/// Every kind of Chaos Mesh that injects, and the nodes of workflows.
pub fn experiments() -> impl Iterator<Item = Resource> {
    let nodes = kinds::PARENTS.into_iter().filter(|(kind, _)| *kind == "WorkflowNode");
    let own = |(kind, plural)| Resource { group: kinds::GROUP, version: kinds::VERSION, kind, plural };
    kinds::EXPERIMENTS.into_iter().chain(nodes).map(own)
}

impl Resource {
    pub(crate) fn api(&self) -> ApiResource {
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(self.group, self.version, self.kind), self.plural)
    }

    /// `networkchaos.chaos-mesh.org`, as shown to users and used in access rights.
    pub fn name(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}
