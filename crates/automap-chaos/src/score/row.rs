//! One row of a scorecard: an injected fault, or a period without one, compared with the diagnosis.
//!
//! The diagnosis never sees the fault; the two are first combined here.

use std::collections::BTreeMap;

use automap_core::report::{Cause, NamedCause, Report, VerdictKind};
use automap_core::time::{Timestamp, as_rfc3339};
use serde::Serialize;

use super::blame::ChangeBlame;
use super::effect::{Effect, Felt, effect};
use super::mechanism::MechanismScore;
use super::outcome::Outcome;
use super::sets::{FaultyService, SetScore};
use crate::entry::{Entry, State};
use crate::injection::Role;
use crate::kinds;

/// The answer to one question.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The diagnosis, made without knowledge of the fault.
    pub report: &'a Report,
    /// The same data, evaluated with the start of the fault known: whether it had an effect at all. `None`: only the report is used.
    pub felt: Option<&'a Felt>,
    /// When the first answer named a cause, or a watcher opened an incident; `None`: never.
    pub detected: Option<Timestamp>,
}

/// One fault, or one quiet stretch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Name of the experiment, or of the quiet stretch.
    pub experiment: String,
    /// `NetworkChaos delay`; `nothing`.
    pub fault: String,
    /// Services that were hit.
    pub truth: Vec<String>,
    /// The other ends of a network fault that affects only some connections.
    pub peers: Vec<String>,
    /// Share of their pods; `null` if unknown.
    pub fraction: Option<f64>,
    /// Start of the fault.
    #[serde(with = "as_rfc3339::option")]
    pub started: Option<Timestamp>,
    /// End of the fault.
    #[serde(with = "as_rfc3339::option")]
    pub ended: Option<Timestamp>,
    /// Seconds from the start to the detection; `null`: not detected, or not evaluated.
    pub detected_after_s: Option<f64>,
    /// The service named, the first of `causes`; `null` if there is none.
    pub named: Option<String>,
    /// All named causes, each one service or a pair that cannot be distinguished.
    pub causes: Vec<Vec<String>>,
    /// The named causes compared with the faults; `null` if nothing was injected, or nothing was evaluated.
    pub set: Option<SetScore>,
    /// The candidate ranked first, named or not.
    pub first: Option<String>,
    /// Rank of the first service hit among the candidates.
    pub rank: Option<usize>,
    /// Rank of the first service at either end of the faulty connections. A connection is equally broken at both ends, and if a service has one
    /// caller no metric distinguishes them.
    pub rank_of_either_end: Option<usize>,
    /// The family of metrics that the fault moves first.
    pub expected_metric: Option<String>,
    /// Rank of that family in the evidence of the service hit; `null` if it is not included.
    pub metric_rank: Option<usize>,
    /// Confidence of the first candidate.
    pub confidence: Option<f64>,
    /// The outcome.
    pub outcome: Outcome,
    /// A remark; may be empty.
    pub remark: String,
    /// Services where something harmless happened at the same time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decoys: Vec<String>,
    /// Which changes the answer tells; `None` if it could not see changes, or was not evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeBlame>,
    /// Whether the answer tells how the fault does harm; `None` without a fault, and for several at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<MechanismScore>,
}

impl Row {
    /// A fault and its answer. Several entries are simultaneous faults: the rank is that of the first of their services, and the set shows whether
    /// all of them are named. Decoys are not faults: a period with nothing else has no fault, and naming a decoy is wrong.
    pub fn scored(name: &str, entries: &[Entry], answered: Answered<'_>) -> Self {
        let decoys = services_of(entries, Role::Decoy);
        let causes: Vec<Entry> = entries.iter().filter(|e| e.role == Role::Cause).cloned().collect();
        let mut row = match causes.is_empty() && !decoys.is_empty() {
            true => Self { fault: format!("nothing but {}", words(entries)), ..Self::quiet(name, answered) },
            false => Self::of_causes(name, &causes, answered),
        };
        row.decoys = decoys.into_iter().filter(|d| !row.truth.contains(d)).collect();
        let named: Vec<&str> =
            row.causes.iter().flatten().filter(|s| row.decoys.contains(s)).map(String::as_str).collect();
        if !named.is_empty() {
            let remark = format!("names a decoy: {}", named.join(", "));
            row.remark_first(&remark);
        }
        row.changes = ChangeBlame::of(entries, answered.report);
        row.remark_first(&row.changes.as_ref().map_or_else(String::new, ChangeBlame::remark));
        if row.outcome.is_of_fault() {
            let right: Vec<&str> = row.right_names(&causes).collect();
            row.mechanism = MechanismScore::of(&causes, &right, answered.report, row.changes.as_ref());
            row.remark_first(&row.mechanism.as_ref().map_or_else(String::new, MechanismScore::remark));
        }
        row
    }

    /// The right names: the services that were hit, and the other end if either end is right.
    fn right_names<'a>(&'a self, entries: &[Entry]) -> impl Iterator<Item = &'a str> {
        let is_either = entries.iter().any(|e| kinds::is_told_by_either_end(&e.kind));
        self.truth.iter().chain(self.peers.iter().filter(move |_| is_either)).map(String::as_str)
    }

    /// Puts a remark before the existing ones.
    fn remark_first(&mut self, remark: &str) {
        let all = [remark, &self.remark];
        self.remark = all.into_iter().filter(|r| !r.is_empty()).collect::<Vec<_>>().join("; ");
    }

    fn of_causes(name: &str, entries: &[Entry], answered: Answered<'_>) -> Self {
        let mut row = Self::bare(name, entries);
        row.answer(answered.report);
        let detected = row.started.zip(answered.detected).map(|(from, at)| at.ms() - from.ms());
        row.detected_after_s = detected.filter(|ms| *ms >= 0).map(|ms| ms as f64 / 1e3);
        if row.truth.is_empty() {
            return Self::unscored(name, entries, not_known(entries));
        }
        row.set = Some(SetScore::of(&faulty_services(entries), &row.causes));
        let right: Vec<String> = row.right_names(entries).map(ToOwned::to_owned).collect();
        let hit = answered.report.causes.iter().find(|c| right.contains(&c.service));
        row.rank = hit.map(|c| c.rank);
        let either = |c: &&Cause| row.truth.contains(&c.service) || row.peers.contains(&c.service);
        row.rank_of_either_end = answered.report.causes.iter().find(either).map(|c| c.rank);
        row.metric_rank = hit.zip(row.expected_metric.as_deref()).and_then(|(c, family)| metric_rank(c, family));
        let is_named = row.causes.iter().flatten().any(|named| right.contains(named));
        let weak =
            entries.iter().map(|e| e.ineffective.as_deref()).collect::<Option<Vec<_>>>().filter(|w| !w.is_empty());
        row.outcome = match (row.rank, &weak) {
            _ if is_named => Outcome::Named,
            // The fault is known to have hardly any effect: naming no service is right, naming a wrong one is not.
            (_, Some(_)) if row.named.is_none() => Outcome::Quiet,
            (_, Some(_)) => Outcome::FalseAlarm,
            (Some(1), None) => Outcome::First,
            (Some(2 | 3), None) => Outcome::AmongThree,
            _ => Outcome::Missed,
        };
        match (weak, row.outcome) {
            (Some(weak), _) => row.remark = weak.join("; "),
            (None, Outcome::Missed) => row.missed(answered),
            (None, Outcome::Named) => row.remark = row.set.map_or_else(String::new, not_exact),
            (None, _) => {}
        }
        row
    }

    /// Sets the effect of a fault that was not found; without any effect, or if none could be observed, it is not an ordinary miss.
    fn missed(&mut self, answered: Answered<'_>) {
        let of_report = || effect(answered.report, &self.truth);
        let effect = answered.felt.map_or_else(of_report, |felt| felt.effect(&self.truth));
        let is_silent = self.named.is_none();
        let at = self.truth.join(", ");
        let remark = match effect {
            Effect::Moved(numbers) => numbers.join("; "),
            Effect::None => {
                self.outcome = if is_silent { Outcome::NoEffect } else { Outcome::Missed };
                self.remark.clear();
                format!("in place, but users felt nothing, and nothing at {at} moved beyond noise")
            }
            Effect::NotObserved(missing) => {
                self.outcome = if is_silent { Outcome::NotObserved } else { Outcome::Missed };
                let what = if missing.is_empty() { String::new() } else { format!(": {}", missing.join("; ")) };
                format!("whether it had an effect cannot be seen{what}")
            }
        };
        let before = std::mem::replace(&mut self.remark, remark);
        self.remark_first(&before);
    }

    /// All named causes, for users: `payment + catalogue or catalogue-db`; `none`.
    pub fn answer_words(&self) -> String {
        if self.causes.is_empty() {
            return "none".to_owned();
        }
        self.causes.iter().map(|services| services.join(" or ")).collect::<Vec<_>>().join(" + ")
    }

    /// A period in which no fault was injected.
    pub fn quiet(name: &str, answered: Answered<'_>) -> Self {
        let mut row = Self::bare(name, &[]);
        row.answer(answered.report);
        row.changes = ChangeBlame::of(&[], answered.report);
        row.remark_first(&row.changes.as_ref().map_or_else(String::new, ChangeBlame::remark));
        row.outcome = if row.named.is_some() { Outcome::FalseAlarm } else { Outcome::Quiet };
        row
    }

    /// A fault that hit no pod, or that cannot be diagnosed.
    pub fn unscored(name: &str, entries: &[Entry], remark: impl Into<String>) -> Self {
        let mut row = Self::bare(name, entries);
        if entries.iter().any(|e| e.state == State::NothingInjected) && row.truth.is_empty() {
            row.outcome = Outcome::NothingInjected;
        }
        row.remark = remark.into();
        row
    }

    fn bare(name: &str, entries: &[Entry]) -> Self {
        let truth = services_of(entries, Role::Cause);
        let mut peers: Vec<String> = entries.iter().flat_map(|e| e.peers.iter().cloned()).collect();
        peers.sort_unstable();
        peers.dedup();
        let ended = entries.iter().map(|e| e.ended).collect::<Option<Vec<_>>>();
        Self {
            experiment: name.to_owned(),
            fault: if entries.is_empty() { "nothing".to_owned() } else { words(entries) },
            truth,
            peers,
            fraction: entries.first().and_then(|e| e.fraction),
            started: entries.iter().filter_map(|e| e.started).min(),
            ended: ended.and_then(|all| all.into_iter().max()),
            detected_after_s: None,
            named: None,
            causes: Vec::new(),
            set: None,
            first: None,
            rank: None,
            rank_of_either_end: None,
            expected_metric: entries.first().and_then(|e| e.expected_metric.clone()),
            metric_rank: None,
            confidence: None,
            outcome: Outcome::NotScored,
            remark: String::new(),
            decoys: Vec::new(),
            changes: None,
            mechanism: None,
        }
    }

    fn answer(&mut self, report: &Report) {
        if report.verdict.kind == VerdictKind::Cause {
            self.named.clone_from(&report.verdict.service);
            self.causes = named_causes(report);
        }
        self.first = report.causes.first().map(|c| c.service.clone());
        self.confidence = Some(report.verdict.confidence);
        self.remark = match report.verdict.kind {
            VerdictKind::NoIncident => "no incident".to_owned(),
            VerdictKind::NotEnoughEvidence => "not enough evidence".to_owned(),
            VerdictKind::CannotTell => "cannot tell".to_owned(),
            VerdictKind::Cause => String::new(),
        };
    }

    /// For tables, in the order of their header.
    pub(super) fn cells(&self) -> [String; 9] {
        let dash = || "–".to_owned();
        let was_asked = self.confidence.is_some();
        let place = |rank: Option<usize>| rank.map_or_else(|| "none".to_owned(), |r| r.to_string());
        let has_truth = was_asked && !self.truth.is_empty();
        let first = || self.first.as_ref().map_or_else(|| "none".to_owned(), |f| format!("({f})"));
        let answer = if self.causes.is_empty() { first() } else { self.answer_words() };
        let share = self.fraction.filter(|f| *f < 1.0).map_or_else(String::new, |f| format!(" {:.0} %", f * 100.0));
        let towards = if self.peers.is_empty() { String::new() } else { format!(" ↔ {}", self.peers.join(", ")) };
        let metric = match &self.expected_metric {
            Some(family) if has_truth => format!("{family} {}", place(self.metric_rank)),
            _ => dash(),
        };
        let result = match self.remark.as_str() {
            "" => self.outcome.as_str().to_owned(),
            remark => format!("{}: {remark}", self.outcome.as_str()),
        };
        [
            self.experiment.clone(),
            self.fault.clone(),
            if self.truth.is_empty() { dash() } else { self.truth.join(", ") + &share + &towards },
            if was_asked { answer } else { dash() },
            if has_truth { place(self.rank) } else { dash() },
            metric,
            self.detected_after_s.map_or_else(dash, |s| format!("{s:.0} s")),
            self.confidence.map_or_else(dash, |c| format!("{c:.2}")),
            result,
        ]
    }
}

/// The injected faults in words: `NetworkChaos delay, Release slow`.
fn words(entries: &[Entry]) -> String {
    let what = |e: &Entry| format!("{} {}", e.kind, e.action).trim_end().to_owned();
    let mut all: Vec<String> = entries.iter().map(what).collect();
    all.dedup();
    all.join(", ")
}

/// Services hit by entries of a role, each once.
fn services_of(entries: &[Entry], role: Role) -> Vec<String> {
    let of_role = entries.iter().filter(|e| e.role == role);
    let mut all: Vec<String> = of_role.flat_map(Entry::services).map(ToOwned::to_owned).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The causes named by a report; reports before version 4 name one service.
pub fn named_causes(report: &Report) -> Vec<Vec<String>> {
    if report.verdict.kind != VerdictKind::Cause {
        return Vec::new();
    }
    let all: Vec<Vec<String>> = report.verdict.causes.iter().map(|c: &NamedCause| c.services.clone()).collect();
    if all.is_empty() { report.verdict.service.iter().map(|s| vec![s.clone()]).collect() } else { all }
}

/// The services that were hit, with the other ends of their connections.
pub fn faulty_services(entries: &[Entry]) -> Vec<FaultyService> {
    let mut all: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for entry in entries {
        entry.services().into_iter().for_each(|s| all.entry(s).or_default().extend(entry.peers.iter().cloned()));
    }
    let faulty = |(service, mut other_ends): (&str, Vec<String>)| {
        other_ends.sort_unstable();
        other_ends.dedup();
        FaultyService { service: service.to_owned(), other_ends }
    };
    all.into_iter().map(faulty).collect()
}

/// `1 of 2 faults`, `1 of 1 faults, 1 wrong`; empty if the set is exact.
fn not_exact(set: SetScore) -> String {
    let wrong = if set.named > set.right { format!(", {} wrong", set.named - set.right) } else { String::new() };
    if set.is_exact() { String::new() } else { format!("{} of {} faults{wrong}", set.right, set.faults) }
}

/// Why a fault without a known service cannot be scored.
fn not_known(entries: &[Entry]) -> String {
    let machines: Vec<&str> = entries.iter().flat_map(Entry::places).collect();
    let notes: Vec<&str> = entries.iter().flat_map(|e| e.notes.iter().map(String::as_str)).collect();
    match machines.is_empty() {
        true => notes.join("; "),
        false => format!("it hit {}; which services ran there is not known", machines.join(", ")),
    }
}

/// Rank of a family among the families of a cause's evidence, each counted once.
fn metric_rank(cause: &Cause, expected: &str) -> Option<usize> {
    let mut families: Vec<&str> = Vec::new();
    for evidence in &cause.evidence {
        let family = evidence.metric.family.as_str();
        if !families.contains(&family) {
            families.push(family);
        }
    }
    families.iter().position(|f| kinds::speaks_of(f, expected)).map(|i| i + 1)
}
