//! Tests over real connections: slow and endless heads, many connections, TLS, shutdown.

use std::time::Duration;

use automap_server::api::{ApiConfig, serve_on};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::server::{Server, log_lines};

struct Running {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
    server: Server,
}

async fn run(yaml: &str, deadline: Duration) -> Running {
    let config: ApiConfig = serde_saphyr::from_str(yaml).unwrap();
    let server = Server::idle(config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let app = server.app.clone();
    let ended = tokio::spawn(async move {
        let shutdown = async move { drop(stopped.await) };
        serve_on(listener, app, shutdown, deadline).await.unwrap();
    });
    Running { address, stop, ended, server }
}

/// Everything received until the other end closes. Fails if it does not, instead of hanging.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let read = stream.read_to_end(&mut text);
    assert!(tokio::time::timeout(PATIENCE, read).await.is_ok(), "the other end does not close");
    String::from_utf8_lossy(&text).into_owned()
}

async fn ask(running: &Running, request: &str) -> String {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    // The other end may refuse before it has read everything.
    let _ = stream.write_all(request.as_bytes()).await;
    rest(stream).await
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// Less than the HTTP library's own timeout (30 s).
const PATIENCE: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_request_is_answered_over_a_connection() {
    let running = run("{}", LONG).await;
    assert!(ask(&running, HEALTH).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_sends_a_slow_or_endless_head_is_disconnected() {
    let running = run("limits: { header_timeout_s: 1 }", LONG).await;
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost: local").await.unwrap();
    let text = rest(slow).await;
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "closed, with or without a word: {text}");
    let silent = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(rest(silent).await, "");
    let endless = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert!(!ask(&running, &endless).await.starts_with("HTTP/1.1 200"));
    let many = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "a: b\r\n".repeat(100));
    assert!(!ask(&running, &many).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&running, HEALTH).await.starts_with("HTTP/1.1 200"), "the others are served");
}

#[tokio::test]
async fn a_body_is_not_read_beyond_its_limits_of_size_and_time() {
    let running = run("limits: { request_timeout_s: 1 }", LONG).await;
    let head = "POST /api/v1/alerts/grafana HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let large = format!("{head}transfer-encoding: chunked\r\n\r\n200000\r\n{}", "x".repeat(0x20_0000));
    let text = ask(&running, &large).await;
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 413"), "{text}");
    let slow = format!("{head}content-length: 100\r\n\r\n{{");
    let text = ask(&running, &slow).await;
    assert!(text.starts_with("HTTP/1.1 503") && text.contains("no answer within 1 s"), "{text}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let running = run("limits: { connections: 1 }", LONG).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut begun = [0u8; 12];
    first.read_exact(&mut begun).await.unwrap();
    let mut second = TcpStream::connect(running.address).await.unwrap();
    second.write_all(HEALTH.as_bytes()).await.unwrap();
    let asked = || log_lines().len();
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(asked(), 1, "the second is not served while the first is there");
    drop(first);
    assert!(rest(second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn one_client_cannot_hold_all_connections() {
    let running = run("limits: { connections_per_client: 1 }", LONG).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    first.read_exact(&mut [0u8; 12]).await.unwrap();
    assert_eq!(ask(&running, HEALTH).await, "", "closed at once");
    drop(first);
    while ask(&running, HEALTH).await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn shutdown_waits_for_answers_and_not_for_event_streams() {
    let running = run("{}", LONG).await;
    running.server.system.hold();
    let mut listener = TcpStream::connect(running.address).await.unwrap();
    listener.write_all(b"GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut begun = [0u8; 12];
    listener.read_exact(&mut begun).await.unwrap();
    let body = r#"{"target": "shop"}"#;
    let request = format!(
        "POST /api/v1/diagnoses?wait=true HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut waiting = TcpStream::connect(running.address).await.unwrap();
    waiting.write_all(request.as_bytes()).await.unwrap();
    while !running.server.router_has_job().await {
        tokio::task::yield_now().await;
    }
    running.stop.send(()).unwrap();
    rest(listener).await;
    assert!(!running.ended.is_finished(), "a request is still under way");
    running.server.system.let_go();
    assert!(rest(waiting).await.starts_with("HTTP/1.1 200"));
    running.ended.await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn shutdown_has_a_deadline() {
    let running = run("{}", Duration::from_millis(1)).await;
    running.server.system.hold();
    let body = r#"{"target": "shop"}"#;
    let head = "POST /api/v1/diagnoses?wait=true HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    let mut waiting = TcpStream::connect(running.address).await.unwrap();
    waiting.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    while !running.server.router_has_job().await {
        tokio::task::yield_now().await;
    }
    running.stop.send(()).unwrap();
    running.ended.await.unwrap();
    running.server.system.let_go();
}
