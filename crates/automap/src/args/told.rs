//! Changes that the metrics do not show: from a file, and from Grafana annotations. Options shared by every verb that analyses.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use automap_core::change::{Change, Told};
use automap_core::note::NotChecked;
use automap_core::observation::Observation;
use automap_core::time::Interval;
use automap_sources::change_form;
use automap_sources::grafana::{Grafana, not_observed, since};
use automap_sources::secret::SecretSource;
use clap::Args;

use super::file::readable;
use crate::console::say;

/// Variable with a token that may read annotations, unless an option names a file.
const TOKEN_VARIABLE: &str = "AUTOMAP_GRAFANA_TOKEN";

/// A Grafana whose annotations are changes.
#[derive(Args, Clone, Debug)]
pub(crate) struct GrafanaArgs {
    /// Address of a Grafana whose annotations are read as changes, with its path prefix
    #[arg(long, value_name = "URL", help_heading = "Changes")]
    pub(super) grafana: Option<String>,
    /// File with a token that may read annotations [default: the variable AUTOMAP_GRAFANA_TOKEN, if set]
    #[arg(long, value_name = "FILE", requires = "grafana", help_heading = "Changes")]
    pub(super) grafana_token_file: Option<PathBuf>,
    /// Only annotations with this tag; if repeated, with any of the tags
    #[arg(long, value_name = "TAG", requires = "grafana", help_heading = "Changes")]
    pub(super) grafana_tag: Vec<String>,
}

/// Changes that the metrics do not show.
#[derive(Args, Clone, Debug)]
pub(crate) struct ToldArgs {
    /// File of changes that the metrics do not show: JSON, `[{"at": "2026-11-25T14:02:28Z", "kind": "release", "service": "orders",
    /// "to": "1.4.3"}, …]`; - is standard input
    #[arg(long, value_name = "FILE", help_heading = "Changes")]
    changes: Option<PathBuf>,
    #[command(flatten)]
    grafana: GrafanaArgs,
}

/// What was read before any server is queried.
#[derive(Debug)]
pub(crate) struct ToldSources {
    of_file: Vec<Change>,
    grafana: Option<Grafana>,
}

impl GrafanaArgs {
    /// Where the token is; `None` where there is none.
    pub(super) fn token(&self) -> Option<SecretSource> {
        let by_variable = || std::env::var_os(TOKEN_VARIABLE).map(|_| SecretSource::Env(TOKEN_VARIABLE.to_owned()));
        self.grafana_token_file.clone().map(SecretSource::File).or_else(by_variable)
    }

    fn grafana(&self) -> Result<Option<Grafana>> {
        let Some(url) = &self.grafana else { return Ok(None) };
        let grafana = Grafana::new(url, self.token(), self.grafana_tag.clone());
        grafana.map(Some).map_err(|e| anyhow!("--grafana: {}", e.reason))
    }
}

impl ToldArgs {
    /// Reads the file and checks the address, to report mistakes before a server is queried.
    pub(super) fn read(&self) -> Result<ToldSources> {
        let of_file = self.changes.as_deref().map(|path| change_form::read(readable(path))).transpose()?;
        Ok(ToldSources { of_file: of_file.unwrap_or_default(), grafana: self.grafana.grafana()? })
    }
}

impl ToldSources {
    /// Adds the changes to an observation. A Grafana that does not answer is a remark, not an error.
    pub(super) fn join(self, observation: &mut Observation) {
        let span = observation.frame.span();
        let services = observation.frame.services().to_vec();
        if !self.of_file.is_empty() {
            let told = change_form::told(self.of_file, span);
            observation.changes = std::mem::take(&mut observation.changes).with(told, &services);
        }
        let Some(grafana) = self.grafana else { return };
        let reference = observation.hint.incident_start.unwrap_or(span.end);
        let Some(period) = Interval::new(since(reference).min(span.start), span.end) else { return };
        match grafana.read(period, &services) {
            Ok(annotations) => {
                let told = Told { changes: annotations.changes, period: Some(period), observed: Vec::new() };
                observation.changes = std::mem::take(&mut observation.changes).with(told, &services);
            }
            Err(error) => {
                let reason = not_observed(&error);
                say(&reason);
                observation.not_checked.push(NotChecked { signal: "changes".to_owned(), services: Vec::new(), reason });
            }
        }
    }
}
