//! Prometheus as a process of the lab: finding the program, writing its configuration, and checking whether it has scraped all targets.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::control::{directory, http};
use crate::plan::{NODES, Ports, node_ip};
use crate::shop::http::Local;
use crate::surroundings::Surroundings;

/// Targets other than side-cars: cAdvisor, kube-state-metrics and the nodes.
const OTHER_TARGETS: usize = 2 + NODES.len();
const QUERY_WITHIN: Duration = Duration::from_secs(2);
const RETENTION_TIME: &str = "2d";
const RETENTION_SIZE: &str = "1GB";

/// Whether to run Prometheus, and which one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// None. Any other Prometheus may scrape the lab.
    None,
    /// `prometheus` in the PATH.
    InPath,
    /// This program.
    Program(PathBuf),
}

/// The Prometheus program was not found.
#[derive(Debug, thiserror::Error)]
#[error(
    "{what}; install Prometheus (Debian and Ubuntu: apt-get install prometheus), name it with --prometheus PATH, \
     or run the lab without one: --prometheus none"
)]
pub struct NotFound {
    what: String,
}

impl Choice {
    /// The path of the program; `None` if the lab runs without Prometheus.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn find(&self) -> Result<Option<PathBuf>, NotFound> {
        match self {
            Self::None => Ok(None),
            Self::Program(path) if path.is_file() => Ok(Some(path.clone())),
            Self::Program(path) => Err(NotFound { what: format!("no program at {}", path.display()) }),
            Self::InPath => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let found = std::env::split_paths(&path).map(|dir| dir.join("prometheus")).find(|p| p.is_file());
                found.map(Some).ok_or_else(|| NotFound { what: "prometheus is not in the PATH".to_owned() })
            }
        }
    }
}

/// The files of Prometheus in the lab's directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(lab_dir: &Path) -> Self {
        Self { dir: directory::prometheus_path(lab_dir) }
    }

    fn config(&self) -> PathBuf {
        self.dir.join("prometheus.yml")
    }

    fn others(&self) -> PathBuf {
        self.dir.join("others.json")
    }

    fn sidecars(&self) -> PathBuf {
        self.dir.join("sidecars.json")
    }

    /// Arguments of the process.
    pub(crate) fn arguments(&self, ports: Ports) -> Vec<String> {
        vec![
            format!("--config.file={}", self.config().display()),
            format!("--storage.tsdb.path={}", self.dir.join("data").display()),
            format!("--storage.tsdb.retention.time={RETENTION_TIME}"),
            format!("--storage.tsdb.retention.size={RETENTION_SIZE}"),
            format!("--web.listen-address=127.0.0.1:{}", ports.prometheus()),
            "--log.level=warn".to_owned(),
        ]
    }

    /// Writes the configuration.
    pub(crate) fn write_config(&self, ports: Ports, scrape_interval_s: u64, with: Surroundings) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let mut text = config(ports, scrape_interval_s, &self.sidecars());
        if with.is_any() {
            text += &others(&self.others());
        }
        fs::write(self.config(), text)
    }

    /// Writes the side-cars' addresses with the current names of their pods. Prometheus watches the file.
    pub(crate) fn write_sidecars(&self, pods: &[Target]) -> io::Result<()> {
        write_targets(&self.sidecars(), pods)
    }

    /// Writes the addresses of exporters and of the name server.
    pub(crate) fn write_others(&self, targets: &[Target]) -> io::Result<()> {
        write_targets(&self.others(), targets)
    }
}

/// Something that Prometheus scrapes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: Local,
    pub(crate) namespace: &'static str,
    pub(crate) pod: String,
    /// Its job; `None`: the job of the file.
    pub(crate) job: Option<String>,
    /// The path of its metrics; `None`: the path of the file.
    pub(crate) path: Option<&'static str>,
}

impl Target {
    fn group(&self) -> Value {
        let mut labels = json!({"namespace": self.namespace, "pod": self.pod});
        if let Some(job) = &self.job {
            labels["job"] = job.as_str().into();
        }
        if let Some(path) = self.path {
            labels["__metrics_path__"] = path.into();
        }
        json!({"targets": [self.address.to_string()], "labels": labels})
    }
}

fn write_targets(path: &Path, targets: &[Target]) -> io::Result<()> {
    let groups: Vec<Value> = targets.iter().map(Target::group).collect();
    // Written to another file and renamed, so that Prometheus never reads an incomplete one.
    let aside = path.with_extension("json.tmp");
    fs::write(&aside, Value::from(groups).to_string())?;
    fs::rename(aside, path)
}

/// Exporters in the pods of stores, and the name server.
fn others(targets: &Path) -> String {
    format!(
        "- job_name: exporters
  metrics_path: /stats/prometheus
  file_sd_configs:
  - files: ['{}']
    refresh_interval: 5s
",
        targets.display()
    )
}

/// The number of targets that a complete scrape reaches.
pub(crate) fn target_count(found: usize) -> usize {
    found + OTHER_TARGETS
}

/// Timestamps of cAdvisor are not honoured, as in kube-prometheus: otherwise the series of a removed container would stay for five
/// minutes.
fn config(ports: Ports, scrape_interval_s: u64, sidecars: &Path) -> String {
    let kubelet = ports.kubelet();
    format!(
        "# Written by `automap lab up`; changes are lost.
global:
  scrape_interval: {scrape_interval_s}s
  scrape_timeout: {scrape_interval_s}s
  evaluation_interval: {scrape_interval_s}s
scrape_configs:
- job_name: envoy-stats
  metrics_path: /stats/prometheus
  file_sd_configs:
  - files: ['{}']
    refresh_interval: 5s
- job_name: kubernetes-cadvisor
  metrics_path: /metrics/cadvisor
  honor_labels: true
  honor_timestamps: false
  static_configs:
  - targets: ['127.0.0.1:{kubelet}']
- job_name: kube-state-metrics
  honor_labels: true
  static_configs:
  - targets: ['127.0.0.1:{kubelet}']
- job_name: node-exporter
  static_configs:
{}",
        sidecars.display(),
        NODES.map(|node| node_target(kubelet, node)).concat()
    )
}

/// The instance is the node's address and the exporter's port, as in kube-prometheus-stack.
fn node_target(kubelet: u16, node: &str) -> String {
    let ip = node_ip(node);
    format!(
        "  - targets: ['127.0.0.1:{kubelet}']\n    labels: {{__metrics_path__: /metrics/node/{node}, instance: '{ip}:9100'}}\n"
    )
}

/// The number of targets whose last scrape succeeded; 0 while Prometheus does not answer.
pub(crate) async fn targets_up(ports: Ports) -> usize {
    let address = Local::port(ports.prometheus());
    let path = "/api/v1/targets?state=active";
    let Ok(response) = http::send(hyper::Method::GET, address, path, bytes::Bytes::new(), QUERY_WITHIN).await else {
        return 0;
    };
    let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let targets = answer.pointer("/data/activeTargets").and_then(Value::as_array);
    targets.map_or(0, |all| all.iter().filter(|t| t["health"] == "up").count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_says_how_to_get_one() {
        let error = Choice::Program("/nowhere/prometheus".into()).find().unwrap_err().to_string();
        assert!(error.starts_with("no program at /nowhere/prometheus; install Prometheus"), "{error}");
        assert!(error.contains("--prometheus none"), "{error}");
        assert_eq!(Choice::None.find().unwrap(), None);
    }

    #[test]
    fn the_configuration_scrapes_all_jobs_and_every_node() {
        let text = config(Ports { base: 21000 }, 2, Path::new("/x/sidecars.json"));
        let config: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(config["global"]["scrape_interval"], "2s");
        assert_eq!(config["scrape_configs"][1]["static_configs"][0]["targets"][0], "127.0.0.1:21300");
        assert_eq!(config["scrape_configs"].as_array().unwrap().len(), 4);
        let node = &config["scrape_configs"][3]["static_configs"][1]["labels"];
        assert_eq!(
            (&node["__metrics_path__"], &node["instance"]),
            (&"/metrics/node/node-2".into(), &"10.0.0.12:9100".into())
        );
    }
}
