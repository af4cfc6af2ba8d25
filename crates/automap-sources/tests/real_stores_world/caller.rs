//! A service that only waits for its store, and the metrics that a mesh's side-car would have about it.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Bounds of the buckets, in milliseconds.
const BOUNDS_MS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];
/// Time between two requests of one user.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Counts {
    succeeded: u64,
    failed: u64,
    sum_ms: f64,
    buckets: [u64; BOUNDS_MS.len()],
}

/// The service; its threads end with it.
pub(crate) struct Caller {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    stop: Arc<AtomicBool>,
}

impl Caller {
    /// Serves one user for each closure of `users`, which does the service's work and returns whether it succeeded. The calls to the store show only
    /// in byte counts.
    pub(crate) fn start(name: &'static str, store: &'static str, users: Vec<Box<dyn FnMut() -> bool + Send>>) -> Self {
        let counts = Arc::new(Mutex::new(Counts::default()));
        let stop = Arc::new(AtomicBool::new(false));
        for mut request in users {
            let (counts, stop) = (Arc::clone(&counts), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    let succeeded = request();
                    count(&mut counts.lock().unwrap(), begun.elapsed().as_secs_f64() * 1e3, succeeded);
                    thread::sleep(PAUSE);
                }
            });
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stopped = Arc::clone(&stop);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let mut request = [0_u8; 4096];
                let _ = stream.read(&mut request);
                let body = exposition(name, store, &counts.lock().unwrap());
                // A scraper that hung up is not the service's problem.
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { name, port, stop }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn count(counts: &mut Counts, ms: f64, succeeded: bool) {
    if succeeded {
        counts.succeeded += 1;
    } else {
        counts.failed += 1;
    }
    counts.sum_ms += ms;
    for (bucket, bound) in counts.buckets.iter_mut().zip(BOUNDS_MS) {
        *bucket += u64::from(ms <= bound);
    }
}

fn exposition(name: &str, store: &str, counts: &Counts) -> String {
    let of = |to: &str, from: &str, reporter: &str| {
        format!(
            r#"reporter="{reporter}",source_workload="{from}",source_workload_namespace="{name}",destination_workload="{to}",destination_workload_namespace="{name}",destination_service_name="{to}""#
        )
    };
    let (served, used) = (of(name, "unknown", "destination"), of(store, name, "source"));
    let all = counts.succeeded + counts.failed;
    let mut out = String::new();
    for (code, number) in [("200", counts.succeeded), ("503", counts.failed)] {
        writeln!(out, r#"istio_requests_total{{{served},response_code="{code}"}} {number}"#).unwrap();
    }
    for (bucket, bound) in counts.buckets.iter().zip(BOUNDS_MS) {
        writeln!(out, r#"istio_request_duration_milliseconds_bucket{{{served},le="{bound}"}} {bucket}"#).unwrap();
    }
    writeln!(out, r#"istio_request_duration_milliseconds_bucket{{{served},le="+Inf"}} {all}"#).unwrap();
    writeln!(out, "istio_request_duration_milliseconds_sum{{{served}}} {}", counts.sum_ms).unwrap();
    writeln!(out, "istio_request_duration_milliseconds_count{{{served}}} {all}").unwrap();
    for metric in ["sent_bytes", "received_bytes"] {
        writeln!(out, "istio_tcp_{metric}_total{{{used}}} {}", all * 500).unwrap();
    }
    out
}
