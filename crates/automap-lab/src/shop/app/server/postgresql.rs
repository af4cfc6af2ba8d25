//! PostgreSQL and postgres_exporter.

use std::io;
use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Duration;

use rustix::process::geteuid;

use super::super::session::postgresql::{SHOP, Session, connect};
use super::{Setup, installed};
use crate::shop::children::{Children, NOBODY, as_nobody, run, tied, tied_as_nobody};
use crate::shop::http::Local;
use crate::stores::programs;

/// The owner of the server's files; may use the connections below when all others are taken.
const ADMINISTRATOR: &str = "postgres";
/// Connections reserved for the administrator.
const RESERVED: u32 = 3;
/// How often the oldest of too many records are deleted.
const TRIM_EVERY: Duration = Duration::from_secs(30);

/// Starts the server, creating its files first if there are none.
pub(super) fn start(setup: &Setup<'_>, children: &mut Children) -> io::Result<()> {
    let data = installed(setup.dir, "postgresql", |aside| install(setup, aside))?;
    let mut command = tied_as_nobody(&setup.program(&["postgres"])?)?;
    command.arg("-D").arg(&data).args(["-p", &setup.port.to_string()]);
    let connections = format!("max_connections={}", setup.server.connections_max() + RESERVED);
    let reserved = format!("superuser_reserved_connections={RESERVED}");
    for setting in [
        connections.as_str(),
        &reserved,
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "shared_buffers=16MB",
        "log_min_messages=fatal",
    ] {
        command.args(["-c", setting]);
    }
    children.start(&mut command)
}

fn install(setup: &Setup<'_>, data: &Path) -> io::Result<()> {
    if geteuid().is_root() {
        chown(data, Some(NOBODY), Some(NOBODY))?;
    }
    let mut command = as_nobody(&setup.program(&["initdb"])?);
    command.args(["-U", ADMINISTRATOR, "-A", "trust", "-E", "UTF8", "--no-sync", "-D"]).arg(data);
    run(&mut command)
}

/// Creates the account of the shop, if it does not exist.
pub(super) async fn make_role(address: Local) -> io::Result<()> {
    let client = connect(address, ADMINISTRATOR).await?;
    let make = format!(
        "DO $$ BEGIN CREATE ROLE {SHOP} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$; GRANT ALL ON SCHEMA public TO {SHOP}"
    );
    client.batch_execute(&make).await.map_err(io::Error::other)
}

/// Deletes the oldest of too many records, for ever.
pub(super) async fn trim(address: Local) {
    loop {
        tokio::time::sleep(TRIM_EVERY).await;
        if let Ok(mut session) = Session::open(address).await {
            // Retried the next time.
            let _failed = session.trim().await;
        }
    }
}

/// Starts the exporter.
pub(super) fn start_exporter(setup: &Setup<'_>, children: &mut Children) -> io::Result<()> {
    let mut command = tied(&setup.program(programs::POSTGRES_EXPORTER)?)?;
    command.arg(format!("--web.listen-address=127.0.0.1:{}", setup.exporter_port));
    let source = format!("postgresql://{ADMINISTRATOR}@127.0.0.1:{}/postgres?sslmode=disable", setup.port);
    command.env("DATA_SOURCE_NAME", source);
    children.start(&mut command)
}
