//! A synthetic shop for tests: series that vary around a level and jump at a row, so that every onset is known.

use automap_core::explain::{Explanation, explain};
use automap_core::frame::{RawSeries, assemble};
use automap_core::note::NotChecked;
use automap_core::observation::{Observation, QueryRecord, QueryState};
use automap_core::spread::{Propagation, propagation};
use automap_core::time::{Timestamp, WindowHint};
use automap_core::topology::CallGraph;
use automap_core::{DiagnoseOptions, analyse};

pub(crate) const N: usize = 90;
pub(crate) const STEP_MS: i64 = 5000;
pub(crate) const STARTED: usize = 60;

/// Repeatable noise in [0, 1).
pub(crate) fn wobble(series: usize, i: usize) -> f64 {
    let mut x =
        (series as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (i as u64 + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
    (x >> 11) as f64 / (1u64 << 53) as f64
}

/// Series that vary by 10 % around a level and are `factor` times as high from a row on.
#[derive(Default)]
pub(crate) struct Shop {
    pub(crate) raw: Vec<RawSeries>,
    pub(crate) calls: Vec<(&'static str, &'static str)>,
}

impl Shop {
    /// `front-end → orders → payment`.
    pub(crate) fn chain() -> Self {
        Self { calls: vec![("front-end", "orders"), ("orders", "payment")], ..Self::default() }
    }

    pub(crate) fn series(
        mut self,
        service: &str,
        metric: &str,
        peer: Option<&str>,
        change: Option<(usize, f64)>,
    ) -> Self {
        let n = self.raw.len();
        let level = |i: usize| match change {
            Some((row, factor)) if i >= row => 20.0 * factor,
            _ => 20.0,
        };
        let points = (0..N).map(|i| (time(i), level(i) * (0.95 + 0.1 * wobble(n, i)))).collect();
        self.raw.push(RawSeries { service: service.into(), metric: metric.into(), peer: peer.map(Into::into), points });
        self
    }

    /// Latency of a service that rises tenfold at a row.
    pub(crate) fn slow(self, service: &str, row: usize) -> Self {
        self.series(service, "latency_ms", None, Some((row, 10.0)))
    }

    /// The same as measured by the caller.
    pub(crate) fn slow_calls(self, caller: &str, callee: &str, row: usize) -> Self {
        self.series(caller, "client_latency_ms", Some(callee), Some((row, 10.0)))
    }

    /// The cause: its processor is busy and it is slow.
    pub(crate) fn busy(self, service: &str, row: usize) -> Self {
        self.slow(service, row).series(service, "cpu_cores", None, Some((row, 40.0)))
    }

    pub(crate) fn calm(self, service: &str) -> Self {
        self.series(service, "latency_ms", None, None)
    }

    pub(crate) fn observation(self) -> Observation {
        let hint = WindowHint { incident_start: Some(time(STARTED)), ..WindowHint::default() };
        let (frame, notes) = assemble(self.raw, (0..N).map(time).collect()).unwrap();
        let query = QueryRecord {
            signal: "latency_ms".into(),
            promql: "show latency".into(),
            series: 1,
            samples: 1,
            state: QueryState::Complete,
            reason: None,
        };
        let not_checked = vec![NotChecked {
            signal: "latency".into(),
            services: vec!["mailer".into()],
            reason: "no side-car".into(),
        }];
        let calls: CallGraph = self.calls.into_iter().collect();
        Observation { hint, notes, not_checked, queries: vec![query], ..Observation::new(frame, calls, "test") }
    }

    pub(crate) fn spread(self) -> Propagation {
        let (observation, options) = (self.observation(), DiagnoseOptions::default());
        propagation(&observation, &analyse(&observation, &options).unwrap(), &options.verdict)
    }

    pub(crate) fn explain(self, service: &str) -> Explanation {
        let (observation, options) = (self.observation(), DiagnoseOptions::default());
        explain(&observation, &analyse(&observation, &options).unwrap(), &options, service).unwrap()
    }
}

pub(crate) fn time(row: usize) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + row as i64 * STEP_MS)
}
