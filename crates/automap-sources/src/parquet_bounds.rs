//! Bounds the unpacked size of a Parquet file's pages, by their headers, before any of them is unpacked; and checks the form of its footer.
//!
//! A footer states how large the columns are, but a small file may lie: a page of 2 GB of zeros takes a few kilobytes, and the decoder allocates what
//! the page's own header says. The headers precede each page unencoded ([`parquet_form`]). Not bounded here: what a decoded page repeats
//! (dictionaries and runs); readers take rows in batches for that.

use bytes::Bytes;
use parquet::file::metadata::ParquetMetaData;

use crate::parquet_form;

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

/// Bytes of the footer's length and of the trailing `PAR1`.
const TRAILER: usize = 8;

/// Checks the footer before it is decoded. A file without a Parquet ending is left to the decoder.
pub(crate) fn check_footer(file: &[u8]) -> Result<(), PageProblem> {
    let Some((before, [a, b, c, d, b'P', b'A', b'R', b'1'])) = file.split_last_chunk::<TRAILER>() else {
        return Ok(());
    };
    let len = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
    let Some(start) = before.len().checked_sub(len) else { return Ok(()) };
    let mut rest = &before[start..];
    parquet_form::walk(&mut rest, &parquet_form::FILE, &mut |_, _| {}).ok_or(PageProblem::Damaged)
}

/// Sums the unpacked sizes of all pages.
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

/// Field ids of a page's header in Parquet's definition.
const UNPACKED_SIZE: i64 = 2;
const PACKED_SIZE: i64 = 3;

/// The sizes of a page; afterwards `rest` begins after the header.
fn page_header(rest: &mut &[u8]) -> Option<(i64, i64)> {
    let (mut unpacked, mut packed) = (None, None);
    parquet_form::walk(rest, &parquet_form::PAGE_HEADER, &mut |field, size| match field {
        UNPACKED_SIZE => unpacked = Some(size),
        PACKED_SIZE => packed = Some(size),
        _ => {}
    })?;
    Some((unpacked.filter(|n| *n >= 0)?, packed.filter(|n| *n >= 0)?))
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

    /// This many zeros in one page.
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

    /// A footer with an unknown field: a list of as many booleans as possible.
    #[test]
    fn a_footer_that_takes_longer_than_it_is_long_is_refused() {
        let file = zeros(3);
        assert_eq!(check_footer(&file), Ok(()));
        let (rest, stop) = file.split_at(file.len() - TRAILER - 1);
        // List, field 100, its length separate, of booleans: 2³¹ − 1 of them.
        let endless = [0x09, 0xc8, 0x01, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07];
        let len = u32::from_le_bytes(stop[1..5].try_into().unwrap()) + endless.len() as u32;
        let made = [rest, &endless, &stop[..1], &len.to_le_bytes(), b"PAR1"].concat();
        assert_eq!(check_footer(&made), Err(PageProblem::Damaged));
        // Equally long, but of numbers, each of which takes a byte.
        let numbers = [0x09, 0xc8, 0x01, 0x25, 0x02, 0x04, 0x00, 0x00, 0x00];
        let made = [rest, &numbers[..6], &stop[..1], &(len - 3).to_le_bytes(), b"PAR1"].concat();
        assert_eq!(check_footer(&made), Ok(()));
        assert!(SerializedFileReader::new(Bytes::from(made)).is_ok());
        assert_eq!(check_footer(b"PAR1"), Ok(()));
        // The format's version as a boolean: the decoder still takes a byte for it and then reads other fields from what follows.
        let start = file.len() - TRAILER - u32::from_le_bytes(stop[1..5].try_into().unwrap()) as usize;
        assert_eq!(file[start], 0x15, "field 1 is a number");
        let mut made = file.to_vec();
        made[start] = 0x11;
        assert_eq!(check_footer(&made), Err(PageProblem::Damaged));
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
