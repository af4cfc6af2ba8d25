//! The sockets between a side-car's process and its Envoy. They are abstract: the kernel removes them with their owner.

use std::io;
use std::net::Ipv4Addr;

use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};

use super::super::proxy::Proxy;
use crate::plan::Component;
use crate::shop::http::Connector;

/// The sockets of one pod.
#[derive(Clone, Debug)]
pub(super) struct Sockets {
    /// Distinct for each pod of each lab on this machine.
    prefix: String,
}

impl Sockets {
    pub(super) fn of(pod: &Proxy) -> Self {
        Self { prefix: format!("automap-{}-{}", pod.ports.base, pod.pod_name) }
    }

    /// Where Envoy accepts what came from the network.
    pub(super) fn inbound(&self) -> Socket {
        self.named("inbound")
    }

    /// Envoy's administration interface.
    pub(super) fn admin(&self) -> Socket {
        self.named("admin")
    }

    /// Where the network interface accepts what goes to one pod of `callee`.
    pub(super) fn to(&self, callee: &Component, ip: Ipv4Addr) -> Socket {
        self.named(&format!("{}-{ip}", callee.name))
    }

    fn named(&self, name: &str) -> Socket {
        Socket(format!("{}-{name}", self.prefix))
    }
}

/// One abstract socket.
#[derive(Clone, Debug)]
pub(super) struct Socket(String);

impl Socket {
    pub(super) fn listen(&self) -> io::Result<UnixListener> {
        UnixListener::bind(format!("\0{}", self.0))
    }

    /// As Envoy writes it.
    pub(super) fn envoy_address(&self) -> Value {
        json!({"pipe": {"path": format!("@{}", self.0)}})
    }
}

impl Connector for Socket {
    type Stream = UnixStream;

    async fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(format!("\0{}", self.0)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_connected_to_and_leaves_no_file() {
        let socket = Socket(format!("automap-test-{}", std::process::id()));
        assert!(socket.connect().await.is_err());
        let listener = socket.listen().unwrap();
        let (near, far) = tokio::join!(socket.connect(), listener.accept());
        assert!(near.is_ok() && far.is_ok());
        assert_eq!(socket.envoy_address()["pipe"]["path"], format!("@automap-test-{}", std::process::id()));
    }
}
