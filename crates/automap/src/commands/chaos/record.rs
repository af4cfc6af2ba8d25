//! `automap chaos record`: writes the ledger while faults come and go. After an experiment is deleted, the cluster forgets which pods it hit.

mod flags;

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use automap_chaos::{Entry, LedgerOptions, Recorder, file};
use automap_core::time::Timestamp;
use automap_kubernetes::{
    Cluster, LITMUS_RESULTS, PODS, Scope, VIRTUAL_SERVICES, WatchMessage, WatchState, experiments, watch,
};
use clap::Args;
use jiff::ZonedDateTime;

use crate::args::cluster::ClusterArgs;
use crate::console::say;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use flags::Flags;

/// How often the ledger is updated without a cluster.
const TICK: Duration = Duration::from_secs(1);

pub(super) const EXAMPLES: &str = "Examples:
  automap chaos record --ledger chaos.jsonl
  automap chaos record --ledger chaos.jsonl --chaos-namespace sock-shop --context minikube
  automap chaos record --ledger chaos.jsonl --flags demo.flagd.json --no-cluster
                                         only the OpenTelemetry demo's feature flags
Needs get, list and watch on chaos-mesh.org/* and pods: deploy/chaos-mesh/viewer.yaml.
Ctrl-C stops it; the next run continues the file.";

#[derive(Args, Debug)]
pub(crate) struct RecordArgs {
    /// File to append to, one JSON object per line
    #[arg(long, value_name = "FILE", default_value = "chaos.jsonl")]
    ledger: PathBuf,
    /// Also record faults that a flagd file (path or URL) turns on; read every 5 s
    #[arg(long, value_name = "FILE|URL")]
    flags: Option<String>,
    /// Record only the flags
    #[arg(long, requires = "flags")]
    no_cluster: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Records until it is stopped.
pub(super) fn run(args: &RecordArgs) -> Result<Exit> {
    let place = || args.ledger.display().to_string();
    let (known, mut to) = opened(&args.ledger).with_context(place)?;
    let mut recorder = Recorder::resume(LedgerOptions::default(), known);
    let mut flags = args.flags.as_deref().map(Flags::new);
    let cluster = if args.no_cluster { None } else { Some(args.cluster.connect()?) };
    let version = cluster.as_ref().map(Cluster::version).transpose()?;
    // Until here a signal ends the process at once: nothing has been recorded, and an API server may be slow to answer.
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let mut take = |heard: Option<WatchMessage>| -> Result<bool> {
        let now = Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond());
        let news = match heard {
            Some(WatchMessage::Event(event)) => recorder.apply(&event, now),
            Some(WatchMessage::State { resource, namespace, state }) => {
                report_state(&resource.name(), &namespace, &state);
                Vec::new()
            }
            Some(WatchMessage::Tick) | None => {
                let mut news = recorder.tick(now);
                news.extend(flags.iter_mut().flat_map(|flags| flags.poll(&mut recorder, now)));
                news
            }
        };
        write(&mut to, &news).with_context(place)?;
        Ok(!interrupt.is_set())
    };
    if let Some((cluster, version)) = cluster.zip(version) {
        say(&format!("watching {} ({version}), writing to {}; Ctrl-C stops it", cluster.server(), place()));
        let resources = experiments().chain([PODS, VIRTUAL_SERVICES, LITMUS_RESULTS]).collect();
        let scope = Scope { namespaces: args.cluster.chaos_namespace.clone(), resources };
        let mut failed = Ok(());
        watch(&cluster, &scope, &mut |heard| match take(Some(heard)) {
            Ok(goes_on) => goes_on,
            Err(error) => {
                failed = Err(error);
                false
            }
        });
        failed?;
    } else {
        say(&format!("writing to {}; Ctrl-C stops it", place()));
        while take(None)? {
            sleep(TICK);
        }
    }
    say("stopped");
    Ok(Exit::Ok)
}

/// What an earlier run wrote (nothing if there was none), and the file to append to.
fn opened(path: &Path) -> Result<(Vec<Entry>, File)> {
    let mut ledger = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let known = file::read(BufReader::new(&ledger))?;
    file::mend(&mut ledger, |ledger, bytes| ledger.set_len(bytes))?;
    Ok((known, ledger))
}

/// Written to the file before it is printed.
fn write(to: &mut File, news: &[Entry]) -> Result<()> {
    if news.is_empty() {
        return Ok(());
    }
    let lines = news.iter().map(file::line).collect::<Result<String, _>>()?;
    to.write_all(lines.as_bytes())?;
    to.sync_data()?;
    for entry in news {
        let at = entry.places().join(", ");
        let at = if at.is_empty() { String::new() } else { format!(" at {at}") };
        let place = if entry.namespace.is_empty() { String::new() } else { format!("{}/", entry.namespace) };
        let state = entry.state.as_str();
        say(&format!("{} {} {place}{}{at}: {state}", entry.kind, entry.action, entry.name));
    }
    Ok(())
}

fn report_state(resource: &str, namespace: &str, state: &WatchState) {
    let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
    match state {
        WatchState::Watching => {}
        WatchState::Incomplete(read) => say(&format!(
            "{resource}{place}: there are more than the {read} that were read; the others are recorded once they change; \
             name namespaces with --chaos-namespace"
        )),
        WatchState::Missing => say(&format!("{resource}: not in this cluster; checked again every minute")),
        WatchState::Forbidden(why) => {
            say(&format!("{resource}{place}: no permission to read, so nothing of it is recorded: {why}"))
        }
        WatchState::Broken(why) => say(&format!("{resource}{place}: the watch broke and is retried: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automap_chaos::Source;

    #[test]
    fn a_ledger_that_a_crash_cut_is_continued() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chaos.jsonl");
        let entry = |uid: &str| Entry::new(uid, "PodChaos", "shop", "kill", Source::Records);
        let whole = file::line(&entry("a")).unwrap();
        std::fs::write(&path, whole.clone() + &whole[..whole.len() / 2]).unwrap();
        let (known, mut ledger) = opened(&path).unwrap();
        assert_eq!(known, [entry("a")]);
        write(&mut ledger, &[entry("b")]).unwrap();
        assert_eq!(opened(&path).unwrap().0, [entry("a"), entry("b")]);
    }
}
