//! What runs for months beside a cluster: incidents kept, told to others, and asked for.

pub mod api;
pub mod board;
pub mod config;
pub mod inbox;
pub mod notify;
pub mod prometheus_source;
pub mod running;
pub mod signals;
pub mod store;
pub mod watcher;
