//! What people and programs may ask over HTTP.
//!
//! One table of routes (`routes.rs`) makes the router and the OpenAPI document, so neither can know what the other does not. Handlers are
//! short: they ask [`System`] (the running watcher) or [`crate::store::Store`], both of which block, through a bounded pool. What a request
//! has to pass before it reaches a handler is in `guard.rs`, `gate.rs`, `rate.rs` and `serve.rs`, from the outside in.
//!
//! No address or URL from a request is ever fetched.

mod access;
mod alert_inbox;
pub mod alerts;
mod answer;
mod body;
mod clients;
pub mod config;
mod cursor;
mod diagnoses;
mod document;
mod error;
mod events;
mod flat;
mod gate;
mod guard;
mod health;
mod hub;
mod incidents;
mod jobs;
mod metrics;
mod pool;
pub mod problem;
mod rate;
mod routes;
mod serve;
mod stall;
mod state;
pub mod system;
mod targets;
mod tls;

pub use config::ApiConfig;
pub use document::document;
pub use error::ApiError;
pub use routes::router;
pub use serve::{Peer, serve, serve_on};
pub use state::{App, Parts, Workers};
pub use system::System;
