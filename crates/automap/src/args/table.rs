//! How a table is read where it does not say so itself, and the readers of files that take these options.

use std::path::Path;

use anyhow::Result;
use automap_core::observation::Observation;
use automap_core::time::WindowHint;
use automap_sources::capture::{self, Opened};
use automap_sources::table::{self, Decimal, TableOptions, UNDERSTOOD};
use clap::{Args, ValueEnum};
use jiff::tz::{Offset, TimeZone};

use super::file::readable;
use crate::console::say;

/// What a table may leave open.
#[derive(Args, Clone, Debug)]
pub(crate) struct TableArgs {
    /// Zone of a table's times that carry none: Europe/Berlin, +02:00, local [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = zone, allow_hyphen_values = true, help_heading = "Tables")]
    time_zone: Option<TimeZone>,
    /// How a table writes times, as for strftime: '%d/%m/%Y %H:%M'; or s, ms, us, ns for Unix time [default: detected]
    #[arg(long, value_name = "FORMAT", help_heading = "Tables")]
    time_format: Option<String>,
    /// What stands between service and metric in a table's column names; the service ends at the first one [default: detected]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Tables")]
    separator: Option<String>,
    /// What the columns of a table measure that are named after services alone: latency_ms
    #[arg(long, value_name = "METRIC", help_heading = "Tables")]
    metric: Option<String>,
    /// Whether a table writes 1,234.5 (.) or 1.234,5 (,) [default: detected]
    #[arg(long, value_name = "SIGN", value_enum, help_heading = "Tables")]
    decimal: Option<DecimalSign>,
}

/// The sign before the fraction.
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

    /// Reads a capture; one that another tool wrote again without its metadata is read as a table.
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

fn zone(text: &str) -> Result<TimeZone, String> {
    let offset = || {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text.trim_start_matches('+')), |rest| (-1, rest));
        let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
        let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
        Offset::from_seconds(sign * seconds).ok().map(TimeZone::fixed)
    };
    match text {
        "local" => Ok(TimeZone::system()),
        "UTC" | "utc" | "Z" => Ok(TimeZone::UTC),
        _ => TimeZone::get(text)
            .ok()
            .or_else(offset)
            .ok_or_else(|| format!("'{text}' is not a zone; write Europe/Berlin, +02:00, UTC or local")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_by_name_and_by_offset() {
        for (text, seconds) in [("UTC", 0), ("+02:00", 7200), ("-0:30", -1800), ("8", 28_800)] {
            let offset = zone(text).unwrap().to_offset(jiff::Timestamp::UNIX_EPOCH);
            assert_eq!(offset.seconds(), seconds, "{text}");
        }
        assert!(zone("Nowhere/Town").unwrap_err().starts_with("'Nowhere/Town' is not a zone"));
        assert!(zone("+99:00").is_err());
    }
}
