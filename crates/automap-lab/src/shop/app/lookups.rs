//! How applications look up the addresses of their callees, in a lab with a name server.
//!
//! As in the original: front-end (Node.js without keep-alive) opens a connection for every call and does a look-up each time; the Java services cache
//! an address for half a minute; the others keep their connections and look up once a minute. A call needs the answer first, so a slow name server
//! delays it. Without a name server there are no look-ups.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::plan::{NAMESPACE, Ports};
use crate::shop::dns_message::Answer;
use crate::shop::locked;
use crate::shop::name_server::Resolver;

/// `networkaddress.cache.ttl` of Java.
const JAVA_REMEMBERS: Duration = Duration::from_secs(30);
/// How often the others open a new connection.
const OTHERS_REMEMBER: Duration = Duration::from_secs(60);
/// How often front-end looks up a name outside the cluster, for statistics that nothing waits for.
const BEACON_EVERY: Duration = Duration::from_secs(1);
const BEACON: &str = "statistics.example.com";

/// The look-ups of one application.
#[derive(Debug)]
pub(super) struct Lookups {
    resolver: Arc<Resolver>,
    remembers: Duration,
    known: Mutex<BTreeMap<&'static str, Instant>>,
}

impl Lookups {
    pub(super) fn new(component: &str, ports: Ports) -> Self {
        Self { resolver: Arc::new(Resolver::new(ports)), remembers: remembers(component), known: Mutex::default() }
    }

    /// Waits until the address of `callee` is known. `false`: it cannot be resolved.
    pub(super) async fn find(&self, callee: &'static str) -> bool {
        let is_known = |at: &Instant| at.elapsed() < self.remembers;
        if locked(&self.known).get(callee).is_some_and(is_known) {
            return true;
        }
        let answer = self.resolver.resolve(&format!("{callee}.{NAMESPACE}.svc.cluster.local")).await;
        let is_found = matches!(answer, Answer::Address(_));
        if is_found {
            locked(&self.known).insert(callee, Instant::now());
        }
        is_found
    }

    /// Periodically looks up a name outside the cluster, forever.
    pub(super) fn start_beacon(&self) {
        let resolver = Arc::clone(&self.resolver);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(BEACON_EVERY).await;
                let _nobody_waits = resolver.resolve(BEACON).await;
            }
        });
    }
}

fn remembers(component: &str) -> Duration {
    match component {
        "front-end" => Duration::ZERO,
        "carts" | "orders" | "queue-master" | "shipping" => JAVA_REMEMBERS,
        _ => OTHERS_REMEMBER,
    }
}
