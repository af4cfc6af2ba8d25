//! Integration tests of the sources, in a single program: separate ones would each link all of it again.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod breakdown;
mod capture;
mod changes;
mod changes_world;
mod client;
mod clusters;
mod earlier_day;
mod gateways;
mod large_world;
mod namespaces;
mod nodes;
mod observe;
mod presets;
mod presets_forms;
mod presets_world;
#[path = "support/prometheus.rs"]
mod prometheus;
mod prometheus_bounds;
mod real_preselection;
mod real_screening;
mod real_stores;
mod real_stores_world;
mod reloads;
mod screening;
mod slo;
mod stores;
mod support;
mod table;
mod table_bounds;
mod table_forms;
mod tail;
