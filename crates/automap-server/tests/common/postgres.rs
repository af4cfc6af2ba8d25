//! A PostgreSQL for one test, from the system's package; it refuses to run as root, so root runs it as the user `postgres`.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Folder, skip_without};

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Postgres {
    child: Child,
    port: u16,
    psql: PathBuf,
    _folder: Folder,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn id(flag: &str, user: &[&str]) -> Option<u32> {
    let output = Command::new("id").arg(flag).args(user).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The folder of the newest `initdb`: Debian's is not on the PATH.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<PathBuf> = versions.flatten().map(|v| v.path().join("bin")).collect();
        versions.sort();
        dirs.extend(versions.into_iter().rev());
    }
    dirs.into_iter().find(|dir| dir.join("initdb").is_file() && dir.join("postgres").is_file())
}

impl Postgres {
    /// `None` if none can be run and the test may be skipped.
    pub(crate) fn start(name: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            skip_without("a PostgreSQL server", "scripts/need-postgres.sh installs one");
            return None;
        };
        let root = id("-u", &[]) == Some(0);
        let owner = if root { id("-u", &["postgres"]).zip(id("-g", &["postgres"])) } else { None };
        if root && owner.is_none() {
            skip_without("a user postgres", "PostgreSQL does not run as root; scripts/need-postgres.sh makes the user");
            return None;
        }
        let folder = Folder::new(name);
        let run = |program: &str| {
            let mut command = Command::new(programs.join(program));
            command.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
            if let Some((user, group)) = owner {
                chown(folder.path(), Some(user), Some(group)).unwrap();
                command.uid(user).gid(group);
            }
            command
        };
        let data = folder.join("data");
        let made =
            run("initdb").args(["-U", "automap", "-A", "trust", "-E", "UTF8", "-D"]).arg(&data).status().unwrap();
        assert!(made.success(), "initdb failed: {made}");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = [format!("port={port}"), "listen_addresses=127.0.0.1".into(), "unix_socket_directories=".into()];
        let mut command = run("postgres");
        command.arg("-D").arg(&data);
        for setting in settings {
            command.args(["-c", &setting]);
        }
        // A server may be installed without the client.
        let psql = Some(programs.join("psql")).filter(|path| path.is_file()).unwrap_or_else(|| "psql".into());
        let running = Self { child: command.spawn().unwrap(), port, psql, _folder: folder };
        let start = Instant::now();
        while !running.psql("SELECT 1").status.success() {
            assert!(start.elapsed() < PATIENCE, "PostgreSQL did not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(running)
    }

    /// The address of a schema.
    pub(crate) fn url(&self, schema: &str) -> String {
        Self::url_at(self.port, schema)
    }

    /// The same, through a proxy on another port.
    pub(crate) fn url_at(port: u16, schema: &str) -> String {
        format!(
            "host=127.0.0.1 port={port} user=automap dbname=postgres sslmode=disable options='-c search_path={schema}'"
        )
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn run(&self, statement: &str) {
        let done = self.psql(statement);
        assert!(done.status.success(), "{statement}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn psql(&self, statement: &str) -> std::process::Output {
        let mut command = Command::new(&self.psql);
        command.args(["-X", "-q", "-h", "127.0.0.1", "-U", "automap", "-d", "postgres", "-v", "ON_ERROR_STOP=1"]);
        command.args(["-p", &self.port.to_string(), "-c", statement]).output().unwrap()
    }
}
