//! The supervisor's log: its standard error, which `lab up` redirects to a file.

use std::io::{self, Write};

/// Writes one line with a time stamp.
pub(super) fn log(line: &str) {
    // If the log itself fails, there is nowhere left to report it.
    let _ = writeln!(io::stderr(), "{:.3} {line}", jiff::Timestamp::now());
}
