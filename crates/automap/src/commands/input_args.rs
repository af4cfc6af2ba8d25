//! What is looked at: a capture, a table or a live server. Every command that analyses takes these options.

use std::path::PathBuf;

use anyhow::{Result, bail};
use automap_core::observation::Observation;
use automap_core::time::WindowHint;
use automap_sources::{capture, csv_table};
use clap::Args;
use jiff::ZonedDateTime;

use super::source_args::{PrometheusArgs, TimeArgs};

/// A capture, a table, or a live server and a time.
#[derive(Args, Debug)]
pub(crate) struct InputArgs {
    /// A capture file instead of a live server
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prometheus", "csv"], help_heading = "Files")]
    capture: Option<PathBuf>,
    /// A plain table instead: `time` and one column for each `<service>_<metric>`
    #[arg(long, value_name = "FILE", conflicts_with = "prometheus", help_heading = "Files")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) prometheus: PrometheusArgs,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
}

impl InputArgs {
    /// Reads or fetches what is to be analysed.
    pub(crate) fn observation(&self, now: &ZonedDateTime) -> Result<Observation> {
        if let Some(path) = &self.capture {
            let mut observation = capture::read(path)?;
            observation.hint = self.time.hint(now, observation.hint)?;
            return Ok(observation);
        }
        if let Some(path) = &self.csv {
            return Ok(csv_table::read(path, self.time.hint(now, WindowHint::default())?)?);
        }
        match &self.prometheus.prometheus {
            Some(url) => Ok(self.prometheus.observe(url, &self.time, now)?.0),
            None => bail!(
                "no metrics to look at: give --prometheus URL, --capture FILE or --csv FILE (`automap demo` needs neither)"
            ),
        }
    }
}
