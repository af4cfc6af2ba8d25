//! The names that a mute may contain, as far as this process knows them.

use super::target::MonitoredTarget;
use crate::mutes::{Known, MuteRequest};
use crate::notify::glob::matches;
use crate::snapshots::Snapshots;
use crate::store::{IncidentFilter, MAX_PAGE, Store, StoreError};

/// The targets of the configuration, and the services of those that a mute covers: the ones observed now, and the ones in incidents. While one of
/// these targets has not been polled (or another replica watches it), its services are not known.
pub(super) fn known(
    targets: &[MonitoredTarget],
    snapshots: &Snapshots,
    store: &dyn Store,
    request: &MuteRequest,
) -> Result<Known, StoreError> {
    let names: Vec<String> = targets.iter().map(|t| t.target.name.clone()).collect();
    let is_muted = |name: &&String| request.targets.is_empty() || request.targets.iter().any(|p| matches(p, name));
    let mut known = Known { targets: names.clone(), services: Vec::new() };
    for name in names.iter().filter(is_muted) {
        let observed = snapshots.get(name).map(|snapshot| snapshot.services).unwrap_or_default();
        if observed.is_empty() {
            return Ok(Known { services: Vec::new(), ..known });
        }
        known.services.extend(observed.keys().cloned());
        let filter = IncidentFilter { target: Some(name.clone()), limit: MAX_PAGE, ..IncidentFilter::default() };
        known = known.with_services_of(&store.list(&filter)?);
    }
    Ok(known)
}
