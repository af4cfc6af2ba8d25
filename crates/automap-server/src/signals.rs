//! Ctrl-C and SIGTERM end a long-running command: work in progress is finished first, within limits, and a second signal ends the process at once.
//! After [`LIMIT`] the process ends in any case, whatever its threads wait for: a supervisor would kill it soon after.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::stop::Stop;

/// The process ends at most this long after the first signal.
pub const LIMIT: Duration = Duration::from_millis(9_500);
/// Exit code of a process that did not end by itself in time.
const LATE: i32 = 1;
/// Exit code after a second signal: that of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Sets the stop when the process is asked to end. A second signal ends it at once, as users expect.
///
/// # Errors
/// When signals cannot be watched.
pub fn stop_on_signals(stop: &Stop) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let stop = stop.clone();
    let wait = move || {
        let code = runtime.block_on(async {
            let mut next = async || {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            };
            next().await;
            stop.set();
            tokio::select! {
                () = next() => INTERRUPTED,
                () = tokio::time::sleep(LIMIT) => LATE,
            }
        });
        // No log line here: the process may be waiting for the reader of the log.
        std::process::exit(code);
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait).map(|_| ())
}
