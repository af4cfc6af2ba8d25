//! Finds the dependencies that changed between two windows.
//!
//! That an edge is in only one of two graphs proves little: a test that fails for lack of samples does not show independence. So an edge counts as
//! vanished or new only if the correlations of the two windows differ significantly.

use std::collections::{BTreeMap, BTreeSet};

use super::{GraphSignals, Learned, MetricType};
use crate::frame::MetricFrame;
use crate::independence::{CiOptions, correlation_change};
use crate::metric::Family;
use crate::stats::false_discovery_rates_among;

/// Accepted share of false findings among the changed edges. Strict, because memory that grows in two services looks like a dependency that comes and
/// goes, which a test that assumes no trend cannot recognise.
const FALSE_DISCOVERY_RATE: f64 = 0.01;

/// A window and the graph learnt from it.
#[derive(Clone, Copy, Debug)]
pub struct LearnedWindow<'a> {
    /// The frame.
    pub frame: &'a MetricFrame,
    /// Its signals.
    pub signals: &'a GraphSignals,
    /// The window's rows.
    pub rows: &'a [usize],
    /// The graph.
    pub learned: &'a Learned,
}

/// Two services, the lower name first, and the metric type that connects them.
pub type Link = (String, String, MetricType);

/// Returns the links that exist in only one of the graphs and whose correlation differs significantly between the windows.
///
/// Links with a service or signal that one of the frames lacks cannot be compared and are left out. Pairs without an edge in either graph count
/// as tests that found nothing. Cost: O(edges × samples · log samples).
pub fn changed_links(a: &LearnedWindow<'_>, b: &LearnedWindow<'_>, options: &CiOptions) -> BTreeSet<Link> {
    let (of_a, of_b) = (links(a.learned), links(b.learned));
    let candidates: Vec<Link> = of_a.symmetric_difference(&of_b).cloned().collect();
    let p: Vec<f64> = candidates.iter().map(|link| p_value(link, a, b, options).unwrap_or(f64::NAN)).collect();
    let q = false_discovery_rates_among(&p, comparable_pairs(a, b));
    candidates.into_iter().zip(q).filter(|(_, q)| *q <= FALSE_DISCOVERY_RATE).map(|(link, _)| link).collect()
}

/// All links of a learnt graph.
pub fn links(learned: &Learned) -> BTreeSet<Link> {
    let weights = learned.graph.weights();
    let of_edge = |(from, to, w): (&str, &str, &super::ByType)| {
        let (low, high) = (from.min(to).to_owned(), from.max(to).to_owned());
        let metrics: Vec<MetricType> = MetricType::ALL.into_iter().filter(|m| w[*m as usize] > 0.0).collect();
        metrics.into_iter().map(move |metric| (low.clone(), high.clone(), metric))
    };
    weights.edges().flat_map(of_edge).collect()
}

fn p_value(link: &Link, a: &LearnedWindow<'_>, b: &LearnedWindow<'_>, options: &CiOptions) -> Option<f64> {
    let (a, b) = (a.pair(link)?, b.pair(link)?);
    if a.families != b.families {
        return None;
    }
    correlation_change([&a.columns[0], &a.columns[1]], [&b.columns[0], &b.columns[1]], options)
}

impl LearnedWindow<'_> {
    fn pair(&self, (one, other, metric): &Link) -> Option<Columns> {
        let ends = [self.frame.find(one)?, self.frame.find(other)?];
        let column = |service| -> Option<Vec<f64>> {
            let values = self.signals.get(*metric, service)?;
            Some(self.rows.iter().map(|&row| values[row]).collect())
        };
        let families = ends.map(|service| self.signals.family(*metric, service));
        Some(Columns { columns: [column(ends[0])?, column(ends[1])?], families })
    }

    /// The services that have each metric type.
    fn measured(&self) -> BTreeMap<MetricType, BTreeSet<&str>> {
        let services = || self.frame.services().iter().map(String::as_str);
        let has = |metric, name: &str| self.frame.find(name).and_then(|s| self.signals.get(metric, s)).is_some();
        MetricType::ALL.into_iter().map(|m| (m, services().filter(|name| has(m, name)).collect())).collect()
    }
}

/// The two ends of a link in one window, and what they measure.
struct Columns {
    columns: [Vec<f64>; 2],
    families: [Family; 2],
}

/// Number of pairs of services that both windows measure, over all metric types.
fn comparable_pairs(a: &LearnedWindow<'_>, b: &LearnedWindow<'_>) -> usize {
    let (a, b) = (a.measured(), b.measured());
    let pairs = |(metric, services): (&MetricType, &BTreeSet<&str>)| {
        let both = b.get(metric).map_or(0, |other| services.intersection(other).count());
        both * both.saturating_sub(1) / 2
    };
    a.iter().map(pairs).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};
    use crate::graph::{Congestion, GraphOptions, Knowledge, learn};
    use crate::time::Timestamp;
    use crate::topology::CallGraph;

    /// Deterministic noise without repetition: the fractional parts of multiples of an irrational number, shuffled by a square.
    fn noise(seed: usize, i: usize) -> f64 {
        ((i * i + 31 * seed * i + seed) as f64 * 0.618_033_988_749_895).fract()
    }

    /// `a` and `b` move together before row 80 and not after; `c` and `d` the other way round; `e` follows `a` and is observed for only three rows after.
    fn frame() -> MetricFrame {
        let times: Vec<Timestamp> = (0..160).map(|i| Timestamp::from_ms(1000 * i)).collect();
        let value = |service: &str, i: usize| {
            let before = i < 80;
            match service {
                "a" => noise(1, i),
                "b" if before => noise(1, i) + 0.1 * noise(2, i),
                "c" => noise(3, i),
                "d" if !before => noise(3, i) + 0.1 * noise(4, i),
                "e" if i > 82 => f64::NAN,
                "e" => noise(1, i) + 0.1 * noise(5, i),
                "b" => noise(6, i),
                _ => noise(7, i),
            }
        };
        let series = |service: &str| RawSeries {
            service: service.to_owned(),
            metric: "cpu_cores".to_owned(),
            peer: None,
            points: times.iter().enumerate().map(|(i, t)| (*t, value(service, i))).collect(),
        };
        assemble(["a", "b", "c", "d", "e"].map(series).to_vec(), times.clone()).unwrap().0
    }

    #[test]
    fn a_link_changes_only_if_the_samples_show_it() {
        let frame = frame();
        let signals = GraphSignals::of(&frame, Congestion::Power);
        let options = GraphOptions { knowledge: Knowledge::None, ..GraphOptions::default() };
        let rows: [Vec<usize>; 2] = [(0..80).collect(), (80..160).collect()];
        let learned = rows.clone().map(|rows| learn(&frame, &signals, &rows, &CallGraph::new(), &options));
        let window =
            |i: usize| LearnedWindow { frame: &frame, signals: &signals, rows: &rows[i], learned: &learned[i] };
        let link = |a: &str, b: &str| (a.to_owned(), b.to_owned(), MetricType::Cpu);
        assert!(links(&learned[0]).contains(&link("a", "b")) && !links(&learned[1]).contains(&link("a", "b")));
        // a and e move together before, and are hardly observed together after: that is not a change.
        assert!(!links(&learned[0]).is_disjoint(&[link("a", "e"), link("b", "e")].into()));
        let changed = changed_links(&window(0), &window(1), &options.independence);
        assert_eq!(changed, BTreeSet::from([link("a", "b"), link("c", "d")]));
        assert!(changed_links(&window(0), &window(0), &options.independence).is_empty());
    }
}
