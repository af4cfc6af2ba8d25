//! Integration tests of the core, in a single program: separate ones would each link the crate again.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod changes;
mod degenerate;
mod diagnose;
mod gateways;
mod golden;
mod graph_properties;
mod hosts;
mod independence;
mod missing_series;
mod shop;
mod stores;
mod time_of_day;
mod watch;
mod watch_beside;
mod watch_history;
mod watch_many;
mod watch_unjudged;
mod watched_shop;
