//! Tells Envoy which pods answer for each callee, as Istio's control plane does: a file for each callee, which Envoy watches.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::proxy::Proxy;
use super::super::upstream::ToPod;
use super::interface;
use super::sockets::Sockets;
use crate::plan::Component;

/// How often the pods' addresses are compared with those that Envoy knows.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// The addresses that Envoy knows, and the way to each.
pub(super) struct Addresses {
    pod: Arc<Proxy>,
    callees: Vec<&'static Component>,
    sockets: Sockets,
    dir: PathBuf,
    told: BTreeMap<&'static str, Vec<Ipv4Addr>>,
    /// The pods to which there is a way already. A way is kept: it costs one idle socket, and the address may come back.
    open: BTreeSet<(&'static str, Ipv4Addr)>,
}

impl Addresses {
    pub(super) fn new(pod: Arc<Proxy>, callees: Vec<&'static Component>, sockets: Sockets, dir: PathBuf) -> Self {
        Self { pod, callees, sockets, dir, told: BTreeMap::new(), open: BTreeSet::new() }
    }

    /// Refreshes until it fails: an Envoy with old addresses would call pods that are gone.
    pub(super) async fn follow(mut self) -> io::Error {
        loop {
            tokio::time::sleep(FOLLOW_EVERY).await;
            if let Err(problem) = self.refresh() {
                return problem;
            }
        }
    }

    /// Opens ways to new pods and writes the files that have changed.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        for callee in self.callees.clone() {
            let now = self.pod.endpoints.of(callee.name);
            if self.told.get(callee.name) == Some(&now) {
                continue;
            }
            now.iter().try_for_each(|ip| self.open_way(callee, *ip))?;
            let addresses: Vec<Value> = now.iter().map(|ip| self.sockets.to(callee, *ip).envoy_address()).collect();
            write(&path(&self.dir, callee), callee, &addresses)?;
            self.told.insert(callee.name, now);
        }
        Ok(())
    }

    fn open_way(&mut self, callee: &'static Component, ip: Ipv4Addr) -> io::Result<()> {
        if !self.open.contains(&(callee.name, ip)) {
            let listener = self.sockets.to(callee, ip).listen()?;
            let path = ToPod::new(&self.pod, callee, ip);
            tokio::spawn(interface::serve_outbound(Arc::clone(&self.pod), listener, path));
            self.open.insert((callee.name, ip));
        }
        Ok(())
    }
}

/// The file with the addresses of `callee`.
pub(super) fn path(dir: &Path, callee: &Component) -> PathBuf {
    dir.join(format!("{}.json", callee.name))
}

/// Envoy reads a file when another one is moved to its place.
fn write(path: &Path, callee: &Component, addresses: &[Value]) -> io::Result<()> {
    let endpoints: Vec<Value> = addresses.iter().map(|address| json!({"endpoint": {"address": address}})).collect();
    let text = json!({"resources": [{
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": callee.name,
        "endpoints": [{"lb_endpoints": endpoints}],
    }]});
    let aside = path.with_extension("json.tmp");
    fs::write(&aside, text.to_string())?;
    fs::rename(aside, path)
}
