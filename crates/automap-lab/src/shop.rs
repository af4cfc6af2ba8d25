//! The Sock Shop as it runs on one machine: 14 applications, each behind its own side-car proxy.
//!
//! ```text
//! application ─▶ own side-car, outbound ═▶ callee's side-car, inbound ─▶ callee's application
//!                                        ▲
//!                          the "network": faults of the wire are imitated here
//! ```
//!
//! Every box is one operating-system process on 127.0.0.1. The call graph, the time-outs and the declined payments are those of microservices-demo,
//! and the side-cars count as Istio's do. Two things are imitations: the databases and the broker are small servers of this project ([`app`]), and
//! limits and network faults are applied in user space ([`sidecar`], [`app`]), because control groups and `tc netem` need privileges that a normal
//! user does not have.

mod admin;
pub mod app;
mod children;
pub(crate) mod clock;
mod dns_message;
pub(crate) mod endpoints;
mod error;
pub(crate) mod goods;
pub(crate) mod http;
mod lifetime;
pub mod name_server;
pub mod sidecar;
mod sockets;

pub use error::ShopError;
pub use lifetime::die_with_parent;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Builder;

use crate::plan::{COMPONENTS, Component, proxied};

/// Locks a mutex, even if another thread panicked while holding it: no critical section here leaves a value half modified.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Finds a component. The error lists all of them.
fn find(name: &str) -> Result<&'static Component, ShopError> {
    proxied(name).ok_or_else(|| ShopError::UnknownComponent {
        name: name.to_owned(),
        known: COMPONENTS.map(|c| c.name).join(", "),
    })
}

/// Runs a future on a single-threaded runtime of this thread: 28 processes share two cores.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, ShopError>>) -> Result<T, ShopError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|source| ShopError::Start { what: "the async runtime", source })?.block_on(future)
}
