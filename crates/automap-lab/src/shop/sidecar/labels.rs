//! The labels of one Istio series, and how they are written.

use std::fmt::Write as _;

use crate::plan::{NAMESPACE, proxied};

/// Which proxy reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reporter {
    /// The caller's.
    Source,
    /// The callee's.
    Destination,
}

/// What distinguishes one series from another within one side-car.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels<'a> {
    pub(super) reporter: Reporter,
    /// `None`: outside the mesh.
    pub(super) source: Option<&'static str>,
    /// The Service that was called.
    pub(super) destination: &'static str,
    /// Whether a pod behind the Service was reached; otherwise its workload is `unknown`.
    pub(super) reached: bool,
    /// HTTP status, 0 without a response; `None` for plain TCP.
    pub(super) response_code: Option<u16>,
    /// Envoy's response flags; `-` for none.
    pub(super) flags: &'a str,
}

impl Labels<'_> {
    /// The labels as they appear between braces, in the order of Istio's proxies.
    pub(super) fn text(&self) -> String {
        let mut out = String::with_capacity(900);
        let reporter = match self.reporter {
            Reporter::Source => "source",
            Reporter::Destination => "destination",
        };
        push(&mut out, "reporter", reporter);
        push_workload(&mut out, "source", self.source);
        push_workload(&mut out, "destination", self.reached.then_some(self.destination));
        push(&mut out, "destination_service", &format!("{}.{NAMESPACE}.svc.cluster.local", self.destination));
        push(&mut out, "destination_service_name", self.destination);
        push(&mut out, "destination_service_namespace", NAMESPACE);
        match self.response_code {
            Some(code) => {
                push(&mut out, "request_protocol", "http");
                push(&mut out, "response_code", &code.to_string());
                push(&mut out, "grpc_response_status", "");
            }
            None => push(&mut out, "request_protocol", "tcp"),
        }
        push(&mut out, "response_flags", self.flags);
        push(&mut out, "connection_security_policy", self.security_policy());
        out
    }

    fn security_policy(&self) -> &'static str {
        match (self.reporter, self.source) {
            (Reporter::Source, _) => "unknown",
            (Reporter::Destination, Some(_)) => "mutual_tls",
            (Reporter::Destination, None) => "none",
        }
    }
}

/// Sock Shop pods carry the label `name` only, so `app` and `version` are unknown and the canonical service is the
/// workload's name.
fn push_workload(out: &mut String, side: &str, name: Option<&str>) {
    let known = |value: &'static str| if name.is_some() { value } else { "unknown" };
    let namespace = name.and_then(proxied).map_or(NAMESPACE, |component| component.namespace);
    let principal = format!("spiffe://cluster.local/ns/{namespace}/sa/default");
    let workload = name.unwrap_or("unknown");
    push(out, &format!("{side}_workload"), workload);
    push(out, &format!("{side}_workload_namespace"), known(namespace));
    push(out, &format!("{side}_principal"), if name.is_some() { &principal } else { "unknown" });
    push(out, &format!("{side}_app"), "unknown");
    push(out, &format!("{side}_version"), "unknown");
    push(out, &format!("{side}_canonical_service"), workload);
    push(out, &format!("{side}_canonical_revision"), known("latest"));
    push(out, &format!("{side}_cluster"), known("Kubernetes"));
}

fn push(out: &mut String, name: &str, value: &str) {
    let comma = if out.is_empty() { "" } else { "," };
    // Writing to a string cannot fail, and no value of ours needs escapes.
    let _written = write!(out, "{comma}{name}=\"{value}\"");
}
