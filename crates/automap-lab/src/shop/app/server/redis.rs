//! Redis and redis_exporter. Nothing is written to disk, since losing sessions does no harm.

use std::fs;
use std::io;

use super::Setup;
use crate::shop::children::{Children, tied};
use crate::stores::programs;

/// Starts the server.
pub(super) fn start(setup: &Setup<'_>, children: &mut Children) -> io::Result<()> {
    fs::create_dir_all(setup.dir)?;
    let mut command = tied(&setup.program(&["redis-server"])?)?;
    command.args(["--bind", "127.0.0.1", "--port", &setup.port.to_string(), "--save", "", "--daemonize", "no"]);
    command.args(["--maxclients", &setup.server.connections_max().to_string()]);
    command.args(["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru", "--dir"]).arg(setup.dir);
    children.start(&mut command)
}

/// Starts the exporter.
pub(super) fn start_exporter(setup: &Setup<'_>, children: &mut Children) -> io::Result<()> {
    let mut command = tied(&setup.program(programs::REDIS_EXPORTER)?)?;
    command.arg(format!("-web.listen-address=127.0.0.1:{}", setup.exporter_port));
    command.arg(format!("-redis.addr=redis://127.0.0.1:{}", setup.port));
    children.start(&mut command)
}
