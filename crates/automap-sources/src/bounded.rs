//! Reads files and streams up to a size limit. The error names the file and the limit.
//!
//! Every path and address comes from a user or a configuration: it may be a device, a log of gigabytes or an endless response. The limit is enforced
//! while reading; checking the size first is not enough, since a file can grow in between and devices report zero. Callers decide how to handle and
//! word the error.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Why a file or stream could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct ReadError {
    /// The file's path, or what the caller calls the stream.
    pub name: String,
    /// What is wrong with it.
    pub reason: ReadFailure,
}

/// What is wrong with a file or stream.
#[derive(Debug)]
pub enum ReadFailure {
    /// The system returned an error.
    Io(io::Error),
    /// It holds more than this many bytes.
    TooLarge(u64),
    /// Text was expected.
    NotUtf8,
}

impl fmt::Display for ReadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::TooLarge(limit) => write!(f, "it is larger than {}", Size(*limit)),
            Self::NotUtf8 => f.write_str("it is not UTF-8 text"),
        }
    }
}

/// Reads a file of at most `max_bytes`.
///
/// # Errors
/// [`ReadError`] when the file cannot be opened or read, or is larger.
pub fn read_file(path: &Path, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    let fail = |reason| ReadError { name: path.display().to_string(), reason };
    let file = File::open(path).map_err(|e| fail(ReadFailure::Io(e)))?;
    read_up_to(file, max_bytes).map_err(fail)
}

/// Reads a text file of at most `max_bytes`.
///
/// # Errors
/// As [`read_file`], and when the content is not UTF-8.
///
/// ```
/// use automap_sources::bounded::read_text_file;
///
/// let path = std::env::temp_dir().join("automap-bounded-example");
/// std::fs::write(&path, "four").unwrap();
/// assert_eq!(read_text_file(&path, 4).unwrap(), "four");
/// let error = read_text_file(&path, 3).unwrap_err().to_string();
/// assert!(error.ends_with("automap-bounded-example: it is larger than 3 bytes"));
/// # std::fs::remove_file(&path).unwrap();
/// ```
pub fn read_text_file(path: &Path, max_bytes: u64) -> Result<String, ReadError> {
    let fail = |reason| ReadError { name: path.display().to_string(), reason };
    String::from_utf8(read_file(path, max_bytes)?).map_err(|_| fail(ReadFailure::NotUtf8))
}

/// Reads a stream to its end, at most `max_bytes`; `name` stands for it in the error.
///
/// # Errors
/// [`ReadError`] when reading fails or there is more.
pub fn read_stream(stream: impl Read, name: &str, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    read_up_to(stream, max_bytes).map_err(|reason| ReadError { name: name.to_owned(), reason })
}

fn read_up_to(stream: impl Read, max_bytes: u64) -> Result<Vec<u8>, ReadFailure> {
    let mut bytes = Vec::new();
    // One extra byte distinguishes content of exactly the limit from longer content.
    stream.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(ReadFailure::Io)?;
    if bytes.len() as u64 > max_bytes { Err(ReadFailure::TooLarge(max_bytes)) } else { Ok(bytes) }
}

/// A limit, shown in the largest unit of which it is a whole multiple.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n > 0 && n % (1 << 20) == 0 => write!(f, "{} MiB", n >> 20),
            n if n > 0 && n % (1 << 10) == 0 => write!(f, "{} KiB", n >> 10),
            n => write!(f, "{n} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(stream: impl Read, max_bytes: u64) -> String {
        read_stream(stream, "the stream", max_bytes).unwrap_err().to_string()
    }

    #[test]
    fn the_limit_itself_is_allowed_and_one_byte_more_is_not() {
        assert_eq!(read_stream(&b"1234"[..], "x", 4).unwrap(), b"1234");
        assert_eq!(failure(&b"12345"[..], 4), "the stream: it is larger than 4 bytes");
        assert_eq!(failure(io::repeat(0), 2 << 10), "the stream: it is larger than 2 KiB");
        assert_eq!(failure(io::repeat(0), 1 << 20), "the stream: it is larger than 1 MiB");
    }

    #[test]
    fn endless_devices_and_missing_files_are_errors() {
        assert!(read_file(Path::new("/dev/zero"), 100).unwrap_err().to_string().contains("/dev/zero: it is larger"));
        let missing = read_text_file(Path::new("/nonexistent/file"), 100).unwrap_err();
        assert!(missing.to_string().starts_with("/nonexistent/file: "), "{missing}");
        assert!(matches!(read_text_file(Path::new("/dev/zero"), 0).unwrap_err().reason, ReadFailure::TooLarge(0)));
    }
}
