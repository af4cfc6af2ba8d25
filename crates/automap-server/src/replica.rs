//! What this process is called among those that share a store.

use std::fs::File;
use std::path::Path;

/// This process' name, and what keeps it: as long as this lives, no other process of this machine gets the same.
#[derive(Debug)]
pub struct Replica {
    /// The machine's or pod's name; with the process' number behind it where another process of this machine has the plain one.
    pub name: String,
    _lock: Option<File>,
}

impl Replica {
    /// The plain name goes to who locks the file `lock` first. It is the same after a restart, so that a process that was killed finds its
    /// leases still its own; any other one has to wait until they run out.
    pub fn new(lock: &Path) -> Self {
        let host = host();
        let file = File::options().create(true).append(true).open(lock).ok();
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
    fn two_at_once_are_two_and_one_after_the_other_is_one() {
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
