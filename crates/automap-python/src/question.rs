//! Options besides the data: the time of the incident, the calls, how to read a table, which server. As JSON from the Python layer.

use automap_core::time::{Interval, Timestamp, WindowHint};
use automap_sources::table::{Decimal, TableOptions};
use automap_sources::time_zone::time_zone;
use automap_sources::typed_time;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::error::Failure;

/// A time, in one of three forms.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum When {
    /// Milliseconds since the epoch.
    AtMs(i64),
    /// Milliseconds before the end of the data.
    BackMs(i64),
    /// As typed by users, in UTC if it has no zone: RFC 3339, `14:03`, `10m ago`.
    Text(String),
}

impl When {
    /// The time; `end` is the end of the data.
    pub(crate) fn at(&self, end: Timestamp, name: &str) -> Result<Timestamp, Failure> {
        match self {
            Self::AtMs(ms) => Ok(Timestamp::from_ms(*ms)),
            Self::BackMs(ms) => Ok(end.plus_ms(-ms)),
            Self::Text(text) => {
                let end = jiff::Timestamp::from_millisecond(end.ms()).map(|t| t.to_zoned_datetime(TimeZone::UTC));
                end.ok().and_then(|end| typed_time::time(text, &end)).ok_or_else(|| {
                    let shown = automap_core::text::shown(text, 60);
                    let hint = "give a datetime, Unix seconds, 2026-11-23T14:03:15Z, 14:03 or '10m ago'";
                    Failure::at(name, format!("'{shown}' is not a time; {hint}"))
                })
            }
        }
    }
}

/// Everything besides the data. Unset options are inferred.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Question {
    incident_start: Option<When>,
    incident_end: Option<When>,
    baseline: Option<(When, When)>,
    onset_tolerance_ms: Option<i64>,
    pub(crate) calls: Vec<(String, String)>,
    pub(crate) table: TableWords,
    pub(crate) server: crate::server::ServerWords,
}

/// How to read a table that does not show it itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TableWords {
    time_zone: Option<String>,
    time_format: Option<String>,
    separator: Option<String>,
    metric: Option<String>,
    decimal: Option<String>,
}

impl Question {
    /// Parses the Python layer's JSON.
    pub(crate) fn parse(json: &str) -> Result<Self, Failure> {
        serde_json::from_str(json).map_err(Failure::new)
    }

    /// The windows; unset ones are as known from the data.
    pub(crate) fn hint(&self, end: Timestamp, known: WindowHint) -> Result<WindowHint, Failure> {
        let at = |when: &Option<When>, name| when.as_ref().map(|when| when.at(end, name)).transpose();
        let baseline = self.baseline.as_ref().map(|(from, to)| {
            let (from, to) = (from.at(end, "baseline")?, to.at(end, "baseline")?);
            Interval::new(from, to).ok_or_else(|| Failure::at("baseline", "it ends at or before its start"))
        });
        Ok(WindowHint {
            incident_start: at(&self.incident_start, "incident_start")?.or(known.incident_start),
            start_tolerance_ms: self.onset_tolerance_ms.or(known.start_tolerance_ms),
            incident_end: at(&self.incident_end, "incident_end")?.or(known.incident_end),
            baseline: baseline.transpose()?.or(known.baseline),
        })
    }
}

impl TableWords {
    /// The reader's options; `services` are known from another source.
    pub(crate) fn options(&self, services: Vec<String>) -> Result<TableOptions, Failure> {
        let zone = self.time_zone.as_deref().map(time_zone).transpose();
        let decimal = match self.decimal.as_deref() {
            None => None,
            Some(".") => Some(Decimal::Point),
            Some(",") => Some(Decimal::Comma),
            Some(_) => {
                return Err(Failure::at(
                    "decimal",
                    "it is neither '.' nor ','; '.' reads 1,234.5 and ',' reads 1.234,5",
                ));
            }
        };
        Ok(TableOptions {
            time_zone: zone.map_err(|e| Failure::at("time_zone", e))?,
            time_format: self.time_format.clone(),
            separator: self.separator.clone(),
            metric: self.metric.clone(),
            decimal,
            services,
        })
    }
}
