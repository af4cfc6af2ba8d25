//! How often the server scrapes: step and rate window follow from it.

use std::collections::BTreeSet;

use automap_core::note::Note;
use automap_core::time::Timestamp;
use serde::Deserialize;

use super::client::{Call, Client};
use super::decode::or_default;
use super::discover::Found;
use super::observe_options::ObserveOptions;
use super::presets::Exporter;
use super::promql::{self, Values};

/// Taken where nothing can be found out: the default of the Prometheus operator.
const ASSUMED_MS: i64 = 30_000;
/// Time over which samples are counted.
const COUNTED_MS: i64 = 600_000;
/// Intervals that people configure, in milliseconds.
const USUAL_MS: [i64; 11] = [1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 180_000, 300_000];
/// A counted interval this close to a usual one is that one.
const SNAP_SHARE: f64 = 0.12;
/// Longest plausible interval.
const MAX_MS: i64 = 3_600_000;

/// The slowest interval among the exporters' jobs, in milliseconds: every signal must have samples in every window.
pub(crate) fn interval_ms(client: &Client, options: &ObserveOptions, found: &Found) -> (i64, Vec<Note>) {
    if let Some(given) = options.scrape_interval_ms {
        return (given, Vec::new());
    }
    if let Some(ms) = from_targets(client, &found.jobs) {
        return (ms, Vec::new());
    }
    let at = Timestamp::from_ms(options.to.ms().min(options.now.ms()));
    if let Some(ms) = from_samples(client, options, found, at) {
        let text = format!("scrape interval counted from samples: {} s (the server lists no targets)", ms / 1000);
        return (ms, vec![Note::info("scrape_interval", text)]);
    }
    let text = format!("the scrape interval could not be found out, {} s is assumed", ASSUMED_MS / 1000);
    (ASSUMED_MS, vec![Note::warning("scrape_interval", text)])
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

/// Prometheus and VictoriaMetrics' agents know; Thanos, Mimir and others do not.
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

/// For each exporter the samples of its best-scraped series in ten minutes.
pub(crate) fn counting_query(exporters: &[&'static Exporter], namespace: &str) -> Vec<String> {
    let values = Values { namespace: namespace.to_owned(), cluster: None, rate_ms: COUNTED_MS, span_ms: 0 };
    let counted =
        |e: &&Exporter| format!("max({})", e.presence(|selector| format!("count_over_time({selector}[$RATE])")));
    exporters.iter().map(|e| promql::fill(&counted(e), &values)).collect()
}

fn from_samples(client: &Client, options: &ObserveOptions, found: &Found, at: Timestamp) -> Option<i64> {
    let answer = client.instant_of(&counting_query(&found.exporters, &options.namespace), at).ok()?;
    answer.series.iter().filter_map(|s| spacing_ms(s.points.first()?.1)).max()
}

/// Few samples make a long interval: too careful rather than blind.
fn spacing_ms(samples: f64) -> Option<i64> {
    if samples.is_nan() || samples < 2.0 {
        return None;
    }
    let counted = COUNTED_MS as f64 / (samples - 1.0);
    let usual = USUAL_MS.iter().find(|ms| (counted / **ms as f64 - 1.0).abs() <= SNAP_SHARE);
    Some(usual.copied().unwrap_or(counted.ceil() as i64))
}

/// `1m30s`, as Prometheus writes durations.
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
    fn counted_samples_snap_to_what_people_configure() {
        for (samples, ms) in
            [(40.0, 15_000), (41.0, 15_000), (20.0, 30_000), (10.0, 60_000), (601.0, 1_000), (2.0, 600_000)]
        {
            assert_eq!(spacing_ms(samples), Some(ms), "{samples}");
        }
        assert_eq!([spacing_ms(1.0), spacing_ms(f64::NAN)], [None, None]);
    }
}
