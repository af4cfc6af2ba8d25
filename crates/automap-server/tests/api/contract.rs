//! Schemathesis, a separate program, reads the OpenAPI document and checks the API against it. Run by `scripts/schemathesis.sh`.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use automap_server::api::serve_on;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::server::{Server, file};

/// Rules that a schema cannot express: cursors are opaque, a start must be before an end, and a target must exist.
const NOT_IN_A_SCHEMA: &str = "positive_data_acceptance";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis: run scripts/schemathesis.sh"]
async fn the_api_behaves_as_its_document_states() {
    let Ok(program) = std::env::var("AUTOMAP_SCHEMATHESIS") else {
        println!("SKIPPED: AUTOMAP_SCHEMATHESIS does not name the program; run scripts/schemathesis.sh");
        return;
    };
    let token = file("operator-token");
    let server = Server::idle(
        serde_saphyr::from_str(&format!(
            "auth: {{ tokens: [{{ name: t, role: operator, from: {{ file: {token:?} }} }}] }}
limits:
  {{ rate_burst: 1000000, rate_per_s: 100000, alerts_waiting: 65536, analyses_waiting: 1024, wrong_credentials_per_minute: 1000 }}"
        ))
        .unwrap(),
    );
    server.system.reachable.store(true, Ordering::SeqCst);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/api/v1/openapi.json", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let served = tokio::spawn(serve_on(listener, server.app.clone(), shutdown, Duration::from_secs(1)));
    let arguments = [
        "run",
        &address,
        "--checks",
        "all",
        "--exclude-checks",
        NOT_IN_A_SCHEMA,
        "--max-examples",
        "60",
        "--seed",
        "1",
        // A stream has no end to wait for.
        "--exclude-path",
        "/api/v1/events",
        "--no-color",
        "--header",
        "Authorization: Bearer operator-token",
    ];
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let run = tokio::task::spawn_blocking(move || Command::new(program).args(arguments).status());
    let status = run.await.unwrap().unwrap();
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
    assert!(status.success(), "schemathesis found something; its words are above");
}
