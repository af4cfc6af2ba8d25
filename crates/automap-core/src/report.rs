//! The answer of a diagnosis as plain, versioned, typed data.
//!
//! `compose` turns the results of the stages into a [`Report`], which renderers, stores and interfaces pass on. Layout, colours and time
//! zones are left to the renderers. A reader accepts this version and the previous one.

mod changes;
mod compose;
mod course;
mod counter_evidence;
mod engines;
pub(crate) mod evidence;
mod hosts;
pub(crate) mod impact;
mod model;
mod parts;
mod parts_model;
mod path;
mod time_of_day;
pub(crate) mod verdict;
mod version3;

// Types of fields, re-exported so that readers of a report need none of the stages.
pub use crate::attribution::ImpactKind;
pub use crate::breakdown::judge::Finding;
pub use crate::breakdown::{Label, Measure, UnseenLabel};
pub use crate::change::{Change, ChangeKind};
pub use crate::entity::EntityKind;
pub use crate::rank::Engine;
pub use crate::verdict::time_of_day::Finding as TimeOfDayFinding;
pub use crate::windows::OnsetSource;
pub use changes::{CauseChange, ChangeRole, ChangesInfo, ListedChange};
pub use compose::compose;
pub(crate) use compose::window_info;
pub use counter_evidence::{CounterEvidence, Doubt};
pub use course::{CourseInfo, OtherIncident};
pub use engines::{EngineComparison, compare_engines, disagreements};
pub use model::{
    AccountsFor, AlsoChanged, Arises, Cause, Coverage, Evidence, FAINT_CONFIDENCE, HoldsUp, ImpactInfo, Level,
    NamedCause, NextStep, Report, SCHEMA_VERSION, Symptom, Verdict, VerdictKind, Victim, WindowInfo,
};
pub use parts::{add_parts, parts, wanted};
pub use parts_model::{LabelParts, Parts, ValuePart};
pub use time_of_day::{DayInfo, LevelsOnDay, SeriesOnDays, TimeOfDayInfo};
