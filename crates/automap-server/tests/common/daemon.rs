//! A daemon as a separate process, for tests that kill it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use automap_core::incident::Incident;
use automap_server::config::Config;
use automap_server::daemon::{Daemon, Listener};
use automap_server::replica::Replica;
use automap_server::store::Store;
use automap_server::watcher::Stop;

/// Watches and serves according to its configuration until it is killed, or until a file `stop` exists in the folder.
pub(crate) fn run(config: &Config, store: &Arc<dyn Store>, replica: Replica, folder: &Path) {
    let stop = Stop::default();
    let listener: Listener = Arc::new(|_: &Incident| {});
    let mut daemon = Daemon::start(config, store, replica, &stop, &listener).unwrap();
    daemon.serve(config).unwrap();
    while !folder.join("stop").exists() {
        std::thread::sleep(Duration::from_millis(50));
    }
    stop.set();
    daemon.join().unwrap();
}
