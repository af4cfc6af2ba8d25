//! What runs for months beside a cluster: incidents kept, told to others, and asked for.

pub mod api;
pub mod auth;
pub mod board;
pub mod config;
pub mod inbox;
pub mod lead;
pub mod live;
pub mod mcp;
pub mod notify;
pub mod owners;
pub mod profiles;
pub mod prometheus_source;
pub mod replica;
pub mod running;
pub mod secret;
pub mod signals;
pub mod stop;
pub mod store;
pub mod watcher;
