//! Instant and range queries. Long ranges are split and merged to stay below the server's limit on points.
//!
//! If a server refuses a range for its cost (samples, series, time), it is queried in halves. Every instant of a range is evaluated on its own, so
//! the joined pieces are exactly what the whole would have returned: 240 points that are refused become 2 × 120, or 4 × 60. If that does not help
//! either, an expression of several parts is queried part by part.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

use super::abbreviate;
use super::bounds::{self, LeftOut};
use super::client::{Call, Client};
use super::decode::{Decoded, LabelledSeries, QueryData};
use super::error::RequestError;
use super::promql::{self, PART};

/// Points per series and request. Prometheus refuses more than 11,000.
pub const MAX_POINTS_PER_REQUEST: i64 = 10_000;
/// How often a range that is too much for the server is halved: into at most 32 pieces.
const MAX_HALVINGS: u32 = 5;
/// The same if each refusal uses up the server's whole time limit.
const MAX_SLOW_HALVINGS: u32 = 2;

/// What a query returned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The series, ordered by their labels.
    pub series: Vec<LabelledSeries>,
    /// Why the data may be incomplete, in the server's words.
    pub warnings: Vec<String>,
    /// The same from earlier queries of times that are too long ago to be queried again.
    pub earlier_warnings: Vec<String>,
    /// Series left out since they hold native histograms.
    pub histograms_ignored: u64,
    /// Repeated series, series over the limits, and samples at other times than requested.
    pub left_out: LeftOut,
}

/// The times `start`, `start + step`, … up to and including `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// First time.
    pub start: Timestamp,
    /// Last time, a whole number of steps later.
    pub end: Timestamp,
    /// Distance in milliseconds, positive.
    pub step_ms: i64,
}

impl Grid {
    /// Number of times.
    pub fn len(&self) -> usize {
        usize::try_from((self.end.ms() - self.start.ms()) / self.step_ms.max(1) + 1).unwrap_or(0)
    }

    /// Whether it holds no time.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its times, in order.
    pub(crate) fn times(self) -> impl Iterator<Item = Timestamp> {
        (0..self.len()).map(move |i| self.start.plus_ms(i as i64 * self.step_ms))
    }

    /// The position of a time on the grid.
    pub(crate) fn position(&self, time: Timestamp) -> Option<usize> {
        let offset = time.ms() - self.start.ms();
        let on_grid = offset % self.step_ms.max(1) == 0 && time <= self.end;
        if on_grid { usize::try_from(offset / self.step_ms.max(1)).ok() } else { None }
    }

    /// At most this many of its times, from `start` on.
    fn piece(self, start: Timestamp, points: i64) -> Self {
        Self { start, end: start.plus_ms((points - 1) * self.step_ms).min(self.end), ..self }
    }
}

impl Client {
    /// The value of an expression at one time.
    ///
    /// # Errors
    /// [`RequestError`] when there is no answer.
    pub fn instant(&self, promql: &str, at: Timestamp) -> Result<Answer, RequestError> {
        let form = [("query", promql.to_owned()), ("time", seconds(at.ms())), ("timeout", seconds_of(self))];
        Ok(Merge::default().with(self.fetch(&Call::query("query", &form))?, None).finish())
    }

    /// The values of an expression on a grid.
    ///
    /// # Errors
    /// [`RequestError`] when there is no answer, or not for all of the range.
    pub fn range(&self, promql: &str, grid: Grid) -> Result<Answer, RequestError> {
        let mut merge = Merge::default();
        let (mut start, mut points, mut halvings) = (grid.start, MAX_POINTS_PER_REQUEST, 0);
        while start <= grid.end {
            let piece = grid.piece(start, points);
            match self.fetch(&Call::query("query_range", &self.range_form(promql, piece))) {
                Ok(answer) => {
                    merge = merge.with(answer, Some(piece));
                    start = piece.end.plus_ms(grid.step_ms);
                }
                Err(error) if piece.len() > 1 && self.may_halve(&error, halvings) => {
                    halvings += 1;
                    points = (piece.len() as i64 + 1) / 2;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(merge.finish())
    }

    fn may_halve(&self, error: &RequestError, halvings: u32) -> bool {
        let most = if error.failure.is_slow() { MAX_SLOW_HALVINGS } else { MAX_HALVINGS };
        // A shorter range does not shorten the expression.
        let may_help = error.failure.is_too_heavy() && !abbreviate::says_too_long(error);
        may_help && halvings < most && (!error.failure.is_slow() || self.has_patience())
    }

    fn range_form(&self, promql: &str, grid: Grid) -> [(&'static str, String); 5] {
        [
            ("query", promql.to_owned()),
            ("start", seconds(grid.start.ms())),
            ("end", seconds(grid.end.ms())),
            ("step", seconds(grid.step_ms)),
            ("timeout", seconds_of(self)),
        ]
    }

    /// Several expressions on a grid, marked by [`promql::join`]: in one request, or part by part if that is too much.
    pub(crate) fn range_of(&self, parts: &[String], grid: Grid) -> Result<Answer, RequestError> {
        one_by_one(parts, |promql| self.range(promql, grid))
    }

    /// The same at one time.
    pub(crate) fn instant_of(&self, parts: &[String], at: Timestamp) -> Result<Answer, RequestError> {
        one_by_one(parts, |promql| self.instant(promql, at))
    }
}

/// Queries all parts at once, or each alone if that is too much and the refusal was quick.
fn one_by_one(parts: &[String], ask: impl Fn(&str) -> Result<Answer, RequestError>) -> Result<Answer, RequestError> {
    let ask = |promql: &str| match ask(promql) {
        Err(error) if abbreviate::is_too_long(promql, &error) => {
            abbreviate::abbreviated(promql).map_or(Err(error), |short| ask(&short))
        }
        answer => answer,
    };
    let whole = promql::join(parts);
    let is_too_much = |error: &RequestError| error.is_too_much() || abbreviate::is_too_long(&whole, error);
    match ask(&whole) {
        Err(error) if parts.len() > 1 && is_too_much(&error) && !error.failure.is_slow() => {
            let mut all = Answer::default();
            for (i, part) in parts.iter().enumerate() {
                let answer = ask(part)?;
                all.series.extend(answer.series.into_iter().map(|mut series| {
                    series.labels.insert(PART.to_owned(), i.to_string());
                    series
                }));
                all.warnings.extend(answer.warnings);
                all.histograms_ignored += answer.histograms_ignored;
                all.left_out.add(answer.left_out);
            }
            all.series.sort_by(|a, b| a.labels.cmp(&b.labels));
            all.warnings.sort_unstable();
            all.warnings.dedup();
            Ok(all)
        }
        answer => answer,
    }
}

/// Joined answers: by labels, in order of time.
#[derive(Default)]
struct Merge {
    series: BTreeMap<BTreeMap<String, String>, Vec<(Timestamp, f64)>>,
    warnings: Vec<String>,
    histograms: u64,
    left_out: LeftOut,
}

impl Merge {
    /// The answer to a range only has samples at the instants of its grid.
    fn with(mut self, answer: Decoded<QueryData>, asked: Option<Grid>) -> Self {
        let (mut series, histograms, more) = answer.data.into_series();
        let mut left_out = LeftOut { excess: more, ..LeftOut::default() };
        if let Some(grid) = asked {
            bounds::within(grid, &mut series, &mut left_out);
        }
        for LabelledSeries { labels, points } in bounds::keep(series, &mut left_out) {
            self.series.entry(labels).or_default().extend(points);
        }
        self.warnings.extend(answer.warnings);
        self.histograms = self.histograms.max(histograms);
        self.left_out.add(left_out);
        self
    }

    fn finish(mut self) -> Answer {
        self.warnings.sort_unstable();
        self.warnings.dedup();
        let series = std::mem::take(&mut self.series)
            .into_iter()
            .map(|(labels, points)| LabelledSeries { labels, points })
            .collect();
        let Self { warnings, histograms: histograms_ignored, mut left_out, .. } = self;
        let series = bounds::most_complete(series, &mut left_out);
        Answer { series, warnings, histograms_ignored, left_out, ..Answer::default() }
    }
}

/// Unix seconds with the milliseconds as decimals, exact.
fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

fn seconds_of(client: &Client) -> String {
    format!("{:.3}", client.timeout().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(points: i64) -> Grid {
        let start = Timestamp::from_ms(15_000);
        Grid { start, end: start.plus_ms((points - 1) * 500), step_ms: 500 }
    }

    #[test]
    fn pieces_end_with_the_grid() {
        let whole = grid(25);
        assert_eq!(whole.piece(whole.start, 10).len(), 10);
        assert_eq!(whole.piece(whole.start.plus_ms(20 * 500), 10).len(), 5);
        assert_eq!(whole.piece(whole.start, 1), Grid { end: whole.start, ..whole });
    }

    #[test]
    fn times_find_their_position() {
        let g = grid(3);
        assert_eq!(g.position(Timestamp::from_ms(16_000)), Some(2));
        for off in [14_500, 15_250, 16_500] {
            assert_eq!(g.position(Timestamp::from_ms(off)), None);
        }
        assert_eq!(seconds(1_500), "1.500");
    }
}
