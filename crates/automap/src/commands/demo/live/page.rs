//! The web interface of a live demo: the shop is watched from its first minute, so that viewers see the incident open and close.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::Result;
use automap_chaos::Entry;
use automap_core::time::Interval;
use automap_lab::control::directory::ledger_path;
use automap_lab::ledger;
use automap_lab::plan::NAMESPACE;
use automap_server::config::Config;
use automap_server::daemon::{Daemon, Listener};
use automap_server::replica::Replica;
use automap_server::stop::Stop;
use automap_server::store::Store;
use automap_server::store::memory::MemoryStore;
use automap_server::system::{Experiment, ExperimentSource};

use super::drills::ShopDrills;
use crate::console::say;
use crate::experiments;

/// A watcher of the shop, and its page on this machine. Nothing of it is kept.
pub(super) struct Page {
    daemon: Daemon,
    address: SocketAddr,
    /// Holds the lock that a replica takes.
    _folder: tempfile::TempDir,
}

impl Page {
    /// Starts to watch the shop that this Prometheus scrapes; `lab` is the lab's directory.
    pub(super) fn start(prometheus: &str, lab: &Path) -> Result<Self> {
        // Short enough to learn what is normal, and to open and close an incident, within a demo.
        let yaml = format!(
            "targets: [{{ name: demo, namespace: {NAMESPACE}, every: 2s, prometheus: {{ url: '{prometheus}' }} }}]
watching: {{ learn: 40s, confirm: 10s, confirm_critical: 10s, recover: 30s }}
api: {{ listen: '127.0.0.1:0' }}
"
        );
        let config = Config::parse(&yaml, Path::new("the demo's own configuration"))?;
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let folder = tempfile::Builder::new().prefix("automap-demo-page-").tempdir()?;
        let replica = Replica::new(&folder.path().join("lock"));
        let listener: Listener = Arc::new(|_| {});
        let mut daemon = Daemon::start(&config, &store, replica, &Stop::default(), &listener)?;
        daemon.system.show_experiments(Box::new(LabLedger(ledger_path(lab))));
        match daemon.serve(&config) {
            Ok(address) => Ok(Self { daemon, address, _folder: folder }),
            Err(error) => {
                daemon.stop();
                let _ = daemon.join();
                Err(error.into())
            }
        }
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Lets the page inject faults into the shop, whose lab is in this directory.
    pub(super) fn allow_drills(&self, lab: &Path) {
        self.daemon.system.allow_drills(Box::new(ShopDrills::new(lab)));
    }

    /// Opens it in the browser of this desktop; says so if there is none.
    pub(super) fn open(&self) {
        let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        let begun = Command::new(opener)
            .arg(self.url())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Err(error) = begun {
            say(&format!("no browser could be opened ({opener}: {error}); open {} in one", self.url()));
        }
    }

    /// Stops the watcher and the page.
    pub(super) fn end(self) -> Result<()> {
        self.daemon.stop();
        Ok(self.daemon.join()?)
    }
}

/// What the lab injected, read again for every request.
#[derive(Debug)]
struct LabLedger(PathBuf);

impl ExperimentSource for LabLedger {
    fn during(&self, period: Interval) -> Result<Vec<Experiment>, String> {
        let injected = if self.0.exists() { ledger::read(&self.0).map_err(|e| e.to_string())? } else { Vec::new() };
        let entries: Vec<Entry> = injected.iter().map(|i| i.to_entry(NAMESPACE)).collect();
        Ok(experiments::during(&entries, period))
    }
}
