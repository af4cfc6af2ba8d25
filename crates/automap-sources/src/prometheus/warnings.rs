//! The servers' warnings about answers that may be incomplete, each distinct one reported once.
//!
//! Thanos, Cortex and Mimir repeat the same warning with every answer while a store is down. Warnings are counted over all answers of an observation,
//! and each becomes one note. That an answer was partial is also kept with its query (`QueryState::Partial`): what is missing from a partial answer
//! cannot be called calm.

use std::collections::BTreeMap;

use automap_core::note::Note;

use super::error::excerpt;

/// Most distinct warnings that are reported; some contain addresses and times.
const MAX_TOLD: usize = 5;

/// Warnings and the number of answers that came with them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warnings(BTreeMap<String, usize>);

/// A warning in the form in which it is shown.
pub(crate) fn shown(warning: &str) -> String {
    excerpt(warning)
}

impl Warnings {
    /// Whether every answer was whole.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts the warnings of one answer.
    pub(crate) fn add(&mut self, of_answer: &[String]) {
        for warning in of_answer {
            *self.0.entry(shown(warning)).or_default() += 1;
        }
    }

    /// Counts those of other answers, too.
    pub(crate) fn extend(&mut self, other: &Self) {
        for (warning, answers) in &other.0 {
            *self.0.entry(warning.clone()).or_default() += answers;
        }
    }

    /// One note for each.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let mut all: Vec<(&String, usize)> = self.0.iter().map(|(warning, answers)| (warning, *answers)).collect();
        all.sort_by_key(|(_, answers)| std::cmp::Reverse(*answers));
        let told = |(warning, answers): &(&String, usize)| {
            let times = if *answers == 1 { "one answer".to_owned() } else { format!("{answers} answers") };
            Note::warning("partial_data", format!("the server warns that data is missing from {times}: {warning}"))
        };
        let mut notes: Vec<Note> = all.iter().take(MAX_TOLD).map(told).collect();
        if all.len() > MAX_TOLD {
            let text = format!("the server has {} more warnings that data is missing", all.len() - MAX_TOLD);
            notes.push(Note::warning("partial_data", text));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_is_told_once_with_its_count() {
        let mut warned = Warnings::default();
        let [down, none] = ["store b is down", "no store matched"].map(ToOwned::to_owned);
        warned.add(&[down.clone(), none]);
        warned.add(std::slice::from_ref(&down));
        let mut all = Warnings::default();
        all.extend(&warned);
        let told: Vec<String> = all.notes().into_iter().map(|n| n.message).collect();
        assert_eq!(
            told,
            [
                "the server warns that data is missing from 2 answers: store b is down",
                "the server warns that data is missing from one answer: no store matched"
            ]
        );
        all.add(&(0..20).map(|i| format!("at {i}")).collect::<Vec<_>>());
        assert_eq!((all.notes().len(), all.notes()[5].message.contains("17 more")), (MAX_TOLD + 1, true));
    }
}
