//! The two texts for one pod with a restarted side-car, line by line.

use super::*;

fn container(name: &str, id: &str, usage: Option<Usage>) -> ContainerReading {
    ContainerReading {
        name: name.to_owned(),
        image: format!("docker.io/{name}:1"),
        id: id.to_owned(),
        restarts: 0,
        ready: usage.is_some(),
        image_id: format!("docker.io/{name}@sha256:00"),
        last_end: None,
        waiting_reason: None,
        started_s: 1000.5,
        oom_events: 0,
        cpu_limit_cores: 0.2,
        memory_limit_bytes: 200,
        usage,
        cfs: None,
        cpu_wait_s: None,
        disk_wait_s: None,
    }
}

fn pod() -> PodReading {
    let usage =
        Usage { cpu_s: 2.5, rss_bytes: 60, working_set_bytes: 90, usage_bytes: 120, read_bytes: 0, write_bytes: 40 };
    let mut app = container("user-db", "aa", Some(usage));
    app.cfs = Some(Cfs { periods: 50, throttled_periods: 7 });
    app.cpu_wait_s = Some(1.5);
    let mut sidecar = container("istio-proxy", "bb", None);
    sidecar.restarts = 3;
    sidecar.last_end = Some(LastEnd { reason: "OOMKilled", exit_code: 137, at_s: 1234.9 });
    sidecar.waiting_reason = Some("CrashLoopBackOff");
    PodReading {
        namespace: "sock-shop".to_owned(),
        owner_kind: "ReplicaSet",
        owner: "user-db-bcdf".to_owned(),
        phase: "Running",
        name: "user-db-bcdf-ghjk".to_owned(),
        uid: "u1".to_owned(),
        pause_id: "pp".to_owned(),
        created_s: 1000.0,
        node: "node-2".to_owned(),
        ip: "127.0.0.1".to_owned(),
        host_ip: "10.0.0.12".to_owned(),
        terminated: TerminatedUsage { cpu_s: 1.0, cpu_wait_s: 0.5, ..TerminatedUsage::default() },
        containers: vec![app, sidecar],
        network: Some(NetworkReading {
            receive_bytes: 10,
            transmit_bytes: 20,
            receive_packets: 1,
            transmit_packets: 2,
        }),
    }
}

/// The pod of a Deployment that is changing from one version to the next.
fn cluster() -> ClusterReading {
    let replica_set =
        |name: &str, created_s, replicas| ReplicaSetReading { name: name.to_owned(), created_s, replicas };
    let deployment = DeploymentReading {
        name: "user-db".to_owned(),
        created_s: 900.9,
        generation: 4,
        observed_generation: 4,
        replicas: 1,
        replicas_updated: 0,
        replicas_present: 1,
        replicas_available: 0,
        replica_sets: vec![replica_set("user-db-bcdf", 900.9, 1), replica_set("user-db-zzzz", 2000.2, 1)],
    };
    ClusterReading {
        pods: vec![pod()],
        deployments: vec![deployment],
        config_maps: vec![ConfigMapReading {
            name: "user-db-config".to_owned(),
            created_s: 900.9,
            resource_version: 4217,
        }],
        autoscalers: vec![AutoscalerReading {
            service: "user".to_owned(),
            min_replicas: 1,
            max_replicas: 3,
            target_cpu_percent: 50.0,
            current_replicas: 3,
            desired_replicas: 3,
            is_limited: true,
        }],
        jobs: vec![JobReading {
            namespace: "batch".to_owned(),
            name: "report-29472160".to_owned(),
            cron_job: Some("report".to_owned()),
            created_s: 1200.7,
            completed_s: Some(1260.2),
        }],
        nodes: vec![NodeReading::new("node-2", 800.0)],
    }
}

/// The samples of one family, without the labels that all rows share.
fn rows(text: &str, family: &str) -> Vec<String> {
    let short = |line: &str| {
        line.replace(",namespace=\"sock-shop\",pod=\"user-db-bcdf-ghjk\"", "").replace("/kubepods/burstable/podu1", "U")
    };
    text.lines().filter(|l| l.starts_with(&format!("{family}{{"))).map(|l| short(&l[family.len()..])).collect()
}

#[test]
fn cadvisor_gives_the_pods_sum_the_pause_container_and_what_runs() {
    let text = render_cadvisor(&[pod()], 17);
    let cpu = [
        r#"{container="",cpu="total",id="U",image="",name=""} 3.511 17"#,
        r#"{container="",cpu="total",id="U/pp",image="registry.k8s.io/pause:3.10.1",name="pp"} 0.011 17"#,
        r#"{container="user-db",cpu="total",id="U/aa",image="docker.io/user-db:1",name="aa"} 2.5 17"#,
    ];
    assert_eq!(rows(&text, "container_cpu_usage_seconds_total"), cpu);
    let throttled = [
        r#"{container="",id="U",image="",name=""} 7 17"#,
        r#"{container="user-db",id="U/aa",image="docker.io/user-db:1",name="aa"} 7 17"#,
    ];
    assert_eq!(rows(&text, "container_cpu_cfs_throttled_periods_total"), throttled);
    let waiting = [
        r#"{container="",id="U",image="",name=""} 2 17"#,
        r#"{container="",id="U/pp",image="registry.k8s.io/pause:3.10.1",name="pp"} 0 17"#,
        r#"{container="user-db",id="U/aa",image="docker.io/user-db:1",name="aa"} 1.5 17"#,
    ];
    assert_eq!(rows(&text, "container_pressure_cpu_waiting_seconds_total"), waiting);
}

#[test]
fn cadvisor_has_no_disk_rows_without_io_and_network_rows_of_the_pod_only() {
    let text = render_cadvisor(&[pod()], 17);
    assert!(rows(&text, "container_fs_reads_bytes_total").is_empty());
    assert_eq!(rows(&text, "container_fs_writes_bytes_total").len(), 2);
    let network = [r#"{container="",id="U/pp",image="registry.k8s.io/pause:3.10.1",interface="eth0",name="pp"} 20 17"#];
    assert_eq!(rows(&text, "container_network_transmit_bytes_total"), network);
    assert!(!render_cadvisor(&[PodReading { network: None, ..pod() }], 17).contains("container_network"));
}

#[test]
fn kube_state_metrics_knows_owners_readiness_and_restarts() {
    let text = render_state_metrics(&cluster());
    for line in [
        r#"kube_deployment_created{namespace="sock-shop",deployment="user-db"} 900"#,
        r#"kube_deployment_status_replicas_available{namespace="sock-shop",deployment="user-db"} 0"#,
        r#"kube_replicaset_owner{namespace="sock-shop",replicaset="user-db-bcdf",owner_kind="Deployment",owner_name="user-db",owner_is_controller="true"} 1"#,
        r#"kube_pod_status_ready{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",condition="true"} 0"#,
        r#"kube_pod_container_status_restarts_total{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",container="istio-proxy"} 3"#,
        r#"kube_pod_container_status_last_terminated_exitcode{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",container="istio-proxy"} 137"#,
        r#"kube_pod_container_status_last_terminated_timestamp{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",container="istio-proxy"} 1234"#,
        r#"kube_pod_container_status_waiting_reason{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",container="istio-proxy",reason="CrashLoopBackOff"} 1"#,
        r#"kube_pod_container_info{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",container="user-db",image_spec="docker.io/user-db:1",image="docker.io/user-db:1",image_id="docker.io/user-db@sha256:00",container_id="containerd://aa"} 1"#,
        r#"kube_pod_created{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1"} 1000"#,
        r#"kube_pod_info{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",host_ip="10.0.0.12",pod_ip="127.0.0.1",node="node-2",created_by_kind="ReplicaSet",created_by_name="user-db-bcdf",priority_class="",host_network="false"} 1"#,
        r#"kube_pod_container_status_last_terminated_reason{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",container="istio-proxy",reason="OOMKilled"} 1"#,
        r#"kube_pod_container_resource_limits{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",container="user-db",node="node-2",resource="cpu",unit="core"} 0.2"#,
    ] {
        assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
    }
}

/// The traces of a change, in the metrics of kube-state-metrics 2.
#[test]
fn changes_leave_their_trail() {
    let text = render_state_metrics(&cluster());
    for line in [
        r#"kube_deployment_metadata_generation{namespace="sock-shop",deployment="user-db"} 4"#,
        r#"kube_deployment_status_replicas_updated{namespace="sock-shop",deployment="user-db"} 0"#,
        r#"kube_deployment_status_condition{namespace="sock-shop",deployment="user-db",condition="Available",status="false"} 1"#,
        r#"kube_replicaset_created{namespace="sock-shop",replicaset="user-db-zzzz"} 2000"#,
        r#"kube_replicaset_spec_replicas{namespace="sock-shop",replicaset="user-db-bcdf"} 1"#,
        r#"kube_configmap_metadata_resource_version{namespace="sock-shop",configmap="user-db-config"} 4217"#,
        r#"kube_horizontalpodautoscaler_info{namespace="sock-shop",horizontalpodautoscaler="user",scaletargetref_api_version="apps/v1",scaletargetref_kind="Deployment",scaletargetref_name="user"} 1"#,
        r#"kube_horizontalpodautoscaler_spec_max_replicas{namespace="sock-shop",horizontalpodautoscaler="user"} 3"#,
        r#"kube_horizontalpodautoscaler_status_condition{namespace="sock-shop",horizontalpodautoscaler="user",condition="ScalingLimited",status="true"} 1"#,
        r#"kube_node_info{node="node-2",kernel_version="6.8.0",os_image="Ubuntu 24.04.2 LTS",container_runtime_version="containerd://2.1.3",kubelet_version="v1.34.1",kubeproxy_version="deprecated",provider_id="",pod_cidr="127.0.0.0/8",system_uuid="",internal_ip="10.0.0.12"} 1"#,
        r#"kube_node_status_condition{node="node-2",condition="Ready",status="true"} 1"#,
        r#"kube_node_spec_unschedulable{node="node-2"} 0"#,
        r#"kube_job_created{namespace="batch",job_name="report-29472160"} 1200"#,
        r#"kube_job_owner{namespace="batch",job_name="report-29472160",owner_kind="CronJob",owner_name="report",owner_is_controller="true"} 1"#,
        r#"kube_job_status_active{namespace="batch",job_name="report-29472160"} 0"#,
        r#"kube_job_status_completion_time{namespace="batch",job_name="report-29472160"} 1260"#,
        r#"kube_job_complete{namespace="batch",job_name="report-29472160",condition="true"} 1"#,
        r#"kube_cronjob_status_last_schedule_time{namespace="batch",cronjob="report"} 1200"#,
        r#"kube_namespace_status_phase{namespace="sock-shop",phase="Active"} 1"#,
    ] {
        assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
    }
}

/// Every family is announced once, before its samples, and no series occurs twice, as Prometheus and promtool require.
#[test]
fn no_family_and_no_series_comes_twice() {
    let text = render_state_metrics(&cluster());
    let mut families = std::collections::BTreeSet::new();
    let mut series = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(families.insert(rest.split(' ').next().unwrap().to_owned()), "{rest} twice");
        } else if !line.starts_with('#') {
            let (labels, _) = line.rsplit_once(' ').unwrap();
            assert!(families.contains(labels.split('{').next().unwrap()), "{labels} is not announced");
            assert!(series.insert(labels.to_owned()), "{labels} twice");
        }
    }
    assert!(families.len() > 35, "{}", families.len());
}
