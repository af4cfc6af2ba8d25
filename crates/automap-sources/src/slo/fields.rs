//! Reads the fields of a document, and reports which one is wrong.

use serde_json::Value;

const HOUR_MS: i64 = 3_600_000;

/// A field that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Path of the field, such as `slos[0].objective`.
    pub(super) key: String,
    /// Continues the sentence after the path: "is missing".
    pub(super) reason: String,
}

impl Wrong {
    pub(super) fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { key: key.into(), reason: reason.into() }
    }

    /// The same field, with a longer path.
    pub(super) fn inside(self, of: &str) -> Self {
        Self { key: format!("{of}.{}", self.key), ..self }
    }
}

/// The value at a path; `null` counts as missing.
pub(super) fn at<'a>(of: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(of, |value, key| value.get(key)).filter(|v| !v.is_null())
}

/// The string at a path such as `spec.service`.
pub(super) fn text<'a>(of: &'a Value, path: &str) -> Result<&'a str, Wrong> {
    let text = at(of, path).and_then(Value::as_str).filter(|t| !t.trim().is_empty());
    text.ok_or_else(|| Wrong::new(path, "is missing or not text"))
}

/// The number at a path; Pyrra writes numbers as strings.
pub(super) fn number(of: &Value, path: &str) -> Result<f64, Wrong> {
    let value = at(of, path).ok_or_else(|| Wrong::new(path, "is missing"))?;
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|n: &f64| n.is_finite()).ok_or_else(|| Wrong::new(path, "is not a number"))
}

/// The list at a path.
pub(super) fn list<'a>(of: &'a Value, path: &str) -> Result<&'a [Value], Wrong> {
    let list = at(of, path).and_then(Value::as_array).map(Vec::as_slice);
    list.ok_or_else(|| Wrong::new(path, "is missing or not a list"))
}

/// A share from percent, between 0 and 1.
pub(super) fn share(percent: f64, path: &str) -> Result<f64, Wrong> {
    let share = percent / 100.0;
    if share > 0.0 && share < 1.0 {
        Ok(share)
    } else {
        Err(Wrong::new(path, format!("is {percent}: write percent between 0 and 100, such as 99.9")))
    }
}

/// A period such as `28d`, `4w`, `720h`, `1M` in milliseconds.
pub(super) fn period_ms(of: &Value, path: &str) -> Result<i64, Wrong> {
    let text = text(of, path)?;
    let ms = duration_ms(text).filter(|ms| (HOUR_MS..=366 * 24 * HOUR_MS).contains(ms));
    ms.ok_or_else(|| Wrong::new(path, format!("is '{text}', not a period of an hour to a year: write 28d, 4w or 720h")))
}

/// A duration such as `200ms`, `5m`, `1w2d`, `1M` (30 days), `1Q` (90 days), `1Y` in milliseconds.
pub(super) fn duration_ms(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (count, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let unit_ms = match &after[..unit] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => HOUR_MS,
            "d" => 24 * HOUR_MS,
            "w" => 7 * 24 * HOUR_MS,
            "M" => 30 * 24 * HOUR_MS,
            "Q" => 90 * 24 * HOUR_MS,
            "y" | "Y" => 365 * 24 * HOUR_MS,
            _ => return None,
        };
        total = count.parse::<i64>().ok()?.checked_mul(unit_ms)?.checked_add(total)?;
        rest = &after[unit..];
    }
    (total > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_prometheus_and_openslo_write_them() {
        for (text, ms) in [("28d", 28 * 24 * HOUR_MS), ("1M", 30 * 24 * HOUR_MS), ("1h30m", 5_400_000), ("200ms", 200)]
        {
            assert_eq!(duration_ms(text), Some(ms), "{text}");
        }
        for text in ["", "4", "d", "4x", "0d", "9999999999999999999d", "-1d"] {
            assert_eq!(duration_ms(text), None, "{text}");
        }
    }
}
