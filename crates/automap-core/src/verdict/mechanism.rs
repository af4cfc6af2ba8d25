//! Decides which kind of fault a named service has.
//!
//! The evidence of its series decides, causes before consequences; where calls are measured, the attribution decides whether it is the network.
//! Wording is left to the report.

use std::collections::BTreeSet;

use super::{causal_weight, harmless};
use crate::analysis::Analysis;
use crate::anomaly::CLEAR;
use crate::change::ChangeKind;
use crate::frame::ServiceIdx;
use crate::metric::Family;
use crate::rank::suspects::{DECIDES, Suspect};
use crate::rank::{Part, PartSource, RankedService};

/// Share of a suspect's impact that lies in its network, from which the network is the kind of fault …
const NETWORK_SHARE: f64 = 0.5;
/// … and below which it is not.
const NO_NETWORK_SHARE: f64 = 0.1;

/// The source of evidence that best indicates the kind of fault of a service; `None` without any positive evidence.
pub fn mechanism(analysis: &Analysis, service: ServiceIdx) -> Option<PartSource> {
    let ranked = analysis.ranking.services.iter().find(|r| r.service == service)?;
    let suspect = analysis.suspects.of(service).filter(|_| analysis.suspects.weight >= DECIDES);
    most_telling(ranked, suspect, analysis.brought_about.get(&service))
}

/// `suspect` is the attribution's finding on the service, `changed` the kinds of its recent changes.
///
/// Within a service causes come before consequences: a memory leak raises the CPU load, CPU load raises the latency, and a dead container
/// affects everything, but not the reverse. Where calls are measured, they decide whether it is the network, or a surge through a gateway. Direct
/// effects of a change of the service, such as new pods, are ignored if something else is clear.
fn most_telling(
    service: &RankedService,
    suspect: Option<&Suspect>,
    changed: Option<&BTreeSet<ChangeKind>>,
) -> Option<PartSource> {
    if suspect.is_some_and(|suspect| suspect.is_surge) {
        return Some(PartSource::Own(Family::Throughput));
    }
    let network = suspect.map(Suspect::network_share);
    let fits = |p: &&Part| {
        p.evidence > 0.0 && (p.source != PartSource::NetworkGap || network.is_none_or(|n| n >= NO_NETWORK_SHARE))
    };
    let is_brought =
        |p: &&Part| changed.is_some_and(|kinds| kinds.iter().any(|kind| harmless::brings_about(*kind, &p.source)));
    let says_more = service.parts.iter().any(|p| p.evidence >= CLEAR && fits(&p) && !is_brought(&p));
    let fits = |p: &&Part| fits(p) && !(says_more && is_brought(p));
    let weight = |p: &&Part| (causal_weight(&p.source) * p.evidence, p.evidence);
    let best = service.parts.iter().filter(fits).max_by(|a, b| {
        weight(a).partial_cmp(&weight(b)).unwrap_or(std::cmp::Ordering::Equal).then(b.source.cmp(&a.source))
    })?;
    let is_symptom = match &best.source {
        PartSource::Own(family) | PartSource::SeenByCallers(family) => family.is_symptom(),
        PartSource::Felt(_) => true,
        PartSource::NetworkGap | PartSource::Missing | PartSource::Change => false,
    };
    let is_network = is_symptom && network.is_some_and(|n| n >= NETWORK_SHARE);
    Some(if is_network { PartSource::NetworkGap } else { best.source.clone() })
}

/// The words for what is wrong with a store, a broker, a connection pool, the DNS or a blocked host; `None` for other kinds of evidence.
pub fn store_words(family: &Family) -> Option<&'static str> {
    Some(match family {
        Family::Outage => "down",
        Family::Locks => "waiting for locks",
        Family::Connections => "connections exhausted",
        Family::Evictions => "out of memory, evicting",
        Family::Commands => "slow commands",
        Family::Queue => "work piles up",
        Family::Consumers | Family::Unconsumed => "no consumers",
        Family::Replication => "replication lags",
        Family::Pool => "waiting for pooled connections",
        Family::Lookups => "slow lookups",
        Family::FailedLookups => "failing lookups",
        Family::Blocked => "blocked by the mesh",
        Family::TakenOut => "taken out by its gateway",
        Family::Certificate => "certificate",
        _ => return None,
    })
}
