//! The HTTP API of a running automap, for people and programs.
//!
//! Imports point one way: `server` (connections, TLS) → `routes` (one table, one file for each resource) → `middleware` (what every request passes) →
//! `app` (what requests share) → `state`, `limits`, `http`, which know only [`crate::system`], [`crate::store`] and [`crate::auth`]. The router and
//! the OpenAPI document are built from one table of routes, so neither can list a route that the other lacks. Handlers are short: they call
//! [`crate::system::System`] or [`crate::store::Store`], both of which block, through bounded worker pools.
//!
//! No address or URL from a request is ever fetched.

mod app;
mod background;
pub mod config;
mod embed;
mod error;
mod http;
mod limits;
mod middleware;
mod openapi;
mod routes;
mod server;
mod state;
mod tls;

pub use app::{App, Dependencies};
pub use background::BackgroundTasks;
pub use config::ApiConfig;
pub use error::ApiError;
pub use http::peer::Peer;
pub use routes::{document, router};
pub use server::{serve, serve_on};
