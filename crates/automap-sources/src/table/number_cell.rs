//! Parses numbers as spreadsheets and dashboards write them: `1,234.5`, `1.234,5`, `34 %`, `1.5 s`, `1.2 GiB`, `250m`.
//!
//! A cell is a number with a kind of unit. The column converts it to the metric's own unit, since only the column knows whether `250m` are minutes or
//! millicores. Not supported: durations of several units (`1m 30s`) and currencies.

use super::options::Decimal;

/// What a cell's unit measures; the number is in the base unit given here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dimension {
    /// No unit, or only a factor such as `K`.
    Plain,
    /// Milliseconds.
    Duration,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerS,
    /// Percent.
    Percent,
    /// Events per second.
    PerS,
    /// `m`: thousandths or minutes.
    Milli,
}

impl Dimension {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Plain => "no unit",
            Self::Duration => "a unit of time",
            Self::Bytes => "a unit of bytes",
            Self::BytesPerS => "a unit of bytes per second",
            Self::Percent => "a percent sign",
            Self::PerS => "a unit of events per second",
            Self::Milli => "the unit m",
        }
    }
}

/// The content of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    /// A missing value.
    Missing,
    /// A finite number.
    Number(f64, Dimension),
    /// A number whose comma has two possible meanings.
    AmbiguousComma,
    /// Something else.
    Text,
}

/// Spellings of a missing value, in lower case.
const MISSING: [&str; 20] = [
    "",
    "nan",
    "null",
    "none",
    "nil",
    "na",
    "n/a",
    "<na>",
    "nat",
    "undefined",
    "-",
    "–",
    "—",
    "--",
    "#n/a",
    "no data",
    "\\n",
    "#value!",
    "#div/0!",
    "?",
];

/// Reads a cell. `decimal` is `None` if the table has not shown yet which it is.
pub(super) fn read(text: &str, decimal: Option<Decimal>) -> Cell {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\'' || c == '\u{feff}');
    let starts_as_number = text.as_bytes().first().is_some_and(|b| b.is_ascii_digit() || b"+-.".contains(b));
    if starts_as_number && decimal != Some(Decimal::Comma) {
        // By far the most common case.
        if let Ok(value) = text.parse::<f64>() {
            return if value.is_finite() { Cell::Number(value, Dimension::Plain) } else { Cell::Missing };
        }
    }
    if is_missing(text) {
        return Cell::Missing;
    }
    let end = number_end(text);
    let (digits, unit) = (text[..end].trim_end(), text[end..].trim());
    let Some((factor, dimension)) = unit_of(unit) else { return Cell::Text };
    match number(digits, decimal) {
        Some(Ok(value)) if value.is_finite() => Cell::Number(value * factor, dimension),
        Some(Ok(_)) => Cell::Missing,
        Some(Err(Ambiguous)) => Cell::AmbiguousComma,
        None => Cell::Text,
    }
}

/// How the table writes numbers, as shown by one number; `None` if it could be either.
pub(super) fn decimal_of(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let digits = text[..number_end(text)].trim_end().trim_start_matches(['+', '-']);
    let (comma, point) = (digits.rfind(','), digits.rfind('.'));
    let after = |at: usize| digits.len() - at - 1;
    match (comma, point) {
        (Some(c), Some(p)) => Some(if c > p { Decimal::Comma } else { Decimal::Point }),
        (Some(c), None) if digits.matches(',').count() > 1 => (after(c) == 3).then_some(Decimal::Point),
        (Some(c), None) => (after(c) != 3 || c == 0 || c > 3 || &digits[..c] == "0").then_some(Decimal::Comma),
        (None, Some(p)) if digits.matches('.').count() > 1 => (after(p) == 3).then_some(Decimal::Comma),
        (None, Some(p)) => (after(p) != 3 || p == 0 || p > 3 || &digits[..p] == "0").then_some(Decimal::Point),
        (None, None) => None,
    }
}

fn is_missing(text: &str) -> bool {
    let is_known = |t: &str| MISSING.contains(&t) || ["inf", "infinity"].contains(&t.trim_start_matches(['+', '-']));
    text.len() <= 9 && is_known(&text.to_lowercase())
}

/// The end of the digits, where a unit begins.
fn number_end(text: &str) -> usize {
    let mut end = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        let is_digit_next = next.is_some_and(|n| n.is_ascii_digit());
        let is_part = match c {
            '0'..='9' | '.' | ',' => true,
            '+' | '-' | '−' => at == 0 || text[..at].ends_with(['e', 'E']),
            'e' | 'E' => at > 0 && (is_digit_next || next.is_some_and(|n| "+-".contains(n))),
            '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' => at > 0 && is_digit_next,
            _ => false,
        };
        if !is_part {
            return at;
        }
        end = at + c.len_utf8();
    }
    end
}

/// The comma may be a decimal comma or a thousands separator.
#[derive(Debug)]
struct Ambiguous;

/// The digits as a number; `None` if they are not one.
fn number(digits: &str, decimal: Option<Decimal>) -> Option<Result<f64, Ambiguous>> {
    let own = decimal_of(digits);
    let decimal = match decimal.or(own) {
        Some(decimal) => decimal,
        None if digits.contains(',') => return Some(Err(Ambiguous)),
        None => Decimal::Point,
    };
    let (point, group) = match decimal {
        Decimal::Point => ('.', ','),
        Decimal::Comma => (',', '.'),
    };
    let digits = digits.replace('−', "-");
    let (whole, rest) = digits.split_once(point).map_or((digits.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    // A decimal point in a table with decimal commas: a number written by another tool.
    if decimal == Decimal::Comma && rest.is_none() && own == Some(Decimal::Point) {
        return digits.parse().ok().map(Ok);
    }
    let whole = ungrouped(whole, group)?;
    let text = rest.map_or(whole.clone(), |rest| format!("{whole}.{rest}"));
    text.parse().ok().map(Ok)
}

/// `1,234,567` → `1234567`; `None` if a group does not have three digits.
fn ungrouped(whole: &str, group: char) -> Option<String> {
    let is_group = |c: char| c == group || "'’ \u{a0}\u{202f}\u{2009}".contains(c);
    if !whole.contains(is_group) {
        return Some(whole.to_owned());
    }
    let mut groups = whole.split(is_group);
    let first = groups.next()?.trim_start_matches(['+', '-']);
    let is_first = (1..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_digit());
    let are_groups = groups.all(|g| g.len() == 3 && g.bytes().all(|b| b.is_ascii_digit()));
    (is_first && are_groups).then(|| whole.chars().filter(|c| !is_group(*c)).collect())
}

/// A unit's factor to the base unit.
fn unit_of(unit: &str) -> Option<(f64, Dimension)> {
    if let Some((factor, rest)) = unit.split_once(' ') {
        let (factor, dimension) = unit_of(factor).filter(|(_, d)| matches!(d, Dimension::Plain | Dimension::Milli))?;
        let factor = if dimension == Dimension::Milli { 1e-3 } else { factor };
        return unit_of(rest.trim()).map(|(more, dimension)| (factor * more, dimension));
    }
    let per_second = ["/s", "/sec", "ps"].iter().find_map(|end| bytes_of(unit.strip_suffix(end)?));
    if let Some(factor) = per_second {
        return Some((factor, Dimension::BytesPerS));
    }
    plain(unit).or_else(|| bytes_of(unit).map(|factor| (factor, Dimension::Bytes)))
}

fn plain(unit: &str) -> Option<(f64, Dimension)> {
    Some(match unit {
        "" | "x" | "cores" | "core" | "cpu" | "cpus" | "vCPU" => (1.0, Dimension::Plain),
        "K" | "k" => (1e3, Dimension::Plain),
        "M" | "Mil" | "Mio" => (1e6, Dimension::Plain),
        "G" | "Bil" | "Mrd" => (1e9, Dimension::Plain),
        "T" | "Tri" => (1e12, Dimension::Plain),
        "n" => (1e-9, Dimension::Plain),
        "u" | "µ" | "μ" => (1e-6, Dimension::Plain),
        "m" => (1.0, Dimension::Milli),
        "millicores" | "mcores" | "mCPU" => (1e-3, Dimension::Plain),
        "%" | "percent" | "pct" => (1.0, Dimension::Percent),
        "ns" => (1e-6, Dimension::Duration),
        "us" | "µs" | "μs" => (1e-3, Dimension::Duration),
        "ms" | "msec" | "millis" | "milliseconds" => (1.0, Dimension::Duration),
        "s" | "sec" | "secs" | "second" | "seconds" | "Sek" => (1e3, Dimension::Duration),
        "min" | "mins" | "minute" | "minutes" => (6e4, Dimension::Duration),
        "h" | "hr" | "hour" | "hours" => (3.6e6, Dimension::Duration),
        "d" | "day" | "days" => (8.64e7, Dimension::Duration),
        "/s" | "rps" | "qps" | "tps" | "ops" | "req/s" | "reqps" | "ops/s" | "calls/s" | "rd/s" | "wr/s" | "hz"
        | "Hz" => (1.0, Dimension::PerS),
        "/min" | "req/min" | "rpm" | "opm" => (1.0 / 60.0, Dimension::PerS),
        _ => return None,
    })
}

/// Bytes in a unit of bytes or bits.
fn bytes_of(unit: &str) -> Option<f64> {
    let (prefix, size) = match unit.trim_end_matches("ytes").trim_end_matches("yte") {
        "Ki" | "Mi" | "Gi" | "Ti" => (unit, 1.0),
        other => match other.strip_suffix('B') {
            Some(prefix) => (prefix, 1.0),
            None => (other.strip_suffix('b')?, if unit.contains("byte") { 1.0 } else { 0.125 }),
        },
    };
    let factor = match prefix {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return None,
    };
    Some(factor * size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_their_units() {
        for (text, value, dimension) in [
            ("5", 5.0, Dimension::Plain),
            (" -1.5e3 ", -1500.0, Dimension::Plain),
            ("12 ms", 12.0, Dimension::Duration),
            ("1.5 s", 1500.0, Dimension::Duration),
            ("250µs", 0.25, Dimension::Duration),
            ("34 %", 34.0, Dimension::Percent),
            ("34%", 34.0, Dimension::Percent),
            ("1.5 GiB", 1_610_612_736.0, Dimension::Bytes),
            ("512Mi", 536_870_912.0, Dimension::Bytes),
            ("3 MB/s", 3e6, Dimension::BytesPerS),
            ("8 Mbps", 1e6, Dimension::BytesPerS),
            ("1.2 K", 1200.0, Dimension::Plain),
            ("1.2 K req/s", 1200.0, Dimension::PerS),
            ("250m", 250.0, Dimension::Milli),
            ("1,234,567", 1_234_567.0, Dimension::Plain),
            ("1,234.5", 1234.5, Dimension::Plain),
            ("1.234,5", 1234.5, Dimension::Plain),
            ("0,25", 0.25, Dimension::Plain),
            ("1 234 567", 1_234_567.0, Dimension::Plain),
            ("1\u{202f}234,5 ms", 1234.5, Dimension::Duration),
            ("1'234'567", 1_234_567.0, Dimension::Plain),
        ] {
            match read(text, None) {
                Cell::Number(v, d) => {
                    assert!((v - value).abs() <= 1e-9 * value.abs() && d == dimension, "{text}: {v} {d:?}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_comma_is_what_the_table_says() {
        assert_eq!(read("1,234", None), Cell::AmbiguousComma);
        assert_eq!(read("1,234", Some(Decimal::Comma)), Cell::Number(1.234, Dimension::Plain));
        assert_eq!(read("1,234", Some(Decimal::Point)), Cell::Number(1234.0, Dimension::Plain));
        assert_eq!(read("1.234", Some(Decimal::Comma)), Cell::Number(1234.0, Dimension::Plain));
        assert_eq!(read("1.5", Some(Decimal::Comma)), Cell::Number(1.5, Dimension::Plain));
        assert_eq!(read("1,23,4", Some(Decimal::Point)), Cell::Text);
        assert_eq!(
            (decimal_of("12"), decimal_of("12,345"), decimal_of("1234,567")),
            (None, None, Some(Decimal::Comma))
        );
    }

    #[test]
    fn gaps_and_words() {
        for text in [
            "",
            " ",
            "NaN",
            "nan",
            "NULL",
            "None",
            "<NA>",
            "undefined",
            "-",
            "–",
            "N/A",
            "Inf",
            "-inf",
            "+Infinity",
            "1e999",
        ] {
            assert_eq!(read(text, None), Cell::Missing, "{text}");
        }
        for text in ["much", "3 apples", "12:30", "2026-11-23", "1.2.3", "e5", "--5", "info"] {
            assert_eq!(read(text, Some(Decimal::Point)), Cell::Text, "{text}");
        }
    }
}
