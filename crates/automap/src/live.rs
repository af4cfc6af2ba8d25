//! One episode on a running lab: normal time, a fault (or none), and the question that an operator would ask.
//!
//! The question knows nothing of the fault: it names the server, the namespace and how far to look back. What was
//! really injected is put beside the answer afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use automap_core::observation::Observation;
use automap_core::report::{Report, VerdictKind};
use automap_core::time::{Timestamp, WindowHint};
use automap_core::{DiagnoseOptions, diagnose};
use automap_lab::control::Lab;
use automap_lab::ledger::Injection;
use automap_lab::plan::NAMESPACE;
use automap_sources::prometheus::{Client, ClientOptions, FetchStats, ObserveOptions, observe};
use jiff::ZonedDateTime;

/// Longest time for a lab to recover from a fault.
const RECOVER_WITHIN: Duration = Duration::from_secs(120);
/// How often the question is asked while a fault is in place.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// How long the parts of an episode take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// After the last fault, before normal time begins: rates look back, queues drain.
    pub(crate) settle: Duration,
    /// Normal time.
    pub(crate) normal: Duration,
    /// From the injection to the last question.
    pub(crate) fault: Duration,
}

/// A fault to inject: a Chaos Mesh file by name and content.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) name: String,
    pub(crate) yaml: String,
}

/// What came of an episode.
#[derive(Debug)]
pub(crate) struct Episode {
    /// What was really done; empty in a quiet episode.
    pub(crate) injected: Vec<Injection>,
    /// What the last question saw.
    pub(crate) observation: Observation,
    /// Its answer.
    pub(crate) report: Report,
    /// What it cost.
    pub(crate) stats: FetchStats,
    /// From the injection to the first answer that named a cause.
    pub(crate) first_named_after: Option<Duration>,
}

/// Runs one episode. `tell` gets a word about the phase and the seconds left in it, once a second.
pub(crate) fn episode(
    lab: &Lab,
    fault: Option<&Fault>,
    timing: Timing,
    tell: &mut dyn FnMut(&str, Duration),
) -> Result<Episode> {
    let url = lab.prometheus_url()?.context("this lab runs without Prometheus")?;
    let client = Client::new(ClientOptions::new(url))?;
    lab.wait_recovered(RECOVER_WITHIN)?;
    wait("settling", timing.settle, tell);
    let from = now();
    wait("normal time", timing.normal, tell);
    let injected = match fault {
        Some(fault) => lab.inject_yaml(&fault.name, &fault.yaml)?,
        None => Vec::new(),
    };
    let began = Instant::now();
    let phase = if fault.is_some() { "fault in place" } else { "nothing injected" };
    let mut first_named_after = None;
    while began.elapsed() + ASK_EVERY < timing.fault {
        let left = timing.fault.saturating_sub(began.elapsed());
        tell(phase, left);
        std::thread::sleep(ASK_EVERY);
        // Right after the injection there may be too few samples; the last question has to be answered.
        let named = ask(&client, from).is_ok_and(|(_, report, _)| report.verdict.kind == VerdictKind::Cause);
        if named && first_named_after.is_none() {
            first_named_after = Some(began.elapsed());
        }
    }
    wait(phase, timing.fault.saturating_sub(began.elapsed()), tell);
    let (observation, report, stats) = ask(&client, from)?;
    Ok(Episode { injected, observation, report, stats, first_named_after })
}

fn ask(client: &Client, from: Timestamp) -> Result<(Observation, Report, FetchStats)> {
    let now = now();
    let options = ObserveOptions { hint: WindowHint::default(), ..ObserveOptions::new(NAMESPACE, from, now, now) };
    let fetched = observe(client, &options, &|_| {})?;
    let report = diagnose(&fetched.observation, &DiagnoseOptions::default())?;
    Ok((fetched.observation, report, fetched.stats))
}

fn now() -> Timestamp {
    Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond())
}

fn wait(phase: &str, span: Duration, tell: &mut dyn FnMut(&str, Duration)) {
    const TICK: Duration = Duration::from_secs(1);
    let until = Instant::now() + span;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        tell(phase, left);
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(TICK));
    }
}

/// What was injected, in one line: `NetworkChaos delay on payment since 14:03:15Z (delay-payment)`.
pub(crate) fn told(injected: &[Injection]) -> String {
    let one = |i: &Injection| {
        let services: Vec<&str> = i.targets.iter().map(|t| t.service.as_str()).collect();
        let peers = if i.peers.is_empty() { String::new() } else { format!(" towards {}", i.peers.join(", ")) };
        format!("{} {} on {}{peers} since {} ({})", i.kind, i.action, services.join(", "), i.from, i.experiment)
    };
    if injected.is_empty() { "nothing".to_owned() } else { injected.iter().map(one).collect::<Vec<_>>().join("; ") }
}

/// Services that were really hit.
pub(crate) fn culprits(injected: &[Injection]) -> Vec<&str> {
    let mut names: Vec<&str> = injected.iter().flat_map(|i| &i.targets).map(|t| t.service.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
