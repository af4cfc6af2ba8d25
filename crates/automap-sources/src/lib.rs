//! Where metrics come from.

pub mod prometheus;
