//! The parts of an archive: the incidents of one target that were opened in one month (UTC).

use std::path::{Path, PathBuf};

use automap_core::time::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode};

/// Characters that are encoded in a folder's name, as readers of such folders expect; dots too, so that no target names a parent folder.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// Why an incident belongs to no part.
pub(crate) const NO_MONTH: &str = "it was opened before the year 0 or after 9999";

/// One part. Ordered by target, then by month.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Partition {
    /// The watched system.
    pub(crate) target: String,
    /// `2026-11`.
    pub(crate) month: String,
}

impl Partition {
    /// The part of an incident; `None` if its year does not have four digits, since no such part would be found again. Its opening time never changes,
    /// whatever is learnt about its onset.
    pub(crate) fn of(target: &str, opened: Timestamp) -> Option<Self> {
        let month = Some(month(opened)).filter(|month| is_month(month))?;
        Some(Self { target: target.to_owned(), month })
    }

    /// Its folder below `root`.
    pub(crate) fn folder(&self, root: &Path) -> PathBuf {
        root.join(format!("target={}", encoded(&self.target))).join(format!("month={}", self.month))
    }

    /// The part for a folder's last two names; `None` for any other folder.
    pub(crate) fn from_names(target: &str, month: &str) -> Option<Self> {
        let target = percent_decode_str(target.strip_prefix("target=")?).decode_utf8().ok()?.into_owned();
        let month = month.strip_prefix("month=").filter(|month| is_month(month))?;
        Some(Self { target, month: month.to_owned() })
    }

    /// Whether incidents opened in `since..until` may be in it; unset ends are open.
    pub(crate) fn overlaps(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> bool {
        since.is_none_or(|t| self.month >= month(t)) && until.is_none_or(|t| self.month <= month(t))
    }
}

/// A name as a part of a path.
pub(crate) fn encoded(name: &str) -> PercentEncode<'_> {
    utf8_percent_encode(name, ENCODED)
}

fn month(at: Timestamp) -> String {
    at.rfc3339().chars().take(7).collect()
}

fn is_month(text: &str) -> bool {
    text.len() == 7 && text.bytes().enumerate().all(|(i, b)| if i == 4 { b == b'-' } else { b.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_part_whatever_the_target_is_called() {
        let opened = Timestamp::parse_rfc3339("2026-11-30T23:59:59Z").unwrap();
        for target in ["shop", "shop/eu", "..", "a b=ü%", ""] {
            let part = Partition::of(target, opened).unwrap();
            let folder = part.folder(Path::new("/x"));
            let names: Vec<&str> = folder.iter().filter_map(|n| n.to_str()).collect();
            assert_eq!(names.len(), 4, "{target} stays one folder: {names:?}");
            assert_eq!(Partition::from_names(names[2], names[3]), Some(part), "{target}");
        }
        assert_eq!(Partition::from_names("target=%ff", "month=2026-11"), None);
        assert_eq!(Partition::from_names("target=a", "month=2026-1"), None);
        assert_eq!(Partition::of("shop", Timestamp::parse_rfc3339("-000001-06-01T00:00:00Z").unwrap()), None);
    }

    #[test]
    fn only_months_that_a_time_touches_are_read() {
        let part = Partition { target: "shop".to_owned(), month: "2026-11".to_owned() };
        let at = |text: &str| Timestamp::parse_rfc3339(text);
        assert!(part.overlaps(None, None) && part.overlaps(at("2026-11-30T23:00:00Z"), at("2027-01-01T00:00:00Z")));
        assert!(!part.overlaps(at("2026-12-01T00:00:00Z"), None) && !part.overlaps(None, at("2026-10-31T23:59:59Z")));
    }
}
