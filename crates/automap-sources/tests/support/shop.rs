//! A Prometheus with one namespace, `shop`: services `s0` → `s1` → … and a store without a side-car.

use std::fmt::Write as _;

use super::{Reply, Request};

/// The behaviour of this server.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) services: usize,
    /// Queries that contain this, and paths that end in it, get this reply.
    pub(crate) instead: Vec<(&'static str, Reply)>,
    /// Data begins here, in Unix seconds.
    pub(crate) since_s: f64,
    /// Value of every sample.
    pub(crate) value: &'static str,
    /// Added to every answer.
    pub(crate) warnings: &'static str,
}

impl Shop {
    pub(crate) fn of(services: usize) -> Self {
        Self { services, instead: Vec::new(), since_s: 0.0, value: "2.5", warnings: "[]" }
    }

    pub(crate) fn instead(mut self, piece: &'static str, reply: Reply) -> Self {
        self.instead.push((piece, reply));
        self
    }

    pub(crate) fn answer(&self, request: &Request) -> Reply {
        if let Some((_, reply)) = self.instead.iter().find(|(piece, _)| request.path.ends_with(piece)) {
            return reply.clone();
        }
        if request.path.starts_with("/api/v1/targets") {
            let target =
                |job: &str, every: &str| format!(r#"{{"labels":{{"job":"{job}"}},"scrapeInterval":"{every}"}}"#);
            let targets = [target("istio", "15s"), target("kubelet", "15s"), target("ksm", "15s"), target("x", "2m")];
            return Reply::new(
                200,
                format!(r#"{{"status":"success","data":{{"activeTargets":[{}]}}}}"#, targets.join(",")),
            );
        }
        let query = request.query();
        if let Some((_, reply)) = self.instead.iter().find(|(piece, _)| query.contains(piece)) {
            return reply.clone();
        }
        let instant = request.path.ends_with("/query");
        let points = if instant { "\"value\":[1,\"1\"]".to_owned() } else { self.points(request) };
        let mut result = String::new();
        if points != "\"values\":[]" {
            for (i, part) in query.split(" or label_replace(").enumerate() {
                for labels in self.labels(part) {
                    let comma = if result.is_empty() { "" } else { "," };
                    write!(result, r#"{comma}{{"metric":{{"part":"{i}",{labels}}},{points}}}"#).unwrap();
                }
            }
        }
        let kind = if instant { "vector" } else { "matrix" };
        let data = format!(r#""data":{{"resultType":"{kind}","result":[{result}]}}"#);
        Reply::new(200, format!(r#"{{"status":"success","warnings":{},{data}}}"#, self.warnings))
    }

    fn points(&self, request: &Request) -> String {
        let number = |name: &str| request.form[name].parse::<f64>().unwrap();
        let (start, end, step) = (number("start"), number("end"), number("step"));
        let times = (0..).map(|i| start + f64::from(i) * step).take_while(|t| *t <= end).filter(|t| *t >= self.since_s);
        let values: Vec<String> = times.map(|t| format!("[{t:.3},\"{}\"]", self.value)).collect();
        format!("\"values\":[{}]", values.join(","))
    }

    /// Labels according to the grouping of an expression.
    fn labels(&self, part: &str) -> Vec<String> {
        let all = 0..self.services;
        let pod = |i: usize| format!(r#""pod":"s{i}-5d4f8c7b9-x2x4z""#);
        // No histogram has its base name as a series.
        if part.contains("quantile=\"\"") {
            return Vec::new();
        }
        if part.contains("count by (") {
            return self.presence(part);
        }
        if part.contains("kube_pod_owner") {
            return all
                .map(|i| format!(r#"{},"owner_kind":"ReplicaSet","owner_name":"s{i}-5d4f8c7b9""#, pod(i)))
                .collect();
        }
        if part.contains("kube_replicaset_owner") {
            let row = |i| format!(r#""replicaset":"s{i}-5d4f8c7b9","owner_kind":"Deployment","owner_name":"s{i}""#);
            return all.map(row).collect();
        }
        if part.contains("container_fs_") {
            return Vec::new();
        }
        if part.contains("by (pod)") {
            return all.map(pod).collect();
        }
        if part.contains("istio_tcp_") {
            return vec![call("s0", "unknown", "unknown", "store")];
        }
        if part.contains("destination_service_name") {
            let call = |i: usize| call(&format!("s{i}"), &format!("s{}", i + 1), "shop", &format!("s{}", i + 1));
            return (0..self.services - 1).map(call).collect();
        }
        if part.contains("source_workload_namespace,") {
            let from = |i: usize| match i {
                0 => (String::from("unknown"), "unknown"),
                i => (format!("s{}", i - 1), "shop"),
            };
            let row = |i| {
                let (source, namespace) = from(i);
                let source = format!(r#""source_workload":"{source}","source_workload_namespace":"{namespace}""#);
                format!(r#"{source},"destination_workload":"s{i}""#)
            };
            return all.map(row).collect();
        }
        all.map(|i| format!(r#""destination_workload":"s{i}""#)).collect()
    }

    /// Answers to the queries for availability and for known namespaces.
    fn presence(&self, part: &str) -> Vec<String> {
        if !part.contains("count by (job") {
            let label = if part.contains("istio") { "destination_workload_namespace" } else { "namespace" };
            return ["shop", "sock-shop", "kube-system"].map(|n| format!(r#""{label}":"{n}""#)).to_vec();
        }
        if !part.contains(r#""shop""#) {
            return Vec::new();
        }
        match part {
            // All histograms are classic.
            p if p.contains("histogram_count(") => Vec::new(),
            // No metrics are switched off here.
            p if p.contains(" unless on () group(")
                || p.contains(r#"_workload="""#)
                || p.contains(r#"_workload_namespace="""#) =>
            {
                Vec::new()
            }
            // No gateway calls, and nothing leaves.
            p if p.contains("source_workload=~") || p.contains("PassthroughCluster") => Vec::new(),
            // An ambient mesh has Istio's names, too.
            p if p.contains("ztunnel\"") && !p.contains("app!=") => Vec::new(),
            p if p.contains("istio") => {
                ["source", "destination"].map(|r| format!(r#""job":"istio","reporter":"{r}""#)).to_vec()
            }
            p if p.contains("container_cpu") => vec![r#""job":"kubelet""#.to_owned()],
            p if p.contains("kube_pod_owner") => vec![r#""job":"ksm""#.to_owned()],
            _ => Vec::new(),
        }
    }
}

pub(crate) fn call(caller: &str, workload: &str, namespace: &str, service: &str) -> String {
    format!(
        r#""source_workload":"{caller}","destination_workload":"{workload}",
           "destination_workload_namespace":"{namespace}","destination_service_name":"{service}""#
    )
}
