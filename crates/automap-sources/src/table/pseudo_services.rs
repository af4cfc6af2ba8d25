//! Names that meshes, side-cars and collectors put where a service's name should be. Nothing can be wrong with them, and nobody can mend them.

use crate::prometheus::OUTSIDE;

/// Side-cars, pause containers and words for "not known".
const OTHERS: [&str; 12] = [
    "istio-proxy",
    "istio-init",
    "istio-validation",
    "linkerd-proxy",
    "linkerd-init",
    "envoy-sidecar",
    "POD",
    "pause",
    "unknown",
    "<unknown>",
    "undefined",
    "main",
];
/// The end of a second Kubernetes service in front of a service, for traffic from outside.
const EXTERNAL: &str = "-external";

/// Whether a name is no service, among all names of a table.
pub(super) fn is_pseudo(name: &str, services: &[String]) -> bool {
    let of_another = || name.strip_suffix(EXTERNAL).is_some_and(|base| services.iter().any(|s| s == base));
    OUTSIDE.contains(&name) || OTHERS.contains(&name) || of_another()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_no_service_are_left_out() {
        let services = vec!["frontend".to_owned()];
        for name in ["PassthroughCluster", "BlackHoleCluster", "istio-proxy", "unknown", "main", "frontend-external"] {
            assert!(is_pseudo(name, &services), "{name}");
        }
        for name in ["frontend", "maintenance", "orders-external", "unknown-service", "proxy"] {
            assert!(!is_pseudo(name, &services), "{name}");
        }
    }
}
