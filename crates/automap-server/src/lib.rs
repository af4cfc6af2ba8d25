//! What runs for months beside a cluster: incidents kept, told to others, and asked for.

pub mod notify;
pub mod store;
