//! Observes the same namespace repeatedly: keeps fetched samples in memory and fetches only what is new.
//!
//! The server evaluates every expression at each instant separately, so old and new values joined are what one query of the whole window would have
//! returned; [`super::observe`] is the first observation. The last [`OVERLAP_STEPS`] are fetched again, since late samples may have changed them, and
//! so are up to [`MAX_STEPS_AGAIN`] with a partial answer. After an outage, the next observation fetches all that was missed. A failure changes
//! nothing.

use std::collections::BTreeMap;

use automap_core::note::{Note, Severity};
use automap_core::time::Timestamp;

use super::bounds;
use super::changes;
use super::decode::{LabelledSeries, Labels};
use super::discover::Found;
use super::observe_options::ClusterSeen;
use super::preselection::Preselected;
use super::query::{Answer, Grid};
use super::screen::Groups;

/// Steps before the newest one that are fetched again.
pub const OVERLAP_STEPS: i64 = 4;
/// Most steps of partial answers that are fetched again each time; older ones stay as they are, with a note.
pub const MAX_STEPS_AGAIN: i64 = 60;
/// How often exporters and the scrape interval are looked for again, in milliseconds.
pub const DISCOVER_EVERY_MS: i64 = 300_000;
/// The same if nothing is known about requests, the interval is a guess or an answer was partial: the cluster may be starting, a scrape job being
/// added, a store down.
pub const DISCOVER_YOUNG_EVERY_MS: i64 = 30_000;
/// Most points that are kept, 16 bytes each; with more, everything is dropped and the next observation starts afresh.
pub const MAX_KEPT_POINTS: usize = 16_000_000;

/// The results of earlier observations of one namespace.
#[derive(Debug, Default)]
pub struct Tail {
    found: Option<Discovered>,
    step_ms: i64,
    end: Option<Timestamp>,
    /// By expression.
    kept: BTreeMap<String, Kept>,
    /// What is known about changes, by cluster.
    changes: BTreeMap<Option<String>, changes::Kept>,
    /// The services whose details are queried, by cluster, unless all are.
    chosen: BTreeMap<Option<String>, Groups>,
}

/// What is known about the server.
#[derive(Clone, Debug)]
pub(crate) struct Discovered {
    /// In each observed cluster.
    pub(crate) found: Vec<Found>,
    pub(crate) clusters: Vec<ClusterSeen>,
    pub(crate) scrape_ms: i64,
    pub(crate) notes: Vec<Note>,
    pub(crate) at: Timestamp,
}

/// The series of one expression.
#[derive(Debug)]
struct Kept {
    /// The last queried instant.
    end: Timestamp,
    /// Up to this instant, nothing needs to be queried again for a partial answer.
    whole_until: Timestamp,
    series: BTreeMap<Labels, Vec<(Timestamp, f64)>>,
    histograms: u64,
    /// Whether this observation needs it.
    is_wanted: bool,
    /// Warnings of answers, each with the first and the last affected instant.
    warnings: BTreeMap<String, (Timestamp, Timestamp)>,
}

impl Discovered {
    /// How long it is considered valid.
    fn lasts_ms(&self) -> i64 {
        let is_whole = self.found.iter().all(|found| found.exporters.iter().any(|e| e.counts_requests()));
        let is_guess = self.notes.iter().any(|note| note.severity == Severity::Warning);
        let is_answered = self.found.iter().all(|found| found.unanswered.is_empty() && found.warned.is_empty());
        if is_whole && is_answered && !is_guess { DISCOVER_EVERY_MS } else { DISCOVER_YOUNG_EVERY_MS }
    }
}

impl Tail {
    /// What is known about the server, unless it is too old.
    pub(crate) fn discovered(&self, now: Timestamp) -> Option<Discovered> {
        let fresh = |d: &&Discovered| (0..d.lasts_ms()).contains(&(now.ms() - d.at.ms()));
        self.found.as_ref().filter(fresh).cloned()
    }

    /// The same, at any age.
    pub(crate) fn known(&self) -> Option<&Discovered> {
        self.found.as_ref()
    }

    /// What is known about changes in a cluster.
    pub(crate) fn changes_of(&mut self, cluster: Option<&str>) -> &mut changes::Kept {
        self.changes.entry(cluster.map(ToOwned::to_owned)).or_default()
    }

    /// The services whose details were last queried in a cluster; `None` if all were.
    pub(crate) fn chosen(&self, cluster: Option<&str>) -> Option<&Groups> {
        self.chosen.get(&cluster.map(ToOwned::to_owned))
    }

    /// Stores the services whose details were queried.
    pub(crate) fn choose(&mut self, cluster: Option<&str>, groups: Option<Groups>) {
        let cluster = cluster.map(ToOwned::to_owned);
        match groups {
            Some(groups) => self.chosen.insert(cluster, groups),
            None => self.chosen.remove(&cluster),
        };
    }

    /// The services that the last observation of a cluster was narrowed to; `None` if it was not.
    pub(crate) fn preselected(&self, cluster: Option<&str>) -> Option<&Preselected> {
        let found = self.found.iter().flat_map(|known| &known.found).find(|found| found.chosen.asked() == cluster);
        found.and_then(|found| found.preselected.as_ref())
    }

    pub(crate) fn discover(&mut self, discovered: Discovered) {
        let is_there =
            |cluster: &Option<String>| discovered.found.iter().any(|f| f.chosen.asked() == cluster.as_deref());
        self.changes.retain(|cluster, _| is_there(cluster));
        self.chosen.retain(|cluster, _| is_there(cluster));
        self.found = Some(discovered);
    }

    /// Before an observation: drops everything if the step has changed, or if the clock was set back (values fetched for a time in the future may
    /// differ from the later ones).
    pub(crate) fn begin(&mut self, grid: Grid) {
        if grid.step_ms != self.step_ms || self.end.is_some_and(|end| end > grid.end) {
            self.kept.clear();
        }
        (self.step_ms, self.end) = (grid.step_ms, Some(grid.end));
        self.kept.retain(|_, kept| kept.end >= grid.start);
        self.kept.values_mut().for_each(|kept| kept.is_wanted = false);
    }

    /// The instants of a grid that have to be queried.
    pub(crate) fn want(&mut self, promql: &str, grid: Grid) -> Grid {
        let Some(kept) = self.kept.get_mut(promql) else { return grid };
        kept.is_wanted = true;
        let again = kept.end.plus_ms((1 - OVERLAP_STEPS) * grid.step_ms).min(kept.whole_until.plus_ms(grid.step_ms));
        Grid { start: again.max(grid.start), ..grid }
    }

    /// Appends an answer for the `missing` instants. Returns the answer for the whole grid, with its warnings if it is partial.
    pub(crate) fn put(&mut self, promql: &str, grid: Grid, missing: Grid, answer: Answer) -> Answer {
        let Answer { series, warnings, histograms_ignored, mut left_out, .. } = answer;
        let before = missing.start.plus_ms(-grid.step_ms);
        let new = || Kept {
            end: grid.end,
            whole_until: before,
            series: BTreeMap::new(),
            histograms: 0,
            is_wanted: true,
            warnings: BTreeMap::new(),
        };
        let kept = self.kept.entry(promql.to_owned()).or_insert_with(new);
        for points in kept.series.values_mut() {
            points.truncate(points.partition_point(|(time, _)| *time < missing.start));
            points.drain(..points.partition_point(|(time, _)| *time < grid.start));
        }
        for LabelledSeries { labels, points } in series {
            kept.series.entry(labels).or_default().extend(points);
        }
        kept.series.retain(|_, points| !points.is_empty());
        kept.end = grid.end;
        kept.whole_until = match warnings.is_empty() && left_out.misplaced == 0 {
            true => grid.end,
            false => before.max(grid.end.plus_ms(-MAX_STEPS_AGAIN * grid.step_ms)),
        };
        kept.histograms = if missing == grid { histograms_ignored } else { kept.histograms.max(histograms_ignored) };
        for (_, until) in kept.warnings.values_mut() {
            *until = (*until).min(before);
        }
        kept.warnings.retain(|_, (from, until)| *until >= (*from).max(grid.start));
        let earlier_warnings = kept.warnings.keys().filter(|w| !warnings.contains(w)).cloned().collect();
        for warning in &warnings {
            kept.warnings.entry(warning.clone()).or_insert((missing.start, grid.end)).1 = grid.end;
        }
        let all = kept.series.iter().map(|(l, p)| LabelledSeries { labels: l.clone(), points: p.clone() });
        let series = bounds::most_complete(all.collect(), &mut left_out);
        // Names that come and go would accumulate.
        if series.len() < kept.series.len() {
            kept.series = series.iter().map(|s| (s.labels.clone(), s.points.clone())).collect();
        }
        Answer { series, warnings, earlier_warnings, histograms_ignored: kept.histograms, left_out }
    }

    /// After an observation: drops expressions that are no longer queried, and enforces the bound.
    pub(crate) fn end(&mut self) {
        self.kept.retain(|_, kept| kept.is_wanted);
        if self.points() > MAX_KEPT_POINTS {
            self.kept.clear();
        }
    }

    /// Points in memory.
    pub fn points(&self) -> usize {
        self.kept.values().flat_map(|k| k.series.values()).map(Vec::len).sum()
    }
}
