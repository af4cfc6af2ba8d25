//! Incidents whose cause an operator confirmed. Never pruned.

use automap_core::rank::metric_weights::ConfirmedCase;

use super::MemoryStore;
use crate::store::{ConfirmedCaseStore, MAX_CONFIRMED, StoreError};

impl ConfirmedCaseStore for MemoryStore {
    fn confirm(&self, case: &ConfirmedCase) -> Result<Option<String>, StoreError> {
        Ok(self.kept()?.confirmed.insert(case.id.clone(), case.clone()).map(|before| before.cause))
    }

    fn forget(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.kept()?.confirmed.remove(id).is_some())
    }

    fn confirmed(&self) -> Result<Vec<ConfirmedCase>, StoreError> {
        let mut cases: Vec<ConfirmedCase> = self.kept()?.confirmed.values().cloned().collect();
        cases.sort_by(|a, b| (a.started, &a.id).cmp(&(b.started, &b.id)));
        Ok(cases.split_off(cases.len().saturating_sub(MAX_CONFIRMED)))
    }
}
