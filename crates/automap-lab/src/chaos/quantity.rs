//! Parses the quantities of Chaos Mesh files: Go durations, percentages, sizes, and the rates of `tc`.
//!
//! Errors are phrases that follow the name of the field, such as `"5 m" is not a duration; write …`.

use std::time::Duration;

/// Longest duration accepted: one day. An experiment in a lab that lasts longer is a typing error.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);

const DURATION_UNITS: [(&str, f64); 7] =
    [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

const SIZE_UNITS: [(&str, f64); 9] = [
    ("", 1.0),
    ("b", 1.0),
    ("kb", 1e3),
    ("mb", 1e6),
    ("gb", 1e9),
    ("kib", 1024.0),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
    ("tib", 1_099_511_627_776.0),
];

/// In tc a rate in `bps` is bytes per second, in `bit` bits per second; prefixes are powers of 1000.
const RATE_UNITS: [(&str, f64); 8] = [
    ("bps", 1.0),
    ("kbps", 1e3),
    ("mbps", 1e6),
    ("gbps", 1e9),
    ("bit", 1.0 / 8.0),
    ("kbit", 1e3 / 8.0),
    ("mbit", 1e6 / 8.0),
    ("gbit", 1e9 / 8.0),
];

/// `1h30m`, `300ms`, `1.5s`: Go's `time.ParseDuration`, without negative ones.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write 300ms, 90s, 5m or 1h30m");
    let mut rest = text;
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (number, after) = split_number(rest).ok_or_else(wrong)?;
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, tail) = after.split_at(unit_end);
        let factor = factor_of(&DURATION_UNITS, unit).or((text == "0").then_some(0.0)).ok_or_else(wrong)?;
        seconds += number * factor;
        rest = tail;
    }
    if seconds > DURATION_MAX.as_secs_f64() {
        return Err(format!("{text:?} is longer than a day"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// `'25'`: a share in percent, as a string.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text.parse().ok();
    value
        .filter(|v| (0.0..=100.0).contains(v))
        .ok_or_else(|| format!("{text:?} is not a percentage from 0 to 100, like '25'"))
}

/// `200MB` (powers of 1000), `256MiB` (powers of 1024), or plain bytes.
pub(super) fn size_bytes(text: &str) -> Result<u64, String> {
    scaled(text, &SIZE_UNITS).ok_or_else(|| {
        let share = if text.ends_with('%') { " (the lab takes no share of the memory)" } else { "" };
        format!("{text:?} is not a size{share}; write 200MB or 256MiB")
    })
}

/// `1mbps` is a million bytes per second, `1mbit` a million bits.
pub(super) fn rate_bytes_per_s(text: &str) -> Result<u64, String> {
    scaled(text, &RATE_UNITS).filter(|rate| *rate > 0).ok_or_else(|| {
        format!("{text:?} is not a rate; write 1mbps (megabytes per second) or 1mbit (megabits per second)")
    })
}

fn scaled(text: &str, units: &[(&str, f64)]) -> Option<u64> {
    let (number, unit) = split_number(text)?;
    let value = number * factor_of(units, &unit.trim().to_ascii_lowercase())?;
    (value <= u64::MAX as f64).then_some(value as u64)
}

fn split_number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Some((number.parse().ok()?, rest))
}

fn factor_of(units: &[(&str, f64)], unit: &str) -> Option<f64> {
    units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, seconds) in
            [("300ms", 0.3), ("1h30m", 5400.0), ("1.5s", 1.5), ("1m0.5s", 60.5), ("20us", 2e-5), ("0", 0.0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "5", "5 m", "-3s", "5x", "m", "1..2s", "9999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_rates_keep_their_powers_apart() {
        assert_eq!(size_bytes("200MB"), Ok(200_000_000));
        assert_eq!(size_bytes("256MiB"), Ok(268_435_456));
        assert_eq!(size_bytes("4096"), Ok(4096));
        assert!(size_bytes("25%").unwrap_err().contains("no share"));
        assert_eq!(rate_bytes_per_s("1mbps"), Ok(1_000_000));
        assert_eq!(rate_bytes_per_s("1mbit"), Ok(125_000));
        assert_eq!(rate_bytes_per_s("512kbit"), Ok(64_000));
        for text in ["1", "0mbps", "1 furlong", "mbps"] {
            assert!(rate_bytes_per_s(text).is_err(), "{text}");
        }
    }

    #[test]
    fn percentages_stay_between_zero_and_a_hundred() {
        assert_eq!(percent("25"), Ok(25.0));
        assert_eq!(percent("0.5"), Ok(0.5));
        for text in ["101", "-1", "25%", "", "NaN"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }
}
