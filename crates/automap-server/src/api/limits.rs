//! What a client, and all clients together, may use: requests a second, open connections, threads for blocking work. A limit that is reached
//! refuses with the time to wait; nothing here queues without bound.

pub(crate) mod counts;
pub(crate) mod rate_limit;
pub(crate) mod worker_pool;
