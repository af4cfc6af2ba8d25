//! What is looked at: a capture, a table or a live server. Every command that analyses takes these options.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, bail};
use automap_core::note::Note;
use automap_core::observation::Observation;
use automap_core::time::WindowHint;
use automap_sources::{calls_file, capture, csv_table};
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
    /// Calls that the metrics do not show: lines of `caller,callee`, or a JSON list of pairs
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    calls: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) prometheus: PrometheusArgs,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
}

impl InputArgs {
    /// Reads or fetches what is to be analysed.
    pub(crate) fn observation(&self, now: &ZonedDateTime) -> Result<Observation> {
        // A wrong file is told before a server is asked.
        let asserted = self.calls.as_deref().map(calls_file::read).transpose()?.unwrap_or_default();
        let mut observation = self.observed(now)?;
        assert_calls(&mut observation, &asserted);
        Ok(observation)
    }

    fn observed(&self, now: &ZonedDateTime) -> Result<Observation> {
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

fn assert_calls(observation: &mut Observation, asserted: &[(String, String)]) {
    if asserted.is_empty() {
        return;
    }
    asserted.iter().for_each(|(caller, callee)| observation.calls.assert_call(caller, callee));
    observation.not_checked.retain(|n| n.signal != "calls");
    let named: BTreeSet<&str> = asserted.iter().flat_map(|(from, to)| [from.as_str(), to.as_str()]).collect();
    let unknown: Vec<&str> = named.into_iter().filter(|name| observation.frame.find(name).is_none()).collect();
    if !unknown.is_empty() {
        let text = format!("--calls names services without metrics: {}", unknown.join(", "));
        observation.notes.push(Note::warning("calls_without_metrics", text));
    }
}
