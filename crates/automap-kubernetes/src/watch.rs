//! Watches several kinds of objects at once: lists them, watches from there, and lists again if the server no longer has the resource version.
//!
//! Each kind has a task of its own; all send to one bounded channel. A kind that is missing or forbidden is retried, since it may be installed or
//! allowed later.

use std::time::Duration;

use automap_chaos::WatchEvent;
use futures_util::TryStreamExt;
use kube::Client;
use kube::api::WatchParams;
use kube::core::{DynamicObject, WatchEvent as KubeEvent};
use serde_json::Value;
use tokio::sync::mpsc::{Sender, channel};

use crate::cluster::{Cluster, api, list};
use crate::error::{Asked, ClusterError};
use crate::resource::Resource;

/// Most messages in the channel; when it is full the watches wait, and so do the servers.
const MAX_WAITING: usize = 1000;
/// The server ends a watch after this time, so a silently broken connection is noticed by then.
const WATCH_S: u32 = 240;
/// Delay before the first retry after a failure; doubles with each further one.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LAST: Duration = Duration::from_secs(30);
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
                let (client, server) = (cluster.client.clone(), cluster.server.clone());
                tasks.spawn(one(client, server, *resource, namespace.clone(), to.clone()));
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

/// Watches one kind in one namespace, until the receiver is gone.
async fn one(client: Client, server: String, resource: Resource, namespace: String, to: Sender<WatchMessage>) {
    let mut said: Option<WatchState> = None;
    let mut wait = RETRY_FIRST;
    loop {
        let (state, pause) = match round(&client, resource, &namespace, &to, &mut said).await {
            Ok(()) => {
                wait = RETRY_FIRST;
                (None, Duration::ZERO)
            }
            Err(Stopped::NobodyListens) => return,
            Err(Stopped::Failed(error)) => {
                let asked = Asked { server: &server, verb: "watch", resource: resource.name(), namespace: &namespace };
                match ClusterError::of(error, &asked) {
                    ClusterError::Missing { .. } => (Some(WatchState::Missing), RETRY_ABSENT),
                    ClusterError::Forbidden { problem, .. } => (Some(WatchState::Forbidden(problem)), RETRY_ABSENT),
                    other => {
                        let pause = wait;
                        wait = (wait * 2).min(RETRY_LAST);
                        (Some(WatchState::Broken(other.to_string())), pause)
                    }
                }
            }
        };
        if let Some(state) = state
            && !tell(&to, &mut said, resource, &namespace, state).await
        {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

enum Stopped {
    NobodyListens,
    Failed(kube::Error),
}

/// Lists, and watches from there until the resource version has expired.
async fn round(
    client: &Client,
    resource: Resource,
    namespace: &str,
    to: &Sender<WatchMessage>,
    said: &mut Option<WatchState>,
) -> Result<(), Stopped> {
    let (objects, mut version) = list(client, resource, namespace).await.map_err(Stopped::Failed)?;
    let namespace_of = (!namespace.is_empty()).then(|| namespace.to_owned());
    send(to, WatchEvent::Relisted { kind: resource.kind.to_owned(), namespace: namespace_of, objects }).await?;
    if !tell(to, said, resource, namespace, WatchState::Watching).await {
        return Err(Stopped::NobodyListens);
    }
    let api = api(client, resource, namespace);
    loop {
        let params = WatchParams::default().timeout(WATCH_S);
        let mut stream = Box::pin(api.watch(&params, &version).await.map_err(Stopped::Failed)?);
        while let Some(event) = stream.try_next().await.map_err(Stopped::Failed)? {
            let object = match &event {
                KubeEvent::Added(o) | KubeEvent::Modified(o) | KubeEvent::Deleted(o) => Some(o),
                KubeEvent::Bookmark(_) | KubeEvent::Error(_) => None,
            };
            if let Some(new) = object.and_then(|o| o.metadata.resource_version.clone()) {
                version = new;
            }
            match event {
                KubeEvent::Added(o) => send(to, WatchEvent::Added(value(&o)?)).await?,
                KubeEvent::Modified(o) => send(to, WatchEvent::Modified(value(&o)?)).await?,
                KubeEvent::Deleted(o) => send(to, WatchEvent::Deleted(value(&o)?)).await?,
                KubeEvent::Bookmark(b) => version = b.metadata.resource_version,
                // Too old: later changes are only in a new list.
                KubeEvent::Error(status) if status.code == 410 => return Ok(()),
                KubeEvent::Error(status) => return Err(Stopped::Failed(kube::Error::Api(status))),
            }
        }
    }
}

fn value(object: &DynamicObject) -> Result<Value, Stopped> {
    serde_json::to_value(object).map_err(|e| Stopped::Failed(kube::Error::SerdeError(e)))
}

async fn send(to: &Sender<WatchMessage>, event: WatchEvent) -> Result<(), Stopped> {
    to.send(WatchMessage::Event(event)).await.map_err(|_| Stopped::NobodyListens)
}

/// Reports the state of the watch if it has changed. Returns whether there is a receiver.
async fn tell(
    to: &Sender<WatchMessage>,
    said: &mut Option<WatchState>,
    resource: Resource,
    namespace: &str,
    state: WatchState,
) -> bool {
    if said.as_ref() == Some(&state) {
        return true;
    }
    *said = Some(state.clone());
    to.send(WatchMessage::State { resource, namespace: namespace.to_owned(), state }).await.is_ok()
}
