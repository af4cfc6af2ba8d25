//! What a watch does at a poll whose data cannot be judged: alerts and burning objectives open an incident all the same, or join the open ones.
//!
//! They may be over when the data is back, and then nothing would tell of them. Such an incident has no cause and no report, and its title says why.
//! It is diagnosed as soon as there is data, and followed like any other from then on. Nothing is closed before that.

use super::Watch;
use super::model::{Alert, Reported, WatchHealth, WatchInput, WatchOutcome};
use super::quiet::Assessment;
use super::scope::{Callers, Scope};
use super::share;
use super::titles;
use crate::incident::{Incident, Severity, SloImpact};
use crate::topology::CallGraph;

impl Watch {
    /// Processes a poll whose data cannot be judged, or that returned none. The changes must be stored before the next call.
    pub fn evaluate_unjudged(&mut self, reported: &Reported<'_>) -> Vec<Incident> {
        if reported.alerts.is_empty() && reported.slos.is_empty() {
            return Vec::new();
        }
        if !self.open.is_empty() {
            return self.join_unjudged(reported);
        }
        let assessment = Assessment::unjudged(reported, self.closed.last());
        vec![self.open(reported.now, &assessment, None, reported.alerts, reported.slos)]
    }

    /// The outcome of a poll whose data is there and cannot be judged.
    pub(super) fn unjudged(&mut self, health: WatchHealth, input: &WatchInput<'_>) -> WatchOutcome {
        let WatchInput { now, slos, alerts, .. } = *input;
        let data_since = Some(input.observation.frame.span().start);
        let changes =
            self.evaluate_unjudged(&Reported { now, slos, alerts, why: &titles::unjudged(&health), data_since });
        let (signs, wanted_days) = (Vec::new(), Vec::new());
        WatchOutcome { health, changes, report: None, signs, disturbed: 0.0, wanted_days }
    }

    /// Without data it is not known who calls whom, so whatever belongs to no open incident by its own services joins the latest.
    fn join_unjudged(&mut self, reported: &Reported<'_>) -> Vec<Incident> {
        let calls = CallGraph::new();
        let callers = Callers::of(&calls);
        let scopes: Vec<Scope> = self.open.iter().map(|o| Scope::of(o, &callers, &self.options)).collect();
        let claims = share::claims(&self.open, &scopes, (reported.alerts, reported.slos), &|_| true, false);
        let of_each = self.open.iter_mut().zip(claims.alerts.iter().zip(&claims.slos));
        let is_reported =
            |(alerts, slos): &(&Vec<Alert>, &Vec<(SloImpact, Severity)>)| !alerts.is_empty() || !slos.is_empty();
        let reported_of = of_each.filter(|(_, of)| is_reported(of));
        reported_of.filter_map(|(open, (alerts, slos))| open.join_unjudged(reported.now, (alerts, slos))).collect()
    }
}
