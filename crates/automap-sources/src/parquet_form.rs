//! Walks over Parquet's own structures (a file's footer, the headers of its pages) before a decoder reads them, in a time that their length bounds.
//!
//! They use Thrift's compact protocol. The decoder skips unknown fields, and a list of booleans, whose elements take no bytes, for as many elements
//! as the list declares: seven bytes cost two seconds of CPU time, and a footer has room for many. It also decodes a known field as its defined type,
//! whatever type the field declares, so a walk that trusts the declared type sees other fields than the decoder. Both were found by fuzzing.
//! Therefore known fields must have the type that Parquet defines, and no list may hold booleans, which Parquet never uses there: then both read the
//! same bytes, and each list element takes at least one. Numbers of different widths are read alike.
//!
//! The definition is `parquet.thrift` of the Apache Parquet format, version 2.12. The values are not interpreted.

use Kind::{Byte, Bytes, Double, List, Number, Structure, Truth};

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A boolean; as a field it is encoded in the field's own header.
    Truth,
    /// A number of one byte.
    Byte,
    /// A number of up to ten bytes.
    Number,
    /// A number of eight bytes.
    Double,
    /// Bytes or a string, preceded by the length.
    Bytes,
    /// A list of one type.
    List(&'static Kind),
    /// A structure.
    Structure(&'static Form),
}

/// The fields of a structure, by number. Others may occur and are skipped.
#[derive(Debug)]
pub(crate) struct Form(&'static [(i64, Kind)]);

/// The footer.
pub(crate) static FILE: Form = Form(&[
    (1, Number),
    (2, List(&Structure(&SCHEMA_ELEMENT))),
    (3, Number),
    (4, List(&Structure(&ROW_GROUP))),
    (5, List(&Structure(&KEY_VALUE))),
    (6, Bytes),
    (7, List(&Structure(&EMPTY_ONES))),
    (8, Structure(&ENCRYPTION)),
    (9, Bytes),
]);
/// The header of a page. Field 2 is the unpacked size, field 3 the stored size.
pub(crate) static PAGE_HEADER: Form = Form(&[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Number),
    (5, Structure(&DATA_PAGE)),
    (6, Structure(&EMPTY_ONES)),
    (7, Structure(&DICTIONARY_PAGE)),
    (8, Structure(&DATA_PAGE_2)),
]);
static DATA_PAGE: Form = Form(&[(1, Number), (2, Number), (3, Number), (4, Number), (5, Structure(&STATISTICS))]);
static DICTIONARY_PAGE: Form = Form(&[(1, Number), (2, Number), (3, Truth)]);
static DATA_PAGE_2: Form = Form(&[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Truth),
    (8, Structure(&STATISTICS)),
]);
static SCHEMA_ELEMENT: Form = Form(&[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Bytes),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Number),
    (9, Number),
    (10, Structure(&LOGICAL_TYPE)),
]);
/// A union; members that are not listed have no fields of their own.
static LOGICAL_TYPE: Form = Form(&[
    (1, Structure(&EMPTY)),
    (2, Structure(&EMPTY)),
    (3, Structure(&EMPTY)),
    (4, Structure(&EMPTY)),
    (5, Structure(&DECIMAL)),
    (6, Structure(&EMPTY)),
    (7, Structure(&TIME)),
    (8, Structure(&TIME)),
    (10, Structure(&INTEGER)),
    (11, Structure(&EMPTY)),
    (12, Structure(&EMPTY)),
    (13, Structure(&EMPTY)),
    (14, Structure(&EMPTY)),
    (15, Structure(&EMPTY)),
    (16, Structure(&VARIANT)),
    (17, Structure(&GEOMETRY)),
    (18, Structure(&GEOGRAPHY)),
]);
static EMPTY: Form = Form(&[]);
/// A union of members without fields: the order of a column, the unit of a time.
static EMPTY_ONES: Form = Form(&[(1, Structure(&EMPTY)), (2, Structure(&EMPTY)), (3, Structure(&EMPTY))]);
static DECIMAL: Form = Form(&[(1, Number), (2, Number)]);
static TIME: Form = Form(&[(1, Truth), (2, Structure(&EMPTY_ONES))]);
static INTEGER: Form = Form(&[(1, Byte), (2, Truth)]);
static VARIANT: Form = Form(&[(1, Byte)]);
static GEOMETRY: Form = Form(&[(1, Bytes)]);
static GEOGRAPHY: Form = Form(&[(1, Bytes), (2, Number)]);
static ROW_GROUP: Form = Form(&[
    (1, List(&Structure(&COLUMN_CHUNK))),
    (2, Number),
    (3, Number),
    (4, List(&Structure(&SORTING_COLUMN))),
    (5, Number),
    (6, Number),
    (7, Number),
]);
static SORTING_COLUMN: Form = Form(&[(1, Number), (2, Truth), (3, Truth)]);
static COLUMN_CHUNK: Form = Form(&[
    (1, Bytes),
    (2, Number),
    (3, Structure(&COLUMN)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Structure(&COLUMN_CRYPTO)),
    (9, Bytes),
]);
static COLUMN: Form = Form(&[
    (1, Number),
    (2, List(&Number)),
    (3, List(&Bytes)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, List(&Structure(&KEY_VALUE))),
    (9, Number),
    (10, Number),
    (11, Number),
    (12, Structure(&STATISTICS)),
    (13, List(&Structure(&PAGE_ENCODING))),
    (14, Number),
    (15, Number),
    (16, Structure(&SIZES)),
    (17, Structure(&GEOSPATIAL)),
]);
static STATISTICS: Form = Form(&[
    (1, Bytes),
    (2, Bytes),
    (3, Number),
    (4, Number),
    (5, Bytes),
    (6, Bytes),
    (7, Truth),
    (8, Truth),
    (9, Number),
]);
static PAGE_ENCODING: Form = Form(&[(1, Number), (2, Number), (3, Number)]);
static SIZES: Form = Form(&[(1, Number), (2, List(&Number)), (3, List(&Number))]);
static GEOSPATIAL: Form = Form(&[(1, Structure(&BOX)), (2, List(&Number))]);
static BOX: Form =
    Form(&[(1, Double), (2, Double), (3, Double), (4, Double), (5, Double), (6, Double), (7, Double), (8, Double)]);
static KEY_VALUE: Form = Form(&[(1, Bytes), (2, Bytes)]);
static ENCRYPTION: Form = Form(&[(1, Structure(&CIPHER)), (2, Structure(&CIPHER))]);
static CIPHER: Form = Form(&[(1, Bytes), (2, Bytes), (3, Truth)]);
static COLUMN_CRYPTO: Form = Form(&[(1, Structure(&EMPTY)), (2, Structure(&COLUMN_KEY))]);
static COLUMN_KEY: Form = Form(&[(1, List(&Bytes)), (2, Bytes)]);

/// Type codes of Thrift's compact protocol.
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
const STRUCT: u8 = 12;
/// Deepest nesting: a statistic of a column is at 7.
const MAX_DEPTH: u32 = 16;

/// Walks over a structure and reports the numbers among its own fields; afterwards `rest` begins after it. `None` if it breaks off or has another
/// form. O(bytes).
pub(crate) fn walk(rest: &mut &[u8], form: &Form, number: &mut dyn FnMut(i64, i64)) -> Option<()> {
    fields(rest, Some(form), 0, number)
}

fn fields(rest: &mut &[u8], form: Option<&Form>, depth: u32, number: &mut dyn FnMut(i64, i64)) -> Option<()> {
    let mut field = 0i64;
    loop {
        let head = byte(rest)?;
        let kind = head & 0x0f;
        if kind == STOP {
            return Some(());
        }
        let next = if head >> 4 == 0 { signed(rest)? } else { field + i64::from(head >> 4) };
        // A decoder that counts in 16 bits would take field 65,537 for the first.
        field = Some(next).filter(|next| (1..=i64::from(i16::MAX)).contains(next))?;
        let known = form.and_then(|form| form.0.iter().find(|(known, _)| *known == field)).map(|(_, kind)| *kind);
        match (kind, known) {
            (TRUE | FALSE, None | Some(Truth)) => {}
            (I16 | I32 | I64, None | Some(Number)) => number(field, signed(rest)?),
            _ => value(rest, kind, known, depth)?,
        }
    }
}

/// A value that is not a boolean. `None` for booleans, too.
fn value(rest: &mut &[u8], kind: u8, known: Option<Kind>, depth: u32) -> Option<()> {
    match (kind, known) {
        (I8, None | Some(Byte)) => drop(byte(rest)?),
        (I16 | I32 | I64, None | Some(Number)) => drop(varint(rest)?),
        (DOUBLE, None | Some(Double)) => take(rest, 8)?,
        (BINARY, None | Some(Bytes)) => {
            let len = usize::try_from(varint(rest)?).ok()?;
            take(rest, len)?;
        }
        (LIST, None | Some(List(_))) if depth < MAX_DEPTH => {
            let head = byte(rest)?;
            let len = if head >> 4 == 15 { varint(rest)? } else { u64::from(head >> 4) };
            let of = if let Some(List(of)) = known { Some(*of) } else { None };
            for _ in 0..len {
                value(rest, head & 0x0f, of, depth + 1)?;
            }
        }
        (STRUCT, None) if depth < MAX_DEPTH => fields(rest, None, depth + 1, &mut |_, _| {})?,
        (STRUCT, Some(Structure(form))) if depth < MAX_DEPTH => fields(rest, Some(form), depth + 1, &mut |_, _| {})?,
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
