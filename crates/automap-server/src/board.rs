//! What is known of every target right now: written by its watcher, read by everybody else.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use automap_core::report::Report;

use crate::watcher::TargetStatus;

/// The latest of every target.
#[derive(Clone, Debug, Default)]
pub struct Board {
    targets: Arc<RwLock<BTreeMap<String, Seen>>>,
}

/// The latest of one target.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How the watching goes.
    pub status: TargetStatus,
    /// The answer of the last look that could be judged.
    pub report: Option<Arc<Report>>,
}

impl Board {
    /// Puts up the latest of a target; an answer stays up until there is a newer one.
    pub fn put(&self, status: TargetStatus, report: Option<Report>) {
        let mut targets = self.targets.write().unwrap_or_else(PoisonError::into_inner);
        let before = targets.remove(&status.target).and_then(|s| s.report);
        let report = report.map(Arc::new).or(before);
        targets.insert(status.target.clone(), Seen { status, report });
    }

    /// The latest of one target.
    pub fn get(&self, target: &str) -> Option<Seen> {
        self.targets.read().unwrap_or_else(PoisonError::into_inner).get(target).cloned()
    }

    /// The latest of all, by name.
    pub fn all(&self) -> Vec<Seen> {
        self.targets.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
