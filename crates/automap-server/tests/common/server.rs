//! A receiver that records its requests and returns the configured answers.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// Its answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16, &'static str, String),
    /// Accepts the request and does not answer: the sender cannot know whether it arrived.
    Hang,
    /// 200, and then a body that comes one byte at a time and takes minutes.
    Drip,
}

impl Answer {
    pub(crate) fn ok(body: &str) -> Self {
        Self::Status(200, "", body.to_owned())
    }
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    seen: Vec<Request>,
    next: VecDeque<Answer>,
    default: Answer,
}

impl Server {
    /// Returns the answers `next` one after the other, then 200 with `{}`.
    pub(crate) fn start(next: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { seen: Vec::new(), next: next.into(), default: Answer::ok("{}") };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn default_answer(&self, answer: Answer) {
        self.state.lock().unwrap().default = answer;
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.state.lock().unwrap().seen.clone()
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = read(&mut reader) {
        let answer = {
            let mut state = state.lock().unwrap();
            state.seen.push(request);
            state.next.pop_front().unwrap_or_else(|| state.default.clone())
        };
        let (status, extra, body) = match answer {
            Answer::Status(status, extra, body) => (status, extra, body),
            Answer::Hang => return std::thread::sleep(Duration::from_secs(120)),
            Answer::Drip => return drip(&mut stream),
        };
        // A single write: two would wait for each other's acknowledgement.
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} X\r\n{extra}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn drip(stream: &mut TcpStream) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1200\r\n\r\n";
    let mut is_open = stream.write_all(head.as_bytes()).is_ok();
    while is_open {
        std::thread::sleep(Duration::from_millis(100));
        is_open = stream.write_all(b" ").is_ok();
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let length = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.map_or(0, |(_, v)| v.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body })
}
