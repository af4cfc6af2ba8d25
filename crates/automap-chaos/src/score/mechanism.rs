//! Whether a report tells how a fault does harm, and not only where.
//!
//! The report tells one mechanism for each named cause. It is right if it is one of the words for the injected mechanism ([`words_for`]), in the
//! cause that contains a service that was hit. The effect of a change is told by the change: there the mechanism is right if the change is told. If
//! no right cause is named, no mechanism is right.

use automap_core::report::{NamedCause, Report, VerdictKind};
use serde::Serialize;

use super::blame::ChangeBlame;
use super::share::Share;
use crate::entry::Entry;
use crate::kinds::{is_change, mechanism, words_for};

/// The mechanism of one fault, and what the report tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MechanismScore {
    /// How the fault does harm.
    pub expected: String,
    /// What the report tells, for the cause that contains a service that was hit; `null` if there is none.
    pub told: Option<String>,
    /// Whether that is right.
    pub is_right: bool,
}

impl MechanismScore {
    /// Compares a report with the injected faults; `None` for several faults at once, and if the mechanism is unknown.
    ///
    /// # Arguments
    /// - `right`: names that are right.
    /// - `changes`: which changes the report tells.
    pub(super) fn of(
        entries: &[Entry],
        right: &[&str],
        report: &Report,
        changes: Option<&ChangeBlame>,
    ) -> Option<Self> {
        let [entry] = entries else { return None };
        let expected = mechanism(&entry.kind, &entry.action)?;
        let is_named = report.verdict.kind == VerdictKind::Cause;
        let holds = |cause: &&NamedCause| cause.services.iter().any(|s| right.contains(&s.as_str()));
        let cause = report.verdict.causes.iter().find(holds).filter(|_| is_named);
        let told = cause.and_then(|c| c.mechanism.clone());
        let is_right = match (cause, &told) {
            (None, _) => false,
            (Some(_), _) if is_change(&entry.kind) => changes.is_some_and(|c| c.is_told == Some(true)),
            (Some(_), Some(told)) => speaks_of(told, expected),
            (Some(_), None) => false,
        };
        Some(Self { expected: expected.to_owned(), told, is_right })
    }

    /// The remark in a scorecard; empty if it is right, or no right cause is named.
    pub(super) fn remark(&self) -> String {
        match &self.told {
            Some(told) if !self.is_right => format!("tells {told:?} for {}", self.expected),
            _ => String::new(),
        }
    }
}

/// Whether these words mean this mechanism.
///
/// Example: "Waiting for locks" means `store locks`, "disk busy" means `node disk`, and "slow" means neither.
fn speaks_of(told: &str, expected: &str) -> bool {
    let told = told.to_lowercase();
    words_for(expected).contains(&told.as_str())
}

/// The same over all rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MechanismTotals {
    /// Of all faults with a known mechanism, those whose mechanism is told.
    pub right: Share,
}

impl MechanismTotals {
    /// `None` if no mechanism is known.
    pub(super) fn of<'a>(rows: impl Iterator<Item = &'a MechanismScore>) -> Option<Self> {
        let all: Vec<&MechanismScore> = rows.collect();
        let right = all.iter().filter(|m| m.is_right).count();
        (!all.is_empty()).then(|| Self { right: Share::of(right, all.len()) })
    }

    /// As shown to users.
    pub(super) fn words(&self) -> String {
        format!("the right mechanism told in {}", self.right.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mechanism_is_told_by_its_own_words_only() {
        for (told, expected, is_right) in [
            ("waiting for locks", "store locks", true),
            ("slow", "store locks", false),
            ("CPU used", "node cpu", true),
            ("cpu", "noisy neighbour", true),
            ("slow as its callers see it", "slow code", false),
            ("slow", "slow code", true),
            ("network", "partition", true),
            ("changed", "release", false),
            ("failing lookups", "dns", true),
        ] {
            assert_eq!(speaks_of(told, expected), is_right, "{told} for {expected}");
        }
    }
}
