//! `automap watch`: opens, explains and closes incidents until it is stopped.

use std::io;
use std::net::SocketAddr;
#[cfg(feature = "chaos")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use automap_core::incident::Incident;
use automap_render::incident_text::change_text;
use automap_server::config::Config;
use automap_server::daemon::{Daemon, Listener};
use automap_server::replica::Replica;
use automap_server::signals::stop_on_signals;
use automap_server::startup;
use automap_server::watcher::Stop;
use automap_server::weak_settings;
use clap::Args;
use tracing::{info, warn};

use crate::args::output::{Format, StyleArgs};
use crate::args::target::TargetArgs;
use crate::detached_writer::{DetachedWriter, Trouble};
use crate::exit::Exit;
#[cfg(feature = "chaos")]
use crate::experiments::LedgerFile;
use crate::store::StoreArgs;

/// How long the last changes may take to be printed.
const LAST_CHANGES_WITHIN: Duration = Duration::from_secs(1);

pub(crate) const EXAMPLES: &str = "Examples:
  automap watch --config automap.yaml
  automap watch --prometheus http://localhost:9090 -n sock-shop
  automap config default > automap.yaml";

#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// Output format: lines of text, or one JSON object per change of an incident
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    #[command(flatten)]
    style: StyleArgs,
}

pub(crate) const SERVE_EXAMPLES: &str = "Examples:
  automap serve --config automap.yaml
  automap serve --prometheus http://localhost:9090 -n sock-shop --listen 127.0.0.1:9977
  curl localhost:9977/api/v1/incidents";

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    watch: WatchArgs,
    /// Address and port of the API [default: 127.0.0.1:9977]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[cfg(feature = "chaos")]
    /// Ledger from `automap chaos record`; experiments that ran during an incident are shown with it, but not used in its diagnosis
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// Runs `automap watch`.
pub(crate) fn run(args: &WatchArgs) -> Result<Exit> {
    start(args, args.target.configuration()?, None)
}

/// Runs `automap serve`: the same, with the API.
pub(crate) fn serve(args: &ServeArgs) -> Result<Exit> {
    let mut config = args.watch.target.configuration()?;
    if let Some(listen) = args.listen {
        config.api.listen = listen;
        config.api.check()?;
    }
    start(&args.watch, config, Some(args))
}

/// Watches; with the arguments of `serve` also serves.
fn start(args: &WatchArgs, config: Config, serve: Option<&ServeArgs>) -> Result<Exit> {
    if serve.is_some() {
        // Before anything is watched or sent: check that what the API needs is readable and consistent.
        startup::check(&config)?;
    }
    for weakness in weak_settings::find(&config) {
        let weak_settings::Weakness { code, path, finding, remedy } = weakness;
        warn!(target: "config", code = code.as_str(), setting = path, "{finding}; {remedy}");
    }
    let opened = args.store.open_configured(&config.store)?;
    let stop = Stop::default();
    stop_on_signals(&stop)?;
    let replica = Replica::new(&opened.lock);
    let output = standard_output().context("the thread of standard output")?;
    let mut daemon = Daemon::start(&config, &opened.store, replica, &stop, &listener(args, output.clone()))?;
    #[cfg(feature = "chaos")]
    if let Some(path) = serve.and_then(|args| args.ledger.clone()) {
        daemon.system.show_experiments(Box::new(LedgerFile(path)));
    }
    if serve.is_some() {
        match daemon.serve(&config) {
            Ok(address) => {
                let scheme = if config.api.tls.is_some() { "https" } else { "http" };
                info!(target: "api", "the API is at {scheme}://{address}/api/v1/openapi.json");
            }
            Err(error) => {
                daemon.stop();
                let _ = daemon.join();
                return Err(error.into());
            }
        }
    }
    info!(target: "store", "incidents are kept in {}; Ctrl-C stops it", opened.place);
    daemon.join()?;
    output.finish(LAST_CHANGES_WITHIN);
    Ok(Exit::Ok)
}

/// Prints what changes in an incident. The caller is the thread that watches, so it must not wait for whoever reads the output.
fn listener(args: &WatchArgs, output: DetachedWriter) -> Listener {
    let (style, format) = (args.style.clone(), args.output);
    Arc::new(move |incident| match words(incident, format, &style) {
        Ok(text) => output.give(text.into_bytes()),
        Err(error) => warn!(target: "output", "an incident cannot be written as JSON: {error}"),
    })
}

fn words(incident: &Incident, format: Format, style: &StyleArgs) -> serde_json::Result<String> {
    match format {
        Format::Text => Ok(change_text(incident, &style.text_options(incident.updated))),
        Format::Json => Ok(serde_json::to_string(incident)? + "\n"),
    }
}

fn standard_output() -> io::Result<DetachedWriter> {
    DetachedWriter::start("output", io::stdout(), |trouble| match trouble {
        Trouble::Lost(changes) => {
            warn!(target: "output", changes, "{changes} changes were not written to standard output: its reader did not keep up");
        }
        // A reader may leave early, like `head`.
        Trouble::Failed(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Trouble::Failed(error) => warn!(target: "output", "standard output cannot be written: {error}"),
    })
}
