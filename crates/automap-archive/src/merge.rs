//! Which of the added incidents a part takes: new ones, and later revisions that the rules of history allow.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::incident::{Incident, history};

use crate::folder::{Added, LeftOut};

/// The incidents of one part while others are added.
pub(crate) struct Merge {
    by_id: BTreeMap<String, Incident>,
    /// Something was added or replaced.
    pub(crate) is_changed: bool,
}

impl Merge {
    /// Starts with the incidents that the part holds.
    pub(crate) fn onto(known: Vec<Incident>) -> Self {
        Self { by_id: known.into_iter().map(|i| (i.id.clone(), i)).collect(), is_changed: false }
    }

    /// Takes one incident, or counts why it is not taken. `elsewhere`: ids that other parts hold; a new one is added for the parts that follow.
    pub(crate) fn take(&mut self, incident: Incident, elsewhere: &mut BTreeSet<String>, added: &mut Added) {
        let refused = match self.by_id.get(&incident.id) {
            None if elsewhere.contains(&incident.id) => Some(history::OTHER_INCIDENT),
            None => None,
            Some(before) if before.revision >= incident.revision && history::is_same(before, &incident) => {
                added.known += 1;
                return;
            }
            Some(before) => history::check(before, &incident).err(),
        };
        if let Some(reason) = refused {
            added.left_out.push(LeftOut { id: incident.id, reason });
            return;
        }
        elsewhere.insert(incident.id.clone());
        match self.by_id.insert(incident.id.clone(), incident) {
            None => added.new += 1,
            Some(_) => added.later += 1,
        }
        self.is_changed = true;
    }

    /// The latest revision of each incident, the first opened first.
    pub(crate) fn sorted(self) -> Vec<Incident> {
        let mut all: Vec<Incident> = self.by_id.into_values().collect();
        all.sort_by(|a, b| a.opened.cmp(&b.opened).then_with(|| a.id.cmp(&b.id)));
        all
    }
}
