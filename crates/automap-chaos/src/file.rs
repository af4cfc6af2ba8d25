//! The ledger as JSON lines: append-only; a later line with the same key replaces the earlier one.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

use serde::de::IgnoredAny;

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
        source: io::Error,
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

/// Prepares a file of JSON lines for appending: an incomplete last line, left by a crash, is cut off with `cut`, or the next line would be appended
/// to it and make both unreadable. A last line that only lacks its newline gets it.
///
/// # Errors
/// When the file cannot be read or changed, or its last line is longer than [`MAX_LINE`].
pub fn mend<F: Read + Write + Seek>(file: &mut F, cut: impl FnOnce(&mut F, u64) -> io::Result<()>) -> io::Result<()> {
    let bytes = file.seek(SeekFrom::End(0))?;
    let from = bytes.saturating_sub(MAX_LINE);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    Read::by_ref(file).take(MAX_LINE).read_to_end(&mut end)?;
    let last = end.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    if last.is_empty() {
        return Ok(());
    }
    if last.len() == end.len() && from > 0 {
        let problem = format!("the last line is longer than {MAX_LINE} bytes; this is no ledger");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    // The beginning of an object is never JSON itself.
    if serde_json::from_slice::<IgnoredAny>(last).is_ok() {
        file.seek(SeekFrom::End(0))?;
        return file.write_all(b"\n");
    }
    cut(file, bytes.saturating_sub(last.len() as u64))
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

    #[test]
    fn a_line_can_be_appended_whatever_a_crash_left() {
        let first = line(&Entry::new("u", "PodChaos", "shop", "kill", Source::Records)).unwrap();
        let second = line(&Entry::new("v", "PodChaos", "shop", "kill", Source::Records)).unwrap();
        for (left, kept) in [
            (String::new(), ""),
            (first.clone(), first.as_str()),
            (first.clone() + &second[..second.len() - 60], first.as_str()),
            (first[..20].to_owned(), ""),
            (first.trim_end().to_owned(), first.as_str()),
        ] {
            let mut file = io::Cursor::new(left.clone().into_bytes());
            mend(&mut file, |file, bytes| {
                file.get_mut().truncate(bytes as usize);
                Ok(())
            })
            .unwrap();
            let mut bytes = file.into_inner();
            assert_eq!(String::from_utf8_lossy(&bytes), kept, "{left:?}");
            bytes.extend_from_slice(second.as_bytes());
            assert!(read(bytes.as_slice()).unwrap().iter().any(|e| e.experiment == "v"), "{left:?}");
        }
        let mut long = io::Cursor::new(vec![b'x'; MAX_LINE as usize + 1]);
        let refused = mend(&mut long, |_, _| Ok(())).unwrap_err().to_string();
        assert!(refused.contains("the last line is longer"), "{refused}");
    }
}
