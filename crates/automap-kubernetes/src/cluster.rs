//! The connection to one cluster.

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use futures_util::{AsyncBufRead as _, AsyncBufReadExt as _};
use kube::api::{Api, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{DynamicObject, ObjectList, Request};
use kube::{Client, Config};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Asked, ClusterError, chain};
use crate::resource::Resource;

/// Objects per page of a list.
const PAGE: u32 = 250;
/// Most pages of a list.
const MAX_PAGES: usize = 200;
/// Largest page: 256 KiB for each object, whereas real ones take some 10 KiB.
const MAX_PAGE_BYTES: u64 = 64 << 20;
/// Most bytes of a list; further pages are not read.
const MAX_LIST_BYTES: u64 = 512 << 20;
/// Longest wait for the server's version. It is the first request, and answered at once by a server that works.
const VERSION_WITHIN: Duration = Duration::from_secs(10);
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
        let within = async { tokio::time::timeout(VERSION_WITHIN, self.client.apiserver_version()).await };
        match self.runtime.block_on(within) {
            Ok(version) => version.map(|v| v.git_version).map_err(|e| ClusterError::of(e, &asked)),
            Err(_) => Err(ClusterError::Unreachable {
                server: self.server.clone(),
                problem: format!("no answer within {} s", VERSION_WITHIN.as_secs()),
            }),
        }
    }

    /// All objects of a kind, in a namespace or (empty) in all.
    ///
    /// # Errors
    /// When it does not respond, has no such kind, does not allow it, or has more objects than are read.
    pub fn list(&self, resource: Resource, namespace: &str) -> Result<Vec<Value>, ClusterError> {
        let asked = self.asked("list", resource.name(), namespace);
        let listed = self.runtime.block_on(list(&self.client, resource, &asked))?;
        let read = listed.objects.len();
        if listed.is_whole { Ok(listed.objects) } else { Err(asked.too_large(format!("the first {read} objects"))) }
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

/// The objects of a list.
pub(crate) struct Listed {
    pub(crate) objects: Vec<Value>,
    /// The resource version from which to watch.
    pub(crate) version: String,
    /// False: there are more objects than are read.
    pub(crate) is_whole: bool,
}

/// All pages of a list, up to [`MAX_PAGES`] and [`MAX_LIST_BYTES`].
pub(crate) async fn list(client: &Client, resource: Resource, asked: &Asked<'_>) -> Result<Listed, ClusterError> {
    let api = api(client, resource, asked.namespace);
    let mut params = ListParams::default().limit(PAGE);
    let mut listed = Listed { objects: Vec::new(), version: String::new(), is_whole: false };
    let mut read = 0;
    for _ in 0..MAX_PAGES {
        let (page, bytes) = page(client, &api, &params, asked).await?;
        for object in page.items {
            let value = serde_json::to_value(object).map_err(kube::Error::SerdeError);
            listed.objects.push(value.map_err(|e| ClusterError::of(e, asked))?);
        }
        listed.version = page.metadata.resource_version.unwrap_or(listed.version);
        read += bytes;
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(_) if read > MAX_LIST_BYTES => break,
            Some(token) => params.continue_token = Some(token),
            None => {
                listed.is_whole = true;
                break;
            }
        }
    }
    Ok(listed)
}

/// One page, and its size in bytes.
async fn page(
    client: &Client,
    api: &Api<DynamicObject>,
    params: &ListParams,
    asked: &Asked<'_>,
) -> Result<(ObjectList<DynamicObject>, u64), ClusterError> {
    let failed = |e| ClusterError::of(e, asked);
    let request = Request::new(api.resource_url()).list(params).map_err(|e| failed(kube::Error::BuildRequest(e)))?;
    let mut body = pin!(client.request_stream(request).await.map_err(failed)?);
    let mut bytes = Vec::new();
    loop {
        let chunk = body.fill_buf().await.map_err(|e| failed(kube::Error::Service(e.into())))?;
        let got = chunk.len();
        if got == 0 {
            break;
        }
        bytes.extend_from_slice(chunk);
        if bytes.len() as u64 > MAX_PAGE_BYTES {
            return Err(asked.too_large(format!("{} MiB in a page of {PAGE} objects", MAX_PAGE_BYTES >> 20)));
        }
        body.as_mut().consume(got);
    }
    let page = serde_json::from_slice(&bytes).map_err(|e| failed(kube::Error::SerdeError(e)))?;
    Ok((page, bytes.len() as u64))
}
