//! How a comparison or a trend is shown.

use automap_core::report::TextOptions;
use automap_core::time::Timestamp;
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;

use crate::console::{self, Color};
use crate::when::utc_offset_s;

/// How a comparison or a trend is shown.
#[derive(Args, Clone, Debug)]
pub(crate) struct ShowArgs {
    /// Form of the answer
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    /// All series, also those without a finding, and all notes
    #[arg(long, short, help_heading = "Output")]
    verbose: bool,
    /// Wall-clock times in UTC instead of the local zone
    #[arg(long, help_heading = "Output")]
    utc: bool,
    /// Colours
    #[arg(long, value_enum, default_value_t = Color::Auto, help_heading = "Output")]
    color: Color,
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
        let zone = if self.utc { TimeZone::UTC } else { TimeZone::system() };
        TextOptions { color: console::color(self.color), utc_offset_s: utc_offset_s(&zone, at), verbose: self.verbose }
    }
}
