//! RabbitMQ with its plugin for Prometheus, and Erlang's port mapper (epmd), which it needs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Setup, prefix};
use crate::shop::children::{Children, tied};

/// Memory use at which RabbitMQ blocks publishers.
const MEMORY_LIMIT: &str = "300MB";

/// Starts both.
pub(super) fn start(setup: &Setup<'_>, children: &mut Children) -> io::Result<()> {
    let dir = setup.dir.join("rabbitmq");
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("plugins"), "[rabbitmq_prometheus].\n")?;
    fs::write(dir.join("rabbitmq.conf"), configuration(setup))?;
    let [names, nodes] = setup.broker_ports.map(|port| port.to_string());
    // A separate one: it would outlive the broker that starts it.
    let mut command = tied(&setup.program(&["epmd"])?)?;
    children.start(command.args(["-port", &names]).env("ERL_EPMD_ADDRESS", "127.0.0.1"))?;

    let home = home(&setup.program(&["rabbitmq-server"])?)?;
    let mut command = tied(&home.join("sbin/rabbitmq-server"))?;
    command.env("HOME", &dir).env("RABBITMQ_HOME", &home).env("RABBITMQ_CONF_ENV_FILE", "/dev/null");
    command.env("RABBITMQ_CONFIG_FILE", dir.join("rabbitmq")).env("RABBITMQ_ENABLED_PLUGINS_FILE", dir.join("plugins"));
    command.env("RABBITMQ_MNESIA_BASE", dir.join("data")).env("RABBITMQ_LOG_BASE", dir.join("log"));
    command.env("RABBITMQ_PID_FILE", dir.join("id")).env("RABBITMQ_NODENAME", "automap@localhost");
    command.env("ERL_EPMD_ADDRESS", "127.0.0.1").env("ERL_EPMD_PORT", names).env("RABBITMQ_DIST_PORT", nodes);
    command.env("ERL_CRASH_DUMP", "/dev/null").env("RABBITMQ_LOG", "-color");
    // Then the script becomes the server instead of waiting for it.
    command.env("RUNNING_UNDER_SYSTEMD", "yes");
    // One thread is enough, and idle schedulers must not spin.
    let arguments = "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none";
    command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", arguments);
    children.start(&mut command)
}

fn configuration(setup: &Setup<'_>) -> String {
    format!(
        "listeners.tcp.1 = 127.0.0.1:{}
prometheus.tcp.port = {}
prometheus.tcp.ip = 127.0.0.1
prometheus.return_per_object_metrics = true
vm_memory_high_watermark.absolute = {MEMORY_LIMIT}
disk_free_limit.absolute = 10MB
log.console = true
log.console.level = warning
log.file = false
",
        setup.port, setup.exporter_port
    )
}

/// The folder that contains the whole server: the program in the `PATH` is in it, or is Debian's, which insists on its own user.
fn home(program: &Path) -> io::Result<PathBuf> {
    let own = prefix(program);
    if own.join("plugins").is_dir() {
        return Ok(own);
    }
    let versions = fs::read_dir(own.join("lib/rabbitmq/lib")).into_iter().flatten().flatten().map(|entry| entry.path());
    let missing = || io::Error::other(format!("the folder of {} was not found", program.display()));
    versions.filter(|dir| dir.join("sbin/rabbitmq-server").is_file()).max().ok_or_else(missing)
}
