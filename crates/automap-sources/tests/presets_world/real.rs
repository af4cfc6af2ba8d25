//! A Prometheus of our own, with data of the past.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use automap_sources::prometheus::{Client, ClientOptions};

use super::Series;

/// How long the server may take to answer.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The server; it ends and its data goes with it.
pub(crate) struct Real {
    process: Child,
    _dir: tempfile::TempDir,
    url: String,
}

impl Real {
    /// `None` where Prometheus is not installed. In continuous integration that fails instead.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub(crate) fn start(name: &str, series: &Series) -> Option<Self> {
        let dir = tempfile::Builder::new().prefix(&format!("automap-presets-{name}-")).tempdir().unwrap();
        let [text, data, config] = ["series.txt", "data", "prometheus.yml"].map(|file| dir.path().join(file));
        fs::write(&text, series.text()).unwrap();
        fs::write(&config, "global: {scrape_interval: 15s}\n").unwrap();
        let filled = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([&text, &data])
            .stdout(Stdio::null())
            .output();
        let Ok(filled) = filled else {
            assert!(
                std::env::var_os("CI").is_none(),
                "prometheus is not installed; scripts/need-prometheus.sh gets it"
            );
            eprintln!("skipped: prometheus is not installed; scripts/need-prometheus.sh gets it");
            return None;
        };
        assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = serve(Path::new("prometheus"), &config, &data, port, &["--storage.tsdb.retention.time=20y"]);
        let server = Self { process, _dir: dir, url: format!("http://127.0.0.1:{port}") };
        server.await_ready(port);
        Some(server)
    }

    /// A Prometheus of this path that scrapes instead, with settings of the scrape configuration.
    pub(crate) fn scraping(program: &Path, target_port: u16, settings: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("automap-presets-scraping-").tempdir().unwrap();
        let [data, config] = ["data", "prometheus.yml"].map(|file| dir.path().join(file));
        let target = format!("static_configs: [{{targets: ['127.0.0.1:{target_port}']}}]");
        let global = "global: {scrape_interval: 100ms, scrape_timeout: 100ms}";
        let job = format!("{{job_name: x, honor_labels: true, {settings}, {target}}}");
        fs::write(&config, format!("{global}\nscrape_configs: [{job}]\n")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let features = ["--enable-feature=native-histograms"];
        let process = serve(program, &config, &data, port, &features);
        let server = Self { process, _dir: dir, url: format!("http://127.0.0.1:{port}") };
        server.await_ready(port);
        server
    }

    pub(crate) fn options(&self) -> ClientOptions {
        ClientOptions::new(&self.url)
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.options()).unwrap()
    }

    fn await_ready(&self, port: u16) {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err()
            || self.client().instant("vector(1)", automap_core::time::Timestamp::from_ms(0)).is_err()
        {
            assert!(begun.elapsed() < START_TIMEOUT, "prometheus does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn serve(program: &Path, config: &Path, data: &Path, port: u16, more: &[&str]) -> Child {
    Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", data.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Real {
    fn drop(&mut self) {
        // Both fail only where there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
