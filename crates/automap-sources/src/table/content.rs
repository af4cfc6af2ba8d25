//! Determines what kind of file a table is, and returns its text unpacked and in UTF-8.
//!
//! The first bytes decide, never the name. Excel exports UTF-16 or Windows-1252, and browsers save files that a server compressed. The output is
//! bounded, so that a small file cannot fill the memory. Not supported: workbooks, and compressions that no dashboard writes.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use flate2::read::MultiGzDecoder;

use super::error::TableProblem;
use crate::bounded::{ReadFailure, read_stream};

/// First bytes of files that are not tables, what they are, and what to do instead.
const OTHER_KINDS: [(&[u8], &str, &str); 8] = [
    (b"PK\x03\x04", "an Excel workbook or a zip archive", "save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it first: zstd -d FILE"),
    (b"BZh", "compressed with bzip2", "unpack it first: bunzip2 FILE"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it first: unxz FILE"),
    (b"FEA1", "a Feather file of version 1", "write it again with a current pyarrow"),
    (b"{\"", "JSON", "write it as CSV or Parquet: one column for each series"),
    (b"[{", "JSON", "write it as CSV or Parquet: one column for each series"),
];

/// A table's bytes, by how they are read.
#[derive(Debug)]
pub(super) enum Content {
    /// Text in UTF-8.
    Text(Vec<u8>),
    /// A Parquet file.
    Parquet(Vec<u8>),
    /// An Arrow file or stream.
    Arrow(Vec<u8>),
}

/// Determines what the bytes are. Text may unpack to `max_bytes`.
pub(super) fn of(bytes: Vec<u8>, max_bytes: u64) -> Result<Content, TableProblem> {
    if bytes.starts_with(b"PAR1") {
        return Ok(Content::Parquet(bytes));
    }
    // A stream of Arrow messages begins with a mark and the length of the schema.
    if bytes.starts_with(b"ARROW1") || bytes.starts_with(b"\xff\xff\xff\xff") {
        return Ok(Content::Arrow(bytes));
    }
    let bytes = if bytes.starts_with(b"\x1f\x8b") { unpacked(&bytes, max_bytes)? } else { bytes };
    if let Some((_, what, remedy)) = OTHER_KINDS.iter().find(|(start, _, _)| bytes.starts_with(start)) {
        return Err(TableProblem::OtherKind { what, remedy });
    }
    Ok(Content::Text(in_utf8(bytes)))
}

fn unpacked(bytes: &[u8], max_bytes: u64) -> Result<Vec<u8>, TableProblem> {
    read_stream(MultiGzDecoder::new(bytes), "gzip", max_bytes).map_err(|e| match e.reason {
        ReadFailure::TooLarge(limit) => TableProblem::TooLarge { what: "unpacked bytes", limit },
        reason => TableProblem::Unreadable { form: "a complete gzip file", reason: reason.to_string() },
    })
}

/// UTF-16 is recognised by its mark or by its zeros; text that is not UTF-8 is taken as Windows-1252.
fn in_utf8(bytes: Vec<u8>) -> Vec<u8> {
    let encoding = match Encoding::for_bom(&bytes) {
        Some((encoding, _)) => Some(encoding),
        None if bytes.len() > 3 && bytes[1] == 0 && bytes[3] == 0 => Some(UTF_16LE),
        None if bytes.len() > 3 && bytes[0] == 0 && bytes[2] == 0 => Some(UTF_16BE),
        None => std::str::from_utf8(&bytes).is_err().then_some(WINDOWS_1252),
    };
    let Some(encoding) = encoding else { return bytes };
    let text = match encoding.decode(&bytes).0 {
        Cow::Owned(text) => Some(text.into_bytes()),
        Cow::Borrowed(text) if text.len() < bytes.len() => Some(text.as_bytes().to_vec()),
        Cow::Borrowed(_) => None,
    };
    text.unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn text(bytes: &[u8]) -> String {
        match of(bytes.to_vec(), 1 << 20) {
            Ok(Content::Text(text)) => String::from_utf8(text).unwrap(),
            other => format!("{other:?}"),
        }
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let utf16 = |mark: &[u8], unit: fn(u16) -> [u8; 2]| {
            let units = "time,ä_cpu".encode_utf16().flat_map(unit);
            mark.iter().copied().chain(units).collect::<Vec<u8>>()
        };
        for bytes in [
            "time,ä_cpu".as_bytes().to_vec(),
            "\u{feff}time,ä_cpu".as_bytes().to_vec(),
            utf16(b"\xff\xfe", u16::to_le_bytes),
            utf16(b"\xfe\xff", u16::to_be_bytes),
            utf16(b"", u16::to_le_bytes),
            utf16(b"", u16::to_be_bytes),
            b"time,\xe4_cpu".to_vec(),
            packed("time,ä_cpu".as_bytes()),
            packed(&utf16(b"\xff\xfe", u16::to_le_bytes)),
        ] {
            assert_eq!(text(&bytes), "time,ä_cpu", "{bytes:?}");
        }
    }

    #[test]
    fn what_is_packed_small_is_bounded() {
        let bomb = packed(&vec![b'1'; 3 << 20]);
        assert!(bomb.len() < 1 << 16);
        assert_eq!(of(bomb, 1 << 20).unwrap_err(), TableProblem::TooLarge { what: "unpacked bytes", limit: 1 << 20 });
        let cut = packed(b"time,a_cpu");
        assert!(text(&cut[..cut.len() - 6]).contains("a complete gzip file"));
    }

    #[test]
    fn other_files_are_named() {
        for (bytes, part) in [
            (&b"PK\x03\x04rest"[..], "an Excel workbook"),
            (b"\x28\xb5\x2f\xfdrest", "zstd"),
            (b"[{\"time\": 1}]", "JSON"),
        ] {
            assert!(text(bytes).contains(part), "{}", text(bytes));
        }
        assert!(matches!(of(b"PAR1...".to_vec(), 9), Ok(Content::Parquet(_))));
        assert!(matches!(of(b"ARROW1..".to_vec(), 9), Ok(Content::Arrow(_))));
    }
}
