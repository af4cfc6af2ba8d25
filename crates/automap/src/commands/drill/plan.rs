//! The built-in plans, made of the YAML files in `automap-lab/faults`.
//!
//! [`PLAN`] has every kind that the lab can do, at middles, leaves and stores, and quiet windows. [`PAIRS`] has two faults at once, of different kinds
//! and on different branches of the shop's calls, where neither keeps requests from the other. [`CHANGES`] has harmful and harmless
//! changes, alone and with a fault elsewhere, [`NODES`] problems of nodes, [`CAUSES`] one of every
//! kind of cause. Users' own files are not handled here.

use crate::episode::Fault;

/// One drill.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drill {
    /// Its name: that of the file, or `a+b` of two files.
    pub(crate) name: &'static str,
    /// The Chaos Mesh manifests, which are injected together; empty: a quiet window.
    manifests: &'static [&'static str],
}

impl Drill {
    /// All its manifests as one file.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let yaml = self.manifests.join("---\n");
        (!yaml.is_empty()).then(|| Fault { name: format!("{}.yaml", self.name), yaml })
    }
}

macro_rules! manifest {
    ($name:literal) => {
        include_str!(concat!("../../../../automap-lab/faults/", $name, ".yaml"))
    };
}

macro_rules! fault {
    ($name:literal) => {
        Drill { name: $name, manifests: &[manifest!($name)] }
    };
}

macro_rules! pair {
    ($one:literal, $other:literal) => {
        Drill { name: concat!($one, "+", $other), manifests: &[manifest!($one), manifest!($other)] }
    };
}

const fn quiet(name: &'static str) -> Drill {
    Drill { name, manifests: &[] }
}

/// One fault at a time, and quiet windows.
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

/// Two faults at once.
pub(crate) const PAIRS: [Drill; 10] = [
    pair!("delay-payment", "cpu-catalogue"),
    pair!("http-delay-carts", "loss-catalogue"),
    pair!("loss-user", "http-delay-payment"),
    pair!("bandwidth-catalogue", "http-delay-payment"),
    pair!("cpu-user", "http-delay-carts"),
    pair!("http-abort-catalogue", "delay-payment"),
    pair!("cpu-catalogue", "http-delay-carts"),
    pair!("fail-pod-user", "cpu-catalogue"),
    pair!("io-latency-catalogue-db", "http-delay-carts"),
    pair!("delay-payment", "cpu-carts"),
];

/// Harmful changes; and decoys, harmless changes and restarts, in quiet windows and with faults that no change has caused.
pub(crate) const CHANGES: [Drill; 18] = [
    quiet("quiet-1"),
    fault!("release-slow-catalogue"),
    fault!("release-harmless-user"),
    pair!("release-harmless-shipping", "delay-payment"),
    fault!("release-fail-user"),
    fault!("config-timeout-orders"),
    fault!("scale-carts"),
    pair!("restart-queue-master", "cpu-user"),
    fault!("release-leak-user"),
    fault!("config-harmless-payment"),
    fault!("config-page-size-catalogue"),
    pair!("scale-carts", "http-delay-payment"),
    fault!("release-slow-payment"),
    fault!("restart-queue-master"),
    pair!("release-harmless-catalogue", "http-delay-carts"),
    fault!("release-fail-orders"),
    fault!("autoscale-front-end"),
    fault!("release-slow-carts"),
];

/// Problems of a node, or of its other pods; and a cron job that its node has room for.
pub(crate) const NODES: [Drill; 8] = [
    quiet("quiet-1"),
    fault!("noisy-neighbour-3"),
    fault!("node-cpu-2"),
    fault!("cron-job-report"),
    fault!("node-disk-2"),
    pair!("cron-job-report", "http-delay-carts"),
    fault!("noisy-neighbour-1"),
    quiet("quiet-2"),
];

/// One of every kind of cause: 35 faults, some of them with a decoy elsewhere, and seven stretches in which nothing happens that users
/// feel. The order mixes kinds and branches of the shop.
pub(crate) const CAUSES: [Drill; 42] = [
    quiet("quiet-1"),
    fault!("release-slow-catalogue"),
    fault!("delay-payment"),
    fault!("lock-catalogue-db"),
    fault!("node-cpu-2"),
    fault!("release-fail-user"),
    fault!("release-harmless-user"),
    fault!("dns-slow"),
    fault!("config-page-size-catalogue"),
    fault!("noisy-neighbour-3"),
    fault!("connections-carts-db"),
    pair!("release-harmless-shipping", "cpu-catalogue"),
    fault!("release-leak-user"),
    fault!("certificate-gateway"),
    fault!("autoscale-front-end"),
    fault!("consumer-stopped-bounded"),
    fault!("loss-user"),
    fault!("node-memory-1"),
    fault!("release-slow-payment"),
    fault!("partition-carts"),
    fault!("restart-queue-master"),
    fault!("traffic-surge"),
    fault!("config-timeout-orders"),
    fault!("node-disk-2"),
    fault!("kill-pod-shipping"),
    pair!("cron-job-report", "http-abort-catalogue"),
    fault!("cron-job-report"),
    fault!("lock-carts-db"),
    fault!("memory-carts"),
    fault!("release-fail-orders"),
    fault!("noisy-neighbour-1"),
    fault!("fail-pod-user"),
    fault!("consumer-stopped"),
    pair!("scale-carts", "http-delay-payment"),
    fault!("bandwidth-catalogue"),
    fault!("connections-catalogue-db"),
    fault!("config-harmless-payment"),
    fault!("release-slow-carts"),
    fault!("kill-container-orders"),
    quiet("quiet-2"),
    pair!("restart-queue-master", "cpu-orders"),
    fault!("dns-fail"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use automap_chaos::injection::Role;
    use automap_chaos::kinds::mechanism;
    use automap_lab::chaos;

    use super::*;

    #[test]
    fn the_plans_of_changes_and_nodes_have_one_cause_at_most_and_decoys() {
        let (mut with_cause, mut with_decoy, mut decoys_alone) = (0, 0, 0);
        for fault in CHANGES.iter().chain(&NODES).filter_map(Drill::fault) {
            let all = chaos::parse(&fault.name, &fault.yaml).unwrap();
            let causes = all.iter().filter(|e| e.role == Role::Cause).count();
            let decoys = all.iter().filter(|e| e.role == Role::Decoy).count();
            assert_eq!(causes + decoys, all.len(), "{}", fault.name);
            assert!(causes <= 1, "{}", fault.name);
            with_cause += causes;
            with_decoy += usize::from(decoys > 0);
            decoys_alone += usize::from(causes == 0);
        }
        assert_eq!((with_cause, with_decoy, decoys_alone), (17, 11, 6));
    }

    #[test]
    fn the_plan_of_causes_has_one_of_everything() {
        let (mut mechanisms, mut faults, mut beside, mut quiet, mut decoys) = (BTreeSet::new(), 0, 0, 0, 0);
        for drill in &CAUSES {
            let Some(fault) = drill.fault() else {
                quiet += 1;
                continue;
            };
            let all = chaos::parse(&fault.name, &fault.yaml).unwrap();
            let causes: Vec<_> = all.iter().filter(|e| e.role == Role::Cause).collect();
            assert!(causes.len() <= 1, "{}", drill.name);
            mechanisms.extend(causes.iter().filter_map(|e| mechanism(e.kind, &e.action)));
            faults += causes.len();
            beside += usize::from(causes.len() == 1 && all.len() == 2);
            quiet += usize::from(causes.is_empty());
            decoys += usize::from(causes.is_empty());
        }
        assert_eq!((faults, beside, quiet, decoys), (35, 4, 7, 5));
        for wanted in [
            "release",
            "config",
            "node cpu",
            "node memory",
            "node disk",
            "noisy neighbour",
            "store locks",
            "store connections",
            "queue",
            "dns",
            "traffic",
            "certificate",
            "cpu",
            "memory",
            "network delay",
            "loss",
            "partition",
            "bandwidth",
            "crash",
            "outage",
            "slow code",
            "errors",
        ] {
            assert!(mechanisms.contains(wanted), "{wanted}: {mechanisms:?}");
        }
    }

    #[test]
    fn a_pair_is_two_faults_of_two_kinds_at_two_services() {
        for drill in PAIRS {
            let fault = drill.fault().unwrap();
            let both = chaos::parse(&fault.name, &fault.yaml).unwrap();
            let actions: BTreeSet<(&str, &str)> = both.iter().map(|e| (e.kind, e.action.as_str())).collect();
            let targets: BTreeSet<String> = both.iter().map(|e| e.spec["selector"].to_string()).collect();
            assert_eq!((both.len(), actions.len(), targets.len()), (2, 2, 2), "{}", drill.name);
        }
    }
}
