//! Ctrl-C and SIGTERM end a long-running command: what is under way is finished first, and a second signal ends the process at once.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use crate::stop::Stop;

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
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if stop.is_set() {
                    std::process::exit(130);
                }
                stop.set();
            }
        });
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait).map(|_| ())
}
