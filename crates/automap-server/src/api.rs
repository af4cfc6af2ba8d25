//! REST for people's tools: one table of endpoints makes both the router and the OpenAPI document, so that they cannot drift apart.
//!
//! Reads and writes go to the store and to the board; nothing in a request names an address, and nothing is fetched for one but from the configured
//! servers.

mod answer;
pub mod auth;
mod config;
mod endpoints;
mod feed;
mod guard;
mod incidents;
mod metrics;
mod openapi;
mod serve;
mod targets;

use std::sync::Arc;

use automap_core::report::Report;

pub use answer::Problem;
pub use config::{ApiConfig, Token};
pub use feed::Feed;
pub use serve::{ServeError, router, serve};
pub use targets::DiagnoseRequest;

use crate::board::Board;
use crate::inbox::Inbox;
use crate::store::Store;

/// Diagnoses under way at once.
pub const MAX_DIAGNOSES: usize = 2;

/// Asks a configured target's server and diagnoses. Blocking.
pub type Diagnose = dyn Fn(&DiagnoseRequest) -> Result<Report, Problem> + Send + Sync;

/// What the endpoints work on.
#[derive(Clone)]
pub struct Api {
    /// Incidents.
    pub store: Arc<dyn Store>,
    /// What is known right now.
    pub board: Board,
    /// Alerts from outside.
    pub inbox: Inbox,
    /// Changes of incidents, live.
    pub feed: Feed,
    /// Answers on demand.
    pub diagnose: Arc<Diagnose>,
    /// Room for them.
    pub room: Arc<tokio::sync::Semaphore>,
    /// Who may do what.
    pub config: Arc<ApiConfig>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("store", &self.store).field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
