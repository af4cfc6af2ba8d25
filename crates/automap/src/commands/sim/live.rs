//! One incident for a Prometheus: its samples as text for `promtool`, or an endpoint to scrape.
//!
//! The endpoint follows the clock, or runs faster: after 16 of 20 minutes the fault is in place. It answers one request at a time, for
//! any path, until the process ends, and ignores all but the first line of a request.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use automap_chaos::injection::Injection;
use automap_core::time::Timestamp;
use automap_sim::exposition;
use automap_sim::incident::{Incident, draw};
use automap_sim::observation::{START, time};
use jiff::ZonedDateTime;

use super::spec::SimSpec;
use crate::args::file::ForceArgs;
use crate::console::say;

/// How long a client may take to send its request, or to read the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of a request that are read.
const MAX_REQUEST: u64 = 16 << 10;
/// Content type of the answer.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes the samples of an incident, counted from 1, and prints how to turn them into blocks.
pub(super) fn write(spec: &SimSpec, incident: usize, path: &Path, force: ForceArgs) -> Result<()> {
    force.check(path)?;
    let incident = draw(&spec.several().incident(incident).options)?;
    let mut out = BufWriter::new(force.create(path)?);
    exposition::history(&incident, START, &mut out).and_then(|()| out.flush()).context(path.display().to_string())?;
    let end = time(f64::from(spec.minutes) * 60.0);
    say(&format!(
        "{}\nblocks: promtool tsdb create-blocks-from openmetrics {} DATA\nserver: prometheus --storage.tsdb.path=DATA --storage.tsdb.retention.time=20y\n\
         answer: automap diagnose --prometheus http://localhost:9090 -n {} --scrape-interval {}s --from {START} --to {end}",
        told(&incident.injected),
        path.display(),
        exposition::NAMESPACE,
        spec.scrape_s,
    ));
    Ok(())
}

/// Serves an incident, counted from 1, until the process ends. `speed`: simulated seconds per second.
pub(super) fn serve(spec: &SimSpec, incident: usize, address: &str, speed: f64) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen at {address}"))?;
    let incident = draw(&spec.several().incident(incident).options)?;
    let (begun, start) = (Instant::now(), Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond()));
    say(&format!("{}\nhttp://{}/metrics", told(&incident.injected), listener.local_addr()?));
    let length_s = f64::from(spec.minutes) * 60.0;
    for stream in listener.incoming() {
        let at_s = (begun.elapsed().as_secs_f64() * speed).min(length_s);
        // A client that hangs up early affects no other.
        let _ = stream.and_then(|stream| answer(stream, &incident, start, at_s));
    }
    Ok(())
}

fn answer(stream: TcpStream, incident: &Incident, start: Timestamp, at_s: f64) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new((&stream).take(MAX_REQUEST));
    let mut line = String::new();
    while lines.read_line(&mut line)? > 2 {
        line.clear();
    }
    let body = exposition::at(incident, start, at_s);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    (&stream).write_all(head.as_bytes())?;
    (&stream).write_all(body.as_bytes())
}

/// `injected: NetworkChaos delay at svc-03 from 2025-11-24T00:15:41Z`.
fn told(injected: &[Injection]) -> String {
    let of_each = injected.iter().flat_map(|i| i.targets.iter().map(move |t| (i, t)));
    let words = of_each.map(|(i, t)| format!("{} {} at {} from {}", i.kind, i.action, t.service, i.from));
    let words: Vec<String> = words.collect();
    if words.is_empty() { "injected: nothing".to_owned() } else { format!("injected: {}", words.join(", ")) }
}
