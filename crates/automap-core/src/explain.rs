//! Explains the rank of one service: its changes, its neighbours' changes, the parts of its score, and what would have to be
//! true for it to be the cause.

mod compose;
mod conditions;
mod model;
mod names;
mod subject;
mod surroundings;

pub use compose::explain;
pub use model::{
    ChangeSize, Condition, ConditionKind, EXPLANATION_SCHEMA_VERSION, ExplainedAway, Explanation, Neighbour, ScorePart,
    SeriesChange, Standing,
};
pub use names::UnknownService;
