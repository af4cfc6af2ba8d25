//! The targets of Prometheus other than the supervisor: side-cars and gateway, the exporters of stores and broker, and the name server.

use std::io;

use super::lab_state::{LabState, SharedState};
use super::pod::Pod;
use crate::plan::{NAMESPACE, Role};
use crate::prometheus_server::Target;
use crate::shop::http::Local;
use crate::stores::Stores;
use crate::surroundings::Place;

/// Writes the addresses of all current targets.
pub(super) fn write(shared: &SharedState, state: &LabState) -> io::Result<()> {
    let ports = shared.ports;
    let sidecar = |p: &Pod| Target {
        address: Local::at(p.ip(), ports.sidecar_admin(p.component)),
        namespace: NAMESPACE,
        pod: p.name.clone(),
        job: None,
        path: None,
    };
    let beside = |place: Place| state.beside.iter().filter(move |b| b.place == place);
    let gateway = beside(Place::Gateway).map(|b| Target {
        address: b.admin(ports),
        namespace: b.place.workload().1,
        pod: b.name.clone(),
        job: None,
        path: None,
    });
    let proxies: Vec<Target> = state.pods.iter().map(sidecar).chain(gateway).collect();
    shared.layout.write_sidecars(&proxies)?;
    if !shared.options.with.is_any() {
        return Ok(());
    }
    let is_real = shared.options.stores == Stores::Real;
    let exporter = |p: &Pod| Target {
        address: if is_real {
            Local::port(ports.exporter(p.component))
        } else {
            Local::at(p.ip(), ports.app_admin(p.component))
        },
        namespace: NAMESPACE,
        pod: p.name.clone(),
        job: Some(format!("{}/{}", NAMESPACE, p.component.name)),
        path: is_real.then_some("/metrics"),
    };
    let with_exporter =
        state.pods.iter().filter(|p| shared.options.with.exporters && p.component.role != Role::Service);
    let dns = beside(Place::NameServer).map(|b| Target {
        address: b.admin(ports),
        namespace: b.place.workload().1,
        pod: b.name.clone(),
        job: Some("coredns".to_owned()),
        path: None,
    });
    let others: Vec<Target> = with_exporter.map(exporter).chain(dns).collect();
    shared.layout.write_others(&others)
}
