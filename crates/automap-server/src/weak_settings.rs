//! Settings that are valid but weak: credentials that others can read or guess, access that is wider than its author may know. `automap config check`
//! prints them and `serve` logs them once. Settings that cannot work, or would let everybody in, are refused elsewhere.
//!
//! Files are inspected (modes, lengths, costs of hashes), and nothing of their content appears in a finding. No connection is made.

mod exposure;
mod finding;
mod secret_files;
mod urls;

use crate::config::Config;

pub use finding::{Weakness, WeaknessCode};

use finding::Findings;

/// The weak settings of a configuration, in the order of their paths.
pub fn find(config: &Config) -> Vec<Weakness> {
    let mut found = Findings::default();
    exposure::find(config, &mut found);
    urls::find(config, &mut found);
    secret_files::find(config, &mut found);
    found.0.sort_by(|a, b| (&a.path, a.code).cmp(&(&b.path, b.code)));
    found.0
}

#[cfg(test)]
mod tests;
