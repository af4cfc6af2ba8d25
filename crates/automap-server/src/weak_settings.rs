//! Settings that are valid and yet weak: credentials that others can read or guess, doors that are open wider than their author may know.
//! `automap config check` prints them and `serve` logs them once. What cannot work, or would let everybody in, is refused elsewhere.
//!
//! Files are looked at (modes, lengths, costs of hashes), and nothing of what they hold appears in a finding. Nothing is connected to.

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
