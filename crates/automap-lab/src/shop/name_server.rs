//! The stand-in for CoreDNS: a name server over UDP for the names of the cluster, with CoreDNS' metrics.
//!
//! It knows the services of the shop. Names outside `cluster.local` are not really forwarded: the answer comes after a modelled time, and counts as
//! one of the upstream server. Left out: TCP, IPv6, caching, search paths.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::admin::{self, Admin};
use super::dns_message::{self, Answer, MAX_BYTES};
use super::sockets::listen;
use super::{ShopError, locked};
use crate::effect::Effect;
use crate::plan::{NAMESPACE, Ports, component};
use crate::surroundings::DNS;
use automap_core::random::Rng;

/// Questions that are answered concurrently; further ones are dropped, as with a full socket buffer.
const MAX_CONCURRENT: usize = 1000;
/// Suffix of the cluster's own names.
const ZONE: &str = "cluster.local.";
/// Mean response time of the upstream server for foreign names, in seconds.
const FORWARDED_MEAN_S: f64 = 0.004;
const FORWARDED_TO: &str = "10.0.0.2:53";
/// `plugin.TimeBuckets` of CoreDNS: a quarter of a millisecond, doubled 15 times.
const BUCKETS: usize = 16;
const FIRST_BUCKET_S: f64 = 0.000_25;

/// One attempt and one retry, as resolvers do by default.
const TRIES: u32 = 2;
const TRY_WITHIN: Duration = Duration::from_secs(5);

/// Runs the name server in this thread until the process is killed.
///
/// # Errors
/// When a port is taken.
pub fn run(ports: Ports) -> Result<(), ShopError> {
    super::block_on(serve(ports))
}

/// Runs the name server as a future that never ends by itself.
///
/// # Errors
/// As [`run`].
pub async fn serve(ports: Ports) -> Result<(), ShopError> {
    let ip = Ipv4Addr::LOCALHOST;
    let socket = UdpSocket::bind((ip, ports.dns())).await.map_err(|source| ShopError::Listen {
        name: DNS.to_owned(),
        purpose: "questions".to_owned(),
        ip,
        port: ports.dns(),
        source,
    })?;
    let admin = listen(DNS, "the name server's metrics", ip, ports.dns_admin()).await?;
    let server = Arc::new(NameServer::default());
    tokio::spawn(admin::serve(admin, Arc::clone(&server)));
    let (socket, slots) = (Arc::new(socket), Arc::new(Semaphore::new(MAX_CONCURRENT)));
    let mut buffer = [0; MAX_BYTES];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
        let question = buffer.get(..length).unwrap_or_default().to_vec();
        let (server, socket) = (Arc::clone(&server), Arc::clone(&socket));
        tokio::spawn(async move {
            server.answer(&socket, from, &question).await;
            drop(slot);
        });
    }
}

#[derive(Debug, Default)]
struct NameServer {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    effects: BTreeMap<String, Effect>,
    rng: Rng,
    /// By zone.
    requests: BTreeMap<&'static str, Histogram>,
    /// By zone and code.
    responses: BTreeMap<(&'static str, &'static str), u64>,
    forwarded: BTreeMap<&'static str, Histogram>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            effects: BTreeMap::new(),
            rng: Rng::named(0, DNS),
            requests: BTreeMap::new(),
            responses: BTreeMap::new(),
            forwarded: BTreeMap::new(),
        }
    }
}

impl NameServer {
    async fn answer(&self, socket: &UdpSocket, from: SocketAddr, question: &[u8]) {
        let Some(name) = dns_message::name_of(question) else { return };
        let began = Instant::now();
        let (delay, fails) = self.fault();
        sleep(delay).await;
        let is_ours = name.ends_with(ZONE.trim_end_matches('.'));
        let zone = if is_ours { ZONE } else { "." };
        let answer = match (fails, is_ours) {
            (true, _) => Answer::Failed,
            (false, true) => address(&name),
            (false, false) => self.forward().await,
        };
        // The client may be gone by now.
        let _sent = socket.send_to(&dns_message::answer(question, answer), from).await;
        let state = &mut *locked(&self.state);
        state.requests.entry(zone).or_default().observe(began.elapsed());
        *state.responses.entry((zone, answer.rcode())).or_default() += 1;
    }

    /// The effect on the next question.
    fn fault(&self) -> (Duration, bool) {
        let State { effects, rng, .. } = &mut *locked(&self.state);
        let (mut delay_s, mut fails) = (0.0, false);
        for effect in effects.values() {
            if let Effect::NameService { delay_ms, percent, fails: all } = effect
                && rng.percent(*percent)
            {
                delay_s += delay_ms / 1e3;
                fails |= all;
            }
        }
        (Duration::try_from_secs_f64(delay_s).unwrap_or_default(), fails)
    }

    async fn forward(&self) -> Answer {
        let wait_s = locked(&self.state).rng.exponential(FORWARDED_MEAN_S);
        let wait = Duration::try_from_secs_f64(wait_s).unwrap_or_default();
        sleep(wait).await;
        let answer = Answer::Address(Ipv4Addr::new(203, 0, 113, 7));
        locked(&self.state).forwarded.entry(answer.rcode()).or_default().observe(wait);
        answer
    }
}

/// `catalogue.sock-shop.svc.cluster.local` exists whatever the state of its pods: a service has an address of its own.
fn address(name: &str) -> Answer {
    let service = name.strip_suffix(&format!(".{NAMESPACE}.svc.cluster.local"));
    match service.and_then(component) {
        Some(_) => Answer::Address(Ipv4Addr::LOCALHOST),
        None => Answer::NoSuchName,
    }
}

impl Admin for NameServer {
    fn stats(&self) -> Value {
        json!({ "component": DNS })
    }

    async fn exposition(&self) -> Option<io::Result<String>> {
        Some(Ok(locked(&self.state).exposition()))
    }

    fn effects(&self) -> BTreeMap<String, Effect> {
        locked(&self.state).effects.clone()
    }

    fn apply(&self, id: &str, effect: Effect) -> Result<(), String> {
        if !matches!(effect, Effect::NameService { .. }) {
            return Err("the name server applies effects on names only".to_owned());
        }
        locked(&self.state).effects.insert(id.to_owned(), effect);
        Ok(())
    }

    fn end(&self, id: &str) -> bool {
        locked(&self.state).effects.remove(id).is_some()
    }
}

/// Counts by duration.
#[derive(Clone, Copy, Debug, Default)]
struct Histogram {
    /// Not cumulative; the last one counts values beyond all bounds.
    counts: [u64; BUCKETS + 1],
    sum_s: f64,
}

impl Histogram {
    fn observe(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = (0..BUCKETS).find(|i| seconds <= bound_s(*i)).unwrap_or(BUCKETS);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum_s += seconds;
    }

    fn write(&self, out: &mut String, name: &str, labels: &str) {
        let mut sum = 0;
        for (i, count) in self.counts.iter().enumerate() {
            sum += count;
            let le = if i == BUCKETS { "+Inf".to_owned() } else { bound_s(i).to_string() };
            // Writing to a string cannot fail; here and below.
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{le}\"}} {sum}");
        }
        let _ = writeln!(out, "{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {sum}", self.sum_s);
    }
}

fn bound_s(bucket: usize) -> f64 {
    FIRST_BUCKET_S * f64::from(1_u32 << bucket)
}

impl State {
    fn exposition(&self) -> String {
        const SERVER: &str = "server=\"dns://:53\"";
        let mut out = String::new();
        let name = "coredns_dns_request_duration_seconds";
        let _ = writeln!(out, "# TYPE {name} histogram");
        for (zone, histogram) in &self.requests {
            histogram.write(&mut out, name, &format!("{SERVER},view=\"\",zone=\"{zone}\""));
        }
        let name = "coredns_dns_requests_total";
        let _ = writeln!(out, "# TYPE {name} counter");
        for (zone, histogram) in &self.requests {
            let count: u64 = histogram.counts.iter().sum();
            let labels = format!("family=\"1\",proto=\"udp\",{SERVER},type=\"A\",view=\"\",zone=\"{zone}\"");
            let _ = writeln!(out, "{name}{{{labels}}} {count}");
        }
        let name = "coredns_dns_responses_total";
        let _ = writeln!(out, "# TYPE {name} counter");
        for ((zone, rcode), count) in &self.responses {
            let plugin = if *zone == ZONE { "kubernetes" } else { "forward" };
            let labels = format!("plugin=\"{plugin}\",rcode=\"{rcode}\",{SERVER},view=\"\",zone=\"{zone}\"");
            let _ = writeln!(out, "{name}{{{labels}}} {count}");
        }
        let name = "coredns_proxy_request_duration_seconds";
        let _ = writeln!(out, "# TYPE {name} histogram");
        for (rcode, histogram) in &self.forwarded {
            let labels = format!("proxy_name=\"forward\",rcode=\"{rcode}\",to=\"{FORWARDED_TO}\"");
            histogram.write(&mut out, name, &labels);
        }
        let name = "coredns_forward_max_concurrent_rejects_total";
        let _ = writeln!(out, "# TYPE {name} counter\n{name} 0");
        out
    }
}

/// A client of the name server.
#[derive(Debug)]
pub(crate) struct Resolver {
    server: SocketAddr,
    next_id: AtomicU16,
}

impl Resolver {
    pub(crate) fn new(ports: Ports) -> Self {
        Self { server: (Ipv4Addr::LOCALHOST, ports.dns()).into(), next_id: AtomicU16::new(1) }
    }

    /// Queries a name until there is an answer, or all attempts are used up. Every question uses a new socket, as in the C library.
    pub(crate) async fn resolve(&self, name: &str) -> Answer {
        for _ in 0..TRIES {
            let id = self.next_id.fetch_add(1, Ordering::Relaxed);
            if let Ok(Ok(answer)) = timeout(TRY_WITHIN, self.ask(id, name)).await {
                return answer;
            }
        }
        Answer::Failed
    }

    async fn ask(&self, id: u16, name: &str) -> std::io::Result<Answer> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.send_to(&dns_message::question(id, name), self.server).await?;
        let mut buffer = [0; MAX_BYTES];
        loop {
            let (length, _) = socket.recv_from(&mut buffer).await?;
            if let Some(answer) = dns_message::read(id, buffer.get(..length).unwrap_or_default()) {
                return Ok(answer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0.3 ms is above the first bound, 0.25 ms, and 9 s beyond the last, 8.192 s.
    #[test]
    fn durations_are_counted_as_coredns_does() {
        let mut state = State::default();
        let histogram = state.requests.entry(ZONE).or_default();
        histogram.observe(Duration::from_micros(300));
        histogram.observe(Duration::from_secs(9));
        let text = state.exposition();
        let labels = "server=\"dns://:53\",view=\"\",zone=\"cluster.local.\"";
        let name = "coredns_dns_request_duration_seconds";
        for line in [
            format!("{name}_bucket{{{labels},le=\"0.00025\"}} 0"),
            format!("{name}_bucket{{{labels},le=\"0.0005\"}} 1"),
            format!("{name}_bucket{{{labels},le=\"8.192\"}} 1"),
            format!("{name}_count{{{labels}}} 2"),
            "coredns_dns_requests_total{family=\"1\",proto=\"udp\",server=\"dns://:53\",type=\"A\",view=\"\",zone=\"cluster.local.\"} 2"
                .to_owned(),
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn services_of_the_shop_have_an_address_and_nothing_else_has() {
        assert_eq!(address("catalogue.sock-shop.svc.cluster.local"), Answer::Address(Ipv4Addr::LOCALHOST));
        assert_eq!(address("nobody.sock-shop.svc.cluster.local"), Answer::NoSuchName);
        assert_eq!(address("catalogue.other.svc.cluster.local"), Answer::NoSuchName);
    }
}
