//! Whether a report tells the change that caused a fault, and blames none that did not.
//!
//! Only injected changes count as true, so a harmful change made by somebody else counts as wrong here. There is no score if the report could not see
//! changes.

use automap_core::report::{ChangeRole, ListedChange, Report};
use serde::Serialize;

use super::share::Share;
use crate::entry::Entry;
use crate::injection::Role;
use crate::kinds;

/// A change is dated at most this much before the injection began: a new pod exists before its version takes effect.
const MAX_BEFORE_MS: i64 = 120_000;
/// A change is dated at most this much after the injection began.
const MAX_AFTER_MS: i64 = 60_000;

/// The told changes compared with those that caused a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeBlame {
    /// Whether the change that caused the fault is told; `null` if no change did.
    pub is_told: Option<bool>,
    /// Changes that are told but caused nothing.
    pub wrong: Vec<String>,
}

impl ChangeBlame {
    /// Compares a report with the injected faults; `None` if the report could not see changes.
    pub(super) fn of(entries: &[Entry], report: &Report) -> Option<Self> {
        report.changes.observed_from?;
        let causes: Vec<&Entry> =
            entries.iter().filter(|e| e.role == Role::Cause && kinds::is_change(&e.kind)).collect();
        let told = report.changes.listed.iter().filter(|listed| listed.role == ChangeRole::Fits);
        let (right, wrong): (Vec<_>, Vec<_>) = told.partition(|listed| causes.iter().any(|c| is_it(c, listed)));
        let words = |l: &ListedChange| format!("{} {}", l.change.service.as_deref().unwrap_or("–"), l.summary);
        Some(Self {
            is_told: (!causes.is_empty()).then_some(!right.is_empty()),
            wrong: wrong.into_iter().map(words).collect(),
        })
    }

    /// The remark in a scorecard; empty if everything is right.
    pub(super) fn remark(&self) -> String {
        let told = (self.is_told == Some(false)).then(|| "does not tell the change".to_owned());
        let wrong = (!self.wrong.is_empty()).then(|| format!("blames a change: {}", self.wrong.join(", ")));
        told.into_iter().chain(wrong).collect::<Vec<_>>().join("; ")
    }
}

fn is_it(entry: &Entry, listed: &ListedChange) -> bool {
    let is_there = entry.services().iter().any(|service| listed.change.service.as_deref() == Some(*service));
    let is_then = entry.started.is_some_and(|started| {
        let after_ms = listed.change.at.ms() - started.ms();
        (-MAX_BEFORE_MS..=MAX_AFTER_MS + listed.change.uncertainty_ms).contains(&after_ms)
    });
    is_there && is_then
}

/// The same over all rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BlameTotals {
    /// Of the faults caused by a change, those whose change is told.
    pub told: Share,
    /// Of all rows whose report could see changes, those that blame a change that caused nothing.
    pub wrong: Share,
}

impl BlameTotals {
    /// `None` if no report could see changes.
    pub(super) fn of<'a>(rows: impl Iterator<Item = &'a ChangeBlame>) -> Option<Self> {
        let all: Vec<&ChangeBlame> = rows.collect();
        let by_change: Vec<bool> = all.iter().filter_map(|b| b.is_told).collect();
        (!all.is_empty()).then(|| Self {
            told: Share::of(by_change.iter().filter(|told| **told).count(), by_change.len()),
            wrong: Share::of(all.iter().filter(|b| !b.wrong.is_empty()).count(), all.len()),
        })
    }

    /// As shown to users.
    pub(super) fn words(&self) -> String {
        let (told, wrong) = (&self.told, &self.wrong);
        format!(
            "changes: {} of {} that hurt are told, {} of {} answers blame another",
            told.hits, told.of, wrong.hits, wrong.of
        )
    }
}
