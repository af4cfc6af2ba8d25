//! `automap mcp`: the same analyses for language models.

use std::io;

use anyhow::Result;
use automap_server::live_system::LiveSystem;
use automap_server::mcp;
use clap::Args;

use crate::args::target::TargetArgs;
use crate::exit::Exit;
use crate::store::StoreArgs;

pub(crate) const EXAMPLES: &str = "Examples:
  automap mcp --config automap.yaml                    a watcher's incidents and targets
  claude mcp add automap -- automap mcp --prometheus http://localhost:9090 -n sock-shop

Read-only: incidents are listed, explained, drawn and compared; nothing is confirmed or changed.";

#[derive(Args, Debug)]
pub(crate) struct McpArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs `automap mcp` until the input ends.
pub(crate) fn run(args: &McpArgs) -> Result<Exit> {
    let config = args.target.configuration()?;
    let store = args.store.open_configured(&config.store)?.store;
    let system = LiveSystem::new(&config, &store)?;
    mcp::serve(io::stdin().lock(), io::stdout().lock(), &system, &*store)?;
    Ok(Exit::Ok)
}
