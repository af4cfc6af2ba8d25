//! Changes that the store has not accepted yet: the newest revision of each incident, whose timeline contains what happened in between.
//!
//! So neither an opening nor an end is lost while the store is unavailable, however long. Only the number of incidents is bounded; beyond it the
//! oldest closed one is given up, and counted.

use automap_core::incident::Incident;

/// Most incidents that wait for an unavailable store: enough for hours.
pub(super) const MAX_UNSAVED: usize = 64;

/// The changes, in the order in which their incidents first waited.
#[derive(Debug, Default)]
pub(super) struct Unsaved(Vec<Incident>);

impl Unsaved {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many incidents wait.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the waiting revision under an id.
    pub(super) fn take(&mut self, id: &str) -> Option<Incident> {
        let at = self.0.iter().position(|i| i.id == id)?;
        Some(self.0.remove(at))
    }

    /// Takes all of them.
    pub(super) fn take_all(&mut self) -> Vec<Incident> {
        std::mem::take(&mut self.0)
    }

    /// Keeps the newest revision of an incident in place of an older one. Returns the incident that is given up for it, if there are too many.
    pub(super) fn keep(&mut self, change: Incident) -> Option<Incident> {
        if let Some(older) = self.0.iter_mut().find(|i| i.id == change.id) {
            *older = change;
            return None;
        }
        let given_up = (self.0.len() >= MAX_UNSAVED).then(|| {
            let over = self.0.iter().position(|i| !i.is_open()).unwrap_or(0);
            self.0.remove(over)
        });
        self.0.push(change);
        given_up
    }
}

#[cfg(test)]
mod tests {
    use automap_core::incident::IncidentState;
    use automap_core::time::Timestamp;

    use super::*;

    fn incident(n: usize, state: IncidentState) -> Incident {
        let at = Timestamp::from_ms(n as i64);
        Incident { state, ..Incident::new(format!("shop-{n}"), "shop", at, at) }
    }

    #[test]
    fn the_newest_revision_replaces_the_older_one_and_the_oldest_that_is_over_gives_way() {
        let mut unsaved = Unsaved::default();
        for n in 0..MAX_UNSAVED {
            let state = if n == 5 { IncidentState::Closed } else { IncidentState::Open };
            assert_eq!(unsaved.keep(incident(n, state)), None);
        }
        let newer = Incident { revision: 7, ..incident(3, IncidentState::Open) };
        assert_eq!((unsaved.keep(newer.clone()), unsaved.len()), (None, MAX_UNSAVED));
        let given_up = unsaved.keep(incident(900, IncidentState::Open));
        assert_eq!(given_up.map(|i| i.id).as_deref(), Some("shop-5"), "the only one that is over");
        let given_up = unsaved.keep(incident(901, IncidentState::Open));
        assert_eq!(given_up.map(|i| i.id).as_deref(), Some("shop-0"));
        assert_eq!(unsaved.take("shop-3"), Some(newer));
        assert_eq!(
            (unsaved.take("shop-3"), unsaved.take_all().len(), unsaved.is_empty()),
            (None, MAX_UNSAVED - 1, true)
        );
    }
}
