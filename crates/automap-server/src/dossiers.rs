//! Caches the latest dossiers. A page requests its data, its map and its files one after the other, and each needs the same metrics and the same
//! analysis; the revision of the incident shows whether they are still current.

use std::collections::VecDeque;
use std::sync::Arc;

use automap_core::dossier::Dossier;
use automap_core::incident::Incident;
use parking_lot::Mutex;

/// Most dossiers that are kept: one for each incident viewed at the same time.
const MAX_KEPT: usize = 8;

/// Dossiers by incident and revision, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Dossiers {
    kept: Mutex<VecDeque<(String, u64, Arc<Dossier>)>>,
}

impl Dossiers {
    /// The dossier of this revision of the incident, or a new one from `make`. Two concurrent callers may both make one.
    pub(crate) fn get_or_make<E>(
        &self,
        incident: &Incident,
        make: impl FnOnce() -> Result<Dossier, E>,
    ) -> Result<Arc<Dossier>, E> {
        let is_it =
            |(id, revision, _): &&(String, u64, Arc<Dossier>)| *id == incident.id && *revision == incident.revision;
        if let Some((_, _, dossier)) = self.kept.lock().iter().find(is_it) {
            return Ok(Arc::clone(dossier));
        }
        let made = Arc::new(make()?);
        let mut kept = self.kept.lock();
        kept.retain(|(id, _, _)| *id != incident.id);
        if kept.len() >= MAX_KEPT {
            kept.pop_front();
        }
        kept.push_back((incident.id.clone(), incident.revision, Arc::clone(&made)));
        Ok(made)
    }
}
