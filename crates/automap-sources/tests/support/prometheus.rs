//! A Prometheus for a test, with past data or with targets to scrape. Tests of several crates include this file by its path.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Time limit for the server to answer.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The server; it ends and its data is deleted on drop.
pub(crate) struct Prometheus {
    process: Child,
    _dir: tempfile::TempDir,
    pub(crate) address: SocketAddr,
}

impl Prometheus {
    /// Contains the series of a text in the OpenMetrics format. `None` if Prometheus is not installed; in continuous integration that fails instead.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub(crate) fn backfilled(name: &str, openmetrics: &str) -> Option<Self> {
        let dir = Self::dir(name);
        let [text, data] = ["series.txt", "data"].map(|file| dir.path().join(file));
        fs::write(&text, openmetrics).unwrap();
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
        let config = "global: {scrape_interval: 15s}\n";
        Some(Self::start(Path::new("prometheus"), dir, config, &["--storage.tsdb.retention.time=20y"]))
    }

    /// The folder of a server.
    pub(crate) fn dir(name: &str) -> tempfile::TempDir {
        tempfile::Builder::new().prefix(&format!("automap-{name}-")).tempdir().unwrap()
    }

    /// This program, with its data in the folder `data` of `dir`, a configuration and further arguments.
    pub(crate) fn start(program: &Path, dir: tempfile::TempDir, config: &str, more: &[&str]) -> Self {
        let [data, file] = ["data", "prometheus.yml"].map(|name| dir.path().join(name));
        fs::write(&file, config).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"))
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, _dir: dir, address };
        let begun = Instant::now();
        while !server.ask(b"GET /-/ready HTTP/1.0\r\n\r\n").is_ok_and(|answer| answer.starts_with(b"HTTP/1.0 200")) {
            assert!(begun.elapsed() < START_TIMEOUT, "prometheus does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The server's complete answer to a request of HTTP/1.0, after which it closes the connection.
    pub(crate) fn ask(&self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(request)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Both fail only if there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
