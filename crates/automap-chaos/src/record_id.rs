//! What the id of a record names: a pod, one of its containers, or a machine.
//!
//! Chaos Mesh writes `namespace/pod` and `namespace/pod/container` for targets in the cluster, an address (`http://10.0.0.7:31760`) for a physical
//! machine, and a JSON object for a cloud instance. Only the first two may be split at slashes. Which services ran on a machine is unknown here.

use crate::entry::Target;
use crate::kinds;
use crate::pods::Pods;
use crate::records::Span;

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordId<'a> {
    /// A pod, and the container if the fault hits a single one.
    Pod { namespace: &'a str, pod: &'a str, container: Option<&'a str> },
    /// Anything else, as written.
    Machine(&'a str),
}

impl<'a> RecordId<'a> {
    /// Parses the id of a record of an experiment of this kind.
    pub(crate) fn parse(kind: &str, id: &'a str) -> Self {
        let mut parts = id.splitn(3, '/');
        let (namespace, pod, container) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let is_name = |text: &str| {
            let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
            !text.is_empty() && text.chars().all(is_allowed)
        };
        match pod {
            Some(pod) if !kinds::hits_machines(kind) && is_name(namespace) && is_name(pod) => {
                Self::Pod { namespace, pod, container: container.filter(|c| !c.is_empty()) }
            }
            _ => Self::Machine(id),
        }
    }

    /// The service of the pod, and whether that is certain; neither for a machine.
    pub(crate) fn service(self, pods: &Pods) -> (Option<String>, bool) {
        match self {
            Self::Pod { namespace, pod, .. } => pods.workload(namespace, pod),
            Self::Machine(_) => (None, false),
        }
    }

    /// The target during this time.
    pub(crate) fn target(self, span: Span, pods: &Pods) -> Target {
        let target = Target {
            namespace: String::new(),
            pod: String::new(),
            container: None,
            address: None,
            service: self.service(pods).0,
            from: Some(span.from),
            to: span.to,
        };
        match self {
            Self::Pod { namespace, pod, container } => Target {
                namespace: namespace.to_owned(),
                pod: pod.to_owned(),
                container: container.map(ToOwned::to_owned),
                ..target
            },
            Self::Machine(id) => Target { address: Some(id.to_owned()), ..target },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pods_are_split_at_slashes() {
        let pod = |container| RecordId::Pod { namespace: "shop", pod: "a-0", container };
        assert_eq!(RecordId::parse("StressChaos", "shop/a-0/app"), pod(Some("app")));
        assert_eq!(RecordId::parse("NetworkChaos", "shop/a-0"), pod(None));
        for (kind, id) in [
            ("PhysicalMachineChaos", "http://10.0.0.7:31760"),
            ("PhysicalMachineChaos", "https://node-7.example.com:31768/agent"),
            ("PhysicalMachineChaos", "10.0.0.7:31760"),
            ("PhysicalMachineChaos", "lab/node-7"),
            ("AWSChaos", r#"{"ec2Instance":"i-0/1","awsRegion":"eu-west-1"}"#),
            ("NetworkChaos", "tcp://db.example.com:3306"),
            ("PodChaos", "shop"),
        ] {
            assert_eq!(RecordId::parse(kind, id), RecordId::Machine(id), "{kind} {id}");
        }
    }
}
