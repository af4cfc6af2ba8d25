//! `automap lab status`.

use anyhow::Result;
use automap_chaos::score::aligned;
use automap_lab::control::Lab;
use automap_lab::control::protocol::{FaultStatus, PodStatus, Status};
use clap::{Args, ValueEnum};

use super::{DirArgs, print};

const MIB: f64 = 1024.0 * 1024.0;

#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Table,
    Json,
}

/// Prints the status.
pub(super) fn run(args: &StatusArgs) -> Result<()> {
    let status = Lab::attach(&args.dir.path())?.status()?;
    match args.output {
        Output::Json => print(&format!("{}\n", serde_json::to_string_pretty(&status)?)),
        Output::Table => print(&table_of(&status)),
    }
}

fn table_of(status: &Status) -> String {
    let header = ["POD", "READY", "RESTARTS", "CPU", "MEMORY", "FAULTS"].map(str::to_owned).to_vec();
    let rows = std::iter::once(header).chain(status.pods.iter().map(|pod| row(pod, &status.faults)));
    let prometheus = status.prometheus_url.as_deref().unwrap_or("none");
    let load = status.load_rate_per_s.map_or("none".to_owned(), |r| format!("{r} users/s"));
    format!(
        "{}\nsupervisor {} since {}, ports from {}\nPrometheus {prometheus}, load {load}\n",
        aligned(&rows.collect::<Vec<_>>()),
        status.supervisor_pid,
        status.since,
        status.base_port
    )
}

fn row(pod: &PodStatus, faults: &[FaultStatus]) -> Vec<String> {
    let here: Vec<String> = faults.iter().filter(|f| f.services.contains(&pod.service)).map(fault).collect();
    vec![
        pod.name.clone(),
        format!("{}/{}", pod.ready, pod.containers),
        pod.restarts.to_string(),
        format!("{:.3}", pod.cpu_cores),
        format!("{:.1} MiB", pod.memory_bytes as f64 / MIB),
        here.join(", "),
    ]
}

fn fault(fault: &FaultStatus) -> String {
    match fault.left_s {
        Some(left_s) => format!("{} ({left_s} s left)", fault.experiment),
        None if fault.stays => fault.experiment.clone(),
        None => format!("{} (recovering)", fault.experiment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automap_lab::control::protocol::Phase;

    #[test]
    fn the_table_shows_faults_beside_their_pods() {
        let pod = |service: &str, ready| PodStatus {
            service: service.to_owned(),
            name: format!("{service}-x"),
            ready,
            containers: 2,
            restarts: 1,
            pids: vec![7],
            cpu_cores: 0.25,
            memory_bytes: 3 << 20,
        };
        let fault = FaultStatus {
            id: "slow-1".to_owned(),
            experiment: "slow".to_owned(),
            what: "NetworkChaos delay".to_owned(),
            services: vec!["user".to_owned()],
            left_s: Some(40),
            stays: false,
        };
        let status = Status {
            phase: Phase::Ready,
            supervisor_pid: 5,
            since: "2026-11-23T10:00:00Z".to_owned(),
            base_port: 21000,
            prometheus_url: None,
            targets_up: 0,
            targets: 0,
            load_rate_per_s: None,
            pods: vec![pod("user", 2), pod("user-db", 1)],
            faults: vec![fault],
            rolling_out: vec!["user".to_owned()],
        };
        let expected = "\
POD        READY  RESTARTS  CPU    MEMORY   FAULTS
user-x     2/2    1         0.250  3.0 MiB  slow (40 s left)
user-db-x  1/2    1         0.250  3.0 MiB

supervisor 5 since 2026-11-23T10:00:00Z, ports from 21000
Prometheus none, load none
";
        assert_eq!(table_of(&status), expected);
        let change = FaultStatus { left_s: None, stays: true, ..status.faults[0].clone() };
        assert_eq!(super::fault(&change), "slow");
    }
}
