//! The truth of many incidents as two Parquet tables, for tools that do not read ledgers: one row per incident, and one per fault.
//!
//! Values that were not measured are null. Lists contain names; a path begins with the entry. Left out: the settings of an experiment, which differ
//! by kind.

use automap_chaos::injection::{Injection, Role};
use automap_sources::parquet_columns::{self, counts, flags, lists, numbers, strings, times};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use serde_json::Value;

/// An incident and its truth.
#[derive(Clone, Copy, Debug)]
pub struct LabelledIncident<'a> {
    /// The system, which is also its folder.
    pub system: &'a str,
    /// Its name within the system: the capture's file without the ending.
    pub name: &'a str,
    /// Services of the system.
    pub services: usize,
    /// What was injected, decoys included.
    pub injected: &'a [Injection],
    /// Whether methods may be tuned on it; otherwise it is for testing them.
    pub is_for_tuning: bool,
}

impl LabelledIncident<'_> {
    fn causes(&self) -> impl Iterator<Item = &Injection> {
        self.injected.iter().filter(|i| i.role == Role::Cause)
    }
}

/// One row for each incident.
///
/// # Errors
/// None in practice: the table is written to memory.
pub fn incidents(all: &[LabelledIncident<'_>]) -> Result<Vec<u8>, ParquetError> {
    let onset = |i: &LabelledIncident<'_>| i.causes().map(|cause| cause.from_ms).min();
    let is_felt = |i: &LabelledIncident<'_>| i.causes().any(is_felt);
    let has_decoy = |i: &LabelledIncident<'_>| i.injected.iter().any(|i| i.role == Role::Decoy);
    let split = |i: &LabelledIncident<'_>| if i.is_for_tuning { "tuning" } else { "test" };
    let columns = vec![
        ("system", strings(all.iter().map(|i| Some(i.system.to_owned())))),
        ("incident", strings(all.iter().map(|i| Some(i.name.to_owned())))),
        ("split", strings(all.iter().map(|i| Some(split(i).to_owned())))),
        ("services", counts(all.iter().map(|i| Some(i.services as u32)))),
        ("faults", counts(all.iter().map(|i| Some(i.causes().count() as u32)))),
        ("is_quiet", flags(all.iter().map(|i| Some(i.causes().next().is_none())))),
        ("has_decoy", flags(all.iter().map(|i| Some(has_decoy(i))))),
        ("users_feel_it", flags(all.iter().map(|i| Some(is_felt(i))))),
        ("onset", times(all.iter().map(onset))),
    ];
    parquet_columns::write(columns, Compression::UNCOMPRESSED)
}

/// One row for each fault and decoy.
///
/// # Errors
/// None in practice: the table is written to memory.
pub fn faults(all: &[LabelledIncident<'_>]) -> Result<Vec<u8>, ParquetError> {
    let rows: Vec<(&LabelledIncident<'_>, &Injection)> =
        all.iter().flat_map(|incident| incident.injected.iter().map(move |i| (incident, i))).collect();
    let text = |of: &dyn Fn(&Injection) -> Option<String>| strings(rows.iter().map(|(_, i)| of(i)));
    let number = |pointer: &str| numbers(rows.iter().map(|(_, i)| i.spec.pointer(pointer)?.as_f64()));
    let names = |pointer: &str| lists(rows.iter().map(|(_, i)| words(i.spec.pointer(pointer))));
    let entity = |i: &Injection| i.targets.first().map(|target| target.service.clone());
    let columns = vec![
        ("system", strings(rows.iter().map(|(incident, _)| Some(incident.system.to_owned())))),
        ("incident", strings(rows.iter().map(|(incident, _)| Some(incident.name.to_owned())))),
        ("role", text(&|i| Some(i.role.as_str().to_owned()))),
        ("entity", text(&entity)),
        ("entity_kind", text(&|i| Some(i.truth.as_ref()?.entity_kind.clone()))),
        ("mechanism", text(&|i| Some(i.truth.as_ref()?.mechanism.clone()))),
        ("kind", text(&|i| Some(i.kind.clone()))),
        ("action", text(&|i| Some(i.action.clone()))),
        ("strength", number("/strength")),
        ("onset", times(rows.iter().map(|(_, i)| Some(i.from_ms)))),
        ("end", times(rows.iter().map(|(_, i)| i.to_ms))),
        ("users_feel_it", flags(rows.iter().map(|(_, i)| Some(is_felt(i))))),
        ("users_latency_ms_before", number("/users/latency_ms/0")),
        ("users_latency_ms_during", number("/users/latency_ms/1")),
        ("users_error_ratio_before", number("/users/error_ratio/0")),
        ("users_error_ratio_during", number("/users/error_ratio/1")),
        ("felt_by", names("/felt_by")),
        ("path", names("/path")),
        ("restarted", names("/restarted")),
    ];
    parquet_columns::write(columns, Compression::UNCOMPRESSED)
}

fn is_felt(injection: &Injection) -> bool {
    injection.spec.get("users_feel_it").and_then(Value::as_bool).unwrap_or(false)
}

/// The strings of a JSON list.
fn words(value: Option<&Value>) -> Option<impl Iterator<Item = &str>> {
    Some(value?.as_array()?.iter().filter_map(Value::as_str))
}

#[cfg(test)]
mod tests {
    use automap_chaos::injection::{Target, Truth};
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use serde_json::json;

    use super::*;

    fn injection(role: Role) -> Injection {
        Injection {
            id: "x".to_owned(),
            kind: "NetworkChaos".to_owned(),
            action: "delay".to_owned(),
            experiment: "x".to_owned(),
            targets: vec![Target { pod: String::new(), service: "orders".to_owned(), container: None }],
            peers: Vec::new(),
            expected_metric: "latency".to_owned(),
            from: String::new(),
            from_ms: 5000,
            to: None,
            to_ms: None,
            spec: json!({"strength": 0.5, "users_feel_it": true, "users": {"latency_ms": [9.0, 12.5]}, "path": ["front-end", "orders"]}),
            role,
            truth: (role == Role::Cause).then(|| Truth {
                entity_kind: "service".to_owned(),
                entity: "orders".to_owned(),
                mechanism: "network delay".to_owned(),
                change: None,
            }),
        }
    }

    /// Each row as text, from the Parquet crate's own reader.
    fn rows(bytes: Vec<u8>) -> Vec<String> {
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect()
    }

    #[test]
    fn each_incident_and_each_fault_has_a_row() {
        let (both, none) = ([injection(Role::Cause), injection(Role::Decoy)], []);
        let of = |name, injected| LabelledIncident { system: "s", name, services: 9, injected, is_for_tuning: false };
        let all = [of("a", &both[..]), of("b", &none[..])];
        let incidents = rows(incidents(&all).unwrap());
        assert_eq!(incidents.len(), 2);
        assert!(
            incidents[0].contains("faults: 1, is_quiet: false, has_decoy: true, users_feel_it: true"),
            "{}",
            incidents[0]
        );
        assert!(incidents[1].contains("is_quiet: true") && incidents[1].contains("onset: null"), "{}", incidents[1]);
        let faults = rows(faults(&all).unwrap());
        assert_eq!(faults.len(), 2);
        for part in [
            "mechanism: \"network delay\"",
            "users_latency_ms_during: 12.5",
            "path: [\"front-end\", \"orders\"]",
            "felt_by: null",
        ] {
            assert!(faults[0].contains(part), "{part}: {}", faults[0]);
        }
        assert!(faults[1].contains("role: \"decoy\"") && faults[1].contains("mechanism: null"), "{}", faults[1]);
    }
}
