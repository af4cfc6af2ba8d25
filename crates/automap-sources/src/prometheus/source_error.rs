//! Why no observation is possible.

use automap_core::frame::FrameError;
use automap_core::text::listed;
use automap_core::time::Timestamp;

use super::error::{Failure, RequestError};

/// Why no observation is possible. Missing signals are not an error: they become notes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The server did not answer.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// An option is invalid.
    #[error("{option}: {reason}")]
    BadOption {
        /// The option's name.
        option: &'static str,
        /// Why not.
        reason: String,
    },
    /// The server knows other namespaces.
    #[error("no metrics of namespace \"{namespace}\" at {server}; {}", namespaces(.nearest, .known))]
    UnknownNamespace {
        /// The server.
        server: String,
        /// The requested namespace.
        namespace: String,
        /// Known ones with a similar name, the most similar first.
        nearest: Vec<String>,
        /// Known ones, by name.
        known: Vec<String>,
    },
    /// The server has this namespace in several clusters.
    #[error(
        "namespace \"{namespace}\" is in several clusters at this server (label {label}: {}); choose one, several \
         between commas, or all: --cluster NAME, --cluster '*' (prometheus.cluster in a configuration)",
        .clusters.join(", ")
    )]
    SeveralClusters {
        /// The namespace.
        namespace: String,
        /// The label that distinguishes them.
        label: String,
        /// Their names.
        clusters: Vec<String>,
    },
    /// The server has this namespace, but not in this cluster.
    #[error("no metrics of namespace \"{namespace}\" in cluster \"{cluster}\"; {}", clusters(.known))]
    UnknownCluster {
        /// The requested cluster.
        cluster: String,
        /// The namespace.
        namespace: String,
        /// The clusters that have the namespace.
        known: Vec<String>,
    },
    /// The server has nothing that a preset could use.
    #[error(
        "{server} has no metrics that automap knows: none of istio_requests_total (Istio side-cars), \
         container_cpu_usage_seconds_total (cAdvisor), kube_pod_owner (kube-state-metrics), and none of Linkerd, \
         OpenTelemetry or another preset; check that this is the Prometheus that scrapes the cluster, \
         see what is looked for (automap discover), or write a preset of your own (--presets FILE){}",
        similar_metrics(.similar)
    )]
    NothingDetected {
        /// The server.
        server: String,
        /// Its metrics that seem to count requests.
        similar: Vec<String>,
    },
    /// Histograms that the server cannot evaluate.
    #[error("no request metrics that automap can read: {}", native_histograms(.metrics))]
    NativeHistograms {
        /// Their names.
        metrics: Vec<String>,
    },
    /// A label that gives the metrics their meaning was removed.
    #[error(
        "the series of {metrics} lack the label {label} (expected: {expected}); \
         keep it in the Telemetry or relabelling configuration"
    )]
    MissingLabel {
        /// The metrics.
        metrics: String,
        /// The label.
        label: String,
        /// What it should hold.
        expected: String,
    },
    /// The server lists the namespace, but returns nothing for its queries.
    #[error(
        "{server} lists namespace \"{namespace}\" in this window, but answered with none of its series; a proxy or a store behind the \
         server may leave some out: try again, or look there"
    )]
    Contradiction {
        /// The server.
        server: String,
        /// The namespace.
        namespace: String,
    },
    /// The server has no data in the window.
    #[error(
        "no metrics of namespace \"{namespace}\" between {} and {}, but there are some now; the server's retention may be \
         shorter than this (Istio's add-on keeps 6 h): choose a later window",
        .from.rfc3339(), .to.rfc3339()
    )]
    WindowWithoutData {
        /// The namespace.
        namespace: String,
        /// Start of the window.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
    },
    /// Too short to compare anything.
    #[error(
        "{points} instant(s) between {} and {}, {needed} are needed (one every {} s); \
         widen the window, or wait: samples younger than {} s are not settled",
        .from.rfc3339(), .to.rfc3339(), *.step_ms as f64 / 1e3, *.settle_ms as f64 / 1e3
    )]
    TooFewPoints {
        /// Instants with data.
        points: usize,
        /// Instants needed.
        needed: usize,
        /// Their distance.
        step_ms: i64,
        /// Least age of a sample.
        settle_ms: i64,
        /// Start of the window.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
    },
    /// Every signal failed or was empty.
    #[error("none of {signals} signals delivered anything: {reason}")]
    NothingUsable {
        /// Signals tried.
        signals: usize,
        /// The first reason.
        reason: String,
    },
    /// The series do not form a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Who has to act on an error; determines the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The user: an option, a name, an address.
    Usage,
    /// Whoever runs the server or the network.
    Unreachable,
    /// Nobody: there is not enough data.
    NotEnoughData,
}

impl SourceError {
    /// Who has to act on it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Request(error) => match error.failure {
                Failure::BadAddress(_) | Failure::BadHeader(_) | Failure::File { .. } => ErrorClass::Usage,
                _ => ErrorClass::Unreachable,
            },
            Self::BadOption { .. }
            | Self::UnknownNamespace { .. }
            | Self::SeveralClusters { .. }
            | Self::UnknownCluster { .. } => ErrorClass::Usage,
            _ => ErrorClass::NotEnoughData,
        }
    }
}

/// Most namespaces listed in a message.
const MAX_LISTED: usize = 20;

/// What is wrong with histograms that a server cannot evaluate, and the remedy.
pub(crate) fn native_histograms(names: &[String]) -> String {
    let listed = names.join(", ");
    let what = match names.len() {
        1 => format!(
            "{listed} is there without _bucket, _sum and _count, as a native histogram, and this server does not evaluate it"
        ),
        _ => format!(
            "{listed} are there without _bucket, _sum and _count, as native histograms, and this server does not evaluate them"
        ),
    };
    format!(
        "{what}: ask one that does (Prometheus 3, Mimir, Thanos), or have the classic form kept beside it \
         (always_scrape_classic_histograms: true)"
    )
}

fn similar_metrics(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("; of its metrics, these seem to count requests: {}", names.join(", ")),
    }
}

fn clusters(known: &[String]) -> String {
    if known.is_empty() {
        return "its series carry no label that names a cluster (cluster, k8s_cluster_name, …): leave --cluster out"
            .to_owned();
    }
    format!("it is in: {}", known.join(", "))
}

fn namespaces(nearest: &[String], known: &[String]) -> String {
    let listed = listed(known, MAX_LISTED);
    match nearest.first() {
        Some(best) => format!("did you mean \"{best}\"? It has: {listed}"),
        None => format!("it has: {listed}"),
    }
}
