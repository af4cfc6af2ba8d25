//! Instant and range queries. Long ranges are split and merged, so that the server's limit on points is never met.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

use super::client::{Call, Client};
use super::decode::{Decoded, LabelledSeries, QueryData};
use super::error::RequestError;

/// Points per series and request. Prometheus refuses more than 11,000.
pub const MAX_POINTS_PER_REQUEST: i64 = 10_000;

/// What a query returned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The series, ordered by their labels.
    pub series: Vec<LabelledSeries>,
    /// Why the data may be incomplete, as the server puts it.
    pub warnings: Vec<String>,
    /// Series left out since they hold native histograms.
    pub histograms_ignored: u64,
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

    /// The position of a time on the grid.
    pub(crate) fn position(&self, time: Timestamp) -> Option<usize> {
        let offset = time.ms() - self.start.ms();
        let on_grid = offset % self.step_ms.max(1) == 0 && time <= self.end;
        if on_grid { usize::try_from(offset / self.step_ms.max(1)).ok() } else { None }
    }

    /// The same times in pieces that one request may cover.
    fn chunks(self) -> impl Iterator<Item = Self> {
        let stride = self.step_ms * MAX_POINTS_PER_REQUEST;
        std::iter::successors(Some(self.start), move |start| Some(start.plus_ms(stride)))
            .take_while(move |start| *start <= self.end)
            .map(move |start| Self { start, end: start.plus_ms(stride - self.step_ms).min(self.end), ..self })
    }
}

impl Client {
    /// The value of an expression at one time.
    ///
    /// # Errors
    /// [`RequestError`] when there is no answer.
    pub fn instant(&self, promql: &str, at: Timestamp) -> Result<Answer, RequestError> {
        let form = [("query", promql.to_owned()), ("time", seconds(at.ms())), ("timeout", seconds_of(self))];
        Ok(Merge::default().with(self.fetch(&Call::Post("query", &form))?).finish())
    }

    /// The values of an expression on a grid.
    ///
    /// # Errors
    /// [`RequestError`] when there is no answer, or not for all of the range.
    pub fn range(&self, promql: &str, grid: Grid) -> Result<Answer, RequestError> {
        let mut merge = Merge::default();
        for chunk in grid.chunks() {
            let form = [
                ("query", promql.to_owned()),
                ("start", seconds(chunk.start.ms())),
                ("end", seconds(chunk.end.ms())),
                ("step", seconds(chunk.step_ms)),
                ("timeout", seconds_of(self)),
            ];
            merge = merge.with(self.fetch(&Call::Post("query_range", &form))?);
        }
        Ok(merge.finish())
    }
}

/// Answers put together: by labels, in order of time.
#[derive(Default)]
struct Merge {
    series: BTreeMap<BTreeMap<String, String>, Vec<(Timestamp, f64)>>,
    warnings: Vec<String>,
    histograms: u64,
}

impl Merge {
    fn with(mut self, answer: Decoded<QueryData>) -> Self {
        let (series, histograms) = answer.data.into_series();
        for LabelledSeries { labels, points } in series {
            self.series.entry(labels).or_default().extend(points);
        }
        self.warnings.extend(answer.warnings);
        self.histograms = self.histograms.max(histograms);
        self
    }

    fn finish(mut self) -> Answer {
        self.warnings.sort_unstable();
        self.warnings.dedup();
        let series = self.series.into_iter().map(|(labels, points)| LabelledSeries { labels, points }).collect();
        Answer { series, warnings: self.warnings, histograms_ignored: self.histograms }
    }
}

/// Unix seconds with the milliseconds as decimals, exactly.
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
    fn chunks_cover_every_time_once() {
        for points in [1, 2, 9_999, 10_000, 10_001, 30_000, 30_001] {
            let chunks: Vec<Grid> = grid(points).chunks().collect();
            assert_eq!(chunks.iter().map(Grid::len).sum::<usize>() as i64, points);
            assert!(chunks.iter().all(|c| c.len() as i64 <= MAX_POINTS_PER_REQUEST));
            assert!(chunks.windows(2).all(|w| w[0].end.plus_ms(500) == w[1].start));
        }
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
