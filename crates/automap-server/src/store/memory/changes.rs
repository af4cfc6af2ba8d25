//! Changes reported to automap.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

use super::MemoryStore;
use crate::store::{ChangeFate, ChangeFilter, ChangeStore, StoreError, ToldChange, told_room};

impl ChangeStore for MemoryStore {
    fn put_changes(&self, changes: &[ToldChange], now: Timestamp) -> Result<Vec<ChangeFate>, StoreError> {
        let mut kept = self.kept()?;
        let told = &mut kept.changes;
        let mut are_new = Vec::new();
        for change in changes {
            let is_new = !told.contains_key(&change.id()) && !change.repeats(last_of_object(told, change));
            if is_new {
                told.insert(change.id(), change.clone());
            }
            are_new.push(is_new);
        }
        let since = told_room::kept_since(now);
        told.retain(|_, change| change.change.at >= since);
        let mut gone = Vec::new();
        for target in told_room::targets(changes) {
            let mut by_time: Vec<(Timestamp, String)> =
                told.iter().filter(|(_, c)| c.target == target).map(|(id, c)| (c.change.at, id.clone())).collect();
            by_time.sort_by(|a, b| b.cmp(a));
            gone.extend(told_room::without_room(by_time.into_iter().map(|(_, id)| id).collect()));
        }
        gone.iter().for_each(|id| drop(told.remove(id)));
        Ok(told_room::fates(changes, &are_new, since, &gone))
    }

    fn told_changes(&self, filter: &ChangeFilter) -> Result<Vec<ToldChange>, StoreError> {
        let kept = self.kept()?;
        let is_asked = |c: &&ToldChange| {
            let (at, id) = (c.change.at, c.id());
            filter.target.as_ref().is_none_or(|target| *target == c.target)
                && filter.since.is_none_or(|since| at >= since)
                && filter.until.is_none_or(|until| at < until)
                && filter.after.as_ref().is_none_or(|after| (at, &id) < (after.opened, &after.id))
        };
        let mut found: Vec<&ToldChange> = kept.changes.values().filter(is_asked).collect();
        found.sort_by_key(|c| std::cmp::Reverse((c.change.at, c.id())));
        Ok(found.into_iter().take(filter.rows()).cloned().collect())
    }
}

/// The last change of the same object that was made until this one.
fn last_of_object<'a>(told: &'a BTreeMap<String, ToldChange>, change: &ToldChange) -> Option<&'a ToldChange> {
    let object = &change.state.as_ref()?.object;
    let is_of_object = |c: &&ToldChange| c.state.as_ref().is_some_and(|state| state.object == *object);
    let of_object = told.values().filter(|c| c.target == change.target).filter(is_of_object);
    of_object.filter(|c| c.change.at <= change.change.at).max_by_key(|c| (c.change.at, c.id()))
}
