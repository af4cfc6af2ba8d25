//! Numbers for people: short, with the unit, the same precision on both sides of an arrow.
//!
//! Renderers never format levels themselves, so a number reads the same on a terminal, on a page and in a message. Durations and times are
//! elsewhere.
//!
//! ```
//! use automap_core::metric::Unit;
//! use automap_core::quantity::{change, value};
//!
//! assert_eq!(change(Some(4.08), Some(312.4), Unit::Ms), "4.08 → 312 ms");
//! assert_eq!(value(0.5, Unit::Cores), "500 millicores");
//! ```

use crate::metric::Unit;

/// `4.1 → 312 ms`, `0.1 → 7.9 %`, `18 → 226 MiB`; a missing side is `no data`.
pub fn change(from: Option<f64>, to: Option<f64>, unit: Unit) -> String {
    let largest = [from, to].into_iter().flatten().map(f64::abs).fold(0.0, f64::max);
    let (factor, word) = display_unit(unit, largest);
    let one = |v: Option<f64>| v.map_or_else(|| "no data".to_owned(), |v| number(v * factor));
    let (from, to) = (one(from), one(to));
    if word.is_empty() { format!("{from} → {to}") } else { format!("{from} → {to} {word}") }
}

/// `308 ms`.
pub fn value(v: f64, unit: Unit) -> String {
    let (factor, word) = display_unit(unit, v.abs());
    format!("{} {word}", number(v * factor)).trim_end().to_owned()
}

/// The factor and the word with which values up to `largest` are shown.
pub fn display_unit(unit: Unit, largest: f64) -> (f64, &'static str) {
    const KIB: f64 = 1024.0;
    match unit {
        Unit::Ms => (1.0, "ms"),
        Unit::S if largest < 1.0 => (1e3, "ms"),
        Unit::S => (1.0, "s"),
        Unit::Ratio => (100.0, "%"),
        Unit::PerS => (1.0, "/s"),
        Unit::Cores if largest < 1.0 => (1e3, "millicores"),
        Unit::Cores => (1.0, "cores"),
        Unit::Bytes if largest >= KIB * KIB => (1.0 / KIB / KIB, "MiB"),
        Unit::Bytes => (1.0 / KIB, "KiB"),
        Unit::BytesPerS if largest >= KIB * KIB => (1.0 / KIB / KIB, "MiB/s"),
        Unit::BytesPerS => (1.0 / KIB, "KiB/s"),
        Unit::Count | Unit::Unknown => (1.0, ""),
    }
}

/// A duration in its largest suitable unit: `6 h`, `12 min`, `40 s`. Negative durations are 0.
pub fn duration(ms: i64) -> String {
    match ms.max(0) / 1000 {
        s if s >= 7200 => format!("{} h", s / 3600),
        s if s >= 120 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// Three significant digits at most, no exponent below a million, no trailing zeros.
pub fn number(v: f64) -> String {
    let size = v.abs();
    if size >= 1e6 {
        return format!("{v:.2e}");
    }
    let digits = match size {
        s if s >= 100.0 => 0,
        s if s >= 10.0 => 1,
        s if s >= 1.0 => 2,
        0.0 => 0,
        _ => 3,
    };
    let text = format!("{v:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    if text == "-0" { "0".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_read_like_a_person_writes_them() {
        for (from, to, unit, text) in [
            (Some(4.08), Some(312.4), Unit::Ms, "4.08 → 312 ms"),
            (Some(0.001), Some(0.0791), Unit::Ratio, "0.1 → 7.91 %"),
            (Some(18.0 * 1048576.0), Some(226.5 * 1048576.0), Unit::Bytes, "18 → 226 MiB"),
            (None, Some(3.0), Unit::Count, "no data → 3"),
            (Some(0.02), Some(0.5), Unit::Cores, "20 → 500 millicores"),
            (Some(-0.0001), Some(2e6), Unit::Unknown, "0 → 2.00e6"),
        ] {
            assert_eq!(change(from, to, unit), text);
        }
    }
}
