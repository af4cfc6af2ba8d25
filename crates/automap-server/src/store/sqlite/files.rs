//! Who may read the file. It holds the names of services and their problems, so only its owner may: it is created with mode 0600, which SQLite gives
//! its `-wal` and `-shm` as well. A file with a wider mode is narrowed, unless it is group-writable: that is intentional.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// For the owner.
const PRIVATE: u32 = 0o600;
const GROUP_MAY_WRITE: u32 = 0o020;
const OTHERS: u32 = 0o007;
const GROUP_AND_OTHERS: u32 = 0o077;

/// Makes the file where there is none, and narrows the modes of what is there.
///
/// # Errors
/// When the file cannot be made. A mode that cannot be changed (the file is another user's) stays as it is.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path) {
        Ok(_) => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e),
    }
    // By path: closing a file that this process has open elsewhere would release its locks.
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        let Ok(found) = fs::metadata(&file) else { continue };
        let mode = found.permissions().mode() & 0o7777;
        let narrow = if mode & GROUP_MAY_WRITE == 0 { mode & !GROUP_AND_OTHERS } else { mode & !OTHERS };
        if found.is_file() && narrow != mode {
            let _ = fs::set_permissions(&file, fs::Permissions::from_mode(narrow));
        }
    }
    Ok(())
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
