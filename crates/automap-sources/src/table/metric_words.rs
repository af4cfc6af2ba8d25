//! The words that tables use for metrics, and their meaning to automap.
//!
//! A spelling is a quantity (`latency`, `response_time`, `cpu_usage`, …), surrounded by statistics (`p95`, `mean`) and units (`ms`, `percent`). A
//! name that the core recognises is kept; others become the core's own, with their values scaled: `p95_duration_seconds` is `latency_p95_ms` times
//! 1000. Not decided here: what a metric is evidence of; that is up to the core.

use automap_core::metric::{
    CLIENT_ERROR_RATIO, CLIENT_RPS, CPU_CORES, CPU_THROTTLED_RATIO, ERROR_RATIO, Family, MEMORY_BYTES, Metric,
    PROXY_CPU_CORES, THROUGHPUT_RPS, Unit,
};

/// A known way to name a metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spelling {
    /// The core's name for it.
    pub(super) name: String,
    /// Factor from the column's values to that name's unit.
    pub(super) scale: f64,
    /// Whether it is a number of good requests, rather than a share.
    pub(super) is_success_count: bool,
}

/// The measured quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantity {
    Latency,
    Error,
    Success,
    SuccessCount,
    Throughput,
    Cpu,
    Throttle,
    Memory,
    NetworkIn,
    NetworkOut,
    Disk,
    /// Known to be a metric; the core interprets the name.
    Other,
}

/// Words that name quantities, separated by spaces.
const QUANTITIES: [(Quantity, &str); 12] = [
    (
        Quantity::Latency,
        "latency latencies duration durations response_time resp_time responsetime rt request_duration request_latency request_time \
         response_latency response_duration elapsed elapsed_time service_time",
    ),
    (
        Quantity::Error,
        "error errors err errs failure failures failed failed_requests requests_failed request_errors requests_error requests_errors \
         error_requests exceptions 5xx http_5xx errors_5xx",
    ),
    (Quantity::Success, "availability avail success"),
    (
        Quantity::SuccessCount,
        "successes successful success_requests requests_success request_success successful_requests requests_successful ok_requests \
         requests_ok good_requests good_events",
    ),
    (Quantity::Throughput, "throughput workload request requests req reqs rps qps tps calls traffic hits"),
    (Quantity::Cpu, "cpu cpu_usage cpu_used cpu_util cpu_utilization cpu_utilisation cpu_load"),
    (Quantity::Throttle, "cpu_throttled cpu_throttling cpu_throttle cpu_cfs_throttled cpu_throttled_periods"),
    (
        Quantity::Memory,
        "mem memory mem_usage memory_usage mem_used memory_used mem_util memory_util memory_utilization memory_utilisation \
         memory_working_set working_set rss memory_rss mem_delta memory_delta heap heap_used",
    ),
    (Quantity::NetworkIn, "net_in network_in net_rx network_rx net_receive network_receive rx"),
    (Quantity::NetworkOut, "net_out network_out net_tx network_tx net_transmit network_transmit tx"),
    (
        Quantity::Disk,
        "disk disk_read disk_reads disk_write disk_writes disk_io diskio disk_usage disk_used fs fs_read fs_reads fs_write fs_writes",
    ),
    (
        Quantity::Other,
        "net network network_gap syscall syscalls syscall_read syscall_write restart restarts not_ready pods_started tcp \
         tcp_connections tcp_failures connections socket sockets threads missing",
    ),
];

/// Words before a quantity, and the quantities that they go with.
const LEADING: [(&str, &[Quantity]); 8] = [
    ("trace", REQUESTS),
    ("client", REQUESTS),
    ("served", REQUESTS),
    ("entry", REQUESTS),
    ("http", REQUESTS),
    ("grpc", REQUESTS),
    ("proxy", &[Quantity::Cpu]),
    ("container", &[Quantity::Cpu, Quantity::Memory, Quantity::Disk, Quantity::Throttle]),
];
const REQUESTS: &[Quantity] =
    &[Quantity::Latency, Quantity::Error, Quantity::Success, Quantity::SuccessCount, Quantity::Throughput];
const STATISTICS: [&str; 7] = ["mean", "avg", "average", "median", "max", "min", "current"];
const UNITS: &str = "ms msec millis milliseconds s sec secs second seconds us microseconds ns nanoseconds min minute ratio rate percent \
    percentage pct bytes byte b kb mb gb kib mib gib per cores core millicores mcores count total rps qps";

/// The meaning of a name that consists only of a metric.
///
/// Worked example: `P95 Response Time (s)` has the words p95, response, time, s; without the statistic and the unit, `response_time` is left.
pub(super) fn spelling(name: &str) -> Option<Spelling> {
    let words = words(name);
    let found = Parts::of(&words)?;
    let raw = words.join(if name.contains('-') { "-" } else { "_" });
    // A name with both separators, as in `client_latency-90`, is kept as it is.
    let raw = if name.contains('-') && name.contains('_') { name.trim().to_ascii_lowercase() } else { raw };
    Some(found.spelling(raw))
}

/// Lower-case words, separated by anything that is not a letter or digit.
fn words(name: &str) -> Vec<String> {
    let lower = name.replace('%', " percent ").to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(ToOwned::to_owned).collect()
}

/// The parts of a name.
struct Parts<'a> {
    quantity: Quantity,
    phrase: String,
    before: &'a [String],
    after: &'a [String],
}

impl<'a> Parts<'a> {
    fn of(words: &'a [String]) -> Option<Self> {
        for end in (1..=words.len()).rev() {
            for start in 0..end {
                let phrase = words[start..end].join("_");
                let Some((quantity, _)) = QUANTITIES.iter().find(|(_, names)| names.split(' ').any(|n| n == phrase))
                else {
                    continue;
                };
                let (before, after) = (&words[..start], &words[end..]);
                let is_lead = |w: &String| LEADING.iter().any(|(lead, with)| lead == w && with.contains(quantity));
                let leads = before.iter().all(|w| is_lead(w) || is_statistic(w));
                let ends = after.iter().all(|w| UNITS.split(' ').any(|unit| unit == w) || is_statistic(w));
                if leads && ends {
                    return Some(Self { quantity: *quantity, phrase, before, after });
                }
            }
        }
        None
    }

    fn has(&self, units: &[&str]) -> bool {
        self.after.iter().any(|w| units.contains(&w.as_str()))
    }

    fn spelling(&self, raw: String) -> Spelling {
        let is_share = self.has(&["ratio", "rate", "percent", "percentage", "pct"]);
        let counts = self.has(&["count", "total", "rps", "qps", "per"]);
        let is_success_count = match self.quantity {
            Quantity::Success => counts && !is_share,
            Quantity::SuccessCount => !is_share,
            _ => false,
        };
        let (name, scale) = match self.quantity {
            Quantity::Latency => self.latency(raw),
            Quantity::Error => self.error(raw),
            Quantity::Throughput => self.throughput(raw),
            Quantity::Cpu => self.cpu(raw),
            Quantity::Throttle if is_share => (CPU_THROTTLED_RATIO.to_owned(), self.share_scale()),
            Quantity::Memory => self.memory(raw),
            Quantity::NetworkIn => (kept(raw, &Family::Network, "net-in"), 1.0),
            Quantity::NetworkOut => (kept(raw, &Family::Network, "net-out"), 1.0),
            Quantity::Success | Quantity::SuccessCount if self.has(&["percent", "percentage", "pct"]) => {
                ("success_ratio".to_owned(), 0.01)
            }
            Quantity::SuccessCount if is_share => ("success".to_owned(), 1.0),
            _ => (raw, 1.0),
        };
        Spelling { name, scale, is_success_count }
    }

    fn share_scale(&self) -> f64 {
        if self.has(&["percent", "percentage", "pct"]) { 0.01 } else { 1.0 }
    }

    fn latency(&self, raw: String) -> (String, f64) {
        if Metric::parse(&raw).unit == Unit::Ms && raw.contains("latency") {
            return (raw, 1.0);
        }
        let to_ms = [
            (&["ms", "msec", "millis", "milliseconds"][..], 1.0),
            (&["us", "microseconds"], 1e-3),
            (&["ns", "nanoseconds"], 1e-6),
            (&["s", "sec", "secs", "second", "seconds"], 1e3),
            (&["min", "minute"], 6e4),
        ];
        let scale = to_ms.iter().find(|(units, _)| self.has(units)).map(|(_, scale)| *scale);
        if scale.is_none() && raw.contains("latency") {
            return (raw, 1.0);
        }
        let side = self.before.iter().find(|w| ["client", "served", "entry"].contains(&w.as_str()));
        let statistic = self.before.iter().chain(self.after).find(|w| is_statistic(w));
        let statistic = statistic.filter(|w| !["mean", "avg", "average", "min"].contains(&w.as_str()));
        let percentile =
            statistic.map(|w| if w.starts_with(|c: char| c.is_ascii_digit()) { format!("p{w}") } else { w.clone() });
        let parts = [side.cloned(), Some("latency".to_owned()), percentile, scale.map(|_| "ms".to_owned())];
        (parts.into_iter().flatten().collect::<Vec<_>>().join("_"), scale.unwrap_or(1.0))
    }

    fn error(&self, raw: String) -> (String, f64) {
        match () {
            () if self.has(&["percent", "percentage", "pct", "ratio"]) => {
                let side = if self.before.iter().any(|w| w == "client") { CLIENT_ERROR_RATIO } else { ERROR_RATIO };
                (side.to_owned(), self.share_scale())
            }
            () => (kept(raw, &Family::Error, "error"), 1.0),
        }
    }

    fn throughput(&self, raw: String) -> (String, f64) {
        let side = if self.before.iter().any(|w| w == "client") { CLIENT_RPS } else { THROUGHPUT_RPS };
        if self.has(&["min", "minute"]) {
            return (side.to_owned(), 1.0 / 60.0);
        }
        let is_rate = self.has(&["rps", "qps", "per"]) || ["rps", "qps", "tps"].contains(&self.phrase.as_str());
        if is_rate { (side.to_owned(), 1.0) } else { (kept(raw, &Family::Throughput, "throughput"), 1.0) }
    }

    fn cpu(&self, raw: String) -> (String, f64) {
        let side = if self.before.iter().any(|w| w == "proxy") { PROXY_CPU_CORES } else { CPU_CORES };
        match () {
            () if self.has(&["millicores", "mcores"]) => (side.to_owned(), 1e-3),
            () if self.has(&["cores", "core"]) => (side.to_owned(), 1.0),
            () => (kept(raw, &Family::Cpu, "cpu"), 1.0),
        }
    }

    fn memory(&self, raw: String) -> (String, f64) {
        const SIZES: [(&str, f64); 8] = [
            ("bytes", 1.0),
            ("b", 1.0),
            ("kb", 1e3),
            ("mb", 1e6),
            ("gb", 1e9),
            ("kib", 1024.0),
            ("mib", 1_048_576.0),
            ("gib", 1_073_741_824.0),
        ];
        match SIZES.iter().find(|(unit, _)| self.has(&[unit])) {
            Some((_, scale)) if !self.phrase.ends_with("delta") => (MEMORY_BYTES.to_owned(), *scale),
            _ => (kept(raw, &Family::Memory, "mem"), 1.0),
        }
    }
}

/// The name itself if the core reads it as this family.
fn kept(raw: String, family: &Family, otherwise: &str) -> String {
    if Metric::parse(&raw).family == *family { raw } else { otherwise.to_owned() }
}

/// `p95`, `q95`, `99`, `mean`, …
fn is_statistic(word: &str) -> bool {
    let digits = word.strip_prefix(['p', 'q']).unwrap_or(word);
    let is_percentile = (2..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    is_percentile || STATISTICS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_become_names_of_the_core() {
        for (word, name, scale) in [
            ("latency_ms", "latency_ms", 1.0),
            ("latency-90", "latency-90", 1.0),
            ("client-latency-99", "client-latency-99", 1.0),
            ("Latency", "latency", 1.0),
            ("response_time_ms", "latency_ms", 1.0),
            ("p95_duration_seconds", "latency_p95_ms", 1e3),
            ("http_request_duration_99_us", "latency_p99_ms", 1e-3),
            ("RT", "latency", 1.0),
            ("avg response time [ms]", "latency_ms", 1.0),
            ("error_percent", "error_ratio", 0.01),
            ("Errors (%)", "error_ratio", 0.01),
            ("failed_requests", "error", 1.0),
            ("requests per second", "throughput_rps", 1.0),
            ("QPS", "throughput_rps", 1.0),
            ("requests_per_min", "throughput_rps", 1.0 / 60.0),
            ("CPU usage", "cpu", 1.0),
            ("cpu_millicores", "cpu_cores", 1e-3),
            ("mem", "mem", 1.0),
            ("mem-delta", "mem-delta", 1.0),
            ("memory_usage_mib", "memory_bytes", 1_048_576.0),
            ("net-in", "net-in", 1.0),
            ("network_rx", "network_rx", 1.0),
            ("disk_read_bytes_per_s", "disk_read_bytes_per_s", 1.0),
            ("tcp_bytes_per_s", "tcp_bytes_per_s", 1.0),
            ("entry-success", "entry-success", 1.0),
            ("success_percent", "success_ratio", 0.01),
        ] {
            let expected = Spelling { name: name.to_owned(), scale, is_success_count: false };
            assert_eq!(spelling(word), Some(expected), "{word}");
        }
    }

    #[test]
    fn counts_of_successes_are_told_from_shares() {
        for (word, is_count) in [
            ("success_count", true),
            ("requests_success_rps", true),
            ("success_total", true),
            ("good_events", true),
            ("success_rate", false),
            ("availability", false),
            ("requests_success_ratio", false),
        ] {
            assert_eq!(spelling(word).map(|s| s.is_success_count), Some(is_count), "{word}");
        }
    }

    #[test]
    fn other_words_are_no_metric() {
        for word in ["queue_length", "power", "web_latency", "ms", "99", "user_db", "service_latency", ""] {
            assert_eq!(spelling(word), None, "{word}");
        }
    }
}
