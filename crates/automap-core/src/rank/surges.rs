//! Finds whether more requests than usual enter through a gateway: what is busy behind it then is busy with what users ask, and not at fault.
//!
//! A surge makes the weakest service behind a gateway slow, and every series of that service shows it. What tells it from a fault of the service is that the gateway
//! lets in more and the service is asked more in about the same measure. So the gateway is weighed beside each service whose requests rose with its own,
//! the more the larger the surge. Without a gateway among the entities this module says nothing. Left out: clients that ask again since they failed, which
//! look the same from outside; a surge below one and a half times the usual counts nothing.
//!
//! Worked example: three times the requests enter, evidence 2, and carts is asked three times as often and answers late. The gateway weighs (1 + 2)² · (3 − 1)² = 36
//! beside (1 + 1)² = 4 for carts, whose CPU has evidence of 1 beyond what the load explains. If carts were asked no more than before it would weigh nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::anomaly::{Anomalies, CLEAR, Rows, SeriesEvidence};
use crate::entity::{Entities, EntityKind};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::THROUGHPUT_RPS;
use crate::stats::mean;
use crate::topology::CallGraph;

/// Fewer times the usual requests are no surge.
const SMALLEST_SURGE: f64 = 1.5;
/// A service is asked more because of a surge if its requests rose by this part of it at least.
const FOLLOWS: f64 = 0.5;
/// The square of how much more enters counts up to this.
const MOST_WEIGHT: f64 = 4.0;

/// A surge at a gateway.
#[derive(Debug)]
struct Surge {
    /// How likely it is beside a service whose own resources did not move, which is 1.
    weight: f64,
    /// The services behind the gateway that are asked more because of it.
    asked_more: BTreeSet<ServiceIdx>,
}

/// The gateways of a frame through which clearly more requests enter.
#[derive(Debug, Default)]
pub(super) struct Surges(BTreeMap<ServiceIdx, Surge>);

impl Surges {
    /// Finds them. O(series + gateways · calls).
    pub(super) fn of(
        frame: &MetricFrame,
        rows: &Rows,
        entities: &Entities,
        anomalies: &Anomalies,
        calls: &CallGraph,
    ) -> Self {
        let times = |service: ServiceIdx| {
            let series = frame.get(service, THROUGHPUT_RPS, None)?;
            let of = |rows: &[usize]| mean(&series.values_at(rows));
            Some(of(&rows.incident) / of(&rows.baseline)).filter(|times| times.is_finite())
        };
        let surge = |gateway: ServiceIdx| {
            let is_it = |s: &&SeriesEvidence| s.service == gateway && s.metric.name == THROUGHPUT_RPS;
            let evidence = anomalies.series.iter().find(is_it).map(|s| s.evidence).filter(|e| *e >= CLEAR)?;
            let more = times(gateway).filter(|times| *times >= SMALLEST_SURGE)? - 1.0;
            let behind = calls.reached_from(frame.service(gateway)).into_iter().filter_map(|name| frame.find(name));
            let follows =
                |s: &ServiceIdx| *s != gateway && times(*s).is_some_and(|times| times >= 1.0 + FOLLOWS * more);
            let weight = (1.0 + evidence).powi(2) * (more * more).min(MOST_WEIGHT);
            Some(Surge { weight, asked_more: behind.filter(follows).collect() })
        };
        let gateways = entities.iter().filter(|(_, entity)| entity.kind == EntityKind::Gateway);
        let gateways = gateways.filter_map(|(name, _)| frame.find(name));
        Self(gateways.filter_map(|gateway| Some((gateway, surge(gateway)?))).collect())
    }

    /// The gateways whose surge may be what a service is busy with.
    pub(super) fn may_hold_up(&self, service: ServiceIdx) -> impl Iterator<Item = (ServiceIdx, f64)> {
        let of = self.0.iter().filter(move |(_, surge)| surge.asked_more.contains(&service));
        of.map(|(gateway, surge)| (*gateway, surge.weight))
    }

    /// Whether more enters through it.
    pub(super) fn is_at(&self, gateway: ServiceIdx) -> bool {
        self.0.contains_key(&gateway)
    }
}
