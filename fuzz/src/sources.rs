//! Files: captures, tables, calls, experiments, ledgers, objectives; and addresses.

use std::cell::OnceCell;
use std::fs;
use std::path::Path;

use automap_core::frame::MAX_CELLS;
use automap_core::observation::Observation;
use automap_core::random::Rng;
use automap_core::text::is_plain;
use automap_core::time::WindowHint;
use automap_sources::prometheus::{Client, ClientOptions};
use automap_sources::table::{self, TableOptions};
use automap_sources::{calls_file, capture as captures, slo as objectives};

use crate::text;

/// What must hold for all data that was read, from any source.
pub(crate) fn is_sound(seen: &Observation) {
    let frame = &seen.frame;
    assert!(frame.times().is_sorted_by(|a, b| a < b), "times are in order");
    assert!(frame.services().is_sorted_by(|a, b| a < b), "services are in order, each once");
    assert!(
        frame.services().iter().all(|name| is_plain(name)),
        "no hidden character in a service: {:?}",
        frame.services()
    );
    assert!(frame.series().len().saturating_mul(frame.times().len()) <= MAX_CELLS, "no more cells than fit");
    for series in frame.series() {
        assert!(is_plain(&series.metric.name), "no hidden character in a metric: {:?}", series.metric.name);
        assert_eq!(series.values.len(), frame.times().len());
        assert!(series.values.iter().all(|v| !v.is_infinite()), "an infinite value is a gap");
    }
}

/// A capture; its content is written and read back bit for bit.
pub(crate) fn capture(data: &[u8]) {
    let Ok(seen) = captures::from_bytes(data) else { return };
    is_sound(&seen);
    // A metric with a slash in its name is refused when writing.
    let Ok(written) = captures::to_bytes(&seen) else { return };
    let again = captures::from_bytes(&written).unwrap();
    assert_eq!(captures::to_bytes(&again).unwrap(), written, "what is written reads back the same");
}

/// A table; its content is the same after being stored as a capture.
pub(crate) fn table(data: &[u8]) {
    let seen = table::from_bytes(data.to_vec(), "table", WindowHint::default(), &TableOptions::default());
    let Ok(seen) = seen else { return };
    is_sound(&seen);
    let Ok(written) = captures::to_bytes(&seen) else { return };
    let again = captures::from_bytes(&written).unwrap();
    assert_eq!(again.frame.services(), seen.frame.services());
    assert_eq!(again.frame.times(), seen.frame.times());
}

thread_local! {
    static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

/// A file of calls; what was read can be read again from pairs.
pub(crate) fn calls(data: &[u8]) {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().unwrap());
        let file = folder.path().join("calls");
        fs::write(&file, data).unwrap();
        let Ok(found) = calls_file::read(&file) else { return };
        assert!(!found.is_empty() && found.len() <= calls_file::MAX_CALLS);
        fs::write(&file, serde_json::to_vec(&found).unwrap()).unwrap();
        assert_eq!(calls_file::read(&file).unwrap(), found);
    });
}

/// Experiments of Chaos Mesh, including the steps of their injection.
pub(crate) fn chaos(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(experiments) = automap_lab::chaos::parse("chaos.yaml", text) else { return };
    let mut random = Rng::new(7);
    for experiment in experiments {
        if let Ok(plan) = experiment.plan_injection(&mut || random.bits()) {
            assert!(
                !plan.targets.is_empty() || !plan.steps.is_empty(),
                "an injection without a target or step has no effect"
            );
        }
    }
}

/// A ledger of experiments; its entries are written and read back.
pub(crate) fn ledger(data: &[u8]) {
    let Ok(entries) = automap_chaos::file::read(data) else { return };
    let lines: String = entries.iter().map(|e| automap_chaos::file::line(e).unwrap()).collect();
    assert_eq!(automap_chaos::file::read(lines.as_bytes()).unwrap(), entries);
}

/// A file of objectives.
pub(crate) fn slo(data: &[u8]) {
    let Some(text) = text(data) else { return };
    for slo in objectives::parse(text, "slo.yaml").into_iter().flatten() {
        let target = slo.objective.target;
        assert!((0.0..=1.0).contains(&target), "a target is a share, not {target}");
        assert!(slo.objective.period_ms > 0);
    }
}

/// The address of a server. Its shown form never contains a user or a password.
pub(crate) fn address(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let options = ClientOptions { concurrency: 1, ..ClientOptions::new(text) };
    if let Ok(client) = Client::new(options) {
        let authority = client.address().split_once("://").map_or("", |(_, rest)| rest);
        let host = authority.split(['/', '?', '#']).next().unwrap_or_default();
        assert!(!host.contains('@'), "{} shows credentials", client.address());
        assert!(!client.address().contains(char::is_control), "{:?}", client.address());
    }
    let _ = Path::new(text).components().count();
}
