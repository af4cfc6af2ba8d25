//! `automap ui`: the web interface for one recording, without a running server.
//!
//! The page and the API are those of `automap serve`; they show one recording or one saved report, held in memory, to this machine only.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use automap_server::api::ApiConfig;
use automap_server::daemon::serve_api;
use automap_server::recorded_system::RecordedSystem;
use automap_server::signals::stop_on_signals;
use automap_server::store::Store;
use automap_server::store::memory::MemoryStore;
use automap_server::watcher::Stop;
use clap::Args;
use jiff::ZonedDateTime;

use super::demo;
use crate::args::input::AnyInputArgs;
use crate::console::{print, say};
use crate::exit::Exit;
use crate::saved;

pub(crate) const EXAMPLES: &str = "Examples:
  automap ui                                                   the recorded incident of the demo
  automap ui incident.parquet                                  a capture
  automap ui report.json                                       a report from `diagnose -o json`
  automap ui --prometheus http://localhost:9090 -n sock-shop   the last hour of a server
  automap ui incident.parquet --port 9980";

/// Name of the target if no file gives one.
const UNNAMED: &str = "recording";

/// Help of the positional argument.
const INPUT: &str = "Capture file from `automap capture`, a table, or a report saved as JSON; - is standard input";

#[derive(Args, Debug)]
#[command(mut_arg("capture_file", |arg| arg.value_name("CAPTURE|REPORT").help(INPUT)))]
pub(crate) struct UiArgs {
    #[command(flatten)]
    input: AnyInputArgs,
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 9978)]
    port: u16,
}

/// Runs `automap ui` until it is stopped.
pub(crate) fn run(args: &UiArgs) -> Result<Exit> {
    let store = Arc::new(MemoryStore::default());
    let file = args.input.file();
    let system = if let Some(saved) = file.map(saved::read).transpose()?.flatten() {
        RecordedSystem::of_saved(&name(file), saved.incident, saved.dossier, &store)?
    } else if args.input.is_given() {
        let observation = args.input.observation(&ZonedDateTime::now())?;
        RecordedSystem::new(&name(file), observation, Vec::new(), &store)?
    } else {
        RecordedSystem::new("demo", demo::observation()?, demo::experiments()?, &store)?
    };
    serve(system, store, args.port)
}

fn serve(system: RecordedSystem, store: Arc<MemoryStore>, port: u16) -> Result<Exit> {
    let config = ApiConfig { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), ..ApiConfig::default() };
    let stop = Stop::default();
    stop_on_signals(&stop)?;
    let (address, serve) = serve_api(config, Arc::new(system), store as Arc<dyn Store>, &stop)
        .with_context(|| format!("--port {port}"))?;
    print(&format!("http://{address}/\n"))?;
    say("open it in a browser; Ctrl-C stops it");
    serve();
    Ok(Exit::Ok)
}

/// The file's name without its ending, limited to what an incident's id may contain.
fn name(file: Option<&Path>) -> String {
    let stem = file.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let kept: String = stem.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(40).collect();
    if kept.is_empty() { UNNAMED.to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_named_as_its_file() {
        assert_eq!(name(Some(Path::new("/tmp/a b/Monday 14:00.parquet"))), "Monday1400");
        assert_eq!(name(Some(Path::new("-"))), "-");
        assert_eq!(name(None), UNNAMED);
    }
}
