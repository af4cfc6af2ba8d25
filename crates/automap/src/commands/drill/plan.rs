//! What is drilled: kinds of faults by services, and quiet windows. Every
//! kind that the lab can do, at middles, leaves and stores; the YAML files are those in `automap-lab/faults`.

use crate::episode::Fault;

/// One drill.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drill {
    /// Its name, that of the file.
    pub(crate) name: &'static str,
    /// The Chaos Mesh manifest; `None`: a quiet window.
    yaml: Option<&'static str>,
}

impl Drill {
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.yaml.map(|yaml| Fault { name: format!("{}.yaml", self.name), yaml: yaml.to_owned() })
    }
}

macro_rules! fault {
    ($name:literal) => {
        Drill { name: $name, yaml: Some(include_str!(concat!("../../../../automap-lab/faults/", $name, ".yaml"))) }
    };
}

const fn quiet(name: &'static str) -> Drill {
    Drill { name, yaml: None }
}

/// All drills in order.
pub(crate) const PLAN: [Drill; 17] = [
    quiet("quiet-1"),
    fault!("delay-payment"),
    fault!("cpu-catalogue"),
    fault!("loss-user"),
    fault!("memory-carts"),
    fault!("kill-pod-shipping"),
    fault!("partition-carts"),
    quiet("quiet-2"),
    fault!("kill-container-orders"),
    fault!("http-abort-catalogue"),
    fault!("io-latency-catalogue-db"),
    fault!("fail-pod-user"),
    fault!("bandwidth-catalogue"),
    fault!("http-delay-payment"),
    fault!("cpu-carts-db"),
    fault!("delay-orders"),
    quiet("quiet-3"),
];
