//! Checks of the cluster itself: is Chaos Mesh installed and readable, and are the permissions wider than needed?

use automap_kubernetes::rights::{Right, review};
use automap_kubernetes::{Cluster, ClusterError, experiments};

use super::findings::{Finding, State, finding, names};

/// Findings about a cluster; one that does not answer is a finding too.
pub(super) fn findings(cluster: Result<&Cluster, &ClusterError>, namespace: &str) -> Vec<Finding> {
    let reached = cluster.map_err(ToString::to_string).and_then(|c| match c.version() {
        Ok(version) => Ok((c, version)),
        Err(error) => Err(error.to_string()),
    });
    match reached {
        Err(problem) => vec![finding("cluster", State::Bad, problem, "")],
        Ok((cluster, version)) => {
            let mut all = vec![finding("cluster", State::Ok, format!("{} ({version})", cluster.server()), "")];
            all.push(chaos_mesh(cluster, namespace));
            all.extend(rights(cluster, namespace));
            all
        }
    }
}

fn chaos_mesh(cluster: &Cluster, namespace: &str) -> Finding {
    let check = "chaos_mesh";
    let (mut missing, mut forbidden, mut there) = (Vec::new(), Vec::new(), 0_usize);
    for resource in experiments() {
        match cluster.list(resource, namespace) {
            Ok(_) => there += 1,
            Err(ClusterError::Missing { .. }) => missing.push(resource.kind),
            Err(ClusterError::Forbidden { .. }) => forbidden.push(resource.kind),
            Err(error) => return finding(check, State::Bad, error.to_string(), ""),
        }
    }
    if there == 0 && forbidden.is_empty() {
        let fix = "install it (deploy/README.md), or list faults in a file: `automap chaos score --labels FILE`";
        return finding(check, State::Weak, "Chaos Mesh is not installed: none of its kinds exists".into(), fix);
    }
    if !forbidden.is_empty() {
        let found = format!("no permission to read experiments: {}", names(&forbidden));
        return finding(
            check,
            State::Bad,
            found,
            "kubectl apply -f deploy/chaos-mesh/viewer.yaml, and use its account",
        );
    }
    if !missing.is_empty() {
        let found = format!("{there} kinds can be read; not in this version: {}", names(&missing));
        return finding(check, State::Ok, found, "");
    }
    finding(check, State::Ok, format!("all {there} kinds can be read"), "")
}

fn rights(cluster: &Cluster, namespace: &str) -> Vec<Finding> {
    let check = "rights";
    let rights = match review(cluster, namespace) {
        Ok(rights) => rights,
        Err(error) => return vec![finding(check, State::Weak, error.to_string(), "")],
    };
    let describe = |right: &Right| format!("{} {}", right.verb, right.resource);
    let missing: Vec<String> = rights.missing().map(describe).collect();
    let wide: Vec<String> = rights.too_wide().map(describe).collect();
    let names = |all: &[String]| names(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let mut all = Vec::new();
    if !missing.is_empty() {
        let fix = "kubectl apply -f deploy/chaos-mesh/viewer.yaml gives what `automap chaos record` needs";
        all.push(finding(check, State::Weak, format!("too narrow for a ledger: cannot {}", names(&missing)), fix));
    }
    if !wide.is_empty() {
        let fix = "reading is enough except for `automap drill`: use the account of deploy/chaos-mesh/viewer.yaml";
        all.push(finding(check, State::Weak, format!("wider than needed: can {}", names(&wide)), fix));
    }
    if all.is_empty() {
        all.push(finding(check, State::Ok, "exactly the permissions that are needed".into(), ""));
    }
    all
}
