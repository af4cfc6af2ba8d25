//! What runs for months beside a cluster: incidents kept, told to others, and asked for.

pub mod board;
pub mod config;
pub mod notify;
pub mod prometheus_source;
pub mod running;
pub mod signals;
pub mod store;
pub mod watcher;
