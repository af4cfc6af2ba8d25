//! The ledger as JSON lines: append-only; a later line with the same key replaces the earlier one.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use crate::entry::{Entry, State};

/// Longest ledger read back, in lines.
pub const MAX_LINES: usize = 1_000_000;
/// Longest line, in bytes.
pub const MAX_LINE: u64 = 1 << 20;

/// Why a ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The reader failed.
    #[error("line {line}: {source}")]
    Io {
        /// Counted from 1.
        line: usize,
        /// The error.
        source: std::io::Error,
    },
    /// A line is not an entry.
    #[error("line {line}: not an entry of a chaos ledger: {source}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Longer than any intended ledger.
    #[error("line {line}: longer than {MAX_LINE} bytes, or beyond line {MAX_LINES}; this is not a chaos ledger")]
    TooLong {
        /// Counted from 1.
        line: usize,
    },
}

/// An entry as a line.
///
/// # Errors
/// Never for an entry created by this crate; `serde_json`'s own otherwise.
pub fn line(entry: &Entry) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(entry)? + "\n")
}

/// Reads a ledger, ordered by start. An incomplete last line, left by a crash, is ignored.
///
/// # Errors
/// When a line is not an entry, or the ledger is too long.
pub fn read(mut from: impl BufRead) -> Result<Vec<Entry>, FileError> {
    let mut all: BTreeMap<String, Entry> = BTreeMap::new();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let got = from.by_ref().take(MAX_LINE).read_until(b'\n', &mut text);
        let got = got.map_err(|source| FileError::Io { line, source })?;
        if got == 0 {
            break;
        }
        let is_whole = text.last() == Some(&b'\n');
        if line > MAX_LINES || (!is_whole && got as u64 == MAX_LINE) {
            return Err(FileError::TooLong { line });
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Entry>(&text) {
            Ok(entry) => {
                all.insert(entry.key.clone(), entry);
            }
            Err(_) if !is_whole => break,
            Err(source) => return Err(FileError::Line { line, source }),
        }
    }
    let mut all: Vec<Entry> = all.into_values().filter(|e| e.state != State::Withdrawn).collect();
    all.sort_by(|a, b| (a.started, &a.key).cmp(&(b.started, &b.key)));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    #[test]
    fn the_last_line_of_a_key_counts_and_a_torn_end_does_not() {
        let running = Entry { state: State::Running, ..Entry::new("u", "PodChaos", "shop", "kill", Source::Records) };
        let done = Entry { state: State::Injected, ..running.clone() };
        let gone = Entry { key: "u/2".into(), state: State::Withdrawn, ..running.clone() };
        let text = line(&running).unwrap() + &line(&gone).unwrap() + &line(&done).unwrap() + "{\"key\":\"v/1\",\"ex";
        assert_eq!(read(text.as_bytes()).unwrap(), [done]);
        let wrong = read("{}\n".as_bytes()).unwrap_err().to_string();
        assert!(wrong.contains("line 1: not an entry"), "{wrong}");
        let long = "x".repeat(MAX_LINE as usize + 1);
        assert!(matches!(read(long.as_bytes()), Err(FileError::TooLong { line: 1 })));
    }
}
