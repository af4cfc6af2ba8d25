//! `automap archive`: keeps incidents for years in a folder of Parquet files, counts them, and finds similar ones.

mod add;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use automap_archive::history::{Period, history, total};
use automap_archive::similar::{Similar, known, similar};
use automap_archive::{Archive, Change, Filter, Row};
use automap_core::time::Timestamp;
use automap_render::incident_text::incident_text;
use clap::{Args, Subcommand, ValueEnum};
use jiff::ZonedDateTime;
use serde::Serialize;

use crate::args::output::OutputArgs;
use crate::parse_time;

pub(crate) const EXAMPLES: &str = "Examples:
  automap archive add incidents/ --config automap.yaml       what a watcher closed, every night
  automap archive add incidents/ --target shop *.parquet     captures, diagnosed
  automap archive list incidents/ --from '90 days ago' --cause carts
  automap archive history incidents/ --by month              what was the cause how often
  automap archive similar incidents/ now.parquet             what looked like this before
  duckdb -c \"from 'incidents/incidents/**/*.parquet'\"";

#[derive(Debug, Subcommand)]
pub(crate) enum ArchiveCommand {
    /// Add closed incidents of a store, exported ones, or captures, which are diagnosed
    Add(add::AddArgs),
    /// A table, the first opened first
    List(ListArgs),
    /// How many incidents of which cause, and how many were named rightly, by day, week or month
    History(HistoryArgs),
    /// The incidents in which the same metrics of the same services moved
    Similar(SimilarArgs),
    /// One incident: its timeline and its latest diagnosis
    Show(ShowArgs),
}

#[derive(Args, Debug)]
pub(crate) struct WhichArgs {
    /// The archive's folder
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Opened at this time or later
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Which")]
    from: Option<String>,
    /// Opened before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Which")]
    to: Option<String>,
    /// Of this target
    #[arg(long, value_name = "NAME", help_heading = "Which")]
    target: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct CausedArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// With this cause, confirmed or named
    #[arg(long, value_name = "SERVICE", help_heading = "Which")]
    cause: Option<String>,
    /// With this kind of fault, such as network or cpu
    #[arg(long, value_name = "KIND", help_heading = "Which")]
    mechanism: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    caused: CausedArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    caused: CausedArgs,
    /// Length of a period, in UTC
    #[arg(long, value_enum, default_value_t = By::Month)]
    by: By,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct SimilarArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// An incident of the archive, or a capture, which is diagnosed
    #[arg(value_name = "ID|FILE")]
    incident: String,
    /// Most incidents to show
    #[arg(long, value_name = "N", default_value_t = 5)]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The archive's folder
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The incident's id, as `list` shows it
    id: String,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    Day,
    Week,
    Month,
}

/// One similar incident, with what is known of it.
#[derive(Debug, Serialize)]
struct SimilarRow {
    #[serde(flatten)]
    similar: Similar,
    incident: Option<Row>,
}

/// Runs `automap archive`.
pub(crate) fn run(command: &ArchiveCommand) -> Result<()> {
    match command {
        ArchiveCommand::Add(args) => add::run(args),
        ArchiveCommand::List(args) => list(args),
        ArchiveCommand::History(args) => of_periods(args),
        ArchiveCommand::Similar(args) => similar_ones(args),
        ArchiveCommand::Show(args) => show(args),
    }
}

impl WhichArgs {
    fn filter(&self) -> Result<Filter> {
        let now = ZonedDateTime::now();
        let time = |text: &Option<String>| text.as_ref().map(|text| parse_time::parse(text, &now)).transpose();
        Ok(Filter {
            target: self.target.clone(),
            since: time(&self.from)?,
            until: time(&self.to)?,
            ..Filter::default()
        })
    }
}

impl CausedArgs {
    fn rows(&self) -> Result<Vec<Row>> {
        let filter = Filter { cause: self.cause.clone(), mechanism: self.mechanism.clone(), ..self.which.filter()? };
        Ok(Archive::open(&self.which.dir)?.incidents(&filter)?)
    }
}

/// The time that decides which of the zone's offsets applies.
fn shown_at(rows: &[Row]) -> Timestamp {
    rows.last().map_or(Timestamp::from_ms(0), |row| row.opened)
}

fn list(args: &ListArgs) -> Result<()> {
    let rows = args.caused.rows()?;
    args.output.print_other(&rows, shown_at(&rows), |o| text::rows(&rows, o))
}

fn of_periods(args: &HistoryArgs) -> Result<()> {
    let rows = args.caused.rows()?;
    let period = match args.by {
        By::Day => Period::Day,
        By::Week => Period::Week,
        By::Month => Period::Month,
    };
    let (periods, all) = (history(&rows, period), total(&rows));
    args.output.print_other(&periods, shown_at(&rows), |_| text::periods(&periods, all.as_ref()))
}

fn similar_ones(args: &SimilarArgs) -> Result<()> {
    let (archive, filter) = (Archive::open(&args.which.dir)?, args.which.filter()?);
    let of = changes_of(&archive, &args.incident)?;
    let rows = archive.incidents(&filter)?;
    let by_id: BTreeMap<&str, &Row> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let mut past = archive.evidence(&filter)?;
    // A month's file holds more than the time that was asked for.
    past.retain(|change| by_id.contains_key(change.id.as_str()));
    let row_of = |id: &str| by_id.get(id).map(|row| (*row).clone());
    let found = similar(&of, &past, args.limit).into_iter();
    let found: Vec<SimilarRow> = found.map(|similar| SimilarRow { incident: row_of(&similar.id), similar }).collect();
    let of_past = known(&past);
    args.output.print_other(&found, shown_at(&rows), |o| text::similar(&found, of_past, o))
}

/// What changed in a capture, or in an incident of the archive. A file that is there is meant as one: ids look different.
fn changes_of(archive: &Archive, incident: &str) -> Result<Vec<Change>> {
    let of = if Path::new(incident).is_file() {
        match add::diagnosed(incident.as_ref(), "")? {
            Some((found, _)) => automap_archive::changes(&found),
            None => bail!("nothing is wrong in {incident}, so nothing is similar to it"),
        }
    } else {
        match archive.record(incident)? {
            Some(known) => automap_archive::changes(&known),
            None => bail!(
                "there is no incident '{incident}' in the archive, and no such file; `automap archive list` shows them"
            ),
        }
    };
    if of.is_empty() {
        bail!("'{incident}' has no diagnosis, so nothing is known of what changed in it");
    }
    Ok(of)
}

fn show(args: &ShowArgs) -> Result<()> {
    match Archive::open(&args.dir)?.record(&args.id)? {
        Some(incident) => args.output.print_other(&incident, incident.onset, |o| incident_text(&incident, o)),
        None => {
            bail!("there is no incident '{}' in {}; `automap archive list` shows them", args.id, args.dir.display())
        }
    }
}
