//! Names that meshes, sidecars and collectors write in place of a service's name. They are never a root cause.

use crate::prometheus::OUTSIDE;

/// Sidecars, pause containers and words for "unknown".
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
/// The suffix of a second Kubernetes service in front of a service, for external traffic.
const EXTERNAL: &str = "-external";

/// Whether a name is not a service, given all names of a table.
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
