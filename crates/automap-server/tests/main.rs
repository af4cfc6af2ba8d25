//! Tests of the server from outside, in one program: each file would link all of it again. What kills or measures a process of its own
//! (`kill`, `crash`, `watched_day`) and the tests of the API are programs of their own.
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
