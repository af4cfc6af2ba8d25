//! Turns what is known about an experiment into its entries.

use automap_core::time::Timestamp;

use super::LedgerOptions;
use super::experiment::{End, Experiment};
use crate::entry::{Entry, Parent, Source, State, Target};
use crate::kinds;
use crate::pods::Pods;
use crate::record_id::RecordId;
use crate::records::{Span, stretches};

/// The container with a mesh's sidecar.
const SIDECAR: &str = "istio-proxy";

/// One entry for each stretch; one that says so if nothing was injected; none while that is undecided.
pub(super) fn entries(known: &Experiment, pods: &Pods, now: Timestamp, options: LedgerOptions) -> Vec<Entry> {
    let records: Vec<&String> = known.hit.keys().collect();
    let spans = known.hit.values().enumerate().flat_map(|(i, h)| h.spans().into_iter().map(move |s| (i, s)));
    let stretches = stretches(spans.collect());
    let last = stretches.len();
    let all = stretches.iter().enumerate().map(|(n, members)| {
        let hit: Vec<(&str, Span)> = members.iter().map(|(i, span)| (records[*i].as_str(), *span)).collect();
        stretch(known, pods, n + 1, n + 1 == last, &hit)
    });
    let all: Vec<Entry> = all.collect();
    if all.is_empty() { nothing(known, now, options).into_iter().collect() } else { all }
}

fn base(known: &Experiment, n: usize) -> Entry {
    let meta = &known.meta;
    let source = if known.is_by_phase { Source::Phases } else { Source::Records };
    let mut entry = Entry::new(&meta.uid, &meta.kind, &meta.namespace, &meta.name, source);
    entry.key = format!("{}/{n}", meta.uid);
    entry.action.clone_from(&known.action);
    let one = |label: &str, kind: &str| {
        meta.labels.get(label).map(|name| Parent { kind: kind.to_owned(), name: name.clone() })
    };
    let remembered = || known.remembered.as_ref().and_then(|e| e.parent.clone());
    entry.parent =
        one("chaos-mesh.org/workflow", "Workflow").or_else(|| one("managed-by", "Schedule")).or_else(remembered);
    entry.expected_metric = kinds::expected_metric(&meta.kind, &known.action).map(ToOwned::to_owned);
    entry.ineffective.clone_from(&known.ineffective);
    entry.seen = known.seen;
    if known.is_by_phase {
        entry.note("Chaos Mesh before 2.3 writes no times: these are when the change was observed");
    }
    entry
}

fn nothing(known: &Experiment, now: Timestamp, options: LedgerOptions) -> Option<Entry> {
    if let (false, Some(before)) = (known.is_read, &known.remembered) {
        return Some(before.clone());
    }
    let age_ms = known.meta.created.map(|c| now.ms() - c.ms());
    let is_late = age_ms.is_some_and(|age| age > options.grace_ms);
    let is_settled = known.selected_no_target || known.is_stopped || known.is_over() || is_late;
    // Only a recovery is recorded: something was injected, and its beginning is unknown.
    let is_cut = known.hit.values().any(crate::records::History::is_cut);
    let mut entry = base(known, 1);
    if known.is_paused {
        entry.state = State::Paused;
        entry.note("paused before anything was injected");
    } else if is_cut {
        entry.state = State::UnknownEnd;
        entry.note("a recovery is recorded, its injection no longer");
    } else if known.is_counted {
        entry.state = State::UnknownEnd;
        entry.note("its records count an injection and have no times");
    } else if !is_settled {
        return None;
    } else if known.hit.is_empty() {
        let (state, note) = no_record(known);
        entry.state = state;
        entry.note(note);
    } else {
        entry.note(format!("{} selected, none was injected", known.hit.len()));
        if known.is_stopped && !known.has_events {
            entry.note("its records have no events: a fault of Chaos Mesh before 2.3 that is over looks the same");
        }
    }
    for (id, (_, message)) in known.hit.iter().filter_map(|(id, h)| Some((id, h.failed.as_ref()?))) {
        let message = if message.is_empty() { "could not be injected" } else { message };
        entry.note(format!("{id}: {message}"));
    }
    Some(entry)
}

/// Why no pod is recorded. Only the condition `Selected` shows that there was none.
fn no_record(known: &Experiment) -> (State, &'static str) {
    match (known.has_status, known.selected) {
        (false, _) if known.is_over() => (State::NoStatus, "deleted before it had a status"),
        (false, _) => (State::NoStatus, "no status yet: Chaos Mesh has not taken it up; does its controller run?"),
        (true, Some(false)) => (State::NothingInjected, "the selector matched no pod"),
        (true, _) => (State::NoStatus, "its status does not say yet which pods were selected"),
    }
}

fn stretch(known: &Experiment, pods: &Pods, n: usize, is_last: bool, hit: &[(&str, Span)]) -> Entry {
    let mut entry = base(known, n);
    let is_one_shot = kinds::is_one_shot(&known.meta.kind, &known.action);
    for (id, span) in hit {
        let id = RecordId::parse(&known.meta.kind, id);
        let target = id.target(*span, pods);
        match id {
            RecordId::Machine(id) => entry.note(format!("{id} is no pod: which services it hit is not known")),
            RecordId::Pod { .. } if id.service(pods).1 => {}
            RecordId::Pod { namespace, pod, .. } => {
                entry.note(format!("{namespace}/{pod}: the service is taken from the pod's name"));
            }
        }
        remark(&mut entry, &target, pods);
        entry.targets.push(target);
    }
    entry.targets.sort();
    entry.peers = peers(known, pods);
    entry.started = entry.targets.iter().filter_map(|t| t.from).min();
    entry.fraction = fraction(&entry, pods);
    let missed: Vec<&str> = known.hit.iter().filter(|(_, h)| h.spans().is_empty()).map(|(id, _)| id.as_str()).collect();
    if !missed.is_empty() {
        entry.note(format!("not injected: {}", missed.join(", ")));
    }
    if is_one_shot {
        entry.state = State::OneShot;
        one_shot_end(&mut entry, pods);
        return entry;
    }
    entry.ended = latest(&entry.targets);
    let is_whole = missed.is_empty() && entry.fraction.is_none_or(|f| f >= 1.0);
    let done = if is_whole { State::Injected } else { State::Partial };
    match entry.ended {
        Some(_) if is_last && known.is_paused && !known.is_over() => entry.state = State::Paused,
        Some(_) => entry.state = done,
        None => open_end(&mut entry, known, done),
    }
    entry
}

/// No recovery is recorded: it is still active, or another source gives its end.
fn open_end(entry: &mut Entry, known: &Experiment, done: State) {
    let planned = entry.started.zip(known.duration_ms).map(|(from, ms)| from.plus_ms(ms));
    match known.end {
        End::Exists => {
            entry.state = State::Running;
            if known.meta.deletion.is_some() && known.meta.finalizers > 0 {
                entry.note("being deleted; a finalizer waits for its recovery");
            }
        }
        End::Deleted { at, is_exact } => {
            let how = if is_exact { "was requested" } else { "was observed" };
            entry.note(format!("deleted before its recovery was recorded; the end is when the deletion {how}"));
            (entry.state, entry.ended) = (done, entry.started.map(|from| from.max(at)));
        }
        End::Vanished { last_seen, at } => {
            let since = last_seen.map_or_else(|| "its start".to_owned(), Timestamp::rfc3339);
            // A planned end within the gap is the likely one; a manual deletion would have come before it.
            let by_plan = planned.filter(|p| *p <= at && last_seen.is_none_or(|seen| *p >= seen));
            entry.ended = by_plan;
            entry.state = if by_plan.is_some() { done } else { State::UnknownEnd };
            let how = if by_plan.is_some() { "; the end is its start and its duration" } else { "" };
            entry.note(format!("vanished unwatched between {since} and {}{how}", at.rfc3339()));
        }
    }
}

fn one_shot_end(entry: &mut Entry, pods: &Pods) {
    for target in &mut entry.targets {
        let (Some(from), Some(service)) = (target.from, target.service.as_deref()) else { continue };
        target.to = match &target.container {
            Some(container) => pods.restarted(&target.namespace, &target.pod, container, from),
            None => pods.replaced(&target.namespace, &target.pod, service, from),
        };
    }
    entry.ended = latest(&entry.targets);
    if entry.ended.is_none() {
        entry.note("a kill has no recovery; when the replacement was ready was not observed");
    }
}

fn latest(targets: &[Target]) -> Option<Timestamp> {
    targets
        .iter()
        .map(|t| t.to)
        .try_fold(None, |latest, to| to.map(|to| Some(latest.map_or(to, |l: Timestamp| l.max(to)))))?
}

fn remark(entry: &mut Entry, target: &Target, pods: &Pods) {
    let is_meshed = pods.has_container(&target.namespace, &target.pod, SIDECAR);
    if entry.kind == "HTTPChaos" && is_meshed {
        entry.ineffective = Some("HTTPChaos does not work beside an Istio side-car".to_owned());
    }
    if target.container.as_deref() == Some(SIDECAR) {
        entry.note(format!("{}: hit the side-car, which is the first container; name containerNames", target.pod));
    }
}

fn peers(known: &Experiment, pods: &Pods) -> Vec<String> {
    let name = |id: &String| RecordId::parse(&known.meta.kind, id).service(pods).0;
    let mut all: Vec<String> = known.peers.iter().filter_map(name).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The share of hit pods among all pods of the services hit, at the start.
fn fraction(entry: &Entry, pods: &Pods) -> Option<f64> {
    let at = entry.started?;
    let mut services: Vec<(&str, &str)> =
        entry.targets.iter().filter_map(|t| Some((t.namespace.as_str(), t.service.as_deref()?))).collect();
    services.sort_unstable();
    services.dedup();
    let replicas = services.iter().map(|(namespace, service)| pods.replicas(namespace, service, at));
    let replicas = replicas.sum::<Option<usize>>().filter(|n| *n > 0)?;
    let mut hit: Vec<&str> = entry.targets.iter().map(|t| t.pod.as_str()).collect();
    hit.sort_unstable();
    hit.dedup();
    Some((hit.len() as f64 / replicas as f64).min(1.0))
}
