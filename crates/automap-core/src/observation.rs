//! Everything that a diagnosis needs, gathered by a source.
//!
//! It is the boundary between the outside world and the analysis: sources build it, a capture file holds exactly this, and every later stage is a
//! pure function.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::breakdown::Breakdown;
use crate::change::ChangeLog;
use crate::entity::Entities;
use crate::frame::MetricFrame;
use crate::note::{NotChecked, Note};
use crate::time::WindowHint;
use crate::time_of_day::EarlierDay;
use crate::topology::CallGraph;

/// What a source hands to the analysis.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The metrics.
    pub frame: MetricFrame,
    /// The call graph.
    pub calls: CallGraph,
    /// What each name stands for, and which service runs on which node.
    pub entities: Entities,
    /// What was changed, and when.
    pub changes: ChangeLog,
    /// The affected parts of the suspects, as far as they were counted.
    pub breakdowns: Vec<Breakdown>,
    /// The same hours of earlier days, as far as they were queried.
    pub earlier_days: Vec<EarlierDay>,
    /// The windows given by the user or the alert.
    pub hint: WindowHint,
    /// Notes from fetching and aligning.
    pub notes: Vec<Note>,
    /// Signals that the source could not deliver.
    pub not_checked: Vec<NotChecked>,
    /// The queries behind the numbers, in the order sent.
    pub queries: Vec<QueryRecord>,
    /// Where it comes from, as text: `http://localhost:9090, namespace sock-shop`. Never holds credentials.
    pub source: String,
}

/// One query and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueryRecord {
    /// The signal it serves, such as `latency_ms`.
    pub signal: String,
    /// An expression that shows this signal on its own; several signals may travel in one query.
    pub promql: String,
    /// Series in the answer.
    pub series: u64,
    /// Samples in the answer.
    pub samples: u64,
    /// Whether it delivered.
    pub state: QueryState,
    /// Why it did not deliver everything, in the server's words; `null` if it did, or if the signal does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl QueryRecord {
    /// Whether a signal that may exist was not, or not completely, delivered. What such a signal does not show cannot
    /// be called calm.
    pub fn is_unanswered(&self) -> bool {
        !matches!(self.state, QueryState::Complete | QueryState::Empty)
    }
}

impl Observation {
    /// Metrics and calls alone: without given windows, notes, observed changes or recorded queries.
    ///
    /// ```
    /// use automap_core::frame::{RawSeries, assemble};
    /// use automap_core::observation::Observation;
    /// use automap_core::time::Timestamp;
    /// use automap_core::topology::CallGraph;
    ///
    /// let times = [0, 5_000].map(Timestamp::from_ms).to_vec();
    /// let points = vec![(times[0], 12.0), (times[1], 13.0)];
    /// let raw = RawSeries { service: "web".into(), metric: "latency_ms".into(), peer: None, points };
    /// let (frame, notes) = assemble(vec![raw], times)?;
    /// let observation = Observation { notes, ..Observation::new(frame, CallGraph::new(), "an example") };
    /// assert!(observation.changes.observed.is_none(), "which is not to say that nothing changed");
    /// # Ok::<(), automap_core::frame::FrameError>(())
    /// ```
    pub fn new(frame: MetricFrame, calls: CallGraph, source: impl Into<String>) -> Self {
        Self {
            frame,
            calls,
            entities: Entities::default(),
            changes: ChangeLog::default(),
            breakdowns: Vec::new(),
            earlier_days: Vec::new(),
            hint: WindowHint::default(),
            notes: Vec::new(),
            not_checked: Vec::new(),
            queries: Vec::new(),
            source: source.into(),
        }
    }

    /// The services, by name: all in the frame except nodes, neighbours and the DNS.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        let names = self.frame.services().iter().map(String::as_str);
        names.filter(|name| !self.entities.is_beneath(name))
    }

    /// The queries that were not completely answered: signal, state and reason of each, in the order sent.
    ///
    /// A signal may be queried more than once, from several exporters, so another query may have answered it.
    pub fn unanswered(&self) -> impl Iterator<Item = &QueryRecord> {
        self.queries.iter().filter(|query| query.is_unanswered())
    }
}

/// Whether a query delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueryState {
    /// Everything was delivered.
    Complete,
    /// The server warned that data is missing.
    Partial,
    /// No series: the signal does not exist here.
    Empty,
    /// The server refused the query for its cost: too many samples or series, or a time limit. The signal is missing, but may exist.
    Refused,
    /// The query failed for another reason; the signal is missing, but may exist.
    Failed,
    /// It was queried only for suspects, since there are many services; nothing is known of the others.
    Screened,
}
