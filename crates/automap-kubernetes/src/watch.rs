//! Watches several kinds of objects at once: lists them, watches from there, and lists again if the server no longer has the resource version.
//!
//! Each kind has a task of its own; all send to one bounded channel. A kind that is missing or forbidden is retried, since it may be installed or
//! allowed later. A server that ends watches at once is asked less and less often ([`Pace`]).

mod pace;

use std::time::{Duration, Instant};

use automap_chaos::WatchEvent;
use futures_util::TryStreamExt;
use kube::Client;
use kube::api::{Api, WatchParams};
use kube::core::{DynamicObject, WatchEvent as KubeEvent};
use tokio::sync::mpsc::{Sender, channel};

use crate::cluster::{Cluster, api, list};
use crate::error::{Asked, ClusterError};
use crate::resource::Resource;
use pace::Pace;

/// Most messages in the channel; when it is full the watches wait, and so do the servers.
const MAX_WAITING: usize = 1000;
/// The server ends a watch after this time, so a silently broken connection is noticed by then.
const WATCH_S: u32 = 240;
/// Retry interval for a kind that does not exist or may not be read: it may be installed or allowed later.
const RETRY_ABSENT: Duration = Duration::from_secs(60);
/// How often a tick is sent.
const TICK: Duration = Duration::from_secs(1);

/// The watched namespaces and kinds.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Empty: all of them, with one watch per kind.
    pub namespaces: Vec<String>,
    /// The kinds.
    pub resources: Vec<Resource>,
}

/// The state of one watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchState {
    /// Listed and watching.
    Watching,
    /// Watching, but only this many objects were listed: of the others, changes are noticed and nothing else.
    Incomplete(usize),
    /// The kind does not exist in the cluster.
    Missing,
    /// It may not be read; contains the server's message.
    Forbidden(String),
    /// It failed and is retried; contains the reason.
    Broken(String),
}

/// A message from the watches.
#[derive(Debug)]
pub enum WatchMessage {
    /// Something changed.
    Event(WatchEvent),
    /// The state of a watch changed.
    State {
        /// The kind.
        resource: Resource,
        /// The namespace; empty: all namespaces.
        namespace: String,
        /// The new state.
        state: WatchState,
    },
    /// A second has passed.
    Tick,
}

/// Watches until `take` returns false.
pub fn watch(cluster: &Cluster, scope: &Scope, take: &mut dyn FnMut(WatchMessage) -> bool) {
    cluster.runtime.block_on(async {
        let (to, mut from) = channel(MAX_WAITING);
        let all = [String::new()];
        let namespaces = if scope.namespaces.is_empty() { &all[..] } else { &scope.namespaces[..] };
        let mut tasks = tokio::task::JoinSet::new();
        for resource in &scope.resources {
            for namespace in namespaces {
                let watched = Watched {
                    client: cluster.client.clone(),
                    server: cluster.server.clone(),
                    resource: *resource,
                    namespace: namespace.clone(),
                    to: to.clone(),
                    said: None,
                    pace: Pace::default(),
                };
                tasks.spawn(watched.run());
            }
        }
        drop(to);
        let mut tick = tokio::time::interval(TICK);
        loop {
            let heard = tokio::select! {
                heard = from.recv() => heard.unwrap_or(WatchMessage::Tick),
                _ = tick.tick() => WatchMessage::Tick,
            };
            if !take(heard) {
                return;
            }
        }
    });
}

/// One kind in one namespace.
struct Watched {
    client: Client,
    server: String,
    resource: Resource,
    namespace: String,
    to: Sender<WatchMessage>,
    /// The state that was reported last.
    said: Option<WatchState>,
    pace: Pace,
}

/// Why a watch has to begin again with a list.
enum Stopped {
    NobodyListens,
    /// Too old: later changes are only in a new list.
    Expired,
    Failed(ClusterError),
}

impl Watched {
    /// Watches until the receiver is gone.
    async fn run(mut self) {
        loop {
            let Err(stopped) = self.round().await;
            let (state, pause) = match stopped {
                Stopped::NobodyListens => return,
                Stopped::Expired => (None, self.pace.longer()),
                Stopped::Failed(ClusterError::Missing { .. }) => (Some(WatchState::Missing), RETRY_ABSENT),
                Stopped::Failed(ClusterError::Forbidden { problem, .. }) => {
                    (Some(WatchState::Forbidden(problem)), RETRY_ABSENT)
                }
                Stopped::Failed(other) => (Some(WatchState::Broken(other.to_string())), self.pace.longer()),
            };
            if let Some(state) = state
                && self.tell(state).await.is_err()
            {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Lists, and watches from there until the resource version has expired.
    async fn round(&mut self) -> Result<std::convert::Infallible, Stopped> {
        let listed = list(&self.client, self.resource, &self.asked()).await.map_err(Stopped::Failed)?;
        let mut version = listed.version;
        let state = match listed.is_whole {
            true => {
                let namespace = (!self.namespace.is_empty()).then(|| self.namespace.clone());
                let kind = self.resource.kind.to_owned();
                self.send(WatchEvent::Relisted { kind, namespace, objects: listed.objects }).await?;
                WatchState::Watching
            }
            // Nothing follows from the absence of an object in such a list.
            false => {
                let read = listed.objects.len();
                for object in listed.objects {
                    self.send(WatchEvent::Added(object)).await?;
                }
                WatchState::Incomplete(read)
            }
        };
        self.tell(state).await?;
        let api = api(&self.client, self.resource, &self.namespace);
        loop {
            let began = Instant::now();
            let ended = self.follow(&api, &mut version).await;
            let has_lasted = self.pace.has_lasted(began.elapsed());
            ended?;
            if !has_lasted {
                tokio::time::sleep(self.pace.longer()).await;
            }
        }
    }

    /// Watches from a version until the server ends the watch; moves the version on.
    async fn follow(&self, api: &Api<DynamicObject>, version: &mut String) -> Result<(), Stopped> {
        let failed = |e| Stopped::Failed(ClusterError::of(e, &self.asked()));
        let params = WatchParams::default().timeout(WATCH_S);
        let mut stream = Box::pin(api.watch(&params, version).await.map_err(failed)?);
        while let Some(event) = stream.try_next().await.map_err(failed)? {
            let object = match &event {
                KubeEvent::Added(o) | KubeEvent::Modified(o) | KubeEvent::Deleted(o) => Some(o),
                KubeEvent::Bookmark(_) | KubeEvent::Error(_) => None,
            };
            if let Some(new) = object.and_then(|o| o.metadata.resource_version.clone()) {
                *version = new;
            }
            let value =
                |object: &DynamicObject| serde_json::to_value(object).map_err(|e| failed(kube::Error::SerdeError(e)));
            match event {
                KubeEvent::Added(o) => self.send(WatchEvent::Added(value(&o)?)).await?,
                KubeEvent::Modified(o) => self.send(WatchEvent::Modified(value(&o)?)).await?,
                KubeEvent::Deleted(o) => self.send(WatchEvent::Deleted(value(&o)?)).await?,
                KubeEvent::Bookmark(b) => *version = b.metadata.resource_version,
                KubeEvent::Error(status) if status.code == 410 => return Err(Stopped::Expired),
                KubeEvent::Error(status) => return Err(failed(kube::Error::Api(status))),
            }
        }
        Ok(())
    }

    fn asked(&self) -> Asked<'_> {
        Asked { server: &self.server, verb: "watch", resource: self.resource.name(), namespace: &self.namespace }
    }

    async fn send(&self, event: WatchEvent) -> Result<(), Stopped> {
        self.to.send(WatchMessage::Event(event)).await.map_err(|_| Stopped::NobodyListens)
    }

    /// Reports the state of the watch if it has changed.
    async fn tell(&mut self, state: WatchState) -> Result<(), Stopped> {
        if self.said.as_ref() == Some(&state) {
            return Ok(());
        }
        self.said = Some(state.clone());
        let message = WatchMessage::State { resource: self.resource, namespace: self.namespace.clone(), state };
        self.to.send(message).await.map_err(|_| Stopped::NobodyListens)
    }
}
