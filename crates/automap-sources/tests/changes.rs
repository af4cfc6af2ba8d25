//! Changes, read through a real Prometheus: one scenario for each kind, and one for each pitfall.

use automap_core::change::ChangeKind;
use automap_core::observation::QueryState;
use automap_sources::prometheus::{Client, ClientOptions, ObserveOptions, Tail, observe, observe_incrementally};

use crate::changes_world::{LENGTH, Victoria, World, all, at, at_s, options};

const ALL: std::ops::Range<i64> = 0..LENGTH;

/// A pod of the second template of `orders` or the first.
fn owner(set: &str) -> String {
    format!(
        r#"kube_pod_owner{{KSM,pod="{set}-x2x4z",owner_kind="ReplicaSet",owner_name="{set}",owner_is_controller="true"}}"#
    )
}

fn image(pod: &str, container: &str, tag: &str, id: &str) -> String {
    format!(
        r#"kube_pod_container_info{{KSM,pod="{pod}",container="{container}",image="r/shop/{container}:{tag}",image_id="r/shop/{container}@sha256:{id}"}}"#
    )
}

/// A release of `orders` at minute 120, and the roll-back at minute 240.
fn released() -> World {
    let set = |hash: &str| format!(r#"kube_replicaset_spec_replicas{{KSM,replicaset="orders-{hash}"}}"#);
    let created = |hash: &str| format!(r#"kube_replicaset_created{{KSM,replicaset="orders-{hash}"}}"#);
    World::shop()
        .there(&owner("orders-88cd5fb6c4"), 120..240)
        .values(&set("77cd5fb6c4"), ALL, |m| f64::from(!(121.0..240.0).contains(&m)))
        .values(&set("88cd5fb6c4"), 120..LENGTH, |m| f64::from(m < 240.0))
        .time(&created("77cd5fb6c4"), ALL, -9000.0)
        .time(&created("88cd5fb6c4"), 120..LENGTH, 119.7)
        .there(&image("orders-77cd5fb6c4-x2x4z", "orders", "1.4.2", "aa"), ALL)
        .there(&image("orders-88cd5fb6c4-x2x4z", "orders", "1.4.3", "bb"), 120..240)
        .time(r#"kube_pod_created{KSM,pod="orders-77cd5fb6c4-bbbbb"}"#, 240..LENGTH, 239.6)
}

#[test]
fn a_release_and_its_roll_back_are_dated_to_the_second_with_their_versions() {
    let Some(server) = released().start("release") else { return };
    let fetched = server.observe(LENGTH);
    assert_eq!(
        all(&fetched),
        [
            "119.7 release orders: deployment orders 1.4.2 → 1.4.3 ±0",
            "239.6 roll-back orders: deployment orders 1.4.3 → 1.4.2 ±0",
        ]
    );
    let log = &fetched.observation.changes;
    let observed = log.observed.unwrap();
    assert!(observed.start <= at(2.0) && observed.end >= at(LENGTH as f64 - 2.0), "{observed:?}");
    assert!(!log.unseen.contains(&ChangeKind::Image) && log.unseen.contains(&ChangeKind::ConfigMap));
    let ours: Vec<_> = fetched.observation.queries.iter().filter(|q| q.signal == "changes").collect();
    assert!(ours.len() > 2 && ours.iter().all(|q| q.state == QueryState::Complete), "{ours:?}");
}

/// As Azure's collector delivers it by default: owners of pods, and nothing newer.
#[test]
fn owners_of_pods_alone_are_enough_for_a_release() {
    let world = World::shop().there(&owner("orders-88cd5fb6c4"), 120..LENGTH);
    let Some(server) = world.start("owners") else { return };
    let fetched = server.observe(LENGTH);
    assert_eq!(all(&fetched), ["120 release orders: deployment orders - → - ±90"]);
    assert!(fetched.observation.changes.unseen.contains(&ChangeKind::Image));
}

#[test]
fn every_kind_is_told_once_with_its_service() {
    let Some(server) = everything().start("everything") else { return };
    let fetched = server.observe(LENGTH);
    assert_eq!(all(&fetched), EVERYTHING, "{:#?}", all(&fetched));
    let unseen = &fetched.observation.changes.unseen;
    assert!(unseen.is_empty(), "{unseen:?}: each has its family");
}

/// It counts a new series as one that has grown, and detects the end of a series by the interval of its samples.
#[test]
#[ignore = "needs VictoriaMetrics: VICTORIA_METRICS=/usr/bin/victoria-metrics"]
fn victoria_metrics_tells_the_same() {
    let Some(program) = std::env::var_os("VICTORIA_METRICS") else { panic!("VICTORIA_METRICS names no program") };
    let server = Victoria::start(program.to_str().unwrap(), &everything());
    let client = Client::new(ClientOptions::new(&server.url)).unwrap();
    let fetched = observe(&client, &options(LENGTH), &|_| {}).unwrap();
    assert_eq!(all(&fetched), EVERYTHING, "{:#?}", all(&fetched));
}

fn everything() -> World {
    let carts = "carts-6b8d6fb9c5-x2x4z";
    let of = |pod: &str, container: &str| format!(r#"KSM,pod="{pod}",container="{container}",uid="u""#);
    let flag = |minutes: std::ops::Range<i64>| {
        move |m: f64| f64::from((minutes.start as f64..minutes.end as f64).contains(&m))
    };
    World::shop()
        .and(&workloads())
        .and(&around())
        // The same tag pushed again.
        .there(&image(carts, "carts", "latest", "aa"), 0..40)
        .there(&image(carts, "carts", "latest", "bb"), 40..LENGTH)
        // Terminations, each with its own evidence.
        .time(
            &format!("kube_pod_container_status_last_terminated_timestamp{{{}}}", of(carts, "carts")),
            50..LENGTH,
            49.8,
        )
        .values(
            &format!("kube_pod_container_status_last_terminated_exitcode{{{}}}", of(carts, "carts")),
            50..LENGTH,
            |_| 137.0,
        )
        .there(
            &format!(
                r#"kube_pod_container_status_last_terminated_reason{{{},reason="OOMKilled"}}"#,
                of(carts, "carts")
            ),
            50..LENGTH,
        )
        .values(&format!("kube_pod_container_status_restarts_total{{{}}}", of("db-0", "db")), ALL, |m| {
            f64::from(m >= 60.0)
        })
        .there(
            &format!(r#"kube_pod_container_status_last_terminated_reason{{{},reason="Error"}}"#, of("db-0", "db")),
            ALL,
        )
        .values(&format!("kube_pod_container_status_waiting{{{}}}", of(carts, "carts")), ALL, |_| 0.0)
        .there(
            &format!(r#"kube_pod_container_status_waiting_reason{{{},reason="CrashLoopBackOff"}}"#, of(carts, "carts")),
            70..74,
        )
        .there(
            &format!(r#"kube_pod_container_status_waiting_reason{{{},reason="ImagePullBackOff"}}"#, of("db-0", "db")),
            80..84,
        )
        .values(
            &format!(r#"prober_probe_total{{{},probe_type="Liveness",result="failed"}}"#, of(carts, "carts")),
            ALL,
            |m| if m < 90.0 { 3.0 } else { 4.0 },
        )
        .values(
            r#"kube_pod_status_reason{KSM,pod="carts-6b8d6fb9c5-bbbbb",uid="u",reason="Evicted"}"#,
            ALL,
            flag(100..110),
        )
        .there(r#"kube_pod_status_unschedulable{KSM,pod="orders-77cd5fb6c4-ccccc",uid="u"}"#, 110..113)
        .time(r#"kube_job_status_start_time{KSM,job_name="backup-29916720"}"#, 120..200, 119.5)
        .there(r#"kube_job_failed{KSM,job_name="backup-29916720",condition="true"}"#, 130..200)
        .values(r#"kube_job_status_failed{KSM,job_name="backup-29916720"}"#, 130..LENGTH, |_| 1.0)
}

/// Scaling by hand and by the autoscaler, stateful and daemon sets, configuration.
fn workloads() -> World {
    let hpa = r#"KSM,horizontalpodautoscaler="carts-scaler""#;
    let version = |what: &str| format!("kube_{what}_metadata_resource_version");
    let rising = |minute: i64| move |m: f64| if m < minute as f64 { 1000.0 } else { 2000.0 };
    World::default()
        .values(r#"kube_deployment_spec_replicas{KSM,deployment="orders"}"#, ALL, |m| if m < 150.0 { 1.0 } else { 3.0 })
        .values(r#"kube_deployment_spec_replicas{KSM,deployment="carts"}"#, ALL, |m| if m < 160.0 { 1.0 } else { 4.0 })
        .there(&format!(r#"kube_horizontalpodautoscaler_info{{{hpa},scaletargetref_kind="Deployment",scaletargetref_name="carts"}}"#), ALL)
        .values(&format!("kube_horizontalpodautoscaler_status_desired_replicas{{{hpa}}}"), ALL, |m| if m < 160.0 { 1.0 } else { 4.0 })
        .values(&format!("kube_horizontalpodautoscaler_status_current_replicas{{{hpa}}}"), ALL, |m| if m < 161.0 { 1.0 } else { 4.0 })
        .values(&format!("kube_horizontalpodautoscaler_spec_max_replicas{{{hpa}}}"), ALL, |_| 4.0)
        .values(&format!(r#"kube_horizontalpodautoscaler_status_condition{{{hpa},condition="ScalingLimited",status="true"}}"#), ALL, |m| f64::from(m >= 165.0))
        .there(r#"kube_pod_owner{KSM,pod="db-0",owner_kind="StatefulSet",owner_name="db",owner_is_controller="true"}"#, ALL)
        .there(r#"kube_statefulset_status_update_revision{KSM,statefulset="db",revision="db-6d4f"}"#, 0..170)
        .there(r#"kube_statefulset_status_update_revision{KSM,statefulset="db",revision="db-7e5a"}"#, 170..LENGTH)
        .there(r#"kube_pod_owner{KSM,pod="agent-x2x4z",owner_kind="DaemonSet",owner_name="agent",owner_is_controller="true"}"#, ALL)
        .values(r#"kube_daemonset_metadata_generation{KSM,daemonset="agent"}"#, ALL, |m| 1.0 + f64::from(m >= 60.0) + f64::from(m >= 180.0))
        .values(r#"kube_daemonset_status_updated_number_scheduled{KSM,daemonset="agent"}"#, ALL, |m| if (181.0..185.0).contains(&m) { 0.0 } else { 3.0 })
        .values(&(version("configmap") + r#"{KSM,configmap="orders-settings"}"#), ALL, rising(190))
        .values(&(version("configmap") + r#"{KSM,configmap="leader-election"}"#), ALL, |m| 1000.0 + m)
        .values(&(version("secret") + r#"{KSM,secret="shop-tls"}"#), ALL, rising(200))
        .time(r#"kube_secret_created{KSM,secret="sh.helm.release.v1.carts.v7"}"#, 210..LENGTH, 209.9)
}

/// Nodes, the mesh, and controllers of deployments.
fn around() -> World {
    let node =
        |family: &str, more: &str| format!(r#"kube_node_{family}{{job="ksm",instance="ksm-1:8080",node="n1"{more}}}"#);
    let flux = |revision: &str| {
        format!(
            r#"gotk_resource_info{{job="ksm",customresource_kind="Kustomization",exported_namespace="flux-system",name="orders",revision="{revision}"}}"#
        )
    };
    let build = |version: &str| {
        format!(
            r#"mailer_build_info{{job="mailer",namespace="shop",pod="mailer-7f9c8d6b5-q9v2t",version="{version}"}}"#
        )
    };
    let edge = |metric: &str, more: &str| {
        format!(
            r#"haproxy_{metric}{{job="edge",instance="10.0.0.6:8404",namespace="shop",pod="edge-7f9c8d6b5-q9v2t"{more}}}"#
        )
    };
    World::default()
        .there(r#"kube_pod_info{KSM,pod="orders-77cd5fb6c4-x2x4z",node="n1"}"#, ALL)
        .there(r#"kube_pod_info{KSM,pod="orders-77cd5fb6c4-ccccc",node="n2"}"#, 300..LENGTH)
        .time(&node("created", ""), ALL, -9000.0)
        .time(r#"kube_node_created{job="ksm",node="n2"}"#, 216..LENGTH, 215.25)
        .values(&node("spec_unschedulable", ""), ALL, |m| f64::from(m >= 220.0))
        .there(&node("spec_taint", r#",key="upgrade",effect="NoSchedule""#), 225..LENGTH)
        .there(&node("spec_taint", r#",key="node.kubernetes.io/unschedulable",effect="NoSchedule""#), 220..LENGTH)
        .values(&node("status_condition", r#",condition="Ready",status="true""#), ALL, |m| f64::from(m < 230.0))
        .values(r#"pilot_k8s_cfg_events{job="istiod",type="VirtualService",event="update"}"#, ALL, |m| {
            if m < 240.0 { 5.0 } else { 6.0 }
        })
        .there(r#"argocd_app_info{job="argocd",namespace="argocd",name="carts",dest_namespace="shop"}"#, ALL)
        .there(r#"argocd_app_sync_total{job="argocd",namespace="argocd",name="carts",phase="Succeeded"}"#, 250..LENGTH)
        .there(&flux("main@sha1:aaaa"), 0..260)
        .there(&flux("main@sha1:bbbb"), 260..LENGTH)
        .values(r#"flagger_canary_status{job="flagger",exported_namespace="shop",name="carts"}"#, ALL, |m| {
            if m < 270.0 { 1.0 } else { 0.0 }
        })
        .there(r#"rollout_info{job="rollouts",namespace="shop",name="web",strategy="canary",phase="Healthy"}"#, 0..280)
        .there(
            r#"rollout_info{job="rollouts",namespace="shop",name="web",strategy="canary",phase="Progressing"}"#,
            280..LENGTH,
        )
        .there(&build("1.0"), 0..290)
        .there(&build("1.1"), 290..LENGTH)
        .values(&edge("backend_http_requests_total", r#",proxy="orders""#), ALL, |m| m * 60.0)
        .values(&edge("process_start_time_seconds", ""), ALL, |m| at_s(if m < 310.5 { -900.0 } else { 310.25 }))
        .and(&flags())
}

/// flagd as it is scraped in its own pod, and a flag of another namespace that is switched as well.
fn flags() -> World {
    let evaluations = |namespace: &str, key: &str, variant: &str| {
        format!(
            r#"feature_flag_flagd_impression_total{{job="flagd",namespace="{namespace}",pod="flagd-5c8d7b6f9c-w7x2k",container="flagd",endpoint="metrics",feature_flag_key="{key}",feature_flag_provider_name="flagd",feature_flag_result_reason="STATIC",feature_flag_result_variant="{variant}",otel_scope_name="openfeature/flagd",otel_scope_version=""}}"#
        )
    };
    let switched = |world: World, namespace: &str, key: &str| {
        world.values(&evaluations(namespace, key, "off"), ALL, |m| 40.0 * m.min(299.5)).values(
            &evaluations(namespace, key, "on"),
            300..LENGTH,
            |m| 40.0 * (m - 299.5),
        )
    };
    let steady = evaluations("shop", "ordersFailure", "off");
    switched(switched(World::default(), "shop", "cartsFailure"), "bank", "cartsSlow").values(&steady, ALL, |m| 40.0 * m)
}

const EVERYTHING: [&str; 30] = [
    "40 image changed carts: image r/shop/carts:latest of container carts aa → bb ±90",
    "49.8 out of memory, killed carts: container carts of pod carts-6b8d6fb9c5-x2x4z - → OOMKilled, exit code 137 ±0",
    "60 crashed db: container db of pod db-0 - → Error ±90",
    "70 crash loop carts: container carts of pod carts-6b8d6fb9c5-x2x4z - → CrashLoopBackOff ±90",
    "80 image not pulled db: container db of pod db-0 - → ImagePullBackOff ±90",
    "90 probe failed carts: liveness probe of container carts - → - ±90",
    "100 evicted carts: pod carts-6b8d6fb9c5-bbbbb - → Evicted ±90",
    "110 not scheduled orders: a pod of orders - → - ±90",
    "119.5 job began backup: job backup-29916720 - → - ±0",
    "130 job failed backup: job backup-29916720 - → - ±90",
    "150 scaled orders: deployment orders 1 → 3 ±90",
    "160 autoscaled carts: deployment carts by its autoscaler 1 → 4 ±90",
    "165 autoscaler at its limit carts: autoscaler carts-scaler - → 4 replicas ±90",
    "170 release db: stateful set db - → - ±90",
    "180 release agent: daemon set agent - → - ±90",
    "190 config map changed orders: config map orders-settings - → - ±90",
    "200 secret changed -: secret shop-tls - → - ±90",
    "209.9 synchronised carts: Helm release carts revision 6 → revision 7 ±0",
    "215.25 node changed node/n2: node n2 - → added ±0",
    "220 node changed node/n1: node n1 - → cordoned ±90",
    "225 node changed node/n1: node n1 - → taint upgrade:NoSchedule ±90",
    "230 node condition node/n1: node n1 - → not ready ±90",
    "240 mesh configuration changed -: VirtualService - → updated ±60",
    "250 synchronised carts: Argo CD application carts - → Succeeded ±60",
    "260 synchronised orders: Flux Kustomization orders main@sha1:aaaa → main@sha1:bbbb ±60",
    "270 canary carts: canary carts succeeded → running ±60",
    "280 canary web: roll-out web Healthy → Progressing ±60",
    "290 version changed mailer: mailer of service mailer 1.0 → 1.1 ±60",
    "300 feature flag changed carts: cartsFailure off → on ±60",
    "310.25 gateway reloaded edge: HAProxy (or begun anew) - → - ±0",
];

/// As OpenFeature's metrics hook reports it through OpenTelemetry, without a pod; without kube-state-metrics; and for several namespaces.
#[test]
fn a_program_that_evaluates_flags_itself_tells_of_them() {
    let of = |job: &str, variant: &str| {
        format!(
            r#"feature_flag_evaluation_success_total{{job="{job}",instance="7f0c",feature_flag_key="carts.slow",feature_flag_provider_name="flagd",feature_flag_reason="static",feature_flag_variant="{variant}"}}"#
        )
    };
    let cpu = |namespace: &str| {
        format!(
            r#"container_cpu_usage_seconds_total{{job="kubelet",namespace="{namespace}",pod="carts-6b8d6fb9c5-x2x4z",container="carts"}}"#
        )
    };
    let switched = |world: World, job: &str| {
        world
            .values(&of(job, "false"), ALL, |m| 40.0 * m.min(329.5))
            .values(&of(job, "true"), 330..LENGTH, |m| 40.0 * (m - 329.5))
    };
    let world =
        switched(World::default().values(&cpu("shop"), ALL, |m| m).values(&cpu("bank"), ALL, |m| m), "shop/carts");
    let Some(server) = world.start("hook") else { return };
    let told = |namespace: &str| {
        let options = ObserveOptions { namespace: namespace.to_owned(), ..options(LENGTH) };
        all(&observe(&server.client(None), &options, &|_| {}).unwrap())
    };
    assert_eq!(told("shop"), ["330 feature flag changed carts: carts.slow false → true ±90"]);
    assert_eq!(told("bank"), [""; 0], "it is another namespace's");
    assert_eq!(told("bank,shop"), ["330 feature flag changed shop/carts: carts.slow false → true ±90"]);
    let Some(server) = switched(World::default().values(&cpu("shop"), ALL, |m| m), "carts").start("nowhere") else {
        return;
    };
    let fetched = server.observe(LENGTH);
    assert_eq!(
        all(&fetched),
        ["330 feature flag changed carts: carts.slow false → true ±90"],
        "nobody says which namespace"
    );
    assert!(!fetched.observation.changes.unseen.contains(&ChangeKind::FeatureFlag));
}

#[test]
fn an_exporter_that_restarts_or_runs_twice_changes_nothing() {
    let restarted = |minutes: &str| released().replaced("ksm-1:8080", minutes);
    let Some(server) = restarted("ksm-1:8080").and(&restarted("ksm-2:8080")).start("twice") else { return };
    let twice = all(&server.observe(LENGTH));
    assert_eq!(twice.len(), 2, "{twice:?}");
    // Missing for eight minutes, then back under another address; every series is new, but nothing has changed.
    let mut before = World::default();
    for (set, created) in [("orders-77cd5fb6c4", -9000.0), ("carts-6b8d6fb9c5", -8000.0)] {
        let created_s = format!(r#"kube_replicaset_created{{KSM,replicaset="{set}"}}"#);
        let replicas = format!(r#"kube_replicaset_spec_replicas{{KSM,replicaset="{set}"}}"#);
        let settings = format!(r#"kube_configmap_metadata_resource_version{{KSM,configmap="{set}"}}"#);
        let cpu = format!(
            r#"container_cpu_usage_seconds_total{{job="kubelet",namespace="shop",pod="{set}-x2x4z",container="x"}}"#
        );
        before = before.values(&cpu, ALL, |m| m * 6.0);
        for (instance, minutes) in [("ksm-1:8080", 0..200), ("ksm-2:8080", 208..LENGTH)] {
            let part = World::default()
                .there(&owner(set), minutes.clone())
                .there(&replicas, minutes.clone())
                .values(&settings, minutes.clone(), |_| 7.0)
                .time(&created_s, minutes, created);
            before = before.and(&part.replaced("ksm-1:8080", instance));
        }
    }
    let Some(server) = before.start("restarted") else { return };
    assert_eq!(all(&server.observe(LENGTH)), [""; 0]);
}

#[test]
fn labels_that_a_scraper_renamed_are_understood() {
    let exported = released()
        .replaced(
            r#"namespace="shop",pod="orders-"#,
            r#"namespace="monitoring",pod="ksm-0",exported_namespace="shop",exported_pod="orders-"#,
        )
        .replaced(
            r#"namespace="shop",pod="carts-"#,
            r#"namespace="monitoring",pod="ksm-0",exported_namespace="shop",exported_pod="carts-"#,
        )
        .replaced(
            r#"namespace="shop",replicaset"#,
            r#"namespace="monitoring",pod="ksm-0",exported_namespace="shop",replicaset"#,
        )
        .replaced(r#",container="orders",image"#, r#",container="ksm",exported_container="orders",image"#)
        .replaced(
            r#"job="kubelet",namespace="monitoring",pod="ksm-0",exported_namespace="shop",exported_pod"#,
            r#"job="kubelet",namespace="shop",pod"#,
        );
    let Some(server) = exported.start("exported") else { return };
    assert_eq!(
        all(&server.observe(LENGTH)),
        [
            "119.7 release orders: deployment orders 1.4.2 → 1.4.3 ±0",
            "239.6 roll-back orders: deployment orders 1.4.3 → 1.4.2 ±0",
        ]
    );
}

#[test]
fn another_cluster_is_another_system() {
    let here = |cluster: &str| format!(r#"namespace="shop",cluster="{cluster}""#);
    let both = released().replaced(r#"namespace="shop""#, &here("eu"));
    let both = both.and(&World::shop().replaced(r#"namespace="shop""#, &here("us")));
    let Some(server) = both.start("clusters") else { return };
    let of = |cluster: &str| observe(&server.client(Some(cluster)), &options(LENGTH), &|_| {}).unwrap();
    assert_eq!((all(&of("eu")).len(), all(&of("us")).len()), (2, 0));
}

#[test]
fn what_the_server_does_not_remember_was_not_observed() {
    let young = World::default()
        .values(r#"container_cpu_usage_seconds_total{job="kubelet",namespace="shop",pod="orders-77cd5fb6c4-x2x4z",container="x"}"#, 200..LENGTH, |m| m)
        .there(&owner("orders-77cd5fb6c4"), 200..LENGTH)
        .values(r#"kube_configmap_metadata_resource_version{KSM,configmap="orders"}"#, 200..LENGTH, |_| 7.0);
    let Some(server) = young.start("young") else { return };
    let log = server.observe(LENGTH).observation.changes;
    let observed = log.observed.unwrap();
    assert!(observed.start >= at(199.0) && observed.start <= at(201.0), "{observed:?}");
    assert!(log.changes.is_empty(), "a first sample is no change: {:?}", log.changes);
}

#[test]
fn without_kube_state_metrics_one_request_looks_for_the_rest_and_none_when_not_asked() {
    let cpu = |name: &str| {
        format!(
            r#"container_cpu_usage_seconds_total{{job="kubelet",namespace="shop",pod="{name}-7f9c8d6b5-q9v2t",container="x"}}"#
        )
    };
    let build = |version: &str| {
        format!(
            r#"mailer_build_info{{job="mailer",namespace="shop",pod="mailer-7f9c8d6b5-q9v2t",version="{version}"}}"#
        )
    };
    let bare = World::default().values(&cpu("mailer"), ALL, |m| m);
    let Some(server) = bare.start("bare") else { return };
    let quiet = observe(&server.client(None), &ObserveOptions { changes: false, ..options(LENGTH) }, &|_| {}).unwrap();
    let asked = server.observe(LENGTH);
    assert_eq!(asked.stats.requests, quiet.stats.requests + 1);
    assert_eq!((&asked.observation.changes.observed, quiet.observation.changes.observed), (&None, None));
    let gap = asked.observation.not_checked.iter().find(|n| n.signal == "changes").unwrap();
    assert_eq!(gap.reason, "nothing that tells of changes");
    assert!(quiet.observation.not_checked.iter().all(|n| n.signal != "changes"));
    let told = bare.there(&build("1.0"), 0..290).there(&build("1.1"), 290..LENGTH);
    let Some(server) = told.start("told") else { return };
    let fetched = server.observe(LENGTH);
    assert_eq!(all(&fetched), ["290 version changed mailer: mailer of service mailer 1.0 → 1.1 ±90"]);
    assert!(fetched.observation.changes.unseen.contains(&ChangeKind::Release));
}

#[test]
fn a_watcher_sees_the_same_and_asks_once_a_minute_for_what_is_new() {
    let Some(server) = released().start("watched") else { return };
    let (client, mut tail) = (server.client(None), Tail::default());
    let mut look = |after_s: i64| {
        let now = at(100.0).plus_ms(after_s * 1000);
        let ours = ObserveOptions { from: now.plus_ms(-3_600_000), to: now, now, ..options(100) };
        observe_incrementally(&mut tail, &client, &ours, &|_| {}).unwrap()
    };
    let first = look(0);
    assert_eq!(all(&first), [""; 0]);
    let frame_only = look(30).stats.requests;
    let both = look(60).stats.requests;
    assert_eq!(both, frame_only + 2, "what is new, and values that are times");
    let mut last = None;
    for minute in 2..=200 {
        last = Some(look(minute * 60));
    }
    let whole = server.observe(300);
    assert_eq!(all(&last.unwrap()), all(&whole));
    assert_eq!(all(&whole).len(), 2);
}

#[test]
fn hostile_names_are_cleaned() {
    let world = World::shop()
        .there(&owner("orders-88cd5fb6c4"), 120..LENGTH)
        .there(&image("orders-77cd5fb6c4-x2x4z", "orders", "1\u{1b}[31m", "aa"), ALL)
        .there(&image("orders-88cd5fb6c4-x2x4z", "orders", "2\u{202e}", "bb"), 120..LENGTH);
    let Some(server) = world.start("hostile") else { return };
    let log = server.observe(LENGTH).observation.changes;
    let [change] = &log.changes[..] else { panic!("{:?}", log.changes) };
    let text = format!("{} {} {}", change.subject, change.from.clone().unwrap(), change.to.clone().unwrap());
    assert!(automap_core::text::is_plain(&text), "{text:?}");
    assert!(at_s(0.0) < change.at.seconds());
}
