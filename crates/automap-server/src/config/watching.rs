//! When an incident opens and ends: the keys of `watching:`.

use automap_core::watch::WatchOptions;
use serde::Deserialize;

use super::duration::ConfigDuration;

/// Overrides of [`WatchOptions`]; what is unset keeps its default.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watching {
    /// How long requests must be affected before an incident opens.
    pub confirm: Option<ConfigDuration>,
    /// The same when many requests fail.
    pub confirm_critical: Option<ConfigDuration>,
    /// The same when resources changed but no request is affected.
    pub confirm_unfelt: Option<ConfigDuration>,
    /// How long everything must be normal before an incident closes.
    pub recover: Option<ConfigDuration>,
    /// A problem that returns within this time reopens the same incident.
    pub merge: Option<ConfigDuration>,
    /// How much baseline is needed before an incident can open.
    pub learn: Option<ConfigDuration>,
    /// A change that lasts longer than this becomes the new baseline.
    pub accept: Option<ConfigDuration>,
    /// Fewest requests in the last half minute for errors and latency to be meaningful.
    pub min_requests: Option<f64>,
    /// Rise of the share of failed requests, 0 to 1.
    pub error_rise: Option<f64>,
    /// Rise of the latency as a share of its baseline.
    pub latency_rise: Option<f64>,
    /// Rise of the latency in milliseconds; both must be exceeded.
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
        let set = |slot: &mut i64, span: Option<ConfigDuration>| *slot = span.map_or(*slot, ConfigDuration::ms);
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
