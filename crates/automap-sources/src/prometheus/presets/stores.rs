//! Presets of stores and brokers: exporters that report on something other than themselves.
//!
//! All signals of one exporter share one request. The labels that identify the store stay on the series and are read by `prometheus/stores.rs`.

use automap_core::entity::EntityKind;

use super::expand::formula;
use super::file::{Preset, StoreKind, StoreOf};
use super::labels::text;
use super::{Absence, Key, Signal};

/// Labels that identify the exporter of a series.
const OF_EXPORTER: [&str; 4] = ["pod", "service", "job", "instance"];

/// An exporter of a store or a broker.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Store {
    /// Store or broker.
    pub(crate) kind: EntityKind,
    /// The exporter's name, for users.
    pub(crate) exporter: String,
    /// The store's words in the names of exporters.
    pub(crate) words: Vec<String>,
    /// Ports of the store.
    pub(crate) ports: Vec<u16>,
    /// Labels that hold the store's address.
    pub(crate) addresses: Vec<String>,
}

pub(super) fn kind(kind: StoreKind) -> EntityKind {
    match kind {
        StoreKind::Store => EntityKind::Store,
        StoreKind::Broker => EntityKind::Broker,
    }
}

pub(super) fn of(store: &StoreOf) -> &'static Store {
    Box::leak(Box::new(Store {
        kind: kind(store.kind),
        exporter: store.exporter.clone(),
        words: store.words.all().to_vec(),
        ports: store.ports.all().to_vec(),
        addresses: store.addresses.all().to_vec(),
    }))
}

/// The signals of a preset, by exporter and address.
pub(super) fn signals(preset: &Preset, store: &'static Store) -> Vec<Signal> {
    let mut labels = vec![preset.namespace_label.as_str()];
    labels.extend(OF_EXPORTER);
    labels.extend(store.addresses.iter().map(String::as_str));
    let by = labels.join(", ");
    let request = text(&preset.title);
    let signal = |(metric, signal): (&String, _)| Signal {
        name: text(metric),
        request,
        key: Key::Store(store),
        formula: formula(signal, |aggregation, expression| {
            text(&format!("{aggregation} by ({by}$AND_SCOPE) ({expression})"))
        }),
        absence: Absence::Expected,
    };
    preset.signals.iter().map(signal).collect()
}
