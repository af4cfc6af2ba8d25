//! Options for reading a table that does not say everything itself, and the readers that take them.

use std::path::Path;

use anyhow::Result;
use automap_core::observation::Observation;
use automap_core::time::WindowHint;
use automap_sources::capture::{self, Opened};
use automap_sources::table::{self, Decimal, TableOptions, UNDERSTOOD};
use automap_sources::time_zone::time_zone;
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;

use super::file::readable;
use crate::console::say;

/// What a table may leave open.
#[derive(Args, Clone, Debug)]
pub(crate) struct TableArgs {
    /// Time zone of table times that have none: Europe/Berlin, +02:00, local [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = time_zone, allow_hyphen_values = true, help_heading = "Tables")]
    time_zone: Option<TimeZone>,
    /// Time format of a table, as in strftime: '%d/%m/%Y %H:%M'; or s, ms, us, ns for Unix time [default: detected]
    #[arg(long, value_name = "FORMAT", help_heading = "Tables")]
    time_format: Option<String>,
    /// Separator between service and metric in a table's column names; the service ends at the first one [default: detected]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Tables")]
    separator: Option<String>,
    /// Metric of table columns that are named after a service only, such as latency_ms
    #[arg(long, value_name = "METRIC", help_heading = "Tables")]
    metric: Option<String>,
    /// Decimal sign of a table: 1,234.5 (.) or 1.234,5 (,) [default: detected]
    #[arg(long, value_name = "SIGN", value_enum, help_heading = "Tables")]
    decimal: Option<DecimalSign>,
}

/// The decimal sign.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum DecimalSign {
    /// 1,234.5
    #[value(name = ".")]
    Point,
    /// 1.234,5
    #[value(name = ",")]
    Comma,
}

impl TableArgs {
    fn options(&self, services: &[String]) -> TableOptions {
        TableOptions {
            time_zone: self.time_zone.clone(),
            time_format: self.time_format.clone(),
            separator: self.separator.clone(),
            metric: self.metric.clone(),
            decimal: self.decimal.map(|sign| match sign {
                DecimalSign::Point => Decimal::Point,
                DecimalSign::Comma => Decimal::Comma,
            }),
            services: services.to_vec(),
        }
    }

    /// Reads a table and says how it was understood. `services` are known from elsewhere.
    pub(crate) fn read(&self, path: &Path, hint: WindowHint, services: &[String]) -> Result<Observation> {
        Ok(told(table::read(readable(path), hint, &self.options(services))?))
    }

    /// Reads a capture; one that another tool rewrote without its metadata is read as a table.
    pub(crate) fn read_capture(&self, path: &Path, services: &[String]) -> Result<Observation> {
        let path = readable(path);
        match capture::open(path)? {
            Opened::Capture(observation) => Ok(*observation),
            Opened::Table(bytes) => {
                let (name, options) = (path.display().to_string(), self.options(services));
                Ok(told(table::from_bytes(bytes, &name, WindowHint::default(), &options)?))
            }
        }
    }
}

/// Says in one line how a table was understood.
fn told(observation: Observation) -> Observation {
    if let Some(note) = observation.notes.iter().find(|n| n.code == UNDERSTOOD) {
        say(&format!("{}: {}", observation.source, note.message));
    }
    observation
}
