//! Options of a side-car.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::EnvoyOptions;
use crate::plan::Ports;

/// Options of a side-car.
#[derive(Clone, Debug)]
pub struct SidecarOptions {
    /// The component that it belongs to.
    pub name: String,
    /// The ports of all components.
    pub ports: Ports,
    /// The pod's own address.
    pub ip: Ipv4Addr,
    /// The pod's name, shown in `/stats`.
    pub pod_name: String,
    /// The file with the addresses of each service; `None`: every service has one pod, at 127.0.0.1.
    pub endpoints: Option<PathBuf>,
    /// The Envoy that is the proxy; `None`: this process is.
    pub envoy: Option<EnvoyOptions>,
}
