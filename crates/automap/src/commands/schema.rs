//! `automap schema`: the JSON schema of the report, for programs that read it.

use anyhow::Result;

use crate::console::print;
use crate::exit::Exit;

/// Prints the JSON Schema of the report.
pub(crate) fn run() -> Result<Exit> {
    print(&automap_render::schema::<automap_core::report::Report>()?)?;
    Ok(Exit::Ok)
}
