//! Column names with several parts: `latency_ms{service="payment"}`, as Prometheus and Grafana write series, and `('payment', 'latency_ms')`, as
//! pandas writes a column of two levels.

/// Labels that name a service, the most certain first.
pub(super) const SERVICE_LABELS: [&str; 25] = [
    "service",
    "service_name",
    "servicename",
    "svc",
    "microservice",
    "destination_workload",
    "destination_service_name",
    "workload",
    "app",
    "app_kubernetes_io_name",
    "application",
    "deployment",
    "statefulset",
    "daemonset",
    "component",
    "cmdb_id",
    "container",
    "container_name",
    "pod",
    "pod_name",
    "host",
    "hostname",
    "instance",
    "node",
    "job",
];

/// The parts of a name; missing ones are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) service: Option<String>,
    pub(super) metric: Option<String>,
}

/// Splits a name with labels or levels; `None` for every other name.
///
/// Worked example: `p95_ms{pod="payment-1", namespace="shop"}` is metric p95_ms of payment-1.
pub(super) fn read(name: &str) -> Option<Named> {
    let name = name.trim();
    with_labels(name).or_else(|| with_levels(name))
}

/// The service in tags such as `service:payment,env:live` or `{app="payment"}`; `None` if the text is not a list of tags.
pub(super) fn service_of_tags(text: &str) -> Option<String> {
    let bare = text.trim().trim_start_matches('{').trim_end_matches('}');
    let tags = pairs(bare).filter(|tags| !tags.is_empty())?;
    let find =
        |wanted: &&str| tags.iter().find(|(key, _)| key.replace('.', "_") == **wanted).map(|(_, value)| value.clone());
    SERVICE_LABELS.iter().find_map(find)
}

fn with_labels(name: &str) -> Option<Named> {
    let (metric, rest) = name.split_once('{')?;
    let labels = pairs(rest.trim_end().strip_suffix('}')?)?;
    let find =
        |wanted: &str| labels.iter().find(|(key, _)| key.replace('.', "_") == wanted).map(|(_, value)| value.clone());
    let metric = Some(metric.trim().to_owned()).filter(|m| !m.is_empty()).or_else(|| find("__name__"));
    let service = SERVICE_LABELS.iter().find_map(|label| find(label)).filter(|s| !s.is_empty());
    let only = || (labels.len() == 1).then(|| labels[0].1.clone()).filter(|_| labels[0].0 != "__name__");
    Some(Named { service: service.or_else(only), metric })
}

/// `a="b", c='d'`.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once(['=', ':'])?;
        let after = after.trim_start();
        let mark = after.chars().next().filter(|c| "\"'".contains(*c));
        let (value, left) = match mark {
            Some(mark) => after[1..].split_once(mark)?,
            None => after.split_once(',').map_or((after, ""), |(value, _)| (value, &after[value.len()..])),
        };
        found.push((key.trim().trim_matches(['"', '\'']).to_owned(), value.trim().to_owned()));
        rest = left.trim_start().trim_start_matches(',').trim_start();
    }
    Some(found)
}

fn with_levels(name: &str) -> Option<Named> {
    let (service, metric) = name.strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    let clean = |t: &str| Some(t.trim().trim_matches(['\'', '"']).to_owned()).filter(|t| !t.is_empty());
    Some(Named { service: clean(service), metric: clean(metric) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_levels_are_taken_apart() {
        for (name, service, metric) in [
            (r#"latency_ms{service="payment"}"#, Some("payment"), Some("latency_ms")),
            (r#"{pod="payment-7c9b-x2x4z"}"#, Some("payment-7c9b-x2x4z"), None),
            (r#"{__name__="up", job="carts", service="a, b"}"#, Some("a, b"), Some("up")),
            (r#"{region="eu"}"#, Some("eu"), None),
            ("Value {app=carts, ns=shop}", Some("carts"), Some("Value")),
            (r#"up{a="1", b="2"}"#, None, Some("up")),
            ("('payment', 'latency_ms')", Some("payment"), Some("latency_ms")),
            ("('time', '')", Some("time"), None),
        ] {
            let owned = |t: Option<&str>| t.map(ToOwned::to_owned);
            assert_eq!(read(name), Some(Named { service: owned(service), metric: owned(metric) }), "{name}");
        }
        for (tags, service) in [
            ("service:payment,env:live", Some("payment")),
            ("{env=\"live\", app=\"carts\"}", Some("carts")),
            ("payment", None),
            ("env:live", None),
            ("10.0.0.1:8080", None),
        ] {
            assert_eq!(service_of_tags(tags).as_deref(), service, "{tags}");
        }
        for name in ["payment_latency_ms", "latency {ms", "{", "(x)", "a{b"] {
            assert_eq!(read(name), None, "{name}");
        }
    }
}
