//! Istio's sidecars if durations are native histograms: `istio_request_duration_milliseconds` without `_bucket`, `_sum` and `_count`.
//!
//! Proxies export classic histograms; a Prometheus 3 that scrapes them may store native ones (`convert_classic_histograms_to_nhcb`). Requests are
//! counted by `istio_requests_total` in any case. Classic histograms are read as well as native ones, since two scrapers may differ.

use super::super::{CountsByLabel, DurationCounts, Exporter, Formula, NativeForm, RequestCounts, Signal};
use super::{BUCKETS, BY_LABEL, CLASSIC, COUNTS, SIGNALS};

pub(super) const FORM: NativeForm = NativeForm {
    presence: "histogram_count(istio_request_duration_milliseconds{reporter=\"destination\",destination_workload_namespace=$NS}) \
               or histogram_count(istio_request_duration_milliseconds{reporter=\"source\",source_workload_namespace=$NS})",
    histograms: &[(
        "istio_request_duration_milliseconds",
        "istio_request_duration_milliseconds{destination_workload_namespace=$NS}",
    )],
    is_enough: false,
    exporter: &SIDE_CARS,
};

const SIDE_CARS: Exporter = Exporter {
    covers: "requests, latency, errors and calls, latency from native histograms",
    counts: Some(RequestCounts { durations: &[BUCKETS, FRACTIONS], ..COUNTS }),
    by_label: Some(CountsByLabel { duration: Some(DURATION), ..BY_LABEL }),
    signals: &WITH_NATIVE,
    is_native: true,
    ..CLASSIC
};

/// The growth of one service's histograms.
macro_rules! increase {
    () => {
        "increase(istio_request_duration_milliseconds{$SERVER,destination_workload=$SERVICE}[$WINDOW])"
    };
}

const FRACTIONS: DurationCounts = DurationCounts {
    metric: "istio_request_duration_milliseconds",
    all: concat!("sum(histogram_count(", increase!(), "))"),
    within: concat!("sum(histogram_fraction(-Inf, $LIMIT, ", increase!(), ") * histogram_count(", increase!(), "))"),
    bounds: None,
    unit_ms: 1.0,
};

/// Growth per second of a part of the histograms, classic or native, with one row for all scrapers of the same proxy.
macro_rules! either {
    ($classic:literal, $function:literal, $matchers:literal) => {
        concat!(
            "(",
            growth!($classic, $matchers),
            " or max without ($SCRAPER,instance) (",
            $function,
            "(rate(istio_request_duration_milliseconds{",
            $matchers,
            ",pod!=\"\"}[$RATE]))) or max without ($SCRAPER) (",
            $function,
            "(rate(istio_request_duration_milliseconds{",
            $matchers,
            ",pod=\"\"}[$RATE]))))"
        )
    };
}

/// The durations of one service with all labels.
const DURATION: (&str, &str) = (
    either!("istio_request_duration_milliseconds_sum", "histogram_sum", "$SERVER,destination_workload=$SERVICE"),
    either!("istio_request_duration_milliseconds_count", "histogram_count", "$SERVER,destination_workload=$SERVICE"),
);

/// The mean, by the labels that a sum keeps.
macro_rules! mean {
    ($by:literal, $matchers:literal) => {
        Formula::Mean {
            total: concat!($by, either!("istio_request_duration_milliseconds_sum", "histogram_sum", $matchers)),
            count: concat!($by, either!("istio_request_duration_milliseconds_count", "histogram_count", $matchers)),
        }
    };
}

const QUANTILE: Formula = Formula::Sum(concat!(
    "histogram_quantile($Q, sum by (le, vmrange, destination_workload$AND_SCOPE) (",
    growth!("istio_request_duration_milliseconds_bucket", "$SERVER"),
    ")) or histogram_quantile($Q, sum by (destination_workload$AND_SCOPE) (rate(istio_request_duration_milliseconds{$SERVER}[$RATE])))"
));

/// The signals of durations in this form, by their index among all signals.
const FORMULAS: [(usize, Formula); 4] = [
    (4, mean!("sum by (destination_workload$AND_SCOPE) ", "$SERVER")),
    (5, QUANTILE),
    (8, mean!("sum by ($CALL$AND_SCOPE) ", "$CLIENT")),
    (9, mean!("sum by (source_workload, source_workload_namespace, destination_workload$AND_SCOPE) ", "$SERVER")),
];

const WITH_NATIVE: [Signal; SIGNALS.len()] = with_native();

/// All other signals are unchanged.
const fn with_native() -> [Signal; SIGNALS.len()] {
    let mut out = SIGNALS;
    let mut i = 0;
    while i < FORMULAS.len() {
        out[FORMULAS[i].0].formula = FORMULAS[i].1;
        i += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_of_durations_reads_native_histograms_and_no_other_does() {
        for (classic, native) in SIGNALS.iter().zip(&WITH_NATIVE) {
            let shown = |signal: &Signal| signal.formula.shown(str::to_owned);
            let is_of_durations = shown(classic).contains("istio_request_duration_milliseconds");
            assert_eq!(
                shown(native).contains("istio_request_duration_milliseconds{"),
                is_of_durations,
                "{}",
                classic.name
            );
            assert!(is_of_durations || shown(native) == shown(classic));
            // The owner of the value stays the same.
            let by = |text: &str| text[text.find("sum by").unwrap_or(0)..].split(')').next().map(ToOwned::to_owned);
            assert!(matches!(native.formula, Formula::Sum(_)) || by(&shown(native)) == by(&shown(classic)));
        }
    }
}
