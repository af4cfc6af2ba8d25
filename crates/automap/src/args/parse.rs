//! Parsers of single values that several verbs take: durations, shares, headers, URL parameters.

use std::time::Duration;

use crate::parse_time;

/// Reads a duration longer than zero, such as `90s`, `10m` or `1h30m`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    parse_time::span_ms(text).map(|ms| Duration::from_millis(ms.unsigned_abs())).map_err(|e| e.to_string())
}

/// Reads a duration; `0s` is valid.
pub(crate) fn span_or_zero(text: &str) -> Result<Duration, String> {
    parse_time::span_or_zero_ms(text).map(|ms| Duration::from_millis(ms.unsigned_abs())).map_err(|e| e.to_string())
}

/// Milliseconds of a duration, for the core's times.
pub(crate) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Reads a share from 0 to 1, both included.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text:?} is not a share; write a number from 0 to 1, such as 0.05"))
}

/// Reads a share between 0 and 1, neither included.
pub(crate) fn open_share(text: &str) -> Result<f64, String> {
    share(text)
        .ok()
        .filter(|share| *share > 0.0 && *share < 1.0)
        .ok_or_else(|| format!("{text:?} is not a share between 0 and 1; write a number such as 0.05"))
}

/// Reads `Name: value`.
pub(crate) fn header(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    pair.filter(|(name, _)| !name.is_empty()).ok_or_else(|| "write it as 'Name: value'".to_owned())
}

/// Reads `name=value`, a URL parameter; the value is written plainly, without percent-encoding.
pub(crate) fn url_parameter(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.to_owned()));
    pair.filter(|(name, _)| !name.is_empty()).ok_or_else(|| "write it as 'name=value'".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_lie_from_zero_to_one() {
        assert_eq!((share("0"), share("1")), (Ok(0.0), Ok(1.0)));
        assert!(share("1.1").is_err() && share("NaN").is_err() && share("half").is_err());
        assert!(open_share("0").is_err() && open_share("1").is_err() && open_share("0.5").is_ok());
    }

    #[test]
    fn headers_have_a_name() {
        assert_eq!(header("X-Scope-OrgID: shop"), Ok(("X-Scope-OrgID".to_owned(), "shop".to_owned())));
        assert!(header(": shop").is_err() && header("shop").is_err());
        assert_eq!(url_parameter("match=a=b"), Ok(("match".to_owned(), "a=b".to_owned())));
        assert!(url_parameter("=shop").is_err() && url_parameter("shop").is_err());
    }
}
