//! How fast an answer of Prometheus is decoded, in megabytes per second of processor: 500 series of 480 samples, with as many digits as rates have.
//! `make bench`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may panic")]

mod processor;

use std::fmt::Write as _;

use automap_sources::prometheus::decode;
use processor::processor_seconds;

const SERIES: usize = 500;
const SAMPLES: usize = 480;
/// Enough for the clock, which counts hundredths of a second.
const ROUNDS: usize = 40;

fn main() {
    let body = answer();
    let before = processor_seconds();
    for _ in 0..ROUNDS {
        assert_eq!(decode(body.as_bytes()).unwrap().len(), SERIES);
    }
    let taken = processor_seconds() - before;
    let megabytes = (ROUNDS * body.len()) as f64 / 1e6;
    println!(
        "{:<24} {:.1} MB an answer, {:.0} MB/s of processor",
        "Prometheus' JSON",
        megabytes / ROUNDS as f64,
        megabytes / taken
    );
}

fn answer() -> String {
    let mut body = r#"{"status":"success","data":{"resultType":"matrix","result":["#.to_owned();
    for series in 0..SERIES {
        let comma = if series > 0 { "," } else { "" };
        write!(body, r#"{comma}{{"metric":{{"namespace":"shop","workload":"service-{series}"}},"values":["#).unwrap();
        for sample in 0..SAMPLES {
            let comma = if sample > 0 { "," } else { "" };
            let value = ((series * 7919 + sample * 104_729) % 1009) as f64 / 1009.0;
            write!(body, r#"{comma}[{},"{value}"]"#, 1_795_000_000 + 15 * sample).unwrap();
        }
        body.push_str("]}");
    }
    body + "]}}"
}
