//! The API as its clients use it, over a fake watcher and a store in memory.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod alerts;
mod auth;
mod bodies;
mod changes;
mod compatibility;
mod connections;
mod contract;
mod diagnoses;
mod drills;
mod events;
mod fake;
mod guards;
mod hostile;
mod mcp;
mod oidc;
mod pages;
mod routes;
mod server;
mod session;
