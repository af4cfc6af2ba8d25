//! A Prometheus with a namespace of many workloads in a mesh: `s0` calls `s1` to `s3`, each of these three more, and so on; some have a store. One
//! fault begins at three quarters of the time.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{LazyLock, Mutex};

use automap_core::time::Timestamp;

use crate::support::shop::{Shop, call};
use crate::support::{NOW, Reply, Request};

/// Interval of samples, in seconds.
pub(crate) const STEP_S: i64 = 60;
/// Number of samples.
pub(crate) const POINTS: i64 = 32;

/// When the fault begins.
pub(crate) fn onset() -> Timestamp {
    NOW.plus_ms(-STEP_S * 1000 * POINTS / 4)
}

/// The fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This service is busy, answers late, and its callers wait.
    Busy(usize),
    /// This service answers with errors, and its callers pass them on.
    Failing(usize),
    /// The store of this service is busy, and the service and its callers wait; requests to the store are not measured.
    BusyStore(usize),
    /// A workload called by this service's store is busy, and nothing else shows it.
    BusyBehindStore(usize),
    /// Every service answers late, each independently.
    Everywhere,
    /// Nothing.
    Nothing,
}

/// The workloads: services in a mesh, the stores of some, and the workloads that those call.
#[derive(Clone, Debug)]
pub(crate) struct Large {
    pub(crate) services: usize,
    pub(crate) fault: Fault,
}

/// Of this many services one has a store.
const STORE_EVERY: usize = 10;

impl Large {
    /// `s7` and its callers up to `s0`.
    fn waiting(service: usize) -> Vec<usize> {
        std::iter::successors(Some(service), |s| s.checked_sub(1).map(|s| s / 3)).collect()
    }

    pub(crate) fn has_store(service: usize) -> bool {
        service.is_multiple_of(STORE_EVERY)
    }

    pub(crate) fn workloads(&self) -> Vec<String> {
        let stores = (0..self.services).filter(|s| Self::has_store(*s));
        let services = (0..self.services).map(|s| format!("s{s}"));
        services.chain(stores.flat_map(|s| [format!("s{s}-store"), format!("s{s}-disk")])).collect()
    }

    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let query = request.query();
        if !request.path.contains("/query") || query.contains("count by (") {
            return Shop::of(1).answer(request);
        }
        let is_instant = request.path.ends_with("/query");
        let mut result = String::new();
        for (part, text) in query.split(" or label_replace(").enumerate() {
            for (labels, value) in self.series(text) {
                let comma = if result.is_empty() { "" } else { "," };
                write!(result, r#"{comma}{{"metric":{{"part":"{part}",{labels}}},"#).unwrap();
                match is_instant {
                    true => result += r#""value":[1,"1"]}"#,
                    false => write!(result, r#""values":[{}]}}"#, points(request, &value)).unwrap(),
                }
            }
        }
        let kind = if is_instant { "vector" } else { "matrix" };
        let data = format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":[{result}]}}}}"#);
        Reply::new(200, data)
    }

    /// Labels and values for an expression.
    fn series(&self, part: &str) -> Vec<(String, Values)> {
        match part {
            p if p.contains("kube_replicaset_owner")
                || p.contains("kube_pod_info")
                || p.contains("resets(istio") && !p.contains("rate(") =>
            {
                Vec::new()
            }
            p if p.contains("istio_agent_cert") => Vec::new(),
            p if p.contains("by (pod") => self.of_pods(p),
            p if p.contains("istio_tcp") => self.connections(p),
            p if p.contains("istio_") && p.contains(r#"reporter="source""#) => self.calls(p),
            p if p.contains("istio_") && p.contains("source_workload,") => self.calls_served(p),
            p if p.contains("istio_") && p.contains("by (destination_service_name") => Vec::new(),
            p if p.contains("istio_") => self.served(p),
            _ => Vec::new(),
        }
    }

    fn of_pods(&self, part: &str) -> Vec<(String, Values)> {
        let allowed = allowed(part, "pod");
        let pods =
            self.workloads().into_iter().filter(|w| allowed.as_ref().is_none_or(|a| a.iter().any(|p| starts(w, p))));
        let is_there = match part {
            p if p.contains("kube_pod_owner") && p.contains("owner_kind,") => true,
            p if p.contains("kube_pod_owner") => !p.contains(" offset "),
            p if p.contains("istio-proxy\"") && !p.contains("!~") => false,
            p => ["cpu_usage", "working_set", "cfs_", "_network_", "restarts", "ready"]
                .iter()
                .any(|metric| p.contains(metric)),
        };
        if !is_there {
            return Vec::new();
        }
        let one = |workload: String| {
            let owner = r#""owner_kind":"StatefulSet""#;
            let labels = format!(r#""pod":"{workload}-0",{owner},"owner_name":"{workload}""#);
            let level = match part {
                p if p.contains("working_set") => 2e8,
                p if p.contains("cfs_throttled") || p.contains("restarts") || p.contains("ready") => 0.0,
                p if p.contains("cfs_") => 10.0,
                p if p.contains("_network_") => 40_000.0,
                _ => 0.2,
            };
            let is_cpu = part.contains("cpu_usage") && !part.contains("working_set");
            let faulty = if is_cpu && self.computes(&workload) { 6.0 } else { 1.0 };
            let seed = seed(&workload) + part.len();
            (labels, Values { level, wobble: 0.1, faulty, seed })
        };
        pods.map(one).collect()
    }

    fn computes(&self, workload: &str) -> bool {
        match self.fault {
            Fault::Busy(s) => workload == format!("s{s}"),
            Fault::BusyStore(s) => workload == format!("s{s}-store"),
            Fault::BusyBehindStore(s) => workload == format!("s{s}-disk"),
            Fault::Failing(_) | Fault::Everywhere | Fault::Nothing => false,
        }
    }

    /// Requests served, their duration, and failed ones.
    fn value(&self, service: usize, part: &str, more: usize) -> Option<Values> {
        let (slow, failing) = match self.fault {
            Fault::Busy(s) | Fault::BusyStore(s) | Fault::BusyBehindStore(s) => (Self::waiting(s), Vec::new()),
            Fault::Failing(s) => (Vec::new(), Self::waiting(s)),
            Fault::Everywhere => (vec![service], Vec::new()),
            Fault::Nothing => (Vec::new(), Vec::new()),
        };
        // The cost of a call to its caller grows less on the way up than its cost to its callee.
        let depth = |waiting: &[usize]| waiting.iter().position(|w| *w == service).map(|depth| depth as f64);
        let seed = seed(part) + service * 31 + more;
        let is_failed = part.contains("5..|0") || part.contains("grpc_response_status=~");
        let (level, faulty) = match part {
            p if p.contains("response_flags=~") => return None,
            _ if is_failed => match depth(&failing) {
                Some(depth) => (0.02, 300.0 / (1.0 + depth)),
                None => return None,
            },
            p if p.contains("_sum") => (200.0, depth(&slow).map_or(1.0, |depth| 12.0 / (1.0 + 0.3 * depth))),
            p if p.contains("_bucket") => (25.0, depth(&slow).map_or(1.0, |depth| 12.0 / (1.0 + 0.3 * depth))),
            _ => (20.0, 1.0),
        };
        let wobble = if part.contains("_sum") || part.contains("_bucket") { 0.1 } else { 0.0 };
        Some(Values { level, wobble, faulty, seed })
    }

    fn served(&self, part: &str) -> Vec<(String, Values)> {
        let allowed = allowed(part, "destination_workload");
        let all = (0..self.services).filter(|s| allowed.as_ref().is_none_or(|a| a.contains(&format!("s{s}"))));
        all.filter_map(|s| Some((format!(r#""destination_workload":"s{s}""#), self.value(s, part, 0)?))).collect()
    }

    fn calls(&self, part: &str) -> Vec<(String, Values)> {
        let one = |s: usize| {
            let labels = call(&format!("s{}", (s - 1) / 3), &format!("s{s}"), "shop", &format!("s{s}"));
            Some((labels, self.value(s, part, 7)?))
        };
        (1..self.services).filter_map(one).collect()
    }

    fn calls_served(&self, part: &str) -> Vec<(String, Values)> {
        let one = |s: usize| {
            let caller = s.checked_sub(1).map_or_else(|| "unknown".to_owned(), |s| format!("s{}", s / 3));
            let namespace = if s == 0 { "unknown" } else { "shop" };
            let source = format!(r#""source_workload":"{caller}","source_workload_namespace":"{namespace}""#);
            Some((format!(r#"{source},"destination_workload":"s{s}""#), self.value(s, part, 7)?))
        };
        (0..self.services).filter_map(one).collect()
    }

    /// A service calls its store, and the store calls another workload.
    fn connections(&self, part: &str) -> Vec<(String, Values)> {
        if part.contains(r#"response_flags!="-""#) {
            return Vec::new();
        }
        let of = |caller: String, callee: String| {
            let seed = seed(part) + seed(&caller);
            (call(&caller, &callee, "shop", &callee), Values { level: 5.0, wobble: 0.0, faulty: 1.0, seed })
        };
        let all = (0..self.services).filter(|s| Self::has_store(*s));
        all.flat_map(|s| {
            let [service, store, disk] = ["", "-store", "-disk"].map(|end| format!("s{s}{end}"));
            [of(service, store.clone()), of(store, disk)]
        })
        .collect()
    }
}

/// A level with noise, and its factor after the onset of the fault.
struct Values {
    level: f64,
    wobble: f64,
    faulty: f64,
    seed: usize,
}

/// A seed for the noise.
const WOBBLES: usize = 16;

/// The samples of one request; those of equal values are built once: otherwise these tests would spend most of their time on writing numbers.
fn points(request: &Request, values: &Values) -> String {
    type Key = (String, [u64; 3], usize);
    static KNOWN: LazyLock<Mutex<HashMap<Key, String>>> = LazyLock::new(Mutex::default);
    let number = |name: &str| request.form[name].parse::<f64>().unwrap();
    let (start, end, step) = (number("start"), number("end"), number("step"));
    let wobble = if values.wobble > 0.0 { values.seed % WOBBLES } else { 0 };
    let of = [values.level, values.wobble, values.faulty].map(f64::to_bits);
    let key = (format!("{start} {end} {step}"), of, wobble);
    let mut known = KNOWN.lock().unwrap();
    let made = known.entry(key).or_insert_with(|| {
        let times = (0..).map(|i| start + f64::from(i) * step).take_while(|t| *t <= end);
        let value = |t: f64| {
            let noise = (((t as usize / STEP_S as usize) * 7919 + wobble * 104_729) % 1009) as f64 / 1009.0;
            let faulty = if t >= onset().seconds() { values.faulty } else { 1.0 };
            values.level * faulty * (1.0 + values.wobble * noise)
        };
        times.map(|t| format!("[{t},\"{:.3}\"]", value(t))).collect::<Vec<_>>().join(",")
    });
    made.clone()
}

fn seed(text: &str) -> usize {
    text.bytes().map(usize::from).sum()
}

/// The names in `pod=~"(?:a|b)-.*"` or `destination_workload=~"a|b"`, if an expression is narrowed.
fn allowed(part: &str, label: &str) -> Option<Vec<String>> {
    let rest = &part[part.find(&format!(",{label}=~\""))? + label.len() + 4..];
    let pattern = rest.split('"').next()?.trim_start_matches("(?:");
    let names = pattern.split(")-.*").next()?;
    Some(names.split('|').map(str::to_owned).collect())
}

/// Whether a pod of one workload has a name that matches the pattern of another one.
fn starts(workload: &str, name: &str) -> bool {
    format!("{workload}-0").starts_with(&format!("{name}-"))
}
