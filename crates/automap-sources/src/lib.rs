//! Where metrics come from.
