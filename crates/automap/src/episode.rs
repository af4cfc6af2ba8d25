//! One episode: a baseline, a fault (or none), and the diagnosis that an operator would run.
//!
//! The diagnosis gets the server, the namespace and the time range, and no hint of the fault. What was really injected is
//! added to the report afterwards.

#[cfg(feature = "kubernetes")]
mod cluster_stage;
#[cfg(feature = "lab")]
mod lab_stage;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use automap_chaos::Entry;
use automap_core::observation::Observation;
use automap_core::report::{Report, VerdictKind};
use automap_core::time::{Timestamp, WindowHint};
use automap_core::{DiagnoseError, DiagnoseOptions, diagnose};
use automap_sources::prometheus::{Client, FetchStats, ObserveOptions, observe};
use jiff::ZonedDateTime;

#[cfg(feature = "kubernetes")]
pub(crate) use cluster_stage::ClusterStage;
#[cfg(feature = "lab")]
pub(crate) use lab_stage::LabStage;

use crate::interrupt::Interrupt;

/// How often a diagnosis runs while a fault is in place.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// Where faults are injected.
pub(crate) trait Stage {
    /// Where its metrics are.
    fn client(&self) -> Result<Client>;
    /// Where its services are.
    fn namespace(&self) -> &str;
    /// Checks that this fault can be injected here; the error says why not.
    fn check(&self, fault: &Fault) -> Result<(), String>;
    /// Waits until earlier faults are over.
    fn wait_calm(&self) -> Result<()>;
    /// Injects a fault; returns once it is in place.
    fn inject(&self, fault: &Fault) -> Result<Vec<Entry>>;
    /// Removes everything that [`Self::inject`] injected. Idempotent.
    fn recover(&self) -> Result<()>;
    /// The latest state of these, with their ends.
    fn latest(&self, injected: Vec<Entry>) -> Result<Vec<Entry>>;
}

/// How long the parts of an episode take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// After the last fault, before the baseline begins: rates cover past seconds, queues drain.
    pub(crate) settle: Duration,
    /// The baseline.
    pub(crate) normal: Duration,
    /// From the injection to the last diagnosis.
    pub(crate) fault: Duration,
}

/// A fault to inject: a Chaos Mesh file by name and content.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) name: String,
    pub(crate) yaml: String,
}

/// Result of an episode.
#[derive(Debug)]
pub(crate) struct Episode {
    /// What was really injected; empty in a quiet episode.
    pub(crate) injected: Vec<Entry>,
    /// Input of the last diagnosis.
    pub(crate) observation: Observation,
    /// Its report.
    pub(crate) report: Report,
    /// What fetching it cost.
    pub(crate) stats: FetchStats,
    /// How long it took, from the first request to the answer.
    pub(crate) took: Duration,
    /// When a diagnosis first named a cause.
    pub(crate) first_named: Option<Timestamp>,
}

/// Why a fault was not injected: there was an incident in the baseline.
#[derive(Debug, thiserror::Error)]
#[error("nothing was injected because something is already wrong: {0}")]
pub(crate) struct NotCalm(String);

/// Why an episode ended early: Ctrl-C or SIGTERM. Leads to exit code 130.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Interrupted {
    /// No fault was in place.
    #[error("interrupted; no fault was in place")]
    WithoutFault,
    /// A fault was in place; it has been removed by the time this is printed.
    #[error("interrupted; the injected fault has been removed")]
    WithFault,
}

/// Removes what was injected when dropped, even after an error.
struct RemoveOnDrop<'a>(&'a dyn Stage);

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.recover() {
            crate::console::say(&format!("the fault could not be removed: {error:#}"));
        }
    }
}

/// Runs one episode. `tell` is called once a second with the phase and the time left in it.
///
/// # Errors
/// [`NotCalm`] if there is an incident in the baseline, [`Interrupted`] if the user stops it; otherwise if the stage or the
/// metrics fail.
pub(crate) fn episode(
    stage: &dyn Stage,
    fault: Option<&Fault>,
    timing: Timing,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(&str, Duration),
) -> Result<Episode> {
    let client = stage.client()?;
    stage.wait_calm()?;
    let interrupted = |_| Interrupted::WithoutFault;
    wait("settling", timing.settle, interrupt, tell).map_err(interrupted)?;
    let from = now();
    wait("baseline", timing.normal, interrupt, tell).map_err(interrupted)?;
    if fault.is_some() {
        check_calm(&client, stage.namespace(), from)?;
    }
    // Before the fault, so that a partly injected one is removed too.
    let guard = RemoveOnDrop(stage);
    let injected = fault.map_or(Ok(Vec::new()), |fault| stage.inject(fault))?;
    let began = Instant::now();
    let phase = if fault.is_some() { "fault in place" } else { "nothing injected" };
    let interrupted = |_| if fault.is_some() { Interrupted::WithFault } else { Interrupted::WithoutFault };
    let mut first_named = None;
    while began.elapsed() + ASK_EVERY < timing.fault {
        tell(phase, timing.fault.saturating_sub(began.elapsed()));
        wait(phase, ASK_EVERY, interrupt, &mut |_, _| {}).map_err(interrupted)?;
        // Right after the injection there may be too few samples; only the last diagnosis must succeed.
        let asked = ask(&client, stage.namespace(), from);
        if first_named.is_none() && asked.is_ok_and(|(_, report, _)| report.verdict.kind == VerdictKind::Cause) {
            first_named = Some(now());
        }
    }
    wait(phase, timing.fault.saturating_sub(began.elapsed()), interrupt, tell).map_err(interrupted)?;
    let asked = Instant::now();
    let (observation, report, stats) = ask(&client, stage.namespace(), from)?;
    let took = asked.elapsed();
    drop(guard);
    Ok(Episode { injected: stage.latest(injected)?, observation, report, stats, took, first_named })
}

/// A fault injected during an incident would be scored against the wrong cause.
fn check_calm(client: &Client, namespace: &str, from: Timestamp) -> Result<()> {
    match ask(client, namespace, from) {
        Ok((_, report, _)) if report.verdict.kind == VerdictKind::Cause => bail!(NotCalm(report.verdict.summary)),
        // A short baseline may be too short to diagnose.
        Err(error) if !error.is::<DiagnoseError>() => Err(error),
        _ => Ok(()),
    }
}

fn ask(client: &Client, namespace: &str, from: Timestamp) -> Result<(Observation, Report, FetchStats)> {
    let now = now();
    let options = ObserveOptions { hint: WindowHint::default(), ..ObserveOptions::new(namespace, from, now, now) };
    let fetched = observe(client, &options, &|_| {})?;
    let report = diagnose(&fetched.observation, &DiagnoseOptions::default())?;
    Ok((fetched.observation, report, fetched.stats))
}

fn now() -> Timestamp {
    Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond())
}

/// The user interrupted the wait.
struct Stopped;

/// Waits for `span`, and calls `tell` about once a second with the time left.
fn wait(
    phase: &str,
    span: Duration,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(&str, Duration),
) -> Result<(), Stopped> {
    interrupt.wait(span, &mut |left| tell(phase, left)).then_some(()).ok_or(Stopped)
}
