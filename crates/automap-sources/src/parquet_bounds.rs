//! What the pages of a Parquet file unpack to, by the headers of the pages themselves, before any of them is unpacked; and whether its footer can be read in a time that its
//! length bounds.
//!
//! A file's footer says how large its columns are, but a small file may lie: a page of 2 GB of zeros takes a few kilobytes, and the decoder asks
//! for what the page's own header says. The headers stand in clear before each page, in Thrift's compact protocol, of which this reads as much as is
//! needed to pass over it. A footer is a structure of the same kind. The decoder passes over fields that it does not know, and over a list of truth values, of which it takes none
//! for a byte, for as long as the list says it is: seven bytes cost two seconds of processor time, and a footer has room for many (found by fuzzing). No footer and no header has such a list, so they
//! are refused. Left out: what a decoded page repeats (dictionaries and runs); readers take rows in batches for that.

use bytes::Bytes;
use parquet::file::metadata::ParquetMetaData;

/// Largest page.
pub(crate) const MAX_PAGE_BYTES: i64 = 256 << 20;

/// What is wrong with the pages of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageProblem {
    /// One page, or all together, unpack to more than this.
    TooLarge(i64),
    /// A header cannot be read.
    Damaged,
}

/// Bytes of a footer's length and of `PAR1` behind it.
const TRAILER: usize = 8;

/// Looks at the footer before a decoder does. What ends like no Parquet file is left to the decoder.
pub(crate) fn check_footer(file: &[u8]) -> Result<(), PageProblem> {
    let Some((before, [a, b, c, d, b'P', b'A', b'R', b'1'])) = file.split_last_chunk::<TRAILER>() else {
        return Ok(());
    };
    let len = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
    let Some(start) = before.len().checked_sub(len) else { return Ok(()) };
    let mut rest = &before[start..];
    skip(&mut rest, STRUCT, 0).ok_or(PageProblem::Damaged)
}

/// Adds up what all pages unpack to.
pub(crate) fn check(file: &Bytes, metadata: &ParquetMetaData, max_bytes: i64) -> Result<(), PageProblem> {
    let mut total = 0i64;
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        let (start, len) = column.byte_range();
        let range = usize::try_from(start).ok().zip(usize::try_from(len).ok());
        let chunk = range.and_then(|(start, len)| file.get(start..start.checked_add(len)?));
        total = total.saturating_add(unpacked(chunk.ok_or(PageProblem::Damaged)?)?);
        if total > max_bytes {
            return Err(PageProblem::TooLarge(max_bytes));
        }
    }
    Ok(())
}

/// The sum of the unpacked pages of one column.
fn unpacked(chunk: &[u8]) -> Result<i64, PageProblem> {
    let (mut rest, mut total) = (chunk, 0i64);
    while !rest.is_empty() {
        let (unpacked, packed) = page_header(&mut rest).ok_or(PageProblem::Damaged)?;
        if unpacked > MAX_PAGE_BYTES {
            return Err(PageProblem::TooLarge(MAX_PAGE_BYTES));
        }
        total = total.saturating_add(unpacked);
        rest = usize::try_from(packed).ok().and_then(|packed| rest.get(packed..)).ok_or(PageProblem::Damaged)?;
    }
    Ok(total)
}

/// Fields of a page's header, by their numbers in Parquet's definition.
const UNPACKED_SIZE: i64 = 2;
const PACKED_SIZE: i64 = 3;
/// Deepest nesting: the units of a time in a footer's schema, the statistics of a column.
const MAX_DEPTH: u32 = 16;

/// The sizes of a page; `rest` stands behind the header then.
fn page_header(rest: &mut &[u8]) -> Option<(i64, i64)> {
    let (mut unpacked, mut packed, mut field) = (None, None, 0);
    loop {
        let head = byte(rest)?;
        let kind = head & 0x0f;
        if kind == STOP {
            return Some((unpacked?, packed?));
        }
        field = match i64::from(head >> 4) {
            0 => signed(rest)?,
            delta => field + delta,
        };
        match field {
            UNPACKED_SIZE if kind == I32 => unpacked = Some(signed(rest)?).filter(|n| *n >= 0),
            PACKED_SIZE if kind == I32 => packed = Some(signed(rest)?).filter(|n| *n >= 0),
            _ => skip(rest, kind, 0)?,
        }
    }
}

/// Kinds of values in Thrift's compact protocol.
const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I8: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

fn skip(rest: &mut &[u8], kind: u8, depth: u32) -> Option<()> {
    match kind {
        TRUE | FALSE => {}
        I8 => drop(byte(rest)?),
        I16 | I32 | I64 => drop(varint(rest)?),
        DOUBLE => take(rest, 8)?,
        BINARY => {
            let len = usize::try_from(varint(rest)?).ok()?;
            take(rest, len)?;
        }
        LIST | SET if depth < MAX_DEPTH => {
            let head = byte(rest)?;
            let len = if head >> 4 == 15 { varint(rest)? } else { u64::from(head >> 4) };
            for _ in 0..len {
                match head & 0x0f {
                    TRUE | FALSE => return None,
                    kind => skip(rest, kind, depth + 1)?,
                }
            }
        }
        STRUCT if depth < MAX_DEPTH => loop {
            let head = byte(rest)?;
            match (head & 0x0f, head >> 4) {
                (STOP, _) => break,
                (kind, delta) => {
                    if delta == 0 {
                        signed(rest)?;
                    }
                    skip(rest, kind, depth + 1)?;
                }
            }
        },
        _ => return None,
    }
    Some(())
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, others) = rest.split_first()?;
    *rest = others;
    Some(*first)
}

fn take(rest: &mut &[u8], len: usize) -> Option<()> {
    *rest = rest.get(len..)?;
    Some(())
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let next = byte(rest)?;
        value |= u64::from(next & 0x7f) << shift;
        if next & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn signed(rest: &mut &[u8]) -> Option<i64> {
    let value = varint(rest)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::basic::{Compression, ZstdLevel};
    use parquet::data_type::DoubleType;
    use parquet::file::properties::WriterProperties;
    use parquet::file::reader::FileReader;
    use parquet::file::serialized_reader::SerializedFileReader;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    /// So many zeros in one page.
    fn zeros(count: usize) -> Bytes {
        let schema = Arc::new(parse_message_type("message m { REQUIRED DOUBLE v; }").unwrap());
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_enabled(false)
            .set_data_page_size_limit(usize::MAX >> 1)
            .set_data_page_row_count_limit(usize::MAX >> 1)
            .build();
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&vec![0.0; count], None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.into_inner().unwrap().into()
    }

    fn checked(file: &Bytes, max_bytes: i64) -> Result<(), PageProblem> {
        check(file, SerializedFileReader::new(file.clone()).unwrap().metadata(), max_bytes)
    }

    #[test]
    fn pages_are_added_up_by_their_own_headers() {
        let file = zeros(1 << 20);
        assert!(file.len() < 16 << 10, "{} bytes", file.len());
        assert_eq!(checked(&file, 9 << 20), Ok(()));
        assert_eq!(checked(&file, 1 << 20), Err(PageProblem::TooLarge(1 << 20)));
    }

    /// A footer with a field that nobody knows, a list of as many truth values as there can be.
    #[test]
    fn a_footer_that_takes_longer_than_it_is_long_is_refused() {
        let file = zeros(3);
        assert_eq!(check_footer(&file), Ok(()));
        let (rest, stop) = file.split_at(file.len() - TRAILER - 1);
        // List, field 100, its length apart, of truth values: 2³¹ − 1 of them.
        let endless = [0x09, 0xc8, 0x01, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07];
        let len = u32::from_le_bytes(stop[1..5].try_into().unwrap()) + endless.len() as u32;
        let made = [rest, &endless, &stop[..1], &len.to_le_bytes(), b"PAR1"].concat();
        assert_eq!(check_footer(&made), Err(PageProblem::Damaged));
        // As long, and of numbers, of which each takes a byte.
        let numbers = [0x09, 0xc8, 0x01, 0x25, 0x02, 0x04, 0x00, 0x00, 0x00];
        let made = [rest, &numbers[..6], &stop[..1], &(len - 3).to_le_bytes(), b"PAR1"].concat();
        assert_eq!(check_footer(&made), Ok(()));
        assert!(SerializedFileReader::new(Bytes::from(made)).is_ok());
        assert_eq!(check_footer(b"PAR1"), Ok(()));
    }

    #[test]
    fn headers_that_break_off_or_nest_without_end_are_damaged() {
        assert_eq!(unpacked(&[0x15]), Err(PageProblem::Damaged));
        assert_eq!(unpacked(&[0x1c; 4096]), Err(PageProblem::Damaged));
        assert_eq!(unpacked(&[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f]), Err(PageProblem::Damaged));
        // type 0, unpacked 300 MiB, packed 0.
        assert_eq!(
            unpacked(&[0x15, 0, 0x15, 0x80, 0x80, 0x80, 0xac, 0x02, 0x15, 0, 0]),
            Err(PageProblem::TooLarge(MAX_PAGE_BYTES))
        );
    }
}
