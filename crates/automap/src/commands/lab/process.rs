//! `automap lab-process`: the hidden commands that the supervisor starts, each one process of the lab.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use automap_lab::load::LoadOptions;
use automap_lab::plan::{COMPONENTS, Component, GATEWAY, Ports, Role};
use automap_lab::shop::app::AppOptions;
use automap_lab::shop::sidecar::{EnvoyOptions, SidecarOptions};
use automap_lab::stores::Stores;
use automap_lab::{load, shop, supervisor};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::console::print;

/// Which process.
#[derive(Debug, Subcommand)]
pub(crate) enum ProcessCommand {
    /// The supervisor; its options are one JSON text.
    Supervisor { options: String },
    /// An application.
    App {
        #[command(flatten)]
        base: BaseArgs,
        #[arg(long)]
        name: String,
        #[arg(long)]
        seed: u64,
        #[arg(long)]
        data_dir: PathBuf,
        /// The pod's own address.
        #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
        ip: Ipv4Addr,
        /// What is special about this version, as JSON.
        #[arg(long, default_value = "{}")]
        behaviour: String,
        /// It looks up the names of those that it calls.
        #[arg(long)]
        dns: bool,
        /// Stores and broker are real servers.
        #[arg(long)]
        real_stores: bool,
        /// It is the container of a pod: the kernel holds it to its CPU limit.
        #[arg(long)]
        in_pod: bool,
    },
    /// The components and their ports as JSON: what `make cluster` makes pods of.
    Plan {
        #[command(flatten)]
        base: BaseArgs,
    },
    /// A side-car.
    Sidecar {
        #[command(flatten)]
        base: BaseArgs,
        #[arg(long)]
        name: String,
        #[arg(long)]
        pod_name: String,
        /// The pod's own address.
        #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
        ip: Ipv4Addr,
        #[command(flatten)]
        proxy: ProxyArgs,
    },
    /// The ingress gateway.
    Gateway {
        #[command(flatten)]
        base: BaseArgs,
        #[arg(long)]
        pod_name: String,
        #[command(flatten)]
        proxy: ProxyArgs,
    },
    /// The name server.
    NameServer {
        #[command(flatten)]
        base: BaseArgs,
    },
    /// The simulated users.
    Load {
        #[command(flatten)]
        base: BaseArgs,
        #[arg(long)]
        rate: f64,
        #[arg(long)]
        seed: u64,
        /// The file with the addresses of each service.
        #[arg(long)]
        endpoints: Option<PathBuf>,
        /// They come through the gateway.
        #[arg(long)]
        gateway: bool,
    },
    /// A program that is not ours, tied to the supervisor.
    Guard {
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

/// Where the lab listens.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct BaseArgs {
    #[arg(long)]
    base_port: u16,
}

impl BaseArgs {
    fn ports(self) -> Ports {
        Ports { base: self.base_port }
    }
}

/// What side-cars and the gateway have in common.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProxyArgs {
    /// The file with the addresses of each service.
    #[arg(long)]
    endpoints: Option<PathBuf>,
    /// The Envoy that is the proxy.
    #[arg(long, requires = "mesh_dir")]
    envoy: Option<PathBuf>,
    /// The directory with the mesh's certificates.
    #[arg(long)]
    mesh_dir: Option<PathBuf>,
}

impl ProxyArgs {
    fn options(self, name: String, ports: Ports, ip: Ipv4Addr, pod_name: String) -> SidecarOptions {
        let envoy = self.envoy.zip(self.mesh_dir).map(|(program, dir)| EnvoyOptions { program, dir });
        SidecarOptions { name, ports, ip, pod_name, endpoints: self.endpoints, envoy }
    }
}

fn plan(ports: Ports) -> Value {
    let component = |c: &Component| {
        let calls = c.calls.iter().map(|callee| json!({"name": callee, "port": ports.outbound(c, callee)}));
        json!({
            "name": c.name,
            "speaks_http": c.role == Role::Service,
            "service_port": c.service_port,
            "app_port": ports.app(c),
            "pod_port": ports.pod(c),
            "calls": calls.collect::<Vec<_>>(),
            "cpu_limit_cores": c.cpu_limit_cores,
            "memory_limit_mib": c.memory_limit_mib,
        })
    };
    COMPONENTS.iter().map(component).collect()
}

/// Becomes that process.
pub(crate) fn run(command: ProcessCommand) -> Result<()> {
    if !matches!(command, ProcessCommand::Supervisor { .. } | ProcessCommand::Plan { .. }) {
        shop::die_with_parent()?;
    }
    match command {
        ProcessCommand::Supervisor { options } => {
            let options = serde_json::from_str(&options).context("the supervisor's options")?;
            supervisor::run(options)?;
        }
        ProcessCommand::App { base, name, seed, data_dir, ip, behaviour, dns, real_stores, in_pod } => {
            let behaviour = serde_json::from_str(&behaviour).context("the behaviour of this version")?;
            let stores = if real_stores { Stores::Real } else { Stores::StandIn };
            let options = AppOptions { name, ports: base.ports(), ip, behaviour, seed, dns, stores, data_dir };
            if in_pod { shop::app::run_in_pod(&options)? } else { shop::app::run(&options)? }
        }
        ProcessCommand::Plan { base } => print(&format!("{}\n", plan(base.ports())))?,
        ProcessCommand::Sidecar { base, name, pod_name, ip, proxy } => {
            shop::sidecar::run(&proxy.options(name, base.ports(), ip, pod_name))?;
        }
        ProcessCommand::Gateway { base, pod_name, proxy } => {
            let (name, ip) = (GATEWAY.name.to_owned(), Ipv4Addr::LOCALHOST);
            shop::sidecar::run_gateway(&proxy.options(name, base.ports(), ip, pod_name))?;
        }
        ProcessCommand::NameServer { base } => shop::name_server::run(base.ports())?,
        ProcessCommand::Load { base, rate, seed, endpoints, gateway } => {
            let ports = base.ports();
            load::run(LoadOptions {
                ports,
                endpoints,
                gateway,
                rate_per_s: rate,
                seed,
                duration: None,
                on_tick: None,
            })?;
        }
        ProcessCommand::Guard { command } => {
            supervisor::guard(&command)?;
        }
    }
    Ok(())
}
