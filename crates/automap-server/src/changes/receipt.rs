//! Matches each entry of a body with its target and its service, and answers with the outcome, entry by entry.

use automap_core::change::service_named;
use automap_core::text::shown;
use automap_core::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::entry::{AHEAD_MS, Delivery, Entry, MAX_SHOWN_CHARS, OLDEST_MS, Place, ReceivedChange};
use crate::alerts::matching::{AlertTarget, AlertTargets, Whose};
use crate::store::{ChangeFate, MAX_TOLD, ToldChange};
use crate::system::{System, SystemError};

/// Most entries that an answer lists.
const MAX_LISTED: usize = 50;

/// What became of the changes of one webhook.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ChangeReceipt {
    /// Changes that are kept, and count in diagnoses.
    taken: usize,
    /// Changes that were reported before.
    repeated: usize,
    /// Entries that are not kept; `changes` says why.
    ignored: usize,
    /// Entries beyond the bound of one body, 200.
    left_out: u64,
    /// The entries one by one, the ignored ones first; the first 50.
    changes: Vec<ChangeAnswer>,
}

/// What became of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChangeAnswer {
    /// What was changed.
    change: String,
    /// What became of it.
    outcome: ChangeOutcome,
    /// The target that it belongs to; `null` where it was ignored.
    target: Option<String>,
    /// The service that it concerns, as the metrics name it; `null` where it concerns no single one.
    service: Option<String>,
    /// Why it was ignored, or why it concerns no single service; `null` otherwise.
    reason: Option<String>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeOutcome {
    /// It cannot be read.
    Unreadable,
    /// It belongs to no target.
    NoTarget,
    /// It is older than what any diagnosis looks at, or its time is in the future.
    OutOfTime,
    /// It changes nothing that runs.
    NoEffect,
    /// It is not kept: so many later changes are kept that there is no room for it.
    Dropped,
    /// It is kept.
    Taken,
    /// It was reported before.
    Repeated,
}

impl ChangeAnswer {
    fn drop_it(&mut self) {
        let target = self.target.take().unwrap_or_default();
        self.outcome = ChangeOutcome::Dropped;
        self.service = None;
        self.reason = Some(format!("{MAX_TOLD} changes are kept for {target}, and those of this form are all later"));
    }
}

impl ChangeReceipt {
    /// How many entries were ignored and why the first one was; `None` if none was.
    pub(crate) fn ignored(&self) -> Option<(usize, &str)> {
        let first = self.changes.first().and_then(|answer| answer.reason.as_deref());
        first.filter(|_| self.ignored > 0).map(|reason| (self.ignored, reason))
    }
}

/// Stores the changes of a body, and answers. `addressed` is the target in the webhook's address.
///
/// # Errors
/// [`SystemError::Unavailable`] when the store does not answer; the sender must send them again. Nothing is kept then.
pub fn receive(
    system: &dyn System,
    addressed: Option<&str>,
    delivery: Delivery,
    now: Timestamp,
) -> Result<ChangeReceipt, SystemError> {
    let targets = system.alert_targets();
    let (mut answers, mut told) = (Vec::with_capacity(delivery.entries.len()), Vec::new());
    for entry in delivery.entries {
        match settle(system, &targets, addressed, entry, now) {
            Ok((answer, change)) => {
                told.push((answers.len(), change));
                answers.push(answer);
            }
            Err(answer) => answers.push(answer),
        }
    }
    let (places, changes): (Vec<usize>, Vec<ToldChange>) = told.into_iter().unzip();
    let fates = if changes.is_empty() { Vec::new() } else { system.tell_changes(&changes)? };
    for (place, fate) in places.into_iter().zip(fates) {
        let Some(answer) = answers.get_mut(place) else { continue };
        match fate {
            ChangeFate::Kept => {}
            ChangeFate::Repeated => answer.outcome = ChangeOutcome::Repeated,
            ChangeFate::Dropped => answer.drop_it(),
        }
    }
    Ok(receipt(answers, delivery.left_out))
}

fn receipt(mut changes: Vec<ChangeAnswer>, left_out: u64) -> ChangeReceipt {
    let count = |outcome| changes.iter().filter(|answer| answer.outcome == outcome).count();
    let (taken, repeated) = (count(ChangeOutcome::Taken), count(ChangeOutcome::Repeated));
    let ignored = changes.len() - taken - repeated;
    changes.sort_by_key(|answer| answer.outcome);
    changes.truncate(MAX_LISTED);
    ChangeReceipt { taken, repeated, ignored, left_out, changes }
}

/// The answer and the change to store, or the answer alone.
fn settle(
    system: &dyn System,
    targets: &AlertTargets,
    addressed: Option<&str>,
    entry: Entry,
    now: Timestamp,
) -> Result<(ChangeAnswer, ToldChange), ChangeAnswer> {
    let ignored = |change: String, outcome, reason| {
        Err(ChangeAnswer { change, outcome, target: None, service: None, reason: Some(reason) })
    };
    let ReceivedChange { key, place, mut change, state } = match entry {
        Entry::Unreadable { what, reason } => return ignored(what, ChangeOutcome::Unreadable, reason),
        Entry::NoEffect { what, reason } => return ignored(what, ChangeOutcome::NoEffect, reason),
        Entry::Change(change) => *change,
    };
    let what = shown(&change.subject, MAX_SHOWN_CHARS);
    let target = match target(targets, addressed, &place, change.service.as_deref()) {
        Ok(target) => target,
        Err(reason) => return ignored(what, ChangeOutcome::NoTarget, reason),
    };
    let here = (place.cluster.as_deref(), place.namespace.as_deref());
    change.service = change.service.map(|service| target.service(here, service));
    let target = target.name.clone();
    let age_ms = now.ms().saturating_sub(change.at.ms());
    if !(-AHEAD_MS..=OLDEST_MS).contains(&age_ms) {
        let when = if age_ms < 0 { "is in the future: see the sender's clock" } else { "is more than 7 days ago" };
        return ignored(what, ChangeOutcome::OutOfTime, format!("its time, {}, {when}", change.at.rfc3339()));
    }
    let services: Vec<String> =
        system.services(&target).map(|all| all.into_iter().map(|s| s.service).collect()).unwrap_or_default();
    let service = change.service.as_deref().map(|named| (named, service_named(named, &services).map(str::to_owned)));
    let (service, reason) = match service {
        None => (None, None),
        // Nothing has been observed yet, so whether this service exists is not known.
        Some((named, None)) if services.is_empty() => (Some(named.to_owned()), None),
        Some((named, None)) => {
            let reason = format!(
                "the metrics of {target} know no service {named:?}: it is kept as a change of no single service"
            );
            (None, Some(reason))
        }
        Some((_, known)) => (known, None),
    };
    let answer =
        ChangeAnswer { change: what, outcome: ChangeOutcome::Taken, target: Some(target.clone()), service, reason };
    Ok((answer, ToldChange { target, key, change, received: now, state }))
}

/// The target by its own name, by an environment that equals its name or namespace, or by namespace and cluster.
fn target<'a>(
    targets: &'a AlertTargets,
    addressed: Option<&str>,
    place: &Place,
    service: Option<&str>,
) -> Result<&'a AlertTarget, String> {
    let whose = Whose {
        target: place.target.as_deref(),
        namespace: place.namespace.as_deref(),
        cluster: place.cluster.as_deref(),
        service,
    };
    let environment = place.environment.as_deref().filter(|_| addressed.or(whose.target).or(whose.namespace).is_none());
    let by_environment = environment.and_then(|environment| targets.called(environment));
    by_environment.map_or_else(|| targets.find_for(addressed, &whose), Ok)
}
