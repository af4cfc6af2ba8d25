//! Where the programs of real stores are: in the `PATH`, and in the folders outside the `PATH` where Debian installs some of them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::Server;

/// Folders that are searched after the `PATH`.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// The exporters, by Debian's name and by their own.
pub(crate) const MYSQLD_EXPORTER: &[&str] = &["prometheus-mysqld-exporter", "mysqld_exporter"];
pub(crate) const POSTGRES_EXPORTER: &[&str] = &["prometheus-postgres-exporter", "postgres_exporter"];
pub(crate) const REDIS_EXPORTER: &[&str] = &["prometheus-redis-exporter", "redis_exporter"];

/// One program: its names, in order of preference, and the Debian package that contains it.
struct Wanted {
    names: &'static [&'static str],
    package: &'static str,
}

const fn wanted(names: &'static [&'static str], package: &'static str) -> Wanted {
    Wanted { names, package }
}

/// The programs that each server needs.
fn needs(server: Server) -> &'static [Wanted] {
    const MARIADB: [Wanted; 3] = [
        wanted(&["mariadbd"], "mariadb-server"),
        wanted(&["mariadb-install-db"], "mariadb-server"),
        wanted(MYSQLD_EXPORTER, "prometheus-mysqld-exporter"),
    ];
    const POSTGRESQL: [Wanted; 3] = [
        wanted(&["postgres"], "postgresql"),
        wanted(&["initdb"], "postgresql"),
        wanted(POSTGRES_EXPORTER, "prometheus-postgres-exporter"),
    ];
    const REDIS: [Wanted; 2] =
        [wanted(&["redis-server"], "redis-server"), wanted(REDIS_EXPORTER, "prometheus-redis-exporter")];
    const RABBITMQ: [Wanted; 2] = [wanted(&["rabbitmq-server"], "rabbitmq-server"), wanted(&["epmd"], "erlang-base")];
    match server {
        Server::MariaDb => &MARIADB,
        Server::PostgreSql => &POSTGRESQL,
        Server::Redis => &REDIS,
        Server::RabbitMq => &RABBITMQ,
    }
}

/// Programs of real stores are missing.
#[derive(Debug, thiserror::Error)]
#[error(
    "real stores need {}, which are neither in the PATH nor in /usr/sbin; install them (Debian and Ubuntu: apt-get install {}), have them \
     unpacked without installing anything (scripts/stores.sh unpack, then env $(scripts/stores.sh env) automap lab up …), or take the \
     stand-ins: --stores stand-in",
    programs.join(", "), packages.iter().copied().collect::<Vec<_>>().join(" ")
)]
pub struct Missing {
    programs: Vec<&'static str>,
    packages: BTreeSet<&'static str>,
}

/// The folders to search for programs.
#[derive(Clone, Debug)]
pub struct Programs {
    folders: Vec<PathBuf>,
}

impl Programs {
    /// Takes the folders from the environment.
    pub fn of_the_environment() -> Self {
        let mut folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
        folders.extend(SYSTEM_FOLDERS.map(PathBuf::from));
        folders.extend(postgresql_folders(Path::new("/usr/lib/postgresql")));
        Self { folders }
    }

    /// Fails unless all programs that the servers need are present.
    ///
    /// # Errors
    /// With the missing programs, and the packages that contain them.
    pub fn check(&self) -> Result<(), Missing> {
        let (mut programs, mut packages) = (Vec::new(), BTreeSet::new());
        for wanted in Server::ALL.iter().flat_map(|server| needs(*server)) {
            if self.find(wanted.names).is_none() {
                programs.extend(wanted.names.first());
                packages.insert(wanted.package);
            }
        }
        if programs.is_empty() { Ok(()) } else { Err(Missing { programs, packages }) }
    }

    /// The first existing program with one of these names.
    pub(crate) fn find(&self, names: &[&str]) -> Option<PathBuf> {
        names.iter().find_map(|name| self.folders.iter().map(|dir| dir.join(name)).find(|path| path.is_file()))
    }
}

/// The newest version first.
fn postgresql_folders(under: &Path) -> Vec<PathBuf> {
    let versions = fs::read_dir(under).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut versions: Vec<(u32, PathBuf)> = versions.map(|dir| (number(dir.file_name()), dir.join("bin"))).collect();
    versions.sort_unstable();
    versions.into_iter().rev().map(|(_, bin)| bin).collect()
}

fn number(name: Option<&OsStr>) -> u32 {
    name.and_then(OsStr::to_str).and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_its_packages() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["redis-server", "redis_exporter", "rabbitmq-server", "postgres", "mariadbd"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let programs = Programs { folders: vec![dir.path().to_owned()] };
        let words = programs.check().unwrap_err().to_string();
        let expected = "real stores need mariadb-install-db, prometheus-mysqld-exporter, initdb, prometheus-postgres-exporter, epmd,";
        assert!(words.starts_with(expected), "{words}");
        let packages =
            "install erlang-base mariadb-server postgresql prometheus-mysqld-exporter prometheus-postgres-exporter)";
        assert!(words.contains(packages), "{words}");
    }

    #[test]
    fn the_newest_postgresql_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        for version in ["9", "17", "15"] {
            fs::create_dir(dir.path().join(version)).unwrap();
        }
        assert_eq!(postgresql_folders(dir.path()).first(), Some(&dir.path().join("17/bin")));
    }
}
