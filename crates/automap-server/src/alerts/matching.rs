//! Finds the target of an alert, by the names that the alert itself carries. An alert whose target is not certain belongs to none, and the reason
//! says what it asked for and which targets there are.

use std::sync::Arc;

use automap_core::text::listed;
use automap_sources::prometheus::{ClusterSpec, NamespaceSpec, short_cluster_name};

use super::ReceivedAlert;
use crate::config::Target;

/// Most targets that a reason lists.
const MAX_LISTED: usize = 10;

/// The targets that alerts can belong to. A clone refers to the same ones.
#[derive(Clone, Debug)]
pub struct AlertTargets(Arc<Vec<AlertTarget>>);

/// The hints from which the target is derived, as far as the sender gives them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whose<'a> {
    /// The target by name.
    pub target: Option<&'a str>,
    /// The namespace.
    pub namespace: Option<&'a str>,
    /// The cluster.
    pub cluster: Option<&'a str>,
    /// The service, for the reason alone.
    pub service: Option<&'a str>,
}

/// A target as alerts are compared with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertTarget {
    /// Name of the target.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its cluster, if the configuration names one.
    pub cluster: Option<String>,
}

impl AlertTarget {
    /// The name of a service within the target: prefixed with its namespace if the target watches several, and its cluster before that.
    pub fn service(&self, (cluster, namespace): (Option<&str>, Option<&str>), service: String) -> String {
        if service.contains('/') {
            return service;
        }
        let service = match namespace.filter(|_| !NamespaceSpec::parse(&self.namespace).is_one()) {
            Some(namespace) => format!("{namespace}/{service}"),
            None => service,
        };
        match cluster.filter(|_| self.has_several_clusters()) {
            Some(cluster) => format!("{}/{service}", short_cluster_name(cluster)),
            None => service,
        }
    }

    fn has_several_clusters(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| !ClusterSpec::parse(cluster).is_one())
    }

    /// Whether it may contain something of this cluster; without a cluster it may.
    fn may_be_in(&self, cluster: Option<&str>) -> bool {
        let (Some(named), Some(own)) = (cluster, &self.cluster) else { return true };
        ClusterSpec::parse(own).matches(named)
    }
}

impl AlertTargets {
    /// These targets.
    pub fn new(targets: Vec<AlertTarget>) -> Self {
        Self(Arc::new(targets))
    }

    /// The targets of a configuration.
    pub fn of(targets: &[Target]) -> Self {
        let one = |t: &Target| AlertTarget {
            name: t.name.clone(),
            namespace: t.namespace.clone(),
            cluster: t.prometheus.cluster.clone(),
        };
        Self::new(targets.iter().map(one).collect())
    }

    /// The target of an alert: the one `addressed` in the webhook's address, else the one of the label `automap_target`, else the one with the
    /// alert's namespace and, where several have it, the alert's cluster. An alert that names none of these belongs to the only target, if
    /// there is just one.
    ///
    /// # Errors
    /// Why it belongs to none.
    pub fn find(&self, addressed: Option<&str>, alert: &ReceivedAlert) -> Result<&AlertTarget, String> {
        let whose = Whose {
            target: alert.labels.get("automap_target").map(String::as_str),
            namespace: alert.namespace(),
            cluster: alert.cluster(),
            service: alert.service(),
        };
        self.find_for(addressed, &whose)
    }

    /// The target with this name or namespace, if there is just one.
    pub fn called(&self, name: &str) -> Option<&AlertTarget> {
        let by_name = self.0.iter().find(|t| t.name == name);
        by_name.or_else(|| {
            let mut here = self.0.iter().filter(|t| t.namespace == name);
            here.next().filter(|_| here.next().is_none())
        })
    }

    /// As [`Self::find`], for anything else that has a place.
    ///
    /// # Errors
    /// Why it belongs to none.
    pub fn find_for(&self, addressed: Option<&str>, whose: &Whose<'_>) -> Result<&AlertTarget, String> {
        if let Some(name) = addressed.or(whose.target) {
            let found = self.0.iter().find(|t| t.name == name);
            return found.ok_or_else(|| format!("there is no target {name:?}; {}", self.listed()));
        }
        let Some(namespace) = whose.namespace else {
            return match self.0.as_slice() {
                [only] => Ok(only),
                _ => Err(format!("it names neither target nor namespace{}; {}", of_service(whose), self.listed())),
            };
        };
        let here: Vec<&AlertTarget> =
            self.0.iter().filter(|t| NamespaceSpec::parse(&t.namespace).matches(namespace)).collect();
        let cluster = whose.cluster;
        let in_cluster: Vec<&AlertTarget> = here.iter().copied().filter(|t| t.may_be_in(cluster)).collect();
        match (in_cluster.as_slice(), here.is_empty()) {
            ([only], _) => Ok(only),
            (_, true) => {
                Err(format!("no target watches the namespace {namespace:?}{}; {}", of_service(whose), self.listed()))
            }
            ([], false) => {
                let cluster = cluster.unwrap_or_default();
                Err(format!(
                    "no target watches the namespace {namespace:?} in the cluster {cluster:?}; {}",
                    self.listed()
                ))
            }
            _ => Err(format!("several targets watch the namespace {namespace:?}; {}", self.listed())),
        }
    }

    /// The targets for a reason: what to write instead.
    fn listed(&self) -> String {
        let one = |t: &AlertTarget| match &t.cluster {
            Some(cluster) => format!("{} (namespace {}, cluster {cluster})", t.name, t.namespace),
            None => format!("{} (namespace {})", t.name, t.namespace),
        };
        format!("name one with ?target= or the label automap_target: {}", listed(self.0.iter().map(one), MAX_LISTED))
    }
}

fn of_service(whose: &Whose<'_>) -> String {
    whose.service.map(|service| format!(" (service {service:?})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn alert(labels: &[(&str, &str)]) -> ReceivedAlert {
        ReceivedAlert {
            fingerprint: "a".into(),
            is_firing: true,
            starts_at: None,
            ends_at: None,
            labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
            summary: None,
            without_effect: None,
        }
    }

    fn target(name: &str, namespace: &str, cluster: Option<&str>) -> AlertTarget {
        AlertTarget { name: name.into(), namespace: namespace.into(), cluster: cluster.map(str::to_owned) }
    }

    fn find(targets: &AlertTargets, addressed: Option<&str>, labels: &[(&str, &str)]) -> Result<String, String> {
        targets.find(addressed, &alert(labels)).map(|t| t.name.clone())
    }

    #[test]
    fn an_alert_finds_its_target_by_what_it_names() {
        let targets = AlertTargets::new(vec![
            target("shop", "shop", None),
            target("bank-eu", "bank", Some("eu")),
            target("bank-us", "bank", Some("us")),
        ]);
        let found = |labels: &[(&str, &str)]| find(&targets, None, labels);
        for (labels, expected) in [
            (&[("namespace", "shop")][..], "shop"),
            (&[("namespace", "monitoring"), ("exported_namespace", "shop"), ("service", "kube-state-metrics")], "shop"),
            (&[("kubernetes_namespace", "shop")], "shop"),
            (&[("k8s_namespace_name", "shop")], "shop"),
            (&[("namespace", ""), ("destination_workload_namespace", "shop")], "shop"),
            (&[("namespace", "bank"), ("cluster", "us")], "bank-us"),
            (&[("namespace", "elsewhere"), ("automap_target", "bank-eu")], "bank-eu"),
        ] {
            assert_eq!(found(labels).as_deref(), Ok(expected), "{labels:?}");
        }
        assert_eq!(find(&targets, Some("bank-us"), &[("namespace", "shop")]).as_deref(), Ok("bank-us"));
        for (labels, reason) in [
            // The exporter runs in the shop, and speaks of another namespace.
            (
                &[("namespace", "shop"), ("exported_namespace", "stock"), ("exported_service", "api")][..],
                "no target watches the namespace \"stock\" (service \"api\"); name one with ?target= or the label automap_target: shop (namespace shop), bank-eu (namespace bank, cluster eu)",
            ),
            (&[("namespace", "bank")], "several targets watch the namespace \"bank\""),
            (&[("namespace", "bank"), ("cluster", "asia")], "in the cluster \"asia\""),
            (&[("service", "pay")], "it names neither target nor namespace (service \"pay\")"),
            (&[("automap_target", "none")], "there is no target \"none\""),
        ] {
            let told = found(labels).unwrap_err();
            assert!(told.contains(reason), "{told}");
        }
    }

    #[test]
    fn the_only_target_takes_what_names_nothing_and_a_reason_is_bounded() {
        let one = AlertTargets::new(vec![target("shop", "shop", None)]);
        assert_eq!(find(&one, None, &[("alertname", "Slow")]).as_deref(), Ok("shop"));
        assert!(find(&one, None, &[("namespace", "bank")]).is_err());
        let many = AlertTargets::new((0..500).map(|i| target(&format!("t{i}"), &format!("n{i}"), None)).collect());
        let told = find(&many, None, &[]).unwrap_err();
        assert!(told.contains("and 490 more") && told.len() < 600, "{told}");
    }
}
