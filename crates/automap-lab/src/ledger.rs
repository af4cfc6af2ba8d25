//! The lab's ledger: what was injected, where and when. It is the ground truth for scoring.
//!
//! The file contains one JSON object per line and is append-only: one line when a fault is in place (`to` is null), and another with the same id when
//! it has ended. [`read`] keeps the last line of each id, so a ledger that was truncated by a crash is still correct.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use automap_chaos::file;
pub use automap_chaos::injection::{Injection, Target};

/// Maximum number of lines that are read.
const LINES_MAX: usize = 100_000;

/// Sets the end of an injection.
pub fn end(injection: &mut Injection, at: jiff::Timestamp) {
    injection.to = Some(format!("{at:.3}"));
    injection.to_ms = Some(at.as_millisecond());
}

/// A ledger file, open for appending.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
}

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system refused.
    #[error("ledger {}: {source}", path.display())]
    Io {
        /// The ledger.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A line is not an injection.
    #[error("ledger {}, line {line}: {source}", path.display())]
    Line {
        /// The ledger.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Ledger {
    /// Opens the ledger, creating it if it does not exist. A last line that a crash left incomplete is removed.
    ///
    /// # Errors
    /// When the file cannot be opened, or not be changed.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let io = |source| LedgerError::Io { path: path.to_owned(), source };
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(io)?;
        file::mend(&mut file, |file, bytes| file.set_len(bytes)).map_err(io)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends one line and makes it durable.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn append(&mut self, injection: &Injection) -> Result<(), LedgerError> {
        let io = |source| LedgerError::Io { path: self.path.clone(), source };
        let mut line = serde_json::to_string(injection).map_err(|e| io(e.into()))?;
        line.push('\n');
        self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()).map_err(io)
    }
}

/// All injections in the order they began, each with its end if it has ended. A missing file is an empty ledger.
///
/// # Errors
/// When the file cannot be read, or a line other than a torn last one is not an injection.
pub fn read(path: &Path) -> Result<Vec<Injection>, LedgerError> {
    let io = |source| LedgerError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.map_err(io)?,
    };
    let lines: Vec<String> = BufReader::new(file).lines().take(LINES_MAX).collect::<Result<_, _>>().map_err(io)?;
    let mut all: Vec<Injection> = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        match serde_json::from_str::<Injection>(line) {
            Ok(injection) => match all.iter_mut().find(|known| known.id == injection.id) {
                Some(known) => *known = injection,
                None => all.push(injection),
            },
            Err(e) if i + 1 == lines.len() && e.is_eof() => break,
            Err(source) => return Err(LedgerError::Line { path: path.to_owned(), line: i + 1, source }),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn injection(id: &str) -> Injection {
        Injection {
            id: id.to_owned(),
            kind: "PodChaos".to_owned(),
            action: "pod-kill".to_owned(),
            experiment: "kill".to_owned(),
            targets: vec![Target { pod: "user-1".to_owned(), service: "user".to_owned(), container: None }],
            peers: Vec::new(),
            expected_metric: "lifecycle".to_owned(),
            from: "2026-11-23T10:00:00Z".to_owned(),
            from_ms: 1_795_428_000_000,
            to: None,
            to_ms: None,
            spec: serde_json::json!({"action": "pod-kill"}),
            role: automap_chaos::injection::Role::Cause,
            truth: None,
        }
    }

    #[test]
    fn the_line_of_an_ended_injection_replaces_the_first_one() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("ledger.jsonl");
        assert_eq!(read(&path)?, []);
        let (first, second) = (injection("a"), injection("b"));
        let mut ended = first.clone();
        end(&mut ended, jiff::Timestamp::from_millisecond(1_795_428_005_250)?);
        let mut ledger = Ledger::open(&path)?;
        for line in [&first, &second, &ended] {
            ledger.append(line)?;
        }
        let whole = read(&path)?;
        std::fs::OpenOptions::new().append(true).open(&path)?.write_all(b"{\"id\":\"c\",\"ki")?;
        let torn = read(&path)?;
        let third = injection("d");
        Ledger::open(&path)?.append(&third)?;
        let mended = read(&path)?;
        std::fs::write(&path, "{}\n{}\n")?;
        let wrong = read(&path).map_err(|e| e.to_string());
        assert_eq!(ended.to.as_deref(), Some("2026-11-23T10:00:05.250Z"));
        assert_eq!(whole, [ended.clone(), second.clone()]);
        assert_eq!(torn, whole);
        assert_eq!(mended, [ended, second, third]);
        assert!(wrong.is_err_and(|e| e.contains(", line 1: missing field")));
        Ok(())
    }
}
