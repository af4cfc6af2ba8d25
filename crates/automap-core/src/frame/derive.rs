//! Derives series from others: the network gap of every call that both ends measure.
//!
//! Derived series are ordinary series of the frame, so that the stages after it need no special case.

use rayon::prelude::*;

use super::{MetricFrame, Series};
use crate::metric::{CLIENT_LATENCY_MS, Metric, NETWORK_GAP_MS, SERVED_LATENCY_MS};

impl MetricFrame {
    /// Adds the time that every call spends between its two ends: the caller's latency minus the callee's, in milliseconds.
    ///
    /// A fault of code or CPU shows at both ends and cancels out; a slow network shows only here. At least 0, since proxy overhead can
    /// make the difference slightly negative; a gap if either end has one. O(series · log series + samples).
    ///
    /// Worked example: orders measures 312 ms for a call to payment, payment measures 4 ms: 308 ms were spent on the network.
    pub fn with_network_gaps(&self) -> Self {
        let clients = self.series.par_iter().filter(|s| s.metric.name == CLIENT_LATENCY_MS);
        let gaps = clients.filter_map(|client| {
            let served = self.get(client.service, SERVED_LATENCY_MS, client.peer)?;
            let values = client.values.iter().zip(served.values.iter()).map(|(c, s)| clamp(c - s)).collect();
            Some(Series { metric: Metric::parse(NETWORK_GAP_MS), values, ..*client })
        });
        let mut series: Vec<Series> = self.series.iter().filter(|s| s.metric.name != NETWORK_GAP_MS).cloned().collect();
        series.par_extend(gaps);
        series.sort_by(|a, b| (a.service, &a.metric.name, a.peer).cmp(&(b.service, &b.metric.name, b.peer)));
        Self::of(self.services.clone(), self.times.clone(), series)
    }
}

fn clamp(gap: f64) -> f64 {
    if gap.is_nan() { f64::NAN } else { gap.max(0.0) }
}

#[cfg(test)]
mod tests {
    use crate::frame::{RawSeries, assemble};
    use crate::time::Timestamp;

    #[test]
    fn the_gap_is_what_the_callee_does_not_see() {
        let t: Vec<_> = (0..3).map(|i| Timestamp::from_ms(i * 1000)).collect();
        let call = |metric: &str, values: [f64; 3]| RawSeries {
            service: "orders".into(),
            metric: metric.into(),
            peer: Some("payment".into()),
            points: t.iter().copied().zip(values).collect(),
        };
        let raw = vec![call("client_latency_ms", [4.0, 312.0, 2.9]), call("served_latency_ms", [3.0, f64::NAN, 3.0])];
        let frame = assemble(raw, t.clone()).unwrap().0.with_network_gaps();
        let gap = frame.series().iter().find(|s| s.metric.name == "network_gap_ms").unwrap();
        assert_eq!(gap.values[0], 1.0);
        assert!(gap.values[1].is_nan());
        assert_eq!(gap.values[2], 0.0);
        assert_eq!(frame.with_network_gaps().series().len(), 3, "deriving twice adds nothing");
    }
}
