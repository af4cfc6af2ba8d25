//! Finds whether more requests than usual enter through a gateway: the services behind it are then busy with user requests, not faulty.
//!
//! A surge makes the weakest service behind a gateway slow, and every series of that service shows it. Unlike in a fault of the service, the requests
//! of gateway and service rise in about the same proportion. So the gateway is weighed against each service whose requests rose with its own, by the
//! size of the surge. Without a gateway among the entities this module finds nothing. Not covered: clients that retry after failures, which look the
//! same from outside; surges below one and a half times the usual do not count.
//!
//! Worked example: three times the requests enter, evidence 2, and carts gets three times the requests and becomes slow. The gateway weighs (1 + 2)²
//! · (3 − 1)² = 36 against (1 + 1)² = 4 for carts, whose CPU has evidence of 1 beyond what the load explains. If carts got no more requests than
//! before, the gateway would weigh nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::anomaly::{Anomalies, CLEAR, Rows, SeriesEvidence};
use crate::entity::{Entities, EntityKind};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::THROUGHPUT_RPS;
use crate::stats::mean;
use crate::topology::CallGraph;

/// A smaller multiple of the usual requests is no surge.
const SMALLEST_SURGE: f64 = 1.5;
/// A service follows a surge if its requests rose by at least this share of it.
const FOLLOWS: f64 = 0.5;
/// Upper bound for the square of the surge's relative rise.
const MOST_WEIGHT: f64 = 4.0;

/// A surge at a gateway.
#[derive(Debug)]
struct Surge {
    /// Its likelihood relative to a service whose own resources did not move, which is 1.
    weight: f64,
    /// The services behind the gateway that get more requests because of it.
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

    /// The gateways whose surge may be what keeps a service busy.
    pub(super) fn may_hold_up(&self, service: ServiceIdx) -> impl Iterator<Item = (ServiceIdx, f64)> {
        let of = self.0.iter().filter(move |(_, surge)| surge.asked_more.contains(&service));
        of.map(|(gateway, surge)| (*gateway, surge.weight))
    }

    /// Whether this gateway has a surge.
    pub(super) fn is_at(&self, gateway: ServiceIdx) -> bool {
        self.0.contains_key(&gateway)
    }
}
