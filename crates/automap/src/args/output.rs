//! How a report is shown: format, time zone, colours and detail. Options shared by several verbs.

use anyhow::Result;
use automap_core::report::{EngineComparison, Report};
use automap_core::time::Timestamp;
use automap_render::{TextOptions, engines_text, json, text};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::console::{self, Color};
use crate::parse_time::display_zone;

/// How the report is shown.
#[derive(Args, Clone, Debug)]
pub(crate) struct OutputArgs {
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    #[command(flatten)]
    style: StyleArgs,
}

/// The style of text.
#[derive(Args, Clone, Debug)]
pub(crate) struct StyleArgs {
    /// Show everything: unremarkable findings, all notes, the queries
    #[arg(long, short, help_heading = "Output")]
    verbose: bool,
    /// Wall-clock times in UTC instead of the local zone
    #[arg(long, help_heading = "Output")]
    utc: bool,
    /// Colours
    #[arg(long, value_enum, default_value_t = Color::Auto, help_heading = "Output")]
    color: Color,
}

impl StyleArgs {
    /// When to use colours.
    pub(crate) fn color(&self) -> Color {
        self.color
    }

    /// With the zone's offset at a timestamp of the data.
    pub(crate) fn text_options(&self, at: Timestamp) -> TextOptions {
        TextOptions { color: console::color(self.color), zone: display_zone(self.utc, at), verbose: self.verbose }
    }
}

/// Form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Human-readable.
    Text,
    /// Machine-readable; `automap schema` prints its schema.
    Json,
}

impl OutputArgs {
    /// Whether programs read the output, so that nothing else may be printed there.
    pub(crate) fn is_json(&self) -> bool {
        self.output == Format::Json
    }

    /// Prints a report on standard output.
    pub(crate) fn print(&self, report: &Report) -> Result<()> {
        match self.output {
            Format::Json => console::print(&json(report)?),
            Format::Text => console::print_answer(&text(report, &self.text_options(report.windows.incident_start))),
        }
    }

    /// Prints several engines' reports side by side.
    pub(crate) fn print_engines(&self, comparison: EngineComparison) -> Result<()> {
        match self.output {
            Format::Json => console::print(&(serde_json::to_string_pretty(&comparison)? + "\n")),
            Format::Text => console::print_answer(&engines_text(&comparison)),
        }
    }

    /// Prints any other answer. The incident's start decides which of the zone's offsets applies.
    pub(crate) fn print_other<T: Serialize>(
        &self,
        answer: &T,
        incident_start: Timestamp,
        text: impl FnOnce(&TextOptions) -> String,
    ) -> Result<()> {
        match self.output {
            Format::Json => console::print(&(serde_json::to_string_pretty(answer)? + "\n")),
            Format::Text => console::print_answer(&text(&self.text_options(incident_start))),
        }
    }

    /// With the zone's offset at the start of the incident.
    pub(crate) fn text_options(&self, incident_start: Timestamp) -> TextOptions {
        self.style.text_options(incident_start)
    }
}
