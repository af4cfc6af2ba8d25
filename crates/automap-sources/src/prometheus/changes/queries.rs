//! The expressions behind the change log: four for one instant, the others over time.
//!
//! Objects are identified by the labels of kube-state-metrics. If the scraper does not honour labels, its own `namespace`, `pod` and `container`
//! replace them and the objects' are called `exported_…`, so every expression matches both forms. Everything is aggregated over the exporter's own
//! labels, so that a second or a restarted exporter is not a second object. Values that only show that something changed (config maps, restarts,
//! synchronisations) are compared by the server with the value one step earlier, and cost nothing while nothing changes; other values are returned as
//! they are.

use super::evaluations;
use crate::prometheus::promql::{self, Values};

/// How long a value is kept while its exporter is down.
const BRIDGE: &str = "[10m]";

/// The parts that are queried over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// Owners of existing pods.
    PodOwners,
    /// Replica sets that should have pods.
    ReplicaSets,
    /// Images of the pods of each owner.
    Images,
    /// Numbers that are exported directly.
    Gauges,
    /// States that are present or absent.
    States,
    /// When jobs started, in seconds.
    Jobs,
    /// Config maps whose version differs from one step earlier.
    ConfigMaps,
    /// The same for secrets.
    Secrets,
    /// Containers that restarted within a step.
    Restarts,
    /// Conditions, taints and cordons of the nodes that our pods run on.
    Nodes,
    /// Nodes that ran our pods and are gone.
    NodesGone,
    /// Probes that failed within a step.
    Probes,
    /// Objects of Istio that changed within a step.
    Mesh,
    /// Applications of Argo CD that deploy here.
    ArgoApps,
    /// Their synchronisations within a step.
    ArgoSyncs,
    /// Revisions that Flux applied.
    Flux,
    /// Versions that programs report.
    Builds,
    /// The same from OpenTelemetry.
    Targets,
    /// Evaluations of feature flags by variant.
    Flags,
    /// When gateways last read their configuration. Its expression is built from the gateways that were found: [`super::reloads`].
    Reloads,
}

impl Part {
    /// All parts that are queried everywhere; those of kube-state-metrics come first.
    pub(super) const ALL: [Self; 19] = [
        Self::PodOwners,
        Self::ReplicaSets,
        Self::Images,
        Self::Gauges,
        Self::States,
        Self::Jobs,
        Self::ConfigMaps,
        Self::Secrets,
        Self::Restarts,
        Self::Nodes,
        Self::NodesGone,
        Self::Probes,
        Self::Mesh,
        Self::ArgoApps,
        Self::ArgoSyncs,
        Self::Flux,
        Self::Builds,
        Self::Targets,
        Self::Flags,
    ];

    /// Whether only kube-state-metrics exports it.
    pub(super) fn is_of_state_metrics(self) -> bool {
        self < Self::Probes
    }

    /// Whether its series exist while nothing changes.
    pub(super) fn is_steady(self) -> bool {
        use Part::{ArgoApps, Builds, Flags, Flux, PodOwners, Reloads, Targets};
        matches!(self, PodOwners | ArgoApps | Flux | Builds | Targets | Flags | Reloads)
    }

    /// Its expression; `step` is the distance between instants and `since` the earliest time of interest.
    pub(super) fn promql(self, values: &Values, step_ms: i64, since_s: i64) -> String {
        promql::fill(&self.template(&promql::duration(step_ms), since_s, values.namespace.is_qualified), values)
    }

    /// The label with the namespace of its series, if there are several namespaces.
    pub(super) fn scope_label(self, values: &Values) -> Option<String> {
        values.scope_label(&self.template("1s", 0, true))
    }

    /// `several` if there are several namespaces.
    fn template(self, step: &str, since_s: i64, several: bool) -> String {
        match self {
            Self::PodOwners => {
                format!(
                    r#"group by (owner_kind, owner_name$AND_SCOPE) ({})"#,
                    ours("kube_pod_owner", r#"owner_kind!="Job""#)
                )
            }
            Self::ReplicaSets => {
                format!("group by (replicaset$AND_SCOPE) ({} > 0)", ours("kube_replicaset_spec_replicas", ""))
            }
            Self::Images => images(),
            Self::Gauges => format!("max by (__name__, {GAUGE_LABELS}$AND_SCOPE) ({})", ours(&named(&GAUGES), "")),
            Self::States => {
                let which = r#"reason!~"Completed|ContainerCreating|PodInitializing",condition=~"ScalingLimited|true|",status=~"true|""#;
                format!("max by (__name__, {STATE_LABELS}$AND_SCOPE) ({} == 1)", ours(&named(&STATES), which))
            }
            Self::Jobs => {
                let jobs = ours(&named(&["kube_job_status_start_time", "kube_job_created"]), "");
                format!("max by (__name__, job_name$AND_SCOPE) ({jobs} > {since_s})")
            }
            Self::ConfigMaps => other_than_before("kube_configmap_metadata_resource_version", "configmap", step),
            Self::Secrets => other_than_before("kube_secret_metadata_resource_version", "secret", step),
            Self::Restarts => grown("kube_pod_container_status_restarts_total", "", "pod, container", step),
            Self::Nodes => nodes(),
            Self::NodesGone => format!(
                "group by (node) (last_over_time(kube_node_created{{node!=\"\"$CLUSTER}}[2m] offset {step})) unless on (node) group by (node) \
                 (last_over_time(kube_node_created{{node!=\"\"$CLUSTER}}[2m])) and on () group (kube_node_created{{node!=\"\"$CLUSTER}}) and on (node) {}",
                of_our_nodes("[20m]")
            ),
            Self::Probes => grown("prober_probe_total", r#"result="failed""#, "pod, container, probe_type", step),
            Self::Mesh => {
                let events = r#"pilot_k8s_cfg_events{type!~"Workload(Entry|Group)"$CLUSTER}"#;
                grown_of(events, &format!("last_over_time({events}{BRIDGE} offset {step})"), "type, event")
            }
            Self::ArgoApps => format!("group by (name$AND_SCOPE) ({ARGO_APPS})"),
            Self::ArgoSyncs => argo_syncs(step, several),
            Self::Flux => flux(),
            Self::Builds => builds(),
            Self::Targets => targets(several),
            Self::Flags => evaluations::template(several),
            Self::Reloads => String::new(),
        }
    }
}

/// Conditions, taints and cordons of the nodes that our pods run on.
fn nodes() -> String {
    format!(
        r#"max by (__name__, node, condition, key, effect) ({{__name__=~"kube_node_(status_condition|spec_unschedulable|spec_taint)",status=~"true|",key!~"node[.]kubernetes[.]io/.*"$CLUSTER}} and on (node) {})"#,
        of_our_nodes(BRIDGE)
    )
}

/// What Flux has applied, and in which revision.
fn flux() -> String {
    let which = r#"customresource_kind=~"Kustomization|HelmRelease",revision!="",exported_namespace=~"$NS_PATTERN|flux-system"$CLUSTER"#;
    format!("group by (customresource_kind, exported_namespace, name, revision) (gotk_resource_info{{{which}}})")
}

/// Versions in the resource attributes of OpenTelemetry.
fn targets(several: bool) -> String {
    let with = |which: &str| format!(r#"target_info{{service_version!="",{which}}}"#);
    let [by_resource, by_label, by_job] = [
        with("k8s_namespace_name=$NS"),
        with(r#"k8s_namespace_name="",namespace=$NS"#),
        with(r#"k8s_namespace_name="",job=~"$NS_PATTERN/.+"$CLUSTER"#),
    ];
    match several {
        false => {
            format!("group by (job, k8s_deployment_name, service_version) ({by_resource} or {by_label} or {by_job})")
        }
        // All of them carry their namespace under the usual name, which is matched first.
        true => format!(
            r#"group by (job, k8s_deployment_name, service_version$AND_SCOPE) ({by_label} or label_replace({by_resource}, "namespace", "$1", "k8s_namespace_name", "(.+)") or label_replace({by_job}, "namespace", "$1", "job", "(.+)/.+"))"#
        ),
    }
}

/// Numbers that are exported directly.
const GAUGES: [&str; 13] = [
    "kube_deployment_spec_replicas",
    "kube_statefulset_replicas",
    "kube_daemonset_metadata_generation",
    "kube_daemonset_status_updated_number_scheduled",
    "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_horizontalpodautoscaler_status_current_replicas",
    "kube_horizontalpodautoscaler_status_desired_replicas",
    "kube_hpa_spec_max_replicas",
    "kube_hpa_status_current_replicas",
    "kube_hpa_status_desired_replicas",
    "kube_pod_container_status_last_terminated_(timestamp|exitcode)",
    "flagger_canary_status",
    "flagger_canary_weight",
];
const GAUGE_LABELS: &str = "deployment, statefulset, daemonset, horizontalpodautoscaler, hpa, name, workload, pod, container, exported_pod, \
                            exported_container";

/// States that are present or absent.
const STATES: [&str; 9] = [
    "kube_statefulset_status_update_revision",
    "kube_horizontalpodautoscaler_status_condition",
    "kube_pod_container_status_waiting_reason",
    "kube_pod_container_status_last_terminated_reason",
    "kube_pod_status_reason",
    "kube_pod_status_unschedulable",
    "kube_job_failed",
    "rollout_info",
    "kube_hpa_status_condition",
];
const STATE_LABELS: &str = "statefulset, revision, horizontalpodautoscaler, hpa, condition, job_name, name, strategy, phase, reason, pod, container, \
                            exported_pod, exported_container";

/// What is queried for the last instant only: values that are times, new nodes, autoscalers and their targets, and the existing families.
pub(super) fn instant(values: &Values, since_s: i64, families: &[&str]) -> [String; 4] {
    instant_templates(since_s, families).map(|template| promql::fill(&template, values))
}

/// The labels with the namespaces of their series, if there are several.
pub(super) fn instant_scopes(values: &Values) -> [Option<String>; 4] {
    instant_templates(0, &[]).map(|template| values.scope_label(&template))
}

fn instant_templates(since_s: i64, families: &[&str]) -> [String; 4] {
    const TIMES: [&str; 3] =
        ["kube_(pod|deployment|statefulset|daemonset)_created", "kube_configmap_created", "kube_secret_created"];
    const TIME_LABELS: &str = "pod, exported_pod, deployment, statefulset, daemonset, configmap, secret, replicaset";
    [
        format!(
            "max by (__name__, {TIME_LABELS}$AND_SCOPE) ({} > {since_s} or {})",
            of_the_last_hour(&named(&TIMES)),
            of_the_last_hour("kube_replicaset_created")
        ),
        format!(
            "max by (node) (kube_node_created{{node!=\"\"$CLUSTER}} > {since_s} and on (node) {})",
            of_our_nodes(BRIDGE)
        ),
        format!(
            "group by (horizontalpodautoscaler, hpa, scaletargetref_kind, scaletargetref_name$AND_SCOPE) ({})",
            ours(&named(&["kube_horizontalpodautoscaler_info", "kube_hpa_info"]), "")
        ),
        format!("group by (__name__) ({{{}$CLUSTER}})", named(families)),
    ]
}

/// A matcher for several names.
fn named(names: &[&str]) -> String {
    format!("__name__=~\"{}\"", names.join("|"))
}

/// The body of a selector of one metric, given by its name or a matcher of names.
fn body(metric: &str, namespace: &str, which: &str) -> String {
    let name = if metric.contains('=') { metric.to_owned() } else { format!("__name__=\"{metric}\"") };
    let comma = if which.is_empty() { "" } else { "," };
    let only = narrowing(&name, namespace == EXPORTED);
    format!("{{{name},{namespace}{comma}{which}{only}}}")
}

/// The placeholder that narrows a selector to some workloads, if only these are queried and one of these labels distinguishes them.
fn narrowing(name: &str, is_exported: bool) -> &'static str {
    match name {
        several if several.contains('|') && is_exported => "$WORKLOADS$EXPORTED_PODS",
        several if several.contains('|') => "$WORKLOADS$PODS_OR_NONE",
        sets if sets.contains("kube_replicaset") => "$SETS",
        pods if pods.contains("_pod_") && is_exported => "$EXPORTED_PODS",
        pods if pods.contains("_pod_") => "$PODS",
        _ => "",
    }
}

const OWN: &str = r#"namespace=$NS,exported_namespace="""#;
const EXPORTED: &str = "exported_namespace=$NS";

/// Series of our namespace, whichever label holds it.
fn ours(metric: &str, which: &str) -> String {
    format!("({} or $EXPORTED_BEGIN{}$EXPORTED_END)", body(metric, OWN, which), body(metric, EXPORTED, which))
}

/// The same if the last value is up to an hour old, since the creation times of pods that are gone are needed, too.
fn of_the_last_hour(metric: &str) -> String {
    let [own, exported] = [OWN, EXPORTED].map(|n| format!("last_over_time({}[1h])", body(metric, n, "")));
    format!("({own} or $EXPORTED_BEGIN{exported}$EXPORTED_END)")
}

/// The same with the pods' and containers' labels under their own names.
fn of_pods(metric: &str, which: &str, wrap: impl Fn(&str) -> String) -> String {
    let [own, exported] = [OWN, EXPORTED].map(|namespace| wrap(&body(metric, namespace, which)));
    let renamed = format!(r#"label_replace({exported}, "pod", "$1", "exported_pod", "(.+)")"#);
    let renamed = format!(r#"label_replace({renamed}, "container", "$1", "exported_container", "(.+)")"#);
    format!("({own} or $EXPORTED_BEGIN{renamed}$EXPORTED_END)")
}

/// What grew within a step. A new series has not grown, and neither has one whose exporter has just started to count.
fn grown(metric: &str, which: &str, by: &str, step: &str) -> String {
    let now = of_pods(metric, which, str::to_owned);
    let then = of_pods(metric, which, |selector| format!("last_over_time({selector}{BRIDGE} offset {step})"));
    grown_of(&now, &then, by)
}

fn grown_of(now: &str, then: &str, by: &str) -> String {
    format!("(max by ({by}$AND_SCOPE) ({now}) - max by ({by}$AND_SCOPE) ({then})) > 0")
}

/// Values that differ from one step earlier. VictoriaMetrics counts a missing value as different, hence the difference.
fn other_than_before(metric: &str, label: &str, step: &str) -> String {
    let [own, exported] =
        [OWN, EXPORTED].map(|n| format!("last_over_time({}{BRIDGE} offset {step})", body(metric, n, "")));
    format!(
        "(max by ({label}$AND_SCOPE) ({}) - max by ({label}$AND_SCOPE) ({own} or $EXPORTED_BEGIN{exported}$EXPORTED_END)) != 0",
        ours(metric, "")
    )
}

/// One owner for each pod, so that the join has a unique match.
fn images() -> String {
    let plain = str::to_owned;
    let owners = of_pods("kube_pod_owner", r#"owner_kind!="Job""#, plain);
    let images = of_pods("kube_pod_container_info", r#"image_id!="""#, plain);
    format!(
        "group by (owner_kind, owner_name, container, image, image_id$AND_SCOPE) (max by (pod, container, image, image_id$AND_SCOPE) ({images}) * on (pod$AND_SCOPE) \
         group_left (owner_kind, owner_name) topk by (pod$AND_SCOPE) (1, max by (pod, owner_kind, owner_name$AND_SCOPE) ({owners})))"
    )
}

/// Nodes that our pods run on, or did shortly before.
fn of_our_nodes(range: &str) -> String {
    let [own, exported] =
        [OWN, EXPORTED].map(|n| format!("last_over_time({}{range})", body("kube_pod_info", n, "node!=\"\"")));
    format!("group by (node) ({own} or {exported})")
}

const ARGO_APPS: &str = "argocd_app_info{dest_namespace=$NS}";

/// Counters that are greater than one step earlier, or new, of applications that existed one step earlier. With several namespaces, each carries the
/// one that its application deploys to.
fn argo_syncs(step: &str, several: bool) -> String {
    let syncs = r#"argocd_app_sync_total{phase!=""$CLUSTER}"#;
    let new = format!(
        "max by (name, phase) ({syncs}) unless on (name, phase) (max by (name, phase) (last_over_time({syncs}{BRIDGE} offset {step})) >= on \
         (name, phase) max by (name, phase) ({syncs}))"
    );
    let before = format!("last_over_time({ARGO_APPS}{BRIDGE} offset {step})");
    match several {
        false => format!("{new} and on (name) group by (name) ({before})"),
        true => format!(
            "max by (name, phase$AND_SCOPE) (({new}) * on (name) group_left (dest_namespace) topk by (name) (1, group by (name$AND_SCOPE) ({before})))"
        ),
    }
}

fn builds() -> String {
    let which = r#"__name__=~".+_build_info",version!="""#;
    let pods = format!("({{{which},{OWN}$PODS}} or $EXPORTED_BEGIN{{{which},{EXPORTED}$EXPORTED_PODS}}$EXPORTED_END)");
    let pods = format!(r#"label_replace({pods}, "workload", "$1", "pod", "$DEPLOYMENT_OF_POD")"#);
    let mesh = r#"label_replace(istio_build{component="pilot"$CLUSTER}, "version", "$1", "tag", "(.+)")"#;
    format!("group by (__name__, component, job, workload, version$AND_SCOPE) ({pods} or {mesh})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(namespace: &str) -> Values {
        Values { namespace: namespace.into(), cluster: None, rate_ms: 60_000, span_ms: 60_000, only: None }
    }

    #[test]
    fn names_enter_between_quotes_and_nothing_of_a_template_is_left() {
        for part in Part::ALL {
            let filled = part.promql(&values("a\"b"), 60_000, 7);
            let mut rests = filled.split('$').skip(1);
            assert!(!rests.any(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())), "{filled}");
            assert!(!filled.contains("a\"b"), "{filled}");
        }
    }

    #[test]
    fn a_cluster_narrows_every_selector() {
        let cluster = promql::Cluster { label: "cluster".into(), name: "eu".into(), or_none: false };
        let narrowed = Values { cluster: Some(cluster), ..values("shop") };
        let all = Part::ALL.map(|part| part.promql(&narrowed, 60_000, 7));
        for filled in all.iter().chain(&instant(&narrowed, 7, &["kube_pod_owner"])) {
            let selectors = filled
                .split('{')
                .skip(1)
                .map(|rest| rest.split('}').next().unwrap_or_default())
                .filter(|s| s.contains('='));
            assert!(selectors.clone().count() > 0);
            selectors.for_each(|s| assert!(s.contains(r#"cluster="eu""#), "{s} of {filled}"));
        }
    }
}
