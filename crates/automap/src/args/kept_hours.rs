//! The healthy hours that a watcher stored, as data to compare: they reach further back than a Prometheus that keeps days.

use anyhow::{Result, anyhow, bail};
use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_server::profiles::observation;
use automap_server::store::MAX_PROFILES;
use clap::Args;

use crate::store::KeptArgs;

/// Which watcher's hours.
#[derive(Args, Clone, Debug)]
pub(crate) struct KeptHoursArgs {
    /// Use the healthy hours that a watcher stored for this target; they reach further back than its Prometheus
    #[arg(long, value_name = "TARGET", conflicts_with_all = ["prometheus", "csv", "capture"], help_heading = "Memory")]
    kept: Option<String>,
    #[command(flatten)]
    memory: KeptArgs,
}

impl KeptHoursArgs {
    /// Reads the hours; `None` where no target is given.
    pub(crate) fn observation(&self) -> Result<Option<Observation>> {
        let Some(target) = &self.kept else { return Ok(None) };
        let kept = self.memory.open_existing()?.store.profiles(target, Timestamp::from_ms(0), MAX_PROFILES)?;
        if kept.is_empty() {
            bail!(
                "no healthy hour of {target} is stored: `automap watch` stores one after the first hour without an incident"
            );
        }
        Ok(Some(observation(target, &kept).map_err(|e| anyhow!(e))?))
    }
}
