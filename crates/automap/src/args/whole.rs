//! One data source for all periods of a comparison or all windows of a trend, and how the answer is shown.

use std::path::PathBuf;

use anyhow::Result;
use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_render::TextOptions;
use clap::{Args, ValueEnum};

#[cfg(feature = "server")]
use super::kept_hours::KeptHoursArgs;
use super::output::StyleArgs;
use super::table::TableArgs;

/// One file to take all periods or windows from.
#[derive(Args, Clone, Debug)]
pub(crate) struct WholeArgs {
    /// Capture file to take all periods or windows from; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prometheus", "csv"], help_heading = "Files")]
    capture: Option<PathBuf>,
    /// Table (CSV, Parquet, Arrow) to take all periods or windows from; - is standard input
    #[arg(long, visible_alias = "table", value_name = "FILE", conflicts_with = "prometheus", help_heading = "Files")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    table: TableArgs,
    #[cfg(feature = "server")]
    #[command(flatten)]
    kept: KeptHoursArgs,
}

impl WholeArgs {
    /// Reads the file; `None` if none is given.
    pub(crate) fn observation(&self) -> Result<Option<Observation>> {
        match (&self.capture, &self.csv) {
            (Some(path), _) => Ok(Some(self.table.read_capture(path, &[])?)),
            (None, Some(path)) => Ok(Some(self.table.read(path, Default::default(), &[])?)),
            #[cfg(feature = "server")]
            (None, None) => self.kept.observation(),
            #[cfg(not(feature = "server"))]
            (None, None) => Ok(None),
        }
    }
}

/// How a comparison or a trend is shown.
#[derive(Args, Clone, Debug)]
pub(crate) struct ShowArgs {
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    #[command(flatten)]
    style: StyleArgs,
}

/// Form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Human-readable.
    Text,
    /// Machine-readable.
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

    /// The style of text, with the zone's offset at a timestamp of the data.
    pub(crate) fn text_options(&self, at: Timestamp) -> TextOptions {
        self.style.text_options(at)
    }
}
