//! The interface as its clients see it, over a watcher and a store that are made up.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod alerts;
mod auth;
mod connections;
mod contract;
mod diagnoses;
mod events;
mod fake;
mod guards;
mod hostile;
mod mcp;
mod routes;
mod server;
