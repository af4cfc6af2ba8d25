//! Tables as people bring them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use automap_core::observation::Observation;
use automap_core::time::{Timestamp, WindowHint};
use automap_sources::csv_table::{self, CsvError};

fn read(text: &str) -> Result<Observation, CsvError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.csv");
    std::fs::write(&path, text).unwrap();
    csv_table::read(&path, WindowHint::default())
}

#[test]
fn a_table_becomes_a_frame() {
    let text = "\u{feff}time,orders_latency_p95_ms,orders_client_rps/user_db,user-db_cpu\n\
                1795000000,1.5,,NaN\r\n\
                2026-11-18T11:06:55Z, 2 ,3e2,Inf\n";
    let seen = read(text).unwrap();
    assert_eq!(seen.frame.services(), ["orders", "user-db", "user_db"]);
    assert_eq!(seen.frame.times(), [1_795_000_000_000, 1_795_000_015_000].map(Timestamp::from_ms));
    let values: Vec<_> = seen.frame.series().iter().map(|s| (s.metric.name.as_str(), s.values.clone())).collect();
    assert_eq!(values[0].0, "client_rps");
    assert!(values[0].1[0].is_nan() && values[0].1[1] == 300.0);
    assert_eq!(values[1], ("latency_p95_ms", vec![1.5, 2.0]));
    assert!(values[2].1.iter().all(|v| v.is_nan()));
    assert_eq!(seen.not_checked[0].signal, "calls");
}

#[test]
fn rows_are_sorted_and_odd_columns_left_out_with_a_note() {
    let seen = read("load,time,a_cpu\n9,30,3\n9,10,1\n9,20,2\n").unwrap();
    assert_eq!(seen.frame.series()[0].values, [1.0, 2.0, 3.0]);
    let notes: Vec<_> = seen.notes.iter().map(|n| (n.code.as_str(), n.message.as_str())).collect();
    assert_eq!(notes[0].0, "rows_sorted");
    assert_eq!(notes[1], ("unknown_column", "columns without <service>_<metric> are left out: load"));
}

#[test]
fn every_mistake_is_named_with_its_place() {
    for (text, expected) in [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("time,a_cpu\n", "0 point(s) in time"),
        ("time,a_cpu\n1,2\n", "1 point(s) in time"),
        ("time,load\n1,2\n", "no column named <service>_<metric>"),
        ("timestamp,a_cpu\n1,2\n", "no column \"time\" (Unix seconds or RFC 3339); its first column is \"timestamp\""),
        ("time,a_cpu,b_cpu,a_cpu\n1,2,3,4\n", "two columns \"a_cpu\" (columns 2 and 4)"),
        ("time,a_cpu\n1,2\n2,3\n1,4\n", "lines 2 and 4 have the same time 1970-01-01T00:00:01Z"),
        ("time,a_cpu,b_cpu\n1,2,3\n2,3\n", "line 3 has 2 cell(s), the header has 3; is the file cut off?"),
        ("time,a_cpu\n1,2\n2,3,4\n", "line 3 has 3 cell(s)"),
        ("time,a_cpu\n1,2\n2,3 ms\n", "line 3, column \"a_cpu\": \"3 ms\" is not a number"),
        ("time,a_cpu\n1,2\nyesterday,3\n", "line 3: \"yesterday\" is not a time"),
        ("time,a_cpu\n1,2\nNaN,3\n", "line 3: \"NaN\" is not a time"),
        ("time,a_cpu\n1,2\n1e300,3\n", "line 3: \"1e300\" is not a time"),
        ("time,a_cpu\n1,2\n,3\n", "line 3: \"\" is not a time"),
    ] {
        let message = read(text).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains(".csv: "), "{text:?}: {message}");
    }
}

#[test]
fn bytes_that_are_no_text_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.csv");
    std::fs::write(&path, b"time,a_\xff\n1,\xfe\n").unwrap();
    let message = csv_table::read(&path, WindowHint::default()).unwrap_err().to_string();
    std::fs::remove_file(&path).unwrap();
    assert!(message.contains("line 2") && message.contains("is not a number"), "{message}");
    let gone = csv_table::read(&path, WindowHint::default()).unwrap_err().to_string();
    assert!(gone.contains("cannot be read"), "{gone}");
}
