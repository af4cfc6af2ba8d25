//! What the doctor found and how to fix it: facts in, sentences out. Nothing is fetched here.

use std::collections::BTreeMap;

use automap_core::change::{ChangeKind, ChangeLog};
use automap_core::coverage::{CoverageSignal, Presence, ServiceCoverage};
use automap_core::note::Severity;
use automap_core::observation::Observation;
use automap_core::report::{Report, VerdictKind};
use automap_core::time::Timestamp;
use automap_sources::prometheus::{Preset, Survey, change_needs};
use serde::Serialize;

use crate::surroundings::{self, Surrounding};

/// Requests per second below which errors and latency of a service mean little: 20 in half a minute.
const ENOUGH_RPS: f64 = 20.0 / 30.0;
/// A newest sample older than this is not current.
const FRESH_MS: i64 = 120_000;
/// Onsets are found too late if scrapes are further apart.
const SLOW_SCRAPE_MS: i64 = 60_000;
/// Most names in a sentence.
const MAX_NAMES: usize = 6;

/// Result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Good.
    Ok,
    /// Diagnoses lose something.
    Weak,
    /// Prevents a diagnosis.
    Bad,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Finding {
    /// A stable word for programs.
    pub(super) check: &'static str,
    pub(super) state: State,
    /// A sentence.
    pub(super) found: String,
    /// What to do; `null` if nothing.
    pub(super) fix: Option<String>,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Doctor {
    pub(super) namespace: String,
    pub(super) source: String,
    pub(super) findings: Vec<Finding>,
    /// The columns of every service's `signals`.
    pub(super) signals: Vec<CoverageSignal>,
    pub(super) services: Vec<ServiceCoverage>,
}

impl Doctor {
    pub(super) fn new(
        namespace: &str,
        observation: &Observation,
        services: Vec<ServiceCoverage>,
        survey: &Survey,
        (presets, scrape_ms): (&[Preset], i64),
        report: Option<&Report>,
        now: Timestamp,
    ) -> Self {
        // The survey queries Istio and cAdvisor; without both, the observation knows.
        let newest = survey.newest.or_else(|| observation.frame.times().last().copied());
        let mut findings =
            vec![fresh(newest, now), scraped(scrape_ms, observation.frame.step_ms()), remembered(survey)];
        match other_source(presets) {
            Some(found) => findings.push(found),
            None => findings.extend([proxies(namespace, survey), reporters(survey)]),
        }
        findings.extend(histograms(observation));
        findings.push(scraped_once(survey));
        findings.extend(missing(&services, observation));
        findings.push(around(observation));
        findings.push(changes(&observation.changes));
        findings.push(traffic(&services));
        findings.push(normal(report));
        Self {
            namespace: namespace.to_owned(),
            source: observation.source.clone(),
            findings,
            signals: CoverageSignal::ALL.to_vec(),
            services,
        }
    }
}

pub(super) fn finding(check: &'static str, state: State, found: String, fix: &str) -> Finding {
    let fix = (!fix.is_empty()).then(|| fix.to_owned());
    Finding { check, state, found, fix }
}

/// Requests measured by another source than Istio's side-cars, which are then not needed.
fn other_source(presets: &[Preset]) -> Option<Finding> {
    const USUAL: [&str; 2] = ["istio-sidecar", "kubernetes-resources"];
    let others: Vec<&str> = presets
        .iter()
        .filter(|p| p.is_of_services && !USUAL.contains(&p.name.as_str()))
        .map(|p| p.title.as_str())
        .collect();
    if others.is_empty() || presets.iter().any(|p| p.name == USUAL[0]) {
        return None;
    }
    let found = format!("requests are measured by {}", names(&others));
    Some(finding("requests_from", State::Ok, found, ""))
}

/// The note on native histograms: they are read, or the server cannot evaluate them.
fn histograms(observation: &Observation) -> impl Iterator<Item = Finding> {
    let told = observation.notes.iter().filter(|note| note.code == "native_histograms");
    told.map(|note| {
        let state = if note.severity == Severity::Info { State::Ok } else { State::Weak };
        finding("histograms", state, note.message.clone(), "")
    })
}

/// Gateways, DNS, nodes and what else services depend on: what is there, and what the rest would show.
fn around(observation: &Observation) -> Finding {
    let all: Vec<String> = surroundings::of(observation).iter().map(Surrounding::line).collect();
    finding("surroundings", State::Ok, format!("around the services: {}", all.join("; ")), "")
}

fn fresh(newest: Option<Timestamp>, now: Timestamp) -> Finding {
    let check = "freshness";
    match newest.map(|t| now.ms() - t.ms()) {
        None => finding(
            check,
            State::Bad,
            "no sample of this namespace in the last five minutes".into(),
            "check Status → Targets in Prometheus: are the pods scraped? If they are, compare its clock with yours (`date` on both)",
        ),
        Some(age) if age > FRESH_MS => finding(
            check,
            State::Weak,
            format!("the newest sample is {} s old", age / 1000),
            "scraping is slow or behind, or the clocks differ: compare `date` here and on the server",
        ),
        Some(age) if age < -5000 => finding(
            check,
            State::Weak,
            format!("the newest sample is {} s in the future", -age / 1000),
            "the server's clock is ahead of this machine's: synchronise both with NTP",
        ),
        Some(age) => finding(check, State::Ok, format!("the newest sample is {} s old", age.max(0) / 1000), ""),
    }
}

/// The slowest of the jobs; in long windows the samples are further apart than the scrapes.
fn scraped(scrape_ms: i64, step_ms: i64) -> Finding {
    let mut found = format!("scraped every {} s", scrape_ms as f64 / 1e3);
    if step_ms > scrape_ms {
        found += &format!("; this window is sampled every {} s", step_ms as f64 / 1e3);
    }
    match scrape_ms > SLOW_SCRAPE_MS {
        true => finding(
            "scrape_interval",
            State::Weak,
            found,
            "set scrape_interval to 15s: onsets are accurate to one or two samples",
        ),
        false => finding("scrape_interval", State::Ok, found, ""),
    }
}

fn remembered(survey: &Survey) -> Finding {
    const HOUR_MS: i64 = 3_600_000;
    let fix = "keep at least a day (--storage.tsdb.retention.time=1d): the same hour of the previous day can then be the baseline";
    match survey.reaches_back_ms.map(|ms| ms / HOUR_MS) {
        None => finding("retention", State::Weak, "it keeps less than an hour".into(), fix),
        Some(hours) if hours < 24 => finding("retention", State::Weak, format!("it keeps {hours} h"), fix),
        Some(hours) => finding("retention", State::Ok, format!("it keeps at least {} d", hours / 24), ""),
    }
}

fn proxies(namespace: &str, survey: &Survey) -> Finding {
    let without: Vec<&str> = survey.pods.difference(&survey.pods_with_proxy).map(String::as_str).collect();
    let (all, with) = (survey.pods.len(), survey.pods_with_proxy.len());
    if all == 0 {
        let fix =
            "scrape the kubelet's /metrics/cadvisor; processor, memory and disk faults cannot be detected without it";
        return finding("side_cars", State::Weak, "no containers found (no cAdvisor metrics)".into(), fix);
    }
    if with == 0 {
        let fix = format!(
            "kubectl label namespace {namespace} istio-injection=enabled && kubectl -n {namespace} rollout restart deployment; \
             not needed if another source measures requests"
        );
        return finding("side_cars", State::Weak, format!("none of {all} pods has a mesh proxy"), &fix);
    }
    if without.is_empty() {
        return finding("side_cars", State::Ok, format!("all {all} pods have a proxy"), "");
    }
    let fix = format!("kubectl -n {namespace} rollout restart deployment: pods older than the label have no proxy");
    finding("side_cars", State::Weak, format!("{with} of {all} pods have a proxy; without: {}", names(&without)), &fix)
}

fn reporters(survey: &Survey) -> Finding {
    let has = |end: &str| survey.reporters.contains(end);
    let check = "both_ends";
    match (has("source"), has("destination")) {
        (true, true) => finding(
            check,
            State::Ok,
            "both ends of calls are counted; they are never added up, and their difference is the network's".into(),
            "",
        ),
        (false, false) => finding(check, State::Weak, "no side-car counts calls".into(), ""),
        (source, _) => finding(
            check,
            State::Weak,
            format!("only the {} of calls is counted", if source { "source" } else { "destination" }),
            "network faults cannot be distinguished from a slow service: make Telemetry report both (no `disabled: true` for one mode)",
        ),
    }
}

fn scraped_once(survey: &Survey) -> Finding {
    let check = "scraped_once";
    if survey.scrapers.is_empty() {
        return finding(check, State::Ok, "no pod is scraped twice".into(), "");
    }
    let who: Vec<&str> = survey.scrapers.iter().map(String::as_str).collect();
    let fix = "two servers behind one address: query one of them, or deduplicate replicas in Thanos or Mimir (--query.replica-label); \
               two jobs of one server: drop one";
    let found = format!(
        "the same pods come from several scrapers, so requests and resources are counted twice: {}",
        names(&who)
    );
    finding(check, State::Bad, found, fix)
}

/// One finding per signal that services lack, in the order of the signals.
fn missing(services: &[ServiceCoverage], observation: &Observation) -> Vec<Finding> {
    let mut lacking: BTreeMap<(CoverageSignal, Presence), Vec<&str>> = BTreeMap::new();
    for service in services {
        for (signal, presence) in CoverageSignal::ALL.into_iter().zip(&service.signals) {
            if *presence != Presence::Present {
                lacking.entry((signal, *presence)).or_default().push(&service.service);
            }
        }
    }
    let to_finding = |((signal, presence), of): ((CoverageSignal, Presence), Vec<&str>)| {
        let everywhere = of.len() == services.len();
        let whose = if everywhere { "every service".to_owned() } else { names(&of) };
        let worst = everywhere && matches!(signal, CoverageSignal::Requests | CoverageSignal::Latency);
        let reason = observation.not_checked.iter().find(|n| n.signal.contains(signal.as_str())).map(|n| &n.reason);
        let reason = reason.filter(|_| presence == Presence::Missing);
        let mut fix = signal.blind_spot().to_owned();
        if let Some(reason) = reason {
            fix = format!("{fix}; {reason}");
        }
        let state = if worst { State::Bad } else { State::Weak };
        // Stores speak TCP and answer no requests: the source lacks nothing.
        let usual = matches!(
            signal,
            CoverageSignal::Requests | CoverageSignal::Errors | CoverageSignal::Latency | CoverageSignal::Calls
        ) && !everywhere;
        let state = if usual && presence == Presence::Missing { State::Ok } else { state };
        finding("signals", state, format!("{} {}: {whose}", signal.as_str(), presence.as_str()), &fix)
    };
    lacking.into_iter().map(to_finding).collect()
}

/// Kinds of change that cannot be observed: most incidents begin with a change.
fn changes(log: &ChangeLog) -> Finding {
    let check = "changes";
    let unseen: Vec<ChangeKind> = log.unseen.iter().copied().filter(|kind| *kind != ChangeKind::FeatureFlag).collect();
    let Some(observed) = log.observed else {
        let fix = "scrape kube-state-metrics, or remove --no-changes: otherwise releases and configuration cannot be named as causes";
        return finding(check, State::Weak, "changes cannot be observed".into(), fix);
    };
    let hours = observed.len_ms() / 3_600_000;
    let found = format!("{} changes in the last {} h", log.changes.len(), hours.max(1));
    if unseen.is_empty() {
        return finding(check, State::Ok, found, "");
    }
    let words: Vec<&str> = unseen.iter().map(|kind| kind.words()).collect();
    let mut needs: Vec<&str> = unseen.iter().map(|kind| change_needs(*kind)).collect();
    needs.dedup();
    let is_release = unseen.contains(&ChangeKind::Release);
    let state = if is_release { State::Weak } else { State::Ok };
    finding(check, state, format!("{found}; not observed: {}", names(&words)), &needs.join("; "))
}

fn traffic(services: &[ServiceCoverage]) -> Finding {
    let quiet: Vec<&str> = services
        .iter()
        .filter(|s| s.requests_per_s.is_some_and(|rps| rps < ENOUGH_RPS))
        .map(|s| s.service.as_str())
        .collect();
    let served = services.iter().filter(|s| s.requests_per_s.is_some()).count();
    match (served, quiet.len()) {
        (0, _) => finding(
            "traffic",
            State::Bad,
            "no requests are counted".into(),
            "send load, or choose a namespace that has some",
        ),
        (_, 0) => finding("traffic", State::Ok, format!("all {served} services have enough requests"), ""),
        (_, _) => finding(
            "traffic",
            State::Weak,
            format!("fewer than 20 requests in half a minute: {}", names(&quiet)),
            "their errors and latency say little, and open no incident: send more load, or wait longer",
        ),
    }
}

fn normal(report: Option<&Report>) -> Finding {
    let check = "normal_time";
    match report {
        None => {
            finding(check, State::Bad, "too few samples to judge".into(), "wait until there are a few minutes of data")
        }
        Some(report) if report.verdict.kind == VerdictKind::NoIncident => {
            finding(check, State::Ok, "nothing is outside its usual range: a good baseline".into(), "")
        }
        Some(report) => finding(
            check,
            State::Weak,
            format!("this is not a quiet period: {}", report.verdict.summary),
            "use another hour as the baseline (--baseline), or diagnose it: `automap diagnose` with the same options",
        ),
    }
}

pub(super) fn names(of: &[&str]) -> String {
    match of.len() {
        n if n > MAX_NAMES => format!("{} and {} more", of[..MAX_NAMES].join(", "), n - MAX_NAMES),
        _ => of.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_way_is_told_with_its_remedy() {
        let now = Timestamp::from_ms(1_800_000_000_000);
        let pods = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let survey = Survey {
            newest: Some(now.plus_ms(-200_000)),
            reaches_back_ms: Some(6 * 3_600_000),
            pods: pods(&["a", "b", "c"]),
            pods_with_proxy: pods(&["a", "b"]),
            reporters: pods(&["destination"]),
            scrapers: pods(&["job=a", "job=b"]),
        };
        assert_eq!((scraped_once(&survey).state, scraped_once(&Survey::default()).state), (State::Bad, State::Ok));
        assert_eq!(fresh(survey.newest, now).state, State::Weak);
        assert_eq!(fresh(None, now).state, State::Bad);
        assert_eq!(fresh(Some(now.plus_ms(60_000)), now).state, State::Weak);
        assert_eq!(scraped(15_000, 15_000).found, "scraped every 15 s");
        let coarse = scraped(15_000, 120_000);
        assert_eq!(
            (coarse.state, coarse.found.as_str()),
            (State::Ok, "scraped every 15 s; this window is sampled every 120 s")
        );
        assert_eq!(scraped(120_000, 120_000).state, State::Weak);
        assert_eq!(remembered(&survey).found, "it keeps 6 h");
        assert_eq!(proxies("shop", &survey).found, "2 of 3 pods have a proxy; without: c");
        assert!(
            proxies("shop", &Survey { pods_with_proxy: pods(&[]), ..survey.clone() })
                .fix
                .unwrap()
                .contains("label namespace shop")
        );
        assert_eq!(reporters(&survey).state, State::Weak);
        let preset =
            |name: &str| Preset { name: name.into(), title: name.to_uppercase(), is_of_services: name != "coredns" };
        let linkerd = [preset("kubernetes-resources"), preset("linkerd")];
        assert_eq!(other_source(&linkerd).unwrap().found, "requests are measured by LINKERD");
        assert_eq!(other_source(&[preset("istio-sidecar"), preset("envoy")]), None);
        assert_eq!(other_source(&linkerd[..1]), None);
        assert_eq!(other_source(&[preset("coredns")]), None, "it counts no requests");
        let service = |name: &str, rps| ServiceCoverage {
            service: name.into(),
            signals: vec![Presence::Present; CoverageSignal::ALL.len()],
            requests_per_s: rps,
        };
        assert_eq!(traffic(&[service("db", None)]).state, State::Bad);
        assert_eq!(traffic(&[service("db", None), service("web", Some(5.0))]).state, State::Ok);
        assert!(traffic(&[service("web", Some(0.1))]).found.ends_with(": web"));
    }
}
