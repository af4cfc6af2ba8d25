//! A real server in the pod of a store or the broker.
//!
//! The application starts the server and its exporter as child processes, which end with it, and forwards the side-car's connections:
//!
//! ```text
//! side-car ─▶ relay ─▶ server ◀─ exporter ◀─ Prometheus
//!                        ▲
//!                     faults: sessions that hold locks, connections, or a queue's limit
//! ```
//!
//! The delays of the node and of the pod's limits apply to commands in the relay. Left out: the server itself is not subject to the pod's CPU limit.

mod faults;
mod mariadb;
mod postgresql;
mod rabbitmq;
mod redis;
mod relay;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use super::context::App;
use super::options::AppOptions;
use super::session::Session;
use crate::plan::Component;
use crate::programs::Programs;
use crate::shop::children::Children;
use crate::shop::http::Local;
use crate::shop::{ShopError, goods};
use crate::stores::Server;

/// Time limit for a server to start answering, including the creation of its files.
const READY_WITHIN: Duration = Duration::from_secs(90);
const READY_POLL: Duration = Duration::from_millis(100);

/// The configuration of every server.
#[derive(Debug)]
struct Setup<'a> {
    programs: Programs,
    /// Where its files are kept, even when the pod is replaced.
    dir: &'a Path,
    server: Server,
    port: u16,
    exporter_port: u16,
    broker_ports: [u16; 2],
}

/// A server that answers.
#[derive(Debug)]
pub(super) struct Running {
    name: &'static str,
    server: Server,
    address: Local,
    children: Children,
}

/// Starts the server, waits until it answers, fills it with its first records, and starts its exporter.
pub(super) async fn start(
    server: Server,
    component: &'static Component,
    options: &AppOptions,
) -> Result<Running, ShopError> {
    let failed = |source| ShopError::Server { name: component.name.to_owned(), source };
    let dir = std::path::absolute(&options.data_dir).map_err(failed)?;
    let setup = Setup {
        programs: Programs::of_the_environment(),
        dir: &dir,
        server,
        port: options.ports.server(component),
        exporter_port: options.ports.exporter(component),
        broker_ports: options.ports.broker_internals(component),
    };
    let address = Local::port(setup.port);
    let mut children = Children::default();
    start_server(&setup, &mut children).map_err(failed)?;
    fill(&setup, address, goods::preloaded(component.name), &mut children).await.map_err(failed)?;
    start_exporter(&setup, &mut children).map_err(failed)?;
    Ok(Running { name: component.name, server, address, children })
}

/// Serves until one of its processes ends, which ends this one: the kubelet starts it again.
pub(super) async fn serve(listener: TcpListener, app: Arc<App>, running: Running) -> Result<(), ShopError> {
    let Running { name, server, address, mut children } = running;
    faults::start(&app, server, address);
    if server == Server::PostgreSql {
        tokio::spawn(postgresql::trim(address));
    }
    tokio::select! {
        () = relay::serve(listener, app, address) => Ok(()),
        source = children.ended() => Err(ShopError::Server { name: name.to_owned(), source }),
    }
}

fn start_server(setup: &Setup<'_>, children: &mut Children) -> io::Result<()> {
    match setup.server {
        Server::MariaDb => mariadb::start(setup, children),
        Server::PostgreSql => postgresql::start(setup, children),
        Server::Redis => redis::start(setup, children),
        Server::RabbitMq => rabbitmq::start(setup, children),
    }
}

fn start_exporter(setup: &Setup<'_>, children: &mut Children) -> io::Result<()> {
    match setup.server {
        Server::MariaDb => mariadb::start_exporter(setup, children),
        Server::PostgreSql => postgresql::start_exporter(setup, children),
        Server::Redis => redis::start_exporter(setup, children),
        // Its exporter is a plugin.
        Server::RabbitMq => Ok(()),
    }
}

/// Retries until the server accepts a connection and contains its initial records.
async fn fill(
    setup: &Setup<'_>,
    address: Local,
    preloaded: Vec<(String, String)>,
    children: &mut Children,
) -> io::Result<()> {
    let until = Instant::now() + READY_WITHIN;
    loop {
        let error = match fill_once(setup.server, address, preloaded.clone()).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if let Some(ended) = children.first_ended() {
            return Err(ended);
        }
        if Instant::now() > until {
            return Err(error);
        }
        tokio::time::sleep(READY_POLL).await;
    }
}

async fn fill_once(server: Server, address: Local, preloaded: Vec<(String, String)>) -> io::Result<()> {
    if server == Server::PostgreSql {
        postgresql::make_role(address).await?;
    }
    match Session::open(Some(server), address).await? {
        Session::MariaDb(mut session) => session.prepare(preloaded).await,
        Session::PostgreSql(mut session) => session.prepare(preloaded).await,
        Session::Redis(mut session) => session.prepare(preloaded).await,
        Session::RabbitMq(mut session) => session.declare(super::service::QUEUE, None).await,
        Session::StandIn(_) => Ok(()),
    }
}

impl Setup<'_> {
    fn program(&self, names: &[&str]) -> io::Result<PathBuf> {
        let missing = || io::Error::other(format!("{} is not in the PATH", names.join(" or ")));
        self.programs.find(names).ok_or_else(missing)
    }
}

/// The folder with a server's files, made by `install` if it does not exist: under another name, so that incomplete files are never used.
fn installed(dir: &Path, name: &str, install: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<PathBuf> {
    let data = dir.join(name);
    if !data.exists() {
        let aside = data.with_extension("new");
        let _leftover = fs::remove_dir_all(&aside);
        fs::create_dir_all(&aside)?;
        install(&aside)?;
        fs::rename(aside, &data)?;
    }
    Ok(data)
}

/// The folder that a program was installed under: `/usr` for `/usr/sbin/mariadbd`.
fn prefix(program: &Path) -> PathBuf {
    program.parent().and_then(Path::parent).unwrap_or(Path::new("/usr")).to_owned()
}
