//! Reviews the user's access rights by asking the server (`SelfSubjectAccessReview`): which are missing for a ledger, and which are broader than
//! needed.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::{Api, PostParams};

use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::resource::{PODS, Resource, experiments};

/// One right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// `list`, `watch`, `create`, …
    pub verb: &'static str,
    /// `networkchaos.chaos-mesh.org`.
    pub resource: String,
    /// Whether the user has it.
    pub is_allowed: bool,
}

/// What a reader of experiments needs, and what it should not have.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    /// Needed to keep a ledger.
    pub needed: Vec<Right>,
    /// Needed only by drills (experiments) or not at all (secrets, pods): too broad if allowed.
    pub excess: Vec<Right>,
}

impl Rights {
    /// Rights that are needed, but not allowed.
    pub fn missing(&self) -> impl Iterator<Item = &Right> {
        self.needed.iter().filter(|r| !r.is_allowed)
    }

    /// Rights that are allowed, but not needed.
    pub fn too_wide(&self) -> impl Iterator<Item = &Right> {
        self.excess.iter().filter(|r| r.is_allowed)
    }
}

/// Queries the relevant rights, in a namespace or (empty) in all.
///
/// # Errors
/// When the server does not respond.
pub fn review(cluster: &Cluster, namespace: &str) -> Result<Rights, ClusterError> {
    let ask = |verb: &'static str, resource: Resource| {
        let is_allowed = may(cluster, verb, resource, namespace)?;
        Ok(Right { verb, resource: resource.name(), is_allowed })
    };
    let mut rights = Rights::default();
    for resource in experiments().chain([PODS]) {
        for verb in ["list", "watch"] {
            rights.needed.push(ask(verb, resource)?);
        }
    }
    let secrets = Resource { group: "", version: "v1", kind: "Secret", plural: "secrets" };
    // One kind of experiment stands for all of them.
    let experiment = experiments().next().into_iter().flat_map(|e| [("create", e), ("delete", e)]);
    for (verb, resource) in experiment.chain([("delete", PODS), ("get", secrets)]) {
        rights.excess.push(ask(verb, resource)?);
    }
    Ok(rights)
}

/// Whether the user has this right.
///
/// # Errors
/// When the server does not respond.
pub fn may(cluster: &Cluster, verb: &'static str, resource: Resource, namespace: &str) -> Result<bool, ClusterError> {
    let attributes = ResourceAttributes {
        group: Some(resource.group.to_owned()),
        resource: Some(resource.plural.to_owned()),
        verb: Some(verb.to_owned()),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), non_resource_attributes: None },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let answer = cluster.runtime.block_on(async { api.create(&PostParams::default(), &review).await });
    let asked = cluster.asked("create", "selfsubjectaccessreviews.authorization.k8s.io".to_owned(), "");
    let answer = answer.map_err(|e| ClusterError::of(e, &asked))?;
    Ok(answer.status.is_some_and(|s| s.allowed))
}
