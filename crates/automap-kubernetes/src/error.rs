//! Why a request to a cluster failed, worded with what to try next.

use kube::core::Status;

/// The error.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No cluster is configured.
    #[error("no cluster is known: {0}; give --kubeconfig and --context, or run inside a pod with a service account")]
    NoConfig(String),
    /// It does not respond.
    #[error("the cluster at {server} does not answer: {problem}; does `kubectl get --raw /version` work from here?")]
    Unreachable {
        /// Its address.
        server: String,
        /// What happened.
        problem: String,
    },
    /// Access is denied.
    #[error("not allowed to {verb} {resource}{place}: {problem}; deploy/chaos-mesh/viewer.yaml has the rights that are needed", place = in_namespace(.namespace))]
    Forbidden {
        /// `list`, `watch`, `create`, …
        verb: &'static str,
        /// `networkchaos.chaos-mesh.org`.
        resource: String,
        /// The namespace; empty: all.
        namespace: String,
        /// The server's message.
        problem: String,
    },
    /// The kind does not exist in the cluster.
    #[error("the cluster has no {resource}; is Chaos Mesh installed, and in a version that has this kind?")]
    Missing {
        /// `blockchaos.chaos-mesh.org`.
        resource: String,
    },
    /// There is more of a kind than is read.
    #[error("the cluster has more {resource}{place} than are read ({limit}); name namespaces with fewer of them", place = in_namespace(.namespace))]
    TooLarge {
        /// `pods`.
        resource: String,
        /// The namespace; empty: all.
        namespace: String,
        /// How much is read.
        limit: String,
    },
    /// The server rejected the object or the request.
    #[error("the cluster refuses {what}: {problem}")]
    Refused {
        /// The object, or the request.
        what: String,
        /// The server's message.
        problem: String,
    },
    /// A file to be created is not valid.
    #[error("{place}: {problem}")]
    File {
        /// File and document.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
}

fn in_namespace(namespace: &str) -> String {
    if namespace.is_empty() { " in all namespaces".to_owned() } else { format!(" in namespace {namespace}") }
}

/// The request, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) server: &'a str,
    pub(crate) verb: &'static str,
    pub(crate) resource: String,
    pub(crate) namespace: &'a str,
}

impl Asked<'_> {
    pub(crate) fn too_large(&self, limit: String) -> ClusterError {
        ClusterError::TooLarge { resource: self.resource.clone(), namespace: self.namespace.to_owned(), limit }
    }
}

impl ClusterError {
    pub(crate) fn of(error: kube::Error, asked: &Asked<'_>) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(&status, asked),
            other => Self::Unreachable { server: asked.server.to_owned(), problem: chain(&other) },
        }
    }

    pub(crate) fn of_status(status: &Status, asked: &Asked<'_>) -> Self {
        let resource = asked.resource.clone();
        match status.code {
            401 | 403 => Self::Forbidden {
                verb: asked.verb,
                resource,
                namespace: asked.namespace.to_owned(),
                problem: status.message.clone(),
            },
            404 => Self::Missing { resource },
            _ => Self::Refused { what: format!("{} of {resource}", asked.verb), problem: status.message.clone() },
        }
    }
}

/// An error and its sources, without repetitions.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    /// Deeper than any real chain.
    const MAX_DEPTH: usize = 16;
    let mut text = error.to_string();
    let mut source = error.source();
    for _ in 0..MAX_DEPTH {
        let Some(inner) = source else { break };
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = inner.source();
    }
    text
}
