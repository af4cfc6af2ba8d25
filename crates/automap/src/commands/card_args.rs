//! How a scorecard is shown, and what it has to reach: options that several commands share.

use std::path::PathBuf;

use anyhow::Result;
use automap_chaos::score::{Scorecard, html, junit};
use clap::{Args, ValueEnum};

use crate::console::{print, say};
use crate::exit::Exit;
use crate::output_file;

/// How a scorecard is shown, and what it has to reach.
#[derive(Args, Clone, Debug)]
pub(crate) struct CardArgs {
    /// Form of the scorecard
    #[arg(long, short, value_enum, default_value_t = CardFormat::Text, help_heading = "Output")]
    output: CardFormat,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Replace the file where it exists
    #[arg(long, requires = "out", help_heading = "Output")]
    force: bool,
    /// Exit with 1 unless the truth is first in this share of the faults
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Gate")]
    min_top1: Option<f64>,
    /// Exit with 1 unless the truth is among the first three in this share of the faults
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Gate")]
    min_top3: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CardFormat {
    /// A table and sums, for people.
    Text,
    /// For programs.
    Json,
    /// For docs and pull requests.
    Markdown,
    /// One page that needs nothing else.
    Html,
    /// For CI: a test for each experiment.
    Junit,
}

impl CardArgs {
    /// Says that the file is there already, before the work that would fill it.
    pub(crate) fn check(&self) -> Result<()> {
        output_file::check(self.out.as_deref(), self.force)
    }

    /// Shows the card, and says whether it reaches what was asked for.
    pub(crate) fn finish(&self, card: &Scorecard) -> Result<Exit> {
        self.finish_with(card, (None, None))
    }

    /// The same, with what has to be reached where nothing is given.
    pub(crate) fn finish_with(&self, card: &Scorecard, (top1, top3): (Option<f64>, Option<f64>)) -> Result<Exit> {
        let text = match self.output {
            CardFormat::Text => card.text(),
            CardFormat::Json => card.json()?,
            CardFormat::Markdown => card.markdown(),
            CardFormat::Html => html(card)?,
            CardFormat::Junit => junit(card)?,
        };
        match &self.out {
            Some(path) => output_file::write(path, &text, self.force)?,
            None => print(&text)?,
        }
        let misses = card.totals.misses(self.min_top1.or(top1), self.min_top3.or(top3));
        misses.iter().for_each(|miss| say(miss));
        Ok(if misses.is_empty() { Exit::Ok } else { Exit::Found })
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok();
    share.filter(|s| (0.0..=1.0).contains(s)).ok_or_else(|| format!("{text:?} is not a share from 0 to 1"))
}
