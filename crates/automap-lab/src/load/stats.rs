//! Statistics of the simulated users' requests.

use std::time::Duration;

use serde::Serialize;

/// Counts since the load began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LoadStats {
    /// Users who started.
    pub journeys: u64,
    /// Requests sent.
    pub sent: u64,
    /// Responses with a status below 400.
    pub ok: u64,
    /// Responses with status 400 to 499, including declined payments.
    pub client_errors: u64,
    /// Responses with status 500 or higher.
    pub server_errors: u64,
    /// Requests without a response: refused, cut off or timed out.
    pub failed: u64,
    /// Users dropped because too many were active.
    pub dropped: u64,
    /// Sum of the latencies of all responses, in milliseconds.
    pub latency_sum_ms: f64,
}

impl LoadStats {
    /// Mean latency of the responses in milliseconds; `None` before the first.
    pub fn latency_mean_ms(&self) -> Option<f64> {
        let answers = self.ok + self.client_errors + self.server_errors;
        (answers > 0).then(|| self.latency_sum_ms / answers as f64)
    }

    pub(super) fn count(&mut self, status: Option<u16>, latency: Duration) {
        match status {
            None => self.failed += 1,
            Some(0..400) => self.ok += 1,
            Some(400..500) => self.client_errors += 1,
            Some(_) => self.server_errors += 1,
        }
        if status.is_some() {
            self.latency_sum_ms += latency.as_secs_f64() * 1000.0;
        }
    }
}
