//! Every parser of input from outside as a function of bytes, with what must hold for any input.
//!
//! A check returns for bytes that are read and for bytes that are refused; it panics where a property fails, so that a fuzzer and a test find the
//! same. Besides panics: what is written reads back the same, times are in order, a name cannot leave its place in a query, nobody is
//! identified by a token that nobody signed. Memory and time are bounded by whoever runs the check. Left out: parsers of other crates.
#![expect(clippy::unwrap_used, reason = "a check panics where a property fails")]

mod loopback;
mod promql;
mod server;
mod sources;

use std::sync::Once;

use automap_sources::capture::hide_decoder_panics;

/// Reads bytes and panics where a property does not hold.
pub type Check = fn(&[u8]);

/// A parser and where its examples are.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is also the name of its folder below `fuzz/corpus`.
    pub name: &'static str,
    /// What must hold.
    pub check: Check,
    /// Further folders with examples, from the root of the repository.
    pub seeds: &'static [&'static str],
}

const fn target(name: &'static str, check: Check, seeds: &'static [&'static str]) -> Target {
    Target { name, check, seeds }
}

/// All of them, by name.
pub const TARGETS: [Target; 16] = [
    target("address", sources::address, &[]),
    target("calls", sources::calls, &[]),
    target("capture", sources::capture, &["crates/automap/tests/captures"]),
    target("change_webhook", server::change_webhook, &[]),
    target("chaos", sources::chaos, &["crates/automap-lab/faults"]),
    target("config", server::config, &["crates/automap-server/src/config"]),
    target("jwt", server::jwt, &[]),
    target("ledger", sources::ledger, &[]),
    target("mcp", server::mcp, &[]),
    target("namespace", promql::namespace, &[]),
    target("presets", promql::presets, &["crates/automap-sources/src/prometheus/presets/built_in"]),
    target("prometheus", loopback::prometheus, &[]),
    target("slo", sources::slo, &[]),
    target("table", sources::table, &[]),
    target("template", server::template, &[]),
    target("webhook", server::webhook, &["crates/automap-server/tests/fixtures"]),
];

/// Lets panics of the decoder's own thread pass: they come back as errors of a damaged file. For fuzzers, whose hook ends the process at any panic.
pub fn forgive_decoders() {
    static ONCE: Once = Once::new();
    ONCE.call_once(hide_decoder_panics);
}

/// The text of an input; `None` where it is none.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
