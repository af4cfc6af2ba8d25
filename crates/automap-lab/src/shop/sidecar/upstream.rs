//! Connections from this side-car to the pod of a callee, with Istio's retries.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::identity;
use super::link::Link;
use super::proxy::Proxy;
use super::wire::Wire;
use crate::plan::Component;
use crate::shop::http::{Connector, Local};

/// Istio's default for opening a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The first attempt and Istio's two retries after `connect-failure`.
const MAX_CONNECT_ATTEMPTS: u32 = 3;
/// Envoy's base interval between retries; it doubles.
const RETRY_PAUSE: Duration = Duration::from_millis(25);

/// The path to one callee's pod.
#[derive(Clone, Debug)]
pub(super) struct ToPod {
    own_name: &'static str,
    callee: &'static Component,
    address: Local,
    link: Arc<Link>,
}

impl ToPod {
    /// The pod of `callee` at `ip`.
    pub(super) fn new(proxy: &Proxy, callee: &'static Component, ip: Ipv4Addr) -> Self {
        let address = Local::at(ip, proxy.ports.pod(callee));
        Self { own_name: proxy.component.name, callee, address, link: Arc::clone(&proxy.link) }
    }

    /// The component behind it.
    pub(super) fn callee(&self) -> &'static Component {
        self.callee
    }

    /// One attempt, without retries.
    pub(super) async fn connect_once(&self) -> io::Result<Wire> {
        if self.link.certificate_expired_for().is_some() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "certificate has expired"));
        }
        let attempt = async {
            let stream = self.address.connect().await?;
            identity::connect(stream, &self.link, self.own_name, self.callee).await
        };
        timeout(CONNECT_LIMIT, attempt).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Connector for ToPod {
    type Stream = Wire;

    async fn connect(&self) -> io::Result<Wire> {
        let mut attempts = 1;
        loop {
            match self.connect_once().await {
                Ok(wire) => return Ok(wire),
                Err(e) if attempts == MAX_CONNECT_ATTEMPTS => return Err(e),
                Err(_) => sleep(RETRY_PAUSE * 2_u32.pow(attempts - 1)).await,
            }
            attempts += 1;
        }
    }
}
