//! Observes one namespace and tells what was seen:
//! `cargo run -p automap-sources --example observe -- http://localhost:9090 sock-shop 60 [capture.parquet]`.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use automap_core::time::Timestamp;
use automap_sources::prometheus::{Client, ClientOptions, ObserveOptions, observe};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, namespace, minutes, capture @ ..] = &arguments[..] else {
        return Err("usage: observe URL NAMESPACE MINUTES [CAPTURE]".into());
    };
    let now = Timestamp::from_ms(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?);
    let from = now.plus_ms(-minutes.parse::<i64>()? * 60_000);
    let options = ObserveOptions::new(namespace, from, now, now);
    let client = Client::new(ClientOptions::new(url))?;
    let fetched = observe(&client, &options, &|p| {
        let _ = writeln!(io::stderr(), "{}/{} {}", p.done, p.total, p.what);
    })?;

    let mut out = io::stdout().lock();
    let seen = &fetched.observation;
    writeln!(out, "{}\n{:?}", seen.source, fetched.stats)?;
    for series in seen.frame.series() {
        let peer = series.peer.map_or(String::new(), |p| format!("/{}", seen.frame.service(p)));
        let known: Vec<f64> = series.values.iter().copied().filter(|v| !v.is_nan()).collect();
        let ends = (known.first().unwrap_or(&f64::NAN), known.last().unwrap_or(&f64::NAN));
        let name = format!("{}_{}{peer}", seen.frame.service(series.service), series.metric.name);
        writeln!(out, "{name:60} {}/{} {:.4} → {:.4}", known.len(), series.values.len(), ends.0, ends.1)?;
    }
    for (caller, callee, protocol) in seen.calls.edges() {
        writeln!(out, "{caller} → {callee} ({protocol:?})")?;
    }
    seen.notes.iter().try_for_each(|n| writeln!(out, "note: {n:?}"))?;
    seen.not_checked.iter().try_for_each(|n| writeln!(out, "not checked: {n:?}"))?;
    seen.queries.iter().try_for_each(|q| {
        writeln!(out, "query: {:?} {} {}×{}: {}", q.state, q.signal, q.series, q.samples, q.promql)
    })?;
    if let Some(path) = capture.first() {
        automap_sources::capture::write(Path::new(path), seen)?;
    }
    Ok(())
}
