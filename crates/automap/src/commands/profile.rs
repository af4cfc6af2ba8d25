//! `automap profile`: a vector for every service.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::Path;

use anyhow::{Context, Result, bail};
use automap_core::graph::{GraphOptions, MetricType, learn_for_incident};
use automap_core::profile::{ProfileTable, profiles};
use automap_core::{DiagnoseOptions, analyse};
use automap_sources::profile_table;
use clap::{Args, ValueEnum};
use jiff::ZonedDateTime;

use crate::args::file::FileArgs;
use crate::args::input::AnyInputArgs;
use crate::console::say;
use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap profile incident.parquet                      classes and changes, as a table
  automap profile incident.parquet -f shop.csv          all dimensions; also .parquet .json
  automap profile --prometheus http://localhost:9090 -n sock-shop -o json | jq '.dimensions'";

#[derive(Args, Debug)]
pub(crate) struct ProfileArgs {
    #[command(flatten)]
    input: AnyInputArgs,
    /// Output format [default: from the file name, else text]
    #[arg(long, short, value_enum, help_heading = "Output")]
    output: Option<Format>,
    #[command(flatten)]
    file: FileArgs,
}

/// Format of the profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Class of each service, and what changed.
    Text,
    /// All dimensions with their meanings.
    Json,
    /// One row per service.
    Csv,
    /// The same, typed.
    Parquet,
}

/// Runs `automap profile`.
pub(crate) fn run(args: &ProfileArgs) -> Result<Exit> {
    let format = format(args)?;
    args.file.check()?;
    let observation = args.input.observation(&ZonedDateTime::now())?;
    let analysis = analyse(&observation, &DiagnoseOptions::default())?;
    let graphs =
        learn_for_incident(&analysis.frame, &analysis.windows.rows, &observation.calls, &GraphOptions::default());
    let table = profiles(&analysis, &graphs, &observation.calls);
    let bytes = match format {
        Format::Text => text(&table).into_bytes(),
        Format::Json => (serde_json::to_string_pretty(&table)? + "\n").into_bytes(),
        Format::Csv => profile_table::csv(&table)?.into_bytes(),
        Format::Parquet => profile_table::parquet(&table)?,
    };
    args.file.write(&bytes)?;
    if let Some(path) = args.file.path() {
        let (services, dimensions) = (table.services.len(), table.dimensions.len());
        say(&format!("{}: {services} services, {dimensions} dimensions", path.display()));
    }
    Ok(Exit::Ok)
}

fn format(args: &ProfileArgs) -> Result<Format> {
    let by_name = |path: &Path| match path.extension().and_then(|e| e.to_str()) {
        Some("json") => Some(Format::Json),
        Some("csv") => Some(Format::Csv),
        Some("parquet") => Some(Format::Parquet),
        Some("txt") => Some(Format::Text),
        _ => None,
    };
    let format = match (args.output, args.file.path()) {
        (Some(format), _) => format,
        (None, None) => Format::Text,
        (None, Some(path)) => by_name(path).with_context(|| {
            format!("{}: unknown ending; use .csv, .parquet, .json or .txt, or give -o", path.display())
        })?,
    };
    if format == Format::Parquet && args.file.path().is_none() && io::stdout().is_terminal() {
        bail!("Parquet cannot be shown in a terminal: give -f profiles.parquet");
    }
    Ok(format)
}

/// Class in the baseline and in the incident, and the evidence by metric type.
fn text(table: &ProfileTable) -> String {
    let width = table.services.iter().map(|p| p.service.chars().count()).max().unwrap_or(0).max("SERVICE".len());
    let mut out = format!("{:<width$}  {:<17} {:<17}", "SERVICE", "CLASS", "IN THE INCIDENT");
    let columns: Vec<(MetricType, usize)> = MetricType::ALL
        .into_iter()
        .filter_map(|m| Some((m, table.dimensions.iter().position(|d| d.name == format!("{m}_evidence"))?)))
        .filter(|(_, at)| table.services.iter().any(|p| p.values[*at].is_some()))
        .collect();
    // Writing into a String cannot fail.
    for (metric, _) in &columns {
        let _ = write!(out, " {:>12}", metric.as_str());
    }
    out.push('\n');
    for profile in &table.services {
        let class = |c: &Option<String>| c.clone().unwrap_or_else(|| "-".to_owned());
        let classes = (class(&profile.class), class(&profile.incident_class));
        let _ = write!(out, "{:<width$}  {:<17} {:<17}", profile.service, classes.0, classes.1);
        for (_, at) in &columns {
            let value = profile.values[*at].map_or_else(|| "-".to_owned(), |v| format!("{v:.2}"));
            let _ = write!(out, " {value:>12}");
        }
        out.push('\n');
    }
    out.push_str(
        "\nnumbers: evidence that the service left normal behaviour (1 clear, 3 tens of spreads); - not observed\n",
    );
    out
}
