//! The table of signals: every PromQL expression that is sent for a metric.
//!
//! One row is one signal for all services at once. Rows with the same `request` share a request, and an expression that several rows use is sent
//! once. Sums are computed by the server after `rate`, so that pods may come and go; shares and means are computed here, after labels have been
//! mapped to services, so that two views of one call add up correctly.
//!
//! Istio's sidecars and Kubernetes have signals that the file format cannot express and are tables of their own. All others are files in `built_in/`,
//! in the format of users' own presets: `file.rs` reads them, `expand.rs` turns them into rows.
//!
//! To add a signal, add a row; if its name is new, add it to `automap_core::metric`.

mod by_label;
mod error;
mod expand;
mod file;
mod histogram;
mod istio;
mod kubernetes;
mod labels;
mod native;
pub(crate) mod nodes;
mod outside;
mod request_counts;
mod selector;
mod stores;

use automap_core::entity::EntityKind;
use automap_core::metric::{CLIENT_RPS, THROUGHPUT_RPS};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

pub(crate) use by_label::{CountsByLabel, clause};
pub use error::PresetError;
pub(crate) use istio::SIDE_CARS;
pub(crate) use outside::{Outside, Reloads};
pub(crate) use request_counts::{DurationCounts, RequestCounts};
pub(crate) use stores::Store;

/// The exporters that are looked for, in order of trust: a signal of a service is taken from the first one that has it.
///
/// Clones are cheap. Presets read from a file are kept for the lifetime of the process.
#[derive(Clone, Debug)]
pub struct Presets {
    exporters: Vec<&'static Exporter>,
    stores: Arc<BTreeMap<String, String>>,
}

/// Most presets that one file may hold.
pub const MAX_PRESETS: usize = 64;
/// Largest file of presets, in bytes.
pub const MAX_PRESET_FILE_BYTES: u64 = 256 << 10;

/// The built-in presets that are files: name and text.
pub const BUILT_IN_FILES: [(&str, &str); 13] = [
    ("istio_variants.yaml", include_str!("presets/built_in/istio_variants.yaml")),
    ("istio_ambient.yaml", include_str!("presets/built_in/istio_ambient.yaml")),
    ("linkerd.yaml", include_str!("presets/built_in/linkerd.yaml")),
    ("cilium_hubble.yaml", include_str!("presets/built_in/cilium_hubble.yaml")),
    ("beyla.yaml", include_str!("presets/built_in/beyla.yaml")),
    ("open_telemetry.yaml", include_str!("presets/built_in/open_telemetry.yaml")),
    ("sock_shop.yaml", include_str!("presets/built_in/sock_shop.yaml")),
    ("envoy.yaml", include_str!("presets/built_in/envoy.yaml")),
    ("store_clients.yaml", include_str!("presets/built_in/store_clients.yaml")),
    ("stores.yaml", include_str!("presets/built_in/stores.yaml")),
    ("brokers.yaml", include_str!("presets/built_in/brokers.yaml")),
    ("gateways.yaml", include_str!("presets/built_in/gateways.yaml")),
    ("dns_egress.yaml", include_str!("presets/built_in/dns_egress.yaml")),
];

static BUILT_IN: LazyLock<Result<Vec<&'static Exporter>, PresetError>> = LazyLock::new(|| {
    let mut all: Vec<&'static Exporter> = TABLES.to_vec();
    for (name, text) in BUILT_IN_FILES {
        all.extend(expand::exporters(&file::parse(name, text)?, name));
    }
    Ok(all)
});

impl Default for Presets {
    fn default() -> Self {
        // A test reads the files; if one were broken anyway, the tables remain.
        let exporters = BUILT_IN.as_ref().map_or_else(|_| TABLES.to_vec(), Clone::clone);
        Self { exporters, stores: Arc::default() }
    }
}

impl Presets {
    /// Adds the presets of a text, which are trusted before the existing ones.
    ///
    /// # Errors
    /// [`PresetError`] names the preset and the key.
    pub fn with(self, name: &str, text: &str) -> Result<Self, PresetError> {
        let mut exporters = expand::exporters(&file::parse(name, text)?, name);
        if let Some(twice) = exporters.iter().find(|e| self.exporters.iter().any(|known| known.preset == e.preset)) {
            return Err(PresetError::new(name, twice.preset, "there is a preset of this name: choose another"));
        }
        exporters.extend(self.exporters);
        Ok(Self { exporters, stores: self.stores })
    }

    /// Sets which store an exporter reports on: exporter (workload, service, job or `instance`) → store.
    #[must_use]
    pub fn with_stores(self, stores: BTreeMap<String, String>) -> Self {
        Self { stores: Arc::new(stores), ..self }
    }

    /// Adds the presets of a file.
    ///
    /// # Errors
    /// [`PresetError`], also if the file cannot be read or is larger than [`MAX_PRESET_FILE_BYTES`].
    pub fn with_file(self, path: &Path) -> Result<Self, PresetError> {
        let name = path.display().to_string();
        self.with(&name, &file::read(path)?)
    }

    pub(crate) fn exporters(&self) -> &[&'static Exporter] {
        &self.exporters
    }

    pub(crate) fn stores(&self) -> &Arc<BTreeMap<String, String>> {
        &self.stores
    }
}

/// One exporter: how its presence is detected, and its signals.
#[derive(Debug)]
pub(crate) struct Exporter {
    /// The preset it belongs to.
    pub(crate) preset: &'static str,
    /// The title shown to users.
    pub(crate) title: &'static str,
    /// Its file; `None` for a table.
    pub(crate) file: Option<&'static str>,
    /// Its series in the namespace, as a selector.
    pub(crate) selector: &'static str,
    /// Other selectors of its series: under another name, or if the scraper's own namespace replaces theirs.
    pub(crate) or_selectors: &'static [&'static str],
    /// It is looked for only if this selector finds nothing.
    pub(crate) unless: Option<&'static str>,
    /// A caveat for its users.
    pub(crate) remark: Option<&'static str>,
    /// Its series anywhere.
    pub(crate) anywhere: &'static str,
    /// The labels that name a service, for messages.
    pub(crate) service_label: &'static str,
    /// The label that holds the namespace.
    pub(crate) namespace_label: &'static str,
    /// A label without which its signals mean nothing, and the values it should have.
    pub(crate) needs: Option<(&'static str, &'static str)>,
    /// Whether its detection names labels between quotes, which Prometheus reads from version 3 on.
    pub(crate) quotes_names: bool,
    /// What is not observed if it is absent, in words for users.
    pub(crate) covers: &'static str,
    /// How it counts the requests of one service; `None` if it counts none.
    pub(crate) counts: Option<RequestCounts>,
    /// How it counts them by the labels that distinguish parts of a service; `None` if it has no such labels.
    pub(crate) by_label: Option<CountsByLabel>,
    /// Its signals.
    pub(crate) signals: &'static [Signal],
    /// Its form for servers that store its histograms as native ones; `None` if it has none, and in that form itself.
    pub(crate) native: Option<NativeForm>,
    /// Whether it is that form.
    pub(crate) is_native: bool,
    /// The kind of store that it reports on, if any.
    pub(crate) store: Option<&'static Store>,
    /// What it reports on outside the namespace, if anything.
    pub(crate) outside: Option<&'static Outside>,
    /// The kind of all callees in its calls, if they are not services.
    pub(crate) callees: Option<EntityKind>,
}

/// An exporter's form that reads native histograms as well as classic ones.
#[derive(Debug)]
pub(crate) struct NativeForm {
    /// A vector with a series for each native histogram in the namespace.
    pub(crate) presence: &'static str,
    /// The histograms: name, and a selector of whatever goes by that name.
    pub(crate) histograms: &'static [(&'static str, &'static str)],
    /// Whether native histograms alone show that the system is there.
    pub(crate) is_enough: bool,
    /// The form.
    pub(crate) exporter: &'static Exporter,
}

impl Exporter {
    /// Whether it has this signal.
    pub(crate) fn has_signal(&self, metric: &str) -> bool {
        self.signals.iter().any(|s| s.name == metric)
    }

    /// Whether it counts requests of services, at one end or the other.
    pub(crate) fn counts_requests(&self) -> bool {
        self.is_of_services() && (self.has_signal(THROUGHPUT_RPS) || self.has_signal(CLIENT_RPS))
    }

    /// Whether it reports on services, rather than only on stores, the calls to them, or things outside the namespace.
    pub(crate) fn is_of_services(&self) -> bool {
        self.store.is_none() && self.callees.is_none() && self.outside.is_none()
    }

    /// Its series in the namespace, by all its selectors; may contain placeholders. `wrap` makes a vector of a selector.
    pub(crate) fn presence(&self, wrap: impl Fn(&str) -> String) -> String {
        let all = std::iter::once(&self.selector).chain(self.or_selectors);
        all.map(|selector| wrap(selector)).collect::<Vec<_>>().join(" or ")
    }

    /// Whether it is built in rather than the user's.
    pub(crate) fn is_built_in(&self) -> bool {
        self.file.is_none_or(|file| BUILT_IN_FILES.iter().any(|(name, _)| *name == file))
    }

    /// Whether it also takes series that carry no namespace.
    pub(crate) fn accepts_missing_namespace(&self) -> bool {
        self.selector.contains("$NS_OR_NONE") || self.or_selectors.iter().any(|s| s.contains("$NS_OR_NONE"))
    }
}

/// One signal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signal {
    /// The metric's name in `automap_core::metric`.
    pub(crate) name: &'static str,
    /// Signals with the same word share a request.
    pub(crate) request: &'static str,
    /// The owner of the value.
    pub(crate) key: Key,
    /// How the value is computed.
    pub(crate) formula: Formula,
    /// What a missing series means.
    pub(crate) absence: Absence,
}

/// The labels that give the owner of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// `destination_workload`.
    Workload,
    /// A call as its source reports it: `source_workload` → `destination_*`.
    Call,
    /// A call as its destination reports it.
    ServedCall,
    /// `pod`, whose workload owns the value.
    Pod,
    /// `node` or `host`: a node that our pods run on.
    Node,
    /// A store, given by the labels of its exporter.
    Store(&'static Store),
    /// Something outside the namespace, given by the labels `outside` and `outside_namespace`.
    Outside(&'static Outside),
    /// A call from a gateway to a service of ours, or from a service of ours to an external host.
    OutsideCall(&'static Outside),
    /// The callee of such a call.
    OutsidePeer(&'static Outside),
}

/// How a value is computed from sums. Every expression returns one series per key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Formula {
    /// The sum itself.
    Sum(&'static str),
    /// `total / count`, a gap if nothing was counted.
    Mean { total: &'static str, count: &'static str },
    /// `part / whole`: 0 if there is a whole and no part, a gap if there is no whole.
    Share { part: &'static str, whole: &'static str },
    /// `events`, or 0 if only `among` has a series.
    Events { events: &'static str, among: &'static str },
}

impl Formula {
    /// Whether it is growth per second, which needs a whole window of samples.
    pub(crate) fn is_rate(&self) -> bool {
        matches!(self, Self::Sum(sum) if sum.contains("rate("))
    }

    /// The expressions behind it.
    pub(crate) fn parts(&self) -> (&'static str, Option<&'static str>) {
        match *self {
            Self::Sum(sum) => (sum, None),
            Self::Mean { total, count } => (total, Some(count)),
            Self::Share { part, whole } => (part, Some(whole)),
            Self::Events { events, among } => (events, Some(among)),
        }
    }

    /// One expression that returns the signal, for any Prometheus UI.
    pub(crate) fn shown(&self, fill: impl Fn(&str) -> String) -> String {
        match *self {
            Self::Sum(sum) => fill(sum),
            Self::Mean { total, count } => format!("{} / {}", fill(total), fill(count)),
            Self::Share { part, whole } => {
                let whole = fill(whole);
                format!("({} or 0 * {whole}) / {whole}", fill(part))
            }
            Self::Events { events, among } => format!("{} or 0 * {}", fill(events), fill(among)),
        }
    }
}

/// What a signal without series means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Something is not observed, and this is the likely reason.
    Unobserved(&'static str),
    /// Nothing of the kind exists here, so nothing is missing.
    Expected,
}

/// The exporters that most clusters have, the most informative first.
pub(crate) const TABLES: [&Exporter; 4] =
    [&istio::SIDE_CARS, &kubernetes::CADVISOR, &kubernetes::STATE_METRICS, &kubernetes::CADVISOR_PODS];

pub(crate) use kubernetes::{NODES_ZONES, PODS_IMAGES, PODS_NODES};

/// What is queried once, at the end of the window: owners of pods and of replica sets, workloads behind Kubernetes services, summed counters that
/// fell, and the nodes of pods.
pub(crate) const ONCE: [&str; 5] =
    [kubernetes::OWNERS[0], kubernetes::OWNERS[1], istio::BEHIND_SERVICES, istio::FALLEN_SUMS, nodes::PLACED];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use automap_core::metric::{Family, HUNG_UP_RATIO, Metric};

    use super::*;
    use crate::prometheus::promql::{Values, fill};

    #[test]
    fn every_row_is_known_to_the_core_and_fills_without_a_rest() {
        let values = Values { namespace: "shop".into(), cluster: None, rate_ms: 60_000, span_ms: 60_000, only: None };
        let presets = Presets::default();
        assert!(presets.exporters.len() > TABLES.len(), "{:?}", BUILT_IN.as_ref().err());
        let mut words = BTreeSet::new();
        let native = presets.exporters.iter().filter_map(|e| e.native.as_ref().map(|native| native.exporter));
        for exporter in presets.exporters.iter().copied().chain(native) {
            assert!(
                words.insert((exporter.preset, exporter.title, exporter.is_native)),
                "{} stands twice",
                exporter.preset
            );
            let mut names = BTreeSet::new();
            for signal in exporter.signals {
                assert!(names.insert(signal.name), "{} stands twice in the table", signal.name);
                let is_known = !matches!(Metric::parse(signal.name).family, Family::Other(_));
                let is_of_its_own = signal.name.starts_with("tcp_") || signal.name == HUNG_UP_RATIO;
                assert!(is_known || is_of_its_own, "{}", signal.name);
                let shown = signal.formula.shown(|e| fill(e, &values));
                // A placeholder that was not filled would begin with a capital letter; `$1` belongs to label_replace.
                let mut rests = shown.split('$').skip(1);
                assert!(!rests.any(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())), "{shown}");
                let is_everybodys = exporter.outside.is_some_and(|outside| outside.kind == EntityKind::Dns);
                let is_ours = [r#"="shop""#, r#"=~"shop|""#, "(?:shop)"].iter().any(|ours| shown.contains(ours));
                assert!(is_everybodys || is_ours, "{shown}");
            }
        }
    }

    #[test]
    fn a_preset_of_ones_own_comes_first_and_has_a_name_of_its_own() {
        let text = BUILT_IN_FILES[2].1;
        let taken = Presets::default().with("mine.yaml", text).unwrap_err().to_string();
        assert!(
            taken.contains("mine.yaml") && taken.contains("linkerd") && taken.contains("choose another"),
            "{taken}"
        );
        let mine = Presets::default().with("mine.yaml", &text.replace("preset: linkerd", "preset: mesh")).unwrap();
        assert_eq!((mine.exporters[0].preset, mine.exporters[0].file), ("mesh", Some("mine.yaml")));
    }
}
