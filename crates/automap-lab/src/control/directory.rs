//! The files in a lab's directory, and whether a lab runs there.
//!
//! A lock file decides that: the kernel releases the lock when its holder ends, so an outdated address file cannot mislead anyone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::Ports;

/// The address of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorAddress {
    /// Process id of the supervisor.
    pub supervisor_pid: u32,
    /// First port.
    pub base_port: u16,
}

impl SupervisorAddress {
    pub(crate) fn of_this_process(ports: Ports) -> Self {
        Self { supervisor_pid: std::process::id(), base_port: ports.base }
    }

    /// The lab's ports.
    pub fn ports(&self) -> Ports {
        Ports { base: self.base_port }
    }
}

/// The default directory of a lab: `$XDG_STATE_HOME/automap/lab`, else `~/.local/state/automap/lab`.
pub fn default_dir() -> PathBuf {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local/state"));
    let base = absolute("XDG_STATE_HOME").or_else(home).unwrap_or_else(std::env::temp_dir);
    base.join("automap/lab")
}

/// Path of the lab's ledger.
pub fn ledger_path(dir: &Path) -> PathBuf {
    dir.join("ledger.jsonl")
}

/// Path of the supervisor's own log. Its processes have logs of their own in the same directory.
pub fn supervisor_log_path(dir: &Path) -> PathBuf {
    dir.join("supervisor.log")
}

pub(crate) fn state_path(dir: &Path) -> PathBuf {
    dir.join("state.json")
}

pub(crate) fn logs_path(dir: &Path) -> PathBuf {
    dir.join("logs")
}

pub(crate) fn data_path(dir: &Path) -> PathBuf {
    dir.join("data")
}

/// Path of the directory with the side-cars' certificates and configurations, if they are real Envoys.
pub(crate) fn mesh_path(dir: &Path) -> PathBuf {
    dir.join("mesh")
}

/// Path of the file with the addresses of each service's ready pods.
pub fn endpoints_path(dir: &Path) -> PathBuf {
    dir.join("endpoints.json")
}

pub(crate) fn prometheus_path(dir: &Path) -> PathBuf {
    dir.join("prometheus")
}

fn lock_path(dir: &Path) -> PathBuf {
    dir.join("lock")
}

/// Deletes everything that a stopped lab left in `dir`: metrics, logs, stores, ledger. The directory itself is deleted too unless it contains other
/// files, which are never touched. A directory that does not exist is no error.
///
/// # Errors
/// When a lab runs there, or a file cannot be deleted.
pub fn purge(dir: &Path) -> io::Result<()> {
    if !dir.is_dir() {
        return Ok(());
    }
    let Some(_lock) = try_lock(dir)? else {
        return Err(io::Error::other("a lab runs here; stop it first with `automap lab down`"));
    };
    for path in [prometheus_path(dir), logs_path(dir), data_path(dir), mesh_path(dir)] {
        remove_if_there(&path)?;
    }
    for path in [ledger_path(dir), supervisor_log_path(dir), state_path(dir), endpoints_path(dir), lock_path(dir)] {
        ignore_missing(fs::remove_file(path))?;
    }
    match fs::remove_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => ignore_missing(removed),
    }
}

/// Deletes a directory with its content, if it exists.
pub(crate) fn remove_if_there(dir: &Path) -> io::Result<()> {
    ignore_missing(fs::remove_dir_all(dir))
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

pub(crate) fn write(dir: &Path, address: &SupervisorAddress) -> io::Result<()> {
    fs::write(state_path(dir), serde_json::to_string(address)?)
}

/// The address of the lab that runs in `dir`; `None` if none does, whatever files an earlier one left.
///
/// # Errors
/// When the directory exists but cannot be read, or the lab has not written its state yet.
pub fn running(dir: &Path) -> io::Result<Option<SupervisorAddress>> {
    if !dir.is_dir() || try_lock(dir)?.is_some() {
        return Ok(None);
    }
    let text = fs::read_to_string(state_path(dir))?;
    Ok(Some(serde_json::from_str(&text)?))
}

/// Takes the directory's lock, which is held while the file is open. `None`: another process holds it.
pub(crate) fn try_lock(dir: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(lock_path(dir))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outdated_address_file_does_not_make_a_running_lab() -> io::Result<()> {
        let temporary = tempfile::tempdir()?;
        let dir = temporary.path();
        let address = SupervisorAddress { supervisor_pid: 1, base_port: 21000 };
        write(dir, &address)?;
        let stale = running(dir)?;
        let held = try_lock(dir)?;
        let live = running(dir)?;
        drop(held);
        assert_eq!((stale, live), (None, Some(address)));
        Ok(())
    }
}
