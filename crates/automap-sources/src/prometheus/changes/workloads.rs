//! Which service a change concerns: the workload of a pod, a set or a job, by its name in the frame; for configuration, by the beginning of its name.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::time::Timestamp;

use crate::prometheus::pods::{self, Owners};

/// Pods, sets and jobs → services.
#[derive(Debug)]
pub(super) struct Workloads<'a> {
    pub(super) owners: &'a Owners,
    /// The services of the frame.
    pub(super) services: BTreeSet<&'a str>,
}

impl Workloads<'_> {
    /// A workload by its name in the frame. Flagger's canary `carts` is served by `carts-primary`.
    pub(super) fn service(&self, workload: &str) -> String {
        let primary = format!("{workload}-primary");
        match self.services.contains(workload) || !self.services.contains(primary.as_str()) {
            true => workload.to_owned(),
            false => primary,
        }
    }

    /// The service of a pod.
    pub(super) fn of_pod(&self, pod: &str) -> String {
        self.service(self.owners.workload(pod))
    }

    /// Creation times of an owner's pods, whose names begin with its own; those of `db-backup` do not belong to `db`.
    pub(super) fn created_pods<'a>(
        &'a self,
        pods: &'a BTreeMap<String, Timestamp>,
        owner: &str,
        workload: &'a str,
    ) -> impl Iterator<Item = Timestamp> + 'a {
        let prefix = format!("{owner}-");
        let ours = pods.range(prefix.clone()..).take_while(move |(pod, _)| pod.starts_with(&prefix));
        ours.filter(move |(pod, _)| self.owners.workload(pod) == workload).map(|(_, created)| *created)
    }

    /// The workload of a replica set; the own name for others.
    pub(super) fn of_owner<'a>(&'a self, kind: &str, name: &'a str) -> &'a str {
        match kind {
            "ReplicaSet" => self.owners.of_replica_set(name),
            "Job" => pods::of_job(name),
            _ => name,
        }
    }

    /// The service of a job; all jobs of a cron job are one.
    pub(super) fn of_job(&self, job: &str) -> String {
        self.service(pods::of_job(job))
    }

    /// Whether a pod runs a job.
    pub(super) fn is_of_job(&self, pod: &str) -> bool {
        self.owners.is_of_job(pod)
    }

    /// The same for an object of a namespace. With several namespaces, `flux-system` may deploy to any of them, so the service must be the only one
    /// of its name.
    pub(super) fn by_prefix_in(&self, namespace: &str, name: &str) -> Option<String> {
        if self.services.iter().any(|service| !service.contains('/')) {
            return self.by_prefix(name);
        }
        let here = self.by_prefix(&format!("{namespace}/{name}"));
        here.or_else(|| {
            let places: BTreeSet<&str> = self.services.iter().filter_map(|s| Some(s.rsplit_once('/')?.0)).collect();
            let mut found = places.iter().filter_map(|place| self.by_prefix(&format!("{place}/{name}")));
            found.next().filter(|_| found.next().is_none())
        })
    }

    /// The service that a name belongs to: the longest one that it begins with; `orders-settings` belongs to `orders`.
    pub(super) fn by_prefix(&self, name: &str) -> Option<String> {
        let belongs = |service: &&&str| {
            name.strip_prefix(**service).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_']))
        };
        let longest = self.services.iter().filter(belongs).max_by_key(|service| service.len());
        longest.map(|service| (*service).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_belongs_to_the_longest_name_that_it_begins_with() {
        let owners = Owners::default();
        let workloads =
            Workloads { owners: &owners, services: BTreeSet::from(["orders", "orders-db", "cart-primary"]) };
        for (name, service) in [
            ("orders-settings", Some("orders")),
            ("orders", Some("orders")),
            ("orders-db.conf", Some("orders-db")),
            ("ordersettings", None),
            ("kube-root-ca.crt", None),
        ] {
            assert_eq!(workloads.by_prefix(name).as_deref(), service, "{name}");
        }
        let of_several =
            Workloads { owners: &owners, services: BTreeSet::from(["shop/orders", "bank/orders", "bank/api"]) };
        for (namespace, name, service) in [
            ("shop", "orders-app", Some("shop/orders")),
            ("flux-system", "orders", None),
            ("flux-system", "api-live", Some("bank/api")),
        ] {
            assert_eq!(of_several.by_prefix_in(namespace, name).as_deref(), service, "{namespace} {name}");
        }
        assert_eq!(workloads.by_prefix_in("bank", "orders").as_deref(), Some("orders"), "one namespace");
        assert_eq!(workloads.of_pod("orders-5d4f8c7b9-x2x4z"), "orders");
        assert_eq!(workloads.of_job("backup-29012345"), "backup");
        assert_eq!(workloads.service("cart"), "cart-primary", "the name that the frame has");
        assert_eq!(workloads.service("unknown"), "unknown");
    }
}
