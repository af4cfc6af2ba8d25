//! The header: which column is which series.

use std::collections::BTreeMap;

use automap_core::frame::RawSeries;
use csv::ByteRecord;

use super::MAX_COLUMNS;
use super::error::CsvProblem;

/// The header's columns.
pub(super) struct Columns {
    /// Position of the time.
    pub(super) time: usize,
    /// Number of columns.
    pub(super) len: usize,
    /// Names as written.
    pub(super) names: Vec<String>,
    /// The series being filled.
    pub(super) series: Vec<RawSeries>,
    /// Position of each series' column.
    pub(super) positions: Vec<usize>,
    /// Columns that are not series.
    pub(super) left_out: Vec<String>,
}

impl Columns {
    pub(super) fn read(header: &ByteRecord) -> Result<Self, CsvProblem> {
        let names: Vec<String> = header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        if names.iter().all(String::is_empty) {
            return Err(CsvProblem::Empty);
        }
        if names.len() > MAX_COLUMNS {
            return Err(CsvProblem::TooLarge { what: "columns", limit: MAX_COLUMNS as u64 });
        }
        check_unique(&names)?;
        let Some(time) = names.iter().position(|name| name == "time") else {
            return Err(CsvProblem::NoTime { first: names[0].clone() });
        };
        let (mut series, mut positions, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for (i, name) in names.iter().enumerate().filter(|(i, _)| *i != time) {
            match parse(name) {
                Some(raw) => {
                    series.push(raw);
                    positions.push(i);
                }
                None => left_out.push(name.clone()),
            }
        }
        if series.is_empty() {
            return Err(CsvProblem::NoSeries);
        }
        Ok(Self { time, len: names.len(), names, series, positions, left_out })
    }
}

fn check_unique(names: &[String]) -> Result<(), CsvProblem> {
    let mut seen = BTreeMap::new();
    // A repeated time is left out like any column that is not a series.
    for (i, name) in names.iter().enumerate().filter(|(_, name)| *name != "time") {
        if let Some(first) = seen.insert(name, i + 1) {
            return Err(CsvProblem::DuplicateColumn { name: name.clone(), first, second: i + 1 });
        }
    }
    Ok(())
}

/// `orders_client_latency_ms/payment` → orders, `client_latency_ms`, payment.
fn parse(name: &str) -> Option<RawSeries> {
    let (service, rest) = name.split_once('_')?;
    let (metric, peer) = match rest.split_once('/') {
        Some((metric, peer)) => (metric, Some(peer)),
        None => (rest, None),
    };
    if service.is_empty() || metric.is_empty() || peer.is_some_and(str::is_empty) {
        return None;
    }
    let peer = peer.map(ToOwned::to_owned);
    Some(RawSeries { service: service.to_owned(), metric: metric.to_owned(), peer, points: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_counts_and_a_second_one_is_left_out() {
        let columns = Columns::read(&ByteRecord::from(vec!["time", "a_cpu", "time"])).ok().unwrap();
        assert_eq!((columns.time, columns.positions, columns.left_out), (0, vec![1], vec!["time".to_owned()]));
        assert!(Columns::read(&ByteRecord::from(vec!["time", "a_cpu", "a_cpu"])).is_err());
    }

    #[test]
    fn names_fall_apart_at_the_first_underscore_and_the_slash() {
        let parts = |name| parse(name).map(|r| (r.service, r.metric, r.peer));
        let owned = |s: &str| s.to_owned();
        assert_eq!(parts("front-end_latency_p95_ms"), Some((owned("front-end"), owned("latency_p95_ms"), None)));
        let call = (owned("orders"), owned("client_latency_ms"), Some(owned("user_db")));
        assert_eq!(parts("orders_client_latency_ms/user_db"), Some(call));
        for bad in ["load", "_cpu", "orders_", "orders_client_rps/"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
