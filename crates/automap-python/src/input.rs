//! The data to analyse: read from a data frame, a file or a server, or copied with other windows and calls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::ffi_stream::RecordBatchStreamReader;
use arrow_array::{RecordBatchIterator, RecordBatchReader};
use arrow_pyarrow::FromPyArrow;
use automap_core::observation;
use automap_core::time::WindowHint;
use automap_sources::capture::{self, Opened};
use automap_sources::{calls_file, table};
use pyo3::prelude::*;

use crate::columns::{self, Column, Columns};
use crate::diagnosis;
use crate::error::Failure;
use crate::question::Question;
use crate::server;

/// The recording that `automap demo` diagnoses.
const DEMO: &[u8] = include_bytes!("../../automap/assets/demo.parquet");

/// Metrics, calls and windows, ready to be diagnosed.
#[pyclass(frozen, module = "automap._automap")]
#[derive(Debug)]
pub(crate) struct Observation(pub(crate) Arc<observation::Observation>);

impl Observation {
    /// Applies the requested windows and calls, in addition to those in the data itself.
    fn asked(mut seen: observation::Observation, question: &Question) -> Result<Self, Failure> {
        seen.hint = question.hint(seen.frame.span().end, seen.hint)?;
        calls_file::assert_calls(&mut seen, &question.calls);
        Ok(Self(Arc::new(seen)))
    }

    fn of_batches(batches: impl RecordBatchReader, name: &str, question: &Question) -> Result<Self, Failure> {
        let options = question.table.options(calls_file::services_of(&question.calls))?;
        let seen = table::from_batches(batches, name, WindowHint::default(), &options);
        Self::asked(seen.map_err(|e| Failure::at(e.file, e.problem))?, question)
    }

    fn of_file(path: &Path, question: &Question) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let seen = match capture::open(path).map_err(Failure::new)? {
            Opened::Capture(seen) => *seen,
            Opened::Table(bytes) => {
                let options = question.table.options(calls_file::services_of(&question.calls))?;
                let seen = table::from_bytes(bytes, &name, WindowHint::default(), &options);
                seen.map_err(|e| Failure::at(e.file, e.problem))?
            }
        };
        Self::asked(seen, question)
    }
}

#[pymethods]
impl Observation {
    /// From any object with Arrow's PyCapsule interface.
    #[staticmethod]
    fn from_stream(py: Python<'_>, stream: &Bound<'_, PyAny>, name: &str, question: &str) -> PyResult<Self> {
        let question = Question::parse(question)?;
        let batches = RecordBatchStreamReader::from_pyarrow_bound(stream)?;
        Ok(py.detach(|| Self::of_batches(batches, name, &question))?)
    }

    /// From columns as lists: name, kind (`number`, `text`, `time`, `local_time`) and values of each.
    #[staticmethod]
    fn from_columns(
        py: Python<'_>,
        given: Vec<(String, String, Bound<'_, PyAny>)>,
        name: &str,
        question: &str,
    ) -> PyResult<Self> {
        let question = Question::parse(question)?;
        let column = |(name, kind, values): &(String, String, Bound<'_, PyAny>)| {
            Ok((name.clone(), Column::given(kind, values)?))
        };
        let given: Vec<(String, Column)> = given.iter().map(column).collect::<PyResult<_>>()?;
        Ok(py.detach(|| {
            let batch = columns::batch(&given).map_err(|e| Failure::at(name, e))?;
            let schema = batch.schema();
            Self::of_batches(RecordBatchIterator::new([Ok(batch)], schema), name, &question)
        })?)
    }

    /// From a capture, or a table as CSV, Parquet or Arrow.
    #[staticmethod]
    fn from_file(py: Python<'_>, path: PathBuf, question: &str) -> PyResult<Self> {
        let question = Question::parse(question)?;
        Ok(py.detach(|| Self::of_file(&path, &question))?)
    }

    /// From a Prometheus.
    #[staticmethod]
    fn from_server(py: Python<'_>, url: &str, question: &str, engine: &str) -> PyResult<Self> {
        let (question, options) = (Question::parse(question)?, diagnosis::options(engine)?);
        Ok(py.detach(|| {
            let mut seen = server::read(url, &question, &options)?;
            calls_file::assert_calls(&mut seen, &question.calls);
            Ok::<_, Failure>(Self(Arc::new(seen)))
        })?)
    }

    /// The recording of the local shop that is part of the package.
    #[staticmethod]
    fn demo() -> PyResult<Self> {
        let seen = capture::from_bytes(DEMO).map_err(Failure::new)?;
        Ok(Self(Arc::new(seen)))
    }

    /// The same data with other windows and additional calls.
    fn with_question(&self, question: &str) -> PyResult<Self> {
        let question = Question::parse(question)?;
        Ok(Self::asked(observation::Observation::clone(&self.0), &question)?)
    }

    /// Writes a capture.
    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        Ok(py.detach(|| capture::write(&path, &self.0)).map_err(Failure::new)?)
    }

    /// Where the data comes from.
    fn source(&self) -> &str {
        &self.0.source
    }

    /// The services, by name.
    fn services(&self) -> Vec<String> {
        self.0.services().map(ToOwned::to_owned).collect()
    }

    /// Pairs of caller and callee.
    fn calls(&self) -> Vec<(String, String)> {
        self.0.calls.edges().map(|(from, to, _)| (from.to_owned(), to.to_owned())).collect()
    }

    /// First and last time, and the start of the incident if known, in milliseconds since the epoch.
    fn times(&self) -> (i64, i64, Option<i64>) {
        let span = self.0.frame.span();
        (span.start.ms(), span.end.ms(), self.0.hint.incident_start.map(|t| t.ms()))
    }

    /// Every sample: time, service, metric, called service, value.
    fn samples(&self, py: Python<'_>) -> Columns {
        py.detach(|| samples(&self.0))
    }
}

fn samples(seen: &observation::Observation) -> Columns {
    let frame = &seen.frame;
    let count = frame.series().len() * frame.times().len();
    let (mut times, mut values) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut services, mut metrics, mut peers) = (Vec::new(), Vec::new(), Vec::new());
    for series in frame.series() {
        for (at, value) in frame.times().iter().zip(series.values.iter()).filter(|(_, value)| !value.is_nan()) {
            times.push(Some(at.ms()));
            services.push(Some(frame.service(series.service).to_owned()));
            metrics.push(Some(series.metric.name.clone()));
            peers.push(series.peer.map(|peer| frame.service(peer).to_owned()));
            values.push(Some(*value));
        }
    }
    Columns::new([
        ("time", Column::Time { ms: times, is_utc: true }),
        ("service", Column::Text(services)),
        ("metric", Column::Text(metrics)),
        ("peer", Column::Text(peers)),
        ("value", Column::Number(values)),
    ])
}
