//! Where the truth comes from: a ledger, the lab's, a file of labels, events, the dashboard, or the cluster as it is now.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use automap_chaos::cases::merge;
use automap_chaos::fallback::{archive, labels, said};
use automap_chaos::pods::Pods;
use automap_chaos::{Entry, Ledger, LedgerOptions, WatchEvent, file};
use automap_core::time::Timestamp;
use automap_kubernetes::{Cluster, ClusterError, EVENTS, PODS, experiments};
use automap_lab::control::{Lab, state};
use automap_sources::bounded::{read_stream, read_text_file};
use automap_sources::http::agent_config;
use clap::Args;
use jiff::ZonedDateTime;
use serde_json::Value;
use ureq::tls::TlsConfig;

use crate::commands::cluster_args::ClusterArgs;
use crate::console::say;

/// Largest file or answer.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
const DASHBOARD_WITHIN: Duration = Duration::from_secs(30);

#[derive(Args, Clone, Debug)]
pub(super) struct TruthArgs {
    /// What `automap chaos record` wrote
    #[arg(long, value_name = "FILE", help_heading = "Truth")]
    ledger: Option<PathBuf>,
    /// A file of faults by hand: name, services, from, to
    #[arg(long, value_name = "FILE", help_heading = "Truth")]
    labels: Option<PathBuf>,
    /// Kubernetes Events: `kubectl get events -A -o json > FILE`
    #[arg(long, value_name = "FILE", help_heading = "Truth")]
    events: Option<PathBuf>,
    /// Chaos Mesh's dashboard, such as http://localhost:2333
    #[arg(long, value_name = "URL", help_heading = "Truth")]
    dashboard: Option<String>,
    /// File that holds a token for it
    #[arg(long, value_name = "FILE", requires = "dashboard", help_heading = "Truth")]
    dashboard_token_file: Option<PathBuf>,
    /// The local lab's ledger
    #[arg(long, help_heading = "Truth")]
    lab: bool,
    /// Its directory [default: ~/.local/state/automap/lab]
    #[arg(long, value_name = "DIR", requires = "lab", help_heading = "Truth")]
    lab_dir: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

impl TruthArgs {
    /// All entries, in the order they began. Nothing given: what the cluster shows now, and what its Events remember.
    pub(super) fn entries(&self) -> Result<Vec<Entry>> {
        let mut sources = Vec::new();
        if let Some(path) = &self.ledger {
            let opened = File::open(path).with_context(|| path.display().to_string())?;
            sources.push(file::read(BufReader::new(opened)).with_context(|| path.display().to_string())?);
        }
        if let Some(path) = &self.labels {
            sources.push(labels::read(&text(path)?).with_context(|| path.display().to_string())?);
        }
        if let Some(path) = &self.events {
            let list: Value = serde_json::from_str(&text(path)?).with_context(|| path.display().to_string())?;
            sources.push(said::kubernetes(&list, &Pods::default()));
        }
        if let Some(url) = &self.dashboard {
            sources.extend(dashboard(url, self.dashboard_token_file.as_deref())?);
        }
        if self.lab {
            let lab = Lab::attach(&self.lab_dir.clone().unwrap_or_else(state::default_dir))?;
            sources.push(lab.ledger()?.iter().map(|i| i.to_entry(automap_lab::plan::NAMESPACE)).collect());
        }
        if sources.is_empty() || self.cluster.is_given() {
            sources.extend(cluster(&self.cluster.connect()?, &self.cluster.chaos_namespace)?);
        }
        Ok(merge(sources))
    }
}

fn text(path: &Path) -> Result<String> {
    Ok(read_text_file(path, MAX_BYTES)?)
}

/// The experiments that exist, and Events about those that do not any more.
fn cluster(cluster: &Cluster, namespaces: &[String]) -> Result<[Vec<Entry>; 2]> {
    let now = Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond());
    let all = [String::new()];
    let namespaces = if namespaces.is_empty() { &all } else { namespaces };
    let (mut ledger, mut pods) = (Ledger::new(LedgerOptions::default()), Pods::default());
    let mut missing = Vec::new();
    let kinds: Vec<_> = experiments().collect();
    for namespace in namespaces {
        // Without pods services are told by names; that is said in the entries.
        match cluster.list(PODS, namespace) {
            Ok(objects) => {
                objects.iter().for_each(|pod| pods.see(pod, None));
                ledger.apply(&relisted(PODS.kind, namespace, objects), now);
            }
            Err(error @ ClusterError::Forbidden { .. }) => say(&format!("{error}")),
            Err(error) => return Err(error.into()),
        }
        for resource in &kinds {
            match cluster.list(*resource, namespace) {
                Ok(objects) => drop(ledger.apply(&relisted(resource.kind, namespace, objects), now)),
                Err(ClusterError::Missing { .. }) => missing.push(resource.name()),
                Err(error) => return Err(error.into()),
            }
        }
    }
    if missing.len() >= kinds.len() * namespaces.len() {
        bail!(ClusterError::Missing { resource: "chaos-mesh.org/v1alpha1".to_owned() });
    }
    if !missing.is_empty() {
        say(&format!("this cluster's Chaos Mesh has no {}", missing.join(", ")));
    }
    let mut events = Vec::new();
    for namespace in namespaces {
        match cluster.list(EVENTS, namespace) {
            Ok(objects) => events.extend(said::kubernetes(&serde_json::json!({"items": objects}), &pods)),
            Err(error) => say(&format!("Events are not read: {error}")),
        }
    }
    ledger.tick(now);
    Ok([ledger.entries(), events])
}

fn relisted(kind: &str, namespace: &str, objects: Vec<Value>) -> WatchEvent {
    let namespace = (!namespace.is_empty()).then(|| namespace.to_owned());
    WatchEvent::Relisted { kind: kind.to_owned(), namespace, objects }
}

/// Events first; the archive knows only that something was.
fn dashboard(url: &str, token_file: Option<&Path>) -> Result<[Vec<Entry>; 2]> {
    let token = token_file.map(|path| text(path).map(|t| t.trim().to_owned())).transpose()?;
    let agent = ureq::Agent::new_with_config(agent_config(TlsConfig::default(), DASHBOARD_WITHIN).build());
    let get = |path: &str| -> Result<Value> {
        let place = format!("{}{path}", url.trim_end_matches('/'));
        let mut request = agent.get(&place).header("accept", "application/json");
        if let Some(token) = &token {
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        let mut response = request.call().with_context(|| format!("the dashboard at {place}"))?;
        let body = read_stream(response.body_mut().as_reader(), &place, MAX_BYTES)?;
        serde_json::from_slice(&body).with_context(|| format!("the dashboard at {place}: this is not JSON"))
    };
    let events = said::dashboard(&get("/api/events?limit=10000")?, &Pods::default());
    let archived = archive::archives(&get("/api/archives")?);
    Ok([events, archived])
}
