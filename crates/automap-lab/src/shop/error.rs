//! Why a process of the shop cannot start. Once it runs, failures are answers (503, a closed connection), not errors.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Why an application or a side-car could not start.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// The name is not in the plan.
    #[error("no component `{name}` in the shop; known: {known}")]
    UnknownComponent {
        /// The requested name.
        name: String,
        /// All names.
        known: String,
    },
    /// A listener's port is taken or forbidden.
    #[error("cannot listen on {ip}:{port} for {purpose} of {name}: {source}; try another base port")]
    Listen {
        /// The component.
        name: String,
        /// What the listener is for.
        purpose: String,
        /// The address.
        ip: Ipv4Addr,
        /// The port.
        port: u16,
        /// The system's error.
        source: io::Error,
    },
    /// A store cannot keep its file.
    #[error("cannot use {} for the data of {name}: {source}; choose a writable directory", path.display())]
    Data {
        /// The component.
        name: String,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A real server does not start, or has ended.
    #[error("the server of {name}: {source}")]
    Server {
        /// The component.
        name: String,
        /// Its output.
        source: io::Error,
    },
    /// Envoy does not start, or has ended.
    #[error("Envoy of {name}: {source}")]
    Envoy {
        /// The component.
        name: String,
        /// Its output.
        source: io::Error,
    },
    /// The process lacks something every process needs.
    #[error("cannot start {what}: {source}")]
    Start {
        /// A thread, the runtime, …
        what: &'static str,
        /// The system's error.
        source: io::Error,
    },
}
