//! When an incident opens and ends: the keys of `watching:`.

use automap_core::watch::WatchOptions;
use serde::Deserialize;

use super::Span;

/// Overrides of [`WatchOptions`]; what is unset keeps its default.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watching {
    /// Requests feel it for so long before an incident opens.
    pub confirm: Option<Span>,
    /// The same where many requests fail.
    pub confirm_critical: Option<Span>,
    /// What no request feels has to last so long.
    pub confirm_unfelt: Option<Span>,
    /// Nothing is wrong for so long before an incident is closed.
    pub recover: Option<Span>,
    /// What comes back so soon is the same incident.
    pub merge: Option<Span>,
    /// Normal time that has to be known first.
    pub learn: Option<Span>,
    /// What lasts longer is the new normal.
    pub accept: Option<Span>,
    /// Fewest requests in the last half minute for errors and latency to mean anything.
    pub min_requests: Option<f64>,
    /// Rise of the share of failed requests, 0 to 1.
    pub error_rise: Option<f64>,
    /// Rise of the time to answer as a share of the usual one.
    pub latency_rise: Option<f64>,
    /// And in milliseconds.
    pub latency_rise_ms: Option<f64>,
}

impl Watching {
    pub(super) fn check(&self) -> Result<(), (String, String)> {
        for (key, value) in [
            ("min_requests", self.min_requests),
            ("error_rise", self.error_rise),
            ("latency_rise", self.latency_rise),
            ("latency_rise_ms", self.latency_rise_ms),
        ] {
            if value.is_some_and(|v| !v.is_finite() || v < 0.0) {
                return Err((format!("watching.{key}"), "write a number, zero or more".to_owned()));
            }
        }
        Ok(())
    }

    /// The options with these overrides.
    pub fn options(&self) -> WatchOptions {
        let mut o = WatchOptions::default();
        let set = |slot: &mut i64, span: Option<Span>| *slot = span.map_or(*slot, Span::ms);
        set(&mut o.confirm_ms, self.confirm);
        set(&mut o.confirm_critical_ms, self.confirm_critical);
        set(&mut o.confirm_resource_ms, self.confirm_unfelt);
        set(&mut o.recover_ms, self.recover);
        set(&mut o.merge_ms, self.merge);
        set(&mut o.learn_ms, self.learn);
        set(&mut o.accept_ms, self.accept);
        let set = |slot: &mut f64, value: Option<f64>| *slot = value.unwrap_or(*slot);
        set(&mut o.vitals.min_requests, self.min_requests);
        set(&mut o.vitals.error_rise, self.error_rise);
        set(&mut o.vitals.latency_rise, self.latency_rise);
        set(&mut o.vitals.latency_rise_ms, self.latency_rise_ms);
        o
    }
}
