//! What the user reads, as plain, versioned data.

mod compose;
mod engines;
pub(crate) mod evidence;
mod model;
mod path;

pub use compose::compose;
pub(crate) use compose::window_info;
pub use engines::{EngineComparison, compare_engines, disagreements};
pub use model::{
    Cause, Coverage, Evidence, FAINT_CONFIDENCE, Level, Report, SCHEMA_VERSION, Symptom, Verdict, VerdictKind, Victim,
    WindowInfo,
};
