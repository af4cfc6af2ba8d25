//! The explained service, with the look-ups that every part of an explanation needs.

use crate::anomaly::SeriesEvidence;
use crate::diagnose::DiagnoseOptions;
use crate::frame::ServiceIdx;
use crate::metric::Side;
use crate::propagation::TracedEffects;
use crate::rank::{PartSource, RankedService};
use crate::spread::Spread;
use crate::verdict::{Decision, Lead};

/// The explained service, and all data for the explanation.
pub(super) struct Subject<'a> {
    pub(super) spread: &'a Spread<'a>,
    pub(super) name: &'a str,
    /// `None` if it is only in the calls.
    pub(super) index: Option<ServiceIdx>,
    pub(super) options: &'a DiagnoseOptions,
    pub(super) lead: Lead,
    pub(super) decision: Decision,
    /// Traced from the first of the ranking.
    pub(super) traced: TracedEffects,
}

impl Subject<'_> {
    pub(super) fn ranked(&self) -> Option<&RankedService> {
        self.spread.analysis.ranking.services.iter().find(|s| Some(s.service) == self.index)
    }

    /// The first of the ranking, or the second if the service is the first.
    pub(super) fn other(&self) -> Option<&RankedService> {
        self.spread.analysis.ranking.services.iter().find(|s| Some(s.service) != self.index)
    }

    /// The strongest latency or error of the calls between two services, measured at the caller.
    pub(super) fn call(&self, caller: ServiceIdx, callee: ServiceIdx) -> Option<(usize, &SeriesEvidence)> {
        let series = self.spread.analysis.anomalies.series.iter().enumerate();
        let between = series.filter(|(_, s)| {
            s.service == caller
                && s.peer == Some(callee)
                && s.metric.side == Side::Client
                && s.metric.family.is_symptom()
        });
        between.max_by(|a, b| a.1.evidence.total_cmp(&b.1.evidence).then(b.0.cmp(&a.0)))
    }
}

/// A part of a score in words.
pub(super) fn part_name(source: &PartSource) -> String {
    match source {
        PartSource::Own(family) => format!("own {family}"),
        PartSource::SeenByCallers(family) => format!("{family} that only its callers see"),
        PartSource::NetworkGap => "network gap of its calls".to_owned(),
        PartSource::Missing => "samples missing".to_owned(),
        PartSource::Change => "changed shortly before".to_owned(),
        PartSource::Felt(kind) => format!("its part in {}", kind.words()),
    }
}
