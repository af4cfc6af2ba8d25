//! Where programs that are not ours are: in the `PATH`, and in the folders outside the `PATH` where Debian installs some of them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are searched after the `PATH`.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

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

    /// Only this folder.
    #[cfg(test)]
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folders: vec![folder.to_owned()] }
    }

    /// The first existing program with one of these names, in order of preference.
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
    fn the_newest_postgresql_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        for version in ["9", "17", "15"] {
            fs::create_dir(dir.path().join(version)).unwrap();
        }
        assert_eq!(postgresql_folders(dir.path()).first(), Some(&dir.path().join("17/bin")));
    }
}
