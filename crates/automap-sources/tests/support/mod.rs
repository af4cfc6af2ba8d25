//! A small HTTP server that answers as a test wishes, on a port that the system chooses.
#![expect(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod shop;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use automap_core::time::Timestamp;
use automap_sources::prometheus::{Client, ClientOptions, RetryOptions};

pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_795_000_000_000);

/// What arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) form: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn query(&self) -> &str {
        self.form.get("query").map_or("", String::as_str)
    }
}

/// What is sent back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    /// Claims this many bytes more than are sent, then hangs up.
    pub(crate) missing: usize,
    pub(crate) delay: Duration,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), missing: 0, delay: Duration::ZERO }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// The server; its thread ends with it.
pub(crate) struct Server {
    pub(crate) url: String,
    stop: Arc<AtomicBool>,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, log) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, seen, answer) = (Arc::clone(&stop), Arc::clone(&log), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (stream, seen, answer) = (stream.unwrap(), Arc::clone(&seen), Arc::clone(&answer));
                // A client that hangs up early is not the server's problem.
                thread::spawn(move || serve(stream, &seen, &*answer));
            }
        });
        Self { url, stop, log }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// A client without pauses between repetitions.
    pub(crate) fn client(&self) -> Client {
        Client::new(options(&self.url)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

pub(crate) fn options(url: &str) -> ClientOptions {
    let mut options = ClientOptions::new(url);
    options.retry = RetryOptions { retries: 2, base: Duration::ZERO, cap: Duration::from_secs(2) };
    options
}

fn serve(stream: TcpStream, log: &Mutex<Vec<Request>>, answer: &dyn Fn(&Request) -> Reply) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let Some(request) = read(&mut reader) else {
        // As Prometheus answers what is no HTTP, such as the first bytes of TLS.
        return (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
    };
    log.lock().ok()?.push(request.clone());
    let Reply { status, headers, body, missing, delay } = answer(&request);
    thread::sleep(delay);
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len() + missing);
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    let mut stream = stream;
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).ok()
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let form = String::from_utf8(body).ok()?;
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    Some(Request { path, headers, form: pairs.map(|(k, v)| (k.to_owned(), decode(v))).collect() })
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap());
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).unwrap()
}
