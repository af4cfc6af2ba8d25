//! MariaDB and mysqld_exporter.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;

use super::super::session::mariadb::SHOP;
use super::{Setup, installed, prefix};
use crate::shop::children::{Children, run, tied};
use crate::stores::programs;

/// Lets the exporter connect when all other connections are taken.
const ADMINISTRATOR: &str = "exporter";

/// Starts the server, creating its files first if there are none.
pub(super) fn start(setup: &Setup<'_>, children: &mut Children) -> io::Result<()> {
    let program = setup.program(&["mariadbd"])?;
    let data = installed(setup.dir, "mariadb", |aside| install(setup, &program, aside))?;
    let init = setup.dir.join("init.sql");
    fs::write(&init, accounts())?;
    let mut command = tied(&program)?;
    command.arg("--no-defaults").args(folders(&program));
    command.arg(format!("--datadir={}", data.display())).arg(format!("--tmpdir={}", data.display()));
    command.arg(format!("--init-file={}", init.display()));
    command.arg(format!("--port={}", setup.port)).arg(format!("--max-connections={}", setup.server.connections_max()));
    // Relative to the data directory, since the path of a socket must be short.
    command.args(["--bind-address=127.0.0.1", "--socket=server.sock", "--pid-file=server.id", "--skip-name-resolve"]);
    command.args(["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--performance-schema=OFF"]);
    command.arg("--innodb-lock-wait-timeout=120");
    if geteuid().is_root() {
        command.arg("--user=root");
    }
    children.start(&mut command)
}

fn install(setup: &Setup<'_>, program: &Path, data: &Path) -> io::Result<()> {
    let mut command = Command::new(setup.program(&["mariadb-install-db"])?);
    command.arg("--no-defaults").arg(format!("--basedir={}", prefix(program).display()));
    command
        .arg(format!("--datadir={}", data.display()))
        .args(folders(program).iter().filter(|f| f.starts_with("--lc")));
    command.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
    if geteuid().is_root() {
        command.arg("--user=root");
    }
    run(&mut command)
}

/// Where a server that was unpacked to another prefix finds its files.
fn folders(program: &Path) -> Vec<String> {
    let prefix = prefix(program);
    [
        ("--lc-messages-dir", prefix.join("share/mysql")),
        ("--character-sets-dir", prefix.join("share/mysql/charsets")),
        ("--plugin-dir", prefix.join("lib/mysql/plugin")),
    ]
    .into_iter()
    .filter(|(_, dir): &(_, PathBuf)| dir.is_dir())
    .map(|(option, dir)| format!("{option}={}", dir.display()))
    .collect()
}

fn accounts() -> String {
    format!(
        "CREATE DATABASE IF NOT EXISTS {SHOP};
CREATE USER IF NOT EXISTS {SHOP}@'%';
GRANT ALL ON {SHOP}.* TO {SHOP}@'%';
CREATE USER IF NOT EXISTS {ADMINISTRATOR}@'%';
GRANT PROCESS, REPLICATION CLIENT, SLAVE MONITOR, CONNECTION ADMIN, SELECT ON *.* TO {ADMINISTRATOR}@'%';
"
    )
}

/// Starts the exporter.
pub(super) fn start_exporter(setup: &Setup<'_>, children: &mut Children) -> io::Result<()> {
    let program = setup.program(programs::MYSQLD_EXPORTER)?;
    let mut command = tied(&program)?;
    command.arg(format!("--web.listen-address=127.0.0.1:{}", setup.exporter_port));
    // Before version 0.15 it is configured by environment variables, since then by a file.
    command.env("DATA_SOURCE_NAME", format!("{ADMINISTRATOR}@(127.0.0.1:{})/", setup.port));
    let options = setup.dir.join("exporter.cnf");
    fs::write(&options, format!("[client]\nuser={ADMINISTRATOR}\nhost=127.0.0.1\nport={}\n", setup.port))?;
    command.arg(format!("--config.my-cnf={}", options.display()));
    children.start(&mut command)
}
