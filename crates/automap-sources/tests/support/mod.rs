//! A small HTTP server with programmable answers, on a port chosen by the system.

mod form;
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

use self::form::decode;

pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_795_000_000_000);

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the parameters.
    pub(crate) path: String,
    /// The parameters of the address.
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    /// The query, whether by POST or by GET.
    pub(crate) form: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn query(&self) -> &str {
        self.form.get("query").map_or("", String::as_str)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Claims this many bytes more than are sent, then hangs up.
    pub(crate) missing: usize,
    pub(crate) delay: Duration,
    /// How the end of the body is marked.
    pub(crate) framing: Framing,
}

/// How a server marks the end of its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Framing {
    Length,
    /// In chunks of seven bytes.
    Chunked,
    /// By closing the connection, as in HTTP/1.0.
    Close,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let (body, framing) = (body.into(), Framing::Length);
        Self { status, headers: Vec::new(), body, missing: 0, delay: Duration::ZERO, framing }
    }

    pub(crate) fn framed(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
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
        // As Prometheus answers non-HTTP input, such as the first bytes of TLS.
        return (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
    };
    log.lock().ok()?.push(request.clone());
    let Reply { status, headers, body, missing, delay, framing } = answer(&request);
    thread::sleep(delay);
    let (version, length, body) = match framing {
        Framing::Length => ("1.1", format!("content-length: {}\r\n", body.len() + missing), body),
        Framing::Chunked => ("1.1", "transfer-encoding: chunked\r\n".to_owned(), chunked(&body)),
        Framing::Close => ("1.0", String::new(), body),
    };
    let mut head = format!("HTTP/{version} {status} X\r\nconnection: close\r\n{length}");
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    let mut stream = stream;
    stream.write_all(&[format!("{head}\r\n").into_bytes(), body].concat()).ok()
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let chunk = |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
    let mut out: Vec<u8> = body.chunks(7).flat_map(chunk).collect();
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, address) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, parameters) = address.split_once('?').unwrap_or((&address, ""));
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
    let parameters = pairs(parameters);
    let form = if method == "GET" { parameters.clone() } else { pairs(&form) };
    Some(Request { method, path: path.to_owned(), parameters, headers, form })
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (decode(k), decode(v))).collect()
}
