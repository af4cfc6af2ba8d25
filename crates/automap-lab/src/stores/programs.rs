//! The programs that real stores need.

use std::collections::BTreeSet;

use super::Server;
use crate::programs::Programs;

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

/// Fails unless all programs that the servers need are present.
///
/// # Errors
/// With the missing programs, and the packages that contain them.
pub fn check_programs(there: &Programs) -> Result<(), Missing> {
    let (mut programs, mut packages) = (Vec::new(), BTreeSet::new());
    for wanted in Server::ALL.iter().flat_map(|server| needs(*server)) {
        if there.find(wanted.names).is_none() {
            programs.extend(wanted.names.first());
            packages.insert(wanted.package);
        }
    }
    if programs.is_empty() { Ok(()) } else { Err(Missing { programs, packages }) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_missing_is_told_with_its_packages() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["redis-server", "redis_exporter", "rabbitmq-server", "postgres", "mariadbd"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let words = check_programs(&Programs::in_folder(dir.path())).unwrap_err().to_string();
        let expected = "real stores need mariadb-install-db, prometheus-mysqld-exporter, initdb, prometheus-postgres-exporter, epmd,";
        assert!(words.starts_with(expected), "{words}");
        let packages =
            "install erlang-base mariadb-server postgresql prometheus-mysqld-exporter prometheus-postgres-exporter)";
        assert!(words.contains(packages), "{words}");
    }
}
