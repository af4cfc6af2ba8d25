//! The behaviour graph: which services' metrics depend on each other, metric by metric.

mod metric_type;

pub use metric_type::MetricType;
