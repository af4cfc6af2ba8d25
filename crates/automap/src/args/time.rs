//! Which time is analysed, and what is known about the incident in it: options that several verbs share.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use automap_core::time::{Interval, Timestamp, WindowHint};
use clap::Args;
use jiff::ZonedDateTime;

use super::parse::{millis, span, span_or_zero};
use crate::parse_time;

/// Which time is analysed.
#[derive(Args, Clone, Debug)]
pub(crate) struct TimeArgs {
    /// How far back to look from --to, or from the incident's start
    #[arg(long, value_name = "SPAN", default_value = "60m", value_parser = span, help_heading = "Time")]
    since: Duration,
    /// Start of the data
    #[arg(long, value_name = "TIME", conflicts_with = "since", allow_hyphen_values = true, help_heading = "Time")]
    from: Option<String>,
    /// End of the data
    #[arg(long, value_name = "TIME", default_value = "now", allow_hyphen_values = true, help_heading = "Time")]
    to: String,
    #[command(flatten)]
    hint: HintArgs,
}

/// What is known about the incident. Unset: found in the data.
#[derive(Args, Clone, Debug)]
pub(crate) struct HintArgs {
    /// When the incident began or was noticed: 14:03, -10m, 2026-11-23T14:03:00Z. In recorded data, clock times and spans count
    /// from its end. If the data clearly shows that the incident began up to --onset-tolerance earlier, the report uses the earlier
    /// time and says so [default: detected]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Time")]
    incident_start: Option<String>,
    /// How late --incident-start may be, as alerts are; 0s means it is exact [default: 3m]
    #[arg(long, value_name = "SPAN", value_parser = span_or_zero, help_heading = "Time")]
    onset_tolerance: Option<Duration>,
    /// When the incident ended [default: the end of the data]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Time")]
    incident_end: Option<String>,
    /// Baseline to compare with [default: everything before the incident]
    #[arg(long, value_name = "FROM..TO", allow_hyphen_values = true, help_heading = "Time")]
    baseline: Option<String>,
}

impl HintArgs {
    /// The hint; what is not given comes from `known` (a capture's own).
    pub(crate) fn hint(&self, now: &ZonedDateTime, known: WindowHint) -> Result<WindowHint> {
        let time = |text: &Option<String>| text.as_deref().map(|t| parse_time::parse(t, now)).transpose();
        let baseline = self.baseline.as_deref().map(|b| parse_time::parse_interval(b, now)).transpose()?;
        Ok(WindowHint {
            incident_start: time(&self.incident_start)?.or(known.incident_start),
            start_tolerance_ms: self.onset_tolerance.map(millis).or(known.start_tolerance_ms),
            incident_end: time(&self.incident_end)?.or(known.incident_end),
            baseline: baseline.or(known.baseline),
        })
    }
}

impl TimeArgs {
    /// This span, without a known incident.
    pub(crate) fn between(span: Interval) -> Self {
        let hint = HintArgs { incident_start: None, onset_tolerance: None, incident_end: None, baseline: None };
        let length = Duration::from_millis(span.len_ms().unsigned_abs());
        Self { since: length, from: Some(span.start.rfc3339()), to: span.end.rfc3339(), hint }
    }

    /// What is known about an incident in recorded data, whose end is what `now` means for it.
    pub(crate) fn hint_in(&self, data: Interval, now: &ZonedDateTime, known: WindowHint) -> Result<WindowHint> {
        self.hint.hint(&parse_time::end_of(data, now.time_zone())?, known)
    }

    /// Start and end of the data, and what is known about the incident.
    pub(crate) fn range(&self, now: &ZonedDateTime) -> Result<(Timestamp, Timestamp, WindowHint)> {
        let hint = self.hint.hint(now, WindowHint::default())?;
        let present = Timestamp::from_ms(now.timestamp().as_millisecond());
        if let Some(start) = hint.incident_start.filter(|start| *start > present) {
            bail!("--incident-start {} is in the future: it is {} now", start.rfc3339(), present.rfc3339());
        }
        // The future has no data.
        let to = parse_time::parse(&self.to, now).context("--to")?.min(present);
        let from = match &self.from {
            Some(text) => parse_time::parse(text, now).context("--from")?,
            None => {
                let end_of_normal = hint.incident_start.unwrap_or(to).min(to);
                let from = end_of_normal.plus_ms(-millis(self.since));
                hint.baseline.map_or(from, |b| b.start.min(from))
            }
        };
        if from >= to {
            bail!("the window starts at {}, not before its end {}", from.rfc3339(), to.rfc3339());
        }
        Ok((from, to, hint))
    }
}
