//! Which part of an observation is meant.

use anyhow::{Result, bail};
use automap_core::compare::Period;
use automap_core::note::Note;
use automap_core::observation::Observation;
use automap_core::time::{Interval, Timestamp};
use automap_core::windows::OnsetSource;
use automap_core::{DiagnoseOptions, analyse};
use jiff::tz::TimeZone;

use crate::parse_time;

/// A part of an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// All of it.
    All,
    /// Normal time.
    Baseline,
    /// The incident.
    Incident,
    /// A span as the user wrote it.
    Span(String),
    /// None of these.
    Unknown(String),
}

impl Place {
    pub(crate) fn parse(text: &str) -> Self {
        match text.trim() {
            "baseline" => Self::Baseline,
            "incident" => Self::Incident,
            span if span.contains("..") => Self::Span(span.to_owned()),
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The samples of this part.
    pub(crate) fn cut(&self, name: &str, observation: &Observation) -> Result<Period> {
        let window = match self {
            Self::All => None,
            Self::Span(text) => Some(span_in(text, observation.frame.span(), &TimeZone::system())?),
            Self::Baseline | Self::Incident => return self.settled(name, observation),
            Self::Unknown(text) => bail!("'{text}' is not a period; write FROM..TO, baseline or incident"),
        };
        Ok(Period::new(name, observation, window)?)
    }

    /// One of the two windows that a diagnosis would take.
    fn settled(&self, name: &str, observation: &Observation) -> Result<Period> {
        let windows = analyse(observation, &DiagnoseOptions::default())?.windows;
        let window = if *self == Self::Baseline { windows.baseline } else { windows.incident };
        let mut period = Period::new(name, observation, Some(window))?;
        if windows.onset == OnsetSource::NotFound {
            let text = "no onset was found in the data: the last third is taken as the incident";
            period.notes.push(Note::warning("no_onset", text));
        }
        Ok(period)
    }
}

/// Reads `FROM..TO`. A clock time without a date is on the last day of the data, or on its first day if that is what lies
/// inside.
fn span_in(text: &str, data: Interval, zone: &TimeZone) -> Result<Interval> {
    let Some((from, to)) = text.split_once("..") else {
        bail!("'{text}' is not a span of time; write FROM..TO, such as 13:00..13:50");
    };
    let start = Interval { start: data.start, end: data.start };
    let anchors = [parse_time::end_of(data, zone)?, parse_time::end_of(start, zone)?];
    let read = |part: &str| -> Result<Timestamp> {
        let times = anchors.iter().map(|now| parse_time::parse(part, now)).collect::<Result<Vec<_>>>()?;
        let inside = |t: &&Timestamp| data.start <= **t && **t <= data.end;
        Ok(*times.iter().find(inside).unwrap_or(&times[0]))
    };
    match Interval::new(read(from)?, read(to)?) {
        Some(span) => Ok(span),
        None => bail!("the span '{text}' ends at or before its start"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Result<Interval> {
        let t = |text: &str| Timestamp::from_ms(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        let data = Interval::new(t("2026-11-23T23:30:00Z"), t("2026-11-24T00:30:00Z")).unwrap();
        span_in(text, data, &TimeZone::UTC)
    }

    #[test]
    fn clock_times_are_of_the_day_of_the_data() {
        for (text, from, to) in [
            ("23:40..00:10", "2026-11-23T23:40:00Z", "2026-11-24T00:10:00Z"),
            ("00:05..00:10", "2026-11-24T00:05:00Z", "2026-11-24T00:10:00Z"),
            ("20m ago..now", "2026-11-24T00:10:00Z", "2026-11-24T00:30:00Z"),
        ] {
            let found = span(text).unwrap();
            assert_eq!((found.start.rfc3339().as_str(), found.end.rfc3339().as_str()), (from, to), "{text}");
        }
    }

    #[test]
    fn nonsense_says_what_to_write() {
        assert!(span("00:10..00:05").unwrap_err().to_string().contains("ends at or before"));
        assert!(span("soon..later").unwrap_err().to_string().contains("is not a time"));
        assert_eq!(Place::parse("noon"), Place::Unknown("noon".into()));
    }
}
