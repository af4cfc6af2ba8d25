//! Profiles for machine learning: every format contains the same numbers.

use std::process::Command;

use serde_json::Value;

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/cpu-catalogue.parquet");

fn automap(args: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_automap"))
        .args(["profile", "--capture", CAPTURE])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn json_and_csv_hold_the_same_dimensions_and_numbers() {
    let json: Value = serde_json::from_slice(&automap(&["-o", "json"])).unwrap();
    let csv = String::from_utf8(automap(&["-o", "csv"])).unwrap();
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let names: Vec<&str> = json["dimensions"].as_array().unwrap().iter().map(|d| d["name"].as_str().unwrap()).collect();
    assert_eq!(header[..3], ["service", "class", "incident_class"]);
    assert_eq!(header[3..], names);
    for (line, service) in lines.zip(json["services"].as_array().unwrap()) {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[0], service["service"]);
        for (field, value) in fields[3..].iter().zip(service["values"].as_array().unwrap()) {
            // The last bit may round either way when JSON is read.
            let same = match (field.parse::<f64>().ok(), value.as_f64()) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-12 * a.abs(),
                (a, b) => a == b,
            };
            assert!(same, "{field} in CSV, {value} in JSON: {line}");
        }
    }
}

#[test]
fn the_busy_service_stands_out_and_what_nobody_measures_is_no_zero() {
    let json: Value = serde_json::from_slice(&automap(&["-o", "json"])).unwrap();
    let at = |name: &str| json["dimensions"].as_array().unwrap().iter().position(|d| d["name"] == name).unwrap();
    let of = |service: &str, dimension: &str| {
        let services = json["services"].as_array().unwrap();
        services.iter().find(|s| s["service"] == service).unwrap()["values"][at(dimension)].clone()
    };
    assert!(of("catalogue", "cpu_evidence").as_f64().unwrap() > 3.0);
    assert!(of("payment", "cpu_evidence").as_f64().unwrap() < 0.5);
    assert_eq!(of("carts-db", "latency_baseline_median"), Value::Null, "a TCP store has no latency");
    assert_eq!(of("catalogue", "callers").as_f64(), Some(1.0));
}

#[test]
fn parquet_is_parquet() {
    let bytes = automap(&["-o", "parquet"]);
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}
