//! Tables as users provide them.

use automap_core::observation::Observation;
use automap_core::time::{Timestamp, WindowHint};
use automap_sources::table::{self, TableError, TableOptions};

fn read_with(bytes: &[u8], options: &TableOptions) -> Result<Observation, TableError> {
    table::from_bytes(bytes.to_vec(), "shop.csv", WindowHint::default(), options)
}

fn read(text: &str) -> Result<Observation, TableError> {
    read_with(text.as_bytes(), &TableOptions::default())
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
    assert_eq!((values[1].0, &*values[1].1), ("latency_p95_ms", &[1.5, 2.0][..]));
    assert!(values[2].1.iter().all(|v| v.is_nan()));
    assert_eq!(seen.not_checked[0].signal, "calls");
}

#[test]
fn rows_are_sorted_and_odd_columns_left_out_with_a_note() {
    let seen = read("load,time,a_cpu\n9,30,3\n9,10,1\n9,20,2\n").unwrap();
    assert_eq!(*seen.frame.series()[0].values, [1.0, 2.0, 3.0]);
    let notes: Vec<_> = seen.notes.iter().map(|n| (n.code.as_str(), n.message.as_str())).collect();
    let understood = "3 rows of 10 s, 1 service, 1 metric, times in UTC";
    assert_eq!(notes[0], ("table_understood", understood));
    assert_eq!(notes[1], ("unknown_column", "columns without <service>_<metric> are left out: load"));
    assert_eq!(notes[2].0, "rows_sorted");
}

#[test]
fn every_mistake_is_named_with_its_place() {
    for (text, expected) in [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("time,a_cpu\n", "0 point(s) in time"),
        ("time,a_cpu\n1,2\n", "1 point(s) in time"),
        ("time,load\n1,2\n", "no column named <service>_<metric>"),
        ("load,a_cpu\n1,2\n", "no column of times, such as time, timestamp or date; its first column is \"load\""),
        ("l\u{1b}[31m,a_cpu\n1,2\n", "its first column is \"l\u{fffd}[31m\""),
        (
            "time,a_cpu,b_cpu,a_cpu\n1,2,3,2\n2,2,3,4\n",
            "columns \"a_cpu\" (column 2) and \"a_cpu\" (column 4) are the same series and differ first at line 3",
        ),
        (
            "time,a_cpu\n1,2\n2,3\n1,4\n",
            "line 2 and line 4 have the same time 1970-01-01T00:00:01Z and different values",
        ),
        ("time,a_cpu,b_cpu\n1,2,3\n2,3\n", "line 3 has 2 cell(s), the header has 3; is the file cut off?"),
        ("time,a_cpu\n1,2\n2,3,4\n", "line 3 has 3 cell(s)"),
        (
            "time,a_cpu\n1,2\n2,3 ms\n",
            "line 3, column \"a_cpu\": \"3 ms\" has a unit of time, other cells of the column have no unit",
        ),
        ("time,a_cpu\n1,2\nyesterday,3\n", "line 3, column \"time\": \"yesterday\" is not a time"),
        ("time,a_cpu\n1,2\nNaN,3\n", "line 3, column \"time\": \"NaN\" is not a time"),
        ("time,a_cpu\n1,2\n1e300,3\n", "line 3, column \"time\": \"1e300\" is not a time"),
        ("time,a_cpu\n1,2\n,3\n", "line 3, column \"time\": \"\" is not a time"),
    ] {
        let message = read(text).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains(".csv: "), "{text:?}: {message}");
    }
}

#[test]
fn bytes_that_are_no_text_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.csv");
    std::fs::write(&path, b"time,a_cpu,b_\xff\n1,2,\xfe\n2,x\x07\xfe,\xfe\n").unwrap();
    let message = table::read(&path, WindowHint::default(), &TableOptions::default()).unwrap_err().to_string();
    std::fs::remove_file(&path).unwrap();
    assert!(message.contains("line 3, column \"a_cpu\": \"x\u{fffd}þ\" is not a number"), "{message}");
    let gone = table::read(&path, WindowHint::default(), &TableOptions::default()).unwrap_err().to_string();
    assert!(gone.contains("cannot be read"), "{gone}");
}

#[test]
fn series_sampled_at_different_instants_share_a_grid() {
    let rows = (0..8).flat_map(|r| [(r, 0, "a"), (r, 7, "b"), (r, 11, "c")]);
    let text = rows.fold("time,service,metric,value\n".to_owned(), |text, (r, offset, service)| {
        text + &format!("{},{service},cpu,{r}\n", 1_795_000_020 + r * 30 + offset)
    });
    let seen = table::from_bytes(text.into_bytes(), "t", WindowHint::default(), &TableOptions::default()).unwrap();
    assert_eq!(seen.frame.times().len(), 8);
    assert!(seen.frame.series().iter().all(|s| *s.values == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]));
    assert!(seen.notes.iter().any(|n| n.code == "times_aligned"));
}

#[test]
fn joined_queries_share_a_grid() {
    let rows = (0..8).map(|r| format!("{0},{r},\n{1},,{r}\n", 1_795_000_020 + r * 30, 1_795_000_027 + r * 30));
    let text = rows.fold("Time,a_latency_ms,a_cpu\n".to_owned(), |text, row| text + &row);
    let seen = table::from_bytes(text.into_bytes(), "t", WindowHint::default(), &TableOptions::default()).unwrap();
    assert!(seen.frame.series().iter().all(|s| *s.values == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]));
    assert!(seen.notes.iter().any(|n| n.code == "times_aligned"));
}
