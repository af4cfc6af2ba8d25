//! `automap mcp`: the same questions for language models.

use std::io;
use std::path::PathBuf;

use anyhow::Result;
use automap_server::live::Live;
use automap_server::mcp;
use clap::Args;

use super::watch::one_target;
use crate::exit::Exit;
use crate::store::StoreArgs;

pub(crate) const EXAMPLES: &str = "Examples:
  automap mcp --config automap.yaml                    what a watcher keeps, and its targets
  claude mcp add automap -- automap mcp --prometheus http://localhost:9090 -n sock-shop

Read-only: incidents are listed, explained, drawn and compared; nothing is confirmed or changed.";

#[derive(Args, Debug)]
pub(crate) struct McpArgs {
    /// The watcher's configuration
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
}

/// Runs `automap mcp` until the input ends.
pub(crate) fn run(args: &McpArgs) -> Result<Exit> {
    let config = one_target(args.config.as_deref(), args.prometheus.as_deref(), args.namespace.as_deref())?;
    let store = args.store.open_configured(&config.store)?.store;
    let live = Live::of(&config, &store)?;
    mcp::serve(io::stdin().lock(), io::stdout().lock(), &live, &*store)?;
    Ok(Exit::Ok)
}
