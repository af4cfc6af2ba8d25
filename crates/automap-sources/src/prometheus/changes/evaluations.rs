//! The counters of feature flag evaluations: flagd's own, and those of OpenFeature's metrics hook inside the program that evaluates.
//!
//! Both were renamed with the conventions of OpenTelemetry, so every label has several names. They come from a scrape of the pod, or through
//! OpenTelemetry with the namespace in a resource attribute or in front of the job. Evaluations without a namespace are taken as ours.

/// The counters, in order of preference.
pub(super) const FAMILIES: [&str; 2] = ["feature_flag_flagd_impression_total", "feature_flag_evaluation_success_total"];
/// Labels of a flag's key.
pub(super) const KEYS: [&str; 2] = ["feature_flag_key", "key"];
/// Labels of the variant that an evaluation returned.
pub(super) const VARIANTS: [&str; 3] = ["feature_flag_result_variant", "feature_flag_variant", "variant"];
/// Most variants of flags in one answer: the most evaluated ones.
pub(super) const MAX_SERIES: usize = 200;

/// All evaluations since the programs began to count, by flag and variant. `several` if there are several namespaces, which are then all in the same
/// label.
pub(super) fn template(several: bool) -> String {
    let with = |which: &str| format!(r#"{{__name__=~"{}",{which}}}"#, FAMILIES.join("|"));
    let [by_resource, by_label, by_job, by_none] = [
        with("k8s_namespace_name=$NS"),
        with(r#"k8s_namespace_name="",namespace=$NS"#),
        with(r#"k8s_namespace_name="",namespace="",job=~"$NS_PATTERN/.+"$CLUSTER"#),
        with(r#"k8s_namespace_name="",namespace="",job!~".+/.+"$CLUSTER"#),
    ];
    let series = match several {
        false => format!("{by_label} or {by_resource} or {by_job} or {by_none}"),
        true => format!(
            r#"{by_label} or label_replace({by_resource}, "namespace", "$1", "k8s_namespace_name", "(.+)") or label_replace({by_job}, "namespace", "$1", "job", "(.+)/.+") or {by_none}"#
        ),
    };
    let labels = [KEYS.as_slice(), &VARIANTS].concat().join(", ");
    format!("topk({MAX_SERIES}, sum by (__name__, {labels}$AND_SCOPE) ({series}))")
}
