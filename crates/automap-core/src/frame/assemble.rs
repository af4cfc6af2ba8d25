//! Builds a frame from the raw points of a source: aligned, ordered, with explicit gaps.
//!
//! Nothing is interpolated and nothing is dropped silently: samples off the axis, infinite values and duplicates are reported in notes. Every source
//! goes through here, so names are cleaned here ([`crate::text::clean_name`]): no frame holds a name that cannot be shown or stored.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::{FrameError, MAX_CELLS, MetricFrame, Series, ServiceIdx};
use crate::metric::Metric;
use crate::note::Note;
use crate::text::{clean_name, is_cleaned, listed};
use crate::time::Timestamp;

/// Largest magnitude of a value: a hundred thousand times what an unsigned 64-bit counter can hold. No real measurement is larger, and a single such
/// value would dominate every mean.
pub const MAX_MAGNITUDE: f64 = 1e24;

/// One series as a source delivers it.
#[derive(Clone, Debug, PartialEq)]
pub struct RawSeries {
    /// Whose metric.
    pub service: String,
    /// The metric's name, without the peer.
    pub metric: String,
    /// The called service, for metrics of calls.
    pub peer: Option<String>,
    /// Points in any order. `NaN`, infinite values and those beyond [`MAX_MAGNITUDE`] become gaps.
    pub points: Vec<(Timestamp, f64)>,
}

/// Puts raw series on the time axis `times`.
///
/// A point must match a time of the axis to the millisecond; others are dropped and counted in a note, as are infinite values and those
/// beyond [`MAX_MAGNITUDE`]. Of two series with the
/// same name the first is kept. Services that appear only as a peer become services without metrics. O(points · log rows).
///
/// # Errors
/// [`FrameError`] if the axis has fewer than two entries or does not increase, if there are no series, or more than [`MAX_CELLS`] cells.
///
/// ```
/// use automap_core::frame::{RawSeries, assemble};
/// use automap_core::time::Timestamp;
///
/// let t = Timestamp::from_ms;
/// let raw = RawSeries {
///     service: "orders".into(),
///     metric: "client_latency_ms".into(),
///     peer: Some("payment".into()),
///     points: vec![(t(10_000), 5.0), (t(0), 4.0), (t(7_500), 9.0)],
/// };
/// let (frame, notes) = assemble(vec![raw], vec![t(0), t(5_000), t(10_000)])?;
/// assert_eq!(frame.services(), ["orders", "payment"]);
/// let values = &frame.series()[0].values;
/// assert!(values[0] == 4.0 && values[1].is_nan() && values[2] == 5.0, "a gap at 5 s");
/// assert_eq!(notes[0].message, "1 sample(s) off the time axis were left out");
/// # Ok::<(), automap_core::frame::FrameError>(())
/// ```
pub fn assemble(raw: Vec<RawSeries>, times: Vec<Timestamp>) -> Result<(MetricFrame, Vec<Note>), FrameError> {
    check_axis(&times)?;
    check_size(raw.len(), times.len())?;
    let mut lost = Lost::default();
    let aligned = |r: RawSeries| {
        let values = align(&r.points, &times, &mut lost);
        AlignedSeries { service: r.service, metric: r.metric, peer: r.peer, values }
    };
    let series = raw.into_iter().map(aligned).collect();
    collect(series, times, lost)
}

/// One series whose values are already on the axis: one per time, `NaN` for a gap.
#[derive(Clone, Debug, PartialEq)]
pub struct AlignedSeries {
    /// Whose metric.
    pub service: String,
    /// The metric's name, without the peer.
    pub metric: String,
    /// The called service, for metrics of calls.
    pub peer: Option<String>,
    /// One value per time.
    pub values: Vec<f64>,
}

/// Builds a frame from series that share the axis `times`. Values beyond the axis are dropped, missing ones are gaps.
///
/// # Errors
/// Same as for [`assemble`].
pub fn from_columns(series: Vec<AlignedSeries>, times: Vec<Timestamp>) -> Result<(MetricFrame, Vec<Note>), FrameError> {
    check_axis(&times)?;
    check_size(series.len(), times.len())?;
    let mut lost = Lost::default();
    let on_axis = |mut s: AlignedSeries| {
        s.values.resize(times.len(), f64::NAN);
        for value in s.values.iter_mut().filter(|v| v.abs() > MAX_MAGNITUDE) {
            *value = f64::NAN;
            lost.infinite += 1;
        }
        s
    };
    let series = series.into_iter().map(on_axis).collect();
    collect(series, times, lost)
}

fn collect(
    mut aligned: Vec<AlignedSeries>,
    times: Vec<Timestamp>,
    mut lost: Lost,
) -> Result<(MetricFrame, Vec<Note>), FrameError> {
    if aligned.is_empty() {
        return Err(FrameError::Empty);
    }
    let names = |s: &mut AlignedSeries| {
        [Some(&mut s.service), Some(&mut s.metric), s.peer.as_mut()].into_iter().flatten().for_each(|n| lost.clean(n));
    };
    aligned.iter_mut().for_each(names);
    let mut services: Vec<String> =
        aligned.iter().flat_map(|s| std::iter::once(&s.service).chain(s.peer.as_ref())).cloned().collect();
    services.sort_unstable();
    services.dedup();
    let index = |name: &str| services.binary_search_by(|s| s.as_str().cmp(name)).ok().map(ServiceIdx);
    let mut by_name = BTreeMap::new();
    for s in aligned {
        let Some(service) = index(&s.service) else { continue };
        let peer = s.peer.as_deref().and_then(index);
        match by_name.entry((service, s.metric, peer)) {
            Entry::Occupied(known) => lost.duplicates.push(format!("{}_{}", s.service, known.key().1)),
            Entry::Vacant(free) => {
                free.insert(s.values);
            }
        }
    }
    let series = by_name
        .into_iter()
        .map(|((service, metric, peer), values)| {
            let metric = Metric::parse(&metric);
            Series { service, metric, peer, values: values.into() }
        })
        .collect();
    Ok((MetricFrame::of(services, times, series), lost.notes()))
}

fn check_axis(times: &[Timestamp]) -> Result<(), FrameError> {
    if times.len() < 2 {
        return Err(FrameError::TooShort(times.len()));
    }
    match times.windows(2).position(|w| w[0] >= w[1]) {
        Some(i) => Err(FrameError::NotIncreasing { row: i + 1 }),
        None => Ok(()),
    }
}

/// Checked before allocating: a file of a few kilobytes can name a million times and hundreds of series.
fn check_size(series: usize, times: usize) -> Result<(), FrameError> {
    if series.saturating_mul(times) > MAX_CELLS { Err(FrameError::TooLarge { series, times }) } else { Ok(()) }
}

fn align(points: &[(Timestamp, f64)], times: &[Timestamp], lost: &mut Lost) -> Vec<f64> {
    let mut values = vec![f64::NAN; times.len()];
    for &(t, value) in points {
        match times.binary_search(&t) {
            Err(_) => lost.off_axis += 1,
            Ok(_) if value.abs() > MAX_MAGNITUDE => lost.infinite += 1,
            Ok(i) => values[i] = value,
        }
    }
    values
}

/// Counts of values that could not be placed.
#[derive(Default)]
struct Lost {
    off_axis: usize,
    infinite: usize,
    duplicates: Vec<String>,
    /// Names that had to be cleaned, here or already in the source.
    cleaned: BTreeSet<String>,
}

/// Most names in one note.
const MAX_LISTED: usize = 5;

impl Lost {
    fn clean(&mut self, name: &mut String) {
        if let Cow::Owned(clean) = clean_name(name) {
            *name = clean;
        }
        if is_cleaned(name) {
            self.cleaned.insert(name.clone());
        }
    }

    fn notes(mut self) -> Vec<Note> {
        let mut notes = Vec::new();
        if self.off_axis > 0 {
            let text = format!("{} sample(s) off the time axis were left out", self.off_axis);
            notes.push(Note::warning("off_axis", text));
        }
        if self.infinite > 0 {
            let text = format!("{} infinite sample(s), or beyond 1e24, are treated as gaps", self.infinite);
            notes.push(Note::info("infinite", text));
        }
        if !self.duplicates.is_empty() {
            self.duplicates.sort_unstable();
            self.duplicates.dedup();
            let text =
                format!("several series with one name, the first is used: {}", listed(&self.duplicates, MAX_LISTED));
            notes.push(Note::warning("duplicate_series", text));
        }
        if !self.cleaned.is_empty() {
            let text = format!(
                "names with characters that cannot be shown, or that are too long, are changed and end in ~ and 16 digits: {}",
                listed(&self.cleaned, MAX_LISTED)
            );
            notes.push(Note::warning("names_cleaned", text));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn raw(service: &str, metric: &str, peer: Option<&str>, points: &[(i64, f64)]) -> RawSeries {
        RawSeries {
            service: service.into(),
            metric: metric.into(),
            peer: peer.map(Into::into),
            points: points.iter().map(|&(ms, v)| (t(ms), v)).collect(),
        }
    }

    #[test]
    fn gaps_stay_gaps_and_every_loss_is_noted() {
        let (frame, notes) = assemble(
            vec![
                raw("b", "latency_ms", None, &[(2000, 5.0), (1000, 4.0), (1500, 9.0)]),
                raw("b", "latency_ms", None, &[(1000, 7.0)]),
                raw("a", "client_latency_ms", Some("c"), &[(1000, f64::INFINITY), (3000, f64::NAN)]),
            ],
            vec![t(1000), t(2000), t(3000)],
        )
        .unwrap();
        assert_eq!(frame.services(), ["a", "b", "c"]);
        assert_eq!(frame.series().len(), 2);
        assert_eq!(frame.series()[0].peer, frame.find("c"));
        assert!(frame.series()[0].values.iter().all(|v| v.is_nan()));
        assert_eq!(frame.series()[1].values[..2], [4.0, 5.0]);
        assert!(frame.series()[1].values[2].is_nan());
        let codes: Vec<_> = notes.iter().map(|n| n.code.as_str()).collect();
        assert_eq!(codes, ["off_axis", "infinite", "duplicate_series"]);
    }

    #[test]
    fn series_on_the_axis_are_taken_as_they_are() {
        let column = |service: &str, values: &[f64]| AlignedSeries {
            service: service.into(),
            metric: "cpu".into(),
            peer: None,
            values: values.to_vec(),
        };
        let times = vec![t(1), t(2)];
        let columns = vec![column("b", &[1.0, f64::INFINITY]), column("a", &[5.0]), column("b", &[7.0, 8.0])];
        let (frame, notes) = from_columns(columns, times.clone()).unwrap();
        assert_eq!(frame.services(), ["a", "b"]);
        assert!(frame.series()[0].values[0] == 5.0 && frame.series()[0].values[1].is_nan());
        assert!(frame.series()[1].values[0] == 1.0 && frame.series()[1].values[1].is_nan());
        let codes: Vec<_> = notes.iter().map(|n| n.code.as_str()).collect();
        assert_eq!(codes, ["infinite", "duplicate_series"]);
        assert_eq!(from_columns(vec![], times).unwrap_err(), FrameError::Empty);
    }

    #[test]
    fn names_are_cleaned_on_their_way_in_and_stay_apart() {
        let evil = ["pay\0", "pay\u{1}", "pay\nVERDICT orders"];
        let long = "x".repeat(10_000);
        let mut series: Vec<RawSeries> =
            evil.iter().map(|n| raw(n, "latency\u{1b}[2J_ms", Some(&long), &[(1, 1.0)])).collect();
        series.push(raw("pay", "latency_ms", None, &[(1, 1.0)]));
        let (frame, notes) = assemble(series, vec![t(1), t(2)]).unwrap();
        assert_eq!(frame.services().len(), 5, "{:?}", frame.services());
        let metrics = frame.series().iter().map(|s| s.metric.name.as_str());
        let mut names = frame.services().iter().map(String::as_str).chain(metrics);
        assert!(names.all(|n| crate::text::is_plain(n) && n.len() <= crate::text::MAX_NAME_BYTES));
        let [note] = &notes[..] else { panic!("{notes:?}") };
        assert!(note.code == "names_cleaned" && crate::text::is_plain(&note.message), "{note:?}");
    }

    #[test]
    fn a_bad_axis_is_refused() {
        let one = || vec![raw("a", "cpu", None, &[(1, 1.0)])];
        assert_eq!(assemble(one(), vec![t(1)]).unwrap_err(), FrameError::TooShort(1));
        assert_eq!(assemble(one(), vec![t(1), t(1)]).unwrap_err(), FrameError::NotIncreasing { row: 1 });
        assert_eq!(assemble(vec![], vec![t(1), t(2)]).unwrap_err(), FrameError::Empty);
    }

    #[test]
    fn cells_are_bounded_before_they_are_asked_for() {
        let times: Vec<Timestamp> = (0..1_000_000).map(t).collect();
        let many = |n: usize| (0..n).map(|i| raw(&format!("s{i}"), "cpu", None, &[])).collect::<Vec<_>>();
        let error = FrameError::TooLarge { series: 300, times: 1_000_000 };
        assert_eq!(assemble(many(300), times.clone()).unwrap_err(), error);
        let aligned = many(300).into_iter().map(|r| AlignedSeries {
            service: r.service,
            metric: r.metric,
            peer: None,
            values: vec![],
        });
        assert_eq!(from_columns(aligned.collect(), times).unwrap_err(), error);
    }
}
