//! What a single client, and all clients together, may use: requests a second, open connections, bytes of bodies, threads for blocking work. A request beyond a limit
//! is refused with the time to wait; nothing here queues without bound.

pub(crate) mod body_budget;
pub(crate) mod counts;
pub(crate) mod rate_limit;
pub(crate) mod worker_pool;
