//! What the user reads, as plain, versioned data.

mod compose;
mod counter_evidence;
mod engines;
pub(crate) mod evidence;
mod model;
mod path;
mod version3;

pub use compose::compose;
pub(crate) use compose::window_info;
pub use counter_evidence::{CounterEvidence, Doubt};
pub use engines::{EngineComparison, compare_engines, disagreements};
pub use model::{
    Cause, Coverage, Evidence, FAINT_CONFIDENCE, Level, NextStep, Report, SCHEMA_VERSION, Symptom, Verdict,
    VerdictKind, Victim, WindowInfo,
};
