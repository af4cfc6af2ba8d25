//! How a fault spread, as plain data: names, times and sentences for what [`crate::propagation`] found.

mod compose;
mod model;

pub use compose::propagation;
pub(crate) use compose::{Spread, interval};
pub use model::{
    ChangedService, Channel, Hop, HopState, OnsetInterval, PROPAGATION_SCHEMA_VERSION, Propagation, SpreadPath,
    SpreadRole,
};
