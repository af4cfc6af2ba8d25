//! Words what users feel and which services account for it.
//!
//! The numbers come from `attribution` and `rank::suspects`; this only rounds and words them.

use super::evidence::round;
use super::model::{AccountsFor, Arises, ImpactInfo};
use crate::anomaly::CLEAR;
use crate::attribution::{EntryImpact, Impact, ImpactKind, Place};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::Unit;
use crate::quantity::{change, value};
use crate::rank::suspects::{Suspect, SuspectImpact, Suspects};

/// A share that may be below this is not worth a sentence.
const WORTH_A_SENTENCE: f64 = 0.05;
/// Entries that a sentence names.
const MAX_ENTRIES: usize = 3;

/// What users feel, the clearest first; impacts that are not clear are left out.
pub(super) fn impacts(frame: &MetricFrame, impacts: &[Impact]) -> Vec<ImpactInfo> {
    let mut clear: Vec<&Impact> = impacts.iter().filter(|i| i.evidence >= CLEAR).collect();
    clear.sort_by(|a, b| b.evidence.total_cmp(&a.evidence).then(a.kind.cmp(&b.kind)));
    let info = |impact: &&Impact| ImpactInfo {
        kind: impact.kind,
        amount: round(impact.amount),
        entries: told(impact).map(|e| frame.service(e.service).to_owned()).collect(),
        summary: sentence(frame, impact),
    };
    clear.iter().map(info).collect()
}

/// Entries whose part is worth a sentence: the rest is within chance variation.
fn told(impact: &Impact) -> impl Iterator<Item = &EntryImpact> {
    impact.entries.iter().filter(|e| e.amount >= WORTH_A_SENTENCE * impact.amount)
}

/// `front-end: mean latency 24 → 86 ms, 1.9 more users waiting at any moment`.
fn sentence(frame: &MetricFrame, impact: &Impact) -> String {
    let (metric, unit) = match impact.kind {
        ImpactKind::Waiting => ("mean latency", Unit::Ms),
        ImpactKind::Failing => ("failed requests", Unit::Ratio),
    };
    let entry = |e: &EntryImpact| {
        let name = frame.service(e.service);
        if e.from.is_nan() || e.to.is_nan() {
            return format!("{name} (by its calls)");
        }
        format!("{name}: {metric} {}", change(Some(e.from), Some(e.to), unit))
    };
    let named: Vec<String> = told(impact).take(MAX_ENTRIES).map(entry).collect();
    let amount = match impact.kind {
        ImpactKind::Waiting => format!("{} more users waiting at any moment", plain(impact.amount)),
        ImpactKind::Failing => format!("{} more failures", value(impact.amount, Unit::PerS)),
    };
    format!("{}, {amount}", named.join(", "))
}

/// A count with two significant digits.
fn plain(amount: f64) -> String {
    match amount {
        a if a >= 10.0 => format!("{a:.0}"),
        a if a >= 1.0 => format!("{a:.1}"),
        a => format!("{a:.2}"),
    }
}

/// What one service accounts for, the largest share first.
pub(crate) fn accounts_for(
    frame: &MetricFrame,
    impacts: &[Impact],
    suspects: &Suspects,
    service: ServiceIdx,
) -> Vec<AccountsFor> {
    let Some(suspect) = suspects.of(service) else { return Vec::new() };
    let clear = |kind: ImpactKind| impacts.iter().find(|i| i.kind == kind && i.evidence >= CLEAR);
    let mut shares: Vec<AccountsFor> = suspect
        .impacts
        .iter()
        .filter(|part| part.low >= WORTH_A_SENTENCE)
        .filter_map(|part| Some(share_of(frame, clear(part.kind)?, suspect, part, service)))
        .collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.kind.cmp(&b.kind)));
    shares
}

fn share_of(
    frame: &MetricFrame,
    impact: &Impact,
    suspect: &Suspect,
    part: &SuspectImpact,
    service: ServiceIdx,
) -> AccountsFor {
    let name = |s: ServiceIdx| frame.service(s).to_owned();
    let (at, ends) = match part.place {
        Place::Service(_) => (Arises::Service, None),
        Place::Network { caller, callee } => (Arises::Network, Some((caller, callee))),
        Place::MoreCalls { caller, callee } => (Arises::MoreCalls, Some((caller, callee))),
        Place::Refused { caller, callee } => (Arises::RefusedCalls, Some((caller, callee))),
    };
    let or = suspect.services.iter().find(|s| **s != service).map(|s| name(*s));
    let who = or.as_ref().map_or_else(|| name(service), |or| format!("{} or {or}", name(service)));
    let subject = match (at, ends, &or) {
        (Arises::Network, _, None) => format!("the network of {who}"),
        (Arises::Network, _, Some(or)) => format!("the network between {} and {or}", name(service)),
        (Arises::MoreCalls, Some((_, callee)), _) => format!("{who}, with more calls to {} per request,", name(callee)),
        (Arises::RefusedCalls, Some((_, callee)), _) if callee != service => {
            format!("{who}, whose calls to {} get no answer,", name(callee))
        }
        (Arises::RefusedCalls, ..) => format!("{who}, which refuses or loses calls,"),
        _ => who,
    };
    let at_entries: Vec<&str> = told(impact).take(MAX_ENTRIES).map(|e| frame.service(e.service)).collect();
    let (low, high) = (part.low.min(part.share), part.high.max(part.share));
    let summary = format!(
        "{subject} accounts for {:.0} % ({:.0}–{:.0} %) of {} at {}",
        100.0 * part.share,
        100.0 * low,
        100.0 * high,
        part.kind.words(),
        at_entries.join(", ")
    );
    AccountsFor {
        kind: part.kind,
        share: round(part.share),
        low: round(low),
        high: round(high),
        at,
        caller: ends.map(|(caller, _)| name(caller)),
        callee: ends.map(|(_, callee)| name(callee)),
        or,
        summary,
    }
}
