//! What failed when: incidents by period and cause, and how often the named cause was the confirmed one.
//!
//! Worked example: in November carts was the cause of three incidents and payment of one; two were confirmed, of which one had been named rightly and
//! the other had no named cause. November has carts 3 and payment 1, and of 2 confirmed ones 1 named rightly, 0 wrongly, 1 not named.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;
use serde::Serialize;

use crate::row::Row;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// The first Monday after the beginning of Unix time, in days.
const FIRST_MONDAY: i64 = 4;

/// How time is divided, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Days.
    Day,
    /// Weeks starting on Monday.
    Week,
    /// Months.
    Month,
}

/// One period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Its first day, `2026-11-30`.
    pub from: String,
    /// Incidents that were opened in it.
    pub incidents: usize,
    /// Of these, the ones that users felt.
    pub felt: usize,
    /// The number of incidents for each known cause, the most frequent first.
    pub causes: Vec<Cause>,
    /// Those without a named or confirmed cause.
    pub without_cause: usize,
    /// The answers compared with the confirmed causes.
    pub confirmed: Confirmed,
}

/// A cause, and the number of its incidents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The service.
    pub service: String,
    /// Incidents.
    pub incidents: usize,
}

/// Answers compared with confirmed causes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Confirmed {
    /// Incidents with a confirmed cause.
    pub incidents: usize,
    /// The cause was named.
    pub named_right: usize,
    /// Another cause was named.
    pub named_wrong: usize,
    /// None was named, and the cause was the first candidate.
    pub first_unnamed: usize,
}

impl Period {
    /// The first day of the period that contains a time.
    pub fn first_day(self, at: Timestamp) -> String {
        let day = at.ms().div_euclid(DAY_MS);
        let of = |day: i64| Timestamp::from_ms(day * DAY_MS).rfc3339().chars().take(10).collect::<String>();
        match self {
            Self::Day => of(day),
            Self::Week => of(day - (day - FIRST_MONDAY).rem_euclid(7)),
            Self::Month => of(day).chars().take(7).chain("-01".chars()).collect(),
        }
    }
}

impl Confirmed {
    fn count(&mut self, row: &Row) {
        let Some(confirmed) = row.confirmed.as_deref() else { return };
        self.incidents += 1;
        match row.cause.as_deref() {
            Some(named) if named == confirmed => self.named_right += 1,
            Some(_) => self.named_wrong += 1,
            None => self.first_unnamed += usize::from(row.first_candidate.as_deref() == Some(confirmed)),
        }
    }
}

/// The periods in which an incident was opened, in order.
pub fn history(rows: &[Row], period: Period) -> Vec<Counted> {
    let mut by_period: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_period.entry(period.first_day(row.opened)).or_default().push(row);
    }
    by_period.into_iter().map(|(from, rows)| counted(from, &rows)).collect()
}

/// All incidents as one period, which begins with the first; `None` if there are none.
pub fn total(rows: &[Row]) -> Option<Counted> {
    let first = rows.iter().map(|row| row.opened).min()?;
    Some(counted(Period::Day.first_day(first), &rows.iter().collect::<Vec<_>>()))
}

fn counted(from: String, rows: &[&Row]) -> Counted {
    let mut by_cause: BTreeMap<&str, usize> = BTreeMap::new();
    let mut confirmed = Confirmed::default();
    for row in rows {
        confirmed.count(row);
        if let Some(cause) = row.known_cause() {
            *by_cause.entry(cause).or_default() += 1;
        }
    }
    let mut causes: Vec<Cause> =
        by_cause.into_iter().map(|(service, incidents)| Cause { service: service.to_owned(), incidents }).collect();
    causes.sort_by(|a, b| b.incidents.cmp(&a.incidents).then_with(|| a.service.cmp(&b.service)));
    Counted {
        from,
        incidents: rows.len(),
        felt: rows.iter().filter(|row| row.users_feel_it == Some(true)).count(),
        without_cause: rows.iter().filter(|row| row.known_cause().is_none()).count(),
        causes,
        confirmed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(opened: &str, cause: Option<&str>, confirmed: Option<&str>) -> Row {
        let opened = Timestamp::parse_rfc3339(opened).unwrap();
        let named = cause.map(str::to_owned);
        Row {
            id: opened.rfc3339(),
            target: "shop".to_owned(),
            opened,
            onset: opened,
            closed: None,
            state: "closed".to_owned(),
            severity: "warning".to_owned(),
            title: String::new(),
            first_candidate: named.clone().or_else(|| Some("carts".to_owned())),
            cause: named,
            mechanism: None,
            confidence: None,
            change: None,
            confirmed: confirmed.map(str::to_owned),
            users_feel_it: Some(cause.is_some()),
            victims: Vec::new(),
        }
    }

    #[test]
    fn incidents_are_counted_by_period_and_cause_and_beside_what_was_confirmed() {
        let rows = [
            row("2026-10-31T23:59:59Z", None, None),
            row("2026-11-01T00:00:00Z", Some("carts"), Some("carts")),
            row("2026-11-02T00:00:00Z", Some("payment"), Some("carts")),
            row("2026-11-08T23:00:00Z", Some("payment"), None),
            row("2026-11-09T00:00:00Z", None, Some("carts")),
        ];
        let november = &history(&rows, Period::Month)[1];
        assert_eq!((november.from.as_str(), november.incidents, november.felt), ("2026-11-01", 4, 3));
        let causes: Vec<(&str, usize)> = november.causes.iter().map(|c| (c.service.as_str(), c.incidents)).collect();
        assert_eq!((causes, november.without_cause), (vec![("carts", 3), ("payment", 1)], 0));
        let answers = Confirmed { incidents: 3, named_right: 1, named_wrong: 1, first_unnamed: 1 };
        assert_eq!(november.confirmed, answers);
        assert_eq!(total(&rows).map(|all| (all.from, all.incidents)), Some(("2026-10-31".to_owned(), 5)));
        assert_eq!(total(&[]), None);
    }

    #[test]
    fn weeks_begin_on_monday() {
        let first = |text: &str| Period::Week.first_day(Timestamp::parse_rfc3339(text).unwrap());
        assert_eq!(first("2026-11-30T00:00:00Z"), "2026-11-30");
        assert_eq!(first("2026-11-29T23:59:59Z"), "2026-11-23");
        assert_eq!(first("1969-12-31T23:00:00Z"), "1969-12-29");
    }
}
