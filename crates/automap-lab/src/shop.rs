//! The Sock Shop as it runs on one machine: 14 applications, each behind a side-car proxy of its own.
//!
//! ```text
//! application ─▶ own side-car, outbound ═▶ callee's side-car, inbound ─▶ callee's application
//!                                        ▲
//!                          the "network": faults of the wire sit here
//! ```
//!
//! Every box is one operating-system process on 127.0.0.1. The call graph, the time-outs and the declined payments are
//! those of microservices-demo; the side-cars count like Istio's. Stand-ins, openly: the databases and the broker are
//! tiny servers of our own ([`app`]), and limits and network faults live in user space ([`sidecar`], [`app`]), because
//! control groups and `tc netem` need rights which a laptop does not give.

mod admin;
pub mod app;
pub(crate) mod clock;
mod error;
pub(crate) mod goods;
pub(crate) mod http;
mod lifetime;
pub mod sidecar;
mod sockets;

pub use error::ShopError;
pub use lifetime::die_with_parent;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Builder;

use crate::plan::{COMPONENTS, Component, component};

/// Locks, also after a panic elsewhere: every critical section here leaves its value whole.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Finds a component or says which there are.
fn find(name: &str) -> Result<&'static Component, ShopError> {
    component(name).ok_or_else(|| ShopError::UnknownComponent {
        name: name.to_owned(),
        known: COMPONENTS.map(|c| c.name).join(", "),
    })
}

/// Runs a future on a single-threaded runtime of this thread: 28 processes share two cores.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, ShopError>>) -> Result<T, ShopError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|source| ShopError::Start { what: "the async runtime", source })?.block_on(future)
}
