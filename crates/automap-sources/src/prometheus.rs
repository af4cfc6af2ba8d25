//! Prometheus, and whatever speaks its HTTP API: Thanos, Mimir, VictoriaMetrics.
//!
//! ```text
//!  discover ─▶ scrape ─▶ window ─▶ plan ─▶ query ×13 ─▶ combine, names ─▶ gather ─▶ Observation
//!  exporters   interval   grid     table    4 at once    labels → services
//! ```
//!
//! One query per signal for all services, never one per service. [`observe`] does everything; [`Client`] answers single
//! queries. The table of expressions is `presets.rs`. Left out: SigV4, exemplars, native histograms, remote read.

mod address;
mod client;
mod combine;
mod decode;
mod discover;
mod error;
mod files;
mod gather;
mod names;
mod observe;
mod observe_options;
mod options;
mod parallel;
mod plan;
mod pods;
mod presets;
pub(crate) mod promql;
mod query;
mod refusal;
mod retry;
mod scrape;
mod source_error;
mod survey;
mod tail;
mod teams;
mod tls;
mod window;

pub use client::{Client, FetchStats};
pub use decode::{LabelledSeries, Labels};
pub use error::{Failure, RequestError};
pub use observe::{explain_queries, observe, observe_again};
pub use observe_options::{DEFAULT_SETTLE_MS, Fetched, ObserveOptions, PlannedQuery, Progress};
pub use options::{
    Auth, ClientOptions, DEFAULT_MAX_BODY_BYTES, MAX_CONCURRENCY, MAX_RETRIES, RetryOptions, Secret, SecretSource,
    TlsOptions,
};
pub use query::{Answer, Grid, MAX_POINTS_PER_REQUEST};
pub use source_error::{ErrorClass, SourceError};
pub use survey::{Survey, survey};
pub use tail::{DISCOVER_EVERY_MS, MAX_KEPT_POINTS, OVERLAP_STEPS, Tail};
pub use teams::teams;
pub use window::{MAX_POINTS, MIN_POINTS};
