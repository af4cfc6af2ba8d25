//! Where a watcher gets its metrics from: what it asks, and why there may be none.

use automap_core::observation::Observation;
use automap_core::second_look::SecondLook;
use automap_core::time::Timestamp;

/// Where the metrics of a target come from, and what is asked once more.
pub trait Source: SecondLook + Send {
    /// The metrics up to `now`: the baseline and, if there is one, the incident.
    ///
    /// # Errors
    /// [`FetchError`]: why there are none.
    fn poll(&mut self, now: Timestamp) -> Result<Observation, FetchError>;
}

/// Why a poll returned no metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The source does not answer, or its answer lacks what is needed; the text says why.
    Failed(String),
    /// It answers but has too little history; the text says how much.
    TooYoung(String),
    /// It answers and holds nothing of what is watched; the text says what was looked for.
    Unseen(String),
}

impl From<&str> for FetchError {
    fn from(words: &str) -> Self {
        Self::Failed(words.to_owned())
    }
}
