//! The call graph of a data set whose metrics do not show it, from files beside the sets. These files never contain the answer.

use std::collections::BTreeMap;
use std::path::Path;

use automap_core::topology::CallGraph;

use super::case::DatasetError;
use super::files::json;

/// `[caller, callee]` pairs.
pub(super) type Edges = Vec<(String, String)>;

/// The calls in a set's system: `<set>/graph.json` if it exists, otherwise the entry of `system` in `graphs.json` beside the set,
/// otherwise none.
pub(super) fn of_system(set_dir: &Path, system: &str) -> Result<Edges, DatasetError> {
    let own = set_dir.join("graph.json");
    if own.exists() {
        return json(&own);
    }
    let all = set_dir.parent().unwrap_or(set_dir).join("graphs.json");
    let mut graphs: BTreeMap<String, Edges> = if all.exists() { json(&all)? } else { BTreeMap::new() };
    Ok(graphs.remove(system).unwrap_or_default())
}

pub(super) fn graph(edges: &Edges) -> CallGraph {
    edges.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect()
}
