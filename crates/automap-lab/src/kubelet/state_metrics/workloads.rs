//! Deployments, ReplicaSets, config maps and autoscalers: the desired state, and the traces of a change.

use super::super::exposition::Exposition;
use super::super::{AutoscalerReading, ClusterReading, ConfigMapReading, DeploymentReading, ReplicaSetReading};
use super::condition;
use crate::plan::NAMESPACE;

pub(super) fn write(text: &mut Exposition, cluster: &ClusterReading) {
    deployments(text, &cluster.deployments);
    replica_sets(text, &cluster.deployments);
    config_maps(text, &cluster.config_maps);
    autoscalers(text, &cluster.autoscalers);
}

fn deployments(text: &mut Exposition, deployments: &[DeploymentReading]) {
    type Value = fn(&DeploymentReading) -> f64;
    let families: [(&str, &str, Value); 7] = [
        ("kube_deployment_created", "[STABLE] Unix creation timestamp", |d| d.created_s.floor()),
        (
            "kube_deployment_metadata_generation",
            "[STABLE] Sequence number representing a specific generation of the desired state.",
            |d| d.generation as f64,
        ),
        ("kube_deployment_spec_replicas", "[STABLE] Number of desired pods for a deployment.", |d| {
            f64::from(d.replicas)
        }),
        (
            "kube_deployment_status_observed_generation",
            "[STABLE] The generation observed by the deployment controller.",
            |d| d.observed_generation as f64,
        ),
        ("kube_deployment_status_replicas", "[STABLE] The number of replicas per deployment.", |d| {
            f64::from(d.replicas_present)
        }),
        (
            "kube_deployment_status_replicas_available",
            "[STABLE] The number of available replicas per deployment.",
            |d| f64::from(d.replicas_available),
        ),
        ("kube_deployment_status_replicas_updated", "[STABLE] The number of updated replicas per deployment.", |d| {
            f64::from(d.replicas_updated)
        }),
    ];
    for (name, help, value) in families {
        text.family(name, "gauge", help);
        for deployment in deployments {
            let labels = [("namespace", NAMESPACE), ("deployment", &*deployment.name)];
            text.sample(name, &labels, value(deployment), None);
        }
    }
    let name = "kube_deployment_status_condition";
    text.family(name, "gauge", "[STABLE] The current status conditions of a deployment.");
    for deployment in deployments {
        let of = [("namespace", NAMESPACE), ("deployment", &*deployment.name)];
        condition(text, name, &of, "Available", deployment.replicas_available >= deployment.replicas);
        condition(text, name, &of, "Progressing", true);
    }
}

fn replica_sets(text: &mut Exposition, deployments: &[DeploymentReading]) {
    let each = || deployments.iter().flat_map(|d| d.replica_sets.iter().map(move |r| (d, r)));
    type Value = fn(&ReplicaSetReading) -> f64;
    let families: [(&str, &str, Value); 2] = [
        ("kube_replicaset_created", "[STABLE] Unix creation timestamp", |r| r.created_s.floor()),
        ("kube_replicaset_spec_replicas", "[STABLE] Number of desired pods for a ReplicaSet.", |r| {
            f64::from(r.replicas)
        }),
    ];
    for (name, help, value) in families {
        text.family(name, "gauge", help);
        for (_, set) in each() {
            text.sample(name, &[("namespace", NAMESPACE), ("replicaset", &set.name)], value(set), None);
        }
    }
    text.family("kube_replicaset_owner", "gauge", "[STABLE] Information about the ReplicaSet's owner.");
    for (deployment, set) in each() {
        let labels = [
            ("namespace", NAMESPACE),
            ("replicaset", &*set.name),
            ("owner_kind", "Deployment"),
            ("owner_name", &*deployment.name),
            ("owner_is_controller", "true"),
        ];
        text.sample("kube_replicaset_owner", &labels, 1.0, None);
    }
}

fn config_maps(text: &mut Exposition, maps: &[ConfigMapReading]) {
    type Value = fn(&ConfigMapReading) -> f64;
    let families: [(&str, &str, Value); 3] = [
        ("kube_configmap_info", "[STABLE] Information about configmap.", |_| 1.0),
        ("kube_configmap_created", "[STABLE] Unix creation timestamp", |m| m.created_s.floor()),
        (
            "kube_configmap_metadata_resource_version",
            "Resource version representing a specific version of the configmap.",
            |m| m.resource_version as f64,
        ),
    ];
    for (name, help, value) in families {
        text.family(name, "gauge", help);
        for map in maps {
            text.sample(name, &[("namespace", NAMESPACE), ("configmap", &map.name)], value(map), None);
        }
    }
}

fn autoscalers(text: &mut Exposition, autoscalers: &[AutoscalerReading]) {
    text.family("kube_horizontalpodautoscaler_info", "gauge", "Information about this autoscaler.");
    for scaler in autoscalers {
        let target = [
            ("scaletargetref_api_version", "apps/v1"),
            ("scaletargetref_kind", "Deployment"),
            ("scaletargetref_name", &*scaler.service),
        ];
        text.sample("kube_horizontalpodautoscaler_info", &[&of(scaler)[..], &target].concat(), 1.0, None);
    }
    autoscaler_numbers(text, autoscalers);
    let name = "kube_horizontalpodautoscaler_spec_target_metric";
    let help = "The metric specifications used by this autoscaler when calculating the desired replica count.";
    text.family(name, "gauge", help);
    for scaler in autoscalers {
        let metric = [("metric_name", "cpu"), ("metric_target_type", "utilization")];
        text.sample(name, &[&of(scaler)[..], &metric].concat(), scaler.target_cpu_percent, None);
    }
    let name = "kube_horizontalpodautoscaler_status_condition";
    text.family(name, "gauge", "[STABLE] The condition of this autoscaler.");
    for scaler in autoscalers {
        condition(text, name, &of(scaler), "AbleToScale", true);
        condition(text, name, &of(scaler), "ScalingActive", true);
        condition(text, name, &of(scaler), "ScalingLimited", scaler.is_limited);
    }
}

fn of(autoscaler: &AutoscalerReading) -> [(&str, &str); 2] {
    [("namespace", NAMESPACE), ("horizontalpodautoscaler", &autoscaler.service)]
}

fn autoscaler_numbers(text: &mut Exposition, autoscalers: &[AutoscalerReading]) {
    type Value = fn(&AutoscalerReading) -> f64;
    let families: [(&str, &str, Value); 4] = [
        (
            "kube_horizontalpodautoscaler_spec_max_replicas",
            "[STABLE] Upper limit for the number of pods that can be set by the autoscaler; cannot be smaller than MinReplicas.",
            |a| f64::from(a.max_replicas),
        ),
        (
            "kube_horizontalpodautoscaler_spec_min_replicas",
            "[STABLE] Lower limit for the number of pods that can be set by the autoscaler, default 1.",
            |a| f64::from(a.min_replicas),
        ),
        (
            "kube_horizontalpodautoscaler_status_current_replicas",
            "[STABLE] Current number of replicas of pods managed by this autoscaler.",
            |a| f64::from(a.current_replicas),
        ),
        (
            "kube_horizontalpodautoscaler_status_desired_replicas",
            "[STABLE] Desired number of replicas of pods managed by this autoscaler.",
            |a| f64::from(a.desired_replicas),
        ),
    ];
    for (name, help, value) in families {
        text.family(name, "gauge", help);
        autoscalers.iter().for_each(|scaler| text.sample(name, &of(scaler), value(scaler), None));
    }
}
