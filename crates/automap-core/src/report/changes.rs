//! Words the changes around the incident, and which of them may have started it.
//!
//! How well a change fits is decided in [`crate::rank::change_fit`]; this selects, orders and words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::round;
use crate::analysis::Analysis;
use crate::change::{Change, ChangeKind, ChangeLog};
use crate::frame::ServiceIdx;
use crate::quantity::duration;
use crate::rank::change_fit::{ChangeFit, TELLING};
use crate::time::{Interval, Timestamp, as_rfc3339};

/// How long before the incident changes are listed.
const BEFORE_MS: i64 = 3_600_000;
/// Changes in a report.
const MAX_LISTED: usize = 20;
/// Kinds that a sentence names.
const MAX_KINDS: usize = 3;
/// Evidence below this is not worth a sentence.
const FAINT: f64 = 0.5;

/// What was changed around the incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangesInfo {
    /// Start of the time in which changes were observed; `null` if they were not, which does not mean that there were none.
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    pub observed_from: Option<Timestamp>,
    /// Kinds of change that could not be observed.
    pub unseen: Vec<ChangeKind>,
    /// Changes from an hour before the incident to its end, in order of time: at most 20, deliberate ones preferred over those that happened by
    /// themselves.
    pub listed: Vec<ListedChange>,
    /// How many more there were in that time.
    pub omitted: usize,
    /// One sentence; empty if changes were not observed.
    pub summary: String,
}

/// A change around the time of the incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ListedChange {
    /// The change.
    pub change: Change,
    /// How it relates to the incident.
    pub role: ChangeRole,
    /// Seconds from the change to the onset of the incident; negative if the change came later.
    pub before_s: f64,
    /// What was changed, such as `release 1.4.2 → 1.4.3`.
    pub summary: String,
}

/// How a change relates to the incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeRole {
    /// It may have started the incident: it concerns a named service and fits the onset.
    Fits,
    /// It came before and does not stand out.
    Before,
    /// A deliberate change after the incident began.
    After,
    /// It happened by itself after the incident began, so it is a consequence.
    Consequence,
}

impl ChangeRole {
    /// The words in reports.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fits => "fits the onset",
            Self::Before => "before",
            Self::After => "after the onset",
            Self::Consequence => "a consequence",
        }
    }
}

/// The change that may have started a candidate's fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CauseChange {
    /// When.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub at: Timestamp,
    /// What kind.
    pub kind: ChangeKind,
    /// Log evidence that it adds in the ranking, 0 to 3: little if users do not feel what the service does.
    pub evidence: f64,
    /// The same as text: `release 1.4.2 → 1.4.3, 47 s before`.
    pub summary: String,
}

/// The changes of a report. `named` are the services that it names.
pub(super) fn changes(log: &ChangeLog, analysis: &Analysis, named: &[ServiceIdx]) -> ChangesInfo {
    let Some(observed) = log.observed else { return ChangesInfo::default() };
    let incident = analysis.windows.incident;
    let from = incident.start.plus_ms(-BEFORE_MS).max(observed.start);
    let in_time = |c: &Change| c.at >= from && c.at.ms() - c.uncertainty_ms < incident.end.ms();
    let telling = |i: usize| {
        let mut fits = analysis.change_fits.iter().filter(|(service, _)| named.contains(service));
        fits.any(|(_, fit)| fit.change == i && fit.evidence >= TELLING)
    };
    let mut listed: Vec<ListedChange> = log
        .changes
        .iter()
        .enumerate()
        .filter(|(_, change)| in_time(change))
        .map(|(i, change)| listed(change, role(change, incident, telling(i)), incident.start))
        .collect();
    let summary = summary(&listed, (observed, &log.unseen), incident.start);
    listed.sort_by_key(|l| (l.role != ChangeRole::Fits, !l.change.kind.is_deliberate(), l.before_s.abs() as i64));
    let omitted = listed.len().saturating_sub(MAX_LISTED);
    listed.truncate(MAX_LISTED);
    listed.sort_by(|a, b| a.change.cmp(&b.change));
    ChangesInfo { observed_from: Some(observed.start), unseen: log.unseen.clone(), listed, omitted, summary }
}

fn role(change: &Change, incident: Interval, is_telling: bool) -> ChangeRole {
    match (change.at <= incident.start, change.kind.is_deliberate()) {
        _ if is_telling => ChangeRole::Fits,
        (true, _) => ChangeRole::Before,
        (false, true) => ChangeRole::After,
        (false, false) => ChangeRole::Consequence,
    }
}

fn listed(change: &Change, role: ChangeRole, onset: Timestamp) -> ListedChange {
    let before_s = round((onset.ms() - change.at.ms()) as f64 / 1e3);
    ListedChange { change: change.clone(), role, before_s, summary: what(change) }
}

/// The change that is evidence for a candidate, or fits one that is named for its metrics; `None` if there is none.
pub(super) fn of_cause(
    log: &ChangeLog,
    analysis: &Analysis,
    (service, is_named): (ServiceIdx, bool),
) -> Option<CauseChange> {
    let fit = analysis
        .change_fits
        .get(&service)
        .filter(|fit| fit.counted >= FAINT || (is_named && fit.evidence >= TELLING))?;
    let change = log.changes.get(fit.change)?;
    let summary = format!("{}, {}", what(change), when(change, analysis.windows.incident.start));
    Some(CauseChange { at: change.at, kind: change.kind, evidence: round(fit.counted), summary })
}

/// `, 47 s after its release 1.4.2 → 1.4.3`: what the verdict adds to a named service; empty if no change fits well.
pub(super) fn since(log: &ChangeLog, analysis: &Analysis, service: ServiceIdx, is_pair: bool) -> String {
    let telling = |fit: &&ChangeFit| fit.evidence >= TELLING;
    let fit = analysis.change_fits.get(&service).filter(telling);
    let Some(change) = fit.and_then(|fit| log.changes.get(fit.change)) else { return String::new() };
    let whose = if is_pair { format!("{}: ", analysis.frame.service(service)) } else { String::new() };
    format!("; {whose}{}, {}", what(change), when(change, analysis.windows.incident.start))
}

/// `release 1.4.2 → 1.4.3`, `scaled 1 → 3`, `config map orders-settings changed`.
fn what(change: &Change) -> String {
    let words = match change.kind {
        ChangeKind::ConfigMap | ChangeKind::Secret => format!("{} changed", change.subject),
        ChangeKind::MeshConfig
        | ChangeKind::GatewayReload
        | ChangeKind::FeatureFlag
        | ChangeKind::Node
        | ChangeKind::NodeCondition => format!("{}: {}", change.kind.words(), change.subject),
        ChangeKind::Other => change.subject.clone(),
        kind => kind.words().to_owned(),
    };
    match (&change.from, &change.to) {
        (Some(from), Some(to)) => format!("{words} {from} → {to}"),
        (None, Some(to)) => format!("{words} {to}"),
        _ => words,
    }
}

/// `47 s before`, `1 min before or up to 2 min before`, `12 s after the onset`.
fn when(change: &Change, onset: Timestamp) -> String {
    let before = onset.ms() - change.at.ms();
    let earliest = before + change.uncertainty_ms;
    match before {
        // An uncertainty of a tenth of the distance makes no difference to a reader.
        ms if ms >= 0 && change.uncertainty_ms * 10 > ms => {
            format!("{} to {} before", duration(ms), duration(earliest))
        }
        ms if ms >= 0 => format!("{} before", duration(ms)),
        ms => format!("{} after the onset", duration(-ms)),
    }
}

/// `nothing changed in the hour before; not observed: secrets`, `nothing changed from 60 min to 12 min before; the last 12 min were not read`.
fn summary(listed: &[ListedChange], (observed, unseen): (Interval, &[ChangeKind]), onset: Timestamp) -> String {
    let fitting = listed.iter().find(|l| l.role == ChangeRole::Fits);
    if let Some(fits) = fitting {
        // It is an answer; what was not observed matters only without one.
        let service = fits.change.service.as_deref().unwrap_or(&fits.change.subject);
        return format!("{service} {}, {}, fits the onset", fits.summary, when(&fits.change, onset));
    }
    let earlier = listed.iter().filter(|l| l.change.at <= onset).count();
    let found = found(earlier, observed, onset);
    let mut kinds: Vec<&str> = unseen.iter().map(|k| k.noun()).collect();
    kinds.dedup();
    match kinds.len() {
        0 => found,
        n if n <= MAX_KINDS => format!("{found}; not observed: {}", kinds.join(", ")),
        n => format!("{found}; not observed: {} and {} more kinds", kinds[..MAX_KINDS].join(", "), n - MAX_KINDS),
    }
}

/// How many changes there were before the onset, as far as they were observed: the queries may have failed since.
fn found(earlier: usize, observed: Interval, onset: Timestamp) -> String {
    let from = (onset.ms() - observed.start.ms()).clamp(0, BEFORE_MS);
    let unread = whole_units((onset.ms() - observed.end.ms()).clamp(0, BEFORE_MS));
    let length = match from {
        BEFORE_MS => "hour".to_owned(),
        ms => duration(ms),
    };
    let found = match earlier {
        0 if from <= unread => return "changes before the incident were not read".to_owned(),
        0 if unread > 0 => format!("nothing changed from {} to {} before", duration(from), duration(unread)),
        0 => format!("nothing changed in the {length} before"),
        1 => format!("1 change in the {length} before, which does not stand out"),
        n => format!("{n} changes in the {length} before, none of which stands out"),
    };
    match unread {
        0 => found,
        ms => format!("{found}; the last {} were not read", duration(ms)),
    }
}

/// Rounded up to what [`duration`] writes, which rounds down: no time that was not read may count as read.
fn whole_units(ms: i64) -> i64 {
    const MINUTE_MS: i64 = 60_000;
    let unit = if ms > 2 * MINUTE_MS { MINUTE_MS } else { 1000 };
    (ms + unit - 1) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: ChangeKind, from: Option<&str>, to: Option<&str>) -> Change {
        Change {
            at: Timestamp::from_ms(1_000_000),
            kind,
            service: Some("orders".into()),
            subject: "config map orders-settings".into(),
            from: from.map(Into::into),
            to: to.map(Into::into),
            uncertainty_ms: 0,
            source: "test".into(),
            url: None,
        }
    }

    #[test]
    fn changes_in_words() {
        assert_eq!(what(&change(ChangeKind::Release, Some("1.4.2"), Some("1.4.3"))), "release 1.4.2 → 1.4.3");
        assert_eq!(what(&change(ChangeKind::Scaled, Some("1"), Some("3"))), "scaled 1 → 3");
        assert_eq!(what(&change(ChangeKind::Release, None, Some("1.4.3"))), "release 1.4.3");
        assert_eq!(what(&change(ChangeKind::ConfigMap, None, None)), "config map orders-settings changed");
    }

    #[test]
    fn times_in_words() {
        let release = change(ChangeKind::Release, None, None);
        let after = |ms: i64| Timestamp::from_ms(1_000_000 + ms);
        assert_eq!(when(&release, after(47_000)), "47 s before");
        assert_eq!(when(&release, after(-12_000)), "12 s after the onset");
        let vague = Change { uncertainty_ms: 60_000, ..release };
        assert_eq!(when(&vague, after(47_000)), "47 s to 107 s before");
        assert_eq!(when(&vague, after(3_600_000)), "60 min before");
    }

    #[test]
    fn nothing_changed_is_said_with_what_was_not_observed() {
        let words = summary(&[], (observed(-360, 5), &[ChangeKind::Secret]), ONSET);
        assert_eq!(words, "nothing changed in the hour before; not observed: secrets");
        assert_eq!(summary(&[], (observed(-30, 0), &[]), ONSET), "nothing changed in the 30 min before");
    }

    const ONSET: Timestamp = Timestamp::from_ms(36_000_000);

    /// These minutes around the onset.
    fn observed(from: i64, to: i64) -> Interval {
        Interval::new(ONSET.plus_ms(from * 60_000), ONSET.plus_ms(to * 60_000)).unwrap()
    }

    #[test]
    fn nothing_is_said_of_the_time_after_the_last_answer() {
        assert_eq!(
            summary(&[], (observed(-360, -12), &[]), ONSET),
            "nothing changed from 60 min to 12 min before; the last 12 min were not read"
        );
        let change = Change { at: ONSET.plus_ms(-1_800_000), ..change(ChangeKind::Release, None, None) };
        let listed = [listed(&change, ChangeRole::Before, ONSET)];
        assert_eq!(
            summary(&listed, (observed(-360, -12), &[]), ONSET),
            "1 change in the hour before, which does not stand out; the last 12 min were not read"
        );
        for (from, to) in [(-360, -60), (-360, -90), (1, 5)] {
            assert_eq!(summary(&[], (observed(from, to), &[]), ONSET), "changes before the incident were not read");
        }
        assert_eq!((whole_units(0), whole_units(89_001), whole_units(121_000)), (0, 90_000, 180_000));
    }
}
