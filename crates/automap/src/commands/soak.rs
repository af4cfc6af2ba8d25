//! `automap soak`: watches the lab for hours, with random faults and quiet periods.
//!
//! It finds what a short drill cannot: incidents that open without a fault, late polls, growing memory. Ctrl-C ends it early and
//! still prints the table, so that a long run is never lost.

mod faults;
mod usage;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use automap_core::incident::Incident;
use automap_core::time::{Interval, Timestamp};
use automap_core::watch::WatchOptions;
use automap_lab::control::{Lab, LabOptions};
use automap_lab::plan::NAMESPACE;
use automap_lab::soak::score;
use automap_render::TextOptions;
use automap_render::incident_text::change_text;
use automap_server::prometheus_source::PrometheusSource;
use automap_server::store::Store;
use automap_server::store::sqlite::SqliteStore;
use automap_server::watcher::{Clock, Routes, Stop, SystemClock, TickInputs, Watcher, run as watch};
use automap_sources::prometheus::{Client, ClientOptions};
use clap::Args;

use crate::args::parse::{millis, span};
use crate::console::{print, say};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use faults::Faults;
use usage::UsageSampler;

pub(crate) const EXAMPLES: &str = "Examples:
  automap soak                   half an hour
  automap soak --for 8h --seed 7";

/// Longest time for a lab to recover from a fault.
const RECOVER_WITHIN: Duration = Duration::from_secs(300);
/// How far back the watcher's metrics reach: an hour.
const REMEMBER_MS: i64 = 3_600_000;
/// Time at the end that is too short for another fault.
const LAST_PAUSE: Duration = Duration::from_secs(30);

#[derive(Args, Debug)]
pub(crate) struct SoakArgs {
    /// Total duration, including learning
    #[arg(long = "for", value_name = "SPAN", default_value = "30m", value_parser = span)]
    length: Duration,
    /// Time without faults before the first one
    #[arg(long, value_name = "SPAN", default_value = "3m", value_parser = span)]
    learn: Duration,
    /// How long each fault is in place
    #[arg(long, alias = "fault", value_name = "SPAN", default_value = "150s", value_parser = span)]
    fault_duration: Duration,
    /// How often the watcher polls
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = span)]
    every: Duration,
    /// First of 302 ports on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = LabOptions::BASE_PORT)]
    base_port: u16,
    /// Users per second
    #[arg(long, value_name = "RATE", default_value_t = automap_lab::load::DEFAULT_RATE_PER_S)]
    rate: f64,
    /// Seed of the order of faults and of quiet periods
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
}

/// What the watcher has done so far.
#[derive(Debug, Default)]
struct Progress {
    /// Only the ids: anything kept in this process would look like a leak of the watcher.
    incidents: BTreeSet<String>,
    ticks: u64,
    late: u64,
    failed: u64,
}

/// Runs `automap soak`. Exits with 1 if an incident opened without a fault. Ctrl-C or SIGTERM ends it early, with the table so far.
pub(crate) fn run(args: &SoakArgs) -> Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let options = LabOptions {
        base_port: args.base_port,
        seed: args.seed,
        load_rate_per_s: Some(args.rate),
        ..LabOptions::temporary("soak")?
    };
    say("starting the Sock Shop, Prometheus and simulated users");
    let lab = Lab::up(&options, &mut |_| {})?;
    lab.wait_recovered(RECOVER_WITHIN)?;
    let (stop, progress) = (Stop::default(), Arc::new(Mutex::new(Progress::default())));
    // On disk, as `watch` and `serve` keep them.
    let kept_in = tempfile::Builder::new().prefix("automap-soak-store-").tempdir()?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&kept_in.path().join("incidents.db"))?);
    let began = SystemClock.now();
    let (thread, requests) = start_watcher(args, &lab, &store, &stop, &progress)?;
    let usage = break_things(args, &lab, began, &interrupt)?;
    stop.set();
    thread.join().map_err(|_| anyhow!("the watcher panicked"))?;
    let ended = SystemClock.now();
    let injections = lab.ledger()?;
    let requests = requests.load(Ordering::Relaxed);
    let progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
    let kept: Result<Vec<Option<Incident>>, _> = progress.incidents.iter().map(|id| store.get(id)).collect();
    let incidents: Vec<Incident> = kept?.into_iter().flatten().collect();
    lab.down()?;

    let watched = Interval::new(began.plus_ms(millis(args.learn)), ended).context("the soak ended while learning")?;
    let score = score(&injections, &incidents, watched);
    print(&score.table())?;
    let minutes = (ended.ms() - began.ms()) as f64 / 60_000.0;
    print(&format!(
        "{} polls, {} late, {} failed; {:.1} Prometheus queries a minute\n{usage}",
        progress.ticks,
        progress.late,
        progress.failed,
        requests as f64 / minutes
    ))?;
    Ok(if score.false_incidents.is_empty() { Exit::Ok } else { Exit::Found })
}

/// Starts the watcher in a thread of its own; also counts its requests.
fn start_watcher(
    args: &SoakArgs,
    lab: &Lab,
    store: &Arc<dyn Store>,
    stop: &Stop,
    progress: &Arc<Mutex<Progress>>,
) -> Result<(JoinHandle<()>, Arc<AtomicU64>)> {
    let url = lab.prometheus_url()?.context("this lab runs without Prometheus")?;
    let mut source = PrometheusSource::new(Client::new(ClientOptions::new(url))?, NAMESPACE, REMEMBER_MS);
    let requests = source.requests();
    let options = WatchOptions { learn_ms: millis(args.learn) * 2 / 3, ..WatchOptions::default() };
    let mut watcher = Watcher::resume(NAMESPACE, options, Arc::clone(store), Routes::none())?;
    let (stop, progress, every) = (stop.clone(), Arc::clone(progress), args.every);
    let run = move || {
        watch(
            &mut watcher,
            &mut source,
            &SystemClock,
            every,
            &stop,
            |_| TickInputs::default(),
            |watcher, tick| {
                let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                let status = watcher.status();
                (progress.ticks, progress.late, progress.failed) =
                    (status.ticks, status.ticks_late, status.ticks_failed);
                for incident in &tick.kept {
                    say(change_text(incident, &TextOptions::default()).trim_end());
                    progress.incidents.insert(incident.id.clone());
                }
            },
        );
    };
    Ok((std::thread::Builder::new().name("watcher".into()).spawn(run)?, requests))
}

/// Quiet stretches and faults until the time is up or the user ends it; memory and open files since learning ended.
fn break_things(args: &SoakArgs, lab: &Lab, began: Timestamp, interrupt: &Interrupt) -> Result<String> {
    let started = Instant::now();
    let left = || args.length.saturating_sub(started.elapsed());
    let pause = |span: Duration| interrupt.wait(span, &mut |_| {});
    pause(args.learn.min(left()));
    let usage = UsageSampler::start(Duration::from_millis(REMEMBER_MS.unsigned_abs()))?;
    let mut faults = Faults::new(args.seed);
    while pause(faults.quiet().min(left())) {
        if left() < args.fault_duration + LAST_PAUSE {
            pause(left());
            break;
        }
        let (name, yaml) = faults.next(args.fault_duration);
        let at = (SystemClock.now().ms() - began.ms()) / 1000;
        say(&format!("{}  fault       {name}   {at} s after the start", SystemClock.now().clock(0)));
        lab.inject_yaml(&format!("{name}.yaml"), &yaml)?;
        if pause(args.fault_duration) {
            lab.wait_recovered(RECOVER_WITHIN)?;
        }
    }
    if interrupt.is_set() {
        say("interrupted: the table covers the time until now");
    }
    Ok(usage.finish())
}
