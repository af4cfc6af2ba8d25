//! Which earlier days are compared, as written in the configuration.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// Most days in one setting.
pub const MAX_DAYS: usize = 3;
/// The earliest day.
pub const MAX_DAYS_BACK: u32 = 35;
/// The days that are queried first.
const FIRST: [u32; 2] = [1, 7];
/// The day that is queried if those disagree.
const NEXT: u32 = 14;

/// Which earlier days are compared with.
///
/// ```
/// use automap_core::time_of_day::CompareWith;
///
/// assert_eq!("1d,7d".parse(), Ok(CompareWith::Days([1, 7, 0])));
/// assert_eq!("1d,7d".parse::<CompareWith>().unwrap().to_string(), "1d,7d");
/// assert_eq!("2h".parse::<CompareWith>(), Err("\"2h\" is no day: write auto, none, or up to 3 of 1d to 35d, such as 1d,7d".into()));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum CompareWith {
    /// Yesterday and a week ago, and two weeks ago if they disagree, if the first look gives a reason.
    #[default]
    Auto,
    /// No other day.
    None,
    /// These days, whenever something is wrong; zeros are ignored.
    Days([u32; MAX_DAYS]),
}

impl CompareWith {
    /// The days to query first.
    pub fn first_days(self) -> Vec<u32> {
        match self {
            Self::Auto => FIRST.to_vec(),
            Self::None => Vec::new(),
            Self::Days(days) => days.into_iter().filter(|d| *d > 0).collect(),
        }
    }

    /// The day to query if the first ones disagree.
    pub fn next_day(self) -> Option<u32> {
        (self == Self::Auto).then_some(NEXT)
    }
}

impl FromStr for CompareWith {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |part: &str| {
            Err(format!(
                "\"{part}\" is no day: write auto, none, or up to {MAX_DAYS} of 1d to {MAX_DAYS_BACK}d, such as 1d,7d"
            ))
        };
        match text.trim() {
            "auto" => return Ok(Self::Auto),
            "none" => return Ok(Self::None),
            _ => {}
        }
        let mut days = [0; MAX_DAYS];
        for (at, part) in text.split(',').map(str::trim).enumerate() {
            let day = part.strip_suffix('d').and_then(|n| n.parse::<u32>().ok());
            match day.filter(|d| (1..=MAX_DAYS_BACK).contains(d)) {
                Some(day) if days.contains(&day) => {
                    return Err(format!("{day}d is the same day twice: name each day once, such as 1d,7d"));
                }
                Some(day) if at < MAX_DAYS => days[at] = day,
                _ => return wrong(part),
            }
        }
        days.sort_unstable_by_key(|d| (*d == 0, *d));
        Ok(Self::Days(days))
    }
}

impl TryFrom<String> for CompareWith {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for CompareWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::Days(_) => {
                let days: Vec<String> = self.first_days().iter().map(|d| format!("{d}d")).collect();
                f.write_str(&days.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_day_is_refused() {
        for text in ["", "0d", "36d", "1d,2d,3d,4d", "yesterday", "1d,", "-1d"] {
            assert!(text.parse::<CompareWith>().is_err_and(|e| e.contains("is no day")), "{text}");
        }
        let twice = "7d, 1d,07d".parse::<CompareWith>();
        assert_eq!(twice, Err("7d is the same day twice: name each day once, such as 1d,7d".to_owned()));
        assert_eq!(" 3d , 1d,2d".parse(), Ok(CompareWith::Days([1, 2, 3])));
        for known in [CompareWith::Auto, CompareWith::None, CompareWith::Days([7, 14, 0])] {
            assert_eq!(known.to_string().parse(), Ok(known));
        }
    }
}
