//! Names of time columns.

/// Names without separators and units, lower case.
const NAMES: [&str; 30] = [
    "time",
    "timestamp",
    "ts",
    "datetime",
    "date",
    "timestamps",
    "epoch",
    "unix",
    "unixtime",
    "unixtimestamp",
    "epochtime",
    "utc",
    "utctime",
    "localtime",
    "starttime",
    "periodstart",
    "bucket",
    "timebucket",
    "sampletime",
    "eventtime",
    "collectedat",
    "zeit",
    "datum",
    "zeitpunkt",
    "zeitstempel",
    "uhrzeit",
    "fecha",
    "heure",
    "horodatage",
    "tiempo",
];
/// Words after a name that are not part of it.
const UNITS: [&str; 15] = [
    "utc",
    "local",
    "gmt",
    "ms",
    "s",
    "us",
    "ns",
    "sec",
    "secs",
    "seconds",
    "millis",
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "iso",
];

/// Whether a name is one of a time column.
pub(super) fn is_time(name: &str) -> bool {
    rank(name).is_some()
}

/// How likely a name is that of the time column: 0 is the most certain; `None` if it is not one.
///
/// Worked example: `Time (UTC)`, `@timestamp`, `unix_time_ms`.
pub(super) fn rank(name: &str) -> Option<usize> {
    let lower = name.to_lowercase();
    let mut words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    while words.len() > 1 && words.last().is_some_and(|w| UNITS.contains(w)) {
        words.pop();
    }
    let joined = words.concat();
    NAMES.iter().position(|known| *known == joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_time() {
        for name in [
            "time",
            "Time",
            "timestamp",
            "ts",
            "date",
            "time_ms",
            "_time",
            "@timestamp",
            "Time (UTC)",
            "unix_time_s",
            "Date Time",
            "Zeit",
        ] {
            assert!(is_time(name), "{name}");
        }
        for name in ["", "uptime", "response_time_ms", "carts_time", "load", "s", "time.1", "latency"] {
            assert!(!is_time(name), "{name}");
        }
        assert!(rank("time") < rank("date"));
    }
}
