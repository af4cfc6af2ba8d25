//! Maps the names in a table, of columns or in cells, to series: the service and the metric.

use super::labels;
use super::metric_words::spelling;
use super::options::TableOptions;
use super::pseudo_services::is_pseudo;
use super::series_names::{self, SeriesName};

/// The metric of a series without a metric name.
pub(super) const UNNAMED_METRIC: &str = "value";

/// The meaning of a name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Meaning {
    pub(super) service: String,
    /// As recognised by the core.
    pub(super) metric: String,
    /// As written in the table.
    pub(super) raw_metric: String,
    pub(super) peer: Option<String>,
    /// Factor from the table's numbers to the metric's unit, if cells have no unit.
    pub(super) scale: f64,
    pub(super) is_success_count: bool,
}

/// The result of reading a name.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading {
    /// A series.
    Series(Meaning),
    /// A name that stands in place of a service's.
    Pseudo(String),
    /// It names no service.
    Unknown,
}

/// Reads a table's names together.
pub(super) fn read(names: &[String], options: &TableOptions) -> Vec<Reading> {
    let bare = unmangled(names);
    let labelled: Vec<Option<labels::Named>> = bare.iter().map(|name| labels::read(name)).collect();
    let plain: Vec<&str> =
        bare.iter().zip(&labelled).filter(|(_, l)| l.is_none()).map(|(name, _)| name.as_str()).collect();
    let mut parted =
        series_names::read(&plain, &options.services, options.separator.as_deref(), options.metric.is_some())
            .into_iter();
    let named: Vec<Option<SeriesName>> = bare
        .iter()
        .zip(labelled)
        .map(|(name, labelled)| match labelled {
            Some(labelled) => by_labels(labelled, options),
            None => parted.next().flatten().or_else(|| as_service(name, options)),
        })
        .collect();
    let services: Vec<String> = named.iter().flatten().map(|n| n.service.clone()).collect();
    named.into_iter().map(|name| reading(name, &services)).collect()
}

fn reading(name: Option<SeriesName>, services: &[String]) -> Reading {
    match name {
        None => Reading::Unknown,
        Some(name) if is_pseudo(&name.service, services) => Reading::Pseudo(name.service),
        Some(SeriesName { service, metric, peer }) => Reading::Series(meaning(service, metric, peer)),
    }
}

/// A series whose service and metric are known.
pub(super) fn meaning(service: String, raw_metric: String, peer: Option<String>) -> Meaning {
    let (metric, scale, is_success_count) = match spelling(&raw_metric) {
        Some(spelling) => (spelling.name, spelling.scale, spelling.is_success_count),
        None => (raw_metric.clone(), 1.0, false),
    };
    Meaning { service, metric, raw_metric, peer, scale, is_success_count }
}

/// The metric of a name that does not give it.
pub(super) fn unnamed(options: &TableOptions) -> String {
    options.metric.clone().unwrap_or_else(|| UNNAMED_METRIC.to_owned())
}

/// Whether a name does not give the metric.
pub(super) fn is_unnamed(metric: &str) -> bool {
    let lower = metric.to_lowercase();
    let word = lower.trim_start_matches('_').split([' ', '#']).next().unwrap_or_default();
    ["value", "val", "values", "v", "sample", "field"].contains(&word)
}

fn by_labels(named: labels::Named, options: &TableOptions) -> Option<SeriesName> {
    let metric = named.metric.filter(|m| !is_unnamed(m)).unwrap_or_else(|| unnamed(options));
    Some(SeriesName { service: named.service?, metric, peer: None })
}

/// A name that is only a service, if the user says so.
fn as_service(name: &str, options: &TableOptions) -> Option<SeriesName> {
    let is_service = options.metric.is_some() && spelling(name).is_none() || options.services.iter().any(|s| s == name);
    is_service.then(|| SeriesName { service: name.to_owned(), metric: unnamed(options), peer: None })
}

/// Removes the suffixes added by a join of two tables: `a_cpu_x` beside `a_cpu_y`, `a_cpu.1` beside `a_cpu`.
fn unmangled(names: &[String]) -> Vec<String> {
    let has = |name: &str| names.iter().any(|n| n == name);
    let base = |name: &String| {
        let joined = name.strip_suffix("_x").filter(|base| has(&format!("{base}_y")));
        let joined = joined.or_else(|| name.strip_suffix("_y").filter(|base| has(&format!("{base}_x"))));
        let repeated = name
            .rsplit_once('.')
            .filter(|(base, n)| has(base) && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        joined.or(repeated.map(|(base, _)| base)).unwrap_or(name).to_owned()
    };
    names.iter().map(base).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], options: &TableOptions, expected: &[&str]) {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let text = |reading: &Reading| match reading {
            Reading::Series(m) => format!("{}|{}|{}", m.service, m.metric, m.scale),
            Reading::Pseudo(service) => format!("pseudo {service}"),
            Reading::Unknown => "-".to_owned(),
        };
        assert_eq!(read(&names, options).iter().map(text).collect::<Vec<_>>(), expected, "{names:?}");
    }

    #[test]
    fn names_of_every_form() {
        let none = TableOptions::default();
        check(&["user_db_response_time_s", "load"], &none, &["user_db|latency_ms|1000", "-"]);
        check(
            &["carts_cpu_x", "carts_cpu_y", "a_mem", "a_mem.1"],
            &none,
            &["carts|cpu|1", "carts|cpu|1", "a|mem|1", "a|mem|1"],
        );
        check(&[r#"{pod="carts-1"}"#, r#"cpu_cores{app="a"}"#], &none, &["carts-1|value|1", "a|cpu_cores|1"]);
        check(&["PassthroughCluster_error", "carts_error"], &none, &["pseudo PassthroughCluster", "carts|error|1"]);
        check(&["Carts", "Payment Service"], &none, &["-", "-"]);
    }

    #[test]
    fn a_metric_makes_services_of_names() {
        let options = TableOptions { metric: Some("latency_ms".to_owned()), ..TableOptions::default() };
        check(
            &["Carts", "Payment Service", "cpu"],
            &options,
            &["Carts|latency_ms|1", "Payment Service|latency_ms|1", "-"],
        );
        check(&[r#"{pod="carts-1"}"#, r#"Value #A{pod="b"}"#], &options, &["carts-1|latency_ms|1", "b|latency_ms|1"]);
        let known = TableOptions { services: vec!["Carts".to_owned()], ..TableOptions::default() };
        check(&["Carts", "Load"], &known, &["Carts|value|1", "-"]);
    }
}
