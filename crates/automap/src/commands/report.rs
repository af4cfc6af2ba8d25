//! `automap report`: one incident as one page, to open offline, to print, or to post.
//!
//! The incident is analysed now, or was before: one that a watcher stored is given by its id, and a report saved as JSON by its file.

#[cfg(feature = "server")]
mod kept;

use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::path::Path;

use anyhow::{Result, bail};
use automap_core::analyse_with_history;
use automap_core::dossier::{self, Dossier};
use automap_render::map::{SvgOptions, svg};
use automap_render::{TextOptions, Zone, html, markdown, text};
use clap::{Args, ValueEnum};
use jiff::ZonedDateTime;

use crate::args::engine::{EngineArgs, EngineChoice};
use crate::args::file::FileArgs;
use crate::args::input::AnyInputArgs;
use crate::console::say;
use crate::exit::Exit;
use crate::parse_time::display_zone;
use crate::saved;

pub(crate) const EXAMPLES: &str = "Examples:
  automap report --prometheus http://localhost:9090 -n sock-shop -f incident.html
  automap report incident.parquet -f incident.html                  opens offline, prints well
  automap report incident.parquet -f incident.md                    for Slack, GitHub or GitLab
  automap report incident.parquet -o markdown                      the same on standard output
  automap report incident.parquet -o json | jq .charts             the page's data
  automap report saved.json -f incident.html                       a report saved as JSON
  automap report shop-20261125T140315Z-8c1f3a07 -c automap.yaml     a stored incident
  automap report shop-20261125T140315Z-8c1f3a07 --server http://localhost:9977 -f incident.html";

/// Help of the positional argument.
const INPUT: &str = "Capture file from `automap capture`, a table, a report saved as JSON, or the id of an incident that a watcher stored; \
    - is standard input";

#[derive(Args, Debug)]
#[command(mut_arg("capture_file", |arg| arg.value_name("CAPTURE|REPORT|INCIDENT").help(INPUT)))]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    input: AnyInputArgs,
    /// Engine that ranks causes
    #[arg(long, value_enum, default_value_t = EngineChoice::Evidence, help_heading = "Engine")]
    engine: EngineChoice,
    #[command(flatten)]
    engine_options: EngineArgs,
    #[cfg(feature = "server")]
    #[command(flatten)]
    kept: kept::KeptIncidentArgs,
    #[command(flatten)]
    file: FileArgs,
    /// Output format [default: from the file's ending .html, .md, .json, .txt or .svg, else html]
    #[arg(long, short, value_enum, help_heading = "Output")]
    output: Option<Form>,
    /// Wall-clock times in UTC instead of the local zone
    #[arg(long, help_heading = "Output")]
    utc: bool,
}

/// Format of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One self-contained file with pictures and styles, without scripts.
    Html,
    /// For a chat, an issue or a merge request.
    Markdown,
    /// Machine-readable.
    Json,
    /// For a terminal: only the report.
    Text,
    /// Only the service map, as a drawing.
    Svg,
}

/// Runs `automap report`.
pub(crate) fn run(args: &ReportArgs) -> Result<Exit> {
    let form = form(args)?;
    args.file.check()?;
    let dossier = match known(args)? {
        Some(dossier) => dossier,
        None => analysed(args)?,
    };
    let page = render(&dossier, form, display_zone(args.utc, dossier.report.windows.incident_start))?;
    args.file.write(page.as_bytes())?;
    if let Some(path) = args.file.path() {
        say(&format!("{}: {}, {} KiB", path.display(), dossier.report.verdict.summary, page.len().div_ceil(1024)));
    }
    Ok(Exit::Ok)
}

/// An earlier answer: a saved report, or a stored incident.
fn known(args: &ReportArgs) -> Result<Option<Dossier>> {
    let Some(place) = args.input.by_position() else { return Ok(None) };
    #[cfg(feature = "server")]
    if let Some(id) = kept::id(place) {
        return args.kept.dossier(id, &args.engine_options).map(Some);
    }
    #[cfg(feature = "server")]
    args.kept.refuse_beside_a_file(place)?;
    Ok(saved::read(place)?.map(|saved| saved.dossier))
}

fn analysed(args: &ReportArgs) -> Result<Dossier> {
    let [engine] = args.engine.engines() else {
        bail!("a page shows one answer; choose one engine (`automap diagnose --engine all` compares them)");
    };
    let options = args.engine_options.diagnose_options(*engine);
    let observation = args.input.observation_closely(&ZonedDateTime::now(), &options)?;
    let analysis = analyse_with_history(&observation, &options, &args.engine_options.history(*engine)?)?;
    Ok(dossier::of_analysis(&observation, &analysis, &options.verdict))
}

/// The requested format, else that of the file's ending, else HTML, but not on a terminal.
fn form(args: &ReportArgs) -> Result<Form> {
    let ending = |path: &Path| path.extension().and_then(OsStr::to_str).map(str::to_lowercase);
    match (args.file.path(), args.output) {
        (_, Some(form)) => Ok(form),
        (Some(path), None) => match ending(path).as_deref() {
            Some("html" | "htm") => Ok(Form::Html),
            Some("md" | "markdown") => Ok(Form::Markdown),
            Some("json") => Ok(Form::Json),
            Some("txt") => Ok(Form::Text),
            Some("svg") => Ok(Form::Svg),
            _ => bail!(
                "{}: unknown ending; use .html, .md, .json, .txt or .svg, or give -o html, markdown, json, text or svg",
                path.display()
            ),
        },
        (None, None) if io::stdout().is_terminal() => {
            bail!("HTML cannot be shown in a terminal; give --file incident.html, or -o markdown to read it here")
        }
        (None, None) => Ok(Form::Html),
    }
}

fn render(dossier: &Dossier, form: Form, zone: Zone) -> Result<String> {
    Ok(match form {
        Form::Html => html(dossier, zone),
        Form::Markdown => markdown(dossier, zone),
        Form::Json => automap_render::json(dossier)?,
        Form::Text => text(&dossier.report, &TextOptions { color: false, zone, verbose: false }),
        Form::Svg => svg(&dossier.map, &SvgOptions::default()),
    })
}
