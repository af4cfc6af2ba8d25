//! Input data: a capture, a table, or a live server and a time range. Every verb that analyses takes these options.
//!
//! A capture may be given by position too: `automap diagnose incident.parquet`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use automap_core::DiagnoseOptions;
use automap_core::observation::Observation;
use automap_core::time::WindowHint;
use automap_sources::calls_file;
use clap::Args;
use jiff::ZonedDateTime;

use super::file::readable;
use super::prometheus::PrometheusArgs;
use super::table::TableArgs;
use super::time::TimeArgs;
use super::told::ToldArgs;

/// A capture, a table, or a live server and a time.
#[derive(Args, Debug)]
pub(crate) struct InputArgs {
    /// A capture file instead of a live server; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prometheus", "csv"], help_heading = "Files")]
    capture: Option<PathBuf>,
    /// A table instead, as CSV, Parquet or Arrow: a time column and one column per `<service>_<metric>`, or one row per sample; - is
    /// standard input
    #[arg(long, visible_alias = "table", value_name = "FILE", conflicts_with = "prometheus", help_heading = "Files")]
    csv: Option<PathBuf>,
    /// File of calls that the metrics do not show: lines of `caller,callee`, or a JSON list of pairs
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    calls: Option<PathBuf>,
    #[command(flatten)]
    told: ToldArgs,
    #[command(flatten)]
    table: TableArgs,
    #[command(flatten)]
    pub(crate) prometheus: PrometheusArgs,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
}

/// A capture by position, or the options of [`InputArgs`].
#[derive(Args, Debug)]
pub(crate) struct AnyInputArgs {
    /// Capture file from `automap capture`, or a table; - is standard input
    #[arg(value_name = "CAPTURE", conflicts_with_all = ["capture", "csv", "prometheus"])]
    capture_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) options: InputArgs,
}

impl AnyInputArgs {
    /// Whether any argument names the data.
    #[cfg(feature = "server")]
    pub(crate) fn is_given(&self) -> bool {
        self.capture_file.is_some() || self.options.is_given()
    }

    /// The file that is read, if it is one.
    #[cfg(feature = "server")]
    pub(crate) fn file(&self) -> Option<&Path> {
        let options = &self.options;
        self.capture_file.as_deref().or(options.capture.as_deref()).or(options.csv.as_deref())
    }

    /// What was given by position.
    pub(crate) fn by_position(&self) -> Option<&Path> {
        self.capture_file.as_deref()
    }

    /// Reads or fetches what is to be analysed.
    pub(crate) fn observation(&self, now: &ZonedDateTime) -> Result<Observation> {
        self.options.observation(self.capture_file.as_deref(), now)
    }

    /// The same; a live server is also queried for the affected part of the cause.
    pub(crate) fn observation_closely(&self, now: &ZonedDateTime, options: &DiagnoseOptions) -> Result<Observation> {
        self.options.read(self.capture_file.as_deref(), now, Some(options))
    }
}

impl InputArgs {
    /// Whether an option names the data.
    pub(crate) fn is_given(&self) -> bool {
        self.capture.is_some() || self.csv.is_some() || self.prometheus.prometheus.is_some()
    }

    /// Reads or fetches what is to be analysed; `file` is a capture that was given by position.
    pub(crate) fn observation(&self, file: Option<&Path>, now: &ZonedDateTime) -> Result<Observation> {
        self.read(file, now, None)
    }

    fn read(&self, file: Option<&Path>, now: &ZonedDateTime, closely: Option<&DiagnoseOptions>) -> Result<Observation> {
        // An invalid file is reported before a server is queried.
        let asserted = self.calls.as_deref().map(|path| calls_file::read(readable(path))).transpose()?;
        let asserted = asserted.unwrap_or_default();
        let named = calls_file::services_of(&asserted);
        let told = self.told.read()?;
        let mut observation = self.fetch_or_read(file.or(self.capture.as_deref()), &named, now, closely)?;
        calls_file::assert_calls(&mut observation, &asserted);
        told.join(&mut observation);
        Ok(observation)
    }

    fn fetch_or_read(
        &self,
        file: Option<&Path>,
        services: &[String],
        now: &ZonedDateTime,
        closely: Option<&DiagnoseOptions>,
    ) -> Result<Observation> {
        if let Some(path) = file {
            let mut observation = self.table.read_capture(path, services)?;
            observation.hint = self.time.hint_in(observation.frame.span(), now, observation.hint)?;
            return Ok(observation);
        }
        if let Some(path) = &self.csv {
            let mut observation = self.table.read(path, WindowHint::default(), services)?;
            observation.hint = self.time.hint_in(observation.frame.span(), now, WindowHint::default())?;
            return Ok(observation);
        }
        match &self.prometheus.prometheus {
            Some(url) => Ok(match closely {
                Some(options) => self.prometheus.fetch_closely(url, &self.time, now, options)?.observation,
                None => self.prometheus.observe_to_diagnose(url, &self.time, now)?,
            }),
            None => bail!(
                "no metrics to analyse: give a capture file, --prometheus URL or --csv FILE (`automap demo` needs none of them)"
            ),
        }
    }
}
