//! The two texts for one pod whose side-car was started again, line by line.

use super::*;

fn container(name: &str, id: &str, usage: Option<Usage>) -> ContainerReading {
    ContainerReading {
        name: name.to_owned(),
        image: format!("docker.io/{name}:1"),
        id: id.to_owned(),
        restarts: 0,
        ready: usage.is_some(),
        last_terminated_reason: None,
        started_s: 1000.5,
        oom_events: 0,
        cpu_limit_cores: 0.2,
        memory_limit_bytes: 200,
        usage,
        cfs: None,
    }
}

fn pod() -> PodReading {
    let usage =
        Usage { cpu_s: 2.5, rss_bytes: 60, working_set_bytes: 90, usage_bytes: 120, read_bytes: 0, write_bytes: 40 };
    let mut app = container("user-db", "aa", Some(usage));
    app.cfs = Some(Cfs { periods: 50, throttled_periods: 7 });
    let mut sidecar = container("istio-proxy", "bb", None);
    sidecar.restarts = 3;
    sidecar.last_terminated_reason = Some("OOMKilled".to_owned());
    PodReading {
        service: "user-db".to_owned(),
        replica_set: "user-db-bcdf".to_owned(),
        name: "user-db-bcdf-ghjk".to_owned(),
        uid: "u1".to_owned(),
        pause_id: "pp".to_owned(),
        created_s: 1000.0,
        deployed_s: 900.9,
        terminated: TerminatedUsage { cpu_s: 1.0, ..TerminatedUsage::default() },
        containers: vec![app, sidecar],
        network: Some(NetworkReading {
            receive_bytes: 10,
            transmit_bytes: 20,
            receive_packets: 1,
            transmit_packets: 2,
        }),
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
    let text = render_state_metrics(&[pod()]);
    for line in [
        r#"kube_deployment_created{namespace="sock-shop",deployment="user-db"} 900"#,
        r#"kube_deployment_status_replicas_available{namespace="sock-shop",deployment="user-db"} 0"#,
        r#"kube_replicaset_owner{namespace="sock-shop",replicaset="user-db-bcdf",owner_kind="Deployment",owner_name="user-db",owner_is_controller="true"} 1"#,
        r#"kube_pod_status_ready{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",condition="true"} 0"#,
        r#"kube_pod_container_status_restarts_total{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",container="istio-proxy"} 3"#,
        r#"kube_pod_container_status_last_terminated_reason{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",container="istio-proxy",reason="OOMKilled"} 1"#,
        r#"kube_pod_container_resource_limits{namespace="sock-shop",pod="user-db-bcdf-ghjk",uid="u1",container="user-db",node="lab",resource="cpu",unit="core"} 0.2"#,
    ] {
        assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
    }
}
