//! Password guesses take a bounded amount of memory, however many are made concurrently: the process is measured from outside, as for a container's
//! limit.
//!
//! `AUTOMAP_GUESSES=2000 cargo test -p automap --test guesses -- --nocapture` prints the figures for more guesses than a test run makes.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may panic, and this one measures")]

mod service;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use automap_server::auth::hash_password;
use service::Service;

const AT_ONCE: usize = 32;
/// The memory that all guesses together may add: the one block of 19 MiB, and many times the needs of threads and connections.
const MAX_GROWTH_MIB: u64 = 96;
const PATIENCE: Duration = Duration::from_secs(120);

/// A line of /proc/PID/status, in MiB.
fn memory_mib(process: &Child, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() >> 10
}

/// The status of the answer to one guess, over a kept-alive connection.
fn guess(stream: &mut BufReader<TcpStream>, number: usize) -> u16 {
    // `ann:guess` in base64; each guess comes from a different client, behind the trusted proxy.
    let request = format!(
        "GET /api/v1/whoami HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic YW5uOmd1ZXNz\r\nx-forwarded-for: 192.0.{}.{}\r\n\r\n",
        number >> 8 & 255,
        number & 255
    );
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "it closed the connection");
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest[..3].parse().unwrap();
        }
        if let Some(n) = line.strip_prefix("content-length: ") {
            length = n.parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    status
}

#[test]
fn guesses_of_passwords_take_a_bounded_amount_of_memory() {
    let guesses: usize = std::env::var("AUTOMAP_GUESSES").map_or(200, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let hash = dir.path().join("hash");
    std::fs::write(&hash, hash_password("correct horse").unwrap()).unwrap();
    let config = dir.path().join("automap.yaml");
    let text = format!(
        "targets: [{{name: shop, namespace: shop, prometheus: {{url: 'http://127.0.0.1:9'}}}}]\nstore: {{file: '{}'}}\napi:\n  listen: 127.0.0.1:0\n\
         \x20 limits: {{rate_per_s: 100000, rate_burst: 1000000, wrong_credentials_per_minute: 1000}}\n\
         \x20 auth:\n    users: [{{name: ann, role: operator, from: {{file: '{}'}}}}]\n    proxy: {{from: [127.0.0.1/32], operator_groups: [sre]}}\n",
        dir.path().join("a.db").display(),
        hash.display()
    );
    std::fs::write(&config, text).unwrap();
    let serve = Service::start(&["serve", "--log", "json,info,request=off", "--config"], &config);
    let address = serve.address();

    let before = memory_mib(&serve.process, "VmRSS:");
    let (checked, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
                while checked.load(Ordering::SeqCst) < guesses && begun.elapsed() < PATIENCE {
                    let number = checked.load(Ordering::SeqCst) + refused.load(Ordering::SeqCst);
                    match guess(&mut stream, number) {
                        401 => checked.fetch_add(1, Ordering::SeqCst),
                        429 => {
                            std::thread::sleep(Duration::from_millis(20));
                            refused.fetch_add(1, Ordering::SeqCst)
                        }
                        other => panic!("a guess was answered with {other}"),
                    };
                }
            });
        }
    });
    let (checked, refused) = (checked.into_inner(), refused.into_inner());
    let (after, peak) = (memory_mib(&serve.process, "VmRSS:"), memory_mib(&serve.process, "VmHWM:"));
    println!(
        "{checked} guesses checked, {refused} refused; memory before {before} MiB, after {after} MiB, peak {peak} MiB"
    );
    assert!(checked >= guesses.min(20), "only {checked} were checked");
    assert!(peak < before + MAX_GROWTH_MIB, "{before} MiB before, {peak} MiB at the peak");
}
