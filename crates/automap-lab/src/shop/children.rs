//! The child processes of a process of the shop, programs that are not ours. They end with this process, however it ends.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::geteuid;

/// How often to check whether one has ended.
const LOOK: Duration = Duration::from_millis(500);
/// `nobody`, for programs that refuse to run as root.
pub(crate) const NOBODY: u32 = 65_534;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Children {
    all: Vec<(String, Child)>,
}

impl Children {
    /// Starts one.
    pub(crate) fn start(&mut self, command: &mut Command) -> io::Result<()> {
        let name = words(command);
        let child =
            command.stdin(Stdio::null()).spawn().map_err(|e| io::Error::new(e.kind(), format!("{name}: {e}")))?;
        self.all.push((name, child));
        Ok(())
    }

    /// The first that has ended, and how.
    pub(crate) fn first_ended(&mut self) -> Option<io::Error> {
        self.all.iter_mut().find_map(|(name, child)| match child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(io::Error::other(format!("{name} ended: {status}"))),
            Err(e) => Some(e),
        })
    }

    /// Waits until one has ended.
    pub(crate) async fn ended(&mut self) -> io::Error {
        loop {
            if let Some(ended) = self.first_ended() {
                return ended;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// A program that is killed when this process ends.
pub(crate) fn tied(program: &Path) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["lab-process", "guard", "--"]).arg(program);
    Ok(command)
}

/// The same as `nobody` if this process is root. Changing the user breaks the tie, so it is made after that.
pub(crate) fn tied_as_nobody(program: &Path) -> io::Result<Command> {
    if geteuid().is_root() { Ok(setpriv(&["--pdeathsig", "KILL"], program)) } else { tied(program) }
}

/// A program that runs as `nobody` if this process is root.
pub(crate) fn as_nobody(program: &Path) -> Command {
    if geteuid().is_root() { setpriv(&[], program) } else { Command::new(program) }
}

fn setpriv(options: &[&str], program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]);
    command.args(options).arg("--").arg(program);
    command
}

/// Runs a program to completion.
pub(crate) fn run(command: &mut Command) -> io::Result<()> {
    let name = words(command);
    let output = command.stdin(Stdio::null()).output().map_err(|e| io::Error::new(e.kind(), format!("{name}: {e}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).lines().rev().take(5).collect::<Vec<_>>().join(" | ");
    Err(io::Error::other(format!("{name} failed ({}): {said}", output.status)))
}

/// The name of the started program, without the guard.
fn words(command: &Command) -> String {
    let mut args = command.get_args().skip_while(|arg| *arg != "--").skip(1);
    args.next().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}
