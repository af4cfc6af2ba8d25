//! Captures: bit-identical, deterministic, small, and safe to open.

use std::path::PathBuf;

use automap_core::breakdown::{Breakdown, ByLabel, Counts, Label, Measure, UnseenLabel, ValueCounts};
use automap_core::change::{Change, ChangeKind, ChangeLog};
use automap_core::entity::Entities;
use automap_core::frame::{MAX_CELLS, MetricFrame, RawSeries, assemble};
use automap_core::note::{NotChecked, Note};
use automap_core::observation::{Observation, QueryRecord, QueryState};
use automap_core::time::{Interval, Timestamp, WindowHint};
use automap_core::time_of_day::{DayMetrics, EarlierDay};
use automap_core::topology::{CallGraph, Protocol};
use automap_sources::capture::{self, CaptureError};

/// A number between 0 and 1 that depends only on `i`.
fn noise(i: u64) -> f64 {
    let mut z = i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (z >> 11) as f64 / (1u64 << 53) as f64
}

fn series(service: &str, metric: &str, peer: Option<&str>, points: Vec<(Timestamp, f64)>) -> RawSeries {
    RawSeries { service: service.into(), metric: metric.into(), peer: peer.map(Into::into), points }
}

fn t(i: i64) -> Timestamp {
    Timestamp::from_ms(1_795_000_000_000 + i * 15_000)
}

fn observation(raw: Vec<RawSeries>, times: Vec<Timestamp>) -> Observation {
    let (frame, _) = assemble(raw, times).unwrap();
    let mut calls = CallGraph::new();
    calls.add("orders", "payment", Protocol::Request);
    calls.add("orders", "orders-db", Protocol::Tcp);
    calls.assert_call("front-end", "orders");
    calls.mark_view("browser");
    Observation {
        frame,
        calls,
        entities: Entities::default(),
        changes: ChangeLog::new(
            Interval::new(t(-100), t(60)).unwrap(),
            vec![ChangeKind::MeshConfig],
            vec![Change {
                at: t(39),
                kind: ChangeKind::Release,
                service: Some("orders".into()),
                subject: "deployment orders".into(),
                from: Some("1.4.2".into()),
                to: Some("1.4.3".into()),
                uncertainty_ms: 0,
                source: "kube_replicaset_created".into(),
                url: None,
            }],
        ),
        breakdowns: vec![Breakdown {
            service: "orders".into(),
            measure: Measure::Failures,
            baseline: Interval::new(t(0), t(40)).unwrap(),
            incident: Interval::new(t(40), t(60)).unwrap(),
            labels: vec![ByLabel {
                label: Label::Pod,
                values: vec![ValueCounts {
                    value: "orders-1".into(),
                    before: None,
                    during: Some(Counts { base: 30.0, amount: 2.5 }),
                }],
            }],
            unseen: vec![UnseenLabel { label: Label::Zone, reason: "nobody tells".into() }],
        }],
        earlier_days: Vec::new(),
        hint: WindowHint {
            incident_start: Some(t(40)),
            incident_end: None,
            start_tolerance_ms: Some(0),
            baseline: Interval::new(t(0), t(30)),
        },
        notes: vec![Note::warning("partial_data", "store \"eu\" is down")],
        not_checked: vec![NotChecked {
            signal: "latency".into(),
            services: vec!["orders-db".into()],
            reason: "TCP only".into(),
        }],
        queries: vec![QueryRecord {
            signal: "latency_ms".into(),
            promql: "sum(x{a=\"b\"})".into(),
            series: 3,
            samples: 180,
            state: QueryState::Partial,
            reason: Some("a store is down".into()),
        }],
        source: "http://localhost:9090, namespace shop".into(),
    }
}

fn small() -> Observation {
    let mut times: Vec<Timestamp> = (0..50).map(t).collect();
    times.push(t(500).plus_ms(1));
    let odd = vec![(t(0), -0.0), (t(1), f64::MIN_POSITIVE / 2.0), (t(2), 0.1 + 0.2), (t(49), f64::MAX)];
    observation(
        vec![
            series("orders", "latency_ms", None, odd),
            series("orders", "client_latency_ms", Some("payment"), vec![(t(3), 1.5), (times[50], 2.5)]),
            series("payment", "cpu_cores", None, Vec::new()),
            series("payment", "error_ratio", Some("ledger/v1"), vec![(t(0), 0.0)]),
        ],
        times,
    )
}

fn assert_same(a: &Observation, b: &Observation) {
    assert_eq!(a.frame.times(), b.frame.times());
    assert_eq!(a.frame.services(), b.frame.services());
    assert_eq!(a.frame.series().len(), b.frame.series().len());
    for (x, y) in a.frame.series().iter().zip(b.frame.series()) {
        assert_eq!((x.service, &x.metric, x.peer), (y.service, &y.metric, y.peer));
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&x.values), bits(&y.values));
    }
    assert_eq!((&a.calls, &a.hint, &a.source), (&b.calls, &b.hint, &b.source));
    assert_eq!((&a.notes, &a.not_checked, &a.queries), (&b.notes, &b.not_checked, &b.queries));
}

/// A file, and the directory that is removed with it at the end of the test.
fn file(name: &str, bytes: &[u8]) -> (PathBuf, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (path, dir)
}

#[test]
fn what_is_read_is_what_was_written_to_the_bit() {
    let written = small();
    let (path, _dir) = file("roundtrip.parquet", b"");
    capture::write(&path, &written).unwrap();
    assert_same(&written, &capture::read(&path).unwrap());
    let bytes = std::fs::read(&path).unwrap();
    assert_same(&written, &capture::from_bytes(&bytes).unwrap());
    assert_eq!(bytes, capture::to_bytes(&small()).unwrap(), "the same observation gives the same bytes");
}

#[test]
fn only_gaps_survive_too() {
    let silent = observation(vec![series("orders", "latency_ms", None, Vec::new())], (0..5).map(t).collect());
    assert_same(&silent, &capture::from_bytes(&capture::to_bytes(&silent).unwrap()).unwrap());
}

#[test]
fn a_usual_capture_is_small() {
    let mut raw = Vec::new();
    for s in 0..14u64 {
        for m in 0..25u64 {
            let value = |i: u64| (noise(s * 1000 + m * 60 + i) * 1e4).round() / 1e2;
            let points = (0..60).map(|i| (t(i), value(i as u64))).collect();
            raw.push(series(&format!("service-{s}"), &format!("metric_{m}"), None, points));
        }
    }
    let bytes = capture::to_bytes(&observation(raw, (0..60).map(t).collect())).unwrap();
    assert!(bytes.len() < 160_000, "{} bytes for 14 services × 25 series × 60 samples", bytes.len());
}

#[test]
fn a_cut_or_foreign_file_is_named_with_the_reason() {
    let bytes = capture::to_bytes(&small()).unwrap();
    for (name, content, expected) in [
        ("cut.parquet", &bytes[..bytes.len() / 2], "not a complete Parquet file"),
        ("empty.parquet", &[][..], "not a complete Parquet file"),
        ("text.parquet", &b"time,orders_cpu\n1,2\n"[..], "not a complete Parquet file"),
    ] {
        let (path, _dir) = file(name, content);
        let message = capture::read(&path).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains(expected), "{message}");
    }
    let missing = capture::read(std::path::Path::new("no-such-file.parquet")).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read") && missing.contains("no-such-file"), "{missing}");
}

/// The position of the checksum's block.
fn block_at(bytes: &[u8]) -> Option<usize> {
    bytes.windows(8).position(|w| w == b"AMAPCRC1")
}

/// The file as if its writer had produced it this way: with a matching checksum.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(at) = block_at(&bytes) {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[..at]);
        hasher.update(&bytes[at + 12..]);
        bytes[at + 8..at + 12].copy_from_slice(&hasher.finalize().to_le_bytes());
    }
    bytes
}

#[test]
fn a_flipped_bit_anywhere_is_an_error_or_changes_nothing() {
    let (written, bytes) = (small(), capture::to_bytes(&small()).unwrap());
    let mut harmless = 0;
    for at in 0..bytes.len() {
        for bit in [at % 8, (at + 3) % 8] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            if let Ok(read) = capture::from_bytes(&damaged) {
                assert_same(&written, &read);
                harmless += 1;
            }
        }
    }
    assert_eq!(harmless, 0, "every byte is covered");
}

#[test]
fn a_capture_without_a_checksum_is_read_with_a_remark_unless_it_must_have_one() {
    let mut bytes = capture::to_bytes(&small()).unwrap();
    let at = block_at(&bytes).unwrap();
    bytes.drain(at..at + 12);
    assert!(capture::from_bytes(&bytes).unwrap_err().to_string().contains("its checksum is missing"));
    // As an older automap wrote it, which did not know the word.
    let word = bytes.windows(12).position(|w| w == b"has_checksum").unwrap();
    bytes[word + 2] = b'd';
    let old = capture::from_bytes(&bytes).unwrap();
    assert_eq!(old.notes.last().map(|n| n.code.as_str()), Some("no_checksum"));
    let again = capture::from_bytes(&capture::to_bytes(&old).unwrap()).unwrap();
    assert_same(&small(), &again);
}

#[test]
fn a_small_file_cannot_ask_for_all_memory() {
    let series = |n: usize| (0..n).map(|i| series(&format!("s{i}"), "cpu", None, Vec::new())).collect();
    let mut bytes = capture::to_bytes(&observation(series(80), (0..100_000).map(t).collect())).unwrap();
    assert!(bytes.len() < 12_000, "{} bytes", bytes.len());
    assert_eq!(capture::from_bytes(&bytes).unwrap().frame.times().len(), 100_000);
    // The same number of digits, ten times the cells: more than a frame may have.
    let (from, to) = (b"\"count\":100000", b"\"count\":999999");
    let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    let message = capture::from_bytes(&resealed(bytes)).unwrap_err().to_string();
    assert!(message.contains(&format!("more than {MAX_CELLS} cells")), "{message}");
}

#[test]
fn a_later_version_is_refused() {
    let mut bytes = capture::to_bytes(&small()).unwrap();
    let needle = b"\"schema_version\":1";
    let at = bytes.windows(needle.len()).position(|w| w == needle).unwrap();
    bytes[at + needle.len() - 1] = b'7';
    let CaptureError::Version { found: 7, .. } = capture::from_bytes(&resealed(bytes)).unwrap_err() else {
        panic!("not refused")
    };
}

#[test]
fn a_parquet_file_of_somebody_else_is_refused() {
    let mut bytes = capture::to_bytes(&small()).unwrap();
    let needle = b"automap.capture";
    let at = bytes.windows(needle.len()).position(|w| w == needle).unwrap();
    bytes[at] = b'A';
    let message = capture::from_bytes(&resealed(bytes)).unwrap_err().to_string();
    assert!(message.contains("no metadata \"automap.capture\""), "{message}");
}

#[test]
fn damage_anywhere_is_an_error_or_harmless_and_never_a_panic() {
    let bytes = capture::to_bytes(&small()).unwrap();
    let mut decoder_panics = 0;
    for i in 0..3000u64 {
        let mut damaged = bytes.clone();
        for k in 0..=i % 3 {
            let at = (noise(i * 7 + k) * bytes.len() as f64) as usize;
            damaged[at] ^= 1 << (i % 8);
        }
        let damaged = resealed(damaged);
        let result = capture::from_bytes(&damaged);
        decoder_panics += u32::from(result.is_err_and(|e| e.to_string().contains("contradicts its own lengths")));
        let _ = capture::from_bytes(&damaged[..(noise(i + 99_999) * bytes.len() as f64) as usize]);
    }
    assert!(decoder_panics > 0, "the decoder needs no thread of its own any more");
}

#[test]
fn a_name_with_a_slash_cannot_be_stored() {
    let odd = observation(vec![series("orders", "bytes/s", None, vec![(t(0), 1.0)])], (0..3).map(t).collect());
    let message = capture::to_bytes(&odd).unwrap_err().to_string();
    assert!(message.contains("\"bytes/s\" of orders"), "{message}");
}

/// Yesterday has a series that today has not, today one without samples that yesterday has, and of last week nothing was observed.
#[test]
fn earlier_days_come_back_with_their_rows() {
    const DAY: i64 = 86_400_000 / 15_000;
    let points = |from: i64| (from..from + 60).map(|i| (t(i), noise(i as u64))).collect::<Vec<_>>();
    let today = vec![series("web", "latency_ms", None, points(0)), series("web", "throughput_rps", None, Vec::new())];
    let before = vec![
        series("web", "latency_ms", None, points(-DAY)),
        series("web", "throughput_rps", None, points(-DAY)),
        series("web", "client_latency_ms", Some("db"), points(-DAY)),
    ];
    let yesterday = assemble(before, (-DAY..70 - DAY).map(t).collect()).unwrap().0;
    let days = vec![EarlierDay::observed(1, yesterday.clone()), EarlierDay::not_observed(7, "gone")];
    let written = Observation { earlier_days: days, ..observation(today, (0..60).map(t).collect()) };
    let bytes = capture::to_bytes(&written).unwrap();
    let read = capture::from_bytes(&bytes).unwrap();
    let names = |frame: &MetricFrame| frame.series().iter().map(|s| s.metric.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&read.frame), ["latency_ms", "throughput_rps"]);
    let frame = read.earlier_days[0].frame().unwrap();
    assert_eq!((names(frame), frame.times()), (names(&yesterday), yesterday.times()));
    let bits = |frame: &MetricFrame| {
        frame.series().iter().flat_map(|s| s.values.iter()).map(|v| v.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(bits(frame), bits(&yesterday));
    assert!(matches!(&read.earlier_days[1].metrics, DayMetrics::NotObserved(reason) if reason == "gone"));
    assert_eq!(capture::to_bytes(&read).unwrap(), bytes);
}
