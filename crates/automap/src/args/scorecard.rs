//! How a scorecard is shown, and which accuracy it has to reach: options that several verbs share.

use anyhow::Result;
use automap_chaos::score::{Minimum, Scorecard, html, junit};
use clap::{Args, ValueEnum};

use super::file::FileArgs;
use super::parse::share;
use crate::console::say;
use crate::exit::Exit;

/// How a scorecard is shown, and which accuracy it has to reach.
#[derive(Args, Clone, Debug)]
pub(crate) struct ScorecardArgs {
    /// Output format
    #[arg(long, short, value_enum, default_value_t = ScorecardFormat::Text, help_heading = "Output")]
    output: ScorecardFormat,
    #[command(flatten)]
    file: FileArgs,
    /// Exit with 1 unless the true cause ranks first for at least this share of the faults
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Gate")]
    min_top1: Option<f64>,
    /// Exit with 1 unless the true cause ranks among the first three for at least this share of the faults
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Gate")]
    min_top3: Option<f64>,
    /// Exit with 1 unless at least this share of the diagnoses names exactly the injected faults
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Gate")]
    min_exact_set: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScorecardFormat {
    /// A table with totals.
    Text,
    /// Machine-readable.
    Json,
    /// For docs and pull requests.
    Markdown,
    /// One self-contained page.
    Html,
    /// For CI: one test per experiment.
    Junit,
}

impl ScorecardArgs {
    /// Refuses an existing file before any work is done.
    pub(crate) fn check(&self) -> Result<()> {
        self.file.check()
    }

    /// Shows the scorecard; the exit code says whether it reaches the required minimum.
    pub(crate) fn finish(&self, card: &Scorecard) -> Result<Exit> {
        self.finish_with(card, Minimum::default())
    }

    /// The same, with a default minimum.
    pub(crate) fn finish_with(&self, card: &Scorecard, default: Minimum) -> Result<Exit> {
        let text = match self.output {
            ScorecardFormat::Text => card.text(),
            ScorecardFormat::Json => card.json()?,
            ScorecardFormat::Markdown => card.markdown(),
            ScorecardFormat::Html => html(card)?,
            ScorecardFormat::Junit => junit(card)?,
        };
        self.file.write(text.as_bytes())?;
        let misses = card.totals.misses(Minimum {
            top1: self.min_top1.or(default.top1),
            top3: self.min_top3.or(default.top3),
            exact_set: self.min_exact_set.or(default.exact_set),
            ..default
        });
        misses.iter().for_each(|miss| say(miss));
        Ok(if misses.is_empty() { Exit::Ok } else { Exit::Found })
    }
}
