//! The layout of a text table: its delimiter, the position of its header, and what precedes it.
//!
//! Spreadsheets write `sep=;` first, databases `#` lines, consoles a few lines about the query, and pandas two lines of names. Delimiter and header
//! are found in the first lines and then apply to the rest.

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::error::TableProblem;
use super::number_cell::{self, Cell};
use super::time_cell;
use super::time_names;

/// Bytes in which delimiter and header are searched.
const HEAD_BYTES: usize = 256 << 10;
/// Records in which they are searched.
const HEAD_RECORDS: usize = 40;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A table's layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    /// Position at which reading begins.
    pub(super) start: usize,
    /// Lines before that.
    pub(super) lines_before: u64,
    /// Records before the first row of data.
    pub(super) records_before: usize,
    /// The columns' names.
    pub(super) header: Vec<String>,
}

impl Layout {
    /// Finds the layout.
    pub(super) fn find(text: &[u8]) -> Result<Self, TableProblem> {
        let (said, start, lines_before) = separator_line(text);
        let (start, lines_before) =
            header_comment(&text[start..]).map_or((start, lines_before), |(at, lines)| (start + at, lines));
        let head = &text[start..text.len().min(start + HEAD_BYTES)];
        let delimiter = said.unwrap_or_else(|| delimiter(head));
        let records = records(head, delimiter);
        if records.iter().all(|r| r.iter().all(String::is_empty)) {
            return Err(TableProblem::Empty);
        }
        let (header, records_before) = header(&records);
        Ok(Self { delimiter, start, lines_before, records_before, header })
    }

    /// A reader of the rows of data.
    pub(super) fn rows<'a>(&self, text: &'a [u8]) -> Result<Reader<&'a [u8]>, csv::Error> {
        let mut reader = reader(&text[self.start..], self.delimiter);
        let mut record = ByteRecord::new();
        for _ in 0..self.records_before {
            reader.read_byte_record(&mut record)?;
        }
        Ok(reader)
    }
}

fn reader(text: &[u8], delimiter: u8) -> Reader<&[u8]> {
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).trim(csv::Trim::All).delimiter(delimiter).comment(Some(b'#'));
    builder.from_reader(text)
}

/// `sep=;` as Excel reads and writes it: the delimiter, the position of the next line, and the number of lines before.
fn separator_line(text: &[u8]) -> (Option<u8>, usize, u64) {
    let end = text.iter().position(|b| *b == b'\n').unwrap_or(text.len());
    let line = text[..end].trim_ascii();
    let line = line.strip_prefix(b"\"").and_then(|l| l.strip_suffix(b"\"")).unwrap_or(line);
    let is_separator = line.len() <= 5 && line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"sep=");
    match is_separator {
        // A tab was trimmed.
        true => (Some(line.get(4).copied().unwrap_or(b'\t')), (end + 1).min(text.len()), 1),
        false => (None, 0, 0),
    }
}

/// `# time,a_cpu` before rows of data: the position of the names and the number of lines before.
fn header_comment(text: &[u8]) -> Option<(usize, u64)> {
    let (mut at, mut lines, mut last) = (0, 0, None);
    while text[at..].starts_with(b"#") {
        last = Some((at + 1, lines));
        at += text[at..].iter().position(|b| *b == b'\n')? + 1;
        lines += 1;
    }
    let head = &text[at..text.len().min(at + HEAD_BYTES)];
    let delimiter = delimiter(head);
    let first = records(head, delimiter).into_iter().next()?;
    let (names_at, lines) = last?;
    let names = records(&text[names_at..at], delimiter).into_iter().next()?;
    (names.len() == first.len() && is_data(&first)).then_some((names_at, lines))
}

fn records(head: &[u8], delimiter: u8) -> Vec<Vec<String>> {
    let cells = |r: ByteRecord| r.iter().map(|c| String::from_utf8_lossy(c).trim().to_owned()).collect();
    reader(head, delimiter).into_byte_records().take(HEAD_RECORDS).map_while(Result::ok).map(cells).collect()
}

/// The delimiter that gives most of the first records the same number of cells; among equals, the one with the most cells.
fn delimiter(head: &[u8]) -> u8 {
    let score = |delimiter: u8| {
        let lens: Vec<usize> = records(head, delimiter).iter().map(Vec::len).collect();
        let count = |len: usize| lens.iter().filter(|l| **l == len).count();
        lens.iter().filter(|len| **len > 1).map(|len| (count(*len), *len)).max().unwrap_or_default()
    };
    // The first among equals.
    DELIMITERS.into_iter().rev().max_by_key(|d| score(*d)).unwrap_or(b',')
}

/// The names, and the number of records up to the first row of data.
fn header(records: &[Vec<String>]) -> (Vec<String>, usize) {
    let named = records.iter().position(|r| r.len() > 1 && r.iter().any(|c| time_names::is_time(c)));
    let (at, first) = named.map_or_else(|| unnamed_header(records), |at| (at, at + 1));
    let names = match two_levels(records, at) {
        Some(names) => names,
        // pandas gives the index's name a separate line if the columns have a name.
        None if at > 0 && is_index_line(&records[at]) && records[at - 1].len() == records[at].len() => {
            [&records[at][..1], &records[at - 1][1..]].concat()
        }
        None => records[at].clone(),
    };
    (names, first)
}

/// The positions of names and data in a table whose time column has no known name: data begins with the first date, else with the first number; the
/// names are in the last line of words before.
fn unnamed_header(records: &[Vec<String>]) -> (usize, usize) {
    let has_date = |r: &Vec<String>| r.iter().any(|c| time_cell::is_calendar(c));
    let first = records.iter().position(has_date).or_else(|| records.iter().position(|r| is_data(r)));
    let Some(first) = first.filter(|first| *first > 0) else { return (0, 1) };
    let at = records[..first].iter().rposition(|r| r.len() > 1 && !is_data(r)).unwrap_or(first - 1);
    (at, first)
}

/// Names of two levels, as written by pandas: services in one line, metrics in the next, the index's name below.
fn two_levels(records: &[Vec<String>], at: usize) -> Option<Vec<String>> {
    let is_last = records.get(at).is_some_and(|r| is_index_line(r));
    let upper_at = if is_last { at.checked_sub(2)? } else { at.checked_sub(1)? };
    let (upper, lower) = (&records[upper_at], &records[upper_at + 1]);
    let same = upper.len() == lower.len() && upper.len() > 1 && upper.len() == records[at].len();
    let blank = |t: &String| t.is_empty();
    let is_level = |r: &[String]| r.iter().skip(1).all(|c| !c.is_empty() && number_cell::read(c, None) == Cell::Text);
    // Without a line for the index, only names that repeat form a level.
    let repeats = upper[1..].windows(2).any(|w| w[0] == w[1]);
    if !same
        || !is_level(&upper[1..])
        || !is_level(&lower[1..])
        || !(is_last || (repeats && upper.first().is_some_and(blank)))
    {
        return None;
    }
    let first = if is_last { records[at][0].clone() } else { lower[0].clone() };
    let joined = upper[1..].iter().zip(&lower[1..]).map(|(service, metric)| format!("('{service}', '{metric}')"));
    Some(std::iter::once(first).chain(joined).collect())
}

/// `time,,,`
fn is_index_line(record: &[String]) -> bool {
    record.len() > 1 && !record[0].is_empty() && record[1..].iter().all(String::is_empty)
}

/// Whether a record has a time or a number.
fn is_data(record: &[String]) -> bool {
    record.iter().any(|c| matches!(number_cell::read(c, None), Cell::Number(..)) || time_cell::is_calendar(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, delimiter: u8, header: &[&str], first: &str) {
        let layout = Layout::find(text.as_bytes()).unwrap();
        assert_eq!(
            (layout.delimiter as char, layout.header.iter().map(String::as_str).collect::<Vec<_>>()),
            (delimiter as char, header.to_vec()),
            "{text}"
        );
        let mut rows = layout.rows(text.as_bytes()).unwrap();
        let row = rows.byte_records().next().unwrap().unwrap();
        assert_eq!(row[0], *first.as_bytes(), "{text}");
    }

    #[test]
    fn delimiters_and_headers_are_found() {
        check("time,a_cpu\n1,2\n", b',', &["time", "a_cpu"], "1");
        check("Time;a_cpu;b_cpu\n1;2,5;3,5\n2;2,5;3,5\n", b';', &["Time", "a_cpu", "b_cpu"], "1");
        check("time\ta_cpu\n1\t2\n", b'\t', &["time", "a_cpu"], "1");
        check("time|a_cpu\n1|2\n", b'|', &["time", "a_cpu"], "1");
        check("sep=,\r\n\"Time\",\"a_cpu\"\r\n\"1\",\"2\"\r\n", b',', &["Time", "a_cpu"], "1");
        check("\"sep=;\"\nTime;a_cpu\n1;2\n", b';', &["Time", "a_cpu"], "1");
        check(",carts_cpu\n2026-11-18 10:00:00,1\n", b',', &["", "carts_cpu"], "2026-11-18 10:00:00");
    }

    #[test]
    fn lines_before_the_header_are_passed() {
        check(
            "#group,false\n#datatype,string\n,_time,_value\n,2026-11-18T10:00:00Z,1\n",
            b',',
            &["", "_time", "_value"],
            "",
        );
        check("# made by a tool\n# time,a_cpu\n1,2\n2,3\n", b',', &["time", "a_cpu"], "1");
        check("Report\nfrom,to\n\nTime,a_cpu,b_cpu\n1,2,3\n", b',', &["Time", "a_cpu", "b_cpu"], "1");
        check(
            "Label,orders,carts\n2026/11/18 10:00:00,1,2\n",
            b',',
            &["Label", "orders", "carts"],
            "2026/11/18 10:00:00",
        );
    }

    #[test]
    fn two_levels_of_names_become_one() {
        check("metric,a_cpu,b_cpu\ntime,,\n1,2,3\n", b',', &["time", "a_cpu", "b_cpu"], "1");
        let names = ["time", "('a', 'latency_ms')", "('a', 'cpu')"];
        check(",a,a\n,latency_ms,cpu\ntime,,\n1,2,3\n", b',', &names, "1");
    }
}
