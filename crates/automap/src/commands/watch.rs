//! `automap watch`: opens, explains and closes incidents until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use automap_core::incident::{Incident, change_text};
use automap_server::config::{Config, Target};
use automap_server::running::{Event, Listener, Running};
use automap_server::signals::stop_on_signals;
use automap_server::watcher::Stop;
use clap::Args;

use super::output_args::{Format, StyleArgs};
use crate::console::{print, say};
use crate::exit::Exit;
use crate::store::StoreArgs;

pub(crate) const EXAMPLES: &str = "Examples:
  automap watch --config automap.yaml
  automap watch --prometheus http://localhost:9090 -n sock-shop
  automap config default > automap.yaml";

#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
    /// The configuration: targets, objectives, receivers, …
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One target without a configuration: its Prometheus
    #[arg(long, value_name = "URL", conflicts_with = "config", requires = "namespace")]
    prometheus: Option<String>,
    /// And its Kubernetes namespace
    #[arg(long, short, value_name = "NAME", requires = "prometheus")]
    namespace: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// Form of the output: lines for people, or one JSON object for every change of an incident
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
}

/// Runs `automap watch`.
pub(crate) fn run(args: &WatchArgs) -> Result<Exit> {
    start(args, configuration(args)?, false)
}

/// Runs `automap serve`: the same, with the API.
pub(crate) fn serve(args: &ServeArgs) -> Result<Exit> {
    let mut config = configuration(&args.watch)?;
    if let Some(listen) = args.listen {
        config.api.listen = listen;
        config.api.check().map_err(|(key, reason)| anyhow!("{key}: {reason}"))?;
    }
    start(&args.watch, config, true)
}

fn start(args: &WatchArgs, config: Config, is_served: bool) -> Result<Exit> {
    let store = Arc::new(args.store.clone().or(config.store.file.clone()).open()?);
    let stop = Stop::default();
    stop_on_signals(&stop)?;
    let mut running = Running::start(&config, &store, &stop, &listener(args))?;
    if is_served {
        match running.serve(&config, &store) {
            Ok(address) => say(&format!("the API is at http://{address}/api/v1/openapi.json")),
            Err(error) => {
                running.stop();
                running.join();
                return Err(error.into());
            }
        }
    }
    say(&format!("incidents are kept in {}; Ctrl-C ends it", store.path().display()));
    if !running.join() {
        bail!("a thread of the watcher panicked; this is a bug");
    }
    Ok(Exit::Ok)
}

fn configuration(args: &WatchArgs) -> Result<Config> {
    if let Some(file) = &args.config {
        return Ok(Config::read(file)?);
    }
    let (Some(url), Some(namespace)) = (&args.prometheus, &args.namespace) else {
        bail!("nothing to watch: give --config FILE, or --prometheus URL and --namespace NAME");
    };
    let target = Target::new(namespace, url).map_err(|(key, reason)| anyhow!("{key}: {reason}"))?;
    Ok(Config { targets: vec![target], ..Config::default() })
}

fn listener(args: &WatchArgs) -> Listener {
    let (style, output) = (args.style.clone(), args.output);
    Arc::new(move |event| {
        let told = match event {
            Event::Incident(incident) => tell(&incident, output, &style),
            Event::State { target, summary, .. } => {
                say(&format!("{target}: {summary}"));
                Ok(())
            }
            Event::Message { key, reason, is_given_up } => {
                let again = if is_given_up { "given up" } else { "tried again later" };
                say(&format!("message {key} was not taken, {again}: {reason}"));
                Ok(())
            }
            Event::Store(error) => {
                say(&format!("the store: {error}"));
                Ok(())
            }
        };
        if let Err(error) = told {
            say(&format!("standard output: {error}"));
        }
    })
}

fn tell(incident: &Incident, output: Format, style: &StyleArgs) -> Result<()> {
    match output {
        Format::Text => print(&change_text(incident, &style.text_options(incident.updated))),
        Format::Json => print(&(serde_json::to_string(incident)? + "\n")),
    }
}
