//! The proxy: forwards a request to Prometheus, and modifies the answer according to the run's fault.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use automap_core::random::Rng;

use crate::fault::{Delivery, KINDS};
use crate::world::World;

/// Maximum silence, after which the connection ends whatever the client does.
const MAX_SILENCE: Duration = Duration::from_secs(20);
/// Maximum bytes of an endless body.
const MAX_ENDLESS: usize = 1 << 30;

/// Which answers are changed, and how.
pub(crate) struct Plan {
    pub(crate) kind: usize,
    /// Share of the answers that are changed, in percent.
    pub(crate) percent: f64,
    /// After this many answers to the same request the fault is over.
    pub(crate) most: u64,
}

impl Plan {
    /// All answers, half of them, a few of them, or the first ones.
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Rng::named(seed, "plan");
        let (percent, most) =
            [(100.0, u64::MAX), (50.0, u64::MAX), (10.0, u64::MAX), (100.0, 1 + random.bits() % 2)][random.below(4)];
        Self { kind: (seed % KINDS.len() as u64) as usize, percent, most }
    }
}

struct Shared {
    upstream: SocketAddr,
    plan: Plan,
    seed: u64,
    /// How often each request came, by its digest: the fate of an answer depends on the request and not on which thread is first.
    attempts: Mutex<BTreeMap<u64, u64>>,
    stop: AtomicBool,
}

/// A proxy for one run; its threads end with it.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    pub(crate) fn start(world: &World, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: world.address(),
            plan: Plan::of(seed),
            seed,
            attempts: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stop.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                // A client that closes the connection is not the proxy's problem.
                thread::spawn(move || drop(serve(&stream, &shared)));
            }
        });
        Self { address, shared }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    let mut head = request.replace("HTTP/1.1", "HTTP/1.0");
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if !lower.starts_with("connection:") && !lower.starts_with("accept-encoding:") {
            head += &line;
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let (status, answer) = pass_on(shared.upstream, &[head.as_bytes(), b"\r\n", &body].concat())?;
    let delivery = match change(shared, &[request.as_bytes(), &body].concat(), answer) {
        Ok(changed) => changed,
        Err(answer) => Delivery::Whole { status, headers: Vec::new(), body: answer },
    };
    deliver(stream, delivery, shared)
}

fn pass_on(upstream: SocketAddr, request: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(upstream)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let status = String::from_utf8_lossy(&answer[..end]).split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(502);
    Ok((status, answer.split_off(end)))
}

/// The modified answer, or the original if this one is left alone.
fn change(shared: &Shared, request: &[u8], answer: Vec<u8>) -> Result<Delivery, Vec<u8>> {
    let digest = request
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let attempt = {
        let mut attempts = shared.attempts.lock().unwrap();
        let attempt = attempts.entry(digest).or_default();
        *attempt += 1;
        *attempt
    };
    let mut random = Rng::named(shared.seed, &format!("{digest} {attempt}"));
    if !random.percent(shared.plan.percent) || attempt > shared.plan.most {
        return Err(answer);
    }
    Ok(KINDS[shared.plan.kind].1(answer, &mut random))
}

fn deliver(mut stream: &TcpStream, delivery: Delivery, shared: &Shared) -> std::io::Result<()> {
    let head = |status: u16, more: &str| format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{more}\r\n").into_bytes();
    match delivery {
        Delivery::Whole { status, headers, body } => {
            let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            stream.write_all(&head(status, &format!("content-length: {}\r\n{headers}", body.len())))?;
            stream.write_all(&body)
        }
        Delivery::WrongLength { body, claimed } => {
            stream.write_all(&head(200, &format!("content-length: {claimed}\r\n")))?;
            stream.write_all(&body)
        }
        Delivery::Slow { body, piece, pause } => {
            stream.write_all(&head(200, &format!("content-length: {}\r\n", body.len())))?;
            for part in body.chunks(piece) {
                stream.write_all(part)?;
                thread::sleep(pause);
            }
            Ok(())
        }
        Delivery::Reset => Ok(()),
        Delivery::Silent => {
            let step = Duration::from_millis(100);
            (0..MAX_SILENCE.as_millis() / step.as_millis())
                .take_while(|_| !shared.stop.load(Ordering::SeqCst))
                .for_each(|_| thread::sleep(step));
            Ok(())
        }
        Delivery::Endless => {
            stream.write_all(&head(200, ""))?;
            stream.write_all(br#"{"status":"success","data":{"resultType":"matrix","result":["#)?;
            let piece = vec![b' '; 64 << 10];
            (0..MAX_ENDLESS / piece.len()).try_for_each(|_| stream.write_all(&piece))
        }
    }
}
