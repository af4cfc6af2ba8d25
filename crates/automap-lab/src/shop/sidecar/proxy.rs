//! What all connections of one side-car share: its network link, its counters, and its admin port.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::{Value, json};

use super::certificate;
use super::identity::Peer;
use super::link::Link;
use super::options::SidecarOptions;
use super::registry::Registry;
use crate::effect::Effect;
use crate::plan::{Component, GATEWAY, Ports};
use crate::shop::admin::Admin;
use crate::shop::endpoints::Endpoints;
use crate::shop::locked;

/// What all connections of one side-car share.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) component: &'static Component,
    pub(super) ports: Ports,
    pub(super) ip: Ipv4Addr,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) pod_name: String,
    started: Instant,
    pub(super) link: Arc<Link>,
    pub(super) registry: Mutex<Registry>,
}

impl Proxy {
    pub(super) fn new(component: &'static Component, options: &SidecarOptions) -> Self {
        Self {
            component,
            ports: options.ports,
            ip: options.ip,
            endpoints: Endpoints::watch(options.endpoints.clone()),
            pod_name: options.pod_name.clone(),
            started: Instant::now(),
            link: Arc::new(Link::new(component.name)),
            registry: Mutex::default(),
        }
    }

    /// The metrics of the gateway's certificate; nothing for the others.
    pub(super) fn certificate_exposition(&self) -> String {
        if self.component.name != GATEWAY.name {
            return String::new();
        }
        certificate::exposition(self.started.elapsed(), self.link.certificate_expired_for())
    }

    /// The name of the calling component.
    pub(super) fn source_of(peer: Peer) -> Option<&'static str> {
        peer.map(|component| component.name)
    }
}

impl Admin for Proxy {
    fn stats(&self) -> Value {
        let traffic = self.link.traffic();
        json!({
            "pod": self.pod_name,
            "network_receive_bytes": traffic.received_bytes,
            "network_receive_packets": traffic.received_packets,
            "network_transmit_bytes": traffic.sent_bytes,
            "network_transmit_packets": traffic.sent_packets,
        })
    }

    async fn exposition(&self) -> Option<io::Result<String>> {
        let text = locked(&self.registry).exposition();
        Some(Ok(text + &self.certificate_exposition()))
    }

    fn effects(&self) -> BTreeMap<String, Effect> {
        self.link.effects()
    }

    fn apply(&self, id: &str, effect: Effect) -> Result<(), String> {
        if !effect.is_network() {
            return Err("a side-car applies network effects only; send this one to the application".to_owned());
        }
        self.link.apply(id, effect);
        Ok(())
    }

    fn end(&self, id: &str) -> bool {
        self.link.end(id)
    }
}
