//! Which kinds of change a server can show, by its metric families, and what would add the others.

use std::collections::BTreeSet;

use automap_core::change::ChangeKind;

use super::evaluations;
use super::flags;
use super::queries::Part;
use super::readings::{Readings, text};
use super::reloads;

/// What is needed to see a kind of change.
struct Needs {
    kinds: &'static [ChangeKind],
    /// Any of these families; empty if no family shows it.
    families: &'static [&'static str],
    advice: &'static str,
}

/// Families that exist while nothing happens, for every kind; the absence of a family that appears only with an event would not mean anything.
const NEEDS: [Needs; 19] = [
    Needs {
        kinds: &[ChangeKind::Release, ChangeKind::Rollback],
        families: &["kube_pod_owner"],
        advice: "kube-state-metrics: kube_pod_owner; kube_replicaset_spec_replicas and kube_replicaset_created date them exactly",
    },
    Needs {
        kinds: &[ChangeKind::Image],
        families: &["kube_pod_container_info"],
        advice: "kube-state-metrics: kube_pod_container_info, with image and image_id",
    },
    Needs {
        kinds: &[ChangeKind::Scaled],
        families: &["kube_deployment_spec_replicas", "kube_statefulset_replicas"],
        advice: "kube-state-metrics: kube_deployment_spec_replicas, kube_statefulset_replicas",
    },
    Needs {
        kinds: &[ChangeKind::Autoscaled, ChangeKind::AutoscalerAtLimit],
        families: &["kube_horizontalpodautoscaler_status_desired_replicas", "kube_hpa_status_desired_replicas"],
        advice: "kube-state-metrics with the resource horizontalpodautoscalers (absent, too, where nothing is autoscaled)",
    },
    Needs {
        kinds: &[ChangeKind::ConfigMap],
        families: &["kube_configmap_metadata_resource_version"],
        advice: "kube-state-metrics with the resource configmaps: kube_configmap_metadata_resource_version, kube_configmap_created",
    },
    Needs {
        kinds: &[ChangeKind::Secret],
        families: &["kube_secret_metadata_resource_version"],
        advice: "kube-state-metrics with the resource secrets: kube_secret_metadata_resource_version; it needs the right to list them",
    },
    Needs {
        kinds: &[ChangeKind::MeshConfig],
        families: &["pilot_k8s_cfg_events"],
        advice: "scrape Istio's control plane (istiod, port 15014): pilot_k8s_cfg_events",
    },
    Needs {
        kinds: &[ChangeKind::GatewayReload],
        families: &reloads::FAMILIES,
        advice: "scrape the gateway that requests enter through: ingress-nginx, Traefik, HAProxy, Envoy (absent, too, where none is used)",
    },
    Needs {
        kinds: &[ChangeKind::Sync],
        families: &["argocd_app_info", "gotk_resource_info", "kube_secret_created"],
        advice: "scrape Argo CD's application controller, let kube-state-metrics export Flux' gotk_resource_info, or its secrets for Helm",
    },
    Needs {
        kinds: &[ChangeKind::Canary],
        families: &["flagger_canary_status", "rollout_info"],
        advice: "scrape Flagger or the controller of Argo Rollouts (absent, too, where neither is used)",
    },
    Needs {
        kinds: &[ChangeKind::FeatureFlag],
        families: &evaluations::FAMILIES,
        advice: "scrape flagd (port 8014), or programs with OpenFeature's metrics hook (absent, too, where no flag was ever evaluated)",
    },
    Needs {
        kinds: &[ChangeKind::Job],
        families: &["kube_job_status_start_time", "kube_job_created"],
        advice: "kube-state-metrics with the resource jobs (absent, too, where no job was ever run)",
    },
    Needs {
        kinds: &[ChangeKind::JobFailed],
        families: &["kube_job_status_failed", "kube_job_failed"],
        advice: "kube-state-metrics with the resource jobs (absent, too, where no job was ever run)",
    },
    Needs {
        kinds: &[ChangeKind::Node],
        families: &["kube_node_created", "kube_node_spec_unschedulable"],
        advice: "kube-state-metrics with the resource nodes: kube_node_created, kube_node_spec_unschedulable, kube_node_spec_taint",
    },
    Needs {
        kinds: &[ChangeKind::NodeCondition],
        families: &["kube_node_status_condition"],
        advice: "kube-state-metrics with the resource nodes: kube_node_status_condition",
    },
    Needs {
        kinds: &[ChangeKind::Version],
        families: &["target_info", "*_build_info"],
        advice: "programs that report *_build_info with a version, or OpenTelemetry's service.version in target_info",
    },
    Needs {
        kinds: &[ChangeKind::OomKilled, ChangeKind::Crashed],
        families: &["kube_pod_container_status_restarts_total"],
        advice: "kube-state-metrics: kube_pod_container_status_restarts_total and …_last_terminated_reason; …_last_terminated_timestamp (2.12) dates them exactly",
    },
    Needs {
        kinds: &[ChangeKind::CrashLoop, ChangeKind::ImagePullFailed, ChangeKind::Evicted, ChangeKind::Unschedulable],
        families: &["kube_pod_container_status_waiting", "kube_pod_status_ready"],
        advice: "kube-state-metrics: kube_pod_container_status_waiting_reason, kube_pod_status_reason, kube_pod_status_unschedulable",
    },
    Needs {
        kinds: &[ChangeKind::ProbeFailed],
        families: &["prober_probe_total"],
        advice: "scrape the kubelet's /metrics/probes: prober_probe_total",
    },
];

/// What a server needs in order to show this kind of change; empty for changes that are reported to automap.
///
/// ```
/// use automap_core::change::ChangeKind;
/// use automap_sources::prometheus::change_needs;
///
/// assert!(change_needs(ChangeKind::ProbeFailed).contains("/metrics/probes"));
/// ```
pub fn change_needs(kind: ChangeKind) -> &'static str {
    NEEDS.iter().find(|needs| needs.kinds.contains(&kind)).map_or("", |needs| needs.advice)
}

/// Every kind of change that Prometheus can show, with what the server needs for it.
pub fn changes_told() -> impl Iterator<Item = (ChangeKind, &'static str)> {
    let told = NEEDS.iter().filter(|needs| !needs.families.is_empty());
    told.flat_map(|needs| needs.kinds.iter().map(|kind| (*kind, needs.advice)))
}

/// Families whose presence is queried. Flags are counted by the programs that evaluate them, and gateways read their own configuration: other
/// programs' series would not show anything about ours.
pub(super) fn asked() -> Vec<&'static str> {
    let mut all: Vec<&str> = NEEDS.iter().flat_map(|needs| needs.families).copied().collect();
    let is_of_others = |family: &str| evaluations::FAMILIES.contains(&family) || reloads::FAMILIES.contains(&family);
    all.retain(|family| !family.starts_with('*') && !is_of_others(family));
    all.push("kube_horizontalpodautoscaler_status_condition");
    all.sort_unstable();
    all.dedup();
    all
}

/// Kinds that could not be observed.
pub(super) fn unseen(readings: &Readings) -> Vec<ChangeKind> {
    let mut there: BTreeSet<&str> = readings.families.iter().map(String::as_str).collect();
    let told = readings.parts.values().flatten().map(|series| text(&series.labels, "__name__"));
    there.extend(told.filter(|family| !family.is_empty()));
    // Parts with a single family do not name it.
    for (part, family) in [
        (Part::PodOwners, "kube_pod_owner"),
        (Part::Images, "kube_pod_container_info"),
        (Part::ArgoApps, "argocd_app_info"),
        (Part::Flux, "gotk_resource_info"),
        (Part::Builds, "*_build_info"),
        (Part::Targets, "target_info"),
        (Part::Probes, "prober_probe_total"),
        (Part::Mesh, "pilot_k8s_cfg_events"),
        (Part::Reloads, reloads::FAMILIES[0]),
    ] {
        if !readings.part(part).is_empty() {
            there.insert(family);
        }
    }
    if flags::are_cut(readings) {
        evaluations::FAMILIES.iter().for_each(|family| {
            there.remove(family);
        });
    }
    let is_unseen = |needs: &&Needs| !needs.families.iter().any(|family| there.contains(family));
    NEEDS.iter().filter(is_unseen).flat_map(|needs| needs.kinds).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::readings::tests::Table;
    use super::*;

    #[test]
    fn every_kind_has_its_needs_once_and_absent_families_leave_it_unseen() {
        let kinds: Vec<ChangeKind> = NEEDS.iter().flat_map(|needs| needs.kinds).copied().collect();
        let distinct: BTreeSet<ChangeKind> = kinds.iter().copied().collect();
        assert_eq!((distinct.len(), kinds.len()), (25, 25), "all but what is reported to automap");
        assert!(change_needs(ChangeKind::Other).is_empty());
        let mut table = Table::new().there(Part::Builds, "__name__=a_build_info,job=a,version=1", [1]);
        table.0.families.insert("kube_job_created".to_owned());
        let unseen = unseen(&table.0);
        for kind in [ChangeKind::Release, ChangeKind::Version, ChangeKind::Job] {
            assert!(!unseen.contains(&kind), "{kind:?}");
        }
        assert!(unseen.contains(&ChangeKind::Secret) && unseen.contains(&ChangeKind::FeatureFlag));
        assert_eq!(unseen.len(), 25 - 4);
    }
}
