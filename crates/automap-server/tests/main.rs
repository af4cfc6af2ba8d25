//! Integration tests of the server, in a single program: separate ones would each link all of it again. Tests that kill or measure their own process
//! (`kill`, `crash`, `watched_day`) and the tests of the API are separate programs.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod alertmanager;
mod beside_incidents;
mod common;
mod imports;
mod lease_contract;
mod notify_config;
mod notify_independent;
mod notify_receivers;
mod notify_worker;
mod postgres_silent;
mod sqlite;
mod store_contract;
mod told_changes;
mod watch_beside;
mod watch_time_of_day;
