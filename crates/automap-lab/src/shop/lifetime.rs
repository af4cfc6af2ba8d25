//! Ties a process to its parent, so that no process of the shop outlives the supervisor.

use std::io;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use super::ShopError;

/// Exit status when the supervisor was gone before this process could tie itself to it.
const EXIT_ORPHANED: i32 = 3;

/// Asks the kernel to kill this process when its parent ends, and exits at once if the parent has ended already.
///
/// Call it first in a child process, never in a process that a user started by hand. The kernel watches the *thread* that spawned the child: spawn
/// from one that lives as long as the supervisor.
///
/// # Errors
/// Only if the kernel refuses the request.
pub fn die_with_parent() -> Result<(), ShopError> {
    let before = getppid();
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| ShopError::Start { what: "the tie to the supervisor", source: io::Error::from(errno) })?;
    let after = getppid();
    if before != after || adopted_by_init(after) {
        std::process::exit(EXIT_ORPHANED);
    }
    Ok(())
}

/// Whether the parent is PID 1 and not a supervisor that runs as PID 1 of a container (then it runs our own binary).
fn adopted_by_init(parent: Option<Pid>) -> bool {
    parent.is_none_or(Pid::is_init) && std::fs::read_link("/proc/1/exe").ok() != std::env::current_exe().ok()
}
