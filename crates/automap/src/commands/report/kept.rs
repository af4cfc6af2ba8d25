//! An incident that a watcher stored: from its store, or from a running server.
//!
//! The store has reports, not metrics. With the watcher's configuration, and from a server, the metrics are fetched again. If they are
//! gone, and from a store alone, the page is made from the stored report, and says so.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use automap_core::dossier::{Dossier, of_report_alone};
use automap_server::config::Config;
use automap_server::live_system::LiveSystem;
use automap_server::remote::Remote;
use automap_server::secret::SecretSource;
use automap_server::system::System as _;
use clap::Args;

use crate::args::engine::EngineArgs;
use crate::args::file::is_standard;
use crate::console::say;
use crate::store::Opened;

/// Longest file ending that is read: `parquet`.
const LONGEST_ENDING: usize = 7;

/// Where stored incidents are. `--store` is one of the engine's options.
#[derive(Args, Debug)]
pub(super) struct KeptIncidentArgs {
    /// Configuration of the watcher: where incidents are stored and where their metrics are
    #[arg(long, short, value_name = "FILE", help_heading = "Kept incidents")]
    config: Option<PathBuf>,
    /// Address of an `automap serve` that stores the incident, such as http://localhost:9977
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "store"], help_heading = "Kept incidents")]
    server: Option<String>,
    /// File with a token for that server
    #[arg(long, value_name = "FILE", requires = "server", help_heading = "Kept incidents")]
    token_file: Option<PathBuf>,
    /// Certificate authorities (PEM) to trust for that server instead of the public ones
    #[arg(long, value_name = "FILE", requires = "server", help_heading = "Kept incidents")]
    server_ca: Option<PathBuf>,
}

/// The id of an incident, if the argument looks like one: no file, no path, and no file ending.
pub(super) fn id(place: &Path) -> Option<&str> {
    let is_name = place.file_name() == Some(place.as_os_str()) && !is_standard(place) && !place.exists();
    let has_ending = place.extension().is_some_and(|ending| ending.len() <= LONGEST_ENDING);
    place.to_str().filter(|_| is_name && !has_ending)
}

impl KeptIncidentArgs {
    /// The incident as everything that a page shows.
    pub(super) fn dossier(&self, id: &str, engine: &EngineArgs) -> Result<Dossier> {
        if let Some(url) = &self.server {
            let token = self.token_file.clone().map(SecretSource::File).map(|from| from.read()).transpose()?;
            let kept = Remote::new(url, token, self.server_ca.as_deref())?.incident(id)?;
            if let Some(reason) = &kept.without_metrics {
                say_alone(reason);
            }
            return Ok(kept.dossier);
        }
        let config = self.config.as_deref().map(Config::read).transpose()?;
        let opened = match &config {
            Some(config) => Some(engine.store().open_configured(&config.store)?),
            None => engine.store().open_existing()?,
        };
        let Some(opened) = opened else {
            bail!(
                "there is no file '{id}', and no store of incidents: give --config FILE, --store FILE or --server URL"
            );
        };
        from_store(id, &opened, config.as_ref())
    }

    /// A file needs no store of incidents.
    pub(super) fn refuse_beside_a_file(&self, file: &Path) -> Result<()> {
        if self.server.is_some() || self.config.is_some() {
            bail!("--config and --server are for a stored incident, but {} is a file; leave one out", file.display());
        }
        Ok(())
    }
}

fn from_store(id: &str, opened: &Opened, config: Option<&Config>) -> Result<Dossier> {
    let Some(incident) = opened.store.get(id)? else {
        bail!(
            "there is no file '{id}', and no incident of that id in {}; `automap incidents list` shows them",
            opened.place
        );
    };
    let reason = match config {
        Some(config) => match LiveSystem::new(config, &opened.store)?.dossier(id) {
            Ok(dossier) => return Ok((*dossier).clone()),
            Err(error) => error.to_string(),
        },
        None => "no configuration is given (--config FILE)".to_owned(),
    };
    let Some(report) = incident.report else {
        bail!(
            "{id} was never diagnosed, so there is nothing to put on a page; `automap incidents show {id}` has its timeline"
        );
    };
    say_alone(&reason);
    Ok(of_report_alone(report))
}

fn say_alone(reason: &str) {
    say(&format!("without the metrics: {reason}; made from the stored report"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_from_a_file() {
        for is_id in ["sock-shop-20261125T140315Z-8c1f3a07", "shop.eu-20261125T140315Z-8c1f3a07", "demo-recorded"] {
            assert_eq!(id(Path::new(is_id)), Some(is_id));
        }
        for file in ["-", "gone.parquet", "dir/incident", "./incident", "x.json", "/tmp"] {
            assert_eq!(id(Path::new(file)), None, "{file}");
        }
    }
}
