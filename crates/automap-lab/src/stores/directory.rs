//! Whether the databases can reach their files. PostgreSQL refuses to run as root, so a lab of root runs it as another user.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

/// A lab of root is in a directory that other users may not enter.
#[derive(Debug, thiserror::Error)]
#[error(
    "PostgreSQL does not run as root, and other users may not enter {}; run the lab as another user, or in a directory that is open to \
     others: --dir /var/tmp/lab", closed.display()
)]
pub struct ClosedDirectory {
    closed: PathBuf,
}

/// Fails for root if others may not enter `dir` or a directory above it.
///
/// # Errors
/// With the directory that is closed.
pub fn check_directory(dir: &Path) -> Result<(), ClosedDirectory> {
    match closed(dir).filter(|_| geteuid().is_root()) {
        Some(closed) => Err(ClosedDirectory { closed: closed.to_owned() }),
        None => Ok(()),
    }
}

/// The nearest directory that others may not enter.
fn closed(dir: &Path) -> Option<&Path> {
    dir.ancestors().find(|dir| fs::metadata(dir).is_ok_and(|m| m.permissions().mode() & 0o001 == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_directory_above_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (open, below) = (dir.path().join("open"), dir.path().join("open/lab"));
        fs::create_dir_all(&below).unwrap();
        for path in [dir.path(), &open, &below] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        assert_eq!(closed(&below), None);
        fs::set_permissions(&open, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(closed(&below), Some(open.as_path()));
    }
}
