//! PostgreSQL and postgres_exporter.

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::path::Path;

use rustix::process::geteuid;
use tokio_postgres::{Config, NoTls};

use super::super::session::postgresql::SHOP;
use super::Setup;
use super::children::{Children, as_nobody, run, tied, tied_as_nobody};
use crate::shop::http::Local;

/// The owner of the server's files; may use the connections below when all others are taken.
const ADMINISTRATOR: &str = "postgres";
/// Connections reserved for the administrator.
const RESERVED: u32 = 3;
/// `nobody`.
const NOBODY: u32 = 65_534;

/// Starts the server, creating its files first if there are none.
pub(super) fn start(setup: &Setup<'_>, children: &mut Children) -> io::Result<()> {
    let data = setup.dir.join("postgresql");
    if !data.exists() {
        install(setup, &data)?;
    }
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

/// Creates the files under another name and renames them, so that incomplete files are never used.
fn install(setup: &Setup<'_>, data: &Path) -> io::Result<()> {
    let aside = data.with_extension("new");
    let _leftover = fs::remove_dir_all(&aside);
    fs::create_dir_all(&aside)?;
    if geteuid().is_root() {
        chown(&aside, Some(NOBODY), Some(NOBODY))?;
    }
    let mut command = as_nobody(&setup.program(&["initdb"])?);
    command.args(["-U", ADMINISTRATOR, "-A", "trust", "-E", "UTF8", "--no-sync", "-D"]).arg(&aside);
    run(&mut command)?;
    fs::rename(aside, data)
}

/// Creates the account of the shop, if it does not exist.
pub(super) async fn make_role(address: Local) -> io::Result<()> {
    let mut config = Config::new();
    config.host(address.ip().to_string()).port(address.port_number()).user(ADMINISTRATOR).dbname("postgres");
    let (client, connection) = config.connect(NoTls).await.map_err(io::Error::other)?;
    tokio::spawn(async move {
        // If it ends, the client's commands fail.
        let _ended = connection.await;
    });
    let make = format!(
        "DO $$ BEGIN CREATE ROLE {SHOP} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$; GRANT ALL ON SCHEMA public TO {SHOP}"
    );
    client.batch_execute(&make).await.map_err(io::Error::other)
}

/// Starts the exporter.
pub(super) fn start_exporter(setup: &Setup<'_>, children: &mut Children) -> io::Result<()> {
    let mut command = tied(&setup.program(&["prometheus-postgres-exporter", "postgres_exporter"])?)?;
    command.arg(format!("--web.listen-address=127.0.0.1:{}", setup.exporter_port));
    let source = format!("postgresql://{ADMINISTRATOR}@127.0.0.1:{}/postgres?sslmode=disable", setup.port);
    command.env("DATA_SOURCE_NAME", source);
    children.start(&mut command)
}
