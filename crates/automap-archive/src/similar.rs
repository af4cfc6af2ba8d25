//! Finds past incidents that looked similar: the same metrics of the same services moved, by about as much.
//!
//! An incident is a vector with a number for each (service, metric): its strength of evidence, times `ln(1 + N/n)` where `n` of all `N` incidents
//! have it, so that a metric that moves in every incident (the latency of the front end) hardly counts and one that moves in few counts. Similarity
//! is the cosine of two vectors, 0 to 1. The idea comes from the service profiles of AutoMAP (Ma et al., WWW 2020), here applied to changes instead
//! of levels, which differ from month to month.
//!
//! Worked example: three incidents, in all of which the latency of front-end moved by 2, in two of them the CPU of carts by 3. The weights are
//! ln 2 = 0.69 and ln 2.5 = 0.92, the vectors (1.39, 2.75), (1.39, 2.75), (1.39, 0). The first two have similarity 1, each of them and the third
//! 1.39/√(1.39² + 2.75²) = 0.45.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::row::Change;

/// Most metrics that are listed as shared.
const MAX_SHARED: usize = 3;

/// A past incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Similar {
    /// Its id.
    pub id: String,
    /// Similarity, above 0 and at most 1.
    pub similarity: f64,
    /// The metrics that moved in both, the most important first: `carts cpu_cores`.
    pub shared: Vec<String>,
}

/// A service and its metric.
type Key<'a> = (&'a str, &'a str);
type Vector<'a> = BTreeMap<Key<'a>, f64>;

/// The incidents most similar to the one in `of`, at most `most`, among those in `past`, except itself. O(rows log rows).
pub fn similar(of: &[Change], past: &[Change], most: usize) -> Vec<Similar> {
    let Some(own) = of.first().map(|c| c.id.as_str()) else { return Vec::new() };
    let mut all = vectors(past);
    all.remove(own);
    let wanted = vectors(of).remove(own).unwrap_or_default();
    let count = all.len() as f64 + 1.0;
    let mut having: Vector<'_> = wanted.keys().map(|key| (*key, 1.0)).collect();
    for key in all.values().flat_map(Vector::keys) {
        *having.entry(*key).or_default() += 1.0;
    }
    let weighed = |vector: &Vector<'_>| -> f64 {
        vector.iter().map(|(key, v)| (v * weight(count, having.get(key))).powi(2)).sum::<f64>().sqrt()
    };
    let length = weighed(&wanted);
    let mut found: Vec<Similar> = Vec::new();
    for (id, vector) in &all {
        let mut shared: Vec<(f64, Key<'_>)> = Vec::new();
        for (key, a) in &wanted {
            if let Some(b) = vector.get(key) {
                shared.push((a * b * weight(count, having.get(key)).powi(2), *key));
            }
        }
        let similarity = shared.iter().map(|(v, _)| v).sum::<f64>() / (length * weighed(vector));
        if similarity.is_finite() && similarity > 0.0 {
            shared.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
            let shared = shared.iter().take(MAX_SHARED).map(|(_, (service, metric))| format!("{service} {metric}"));
            found.push(Similar { id: (*id).to_owned(), similarity: similarity.min(1.0), shared: shared.collect() });
        }
    }
    found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| a.id.cmp(&b.id)));
    found.truncate(most);
    found
}

/// The number of incidents with any evidence.
pub fn known(past: &[Change]) -> usize {
    past.iter().map(|c| c.id.as_str()).collect::<BTreeSet<_>>().len()
}

fn weight(count: f64, having: Option<&f64>) -> f64 {
    (1.0 + count / having.copied().unwrap_or(1.0).max(1.0)).ln()
}

/// The largest strength of each metric, by incident; metrics without positive strength are ignored.
fn vectors(changes: &[Change]) -> BTreeMap<&str, Vector<'_>> {
    let mut vectors: BTreeMap<&str, Vector<'_>> = BTreeMap::new();
    for c in changes.iter().filter(|c| c.strength.is_finite() && c.strength > 0.0) {
        let slot = vectors.entry(&c.id).or_default().entry((&c.service, &c.metric)).or_default();
        *slot = slot.max(c.strength);
    }
    vectors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: &str, service: &str, metric: &str, strength: f64) -> Change {
        Change {
            id: id.to_owned(),
            service: service.to_owned(),
            rank: Some(1),
            metric: metric.to_owned(),
            seen_by: service.to_owned(),
            peer: None,
            from: None,
            to: None,
            unit: String::new(),
            strength,
        }
    }

    #[test]
    fn what_moves_in_few_incidents_counts_more_than_what_moves_in_all() {
        let mut past: Vec<Change> = ["a", "b", "c"].map(|id| change(id, "front-end", "latency_ms", 2.0)).to_vec();
        past.extend(["a", "b"].map(|id| change(id, "carts", "cpu_cores", 3.0)));
        past.push(change("d", "user", "cpu_cores", 0.0));
        let of: Vec<Change> = past.iter().filter(|c| c.id == "a").cloned().collect();
        let found = similar(&of, &past, 5);
        let ids: Vec<&str> = found.iter().map(|s| s.id.as_str()).collect();
        assert_eq!(ids, ["b", "c"], "itself is left out, and d shares nothing");
        assert!((found[0].similarity - 1.0).abs() < 1e-12);
        let (latency, cpu) = (2.0 * 2.0_f64.ln(), 3.0 * 2.5_f64.ln());
        assert!((found[1].similarity - latency / latency.hypot(cpu)).abs() < 1e-12, "{found:?}");
        assert_eq!(found[0].shared, ["carts cpu_cores", "front-end latency_ms"]);
        assert_eq!((known(&past), similar(&of, &past, 1).len(), similar(&[], &past, 1).len()), (4, 1, 0));
    }
}
