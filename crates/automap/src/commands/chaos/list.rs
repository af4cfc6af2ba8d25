//! `automap chaos list`.

use anyhow::Result;
use automap_chaos::Entry;
use automap_chaos::score::{aligned, markdown_table};
use automap_core::time::Timestamp;
use clap::{Args, ValueEnum};

use super::truth::TruthArgs;
use crate::console::{print, say};
use crate::exit::Exit;

pub(super) const EXAMPLES: &str = "Examples:
  automap chaos list                           experiments in the cluster and in its Events
  automap chaos list --ledger chaos.jsonl      experiments in a ledger
  automap chaos list --lab -o json | jq '.[].targets'";

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    truth: TruthArgs,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Form::Text, help_heading = "Output")]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table.
    Text,
    /// Every entry with all details.
    Json,
    /// For docs.
    Markdown,
}

/// Lists what was injected.
pub(super) fn run(args: &ListArgs) -> Result<Exit> {
    let entries = args.truth.entries()?;
    match args.output {
        Form::Json => print(&(serde_json::to_string_pretty(&entries)? + "\n"))?,
        Form::Markdown => print(&markdown_table(&rows(&entries)))?,
        Form::Text if entries.is_empty() => say("no experiments found"),
        Form::Text => print(&aligned(&rows(&entries)))?,
    }
    Ok(Exit::Ok)
}

fn rows(entries: &[Entry]) -> Vec<Vec<String>> {
    let header = ["EXPERIMENT", "FAULT", "AT", "FROM", "TO", "STATE", "REMARKS"].map(ToOwned::to_owned).to_vec();
    std::iter::once(header).chain(entries.iter().map(row)).collect()
}

fn row(entry: &Entry) -> Vec<String> {
    let time = |t: Option<Timestamp>| t.map_or_else(|| "–".to_owned(), Timestamp::rfc3339);
    let places = entry.places().join(", ");
    let share = entry.fraction.filter(|f| *f < 1.0).map_or_else(String::new, |f| format!(" ({:.0} %)", f * 100.0));
    let parent = entry.parent.as_ref().map(|p| format!("started by {} {}", p.kind, p.name));
    let remarks = parent.iter().chain(&entry.ineffective).chain(&entry.notes).cloned().collect::<Vec<_>>().join("; ");
    vec![
        if entry.namespace.is_empty() { entry.name.clone() } else { format!("{}/{}", entry.namespace, entry.name) },
        format!("{} {}", entry.kind, entry.action).trim_end().to_owned(),
        if places.is_empty() { "–".to_owned() } else { places + &share },
        time(entry.started),
        time(entry.ended),
        entry.state.as_str().to_owned(),
        remarks,
    ]
}
