//! Where a watcher gets its metrics from: its queries, and why there may be no metrics.

use automap_core::observation::Observation;
use automap_core::second_look::SecondLook;
use automap_core::time::Timestamp;

/// A source of a target's metrics and of second looks.
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
    /// It answers but its history is too short; the text says how much there is.
    TooYoung(String),
    /// It answers but has nothing of the target; the text says what was looked for.
    Unseen(String),
}

impl From<&str> for FetchError {
    fn from(words: &str) -> Self {
        Self::Failed(words.to_owned())
    }
}
