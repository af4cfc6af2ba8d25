//! How often the server scrapes, and who does: step and rate window follow from the interval, and pods with two scrapers may count twice.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::note::Note;
use automap_core::time::Timestamp;
use serde::Deserialize;

use super::client::{Call, Client};
use super::decode::or_default;
use super::discover::Found;
use super::observe_options::ObserveOptions;
use super::plan;
use super::presets::Exporter;
use super::promql::{self, Cluster, Values};
use super::query::Answer;
use super::scope::Scope;

/// Used if nothing can be determined: the default of the Prometheus operator.
const ASSUMED_MS: i64 = 30_000;
/// Time over which samples are counted.
const COUNTED_MS: i64 = 600_000;
/// How long before the end of the window they are also counted: a gap in one of these periods must not make the interval longer.
const COUNTED_BEFORE_MS: [i64; 3] = [0, 600_000, 1_200_000];
/// Commonly configured intervals, in milliseconds.
const USUAL_MS: [i64; 11] = [1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 180_000, 300_000];
/// A counted interval this close to a usual one is taken as that.
const SNAP_SHARE: f64 = 0.12;
/// Longest plausible interval.
const MAX_MS: i64 = 3_600_000;

/// What is known about scraping.
#[derive(Debug)]
pub(crate) struct Scraped {
    /// The slowest interval among the exporters' jobs, in milliseconds: every signal must have samples in every window.
    pub(crate) interval_ms: i64,
    pub(crate) notes: Vec<Note>,
}

/// Determines it in at most two requests: the server's targets; then the scrapers, together with counts of samples if the targets are not available.
pub(crate) fn find(client: &Client, options: &ObserveOptions, found: &[Found]) -> Scraped {
    let jobs = found.iter().flat_map(|found| found.jobs.iter().cloned()).collect();
    let known = options.scrape_interval_ms.or_else(|| from_targets(client, &jobs));
    let (mut asked, mut queries) = (Vec::new(), Vec::new());
    for found in found {
        let (exporters, twice) = scraper_queries(&found.exporters, &found.scope, &found.clusters);
        asked.extend(exporters);
        queries.extend(twice);
    }
    let counted = queries.len();
    if let (None, Some(first)) = (known, found.first()) {
        let mut exporters: Vec<&'static Exporter> = Vec::new();
        for exporter in found.iter().flat_map(|found| &found.exporters) {
            if !exporters.iter().any(|known| std::ptr::eq(*known, *exporter)) {
                exporters.push(exporter);
            }
        }
        queries.extend(counting_query(&exporters, &first.scope));
    }
    let at = Timestamp::from_ms(options.to.ms().min(options.now.ms()));
    // Without an answer there is nothing to note, and the interval is assumed.
    let answer = if queries.is_empty() { Ok(Answer::default()) } else { client.instant_of(&queries, at) };
    let answer = answer.unwrap_or_default();
    let twice = asked.iter().enumerate().filter_map(|(i, exporter)| twice_note(exporter, &scrapers(&answer, i)));
    let mut notes: Vec<Note> = twice.collect();
    let interval_ms = known.unwrap_or_else(|| match counted_ms(&answer, counted..queries.len()) {
        Some(ms) => {
            let text = format!("scrape interval counted from samples: {} s (the server lists no targets)", ms / 1000);
            notes.push(Note::info("scrape_interval", text));
            ms
        }
        None => {
            let text = format!("the scrape interval could not be found out, {} s is assumed", ASSUMED_MS / 1000);
            notes.push(Note::warning("scrape_interval", text));
            ASSUMED_MS
        }
    });
    Scraped { interval_ms, notes }
}

#[derive(Deserialize)]
struct Targets {
    #[serde(default, rename = "activeTargets", deserialize_with = "or_default")]
    active: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    #[serde(default)]
    labels: TargetLabels,
    #[serde(default, rename = "scrapeInterval")]
    scrape_interval: String,
    #[serde(default, rename = "discoveredLabels")]
    discovered: DiscoveredLabels,
}

/// VictoriaMetrics reports it only here.
#[derive(Default, Deserialize)]
struct DiscoveredLabels {
    #[serde(default, rename = "__scrape_interval__")]
    scrape_interval: String,
}

#[derive(Default, Deserialize)]
struct TargetLabels {
    #[serde(default)]
    job: String,
}

/// Prometheus and VictoriaMetrics' agents provide this; Thanos, Mimir and others do not.
fn from_targets(client: &Client, jobs: &BTreeSet<String>) -> Option<i64> {
    let active = [("state", "active".to_owned())];
    slowest_ms(&client.fetch(&Call::get("targets", &active)).ok()?.data, jobs)
}

fn slowest_ms(targets: &Targets, jobs: &BTreeSet<String>) -> Option<i64> {
    let ours = targets.active.iter().filter(|t| jobs.contains(&t.labels.job));
    let reported =
        |t: &Target| parse_duration_ms(&t.scrape_interval).or_else(|| parse_duration_ms(&t.discovered.scrape_interval));
    ours.filter_map(reported).filter(|ms| (1..=MAX_MS).contains(ms)).max()
}

/// For each exporter, the samples of its best-scraped series in ten minutes, counted over three periods.
pub(crate) fn counting_query(exporters: &[&'static Exporter], namespace: &Scope) -> Vec<String> {
    let values = Values { namespace: namespace.clone(), cluster: None, rate_ms: COUNTED_MS, span_ms: 0, only: None };
    let counted = |e: &&Exporter, before_ms: i64| {
        let offset = if before_ms > 0 { format!(" offset {}", promql::duration(before_ms)) } else { String::new() };
        format!("max({})", e.presence(|selector| format!("count_over_time({selector}[$RATE]{offset})")))
    };
    let times = |e| COUNTED_BEFORE_MS.map(|before_ms| promql::fill(&counted(e, before_ms), &values));
    exporters.iter().flat_map(times).collect()
}

/// The interval of the slowest exporter, each by the period in which it was scraped best.
fn counted_ms(answer: &Answer, parts: impl Iterator<Item = usize>) -> Option<i64> {
    let spacings = parts.map(|i| plan::part(answer, i).filter_map(|s| spacing_ms(s.points.first()?.1)).min());
    let spacings: Vec<Option<i64>> = spacings.collect();
    spacings.chunks(COUNTED_BEFORE_MS.len()).filter_map(|times| times.iter().flatten().min().copied()).max()
}

/// Few samples give a long interval, which is the cautious choice.
fn spacing_ms(samples: f64) -> Option<i64> {
    if samples.is_nan() || samples < 2.0 {
        return None;
    }
    let counted = COUNTED_MS as f64 / (samples - 1.0);
    let usual = USUAL_MS.iter().find(|ms| (counted / **ms as f64 - 1.0).abs() <= SNAP_SHARE);
    Some(usual.copied().unwrap_or(counted.ceil() as i64))
}

/// `1m30s`, in Prometheus' syntax for durations.
fn parse_duration_ms(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let mut rest = text;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |i| i + digits);
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &rest[digits..unit_end])?;
        total = total.checked_add(number.checked_mul(*unit)?)?;
        rest = &rest[unit_end..];
    }
    (total > 0).then_some(total)
}

/// Labels that identify the scraper: two jobs of one server, or two servers behind one address.
const SCRAPER: [&str; 4] = ["job", "prometheus", "prometheus_replica", "replica"];
/// Most scrapers that a note names.
const MAX_NAMED: usize = 4;

/// The scrapers of the same pods of an exporter, one row each; none if every pod is scraped once.
fn twice_query(exporter: &Exporter) -> Option<String> {
    let pods = exporter.selector.strip_suffix('}').map(|matchers| format!(r#"{matchers},pod!=""}}"#))?;
    let who = SCRAPER.join(", ");
    let each = format!("count by (pod, {who}) ({pods})");
    Some(format!("count by ({who}) ({each} and on (pod) (count by (pod) ({each}) > 1))"))
}

/// The queries for the scrapers, one expression for each exporter that supports it.
pub(crate) fn scraper_queries(
    exporters: &[&'static Exporter],
    namespace: &Scope,
    clusters: &BTreeMap<&'static str, Cluster>,
) -> (Vec<&'static Exporter>, Vec<String>) {
    let values = |e: &Exporter| Values {
        namespace: namespace.clone(),
        cluster: clusters.get(e.title).cloned(),
        rate_ms: 0,
        span_ms: 0,
        only: None,
    };
    let asked = exporters.iter().filter_map(|e| Some((*e, promql::fill(&twice_query(e)?, &values(e)))));
    asked.unzip()
}

/// `job=a, replica=1` of each row.
fn scrapers(answer: &Answer, index: usize) -> BTreeSet<String> {
    let who = |labels: &super::Labels| {
        let named = SCRAPER.iter().filter_map(|label| Some(format!("{label}={}", labels.get(*label)?)));
        named.collect::<Vec<_>>().join(", ")
    };
    plan::part(answer, index).map(|series| who(&series.labels)).filter(|who| !who.is_empty()).collect()
}

fn twice_note(exporter: &Exporter, scrapers: &BTreeSet<String>) -> Option<Note> {
    if scrapers.len() < 2 {
        return None;
    }
    let (title, all) = (exporter.title, scrapers.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join("; "));
    let scraped = format!("{title}: the same pods are scraped more than once ({all})");
    Some(match exporter.file {
        None => Note::info("several_jobs", format!("{scraped}; what more than one scraper delivers counts once")),
        Some(_) => Note::warning(
            "scraped_twice",
            format!(
                "{scraped}, and their requests count once for each: drop one job, ask one server, or let the front end take replicas apart"
            ),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_prometheus_writes_them() {
        for (text, ms) in [("15s", 15_000), ("1m", 60_000), ("1m30s", 90_000), ("500ms", 500), ("1h0m0s", 3_600_000)] {
            assert_eq!(parse_duration_ms(text), Some(ms), "{text}");
        }
        for bad in ["", "s", "15", "15 s", "-1s", "99999999999999999999s", "9223372036854775807d"] {
            assert_eq!(parse_duration_ms(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_slowest_job_of_ours_counts_whoever_tells() {
        let targets: Targets = serde_json::from_str(
            r#"{"activeTargets": [
                {"labels": {"job": "mesh"}, "scrapeInterval": "5s"},
                {"labels": {"job": "kubelet"}, "discoveredLabels": {"__scrape_interval__": "15s", "__scheme__": "https"}},
                {"labels": {"job": "rare"}, "scrapeInterval": "5m"},
                {"labels": {"job": "mute"}}
            ]}"#,
        )
        .unwrap();
        let slowest = |jobs: &[&str]| slowest_ms(&targets, &jobs.iter().map(|j| (*j).to_owned()).collect());
        assert_eq!(slowest(&["mesh", "kubelet"]), Some(15_000));
        assert_eq!((slowest(&["mesh", "mute"]), slowest(&["mute"])), (Some(5_000), None));
    }

    #[test]
    fn a_gap_does_not_make_the_interval_longer() {
        let row = |(part, samples): (usize, f64)| super::super::LabelledSeries {
            labels: [(promql::PART.to_owned(), part.to_string())].into(),
            points: vec![(Timestamp::from_ms(0), samples)],
        };
        // The first exporter every 15 s with a gap in the last ten minutes, the second every 30 s since eleven minutes.
        let series = [(4, 25.0), (5, 41.0), (6, 41.0), (7, 21.0), (8, 3.0)].map(row).to_vec();
        let answer = Answer { series, ..Answer::default() };
        assert_eq!((counted_ms(&answer, 4..10), counted_ms(&answer, 4..7)), (Some(30_000), Some(15_000)));
    }

    #[test]
    fn counted_samples_snap_to_what_people_configure() {
        for (samples, ms) in
            [(40.0, 15_000), (41.0, 15_000), (20.0, 30_000), (10.0, 60_000), (601.0, 1_000), (2.0, 600_000)]
        {
            assert_eq!(spacing_ms(samples), Some(ms), "{samples}");
        }
        assert_eq!([spacing_ms(1.0), spacing_ms(f64::NAN)], [None, None]);
    }
}
