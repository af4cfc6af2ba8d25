//! The latest dossiers that were asked for. A page asks for its data, its map and its files one after the other, and each needs the same
//! metrics and the same analysis; an incident's revision says whether they are still the same.

use std::collections::VecDeque;
use std::sync::Arc;

use automap_core::dossier::Dossier;
use automap_core::incident::Incident;
use parking_lot::Mutex;

/// Most dossiers that are kept: the incidents that are looked at at once.
const MAX_KEPT: usize = 8;

/// Dossiers by incident and revision, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Dossiers {
    kept: Mutex<VecDeque<(String, u64, Arc<Dossier>)>>,
}

impl Dossiers {
    /// The one of this revision of the incident, else what `make` makes. Two that ask at once may both make one.
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
