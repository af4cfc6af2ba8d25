//! The counters of requests: Istio's own, or sums of them from recording rules.

use super::super::presets::SIDE_CARS;

/// The source of growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counters {
    /// The sidecars' counters: a series for each pair of pods and each outcome.
    Raw {
        /// Whether durations are native histograms.
        is_native: bool,
    },
    /// Sums by workload, from `deploy/prometheus/fleet.rules.yaml`: a series for each service.
    Recorded,
}

/// The quantity that grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Requests,
    /// Requests that failed; no series if none did.
    Failed,
    /// Milliseconds spent on requests.
    SpentMs,
}

impl Counters {
    /// The number of services, including those that only their callers report, if known.
    pub(super) fn how_many(self) -> String {
        let any = match self {
            Self::Raw { .. } => SIDE_CARS.selector,
            Self::Recorded => "automap:workload_requests:rate1m{$RECORDED}",
        };
        format!("count(group by (destination_workload, destination_workload_namespace) ({any}))")
    }

    /// Growth per second by workload, `over` a range such as `[5m] offset 1m`.
    pub(super) fn growth(self, counted: Counted, over: &str) -> String {
        let each = match (self, counted) {
            (Self::Recorded, counted) => {
                let name = match counted {
                    Counted::Requests => "requests",
                    Counted::Failed => "failed_requests",
                    Counted::SpentMs => "request_milliseconds",
                };
                format!("avg_over_time(automap:workload_{name}:rate1m{{$RECORDED}}{over})")
            }
            (Self::Raw { .. }, Counted::Requests) => format!("rate(istio_requests_total{{$SERVER}}{over})"),
            (Self::Raw { .. }, Counted::Failed) => format!(
                "rate(istio_requests_total{{$SERVER,$HTTP_FAILED}}{over}) or rate(istio_requests_total{{$SERVER,$GRPC_FAILED}}{over})"
            ),
            (Self::Raw { is_native: false }, Counted::SpentMs) => {
                format!("rate(istio_request_duration_milliseconds_sum{{$SERVER}}{over})")
            }
            (Self::Raw { is_native: true }, Counted::SpentMs) => format!(
                "histogram_sum(rate(istio_request_duration_milliseconds{{$SERVER}}{over})) or rate(istio_request_duration_milliseconds_sum{{$SERVER}}{over})"
            ),
        };
        format!("sum by (destination_workload$AND_SCOPE) ({each})")
    }
}
