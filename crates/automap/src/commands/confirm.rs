//! `automap confirm`: records what an incident's cause really was.
//!
//! The AutoMAP engine then gives more weight to metrics that found the cause in similar incidents.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use automap_core::graph::MetricType;
use automap_core::rank::Engine;
use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::{DiagnoseOptions, analyse};
use automap_sources::capture;
use clap::Args;
use jiff::ZonedDateTime;

use crate::args::file::readable;
use crate::args::time::HintArgs;
use crate::console::{print, say};
use crate::exit::Exit;
use crate::store::StoreArgs;

pub(crate) const EXAMPLES: &str = "Examples:
  automap capture --prometheus http://localhost:9090 -n sock-shop monday.parquet
  automap confirm monday.parquet carts            the cause was carts
  automap diagnose tuesday.parquet --engine automap
  automap confirm --list
  automap confirm --forget monday";

#[derive(Args, Debug)]
pub(crate) struct ConfirmArgs {
    /// Capture of the incident
    #[arg(value_name = "INCIDENT", required_unless_present_any = ["list", "forget"], requires = "service")]
    incident: Option<PathBuf>,
    /// Service that caused it
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
    /// Name of the confirmed incident [default: the file's name, unless another incident has it]
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
    /// List the confirmed incidents
    #[arg(long, conflicts_with_all = ["incident", "forget"])]
    list: bool,
    /// Remove a confirmed incident
    #[arg(long, value_name = "NAME", conflicts_with = "incident")]
    forget: Option<String>,
    #[command(flatten)]
    hint: HintArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs `automap confirm`.
pub(crate) fn run(args: &ConfirmArgs) -> Result<Exit> {
    if args.list {
        return list(args);
    }
    if let Some(id) = &args.forget {
        if !args.store.open()?.store.forget(id)? {
            bail!("no confirmed incident is named {id}; `automap confirm --list` shows them");
        }
        say(&format!("{id} is deleted"));
        return Ok(Exit::Ok);
    }
    match (&args.incident, &args.service) {
        (Some(incident), Some(service)) => remember(args, incident, service),
        _ => bail!("give the capture of the incident and the service that caused it"),
    }
}

fn remember(args: &ConfirmArgs, incident: &std::path::Path, service: &str) -> Result<Exit> {
    let mut observation = capture::read(readable(incident))?;
    observation.hint = args.hint.hint(&ZonedDateTime::now(), observation.hint)?;
    let options = DiagnoseOptions { engine: Engine::Automap, ..DiagnoseOptions::default() };
    let analysis = analyse(&observation, &options)?;
    if analysis.frame.find(service).is_none() {
        bail!(
            "{service} is not among the services of {}: {}",
            incident.display(),
            analysis.frame.services().join(", ")
        );
    }
    let stem = incident.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let id = args.id.clone().unwrap_or(stem);
    let Some(case) = analysis.confirmed(&id, service, &options.automap) else { bail!("the engine learnt no graph") };
    let opened = args.store.open()?;
    if args.id.is_none() {
        free_name(&case, &opened.store.confirmed()?)?;
    }
    let before = opened.store.confirm(&case)?;
    let was = before.filter(|b| b != service).map_or_else(String::new, |b| format!(" (was {b})"));
    say(&format!("{}: {service}{was} is confirmed in {}", case.id, opened.place));
    let finds = |(metric, precision): (MetricType, f64)| match precision {
        p if p > 0.0 => format!("{metric} at {:.0}", 1.0 / p),
        _ => format!("{metric} not at all"),
    };
    let results: Vec<String> = MetricType::ALL.into_iter().zip(case.precision).map(finds).collect();
    say(&format!("each metric alone finds it: {}", results.join(", ")));
    Ok(Exit::Ok)
}

/// Files of two incidents may have the same name: the second must not overwrite the first.
fn free_name(case: &ConfirmedCase, known: &[ConfirmedCase]) -> Result<()> {
    let Some(other) = known.iter().find(|c| c.id == case.id && c.started != case.started) else { return Ok(()) };
    bail!(
        "{id} is the name of another confirmed incident, which began at {}; this one began at {}: give a name with --id, or correct the other with --id {id}",
        other.started.rfc3339(),
        case.started.rfc3339(),
        id = case.id,
    )
}

fn list(args: &ConfirmArgs) -> Result<Exit> {
    let cases = args.store.open_existing()?.map_or_else(|| Ok(Vec::new()), |opened| opened.store.confirmed())?;
    let width = |f: fn(&ConfirmedCase) -> &str, head: &str| {
        cases.iter().map(|c| f(c).chars().count()).chain([head.len()]).max().unwrap_or(0)
    };
    let (ids, causes) = (width(|c| &c.id, "INCIDENT"), width(|c| &c.cause, "CAUSE"));
    let mut out = format!("{:<ids$}  {:<causes$}  {:<24}  BEST METRICS\n", "INCIDENT", "CAUSE", "STARTED");
    for case in &cases {
        let best: Vec<&str> =
            MetricType::ALL.iter().zip(case.precision).filter(|(_, p)| *p == 1.0).map(|(m, _)| m.as_str()).collect();
        let best = if best.is_empty() { "none finds it alone".to_owned() } else { best.join(", ") };
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{:<ids$}  {:<causes$}  {:<24}  {best}", case.id, case.cause, case.started.rfc3339());
    }
    print(&out)?;
    Ok(Exit::Ok)
}
