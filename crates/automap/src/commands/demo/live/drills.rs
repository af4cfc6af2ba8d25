//! Lets the demo's page inject faults into its shop: the single faults of the built-in drill.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use automap_lab::chaos;
use automap_lab::control::{Lab, LabError};
use automap_server::system::{Drill, DrillInPlace, DrillStage};

use crate::commands::drill::plan::PLAN;
use crate::episode::Fault;

/// The label by which the manifests select a service.
const SERVICE_LABEL: &str = "name";

/// A running lab, and what may be injected into it.
#[derive(Debug)]
pub(super) struct ShopDrills {
    dir: PathBuf,
    drills: Vec<Drill>,
    /// Held during an injection, so that two requests inject only one.
    turn: Mutex<()>,
}

impl ShopDrills {
    /// For the lab in `dir`.
    pub(super) fn new(dir: &Path) -> Self {
        let drills = PLAN.iter().filter_map(|drill| drill.fault().map(|fault| offered(drill.name, &fault))).collect();
        Self { dir: dir.to_owned(), drills, turn: Mutex::default() }
    }

    fn lab(&self) -> Result<Lab, String> {
        Lab::attach(&self.dir).map_err(words)
    }
}

impl DrillStage for ShopDrills {
    fn place(&self) -> &str {
        "the shop of this demo"
    }

    fn drills(&self) -> &[Drill] {
        &self.drills
    }

    fn in_place(&self) -> Result<Vec<DrillInPlace>, String> {
        let faults = self.lab()?.status().map_err(words)?.faults;
        let one = |fault: automap_lab::control::protocol::FaultStatus| DrillInPlace {
            name: fault.experiment,
            fault: fault.what,
            places: fault.services,
            left_s: fault.left_s.map(|seconds| seconds as f64),
        };
        Ok(faults.into_iter().map(one).collect())
    }

    fn start(&self, drill: &Drill) -> Result<(), String> {
        let fault = PLAN.iter().find(|known| known.name == drill.name).and_then(|known| known.fault());
        let fault = fault.ok_or_else(|| format!("{} is not among the faults of the built-in drill", drill.name))?;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let lab = self.lab()?;
        if let Some(other) = lab.status().map_err(words)?.faults.first() {
            return Err(format!("{} is still in place", other.experiment));
        }
        lab.inject_yaml(&fault.name, &fault.yaml).map(|_| ()).map_err(words)
    }

    fn end(&self) -> Result<(), String> {
        self.lab()?.recover().map(|_| ()).map_err(words)
    }
}

/// Name and actions of a fault, from its manifest; only the name if that cannot be read.
fn offered(name: &str, fault: &Fault) -> Drill {
    let experiments = chaos::parse(&fault.name, &fault.yaml).unwrap_or_default();
    let labels = experiments.iter().flat_map(|e| &e.selector.labels);
    Drill {
        name: name.to_owned(),
        fault: experiments.iter().map(|e| format!("{} {}", e.kind, e.action)).collect::<Vec<_>>().join(", "),
        places: labels.filter(|(key, _)| key == SERVICE_LABEL).map(|(_, service)| service.clone()).collect(),
        lasts_s: experiments.iter().filter_map(|e| e.duration).max().map(|lasts| lasts.as_secs_f64()),
    }
}

fn words(error: LabError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_that_is_offered_says_what_it_breaks() {
        let shop = ShopDrills::new(Path::new("/nowhere"));
        assert!(shop.drills().len() > 10);
        for drill in shop.drills() {
            assert!(!drill.fault.is_empty() && drill.places.len() == 1, "{drill:?}");
            assert_eq!(drill.lasts_s.is_none(), drill.name.starts_with("kill-"), "{drill:?}");
        }
        let error = shop.start(&shop.drills()[0]).unwrap_err();
        assert!(error.contains("/nowhere"), "{error}");
    }
}
