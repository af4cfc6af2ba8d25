//! `automap graph`: which service calls which, what moved together, and where the incident began, as a tree, a drawing or a file.

use std::io::{self, IsTerminal};
use std::path::Path;

use anyhow::{Context, Result, bail};
use automap_core::graph::learn_for_incident;
use automap_core::report::compose;
use automap_core::service_map::{MapKind, ServiceMap, with_graphs};
use automap_core::{DiagnoseOptions, analyse};
use automap_render::json;
use automap_render::map::{SvgOptions, TreeOptions, dot, graphml, mermaid, svg, tree};
use clap::{Args, ValueEnum};
use jiff::ZonedDateTime;

use crate::args::file::FileArgs;
use crate::args::input::AnyInputArgs;
use crate::console::{self, Color, say};
use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap graph --prometheus http://localhost:9090 -n sock-shop   a tree in the terminal
  automap graph incident.parquet -f map.svg                       a drawing; also .png .dot .mmd
  automap graph incident.parquet -o mermaid                       for a page on GitHub
  automap graph incident.parquet -o dot | dot -Tpdf > map.pdf
  automap graph incident.parquet --kind difference                what the incident changed";

#[derive(Args, Debug)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    input: AnyInputArgs,
    /// Period of the graph
    #[arg(long, value_enum, default_value_t = Kind::Anomaly, help_heading = "Output")]
    kind: Kind,
    /// Output format [default: from the file name, else text]
    #[arg(long, short, value_enum, help_heading = "Output")]
    output: Option<Format>,
    #[command(flatten)]
    file: FileArgs,
    /// In the tree of a large system, also show branches that stayed normal
    #[arg(long, help_heading = "Output")]
    all: bool,
    /// When to colour the tree
    #[arg(long, value_enum, default_value_t = Color::Auto, help_heading = "Output")]
    color: Color,
}

/// Period of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// The baseline.
    Normal,
    /// The incident.
    Anomaly,
    /// The incident against the baseline.
    Difference,
}

/// Format of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// An indented tree.
    Text,
    /// Graphviz.
    Dot,
    /// For yEd, Gephi, networkx.
    Graphml,
    /// For GitHub and wikis.
    Mermaid,
    /// Machine-readable.
    Json,
    /// A vector drawing.
    Svg,
    /// A bitmap.
    Png,
}

impl Format {
    /// The format for a file's name.
    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "txt" => Some(Self::Text),
            "dot" | "gv" => Some(Self::Dot),
            "graphml" => Some(Self::Graphml),
            "mmd" | "mermaid" => Some(Self::Mermaid),
            "json" => Some(Self::Json),
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            _ => None,
        }
    }
}

/// Runs `automap graph`.
pub(crate) fn run(args: &GraphArgs) -> Result<Exit> {
    // What cannot be written is reported before a server is queried.
    let format = format(args)?;
    args.file.check()?;
    let observation = args.input.observation(&ZonedDateTime::now())?;
    let options = DiagnoseOptions::default();
    let analysis = analyse(&observation, &options)?;
    let report = compose(&observation, &analysis, &options.verdict);
    let kind = match args.kind {
        Kind::Normal => MapKind::Normal,
        Kind::Anomaly => MapKind::Anomaly,
        Kind::Difference => MapKind::Difference,
    };
    let graphs =
        learn_for_incident(&analysis.frame, &analysis.windows.rows, &observation.calls, &options.automap.graph);
    let map = with_graphs(&observation, &report, &graphs, kind);
    let bytes = render(&map, format, args)?;
    args.file.write(&bytes)?;
    if let Some(path) = args.file.path() {
        say(&format!("wrote {}", path.display()));
    }
    Ok(Exit::Ok)
}

fn format(args: &GraphArgs) -> Result<Format> {
    let format = match (args.output, args.file.path()) {
        (Some(format), _) => format,
        (None, None) => Format::Text,
        (None, Some(path)) => Format::of(path).with_context(|| {
            format!(
                "{}: unknown ending; use .svg, .png, .dot, .graphml, .mmd, .json or .txt, or give -o",
                path.display()
            )
        })?,
    };
    if format == Format::Png && args.file.path().is_none() && io::stdout().is_terminal() {
        bail!("a PNG cannot be shown in a terminal: give -f map.png");
    }
    Ok(format)
}

fn render(map: &ServiceMap, format: Format, args: &GraphArgs) -> Result<Vec<u8>> {
    Ok(match format {
        Format::Text => {
            let color = args.file.path().is_none() && console::color(args.color);
            tree(map, &TreeOptions { color, all: args.all }).into_bytes()
        }
        Format::Dot => dot(map).into_bytes(),
        Format::Graphml => graphml(map).into_bytes(),
        Format::Mermaid => mermaid(map).into_bytes(),
        Format::Json => json(map)?.into_bytes(),
        Format::Svg => svg(map, &SvgOptions::default()).into_bytes(),
        Format::Png => png(map)?,
    })
}

#[cfg(feature = "png")]
fn png(map: &ServiceMap) -> Result<Vec<u8>> {
    let options = SvgOptions { theme: automap_render::map::Theme::Light, embedded: false };
    Ok(automap_render::png::png(&svg(map, &options))?)
}

#[cfg(not(feature = "png"))]
fn png(_: &ServiceMap) -> Result<Vec<u8>> {
    bail!("this build cannot write PNG, which needs the cargo feature `png`; write SVG instead: --file map.svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_tells_its_form() {
        for (name, format) in [
            ("a.svg", Some(Format::Svg)),
            ("dir.png/a.PNG", Some(Format::Png)),
            ("a.gv", Some(Format::Dot)),
            ("a.mmd", Some(Format::Mermaid)),
            ("svg", None),
            ("a.pdf", None),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }
}
