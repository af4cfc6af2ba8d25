//! Text → header, kinds and rows.
//!
//! The whole text is in memory, so that an ambiguity in one cell (a comma, day or month) can be resolved from others before rows are read.

use csv::{ByteRecord, Reader};

use super::body::{Body, NumberColumn, RowWord, WordColumn};
use super::error::{TableProblem, shown};
use super::kind::Kind;
use super::layout::Layout;
use super::number_cell;
use super::options::{Decimal, TableOptions};
use super::roles::{Role, Roles};
use super::time_cell::{TimeReader, Wrong};

/// Rows by which columns are classified.
const SAMPLE_ROWS: usize = 200;
/// Most columns of a table: 300 services × 25 metrics and some calls.
const MAX_COLUMNS: usize = 20_000;

/// A text table whose columns are known and whose rows have not been read.
pub(super) struct TextTable<'a> {
    text: &'a [u8],
    layout: Layout,
    sample: Vec<ByteRecord>,
    decimal: Option<Decimal>,
}

impl<'a> TextTable<'a> {
    pub(super) fn open(text: &'a [u8], options: &TableOptions) -> Result<Self, TableProblem> {
        let layout = Layout::find(text)?;
        if layout.header.len() > MAX_COLUMNS {
            return Err(TableProblem::TooLarge { what: "columns", limit: MAX_COLUMNS as u64 });
        }
        let mut table = Self { text, layout, sample: Vec::new(), decimal: options.decimal };
        let rows = table.rows()?;
        table.sample = rows.into_byte_records().take(SAMPLE_ROWS).map_while(Result::ok).collect();
        if table.decimal.is_none() {
            table.decimal = table.find_decimal()?;
        }
        Ok(table)
    }

    pub(super) fn header(&self) -> &[String] {
        &self.layout.header
    }

    pub(super) fn kinds(&self) -> Vec<Kind> {
        (0..self.layout.header.len()).map(|i| Kind::of(self.cells(i))).collect()
    }

    fn rows(&self) -> Result<Reader<&'a [u8]>, TableProblem> {
        self.layout.rows(self.text).map_err(|e| unreadable(&e))
    }

    /// The first cells of a column.
    fn cells(&self, i: usize) -> impl Iterator<Item = &str> + Clone {
        self.sample.iter().filter_map(move |r| std::str::from_utf8(r.get(i)?).ok())
    }

    /// How numbers are written: as most cells of the first rows show, else as the first cell that shows it at all. Points and semicolons leave no
    /// ambiguity.
    fn find_decimal(&self) -> Result<Option<Decimal>, TableProblem> {
        let shown = |record: &ByteRecord| {
            let cells: Vec<Decimal> =
                record.iter().filter_map(|c| number_cell::decimal_of(std::str::from_utf8(c).ok()?)).collect();
            cells
        };
        let has_comma = |r: &ByteRecord| r.iter().any(|c| c.contains(&b',') && c.iter().any(u8::is_ascii_digit));
        if !self.sample.iter().any(has_comma) {
            return Ok(None);
        }
        let votes: Vec<Decimal> = self.sample.iter().flat_map(shown).collect();
        let commas = votes.iter().filter(|d| **d == Decimal::Comma).count();
        if !votes.is_empty() {
            return Ok(Some(if commas * 2 > votes.len() { Decimal::Comma } else { Decimal::Point }));
        }
        let mut records = self.rows()?.into_byte_records().map_while(Result::ok);
        let later = records.find_map(|r| shown(&r).first().copied());
        Ok(later.or_else(|| (self.layout.delimiter == b';').then_some(Decimal::Comma)))
    }

    /// Reads all rows.
    pub(super) fn read(&self, roles: &Roles, options: &TableOptions) -> Result<Body, TableProblem> {
        let mut body = empty_body(self.header(), roles, RowWord::Line);
        let mut times = self.time_reader(roles, options)?;
        let (mut reader, mut record) = (self.rows()?, ByteRecord::new());
        while reader.read_byte_record(&mut record).map_err(|e| unreadable(&e))? {
            let line = record.position().map_or(0, csv::Position::line) + self.layout.lines_before;
            if !self.is_row(&record, line)? {
                continue;
            }
            let time = self.time(&record, roles, &mut times, line)?;
            body.push_time(time, line)?;
            for (cell, role) in record.iter().zip(&roles.roles) {
                match *role {
                    Role::Number(i) => {
                        body.numbers[i].push(&String::from_utf8_lossy(cell), self.decimal, line, RowWord::Line)?
                    }
                    Role::Word(i) => body.words[i].push(&String::from_utf8_lossy(cell))?,
                    Role::Skip | Role::Time | Role::Clock => {}
                }
            }
        }
        body.saw_local = times.saw_local;
        Ok(body)
    }

    /// Whether a record is a row of data. Blank rows and repeated headers are not; a row of another length is an error.
    fn is_row(&self, record: &ByteRecord, line: u64) -> Result<bool, TableProblem> {
        let want = self.layout.header.len();
        if record.iter().all(<[u8]>::is_empty) && record.len() != want {
            return Ok(false);
        }
        let is_longer = record.len() < want || record.iter().skip(want).any(|c| !c.is_empty());
        if record.len() != want && is_longer {
            return Err(TableProblem::Ragged { line, have: record.len(), want });
        }
        Ok(!record.iter().zip(&self.layout.header).all(|(cell, name)| cell == name.as_bytes()))
    }

    fn time_reader(&self, roles: &Roles, options: &TableOptions) -> Result<TimeReader, TableProblem> {
        let mut times = TimeReader::new(options, self.decimal);
        let Some(at) = roles.roles.iter().position(|r| *r == Role::Time) else { return Ok(times) };
        times.learn(&self.layout.header[at], self.cells(at));
        if self.cells(at).any(|c| times.lacks_order(c)) {
            let records = self.rows()?.into_byte_records().map_while(Result::ok);
            let cells: Vec<String> =
                records.map(|r| String::from_utf8_lossy(r.get(at).unwrap_or_default()).into_owned()).collect();
            times.learn_order(cells.iter().map(String::as_str));
        }
        Ok(times)
    }

    fn time(
        &self,
        record: &ByteRecord,
        roles: &Roles,
        times: &mut TimeReader,
        line: u64,
    ) -> Result<automap_core::time::Timestamp, TableProblem> {
        let cell = |role: Role| {
            let at = roles.roles.iter().position(|r| *r == role)?;
            Some((at, String::from_utf8_lossy(record.get(at)?).into_owned()))
        };
        let (at, mut text) = cell(Role::Time).unwrap_or_default();
        if let Some((_, clock)) = cell(Role::Clock) {
            // Some tools write midnight in the date beside a separate time of day.
            let date = text.split_once([' ', 'T']).map_or(text.as_str(), |(date, _)| date);
            text = format!("{date} {clock}");
        }
        times.read(&text).map_err(|wrong| not_a_time(wrong, RowWord::Line.place(line), &self.layout.header[at], &text))
    }
}

/// A body without rows.
pub(super) fn empty_body(header: &[String], roles: &Roles, word: RowWord) -> Body {
    let mut body =
        Body { word, times: Vec::new(), places: Vec::new(), numbers: Vec::new(), words: Vec::new(), saw_local: false };
    let mut words: Vec<(usize, WordColumn)> = Vec::new();
    for (at, role) in roles.roles.iter().enumerate() {
        match role {
            Role::Number(_) => body.numbers.push(NumberColumn::new(&header[at], at)),
            Role::Word(i) => words.push((*i, WordColumn::new(&header[at]))),
            Role::Skip | Role::Time | Role::Clock => {}
        }
    }
    words.sort_by_key(|(i, _)| *i);
    body.words = words.into_iter().map(|(_, column)| column).collect();
    body
}

/// The error for a cell that is not a time.
pub(super) fn not_a_time(wrong: Wrong, place: String, column: &str, text: &str) -> TableProblem {
    let (column, text) = (shown(column), shown(text));
    match wrong {
        Wrong::NotATime => TableProblem::NotATime { place, column, text },
        Wrong::AmbiguousDate(pattern) => TableProblem::AmbiguousDate { place, column, text, pattern },
    }
}

fn unreadable(error: &csv::Error) -> TableProblem {
    TableProblem::Unreadable { form: "CSV", reason: error.to_string() }
}
