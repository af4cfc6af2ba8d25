//! Fault injection in VirtualServices.

use serde_json::Value;

use super::polled::ActiveFault;
use crate::kinds;
use crate::object::{self, text, time};

/// Most routes of one VirtualService that are read.
const MAX_ROUTES: usize = 500;
/// Most recorded changes of an object that are read.
const MAX_CHANGES: usize = 200;

/// Active faults of one VirtualService; several routes to one host with the same fault are one.
pub fn faults(virtual_service: &Value) -> Vec<ActiveFault> {
    let Some(meta) = object::meta(virtual_service, "VirtualService") else { return Vec::new() };
    let routes = virtual_service.pointer("/spec/http").and_then(Value::as_array).into_iter().flatten().take(MAX_ROUTES);
    let mut all: Vec<ActiveFault> = Vec::new();
    for route in routes {
        for action in ["delay", "abort"] {
            let Some(fault) = route.pointer(&format!("/fault/{action}")).filter(|f| f.is_object()) else { continue };
            // Without a percentage the fault applies to all requests; with 0, to none.
            let percent = fault.pointer("/percentage/value").and_then(Value::as_f64).unwrap_or(100.0);
            let services = hosts(route, virtual_service);
            let id = format!("{}/{action}/{}", meta.uid, services.join("+"));
            if percent <= 0.0 || all.iter().any(|known| known.id == id) {
                continue;
            }
            all.push(ActiveFault {
                id,
                kind: "VirtualService".to_owned(),
                namespace: meta.namespace.clone(),
                name: meta.name.clone(),
                action: action.to_owned(),
                services,
                expected_metric: kinds::expected_metric("VirtualService", action).map(ToOwned::to_owned),
                since: changed(virtual_service),
                percent: Some(percent.round() as u64),
            });
        }
    }
    all
}

/// `payment.sock-shop.svc.cluster.local` → `payment`; the route's destinations, else the hosts of the whole VirtualService.
fn hosts(route: &Value, virtual_service: &Value) -> Vec<String> {
    let list =
        |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let routed = list(route, "/route");
    let mut names: Vec<String> =
        routed.iter().take(MAX_ROUTES).filter_map(|r| text(r, "/destination/host")).map(short).collect();
    if names.is_empty() {
        let hosts = list(virtual_service, "/spec/hosts");
        names = hosts.iter().take(MAX_ROUTES).filter_map(Value::as_str).map(short).collect();
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn short(host: &str) -> String {
    host.split('.').next().unwrap_or(host).to_owned()
}

/// Time of the last change of its spec, as recorded by the server for the client that changed it.
fn changed(virtual_service: &Value) -> Option<automap_core::time::Timestamp> {
    let managed = virtual_service.pointer("/metadata/managedFields").and_then(Value::as_array);
    let spec = |m: &&Value| m.pointer("/fieldsV1/f:spec").is_some();
    let times = managed.into_iter().flatten().take(MAX_CHANGES).filter(spec).filter_map(|m| time(m, "/time"));
    times.max().or_else(|| time(virtual_service, "/metadata/creationTimestamp"))
}
