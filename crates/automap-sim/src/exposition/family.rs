//! A family of metrics: the samples of one name, of all targets.

use super::world::{Row, World};

/// Metrics of one name.
pub(super) struct Family {
    /// Without the suffix of its samples.
    pub(super) name: &'static str,
    /// Counter, gauge or histogram.
    pub(super) kind: &'static str,
    pub(super) rows: Rows,
}

/// Where the rows of a family come from.
pub(super) enum Rows {
    /// Of each service.
    Services(fn(&World<'_>, usize) -> Vec<Row>),
    /// Of each node.
    Nodes(fn(&World<'_>, usize) -> Vec<Row>),
}
