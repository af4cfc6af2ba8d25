//! Which Kubernetes cluster is used, and with which account: options that several verbs share.

use std::path::PathBuf;

use automap_kubernetes::{Cluster, ClusterError, ConnectOptions};
use clap::Args;

#[derive(Args, Clone, Debug)]
pub(crate) struct ClusterArgs {
    /// Kubeconfig file [default: the one kubectl uses, else the pod's service account]
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    context: Option<String>,
    /// Namespace of the experiments; may be repeated [default: all]
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) chaos_namespace: Vec<String>,
}

impl ClusterArgs {
    /// Whether a cluster was named.
    pub(crate) fn is_given(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some()
    }

    pub(crate) fn connect(&self) -> Result<Cluster, ClusterError> {
        Cluster::connect(&ConnectOptions { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() })
    }
}
