//! Fills templates of PromQL. Names from outside are only inserted through [`quote`], so that none can change an expression.

mod quoting;

use super::scope::Scope;
pub(crate) use quoting::{any_of, is_plain_label, label_name, literal, names_label_in_quotes, quote};

/// The values of a template's placeholders.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    /// `$NS`: one namespace, or several.
    pub(crate) namespace: Scope,
    /// The cluster, if the server has several: every selector of the namespace is narrowed to it.
    pub(crate) cluster: Option<Cluster>,
    /// `$RATE`, in milliseconds; `$RATE_S` is the same as a plain number of seconds.
    pub(crate) rate_ms: i64,
    /// `$SPAN`: the whole window, in milliseconds.
    pub(crate) span_ms: i64,
    /// `$PODS`, `$EXPORTED_PODS`, `$SETS`, the servers of `$SERVER` and the clients of `$CLIENT`, if only some workloads are queried.
    pub(crate) only: Option<Only>,
}

/// Some of the workloads, as quoted patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Only {
    /// The workloads.
    pub(crate) workloads: String,
    /// Their pods, and possibly others.
    pub(crate) pods: String,
    /// Whether calls from and to other namespaces are queried as well.
    pub(crate) has_other_end: bool,
}

/// How series of one cluster are selected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cluster {
    /// The label that names it, such as `cluster`; [`OF_ISTIO`] stands for Istio's own pair of labels.
    pub(crate) label: String,
    /// Its name.
    pub(crate) name: String,
    /// Whether series without a cluster belong to it as well: none was requested, and nothing of the namespace is in another one.
    pub(crate) or_none: bool,
}

/// Istio's proxies name the cluster of either end: `source_cluster` and `destination_cluster`.
pub(crate) const OF_ISTIO: &str = "source_cluster, destination_cluster";

/// `$Q`: the quantile of `latency_p95_ms`.
const QUANTILE: &str = "0.95";

/// Fragments that many expressions share. They may contain placeholders, but only of later rows.
const FRAGMENTS: [(&str, &str); 25] = [
    ("SERVER", r#"reporter="destination",destination_workload_namespace=$NS$DESTINATION_CLUSTER"#),
    ("CLIENT", r#"reporter="source",source_workload_namespace=$NS$SOURCE_CLUSTER"#),
    (
        "CALL",
        "source_workload,destination_workload,destination_workload_namespace,destination_service_name$AND_CLUSTERS",
    ),
    // Sums by workload that recording rules keep.
    ("RECORDED", "destination_workload_namespace=$NS$DESTINATION_CLUSTER"),
    ("APP", r#"namespace=$NS,exported_namespace="",container!="",container!="POD",container!~"$PROXIES"$PODS"#),
    // A scraper that does not honour labels replaces only the namespace, or the pod and the container as well.
    (
        "APP_EXPORTED_NAMESPACE",
        r#"exported_namespace=$NS,exported_pod="",container!="",container!="POD",container!~"$PROXIES"$PODS"#,
    ),
    (
        "APP_EXPORTED",
        r#"exported_namespace=$NS,exported_container!="",exported_container!="POD",exported_container!~"$PROXIES"$EXPORTED_PODS"#,
    ),
    ("POD_ROW", r#"namespace=$NS,pod!="",container=""$PODS"#),
    ("INTERFACE", r#"pod!="",interface!~"lo|veth.*""#),
    ("PROXIES", "istio-proxy|linkerd-proxy"),
    // Labels of a target that show who scraped it and how, but nothing about the pod behind it.
    ("SCRAPER", "job,endpoint,service,container,metrics_path,prometheus,prometheus_replica,replica"),
    // No response at all also counts as failed, unless the client did not wait for one.
    ("HTTP_FAILED", r#"response_code=~"5..|0",response_flags!~"$CLIENT_LEFT""#),
    // Envoy: the client closed the connection, reset its stream, or broke the protocol.
    ("CLIENT_LEFT", "(.*,)?(DC|DR|DPE)(,.*)?"),
    // Calls from a gateway in another namespace to services of ours, as counted by the gateway and by the services.
    (
        "FROM_GATEWAY",
        r#"reporter="source",destination_workload_namespace=$NS,source_workload=~"$ISTIO_GATEWAY",source_workload_namespace!=$NS$SOURCE_CLUSTER"#,
    ),
    (
        "FROM_GATEWAY_TO_NOBODY",
        r#"reporter="source",destination_workload="unknown",destination_service=~"[^.]+[.]$NS_PATTERN[.]svc([.].*)?",source_workload=~"$ISTIO_GATEWAY",source_workload_namespace!=$NS$SOURCE_CLUSTER"#,
    ),
    (
        "AT_THE_SERVED",
        r#"reporter="destination",destination_workload_namespace=$NS,source_workload=~"$ISTIO_GATEWAY",source_workload_namespace!=$NS$DESTINATION_CLUSTER"#,
    ),
    // The names that Istio's charts, operator and Gateway API give to gateways and their pods.
    ("ISTIO_GATEWAY", ".*ingress.*|.*gateway-istio.*|istio-.*gateway.*"),
    // Hosts as clients write them: names with a dot that are neither services of a cluster nor IP addresses.
    ("OUTSIDE_HOST", "[a-zA-Z0-9_-]+([.][a-zA-Z0-9_-]+)*[.][a-zA-Z][a-zA-Z0-9-]+"),
    ("INSIDE_HOST", ".*[.]svc([.].*)?|.*[.](local|localdomain)"),
    // gRPC answers 200 and fails in a header: unknown, deadline, exhausted, unimplemented, internal, unavailable, loss.
    ("GRPC_FAILED", r#"grpc_response_status=~"2|4|8|12|13|14|15""#),
    // Routes that kubelets and scrapers request, as a quoted pattern.
    ("HEALTH", r#""/?(health|healthz|healthcheck|live|livez|ready|readyz|metrics|actuator/.*)/?""#),
    // Clusters of an Envoy for its own traffic, likewise.
    ("ENVOY_INTERNAL", r#""admin|agent|prometheus_stats|xds[-_]grpc|sds-grpc|zipkin|BlackHoleCluster|.*admin.*""#),
    // The workload in a pod's name, as formed by Kubernetes: without the hashes of replica set and pod.
    ("DEPLOYMENT_OF_POD", "(.+?)(?:-[bcdfghjklmnpqrstvwxz2456789]{1,10})?-[bcdfghjklmnpqrstvwxz2456789]{5}"),
    // The same in the name of a replica set; a name without a hash is the workload's.
    ("DEPLOYMENT_OF_SET", "(.+?)(?:-[bcdfghjklmnpqrstvwxz2456789]{6,10})?"),
    // Host names of services of this namespace, with or without domain and port; the first group is the service. IP addresses and foreign hosts do
    // not match.
    ("HOST", "([a-zA-Z][-a-zA-Z0-9]*)(?:[.]$NS_PATTERN(?:[.]svc(?:[.].*)?)?)?(?::[0-9]+)?"),
];

/// `$SERVER` and `$CLIENT` for calls between these namespaces and others: what callees elsewhere answer to ours, and what callers elsewhere request
/// from ours.
const OTHER_SERVER: &str = r#"reporter="destination",source_workload_namespace=$NS,destination_workload_namespace!=$NS,destination_workload!~"|unknown"$DESTINATION_CLUSTER"#;
const OTHER_CLIENT: &str = r#"reporter="source",destination_workload_namespace=$NS,source_workload_namespace!=$NS,source_workload!~"|unknown"$SOURCE_CLUSTER"#;

/// `$HOST` if several namespaces are observed.
const QUALIFIED_HOST: &str = "([a-zA-Z][-a-zA-Z0-9]*(?:[.]$NS_PATTERN(?:[.]svc(?:[.].*)?)?)?)(?::[0-9]+)?";

/// The label by which an expression matches the namespace: the first one followed by `$NS`.
pub(crate) fn namespace_label(template: &str) -> Option<String> {
    let mut start = 0;
    while let Some(at) = template[start..].find('$').map(|i| start + i) {
        let rest = &template[at + 1..];
        let name = &rest[..rest.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(rest.len())];
        let found = match name {
            "NS" | "NS_OR_NONE" => label_before(&template[..at]),
            _ => FRAGMENTS.iter().find(|(known, _)| *known == name).and_then(|(_, text)| namespace_label(text)),
        };
        if found.is_some() {
            return found;
        }
        start = at + 1;
    }
    None
}

/// The label in front of `=` or `=~`, quoted or not.
fn label_before(text: &str) -> Option<String> {
    let text = text.trim_end_matches(['=', '~', '!']);
    let label = match text.strip_suffix('"') {
        Some(quoted) => quoted.rsplit('"').next()?,
        None => text.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?,
    };
    (!label.is_empty()).then(|| label.to_owned())
}

/// Placeholders that are not fragments.
const PLAIN: [&str; 20] = [
    "NS",
    "NS_OR_NONE",
    "NS_PATTERN",
    "CLUSTER",
    "SOURCE_CLUSTER",
    "DESTINATION_CLUSTER",
    "RATE",
    "RATE_S",
    "SPAN",
    "Q",
    "AND_SCOPE",
    "AND_CLUSTERS",
    "EXPORTED_BEGIN",
    "EXPORTED_END",
    "PODS",
    "EXPORTED_PODS",
    "PODS_OR_NONE",
    "SETS",
    "WORKLOADS",
    "",
];

/// The names of a template's placeholders.
pub(crate) fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    template.split('$').skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

/// Whether a placeholder is known. A `$` alone belongs to `label_replace` or to a pattern.
pub(crate) fn is_known_placeholder(name: &str) -> bool {
    PLAIN.contains(&name) || FRAGMENTS.iter().any(|(known, _)| *known == name)
}

/// Fills a template in one pass: the content of a value is never expanded.
pub(crate) fn fill(template: &str, values: &Values) -> String {
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        let end = after.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(after.len());
        let (name, tail) = after.split_at(end);
        out.push_str(before);
        if name == "NS" && values.namespace.single().is_none() {
            // With several namespaces, each may match: `=$NS` becomes `=~"a|b"`.
            if out.ends_with("!=") {
                out.pop();
            }
            out.push('~');
        }
        match name {
            "AND_SCOPE" => out.push_str(&values.and_scope(template)),
            name => out.push_str(&expand(name, values)),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// The same, extended to calls with other namespaces if there are several and the expression knows both ends: the two sums have no key in common.
pub(crate) fn fill_both_ends(template: &str, values: &Values) -> String {
    let ours = fill(template, values);
    let knows_both = placeholders(template).any(|name| ["SERVER", "CLIENT"].contains(&name));
    let is_wanted = knows_both && values.only.as_ref().is_none_or(|only| only.has_other_end);
    match values.namespace.other_end().filter(|_| is_wanted) {
        Some(namespace) => format!("({ours} or {})", fill(template, &Values { namespace, ..values.clone() })),
        None => ours,
    }
}

fn expand(name: &str, values: &Values) -> String {
    if let Some(matchers) = values.narrowing(name) {
        return matchers;
    }
    match name {
        "SERVER" if values.namespace.is_other_end => fill(OTHER_SERVER, values),
        "CLIENT" if values.namespace.is_other_end => fill(OTHER_CLIENT, values),
        // The value of a matcher, followed by the cluster's matcher.
        "NS" => {
            let namespace = &values.namespace;
            let value = namespace.single().map_or_else(|| namespace.alternatives(literal), ToOwned::to_owned);
            quote(&value) + &values.cluster_matcher(None)
        }
        // As a pattern, anchored by PromQL: this namespace, or no such label at all.
        "NS_OR_NONE" => quote(&format!("{}|", values.namespace.alternatives(literal))) + &values.cluster_matcher(None),
        // For selectors that name no namespace: the cluster's matcher alone, preceded by a comma.
        "CLUSTER" => values.cluster_matcher(None),
        // If one of several clusters is observed, a call may end in another one.
        "AND_CLUSTERS" => match values.cluster.as_ref().is_some_and(|cluster| !cluster.or_none) {
            true => ",source_cluster,destination_cluster".to_owned(),
            false => String::new(),
        },
        "SOURCE_CLUSTER" => values.cluster_matcher(Some("source_cluster")),
        "DESTINATION_CLUSTER" => values.cluster_matcher(Some("destination_cluster")),
        "NS_PATTERN" => {
            let pattern = values.namespace.alternatives(literal);
            let quoted = quote(&pattern);
            let inner = &quoted[1..quoted.len() - 1];
            if values.namespace.names().len() > 1 { format!("(?:{inner})") } else { inner.to_owned() }
        }
        // With several namespaces, a host keeps the namespace that it names.
        "HOST" if values.namespace.is_qualified => fill(QUALIFIED_HOST, values),
        // If namespaces are distinguished, renamed series get theirs under the usual name.
        "EXPORTED_BEGIN" if values.namespace.is_qualified => "label_replace(".to_owned(),
        "EXPORTED_END" if values.namespace.is_qualified => {
            r#", "namespace", "$1", "exported_namespace", "(.+)")"#.to_owned()
        }
        "EXPORTED_BEGIN" | "EXPORTED_END" => String::new(),
        "RATE" => duration(values.rate_ms),
        "RATE_S" => (values.rate_ms as f64 / 1e3).to_string(),
        "SPAN" => duration(values.span_ms),
        "Q" => QUANTILE.to_owned(),
        _ => match FRAGMENTS.iter().find(|(known, _)| *known == name) {
            Some((_, fragment)) => fill(fragment, values),
            None => format!("${name}"),
        },
    }
}

impl Values {
    /// `,namespace`, for sums and joins that keep namespaces apart; empty if there is one.
    fn and_scope(&self, template: &str) -> String {
        let label = self.scope_label(template);
        label.map_or_else(String::new, |label| format!(",{}", label_name(&label)))
    }

    /// The label with the namespace of a series in the answer to a template; `None` if there is one namespace.
    pub(crate) fn scope_label(&self, template: &str) -> Option<String> {
        namespace_label(template).filter(|_| self.namespace.is_qualified && template.contains("$AND_SCOPE"))
    }

    /// The replacement of a placeholder if only some workloads are queried; `None` for a placeholder that does not depend on them.
    fn narrowing(&self, name: &str) -> Option<String> {
        let Some(only) = &self.only else {
            return ["PODS", "PODS_OR_NONE", "WORKLOADS", "SETS", "EXPORTED_PODS"].contains(&name).then(String::new);
        };
        let of_all = |name| expand(name, &Self { only: None, ..self.clone() });
        let (workloads, pods) = (&only.workloads, &only.pods);
        Some(match name {
            "SERVER" => format!("{},destination_workload=~\"{workloads}\"", of_all(name)),
            "CLIENT" => format!(
                "{},source_workload=~\"{workloads}\",destination_workload=~\"{workloads}|unknown|\"",
                of_all(name)
            ),
            "PODS" => format!(",pod=~\"{pods}\""),
            "PODS_OR_NONE" => format!(",pod=~\"{pods}|\""),
            // The scraper may have renamed the label or not.
            "EXPORTED_PODS" => format!(",exported_pod=~\"{pods}|\""),
            "SETS" => format!(",replicaset=~\"{pods}\""),
            "WORKLOADS" => {
                ["deployment", "statefulset", "daemonset"].map(|label| format!(",{label}=~\"{workloads}|\"")).concat()
            }
            _ => return None,
        })
    }

    /// `,cluster="eu"`, or nothing. Istio's own labels depend on the end of the call that reports.
    fn cluster_matcher(&self, of_istio: Option<&str>) -> String {
        let Some(Cluster { label, name, or_none }) = &self.cluster else { return String::new() };
        match of_istio {
            None if label != OF_ISTIO && *or_none => {
                format!(",{}=~{}", label_name(label), quote(&format!("{}|", literal(name))))
            }
            _ if *or_none => String::new(),
            None if label != OF_ISTIO => format!(",{}={}", label_name(label), quote(name)),
            Some(own) if label == OF_ISTIO => format!(",{own}={}", quote(name)),
            _ => String::new(),
        }
    }
}

/// A duration in PromQL's syntax.
pub(crate) fn duration(ms: i64) -> String {
    if ms % 1000 == 0 { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

/// Several vectors in one answer, distinguished by the label [`PART`].
pub(crate) fn join(parts: &[String]) -> String {
    match parts {
        [one] => one.clone(),
        several => {
            let marked =
                several.iter().enumerate().map(|(i, e)| format!(r#"label_replace({e}, "{PART}", "{i}", "", "")"#));
            marked.collect::<Vec<_>>().join(" or ")
        }
    }
}

/// The label that distinguishes the vectors of one answer.
pub(crate) const PART: &str = "part";

#[cfg(test)]
mod tests {
    use super::super::scope::NamespaceSpec;
    use super::*;

    fn values(namespace: &str) -> Values {
        Values { namespace: namespace.into(), cluster: None, rate_ms: 60_000, span_ms: 1500, only: None }
    }

    #[test]
    fn placeholders_are_filled_once() {
        let filled = fill("rate(x{$SERVER}[$RATE]) $SPAN $Q $NOPE", &values("a$RATE"));
        let expected =
            r#"rate(x{reporter="destination",destination_workload_namespace="a$RATE"}[60s]) 1500ms 0.95 $NOPE"#;
        assert_eq!(filled, expected);
    }

    #[test]
    fn several_namespaces_are_matched_at_once_and_kept_apart() {
        let several = |spec: &str| Values { namespace: NamespaceSpec::parse(spec).scope(), ..values("") };
        let sum = r#"sum by (pod$AND_SCOPE) (x{$POD_ROW} or $EXPORTED_BEGINx{exported_namespace=$NS}$EXPORTED_END)"#;
        assert_eq!(
            fill(&sum.replace("BEGINx", "BEGIN x"), &several("shop,a.b")),
            r#"sum by (pod,namespace) (x{namespace=~"shop|a\\.b",pod!="",container=""} or label_replace( x{exported_namespace=~"shop|a\\.b"}, "namespace", "$1", "exported_namespace", "(.+)"))"#
        );
        assert_eq!(
            fill("sum by ($CALL$AND_SCOPE) (x{$CLIENT,a!=$NS})", &several("team-*,x")),
            r#"sum by (source_workload,destination_workload,destination_workload_namespace,destination_service_name,source_workload_namespace) (x{reporter="source",source_workload_namespace=~"team-.*|x",a!~"team-.*|x"})"#
        );
        assert_eq!(
            fill(r#"sum by (a$AND_SCOPE) (x{"k8s.namespace.name"=~$NS_OR_NONE})"#, &several("a,b")),
            r#"sum by (a,"k8s.namespace.name") (x{"k8s.namespace.name"=~"a|b|"})"#
        );
        assert_eq!(fill("sum by (pod$AND_SCOPE) (x{ns=$NS})", &values("a,b*")), r#"sum by (pod) (x{ns="a,b*"})"#);
    }

    #[test]
    fn a_cluster_narrows_every_selector_of_the_namespace() {
        let of = |label: &str| Values {
            cluster: Some(Cluster { label: label.into(), name: "e\"u".into(), or_none: false }),
            ..values("shop")
        };
        assert_eq!(fill("x{ns=$NS}", &of("cluster")), r#"x{ns="shop",cluster="e\"u"}"#);
        assert_eq!(fill("x{ns=~$NS_OR_NONE}", &of("cluster")), r#"x{ns=~"shop|",cluster="e\"u"}"#);
        assert_eq!(
            fill("{$CLIENT}", &of(OF_ISTIO)),
            r#"{reporter="source",source_workload_namespace="shop",source_cluster="e\"u"}"#
        );
        assert_eq!(fill("x{ns=$NS}", &of(OF_ISTIO)), r#"x{ns="shop"}"#);
        assert!(fill("$CALL", &of("cluster")).ends_with(",source_cluster,destination_cluster"));
        let implied = Cluster { label: "cluster".into(), name: "e.u".into(), or_none: true };
        let implied = Values { cluster: Some(implied), ..values("shop") };
        assert_eq!(fill(r#"x{a="b"$CLUSTER}"#, &implied), r#"x{a="b",cluster=~"e\\.u|"}"#);
        assert!(fill("$CALL", &implied).ends_with("destination_service_name"));
    }

    #[test]
    fn no_name_can_leave_its_literal() {
        for (name, literal) in [
            ("sock-shop", r#""sock-shop""#),
            (r#"x"} or vector(1) or up{a=""#, r#""x\"} or vector(1) or up{a=\"""#),
            (r"a\", r#""a\\""#),
            (r#"\""#, r#""\\\"""#),
            ("a\nb\tc\u{0}", r#""a\nb\u0009c\u0000""#),
            (".*|[a-z]+(x)?^$", r#"".*|[a-z]+(x)?^$""#),
        ] {
            assert_eq!(quote(name), literal);
            assert_eq!(unquote(literal), name, "{literal}");
        }
    }

    #[test]
    fn only_names_that_need_it_stand_between_quotes() {
        assert_eq!(["a_1", "a.b", "1a", ""].map(label_name), ["a_1", "\"a.b\"", "\"1a\"", "\"\""]);
        for (selector, is) in [
            (r#"{__name__="a.b","c.d"=~"e"}"#, true),
            (r#"x{a="=\"!=",b!="c"}"#, false),
            (r#"x{"a" != "c"}"#, true),
            ("x", false),
        ] {
            assert_eq!(names_label_in_quotes(selector), is, "{selector}");
        }
    }

    /// The inverse, by the grammar: fails if the literal ends early.
    fn unquote(literal: &str) -> String {
        let inner = literal.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        let mut out = String::new();
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            assert_ne!(c, '"', "the literal ends early: {literal}");
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next().unwrap() {
                'n' => out.push('\n'),
                'u' => {
                    let hex: String = chars.by_ref().take(4).collect();
                    out.push(char::from_u32(u32::from_str_radix(&hex, 16).unwrap()).unwrap());
                }
                escaped => out.push(escaped),
            }
        }
        out
    }
}
