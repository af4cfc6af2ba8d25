//! Integration tests of the binary, in a single program: separate ones would each link all of it again. Tests that measure a process (`bounds`,
//! `guesses`, `torture`), the lab, and the source checks (`tidy`, `tidy_form`) are separate programs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(feature = "server")]
mod archive;
mod bad_input;
#[cfg(feature = "kubernetes")]
mod chaos;
mod compare;
#[cfg(feature = "server")]
mod confirm;
mod course;
mod docs;
#[cfg(feature = "server")]
mod ends;
#[cfg(feature = "eval")]
mod eval;
mod explain;
mod graph;
#[cfg(feature = "server")]
mod incidents;
mod metamorphic;
mod profile;
#[cfg(feature = "eval")]
#[path = "../../automap-sources/tests/support/prometheus.rs"]
mod prometheus;
#[cfg(feature = "server")]
mod replicas;
mod report;
mod report_page;
#[cfg(feature = "server")]
mod service;
#[path = "../../automap-core/tests/shop/mod.rs"]
#[expect(dead_code, reason = "the tests of its own crate use more of it")]
mod shop;
#[path = "../../automap-sources/tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests of its own crate use more of it")]
mod support;
#[cfg(feature = "eval")]
mod sim;
#[cfg(feature = "server")]
mod ui;
