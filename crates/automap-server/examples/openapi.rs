//! Writes the OpenAPI document: `cargo run -p automap-server --example openapi > docs/openapi.json`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    writeln!(io::stdout(), "{:#}", automap_server::api::document())
}
