//! The answer of a diagnosis as plain, versioned, typed data.
//!
//! `compose` turns what the stages found into a [`Report`]; renderers, stores and interfaces carry it. Layout, colours and time zones are the
//! business of renderers. A reader accepts this version and the one before.

mod compose;
mod course;
mod counter_evidence;
mod engines;
pub(crate) mod evidence;
mod model;
mod path;
mod version3;

// Types of fields, so that readers of a report need no stage.
pub use crate::rank::Engine;
pub use crate::windows::OnsetSource;
pub use compose::compose;
pub(crate) use compose::window_info;
pub use counter_evidence::{CounterEvidence, Doubt};
pub use course::{CourseInfo, OtherIncident};
pub use engines::{EngineComparison, compare_engines, disagreements};
pub use model::{
    Cause, Coverage, Evidence, FAINT_CONFIDENCE, Level, NextStep, Report, SCHEMA_VERSION, Symptom, Verdict,
    VerdictKind, Victim, WindowInfo,
};
