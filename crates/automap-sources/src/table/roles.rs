//! Assigns roles to the columns of a table, by names and first cells: times, series side by side (a wide table), or services and metrics in cells (a
//! long one).
//!
//! A long table has a value column next to a column of names (`time, service, metric, value`), or one row for each service with a column for each
//! metric (`time, service, cpu, memory`). Any other table with numbers is wide.

use super::error::{TableProblem, listed, shown};
use super::kind::Kind;
use super::labels::SERVICE_LABELS;
use super::metric_words::spelling;
use super::time_names;

/// The role of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Not read.
    Skip,
    /// The time, or its date.
    Time,
    /// The time of day that belongs to a date.
    Clock,
    /// Numbers, by their position among such columns.
    Number(usize),
    /// Words, by their position among such columns.
    Word(usize),
}

/// How the columns belong together. Positions count columns of numbers and of words separately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Every column of numbers is a series.
    Wide,
    /// Every row belongs to a service.
    Long {
        /// Words that name the service.
        service: Option<usize>,
        /// Words that name the metric, or service and metric together if there is no column of services.
        metric: Option<usize>,
        /// Other words, such as pods.
        others: Vec<usize>,
    },
}

/// The roles of all columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Roles {
    pub(super) roles: Vec<Role>,
    pub(super) shape: Shape,
    /// Columns of words in a wide table, and further times: left out with a note.
    pub(super) left_out: Vec<String>,
}

pub(super) const METRIC_NAMES: [&str; 13] = [
    "metric",
    "metric_name",
    "metricname",
    "kpi",
    "kpi_name",
    "name_metric",
    "__name__",
    "_field",
    "field",
    "_measurement",
    "measurement",
    "indicator",
    "signal",
];
/// Columns of tags such as `service:payment,env:live`.
const TAG_NAMES: [&str; 7] = ["tag", "tags", "tag_set", "scope", "group", "labels", "dimensions"];
/// Columns whose words name service and metric together.
const SERIES_NAMES: [&str; 7] = ["series", "variable", "name", "key", "column", "label", "legend"];
const VALUE_NAMES: [&str; 6] = ["value", "_value", "val", "values", "v", "sample"];
/// Columns that number rows.
const INDEX_NAMES: [&str; 8] = ["", "index", "id", "row", "_start", "_stop", "row_number", "#"];

impl Roles {
    /// Gives every column its role.
    pub(super) fn of(header: &[String], kinds: &[Kind]) -> Result<Self, TableProblem> {
        let first = || shown(header.first().map_or("", String::as_str));
        let time = time(header, kinds).ok_or_else(|| TableProblem::NoTime { first: first() })?;
        let columns = Columns { header, kinds, time };
        let mut taken = Taken { roles: vec![Role::Skip; header.len()], numbers: 0, words: 0 };
        taken.roles[time] = Role::Time;
        if let Some(clock) = columns.clock() {
            taken.roles[clock] = Role::Clock;
        }
        match columns.long() {
            Some(long) => Ok(columns.as_long(&long, taken)),
            None => columns.as_wide(taken),
        }
    }
}

/// The column of times: the most certain name, else the only column of dates, else dates in the first column.
fn time(header: &[String], kinds: &[Kind]) -> Option<usize> {
    let named = |i: &usize| time_names::rank(&header[*i]).filter(|_| kinds[*i] != Kind::Text);
    let is_clock = |i: usize| kinds[i] == Kind::Clock;
    let by_name = (0..header.len()).filter(|i| named(i).is_some()).min_by_key(|i| (is_clock(*i), named(i)));
    let mut dates = (0..header.len()).filter(|i| kinds[*i] == Kind::Time);
    let by_name = by_name.or_else(|| (0..header.len()).find(|i| time_names::is_time(&header[*i])));
    by_name.or_else(|| dates.next())
}

/// What is known about the columns.
struct Columns<'a> {
    header: &'a [String],
    kinds: &'a [Kind],
    time: usize,
}

/// The columns of a long table.
#[derive(Default)]
struct Long {
    service: Option<usize>,
    metric: Option<usize>,
    value: Option<usize>,
}

/// Roles given so far.
struct Taken {
    roles: Vec<Role>,
    numbers: usize,
    words: usize,
}

impl Taken {
    fn number(&mut self, i: usize) {
        self.roles[i] = Role::Number(self.numbers);
        self.numbers += 1;
    }

    fn word(&mut self, i: usize) -> usize {
        self.roles[i] = Role::Word(self.words);
        self.words += 1;
        self.words - 1
    }
}

impl Columns<'_> {
    /// The time of day next to a date.
    fn clock(&self) -> Option<usize> {
        let is_date = self.kinds[self.time] == Kind::Time;
        (0..self.header.len()).find(|i| {
            is_date
                && *i != self.time
                && self.kinds[*i] == Kind::Clock
                && (time_names::is_time(&self.header[*i]) || *i == self.time + 1)
        })
    }

    fn plain(&self, i: usize) -> String {
        self.header[i].trim().to_lowercase().replace([' ', '.', '-'], "_")
    }

    fn find(&self, names: &[&str], is_kind: impl Fn(Kind) -> bool) -> Option<usize> {
        let at = |name: &&str| {
            (0..self.header.len()).find(|i| *i != self.time && self.plain(*i) == **name && is_kind(self.kinds[*i]))
        };
        names.iter().find_map(at)
    }

    fn is_index(&self, i: usize) -> bool {
        let name = self.plain(i);
        let numbered = ["level_", "unnamed:_", "__index_level_"].iter().any(|start| name.starts_with(start));
        let of_influx = ["result", "table"].contains(&name.as_str()) && self.header.iter().any(|h| h == "_value");
        numbered || of_influx || INDEX_NAMES.contains(&name.as_str())
    }

    /// The columns of a long table; `None` for a wide one.
    fn long(&self) -> Option<Long> {
        let is_text = |k| k == Kind::Text;
        let service = self.find(&SERVICE_LABELS, |k| matches!(k, Kind::Text | Kind::Number));
        let service = service.or_else(|| self.find(&TAG_NAMES, is_text));
        let metric = self.find(&METRIC_NAMES, is_text);
        let series = self.find(&SERIES_NAMES, is_text);
        let value = self.find(&VALUE_NAMES, Kind::is_number);
        if value.is_some() {
            let metric = if service.is_some() { metric.or(series) } else { series.or(metric) };
            return (service.is_some() || metric.is_some()).then_some(Long { service, metric, value });
        }
        let of_rows = service.filter(|i| self.kinds[*i] == Kind::Text);
        let has_metrics =
            || (0..self.header.len()).any(|i| self.kinds[i].is_number() && spelling(&self.header[i]).is_some());
        let service = of_rows.or_else(|| series.filter(|_| has_metrics()))?;
        Some(Long { service: Some(service), ..Long::default() })
    }

    fn as_long(&self, long: &Long, mut taken: Taken) -> Roles {
        let service = long.service.map(|i| taken.word(i));
        let metric = long.metric.map(|i| taken.word(i));
        let (mut others, mut left_out) = (Vec::new(), Vec::new());
        for i in 0..self.header.len() {
            match self.kinds[i] {
                _ if taken.roles[i] != Role::Skip || self.is_index(i) => {}
                Kind::Text => others.push(taken.word(i)),
                kind if kind.is_number() && long.value.is_none_or(|value| value == i) => taken.number(i),
                _ => left_out.push(self.header[i].clone()),
            }
        }
        Roles { roles: taken.roles, shape: Shape::Long { service, metric, others }, left_out }
    }

    fn as_wide(&self, mut taken: Taken) -> Result<Roles, TableProblem> {
        let mut left_out = Vec::new();
        for i in 0..self.header.len() {
            let is_time =
                time_names::is_time(self.header[i].trim_end_matches(|c: char| c == '.' || c.is_ascii_digit()));
            match self.kinds[i] {
                _ if taken.roles[i] != Role::Skip || self.is_index(i) => {}
                kind if kind.is_number() && !is_time => taken.number(i),
                _ => left_out.push(self.header[i].clone()),
            }
        }
        if taken.numbers == 0 {
            return Err(TableProblem::NoSeries { columns: listed(self.header.iter().map(String::as_str)) });
        }
        Ok(Roles { roles: taken.roles, shape: Shape::Wide, left_out })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(columns: &[(&str, Kind)]) -> Result<Roles, TableProblem> {
        let header: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        Roles::of(&header, &columns.iter().map(|(_, kind)| *kind).collect::<Vec<_>>())
    }

    fn long(service: Option<usize>, metric: Option<usize>, others: &[usize]) -> Shape {
        Shape::Long { service, metric, others: others.to_vec() }
    }

    #[test]
    fn wide_tables() {
        use Kind::{Clock, Number, Text, Time};
        let read =
            roles(&[("Unnamed: 0", Number), ("Time", Time), ("a_cpu", Number), ("note", Text), ("time.1", Number)])
                .unwrap();
        assert_eq!(read.roles, [Role::Skip, Role::Time, Role::Number(0), Role::Skip, Role::Skip]);
        assert_eq!((read.shape, read.left_out), (Shape::Wide, vec!["note".to_owned(), "time.1".to_owned()]));
        let dates = roles(&[("Datum", Time), ("Uhrzeit", Clock), ("a_cpu", Number)]).unwrap();
        assert_eq!(dates.roles, [Role::Time, Role::Clock, Role::Number(0)]);
        let unnamed = roles(&[("", Time), ("a_cpu", Number)]).unwrap();
        assert_eq!(unnamed.roles, [Role::Time, Role::Number(0)]);
    }

    #[test]
    fn long_tables() {
        use Kind::{Number, Text, Time};
        let read =
            roles(&[("timestamp", Number), ("cmdb_id", Text), ("kpi_name", Text), ("value", Number), ("pod", Text)])
                .unwrap();
        assert_eq!(read.roles, [Role::Time, Role::Word(0), Role::Word(1), Role::Number(0), Role::Word(2)]);
        assert_eq!(read.shape, long(Some(0), Some(1), &[2]));
        let series = roles(&[("Series", Text), ("Time", Time), ("Value", Number)]).unwrap();
        assert_eq!(series.shape, long(None, Some(0), &[]));
        let rows =
            roles(&[("time", Number), ("service", Text), ("cpu", Number), ("memory", Number), ("index", Number)])
                .unwrap();
        assert_eq!((rows.roles[4], rows.shape), (Role::Skip, long(Some(0), None, &[])));
        let tags = roles(&[("time", Number), ("tag", Text), ("metric", Text), ("value", Number)]).unwrap();
        assert_eq!(tags.shape, long(Some(0), Some(1), &[]));
        let top = roles(&[("time", Time), ("NAME", Text), ("CPU(cores)", Number), ("MEMORY(bytes)", Number)]).unwrap();
        assert_eq!(top.shape, long(Some(0), None, &[]));
        let influx = roles(&[
            ("", Kind::Empty),
            ("result", Text),
            ("table", Number),
            ("_start", Time),
            ("_time", Time),
            ("_value", Number),
            ("_field", Text),
            ("service", Text),
        ]);
        let influx = influx.unwrap();
        assert_eq!((influx.roles[4], influx.shape), (Role::Time, long(Some(0), Some(1), &[])));
    }

    #[test]
    fn a_table_without_times_or_series_is_refused() {
        assert_eq!(
            roles(&[("load\u{1b}[31m", Kind::Number)]),
            Err(TableProblem::NoTime { first: "load\u{fffd}[31m".to_owned() })
        );
        assert!(matches!(roles(&[("time", Kind::Number), ("note", Kind::Text)]), Err(TableProblem::NoSeries { .. })));
    }
}
