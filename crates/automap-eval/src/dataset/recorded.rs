//! Captures of the lab: `<name>.parquet` with the ledger's entries of the injected faults in `<name>.json`. Without an entry for a cause it is a
//! quiet window.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use automap_core::time::Timestamp;
use automap_sources::capture;

use super::case::{Case, CaseLocation, DatasetError, Truth};
use super::files::{json, wrong};
use automap_chaos::injection::{Injection, Role};

/// Captures that have a ledger beside them.
pub(super) fn captures(files: &[PathBuf]) -> Vec<PathBuf> {
    let parquet = files.iter().filter(|p| p.extension().is_some_and(|e| e == "parquet"));
    parquet.filter(|p| files.contains(&p.with_extension("json"))).cloned().collect()
}

pub(super) fn is_quiet(capture: &Path) -> bool {
    json::<Vec<Injection>>(&capture.with_extension("json")).is_ok_and(|injected| causes(injected).is_empty())
}

pub(super) fn read(location: &CaseLocation) -> Result<Case, DatasetError> {
    let injected = causes(json(&location.path.with_extension("json"))?);
    let observation = capture::read(&location.path).map_err(|e| wrong(&location.path, e))?;
    // Users enter at the service without callers; if there are several, the entry is unknown.
    let entry = match observation.calls.entries()[..] {
        [only] => Some(only.to_owned()),
        _ => None,
    };
    Ok(Case { entry, truth: truth(&injected), observation })
}

/// The injections that should be found; naming a decoy is wrong.
fn causes(mut injected: Vec<Injection>) -> Vec<Injection> {
    injected.retain(|i| i.role == Role::Cause);
    injected
}

/// `NetworkChaos delay`; if there are several at once, all of them.
fn faults(injected: &[Injection]) -> String {
    let mut all: Vec<String> = injected.iter().map(|i| format!("{} {}", i.kind, i.action)).collect();
    all.dedup();
    all.join(" + ")
}

fn truth(injected: &[Injection]) -> Option<Truth> {
    let first = injected.first()?;
    let mut services: Vec<String> = injected.iter().flat_map(|i| &i.targets).map(|t| t.service.clone()).collect();
    services.sort_unstable();
    services.dedup();
    let mut other_ends: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (target, peers) in injected.iter().flat_map(|i| i.targets.iter().map(move |t| (t, &i.peers))) {
        other_ends.entry(target.service.clone()).or_default().extend(peers.iter().cloned());
    }
    Some(Truth {
        services,
        other_ends,
        root_metric: Some(first.expected_metric.clone()),
        fault: faults(injected),
        started: Timestamp::from_ms(first.from_ms),
        felt_by: injected.iter().filter_map(felt_by).collect(),
        is_felt: injected.iter().filter_map(|i| i.spec.get("users_feel_it")?.as_bool()).reduce(|a, b| a || b),
    })
}

/// The services that felt a fault, if the ledger has them; if no users felt it, none did.
fn felt_by(injection: &Injection) -> Option<(String, BTreeSet<String>)> {
    let is_felt = injection.spec.get("users_feel_it")?.as_bool()?;
    let names = injection.spec.get("felt_by")?.as_array()?.iter().filter_map(|name| Some(name.as_str()?.to_owned()));
    Some((injection.targets.first()?.service.clone(), if is_felt { names.collect() } else { BTreeSet::new() }))
}
