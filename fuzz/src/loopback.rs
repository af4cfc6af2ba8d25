//! Prometheus' answers, read through the client itself: a server on this machine sends the input as the body of its next answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use automap_core::time::Timestamp;
use automap_sources::prometheus::{Client, ClientOptions, Grid, RetryOptions};

const START: Timestamp = Timestamp::from_ms(1_795_000_000_000);

/// The server's next answer: a status line, headers, and the body.
type Next = Arc<Mutex<(&'static str, Vec<u8>)>>;

struct Loopback {
    client: Client,
    next: Next,
}

static LOOPBACK: LazyLock<Mutex<Loopback>> = LazyLock::new(|| Mutex::new(Loopback::start()));

/// The headers of an answer, chosen by the first byte of the input.
const HEADS: [&str; 4] = [
    "200 OK\r\ncontent-type: application/json",
    "200 OK\r\ncontent-encoding: gzip",
    "200 OK\r\ncontent-encoding: deflate",
    "422 Unprocessable Entity\r\ncontent-type: application/json",
];

impl Loopback {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut options = ClientOptions::new(format!("http://{}", listener.local_addr().unwrap()));
        options.retry = RetryOptions { retries: 0, base: Duration::ZERO, cap: Duration::ZERO };
        let next = Next::default();
        let answers = Arc::clone(&next);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answers = Arc::clone(&answers);
                // A client that hangs up ends only its own connection.
                thread::spawn(move || drop(serve(&stream, &answers)));
            }
        });
        Self { client: Client::new(options).unwrap(), next }
    }
}

fn serve(stream: &TcpStream, answers: &Next) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        reader.by_ref().take(length).read_to_end(&mut Vec::new())?;
        let (head, body) = answers.lock().unwrap().clone();
        let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
        let mut stream = stream;
        stream.write_all(&[head.as_bytes(), &body].concat())?;
    }
}

/// An answer to a range query. Series and their points must be in order.
pub(crate) fn prometheus(data: &[u8]) {
    let Some((kind, body)) = data.split_first() else { return };
    let loopback = LOOPBACK.lock().unwrap();
    *loopback.next.lock().unwrap() = (HEADS[usize::from(*kind) % HEADS.len()], body.to_vec());
    let grid = Grid { start: START, end: START.plus_ms(590_000), step_ms: 10_000 };
    let Ok(answer) = loopback.client.range("up", grid) else { return };
    assert!(answer.series.is_sorted_by(|a, b| a.labels < b.labels), "series are in order, each once");
    for series in &answer.series {
        assert!(series.points.is_sorted_by(|a, b| a.0 < b.0), "points are in order, one for each time");
    }
}
