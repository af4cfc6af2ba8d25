//! The stores of an observation: matches every exporter in the answers, and adds what is known about the store to its entity.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::entity::{Entities, Entity, EntityKind};
use automap_core::note::Note;

use super::decode::Labels;
use super::enumerate::enumerate;
use super::error::RequestError;
use super::names::Names;
use super::plan::{Request, part};
use super::presets::{Key, Store};
use super::query::Answer;
use super::stores::{StoreName, is_exporter};

/// The stores of an observation.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) entities: Entities,
    pub(crate) notes: Vec<Note>,
}

/// Matches every exporter in the answers, and makes the stores known to `names`.
pub(crate) fn find(requests: &[Request], answers: &[Result<Answer, RequestError>], names: &mut Names) -> Found {
    let mut seen: BTreeSet<(&'static Store, Labels)> = BTreeSet::new();
    let mut known: BTreeSet<String> = names.workloads().all().map(ToOwned::to_owned).collect();
    for (request, answer) in requests.iter().zip(answers) {
        let Ok(answer) = answer else { continue };
        for planned in &request.signals {
            let both = [Some(planned.parts.0), planned.parts.1];
            for series in both.into_iter().flatten().flat_map(|index| part(answer, index)) {
                match planned.signal.key {
                    Key::Store(store) => {
                        let mut labels = series.labels.clone();
                        labels.remove(super::promql::PART);
                        seen.insert((store, labels));
                    }
                    key => known.extend(
                        names.owners(key, &series.labels).into_iter().flat_map(|o| [Some(o.service), o.peer]).flatten(),
                    ),
                }
            }
        }
    }
    // An exporter is a workload too, but not a store.
    known.retain(|name| !is_exporter(name));
    names.know(known);
    let mut found = Found::default();
    let mut doubted: BTreeMap<String, String> = BTreeMap::new();
    let mut unnamed: BTreeSet<&str> = BTreeSet::new();
    for (store, labels) in &seen {
        let Some(StoreName { name, known_from, doubted: exporter }) = names.store(store, labels) else {
            unnamed.insert(&store.exporter);
            continue;
        };
        doubted.extend(exporter.map(|exporter| (exporter, name.clone())));
        if found.entities.kind_of(&name) == EntityKind::Service {
            found.entities.describe(&name, Entity { known_from: Some(known_from), ..Entity::of(store.kind) });
        }
    }
    if let Some((exporter, name)) = doubted.first_key_value() {
        let all = doubted.iter().map(|(exporter, name)| format!("{exporter} of \"{name}\""));
        let text = format!(
            "exporters tell of stores by whose name nothing else is known ({}): if another name is meant, say it with --exporter {exporter}=NAME, \
             or under prometheus.stores of the configuration; who uses {name} cannot be told otherwise",
            enumerate(all)
        );
        found.notes.push(Note::warning("store_unknown", text));
    }
    if !unnamed.is_empty() {
        let text = format!(
            "series of exporters whose labels name no store are left out ({}): say whose they are with --exporter INSTANCE=NAME",
            enumerate(unnamed.into_iter().map(ToOwned::to_owned))
        );
        found.notes.push(Note::warning("store_unnamed", text));
    }
    found
}
