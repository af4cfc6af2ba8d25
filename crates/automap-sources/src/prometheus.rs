//! Prometheus, and servers that speak its HTTP API: Thanos, Mimir, VictoriaMetrics.
//!
//! ```text
//!  discover ─▶ scrape ─▶ window ─▶ plan ─▶ query ×13 ─▶ combine, names ─▶ gather ─▶ Observation
//!  exporters   interval   grid     table    4 at once    labels → services          └ changes ×3
//! ```
//!
//! The steps from `plan` to `gather` are one look (`look.rs`) at one cluster; `clusters.rs` merges several looks.
//!
//! One query per signal for all services, never one per service; [`Again`] sends two more about the named cause. [`observe`] does everything;
//! [`Client`] runs single queries; [`catalogue`] lists which presets find anything. The table of expressions is `presets.rs`, the presets of other
//! systems are files under `presets/built_in/`. Not supported: SigV4, exemplars, native histograms, remote read.

mod abbreviate;
mod address;
mod again;
mod body;
mod body_budget;
mod bounds;
mod breakdown;
mod catalogue;
mod changes;
mod chosen;
mod client;
mod cluster;
mod clusters;
mod combine;
mod decode;
pub(crate) mod discover;
mod earlier_day;
mod egress;
mod enumerate;
mod error;
mod explain;
mod files;
mod found;
mod gather;
mod hosts;
mod http_failure;
mod look;
mod metric_names;
mod names;
mod namespaces;
mod native;
mod nodes;
mod observe;
mod observe_options;
mod options;
mod parallel;
mod plan;
mod pods;
mod preselection;
pub(crate) mod presets;
pub(crate) mod promql;
mod qualify;
mod query;
mod retry;
pub(crate) mod scope;
mod scrape;
mod screen;
mod service_limit;
mod source_error;
mod stores;
mod stores_found;
mod survey;
mod tail;
mod teams;
mod tls;
mod warnings;
mod window;

pub use again::{Again, observe_closely};
pub use bounds::{LeftOut, MAX_SERIES, MAX_SERVICES};
pub use catalogue::{Offer, OfferState, catalogue};
pub use changes::{CHANGES_EVERY_MS, CHANGES_LOOK_BACK_MS, change_needs, changes_told};
pub use client::{Client, FetchStats};
pub use cluster::{ClusterSpec, MAX_CLUSTERS, short_cluster_name};
pub use decode::{LabelledSeries, Labels, decode};
pub use error::{Failure, RequestError};
pub use explain::explain_queries;
pub(crate) use names::OUTSIDE;
pub use observe::{observe, observe_incrementally};
pub use observe_options::{ClusterSeen, DEFAULT_SETTLE_MS, Fetched, ObserveOptions, PlannedQuery, Preset, Progress};
pub use options::{
    Auth, ClientOptions, DEFAULT_MAX_BODY_BYTES, MAX_CONCURRENCY, MAX_RETRIES, RetryOptions, TlsOptions,
};
pub use preselection::PRESELECT_EVERY_MS;
pub use presets::{BUILT_IN_FILES, MAX_PRESET_FILE_BYTES, MAX_PRESETS, PresetError, Presets};
pub use query::{Answer, Grid, MAX_POINTS_PER_REQUEST};
pub use scope::{MAX_NAMESPACES, NamespaceSpec};
pub use source_error::{ErrorClass, SourceError};
pub use survey::{Survey, survey};
pub use tail::{DISCOVER_EVERY_MS, DISCOVER_YOUNG_EVERY_MS, MAX_KEPT_POINTS, MAX_STEPS_AGAIN, OVERLAP_STEPS, Tail};
pub use teams::teams;
pub use window::{MAX_POINTS, MAX_USUAL_POINTS, MIN_POINTS};
