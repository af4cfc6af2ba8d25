//! A metric family: the samples of one name, for all targets.

use super::world::{Row, World};

/// Metrics of one name.
pub(super) struct Family {
    /// Without the suffix of its samples.
    pub(super) name: &'static str,
    /// Counter, gauge or histogram.
    pub(super) kind: &'static str,
    pub(super) rows: Rows,
}

/// The source of a family's rows.
pub(super) enum Rows {
    /// From each service.
    Services(fn(&World<'_>, usize) -> Vec<Row>),
    /// From each node.
    Nodes(fn(&World<'_>, usize) -> Vec<Row>),
}
