//! Every parser of external input as a function of bytes, with the properties that must hold for any input.
//!
//! A check returns both for accepted and for rejected bytes; it panics if a property fails, so that a fuzzer and a test find the same. Properties
//! besides the absence of panics: written data reads back the same, times are in order, a name cannot escape its place in a query, an unsigned token
//! identifies nobody. Memory and time are limited by whoever runs the check. Left out: parsers of other crates.
#![expect(clippy::unwrap_used, reason = "a check panics where a property fails")]

mod loopback;
mod promql;
mod server;
mod sources;

use std::sync::Once;

use automap_sources::capture::hide_decoder_panics;

/// Parses bytes and panics if a property does not hold.
pub type Check = fn(&[u8]);

/// A parser and the location of its examples.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is also the name of its folder below `fuzz/corpus`.
    pub name: &'static str,
    /// The check.
    pub check: Check,
    /// Additional folders with examples, relative to the root of the repository.
    pub seeds: &'static [&'static str],
}

const fn target(name: &'static str, check: Check, seeds: &'static [&'static str]) -> Target {
    Target { name, check, seeds }
}

/// All targets, by name.
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

/// Allows panics of the decoder's own thread: they come back as errors of a damaged file. For fuzzers, whose hook ends the process at any panic.
pub fn forgive_decoders() {
    static ONCE: Once = Once::new();
    ONCE.call_once(hide_decoder_panics);
}

/// The text of an input; `None` if it is not text.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
