//! Where the truth comes from: a ledger, the lab's, a file of labels, events, the dashboard, or the cluster as it is now.

#[cfg(feature = "kubernetes")]
mod cluster;
mod dashboard;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use automap_chaos::cases::merge;
use automap_chaos::fallback::{events, labels};
use automap_chaos::pods::Pods;
use automap_chaos::{Entry, file};
#[cfg(feature = "lab")]
use automap_lab::control::{Lab, directory};
use automap_sources::bounded::read_text_file;
use clap::Args;
use serde_json::Value;

#[cfg(feature = "kubernetes")]
use crate::args::cluster::ClusterArgs;

/// Largest file or answer.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Args, Clone, Debug)]
pub(super) struct TruthArgs {
    /// Ledger from `automap chaos record`
    #[arg(long, value_name = "FILE", help_heading = "Truth")]
    ledger: Option<PathBuf>,
    /// Handwritten file of faults: name, services, from, to
    #[arg(long, value_name = "FILE", help_heading = "Truth")]
    labels: Option<PathBuf>,
    /// File of Kubernetes Events: `kubectl get events -A -o json > FILE`
    #[arg(long, value_name = "FILE", help_heading = "Truth")]
    events: Option<PathBuf>,
    /// Address of Chaos Mesh's dashboard, such as http://localhost:2333
    #[arg(long, value_name = "URL", help_heading = "Truth")]
    dashboard: Option<String>,
    /// File with a token for the dashboard
    #[arg(long, value_name = "FILE", requires = "dashboard", help_heading = "Truth")]
    dashboard_token_file: Option<PathBuf>,
    #[cfg(feature = "lab")]
    /// Use the local lab's ledger
    #[arg(long, help_heading = "Truth")]
    lab: bool,
    #[cfg(feature = "lab")]
    /// Directory of the lab [default: ~/.local/state/automap/lab]
    #[arg(long, value_name = "DIR", requires = "lab", help_heading = "Truth")]
    lab_dir: Option<PathBuf>,
    #[cfg(feature = "kubernetes")]
    #[command(flatten)]
    cluster: ClusterArgs,
}

impl TruthArgs {
    /// All entries, in the order they began. Without options: the experiments and Events of the cluster.
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
            sources.push(events::kubernetes(&list, &Pods::default()));
        }
        if let Some(url) = &self.dashboard {
            sources.extend(dashboard::entries(url, self.dashboard_token_file.as_deref())?);
        }
        #[cfg(feature = "lab")]
        if self.lab {
            let lab = Lab::attach(&self.lab_dir.clone().unwrap_or_else(directory::default_dir))?;
            sources.push(lab.ledger()?.iter().map(|i| i.to_entry(automap_lab::plan::NAMESPACE)).collect());
        }
        #[cfg(feature = "kubernetes")]
        if sources.is_empty() || self.cluster.is_given() {
            sources.extend(cluster::entries(&self.cluster.connect()?, &self.cluster.chaos_namespace)?);
        }
        #[cfg(not(feature = "kubernetes"))]
        if sources.is_empty() {
            anyhow::bail!(
                "no source of the truth: give --ledger FILE or another one; reading a cluster needs the cargo feature `kubernetes`"
            );
        }
        Ok(merge(sources))
    }
}

fn text(path: &Path) -> Result<String> {
    Ok(read_text_file(path, MAX_BYTES)?)
}
