//! One small shop in every format that tools write: all of them give the same observation.

use std::io::Write;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use automap_core::observation::Observation;
use automap_core::time::WindowHint;
use automap_sources::table::{self, Decimal, TableOptions};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::tz::TimeZone;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::file::properties::WriterProperties;

const START_S: i64 = 1_795_000_000;
const ROWS: i64 = 6;
const STEP_S: i64 = 30;
/// `2026-11-18 11:06:40` and on.
const SERIES: [(&str, &str); 4] =
    [("user_db", "latency_ms"), ("user_db", "cpu_cores"), ("front-end", "latency_ms"), ("front-end", "cpu_cores")];

/// The value of a series at a row: never round, never equal to another.
fn value(series: usize, row: i64) -> f64 {
    let base = if SERIES[series].1 == "latency_ms" { 1234.5 } else { 0.25 };
    base * (1.0 + series as f64) + row as f64 / 8.0
}

fn seconds(row: i64) -> i64 {
    START_S + row * STEP_S
}

fn time(row: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds(row)).unwrap()
}

/// A form of the shop's times.
fn clock(row: i64, pattern: &str) -> String {
    time(row).to_zoned_datetime(TimeZone::UTC).strftime(pattern).to_string()
}

fn name(series: usize) -> String {
    format!("{}_{}", SERIES[series].0, SERIES[series].1)
}

/// A wide table of text.
fn wide(
    header: &str,
    delimiter: &str,
    name: impl Fn(usize) -> String,
    time: impl Fn(i64) -> String,
    cell: impl Fn(usize, i64) -> String,
) -> String {
    let names: Vec<String> = (0..SERIES.len()).map(name).collect();
    let mut text = format!("{header}{delimiter}{}\n", names.join(delimiter));
    for row in 0..ROWS {
        let cells: Vec<String> = (0..SERIES.len()).map(|s| cell(s, row)).collect();
        text += &format!("{}{delimiter}{}\n", time(row), cells.join(delimiter));
    }
    text
}

fn plain(series: usize, row: i64) -> String {
    value(series, row).to_string()
}

/// A long table of text: a line for each sample.
fn long(header: &str, line: impl Fn(usize, i64) -> String) -> String {
    let lines = (0..SERIES.len()).flat_map(|s| (0..ROWS).map(move |row| (s, row)));
    lines.fold(format!("{header}\n"), |text, (s, row)| text + &line(s, row) + "\n")
}

/// Checks that a table is the shop, to `tolerance` of each value.
fn check(what: &str, bytes: &[u8], options: &TableOptions, tolerance: f64) -> Observation {
    let read = table::from_bytes(bytes.to_vec(), what, WindowHint::default(), options);
    let seen = read.unwrap_or_else(|e| panic!("{e}\n{}", String::from_utf8_lossy(&bytes[..bytes.len().min(300)])));
    let times: Vec<i64> = seen.frame.times().iter().map(|t| t.ms()).collect();
    assert_eq!(times, (0..ROWS).map(|row| seconds(row) * 1000).collect::<Vec<_>>(), "{what}");
    assert_eq!(seen.frame.services(), ["front-end", "user_db"], "{what}");
    assert_eq!(seen.frame.series().len(), SERIES.len(), "{what}");
    for (s, (service, metric)) in SERIES.iter().enumerate() {
        let at = seen.frame.find(service).unwrap();
        let series = seen.frame.get(at, metric, None).unwrap_or_else(|| panic!("{what}: no {metric} of {service}"));
        for row in 0..ROWS {
            let (found, wanted) = (series.values[row as usize], value(s, row));
            assert!(
                (found - wanted).abs() <= tolerance * wanted,
                "{what}: {service} {metric} row {row}: {found}, not {wanted}"
            );
        }
    }
    seen
}

fn check_text(what: &str, text: &str) {
    check(what, text.as_bytes(), &TableOptions::default(), 1e-9);
}

fn rfc3339(row: i64) -> String {
    clock(row, "%Y-%m-%dT%H:%M:%SZ")
}

#[test]
fn times_in_every_writing() {
    type Writing = fn(i64) -> String;
    let writings: [(&str, Writing); 13] = [
        ("time", |r| seconds(r).to_string()),
        ("Time", |r| (seconds(r) * 1000).to_string()),
        ("ts", |r| (seconds(r) * 1_000_000).to_string()),
        ("timestamp", |r| (seconds(r) * 1_000_000_000).to_string()),
        ("unix_time", |r| format!("{}.0", seconds(r))),
        ("@timestamp", rfc3339),
        ("date", |r| clock(r, "%Y-%m-%d %H:%M:%S")),
        ("datetime", |r| clock(r, "%Y-%m-%d %H:%M:%S.000000+00:00")),
        ("Zeit", |r| clock(r, "%d.%m.%Y %H:%M:%S")),
        ("Time (UTC)", |r| clock(r, "%m/%d/%Y %I:%M:%S %p")),
        ("TIME", |r| clock(r, "%d/%m/%Y %H:%M:%S")),
        ("", |r| clock(r, "%Y/%m/%d %H:%M:%S")),
        ("_time", |r| clock(r, "\"%b %d, %Y, %I:%M:%S %p\"")),
    ];
    for (header, writing) in writings {
        check_text(header, &wide(header, ",", name, writing, plain));
    }
    let two = |r| clock(r, "%d.%m.%Y;%H:%M:%S");
    check_text("date and clock", &wide("Datum;Uhrzeit", ";", name, two, |s, r| plain(s, r).replace('.', ",")));
}

#[test]
fn numbers_in_every_writing() {
    let with_groups = |v: f64, group: &str, point: &str| {
        let text = format!("{v:.3}");
        let (whole, rest) = text.split_once('.').unwrap();
        let cut = whole.len() % 3;
        let groups: Vec<&str> = std::iter::once(&whole[..cut])
            .filter(|g| !g.is_empty())
            .chain((cut..whole.len()).step_by(3).map(|i| &whole[i..i + 3]))
            .collect();
        format!("\"{}{point}{rest}\"", groups.join(group))
    };
    check_text("grouped", &wide("time", ",", name, rfc3339, |s, r| with_groups(value(s, r), ",", ".")));
    check_text("grouped, decimal comma", &wide("time", ",", name, rfc3339, |s, r| with_groups(value(s, r), ".", ",")));
    check_text("spaces", &wide("time", ";", name, rfc3339, |s, r| with_groups(value(s, r), "\u{202f}", ",")));
    check_text("decimal comma", &wide("time", ";", name, rfc3339, |s, r| plain(s, r).replace('.', ",")));
    let unit = |s: usize, r: i64| match SERIES[s].1 {
        "latency_ms" => format!("{} s", value(s, r) / 1e3),
        _ => format!("{}m", value(s, r) * 1e3),
    };
    check_text("units", &wide("time", ",", name, rfc3339, unit));
    let percent = |s: usize, r: i64| {
        if SERIES[s].1 == "cpu_cores" { format!("{} %", value(s, r) * 100.0) } else { format!("{} ms", value(s, r)) }
    };
    check_text("percent", &wide("time", "\t", name, rfc3339, percent));
}

#[test]
fn names_in_every_writing() {
    let part = |s: usize| SERIES[s];
    let labels = |s: usize| format!("\"{}{{service=\"\"{}\"\", namespace=\"\"shop\"\"}}\"", part(s).1, part(s).0);
    check_text("labels", &wide("Time", ",", labels, rfc3339, plain));
    check_text("levels", &wide("time", ",", |s| format!("\"('{}', '{}')\"", part(s).0, part(s).1), rfc3339, plain));
    check_text("dots", &wide("time", ",", |s| format!("{}.{}", part(s).0, part(s).1), rfc3339, plain));
    let spoken = |s: usize| {
        format!("{} - {}", part(s).0, if part(s).1 == "latency_ms" { "Response Time (ms)" } else { "CPU cores" })
    };
    check_text("legend", &wide("time", ",", spoken, rfc3339, plain));
    let foreign = |s: usize| {
        format!("{}_{}", part(s).0, if part(s).1 == "latency_ms" { "duration_seconds" } else { "cpu_millicores" })
    };
    let scaled =
        |s: usize, r: i64| if part(s).1 == "latency_ms" { value(s, r) / 1e3 } else { value(s, r) * 1e3 }.to_string();
    check_text("foreign", &wide("time", ",", foreign, rfc3339, scaled));
    let first = |s: usize| format!("{}_{}", part(s).1, part(s).0);
    check_text("metric first", &wide("time", ",", first, rfc3339, plain));
    let body = wide("time", ",", name, rfc3339, plain);
    let (_, rows) = body.split_once('\n').unwrap();
    let levels = "
,user_db,user_db,front-end,front-end\n,latency_ms,cpu_cores,latency_ms,cpu_cores\ntime,,,,\n";
    check_text("two lines of names", &format!("{}{rows}", &levels[1..]));
    let options = TableOptions { separator: Some("__".to_owned()), ..TableOptions::default() };
    let separated = wide("time", ",", |s| format!("{}__{}", part(s).0, part(s).1), rfc3339, plain);
    check("separator", separated.as_bytes(), &options, 1e-9);
}

#[test]
fn long_tables() {
    let (service, metric) = (|s: usize| SERIES[s].0, |s: usize| SERIES[s].1);
    check_text(
        "kpi",
        &long("timestamp,cmdb_id,kpi_name,value", |s, r| {
            format!("{},{},{},{}", seconds(r), service(s), metric(s), plain(s, r))
        }),
    );
    check_text("series", &long("Series;Time;Value", |s, r| format!("{};{};{}", name(s), rfc3339(r), plain(s, r))));
    check_text(
        "metric/labels",
        &long("time,metric,value", |s, r| {
            format!("{},\"{}{{app=\"\"{}\"\"}}\",{}", seconds(r), metric(s), service(s), plain(s, r))
        }),
    );
    let influx = long(
        "#group,false,false,true,true,false,false,true,true\n#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string\n\
         #default,mean,,,,,,,\n,result,table,_start,_stop,_time,_value,_field,service",
        |s, r| {
            format!(
                ",,{s},{},{},{},{},{},{}",
                rfc3339(0),
                rfc3339(ROWS),
                rfc3339(r),
                plain(s, r),
                metric(s),
                service(s)
            )
        },
    );
    check_text("influx", &influx);
    let measured = long("_time,_value,_field,_measurement,service", |s, r| {
        format!("{},{},value,{},{}", rfc3339(r), plain(s, r), metric(s), service(s))
    });
    check_text("measurement", &measured);
    let tagged = long("timestamp,tag,metric,value", |s, r| {
        format!("{},\"env:live,service:{}\",{},{}", seconds(r), service(s), metric(s), plain(s, r))
    });
    check_text("tags", &tagged);
    let rows = (0..2).flat_map(|s| (0..ROWS).map(move |r| (2 * s, r)));
    let by_service = rows.fold("time,service,latency_ms,cpu_cores,index\n".to_owned(), |text, (s, r)| {
        text + &format!("{},{},{},{},0\n", seconds(r), service(s), plain(s, r), plain(s + 1, r))
    });
    check_text("a row for each service", &by_service);
    let top = by_service.replace("time,service,latency_ms,cpu_cores", "time,NAME,latency_ms,CPU(cores)");
    check_text("NAME", &top);
}

#[test]
fn copies_are_dropped_and_pseudo_services_left_out() {
    let text = wide("time", ",", name, rfc3339, plain);
    let twice: String = text.lines().flat_map(|l| [l, "\n", l, "\n"]).collect();
    let seen = check("rows twice", twice.as_bytes(), &TableOptions::default(), 1e-9);
    assert!(seen.notes.iter().any(|n| n.message == "6 row(s) repeat another one and are left out"), "{:?}", seen.notes);
    let more = |line: &str| {
        let own = line.split_once(',').unwrap().1;
        format!(
            "{},{line},{own},{}\n",
            if line.starts_with("time") { "Unnamed: 0" } else { "7" },
            own.split(',').next().unwrap()
        )
    };
    let merged: String = text
        .lines()
        .enumerate()
        .map(|(i, l)| match i {
            0 => more(l)
                .replacen("user_db_latency_ms,", "user_db_latency_ms_x,", 1)
                .replace("front-end_cpu_cores,user_db_latency_ms,", "front-end_cpu_cores,user_db_latency_ms_y,")
                .replace("cpu_cores,user_db_latency_ms\n", "cpu_cores,PassthroughCluster_error\n"),
            _ => more(l),
        })
        .collect();
    let seen = check("merged", merged.as_bytes(), &TableOptions::default(), 1e-9);
    let note = |code: &str| seen.notes.iter().find(|n| n.code == code).map(|n| n.message.clone()).unwrap_or_default();
    assert!(note("repeated_column").contains("user_db_latency_ms_y"), "{:?}", seen.notes);
    assert_eq!(note("pseudo_services"), "names that are no services are left out: PassthroughCluster");
}

#[test]
fn packed_and_encoded_text() {
    let text = wide("Time", ";", name, rfc3339, plain);
    let mut gz = GzEncoder::new(Vec::new(), Compression::default());
    gz.write_all(text.as_bytes()).unwrap();
    check("gz", &gz.finish().unwrap(), &TableOptions::default(), 1e-9);
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    check("UTF-16", &utf16, &TableOptions::default(), 1e-9);
    check_text("sep=", &format!("sep=;\r\n{}", text.replace('\n', "\r\n")));
    check_text("byte-order mark", &format!("\u{feff}{text}"));
    check_text("gaps", &text.replace("\n2026", "\n\n2026"));
    check_text("cells at the end", &text.replace('\n', ";\n").replacen(";\n", "\n", 1));
}

#[test]
fn a_zone_and_a_pattern_are_obeyed() {
    let berlin = TableOptions { time_zone: Some(TimeZone::fixed(jiff::tz::offset(1))), ..TableOptions::default() };
    let local = wide("time", ",", name, |r| clock(r + 120, "%Y-%m-%d %H:%M:%S"), plain);
    let seen = check("zone", local.as_bytes(), &berlin, 1e-9);
    assert!(seen.notes[0].message.contains("2 metrics each, times in "), "{}", seen.notes[0].message);
    let utc = check(
        "none",
        wide("time", ",", name, |r| clock(r, "%Y-%m-%d %H:%M:%S"), plain).as_bytes(),
        &TableOptions::default(),
        1e-9,
    );
    let understood = "6 rows of 30 s, 2 services, 2 metrics each, times without a zone read as UTC (--time-zone)";
    assert_eq!(utc.notes[0].message, understood);
    let pattern = TableOptions { time_format: Some("%H:%M:%S day %d of %m/%Y".to_owned()), ..TableOptions::default() };
    check(
        "pattern",
        wide("time", ",", name, |r| clock(r, "%H:%M:%S day %d of %m/%Y"), plain).as_bytes(),
        &pattern,
        1e-9,
    );
}

#[test]
fn what_is_ambiguous_names_the_option_that_decides() {
    let error = |text: &str| {
        table::from_bytes(text.into(), "t.csv", WindowHint::default(), &TableOptions::default())
            .unwrap_err()
            .to_string()
    };
    for (text, parts) in [
        ("time,a_cpu\n1,\"1,234\"\n2,\"1,235\"\n", ["line 2, column \"a_cpu\"", "--decimal"]),
        (
            "time,a_cpu\n03/04/2026 10:00,1\n03/04/2026 10:01,2\n",
            ["line 2, column \"time\"", "--time-format '%d/%m/%Y"],
        ),
        ("time,a_b_c,d_e_f\n1,2,3\n2,3,4\n", ["column \"a_b_c\"", "--separator"]),
        ("time,Carts,Payment\n1,2,3\n2,3,4\n", ["Carts, Payment", "--metric latency_ms"]),
        ("time,user_service,cart_service\n1,2,3\n2,3,4\n", ["user_service, cart_service", "--metric latency_ms"]),
        ("time,service,pod,cpu\n1,a,a-1,2\n1,a,a-2,3\n", ["line 2 and line 3 give cpu of a two values", "pod"]),
        ("time,latency_ms,cpu_cores\n1,2,3\n", ["no column named <service>_<metric>", "latency_ms, cpu_cores"]),
    ] {
        let message = error(text);
        assert!(parts.iter().all(|p| message.contains(p)), "{text}: {message}");
    }
    let comma = TableOptions { decimal: Some(Decimal::Comma), ..TableOptions::default() };
    let text = "time,a_cpu\n1,\"1,234\"\n2,\"1,235\"\n";
    let read = table::from_bytes(text.into(), "t", WindowHint::default(), &comma).unwrap();
    assert_eq!(*read.frame.series()[0].values, [1.234, 1.235]);
}

#[test]
fn counts_of_successes_are_no_shares() {
    let text = |metric: &str, good: fn(i64) -> f64| {
        let row = |r: i64| format!("{},20,{}\n", seconds(r), good(r));
        (0..ROWS).map(row).fold(format!("time,a_throughput_rps,a_{metric}\n"), |text, row| text + &row)
    };
    let failing = |r: i64| if r < 3 { 600.0 } else { 480.0 };
    let seen =
        table::from_bytes(text("success_count", failing).into(), "t", WindowHint::default(), &TableOptions::default())
            .unwrap();
    let errors = &seen.frame.series()[0];
    assert_eq!(errors.metric.name, "error_ratio");
    assert!(errors.values[0] == 0.0 && (errors.values[5] - 0.2).abs() < 1e-9, "{:?}", errors.values);
    let alone = "time,a_cpu,a_success_count\n1,1,600\n2,1,480\n";
    let seen = table::from_bytes(alone.into(), "t", WindowHint::default(), &TableOptions::default()).unwrap();
    assert!(seen.notes.iter().any(|n| n.code == "success_counts_left_out") && seen.frame.series().len() == 1);
}

/// The shop as columns of Arrow.
fn batch(times: ArrayRef, cell: impl Fn(usize) -> ArrayRef) -> RecordBatch {
    let columns = std::iter::once(("timestamp".to_owned(), times)).chain((0..SERIES.len()).map(|s| (name(s), cell(s))));
    RecordBatch::try_from_iter(columns).unwrap()
}

fn doubles(series: usize) -> ArrayRef {
    Arc::new((0..ROWS).map(|r| Some(value(series, r))).collect::<Float64Array>())
}

fn micros() -> ArrayRef {
    Arc::new((0..ROWS).map(|r| Some(seconds(r) * 1_000_000)).collect::<TimestampMicrosecondArray>())
}

fn parquet_file(batch: &RecordBatch, codec: Codec) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(codec).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn arrow_file(batch: &RecordBatch, codec: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(codec).unwrap();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// A long table with dictionaries for its names.
fn long_batch() -> RecordBatch {
    let rows: Vec<(usize, i64)> = (0..SERIES.len()).flat_map(|s| (0..ROWS).map(move |r| (s, r))).collect();
    let times: TimestampNanosecondArray = rows.iter().map(|(_, r)| Some(seconds(*r) * 1_000_000_000)).collect();
    let services: DictionaryArray<Int32Type> = rows.iter().map(|(s, _)| Some(SERIES[*s].0)).collect();
    let metrics: StringViewArray = rows.iter().map(|(s, _)| Some(SERIES[*s].1)).collect();
    let values: Float64Array = rows.iter().map(|(s, r)| Some(value(*s, *r))).collect();
    let columns: [(&str, ArrayRef); 4] = [
        ("time", Arc::new(times.with_timezone("UTC"))),
        ("service", Arc::new(services)),
        ("metric", Arc::new(metrics)),
        ("value", Arc::new(values)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn parquet_and_arrow_files() {
    let none = TableOptions::default();
    let wide = batch(micros(), doubles);
    for codec in [
        Codec::UNCOMPRESSED,
        Codec::SNAPPY,
        Codec::ZSTD(ZstdLevel::default()),
        Codec::LZ4_RAW,
        Codec::GZIP(Default::default()),
    ] {
        let seen = check(&format!("{codec:?}"), &parquet_file(&wide, codec), &none, 0.0);
        assert!(seen.notes[0].message.contains("without a zone"), "{}", seen.notes[0].message);
    }
    for codec in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        check(&format!("{codec:?}"), &arrow_file(&wide, codec), &none, 0.0);
        let seen = check(&format!("long {codec:?}"), &arrow_file(&long_batch(), codec), &none, 0.0);
        assert!(seen.notes[0].message.ends_with("times in UTC"));
    }
    check("long Parquet", &parquet_file(&long_batch(), Codec::SNAPPY), &none, 0.0);
    let seconds_column: ArrayRef = Arc::new((0..ROWS).map(|r| Some(seconds(r))).collect::<Int64Array>());
    check("integers", &parquet_file(&batch(seconds_column, doubles), Codec::SNAPPY), &none, 0.0);
    let texts: ArrayRef = Arc::new((0..ROWS).map(|r| Some(rfc3339(r))).collect::<StringArray>());
    check("texts", &parquet_file(&batch(texts, doubles), Codec::SNAPPY), &none, 0.0);
    let floats =
        |s: usize| -> ArrayRef { Arc::new((0..ROWS).map(|r| Some(value(s, r) as f32)).collect::<Float32Array>()) };
    check("floats", &parquet_file(&batch(micros(), floats), Codec::SNAPPY), &none, 1e-6);
    let mut stream = StreamWriter::try_new(Vec::new(), &wide.schema()).unwrap();
    stream.write(&wide).unwrap();
    check("stream", &stream.into_inner().unwrap(), &none, 0.0);
}

#[test]
fn a_zone_applies_to_wall_clocks_in_parquet() {
    let shifted: ArrayRef =
        Arc::new((0..ROWS).map(|r| Some((seconds(r) + 3600) * 1_000_000)).collect::<TimestampMicrosecondArray>());
    let berlin = TableOptions { time_zone: Some(TimeZone::fixed(jiff::tz::offset(1))), ..TableOptions::default() };
    check("zone", &parquet_file(&batch(shifted, doubles), Codec::SNAPPY), &berlin, 0.0);
}

#[test]
fn nulls_are_gaps_and_damaged_files_are_errors() {
    let with_null =
        |s: usize| -> ArrayRef { Arc::new((0..ROWS).map(|r| (r != 2).then(|| value(s, r))).collect::<Float64Array>()) };
    let file = parquet_file(&batch(micros(), with_null), Codec::SNAPPY);
    let read = |bytes: Vec<u8>| table::from_bytes(bytes, "t.parquet", WindowHint::default(), &TableOptions::default());
    let seen = read(file.clone()).unwrap();
    assert!(seen.frame.series().iter().all(|s| s.values[2].is_nan() && !s.values[3].is_nan()));
    let cut = read(file[..file.len() / 2].to_vec()).unwrap_err().to_string();
    assert!(cut.contains("is not a complete Parquet file"), "{cut}");
    let arrow = arrow_file(&batch(micros(), doubles), Some(CompressionType::ZSTD));
    let cut = read(arrow[..arrow.len() / 2].to_vec()).unwrap_err().to_string();
    assert!(cut.contains("is not a complete Arrow file"), "{cut}");
    // No flipped byte may end in more than an error.
    for at in (8..arrow.len()).step_by(7) {
        let mut bytes = arrow.clone();
        bytes[at] ^= 0x55;
        let _ = read(bytes);
    }
}

#[test]
fn what_unpacks_to_too_much_is_refused_before_it_is() {
    let zeros: ArrayRef = Arc::new(Float64Array::from(vec![0.0; 1 << 12]));
    let times: ArrayRef = Arc::new((0..1 << 12).map(|r| Some(seconds(r))).collect::<Int64Array>());
    let batch = RecordBatch::try_from_iter([("time", times), ("a_cpu", zeros)]).unwrap();
    let file = arrow_file(&batch, Some(CompressionType::ZSTD));
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).unwrap();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    for bytes in [file, writer.into_inner().unwrap()] {
        check_bomb(bytes);
    }
}

fn check_bomb(mut bytes: Vec<u8>) {
    // The uncompressed length of 4096 doubles precedes each buffer.
    let length = (8i64 << 12).to_le_bytes();
    let at = bytes.windows(8).position(|w| w == length).unwrap();
    bytes[at..at + 8].copy_from_slice(&(1i64 << 40).to_le_bytes());
    let error =
        table::from_bytes(bytes, "t.arrow", WindowHint::default(), &TableOptions::default()).unwrap_err().to_string();
    assert_eq!(error, "t.arrow: holds more than 1073741824 unpacked bytes");
}
