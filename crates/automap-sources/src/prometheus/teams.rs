//! The team that owns a service, from a label of its workload, which kube-state-metrics exports if `--metric-labels-allowlist` includes it.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

use super::client::Client;
use super::cluster::{self, ClusterSpec, short_cluster_name};
use super::error::RequestError;
use super::promql::{Values, fill};
use super::scope::NamespaceSpec;

/// Kinds that carry the label, in increasing order of priority: the service's own label is what its owners wrote for others.
const KINDS: [&str; 4] = ["daemonset", "statefulset", "deployment", "service"];

/// Every workload and service of a namespace with the Kubernetes label, and its value. One query; empty if kube-state-metrics is absent or does not
/// export the label.
///
/// # Errors
/// [`RequestError`] when the server does not answer.
pub fn teams(
    client: &Client,
    namespace: &str,
    label: &str,
    at: Timestamp,
) -> Result<BTreeMap<String, String>, RequestError> {
    let label = metric_label(label);
    let kinds = KINDS.join("|");
    let spec = NamespaceSpec::parse(namespace);
    let scope = if spec.is_one() { namespace.into() } else { spec.scope() };
    let template = format!("{{__name__=~\"kube_({kinds})_labels\",namespace=$NS,{label}!=\"\"}}");
    let promql = fill(&template, &Values { namespace: scope, cluster: None, rate_ms: 0, span_ms: 0, only: None });
    let answer = client.instant(&promql, at)?;
    let clusters = client.cluster().map(ClusterSpec::parse);
    let mut teams = BTreeMap::new();
    for kind in KINDS {
        for series in &answer.series {
            let own: Vec<String> = cluster::of(std::slice::from_ref(series)).into_values().flatten().collect();
            let ours = clusters.as_ref().and_then(|spec| own.iter().find(|name| spec.matches(name)));
            if clusters.is_some() && ours.is_none() && !own.is_empty() {
                continue;
            }
            if let (Some(name), Some(team)) = (series.labels.get(kind), series.labels.get(&label)) {
                let namespace = series.labels.get("namespace").filter(|_| !spec.is_one());
                let name = namespace.map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}"));
                let cluster = ours.filter(|_| clusters.as_ref().is_some_and(|spec| !spec.is_one()));
                let name = cluster.map_or(name.clone(), |cluster| format!("{}/{name}", short_cluster_name(cluster)));
                teams.insert(name, team.clone());
            }
        }
    }
    Ok(teams)
}

/// A label's name as written by kube-state-metrics: `app.kubernetes.io/ownerTeam` is `label_app_kubernetes_io_owner_team`.
fn metric_label(label: &str) -> String {
    let mut out = "label_".to_owned();
    let mut before = '_';
    for c in label.chars() {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            out.push('_');
        }
        out.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_named_as_kube_state_metrics_names_them() {
        assert_eq!(metric_label("team"), "label_team");
        assert_eq!(metric_label("app.kubernetes.io/part-of"), "label_app_kubernetes_io_part_of");
        assert_eq!(metric_label("ownerTeam"), "label_owner_team");
        assert_eq!(metric_label("x\"}"), "label_x__");
    }
}
