//! `automap._automap`, the compiled part of the Python package `automap-rca`.
//!
//! ```text
//!  frame · file · server ─▶ input (Observation) ─▶ diagnosis (Diagnosis) ─▶ JSON, HTML, SVG, columns
//!  numbers               ─▶ statistics          ─▶ numbers
//!  folders               ─▶ evaluation          ─▶ JSON, files
//! ```
//!
//! It is as thin as possible: arguments become the types of the other crates, their results become text and columns, and the interpreter lock is
//! released while they work. The public Python API (`diagnose`, `Report`, …) is written in Python, in `python/automap/`. Options are passed as JSON,
//! so that an unknown one is an error here. No analysis happens here.

mod columns;
mod diagnosis;
mod error;
mod evaluation;
mod input;
mod question;
mod server;
mod statistics;

use automap_sources::capture::hide_decoder_panics;
use pyo3::prelude::*;

/// The compiled part of the package `automap`.
#[pymodule]
fn _automap(module: &Bound<'_, PyModule>) -> PyResult<()> {
    hide_decoder_panics();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<columns::Columns>()?;
    module.add_class::<input::Observation>()?;
    module.add_class::<diagnosis::Diagnosis>()?;
    module.add_function(wrap_pyfunction!(diagnosis::diagnose, module)?)?;
    module.add_function(wrap_pyfunction!(statistics::partial_corr, module)?)?;
    module.add_function(wrap_pyfunction!(statistics::pc, module)?)?;
    module.add_function(wrap_pyfunction!(statistics::walk, module)?)?;
    module.add_function(wrap_pyfunction!(evaluation::answer, module)?)?;
    module.add_function(wrap_pyfunction!(evaluation::indicator, module)?)?;
    module.add_function(wrap_pyfunction!(evaluation::evaluate, module)?)?;
    module.add_function(wrap_pyfunction!(evaluation::simulate, module)?)?;
    Ok(())
}
