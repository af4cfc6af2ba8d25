//! What runs for months beside a cluster: incidents kept, told to others, and asked for.

pub mod api;
pub mod auth;
pub mod mcp;
pub mod store;
