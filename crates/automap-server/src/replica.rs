//! The name of this process among the replicas that share a store.
//!
//! Leases in the store belong to a name. A file lock makes the name unique on one machine and the same after a restart; names of different
//! machines differ by their host names.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The name of this process. No other process of this machine gets the same name while this value lives.
#[derive(Debug)]
pub struct Replica {
    /// The host's or pod's name, followed by the process id if another process of this machine already uses the plain name.
    pub name: String,
    _lock: Option<File>,
}

impl Replica {
    /// The process that locks the file `lock` gets the plain name. It is the same after a restart, so a killed process still owns its leases when it
    /// comes back; a process with another name has to wait until they expire.
    pub fn new(lock: &Path) -> Self {
        let host = host();
        // Owner only: anyone who can open the file can lock it.
        let file = File::options().create(true).append(true).mode(0o600).open(lock).ok();
        match file.filter(|f| f.try_lock().is_ok()) {
            Some(lock) => Self { name: host, _lock: Some(lock) },
            None => Self { name: format!("{host}:{}", std::process::id()), _lock: None },
        }
    }
}

fn host() -> String {
    let named = rustix::system::uname().nodename().to_string_lossy().trim().to_owned();
    if named.is_empty() { "localhost".to_owned() } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_at_the_same_time_and_are_reused_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Replica::new(&path);
        let second = Replica::new(&path);
        assert!(!first.name.contains(':') && second.name.contains(':'), "{first:?} {second:?}");
        let name = first.name.clone();
        drop(first);
        assert_eq!(Replica::new(&path).name, name);
        let nowhere = Replica::new(Path::new("/nowhere/at/all"));
        assert!(nowhere.name.ends_with(&std::process::id().to_string()));
    }
}
