//! What a comparison or a trend takes and how it is shown.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_render::TextOptions;
use automap_server::profiles::observation;
use automap_server::store::MAX_PROFILES;
use automap_sources::{capture, csv_table};
use clap::{Args, ValueEnum};

use crate::commands::output_args::StyleArgs;
use crate::store::KeptArgs;

/// One file that all periods or windows are parts of.
#[derive(Args, Clone, Debug)]
pub(crate) struct WholeArgs {
    /// The capture that all of them are parts of
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prometheus", "csv"], help_heading = "Files")]
    capture: Option<PathBuf>,
    /// The table that all of them are parts of
    #[arg(long, value_name = "FILE", conflicts_with = "prometheus", help_heading = "Files")]
    csv: Option<PathBuf>,
    /// The healthy hours that a watcher kept of this target, for more time than a Prometheus remembers
    #[arg(long, value_name = "TARGET", conflicts_with_all = ["prometheus", "csv", "capture"], help_heading = "Memory")]
    kept: Option<String>,
    #[command(flatten)]
    memory: KeptArgs,
}

impl WholeArgs {
    /// Reads the file; `None` where none is given.
    pub(crate) fn observation(&self) -> Result<Option<Observation>> {
        Ok(match (&self.capture, &self.csv, &self.kept) {
            (Some(path), _, _) => Some(capture::read(path)?),
            (None, Some(path), _) => Some(csv_table::read(path, Default::default())?),
            (None, None, Some(target)) => {
                let kept = self.memory.open_existing()?.store.profiles(target, Timestamp::from_ms(0), MAX_PROFILES)?;
                if kept.is_empty() {
                    bail!(
                        "no healthy hour of {target} is kept: `automap watch` keeps one after the first hour without an incident"
                    );
                }
                Some(observation(target, &kept).map_err(|e| anyhow!(e))?)
            }
            (None, None, None) => None,
        })
    }
}

/// How a comparison or a trend is shown.
#[derive(Args, Clone, Debug)]
pub(crate) struct ShowArgs {
    /// Form of the answer
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    #[command(flatten)]
    style: StyleArgs,
}

/// Form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For spreadsheets: one line per series.
    Csv,
    /// For an incident channel or a pull request.
    Markdown,
}

impl ShowArgs {
    pub(crate) fn format(&self) -> Format {
        self.output
    }

    /// How text looks, with the zone's offset at an instant of the data.
    pub(crate) fn text_options(&self, at: Timestamp) -> TextOptions {
        self.style.text_options(at)
    }
}
