//! Columns passed between Python and Rust: those of a data frame without Arrow on the way in, those of a result on the way out.
//!
//! A result is passed to other libraries through Arrow's PyCapsule interface, and as plain lists without Arrow. A value that was not observed is
//! `None`, never a zero.

use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray,
    TimestampMillisecondArray,
};
use arrow_schema::ArrowError;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3::{IntoPyObjectExt, exceptions::PyValueError};

/// The values of one column.
#[derive(Clone, Debug)]
pub(crate) enum Column {
    Text(Vec<Option<String>>),
    Number(Vec<Option<f64>>),
    Count(Vec<Option<i64>>),
    Flag(Vec<bool>),
    /// Milliseconds since the epoch; in UTC, or in local time.
    Time {
        ms: Vec<Option<i64>>,
        is_utc: bool,
    },
}

impl Column {
    /// From the Python layer: the kind of the values, and the values.
    pub(crate) fn given(kind: &str, values: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(match kind {
            "text" => Self::Text(values.extract()?),
            "number" => Self::Number(values.extract()?),
            "time" => Self::Time { ms: values.extract()?, is_utc: true },
            "local_time" => Self::Time { ms: values.extract()?, is_utc: false },
            _ => return Err(PyValueError::new_err(format!("unknown kind of column: {kind}"))),
        })
    }

    fn array(&self) -> ArrayRef {
        match self {
            Self::Text(values) => Arc::new(values.iter().map(Option::as_deref).collect::<StringArray>()),
            Self::Number(values) => Arc::new(Float64Array::from(values.clone())),
            Self::Count(values) => Arc::new(Int64Array::from(values.clone())),
            Self::Flag(values) => Arc::new(BooleanArray::from(values.clone())),
            Self::Time { ms, is_utc } => {
                let times = TimestampMillisecondArray::from(ms.clone());
                Arc::new(if *is_utc { times.with_timezone("UTC") } else { times })
            }
        }
    }

    fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Text(values) => values.clone().into_bound_py_any(py),
            Self::Number(values) => values.clone().into_bound_py_any(py),
            Self::Count(values) => values.clone().into_bound_py_any(py),
            Self::Flag(values) => values.clone().into_bound_py_any(py),
            Self::Time { ms, .. } => ms.clone().into_bound_py_any(py),
        }
    }
}

/// A record batch of these columns.
pub(crate) fn batch(columns: &[(String, Column)]) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, column)| (name, column.array(), true)))
}

/// Columns of equal length, by name, in order.
#[pyclass(frozen, module = "automap._automap")]
#[derive(Debug)]
pub(crate) struct Columns(pub(crate) Vec<(String, Column)>);

impl Columns {
    /// From columns with fixed names.
    pub(crate) fn new<const N: usize>(columns: [(&str, Column); N]) -> Self {
        Self(columns.map(|(name, column)| (name.to_owned(), column)).to_vec())
    }
}

#[pymethods]
impl Columns {
    /// The names, and whether each column holds times (as milliseconds since the epoch).
    fn names(&self) -> Vec<(String, bool)> {
        self.0.iter().map(|(name, column)| (name.clone(), matches!(column, Column::Time { .. }))).collect()
    }

    /// The values of one column.
    fn column<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        match self.0.iter().find(|(known, _)| known == name) {
            Some((_, column)) => column.list(py),
            None => Err(PyKeyError::new_err(name.to_owned())),
        }
    }

    /// The columns as a stream of Arrow's C data interface.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A consumer may request other types, but must accept what it gets.
        drop(requested_schema);
        let batch = batch(&self.0).map_err(|e| PyValueError::new_err(e.to_string()))?;
        let schema = batch.schema();
        let stream = FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new([Ok(batch)], schema)));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }
}
