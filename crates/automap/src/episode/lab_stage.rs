//! Injects faults into the lab.

use std::time::Duration;

use anyhow::{Context, Result};
use automap_chaos::Entry;
use automap_lab::chaos;
use automap_lab::control::Lab;
use automap_lab::plan::NAMESPACE;
use automap_sources::prometheus::{Client, ClientOptions};

use super::{Fault, Stage};

/// Longest time for a lab to recover from a fault.
const RECOVER_WITHIN: Duration = Duration::from_secs(120);

/// A running lab.
#[derive(Debug)]
pub(crate) struct LabStage<'a>(pub(crate) &'a Lab);

impl Stage for LabStage<'_> {
    fn client(&self) -> Result<Client> {
        let url = self.0.prometheus_url()?.context("this lab runs without Prometheus")?;
        Ok(Client::new(ClientOptions::new(url))?)
    }

    fn namespace(&self) -> &str {
        NAMESPACE
    }

    fn check(&self, fault: &Fault) -> Result<(), String> {
        chaos::parse(&fault.name, &fault.yaml).map(|_| ()).map_err(|e| e.to_string())
    }

    fn wait_calm(&self) -> Result<()> {
        Ok(self.0.wait_recovered(RECOVER_WITHIN)?)
    }

    fn inject(&self, fault: &Fault) -> Result<Vec<Entry>> {
        Ok(self.0.inject_yaml(&fault.name, &fault.yaml)?.iter().map(|i| i.to_entry(NAMESPACE)).collect())
    }

    fn recover(&self) -> Result<()> {
        self.0.recover()?;
        Ok(())
    }

    fn latest(&self, injected: Vec<Entry>) -> Result<Vec<Entry>> {
        self.wait_calm()?;
        let all = self.0.ledger()?;
        let is_ours = |id: &String| injected.iter().any(|e| e.experiment == *id);
        Ok(all.iter().filter(|i| is_ours(&i.id)).map(|i| i.to_entry(NAMESPACE)).collect())
    }
}
