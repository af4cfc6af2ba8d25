//! Time zones as users write them: `Europe/Berlin`, `+02:00`, `UTC`. Names are looked up in the system's zone database, which a minimal container may
//! lack; offsets and `UTC` do not need it.

use jiff::tz::{Offset, TimeZone};

/// Parses a zone.
///
/// # Errors
/// The text is neither a known name nor an offset of less than 26 hours; the message says what to write.
///
/// ```
/// use automap_sources::time_zone::time_zone;
///
/// let offset = |text| time_zone(text).map(|zone| zone.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds());
/// assert_eq!(offset("-0:30"), Ok(-1800));
/// assert!(offset("Nowhere/Town").is_err());
/// ```
pub fn time_zone(text: &str) -> Result<TimeZone, String> {
    let offset = || {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text.trim_start_matches('+')), |rest| (-1, rest));
        let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
        let seconds =
            hours.parse::<i32>().ok()?.checked_mul(3600)?.checked_add(minutes.parse::<i32>().ok()?.checked_mul(60)?)?;
        Offset::from_seconds(sign * seconds).ok().map(TimeZone::fixed)
    };
    match text {
        "local" => Ok(TimeZone::system()),
        "UTC" | "utc" | "Z" => Ok(TimeZone::UTC),
        _ => TimeZone::get(text)
            .ok()
            .or_else(offset)
            .ok_or_else(|| format!("'{text}' is not a zone; write Europe/Berlin, +02:00, UTC or local")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_by_offset() {
        for (text, seconds) in [("UTC", 0), ("+02:00", 7200), ("-0:30", -1800), ("8", 28_800)] {
            let offset = time_zone(text).unwrap().to_offset(jiff::Timestamp::UNIX_EPOCH);
            assert_eq!(offset.seconds(), seconds, "{text}");
        }
        assert!(time_zone("Nowhere/Town").unwrap_err().starts_with("'Nowhere/Town' is not a zone"));
        for text in ["+99:00", "99999999", "", "1:99999999999"] {
            assert!(time_zone(text).is_err(), "{text}");
        }
    }
}
