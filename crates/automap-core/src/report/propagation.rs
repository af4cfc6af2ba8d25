//! How a fault spread, as plain data and as text.

pub(super) mod compose;
mod model;
pub(super) mod text;

pub use compose::propagation;
pub use model::{
    ChangedService, Channel, Hop, HopState, OnsetInterval, PROPAGATION_SCHEMA_VERSION, Propagation, SpreadPath,
    SpreadRole,
};
pub use text::propagation_text;
