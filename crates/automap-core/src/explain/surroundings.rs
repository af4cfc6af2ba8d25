//! Whether a service's surroundings fit it being the cause: the order of onsets, its callers, the other changes.

use super::model::{Condition, ConditionKind};
use super::subject::Subject;
use crate::frame::ServiceIdx;
use crate::metric::Family;
use crate::propagation::{Channel, Hop, HopState, OnsetSpan, PropagationOptions, Role};
use crate::rank::Engine;
use crate::rank::suspects::DECIDES;
use crate::report::impact::accounts_for;
use crate::time::Sentence;

/// Whether it changed before the services that it would have affected, and before the first of the ranking.
pub(super) fn order(subject: &Subject<'_>, me: ServiceIdx) -> Vec<Condition> {
    let spread = subject.spread;
    let first = spread.analysis.ranking.services.first().map(|f| f.service);
    // The first is dated by its most telling change, all others by the clearest one, as on the timeline.
    let dated = |service: ServiceIdx| {
        let s = spread.signals.of(service);
        let shown = if Some(service) == first { s.as_cause.or(s.clearest) } else { s.clearest };
        shown.and_then(|s| s.onset)
    };
    let Some(mine) = dated(me) else {
        let nothing = "it would need a beginning before its effects: no sharp one was found in its series".to_owned();
        return vec![Condition::new(ConditionKind::Onset, None, nothing)];
    };
    let other = first.filter(|f| *f != me).and_then(|f| Some((f, dated(f)?)));
    let against_first = other.map(|(f, onset)| against(mine, onset, spread.name(f)));
    let hops = spread.trace(Some(me)).hops;
    // The comparison with the first of the ranking is already in the list.
    let felt = hops.iter().filter(|h| h.from == me && h.channel == Channel::Response && Some(h.to) != first);
    against_first.into_iter().chain(felt.filter_map(|h| on_caller(h, spread.name(h.to)))).collect()
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1e3
}

fn on_caller(hop: &Hop, caller: &str) -> Option<Condition> {
    let (at, least, most) = hop.lag_ms()?;
    let (holds, text) = match hop.state {
        HopState::Consistent => (
            Some(true),
            format!("its caller {caller} changed {} s later ({} to {} s)", seconds(at), seconds(least), seconds(most)),
        ),
        HopState::Contradictory => (
            Some(false),
            format!(
                "it would need to have changed before its caller {caller}, which changed at least {} s earlier",
                seconds(-most)
            ),
        ),
        _ => (
            None,
            format!(
                "whether it changed before its caller {caller} the samples do not tell (within {} s)",
                seconds(most.max(-least))
            ),
        ),
    };
    Some(Condition { is: Some(seconds(at)), ..Condition::new(ConditionKind::Onset, holds, text) })
}

fn against(mine: OnsetSpan, first: OnsetSpan, name: &str) -> Condition {
    let (holds, text) = match HopState::of(Some(mine), Some(first)) {
        HopState::Consistent => {
            let text = Sentence::from("it changed (").time(mine.at).text(&format!(") before {name} did ("));
            (Some(true), text.time(first.at).text(")"))
        }
        HopState::Contradictory => {
            let late = seconds(mine.earliest.ms() - first.latest.ms());
            let text = Sentence::from(format!("it would need to have changed before {name} (")).time(first.at);
            let text = text.text(") but changed at ").time(mine.at).text(&format!(", at least {late} s later"));
            (Some(false), text)
        }
        _ => {
            let text = Sentence::from(format!("it would need to have changed before {name}: ")).time(mine.at);
            (None, text.text(" against ").time(first.at).text(", too close for the samples to tell"))
        }
    };
    Condition { is: Some(seconds(mine.at.ms() - first.at.ms())), ..Condition::new(ConditionKind::Onset, holds, text) }
}

/// Whether its callers suffer from it.
pub(super) fn callers(subject: &Subject<'_>, me: ServiceIdx) -> Option<Condition> {
    let clear = PropagationOptions::default().clear;
    let spread = subject.spread;
    let name = spread.name(me);
    let (mut suffer, mut maybe, mut calm, mut unseen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (from, _, _) in spread.observation.calls.edges().filter(|(_, to, _)| *to == name) {
        let caller = spread.analysis.frame.find(from);
        let is_sick = caller.is_some_and(|c| spread.signals.of(c).symptom.is_some());
        match caller.and_then(|c| subject.call(c, me)) {
            Some((_, s)) if s.evidence >= clear => suffer.push(from),
            Some((_, s)) if s.metric.family == Family::Latency || !is_sick => calm.push(from),
            _ if is_sick => maybe.push(from),
            _ if caller.is_some_and(|c| spread.rank(c).is_some()) => calm.push(from),
            _ => unseen.push(from),
        }
    }
    let list = |names: &[&str]| names.join(", ");
    let rest: Vec<&str> = maybe.iter().chain(&unseen).copied().collect();
    let (holds, text) = match (suffer.is_empty(), calm.is_empty(), rest.is_empty()) {
        (true, true, true) => return None,
        (false, true, true) => (Some(true), format!("its callers see it in their calls: {}", list(&suffer))),
        (true, true, false) if unseen.is_empty() => {
            (None, format!("its callers ({}) suffer, but their calls to it are not timed", list(&maybe)))
        }
        (_, true, false) => (None, format!("it is not known what these callers observe of it: {}", list(&rest))),
        (true, false, _) => (
            Some(false),
            format!("its callers would have to see it in their calls: {} {}", list(&calm), does_not(calm.len())),
        ),
        (false, false, _) => {
            let text = format!(
                "all its callers would have to see it in their calls: {} {}, {} {}",
                list(&suffer),
                if suffer.len() == 1 { "does" } else { "do" },
                list(&calm),
                does_not(calm.len())
            );
            (Some(false), text)
        }
    };
    Some(Condition::new(ConditionKind::Callers, holds, text))
}

/// Its own calls that show its symptom: the fault would have to be at its end of them.
pub(super) fn callees(subject: &Subject<'_>, me: ServiceIdx) -> Option<Condition> {
    let clear = PropagationOptions::default().clear;
    let spread = subject.spread;
    let called = spread.observation.calls.callees(spread.name(me));
    let shown: Vec<String> = called
        .filter_map(|to| subject.call(me, spread.analysis.frame.find(to)?))
        .filter(|(_, s)| s.evidence >= clear)
        .map(|(_, s)| spread.facts().line(s).summary)
        .collect();
    let text = format!("its own calls would have to be calm, or slow at its end of them: {}", shown.join(", "));
    (!shown.is_empty()).then(|| Condition::new(ConditionKind::Callees, Some(false), text))
}

/// The other changes that it would account for.
pub(super) fn reach(subject: &Subject<'_>, me: ServiceIdx) -> Option<Condition> {
    let roles = subject.spread.trace(Some(me)).roles;
    let of = |role: Role| -> Vec<&str> {
        let found = roles.iter().filter(|(s, r)| **r == role && **s != me);
        found.map(|(s, _)| subject.spread.name(*s)).collect()
    };
    let (victims, left) = (of(Role::Victim), of(Role::Unexplained));
    let all = victims.len() + left.len();
    if all == 0 {
        return None;
    }
    let text = match left.is_empty() {
        true => format!("it accounts for every other change ({})", victims.join(", ")),
        false => {
            format!(
                "it accounts for {} of {all} other changes: nothing leads from it to {}",
                victims.len(),
                left.join(", ")
            )
        }
    };
    let (is, needed) = (Some(victims.len() as f64), Some(all as f64));
    Some(Condition { is, needed, ..Condition::new(ConditionKind::Reach, Some(left.is_empty()), text) })
}

fn does_not(n: usize) -> &'static str {
    if n == 1 { "does not" } else { "do not" }
}

/// Its share of what users feel, if calls are measured; `None` otherwise, and for an engine that does not use it.
pub(super) fn share(subject: &Subject<'_>, service: ServiceIdx) -> Option<Condition> {
    let analysis = subject.spread.analysis;
    if analysis.suspects.weight < DECIDES || analysis.ranking.engine != Engine::Evidence {
        return None;
    }
    let sentence =
        |s: ServiceIdx| accounts_for(&analysis.frame, &analysis.impacts, &analysis.suspects, s).into_iter().next();
    let statement = match sentence(service) {
        Some(own) => return Some(Condition::new(ConditionKind::AccountsFor, Some(own.share >= 0.5), own.summary)),
        None => "it would have to account for a part of what users feel".to_owned(),
    };
    let first = analysis.ranking.services.first().map(|s| s.service).filter(|s| *s != service).and_then(sentence);
    let other = first.map_or_else(String::new, |f| format!(": {}", f.summary));
    Some(Condition::new(ConditionKind::AccountsFor, Some(false), format!("{statement}{other}")))
}
