//! PRISM (Pham, "Graph-Free Root Cause Analysis", arXiv:2601.21359, 2026): a cause is anomalous inside and at its boundary, the services
//! it affects at their boundary only.
//!
//! A property scores `|sample − mean| / deviation`, with mean and deviation (divisor n) of the baseline (definition 3.1). The highest score of a
//! service's internal properties is `I`, that of its external ones `E`. `prism` ranks by `M = S − ln(1 + S)` with `S = I + E` (equation 3, the
//! paper's default), `prism-conjunctive` by `min(I, E)` (equation 4). `M` grows with `S`, so it orders services as `S` does.
//!
//! There is no published code. What the paper leaves open is decided here:
//!
//! - **The samples of the incident.** It does not say how they become one score. The largest counts, as in BARO and NSigma.
//! - **Constant series.** It does not say what a deviation of 0 means. A series that is constant in the baseline does not count, as in the
//!   author's other methods; see `baro`.
//! - **A class without a property that can be judged** scores 0, so that `prism` ranks a service without resource metrics by its
//!   boundary alone. `prism-conjunctive` does not rank it: all such services score 0, and their order would be luck.
//! - **The classes.** The paper names CPU, memory, disk and sockets as internal (Gregg's USE method), response time and error rate as external
//!   (RED); the request rate is the R of RED. Bytes on the network are internal here, because the network interface is a resource of USE.
//!   The same holds for every metric that the service does not show to its callers.
//!
//! Left out are the paper's other scores of a property (information-theoretic, robust) and other ways of pooling: these are its defaults.

use std::collections::BTreeMap;

use automap_core::metric::{Family, Metric, Side};

use super::common::{BaselineInput, BaselineScores};
use super::largest_rise::largest_distances;

/// The highest scores of a service's properties, by class; 0 for a class without any.
#[derive(Clone, Copy, Debug, Default)]
struct Classes {
    internal: f64,
    external: f64,
}

impl Classes {
    fn raise(&mut self, metric: &Metric, score: f64) {
        let class = if is_external(metric) { &mut self.external } else { &mut self.internal };
        *class = class.max(score);
    }
}

pub(super) fn additive(input: &BaselineInput) -> BaselineScores {
    let (metrics, classes) = properties(input);
    let of_service = |classes: Classes| {
        let sum = classes.internal + classes.external;
        sum - sum.ln_1p()
    };
    let services = classes.into_iter().map(|(service, classes)| (service, of_service(classes))).collect();
    BaselineScores { metrics, services }
}

pub(super) fn conjunctive(input: &BaselineInput) -> Result<BaselineScores, String> {
    let (metrics, classes) = properties(input);
    let both = classes.into_iter().map(|(service, classes)| (service, classes.internal.min(classes.external)));
    let services: BTreeMap<String, f64> = both.filter(|(_, score)| *score > 0.0).collect();
    if services.is_empty() {
        return Err("no service has both a metric of its resources and one of its requests".to_owned());
    }
    Ok(BaselineScores { metrics, services })
}

type MetricScores = BTreeMap<(String, String), f64>;

/// The score of every metric, and the highest of each class by service.
fn properties(input: &BaselineInput) -> (MetricScores, BTreeMap<String, Classes>) {
    let scored = largest_distances(input);
    let mut classes: BTreeMap<String, Classes> = BTreeMap::new();
    for (series, score) in &scored {
        classes.entry(input.frame.service(series.service).to_owned()).or_default().raise(&series.metric, *score);
    }
    (BaselineScores::of_series(input.frame, scored).metrics, classes)
}

/// Whether others see the property at the boundary of the service: rate, errors and duration of requests, and all that is measured at
/// the other end of a call.
fn is_external(metric: &Metric) -> bool {
    let of_requests = matches!(
        metric.family,
        Family::Latency
            | Family::Error
            | Family::Throughput
            | Family::NetworkGap
            | Family::Commands
            | Family::Lookups
            | Family::FailedLookups
            | Family::Blocked
    );
    of_requests || metric.side != Side::Own
}

#[cfg(test)]
mod tests {
    use automap_core::anomaly::Rows;
    use automap_core::topology::CallGraph;

    use super::super::{Baseline, test_frames};
    use super::*;

    /// Normal 1, 1, 3, 3: mean 2, deviation 1. So a sample scores its distance from 2.
    fn incident(first: f64, second: f64) -> Vec<f64> {
        vec![1.0, 1.0, 3.0, 3.0, first, second]
    }

    /// The cause: memory falls by 6 and CPU rises by 4, latency by 3: I = 6, E = 3. Its caller: CPU within the noise, latency far away: I = 1, E = 7.
    /// With S = 9 the cause scores 9 − ln 10, with S = 8 its caller 8 − ln 9, although the caller's latency is the largest of all.
    #[test]
    fn worked_by_hand() {
        let frame = test_frames::frame(&[
            ("cause", "mem", incident(-4.0, 2.0)),
            ("cause", "cpu", incident(6.0, 2.0)),
            ("cause", "latency", incident(2.0, 5.0)),
            ("caller", "cpu", incident(3.0, 3.0)),
            ("caller", "latency", incident(9.0, 2.0)),
        ]);
        let scores = test_frames::score(Baseline::Prism, &frame, 4, &CallGraph::new());
        assert!((scores.services["cause"] - (9.0 - 10f64.ln())).abs() < 1e-12, "{scores:?}");
        assert!((scores.services["caller"] - (8.0 - 9f64.ln())).abs() < 1e-12, "{scores:?}");
        assert_eq!(test_frames::metric(&scores, "cause", "mem"), 6.0, "a fall counts");
        assert_eq!(test_frames::metric(&scores, "caller", "latency"), 7.0);
        let scores = test_frames::score(Baseline::PrismConjunctive, &frame, 4, &CallGraph::new());
        assert_eq!((scores.services["cause"], scores.services["caller"]), (3.0, 1.0));
    }

    #[test]
    fn a_class_that_cannot_be_judged_scores_zero() {
        let frame = test_frames::frame(&[
            ("a", "latency", incident(5.0, 2.0)),
            ("b", "error", vec![0.0, 0.0, 0.0, 0.0, 9.0, 9.0]),
        ]);
        let scores = test_frames::score(Baseline::Prism, &frame, 4, &CallGraph::new());
        assert!((scores.services["a"] - (3.0 - 4f64.ln())).abs() < 1e-12);
        assert_eq!(scores.services["b"], 0.0);
        assert_eq!(test_frames::metric(&scores, "b", "error"), f64::NEG_INFINITY, "constant in the baseline");
        let rows = Rows::split(&frame, 4);
        let input = BaselineInput { frame: &frame, rows: &rows, calls: &CallGraph::new(), entry: None, seed: 1 };
        assert!(conjunctive(&input).unwrap_err().contains("both"));
    }

    #[test]
    fn requests_are_seen_at_the_boundary_and_resources_are_not() {
        let external = |name: &str| is_external(&Metric::parse(name));
        for name in ["latency-90", "error", "availability", "workload", "client_latency_ms", "tcp_bytes_per_s"] {
            assert!(external(name), "{name}");
        }
        for name in
            ["cpu", "mem", "disk-read", "net-in", "syscall-write", "socket", "restarts", "connections_used_ratio"]
        {
            assert!(!external(name), "{name}");
        }
    }
}
