//! Where a watcher gets its metrics from: what it asks, and why there may be none.

use automap_core::breakdown::Wanted;
use automap_core::observation::Observation;
use automap_core::second_look::BrokenDown;
use automap_core::time::Timestamp;
use automap_core::time_of_day::{EarlierDay, WantedDay};

/// Where the metrics of a target come from.
pub trait Source: Send {
    /// The metrics up to `now`: the baseline and, if there is one, the incident.
    ///
    /// # Errors
    /// [`FetchError`]: why there are none.
    fn poll(&mut self, now: Timestamp) -> Result<Observation, FetchError>;

    /// Which part of these services it is; nothing where the source cannot tell.
    fn break_down(&mut self, _wanted: &[Wanted]) -> BrokenDown {
        BrokenDown::default()
    }

    /// The metrics of the same hours of an earlier day, as far as the source can be asked.
    fn earlier_day(&mut self, wanted: &WantedDay) -> EarlierDay {
        EarlierDay::not_observed(wanted.days_back, "this source cannot be asked for other days")
    }
}

/// Why a poll returned no metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The source does not answer, or its answer lacks what is needed; the text says why.
    Failed(String),
    /// It answers but has too little history; the text says how much.
    TooYoung(String),
}

impl From<&str> for FetchError {
    fn from(words: &str) -> Self {
        Self::Failed(words.to_owned())
    }
}
