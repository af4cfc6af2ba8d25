//! The connection to one cluster.

use std::path::PathBuf;
use std::time::Duration;

use kube::api::{Api, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::DynamicObject;
use kube::{Client, Config};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Asked, ClusterError, chain};
use crate::resource::Resource;

/// Objects per page of a list.
const PAGE: u32 = 250;
/// Most pages of a list.
const MAX_PAGES: usize = 200;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Longest request other than a watch. A watch ends by itself earlier.
const READ_WITHIN: Duration = Duration::from_secs(300);

/// Which cluster, and which identity.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// A kubeconfig file. `None`: found as by kubectl (`KUBECONFIG`, `~/.kube/config`), else the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// The context to use. `None`: the current one.
    pub context: Option<String>,
}

/// A connection. Blocking; one request at a time, except for [`crate::watch()`].
pub struct Cluster {
    pub(crate) client: Client,
    pub(crate) runtime: Runtime,
    pub(crate) server: String,
    default_namespace: String,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Reads the configuration; sends nothing yet.
    ///
    /// # Errors
    /// When the kubeconfig, the context or a credential in it cannot be used, and there is no service account.
    pub fn connect(options: &ConnectOptions) -> Result<Self, ClusterError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| ClusterError::NoConfig(e.to_string()))?;
        let mut config = runtime.block_on(config(options)).map_err(ClusterError::NoConfig)?;
        config.connect_timeout = Some(CONNECT_WITHIN);
        config.read_timeout = Some(READ_WITHIN);
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let default_namespace = config.default_namespace.clone();
        let client = {
            let _inside = runtime.enter();
            Client::try_from(config).map_err(|e| ClusterError::NoConfig(chain(&e)))?
        };
        Ok(Self { client, runtime, server, default_namespace })
    }

    /// Its address.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The namespace of the kubeconfig's context, or of the pod.
    pub fn default_namespace(&self) -> &str {
        &self.default_namespace
    }

    /// The server's version.
    ///
    /// # Errors
    /// When it does not respond.
    pub fn version(&self) -> Result<String, ClusterError> {
        let asked = self.asked("get", "version".to_owned(), "");
        let version = self.runtime.block_on(self.client.apiserver_version());
        version.map(|v| v.git_version).map_err(|e| ClusterError::of(e, &asked))
    }

    /// All objects of a kind, in a namespace or (empty) in all.
    ///
    /// # Errors
    /// When it does not respond, has no such kind or does not allow it.
    pub fn list(&self, resource: Resource, namespace: &str) -> Result<Vec<Value>, ClusterError> {
        let listed = self.runtime.block_on(list(&self.client, resource, namespace));
        let asked = self.asked("list", resource.name(), namespace);
        listed.map(|(objects, _)| objects).map_err(|e| ClusterError::of(e, &asked))
    }

    pub(crate) fn asked<'a>(&'a self, verb: &'static str, resource: String, namespace: &'a str) -> Asked<'a> {
        Asked { server: &self.server, verb, resource, namespace }
    }
}

async fn config(options: &ConnectOptions) -> Result<Config, String> {
    if options.kubeconfig.is_none() && options.context.is_none() {
        return Config::infer().await.map_err(|e| chain(&e));
    }
    let wanted = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    let config = match &options.kubeconfig {
        Some(path) => {
            Config::from_custom_kubeconfig(Kubeconfig::read_from(path).map_err(|e| chain(&e))?, &wanted).await
        }
        None => Config::from_kubeconfig(&wanted).await,
    };
    config.map_err(|e| chain(&e))
}

/// The API of a kind in a namespace or (empty) in all.
pub(crate) fn api(client: &Client, resource: Resource, namespace: &str) -> Api<DynamicObject> {
    let kind = resource.api();
    match namespace {
        "" => Api::all_with(client.clone(), &kind),
        namespace => Api::namespaced_with(client.clone(), namespace, &kind),
    }
}

/// All pages of a list, and the resource version from which to watch.
pub(crate) async fn list(
    client: &Client,
    resource: Resource,
    namespace: &str,
) -> Result<(Vec<Value>, String), kube::Error> {
    let api = api(client, resource, namespace);
    let mut params = ListParams::default().limit(PAGE);
    let (mut objects, mut version) = (Vec::new(), String::new());
    for _ in 0..MAX_PAGES {
        let page = api.list(&params).await?;
        for object in page.items {
            objects.push(serde_json::to_value(object).map_err(kube::Error::SerdeError)?);
        }
        version = page.metadata.resource_version.unwrap_or(version);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => break,
        }
    }
    Ok((objects, version))
}
