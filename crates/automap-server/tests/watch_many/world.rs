//! One HTTP server that answers like a Prometheus with many namespaces: `web` calls `orders`, `orders` calls `db`, in each of them. It is not a
//! Prometheus: it knows only the few expressions of the preset below, and computes the answers, so that it costs next to nothing.
//!
//! It records who queried which namespace and when: each replica sends its number in a header.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::form::decode;
use super::now_ms;

/// The client.
pub(crate) const HEADER: &str = "x-replica";
/// Each thread of the server needs little; there is one for each connection.
const STACK_BYTES: usize = 256 << 10;
/// What a broken service adds to each request.
const HURT_MS: f64 = 250.0;
const RPS: f64 = 50.0;
/// Every service with its own latency in milliseconds; each calls the next.
pub(crate) const SERVICES: [(&str, f64); 3] = [("web", 60.0), ("orders", 30.0), ("db", 10.0)];

/// The queries of the replicas.
pub(crate) const PRESET: &str = "presets:
  - preset: many
    title: Many
    namespace_label: namespace
    detect: many_requests_total{namespace=$NS}
    service: service
    served: { requests: 'many_requests_total{namespace=$NS}', duration_ms: 'many_ms{namespace=$NS}' }
    calls: { callee: callee, requests: 'many_calls_total{namespace=$NS}', duration_ms: 'many_calls_ms{namespace=$NS}' }
";

/// A service is slow from one moment to another.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) place: usize,
    pub(crate) from_ms: i64,
    pub(crate) until_ms: i64,
}

/// A request for the request rate of a namespace: there is one in each poll.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) at: Instant,
    pub(crate) replica: usize,
    pub(crate) target: usize,
}

#[derive(Debug, Default)]
struct State {
    faults: BTreeMap<usize, Fault>,
    looks: Vec<Look>,
    requests: u64,
}

/// The server.
#[derive(Clone, Debug)]
pub(crate) struct World {
    state: Arc<Mutex<State>>,
    port: u16,
}

/// The name of a target, and of its namespace.
pub(crate) fn name(target: usize) -> String {
    format!("n{target:04}")
}

impl World {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let world = Self { state: Arc::default(), port: listener.local_addr().unwrap().port() };
        let shared = world.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let world = shared.clone();
                let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
                thread.spawn(move || world.serve(&stream)).unwrap();
            }
        });
        world
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Breaks a target that was never broken before.
    pub(crate) fn break_down(&self, target: usize, fault: Fault) {
        assert!(self.state.lock().unwrap().faults.insert(target, fault).is_none(), "{target} is broken twice");
    }

    pub(crate) fn faults(&self) -> BTreeMap<usize, Fault> {
        self.state.lock().unwrap().faults.clone()
    }

    /// The polls from a moment on, in order of arrival.
    pub(crate) fn looks_since(&self, since: Instant) -> Vec<Look> {
        let state = self.state.lock().unwrap();
        state.looks[state.looks.partition_point(|look| look.at < since)..].to_vec()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.state.lock().unwrap().requests
    }

    /// Answers one connection until it ends.
    fn serve(&self, mut stream: &TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(120))).ok()?;
        let mut reader = BufReader::new(stream);
        loop {
            let asked = Asked::read(&mut reader)?;
            self.note(&asked);
            let body = self.answer(&asked);
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).ok()?;
        }
    }

    fn note(&self, asked: &Asked) {
        let at = Instant::now();
        let is_look = asked.is_range && asked.query.contains("rate(many_requests_total");
        let mut state = self.state.lock().unwrap();
        state.requests += 1;
        if let (true, Some(target)) = (is_look, asked.target()) {
            state.looks.push(Look { at, replica: asked.replica, target });
        }
    }

    fn answer(&self, asked: &Asked) -> String {
        let mut result = String::new();
        if let (true, Some(target)) = (asked.is_range, asked.target()) {
            let fault = self.state.lock().unwrap().faults.get(&target).cloned();
            for (i, part) in asked.query.split(" or label_replace(").enumerate() {
                for (labels, value) in series(part, target, fault.as_ref()) {
                    let comma = if result.is_empty() { "" } else { "," };
                    let points = asked.points(&*value);
                    write!(result, r#"{comma}{{"metric":{{"part":"{i}",{labels}}},"values":[{points}]}}"#).unwrap();
                }
            }
        }
        let kind = if asked.is_range { "matrix" } else { "vector" };
        format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":[{result}]}}}}"#)
    }
}

type Value<'a> = Box<dyn Fn(i64) -> f64 + 'a>;

/// The series of one expression: labels, and the value at a time in milliseconds.
fn series<'a>(part: &str, target: usize, fault: Option<&'a Fault>) -> Vec<(String, Value<'a>)> {
    let latency = move |service: usize, at_ms: i64| {
        let wobble = ((at_ms / 1000 * 7919 + (target * 3 + service) as i64 * 104_729) % 101) as f64 / 101.0;
        let is_hurt = fault.is_some_and(|f| service <= f.place && (f.from_ms..f.until_ms).contains(&at_ms));
        SERVICES[service].1 * (1.0 + 0.05 * wobble) + if is_hurt { HURT_MS } else { 0.0 }
    };
    if part.contains("histogram_count(") || part.contains("histogram_sum(") {
        return Vec::new();
    }
    if part.contains("count by (") {
        let there: Value<'a> = Box::new(|_| 3.0);
        let is_ours = part.contains("many_requests_total");
        return is_ours.then(|| (r#""job":"many""#.to_owned(), there)).into_iter().collect();
    }
    let is_calls = part.contains("many_calls");
    let services = if is_calls { 1..SERVICES.len() } else { 0..SERVICES.len() };
    let of = |s: usize| -> Option<Value<'a>> {
        // A caller waits for its callee and for the network to it.
        let way_ms = if is_calls { 1.0 } else { 0.0 };
        if part.contains("_total{") || part.contains("_ms_count{") {
            Some(Box::new(|_| RPS))
        } else if part.contains("_ms_sum{") {
            Some(Box::new(move |t| RPS * (latency(s, t) + way_ms)))
        } else if part.contains("_ms_bucket{") {
            Some(Box::new(move |t| 1.6 * latency(s, t)))
        } else {
            None
        }
    };
    let labels = |s: usize| {
        let served = format!(r#""destination_workload":"{}""#, SERVICES[s].0);
        if is_calls { format!(r#""source_workload":"{}",{served}"#, SERVICES[s - 1].0) } else { served }
    };
    services.filter_map(|s| Some((labels(s), of(s)?))).collect()
}

/// One request.
#[derive(Debug)]
struct Asked {
    replica: usize,
    is_range: bool,
    query: String,
    /// Start, end and step in milliseconds.
    grid: [i64; 3],
}

impl Asked {
    fn read(reader: &mut BufReader<&TcpStream>) -> Option<Self> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let address = line.split(' ').nth(1)?.to_owned();
        let (mut length, mut replica) = (0, 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().ok()?,
                HEADER => replica = value.trim().parse().ok()?,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let form = String::from_utf8(body).ok()?;
        let given = |name: &str| {
            let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| decode(value))
        };
        let ms =
            |name: &str| given(name).and_then(|s| s.parse::<f64>().ok()).map_or(0, |s| (s * 1000.0).round() as i64);
        let is_range = address.starts_with("/api/v1/query_range");
        Some(Self {
            replica,
            is_range,
            query: given("query").unwrap_or_default(),
            grid: ["start", "end", "step"].map(ms),
        })
    }

    /// Its target: all selectors name the same namespace.
    fn target(&self) -> Option<usize> {
        let (_, after) = self.query.split_once("namespace=\"n")?;
        after.get(..4)?.parse().ok()
    }

    /// Up to now: there is no data for the future.
    fn points(&self, value: &dyn Fn(i64) -> f64) -> String {
        let [start, end, step] = self.grid;
        let end = end.min(now_ms());
        let mut text = String::new();
        for at in (start..=end).step_by(step.max(1) as usize) {
            let comma = if text.is_empty() { "" } else { "," };
            write!(text, r#"{comma}[{}.{:03},"{:.3}"]"#, at / 1000, at % 1000, value(at)).unwrap();
        }
        text
    }
}
