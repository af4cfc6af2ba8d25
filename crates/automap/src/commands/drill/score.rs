//! The score table of a drill.

use std::time::Duration;

use automap_core::report::{Report, VerdictKind};
use automap_lab::ledger::Injection;

use crate::live::{Episode, culprits};

/// One row.
#[derive(Debug)]
pub(super) struct Outcome {
    drill: String,
    /// `NetworkChaos delay`, or `nothing`.
    injected: String,
    /// Services really hit.
    truth: Vec<String>,
    /// The service named or, where none was, the verdict.
    answer: String,
    named: bool,
    /// Place of the first service really hit among the candidates.
    rank: Option<usize>,
    first_named_after: Option<Duration>,
    confidence: f64,
}

impl Outcome {
    pub(super) fn of(drill: &str, episode: &Episode) -> Self {
        Self::from_report(drill, &episode.injected, &episode.report, episode.first_named_after)
    }

    fn from_report(drill: &str, injected: &[Injection], report: &Report, first_named_after: Option<Duration>) -> Self {
        let truth: Vec<String> = culprits(injected).into_iter().map(ToOwned::to_owned).collect();
        let rank = report.causes.iter().find(|c| truth.contains(&c.service)).map(|c| c.rank);
        let verdict = match report.verdict.kind {
            VerdictKind::Cause => report.verdict.service.clone().unwrap_or_default(),
            VerdictKind::NoIncident => "no incident".to_owned(),
            VerdictKind::NotEnoughEvidence => "not enough evidence".to_owned(),
        };
        let what = |i: &Injection| format!("{} {}", i.kind, i.action);
        Self {
            drill: drill.to_owned(),
            injected: injected.first().map_or_else(|| "nothing".to_owned(), what),
            truth,
            answer: verdict,
            named: report.verdict.kind == VerdictKind::Cause,
            rank,
            first_named_after,
            confidence: report.verdict.confidence,
        }
    }

    fn is_quiet(&self) -> bool {
        self.truth.is_empty()
    }

    /// One line while the drill goes on.
    pub(super) fn line(&self) -> String {
        let truth = if self.is_quiet() { "nothing".to_owned() } else { self.truth.join(", ") };
        format!("{:<24} injected {truth:<14} answer {:<20} confidence {:.2}", self.drill, self.answer, self.confidence)
    }

    /// The aim: the truth first in 11 of 12 faults (the same share of fewer), always among the first three, and no
    /// cause named in a quiet window.
    pub(super) fn aim(outcomes: &[Self]) -> bool {
        let faults: Vec<&Self> = outcomes.iter().filter(|o| !o.is_quiet()).collect();
        let within = |k: usize| faults.iter().filter(|o| o.rank.is_some_and(|r| r <= k)).count();
        let quiet_named = outcomes.iter().any(|o| o.is_quiet() && o.named);
        within(1) * 12 >= faults.len() * 11 && within(3) == faults.len() && !quiet_named
    }
}

/// The table as Markdown, with a line that adds it up.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let header = ["drill", "injected", "at", "answer", "rank of the truth", "first named after", "confidence"];
    let mut rows = vec![header.map(ToOwned::to_owned)];
    for o in outcomes {
        let truth = if o.is_quiet() { "–".to_owned() } else { o.truth.join(", ") };
        let rank = match o.rank {
            _ if o.is_quiet() => "–".to_owned(),
            Some(rank) => rank.to_string(),
            None => "none".to_owned(),
        };
        let after = o.first_named_after.map_or_else(|| "–".to_owned(), |d| format!("{} s", d.as_secs()));
        rows.push([
            o.drill.clone(),
            o.injected.clone(),
            truth,
            o.answer.clone(),
            rank,
            after,
            format!("{:.2}", o.confidence),
        ]);
    }
    let widths: Vec<usize> =
        (0..header.len()).map(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0)).collect();
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().zip(&widths).map(|(c, w)| format!("{c:<w$}")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
    let mut out = line(&rows[0]) + &line(&rule);
    rows[1..].iter().for_each(|r| out += &line(r));
    out + "\n" + &summary(outcomes)
}

fn summary(outcomes: &[Outcome]) -> String {
    let faults: Vec<&Outcome> = outcomes.iter().filter(|o| !o.is_quiet()).collect();
    let within = |k: usize| faults.iter().filter(|o| o.rank.is_some_and(|r| r <= k)).count();
    let named = faults.iter().filter(|o| o.named && o.rank == Some(1)).count();
    let quiet = outcomes.len() - faults.len();
    let false_alarms = outcomes.iter().filter(|o| o.is_quiet() && o.named).count();
    format!(
        "truth first in {} of {n}, among the first three in {} of {n}; named as the cause in {named} of {n}; \
         a cause named in {false_alarms} of {quiet} quiet windows\n",
        within(1),
        within(3),
        n = faults.len(),
    )
}
