//! A hostile HTTP server in front of the client: every failure is named, and says what to try next.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use automap_sources::prometheus::{Auth, Client, Grid, teams};
use automap_sources::secret::SecretSource;
use support::{NOW, Reply, Server, options};

const OK: &str =
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"2"]}]}}"#;

/// The message of a query that this reply answers, and the number of requests it took.
fn message(reply: Reply) -> (String, usize) {
    let server = Server::start(move |_| reply.clone());
    let error = server.client().instant("up", NOW).unwrap_err().to_string();
    assert!(error.starts_with(&server.url), "{error}");
    (error, server.requests().len())
}

/// Replies in turn; the last one stays.
fn in_turn(replies: Vec<Reply>) -> Server {
    let turn = AtomicUsize::new(0);
    Server::start(move |_| replies[turn.fetch_add(1, Ordering::SeqCst).min(replies.len() - 1)].clone())
}

#[test]
fn refusals_are_named_and_not_repeated() {
    let api = |kind: &str, text: &str| format!(r#"{{"status":"error","errorType":"{kind}","error":"{text}"}}"#);
    for (reply, expected) in [
        (Reply::new(401, "no"), "401: the server wants credentials"),
        (Reply::new(403, "<html>"), "403: these credentials may not query"),
        (Reply::new(404, "<html><title>Not found</title>"), "is a path prefix missing"),
        (Reply::new(404, "404 page not found"), "is a path prefix missing"),
        (Reply::new(200, "<!doctype html><title>Log in</title>"), "web page (\"Log in\")"),
        (Reply::new(200, &OK[..60]), "breaks off"),
        (Reply::new(200, "{}"), "breaks off or is not Prometheus' JSON"),
        (Reply::new(400, api("bad_data", "parse error: at char 3")), "bad_data: parse error: at char 3"),
        (Reply::new(422, api("execution", "query would load too many samples into memory")), "larger step"),
        (Reply::new(503, api("timeout", "query timed out in expression evaluation")), "timeout: query timed out"),
        (
            Reply::new(302, "").header("location", "https://u:pw@sso.example.com/login?state=s3cret"),
            "302: the server redirects to https://sso.example.com, which is not followed",
        ),
    ] {
        let (text, requests) = message(reply);
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("s3cret") && !text.contains("pw"), "{text}");
        assert_eq!(requests, 1, "{text}");
    }
}

#[test]
fn what_may_pass_is_tried_three_times() {
    let mut cut = Reply::new(200, OK);
    cut.missing = 10;
    for (reply, expected) in [
        (Reply::new(503, "Service Unavailable"), "503: the server is starting or stopping"),
        (Reply::new(503, "<html><title>503 upstream</title>"), "HTTP status 503: 503 upstream"),
        (Reply::new(502, "bad gateway"), "HTTP status 502: bad gateway"),
        (Reply::new(504, ""), "HTTP status 504: no text"),
        (Reply::new(429, "slow down"), "429: the server limits our rate"),
        (Reply::new(500, r#"{"status":"error","errorType":"internal","error":"disk"}"#), "internal: disk"),
        (cut, "the connection broke"),
    ] {
        let (text, requests) = message(reply);
        assert!(text.contains(expected), "{text}");
        assert_eq!(requests, 3, "{text}");
    }
}

#[test]
fn a_server_that_comes_up_is_waited_for() {
    let server = in_turn(vec![Reply::new(503, "Service Unavailable"), Reply::new(200, OK)]);
    let client = server.client();
    let answer = client.instant("up", NOW).unwrap();
    assert_eq!(answer.series[0].points[0].1, 2.0);
    let stats = client.stats();
    assert_eq!((stats.requests, stats.retries, stats.bytes), (2, 1, OK.len() as u64));
}

#[test]
fn retry_after_is_obeyed_up_to_the_cap() {
    let busy = Reply::new(429, "").header("retry-after", "1");
    let server = in_turn(vec![busy.clone(), Reply::new(200, OK)]);
    let start = Instant::now();
    server.client().instant("up", NOW).unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1), "waited only {:?}", start.elapsed());

    let server = in_turn(vec![Reply::new(429, "").header("retry-after", "86400"), Reply::new(200, OK)]);
    let mut impatient = options(&server.url);
    impatient.retry.cap = Duration::from_millis(1);
    Client::new(impatient).unwrap().instant("up", NOW).unwrap();
}

#[test]
fn nobody_there() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = Client::new(options(&format!("http://{free}"))).unwrap().instant("up", NOW).unwrap_err().to_string();
    assert!(refused.contains("connection refused; is Prometheus listening there"), "{refused}");
}

#[test]
fn no_answer_in_time() {
    let mut slow = Reply::new(200, OK);
    slow.delay = Duration::from_secs(5);
    let server = Server::start(move |_| slow.clone());
    let mut hasty = options(&server.url);
    hasty.timeout = Duration::from_millis(300);
    let text = Client::new(hasty).unwrap().instant("up", NOW).unwrap_err().to_string();
    assert!(text.contains("no answer within 0.3 s"), "{text}");
    assert_eq!(server.requests()[0].form["timeout"], "0.300", "the server is told to give up, too");
}

#[test]
fn too_much_is_not_read() {
    let server = Server::start(|_| Reply::new(200, "x".repeat(5000)));
    let mut small = options(&server.url);
    small.max_body_bytes = 4096;
    let text = Client::new(small).unwrap().instant("up", NOW).unwrap_err().to_string();
    assert!(text.contains("larger than 4096 bytes"), "{text}");
}

#[test]
fn tls_needs_a_tls_server_and_usable_files() {
    let server = Server::start(|_| Reply::new(200, OK));
    let address = server.url.replace("http://", "https://");
    let text = Client::new(options(&address)).unwrap().instant("up", NOW).unwrap_err().to_string();
    assert!(text.contains("TLS failed"), "{text}");

    let mut no_ca = options(&address);
    no_ca.tls.ca_file = Some(PathBuf::from("/nonexistent/ca.pem"));
    let text = Client::new(no_ca).unwrap_err().to_string();
    assert!(text.contains("cannot use /nonexistent/ca.pem"), "{text}");

    let mut lonely = options(&address);
    lonely.tls.cert_file = Some(PathBuf::from("client.pem"));
    assert!(Client::new(lonely).unwrap_err().to_string().contains("needs its key file too"));
}

#[test]
fn secrets_arrive_and_are_never_told() {
    let server = Server::start(|_| Reply::new(401, "who is ann:s3cret?"));
    let mut known = options(&server.url.replace("http://", "http://ann:s3cret@"));
    known.headers.push(("X-Scope-OrgID".into(), "t3nant".into()));
    let client = Client::new(known).unwrap();
    let error = client.instant("up", NOW).unwrap_err();
    for text in [error.to_string(), format!("{error:?}"), format!("{client:?}"), client.address().to_owned()] {
        assert!(!text.contains("s3cret") && !text.contains("t3nant") && !text.contains("YW5u"), "{text}");
    }
    let headers = &server.requests()[0].headers;
    assert_eq!(headers["authorization"], "Basic YW5uOnMzY3JldA==");
    assert_eq!(headers["x-scope-orgid"], "t3nant");
}

#[test]
fn a_rotated_token_is_read_again() {
    let server = Server::start(|_| Reply::new(200, OK));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("automap-token");
    let mut bearer = options(&server.url);
    bearer.auth = Auth::Bearer { token: SecretSource::File(path.clone()) };
    let client = Client::new(bearer).unwrap();
    for token in ["first\n", "second"] {
        std::fs::write(&path, token).unwrap();
        client.instant("up", NOW).unwrap();
    }
    std::fs::remove_file(&path).unwrap();
    let gone = client.instant("up", NOW).unwrap_err().to_string();
    assert!(gone.contains("cannot use") && gone.contains("automap-token"), "{gone}");
    let sent: Vec<String> = server.requests().iter().map(|r| r.headers["authorization"].clone()).collect();
    assert_eq!(sent, ["Bearer first", "Bearer second"]);
}

#[test]
fn long_ranges_are_split_and_merged() {
    let server = Server::start(|request| support::shop::Shop::of(1).answer(request));
    let grid = Grid { start: NOW, end: NOW.plus_ms(24_999 * 1000), step_ms: 1000 };
    let answer = server.client().range("sum by (pod) (x)", grid).unwrap();
    assert_eq!(server.requests().len(), 3);
    assert_eq!(answer.series[0].points.len(), 25_000);
    assert!(answer.series[0].points.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn the_path_prefix_is_kept() {
    let server = Server::start(|_| Reply::new(200, OK));
    Client::new(options(&format!("{}/prometheus/", server.url))).unwrap().instant("up", NOW).unwrap();
    assert_eq!(server.requests()[0].path, "/prometheus/api/v1/query");
}

#[test]
fn teams_are_read_from_labels_and_a_service_says_more_than_its_workload() {
    let server = Server::start(|_| {
        let row = |kind: &str, name: &str, team: &str| {
            format!(
                r#"{{"metric":{{"__name__":"kube_{kind}_labels","{kind}":"{name}","label_owner_team":"{team}"}},"value":[1,"1"]}}"#
            )
        };
        let rows =
            [row("service", "orders", "shop"), row("deployment", "orders", "others"), row("statefulset", "db", "data")];
        Reply::new(
            200,
            format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#, rows.join(",")),
        )
    });
    let teams = teams(&server.client(), "sock\"shop", "ownerTeam", NOW).unwrap();
    assert_eq!(teams, [("db", "data"), ("orders", "shop")].map(|(s, t)| (s.to_owned(), t.to_owned())).into());
    let query = server.requests()[0].query().to_owned();
    assert!(query.contains(r#"namespace="sock\"shop",label_owner_team!="""#), "{query}");
}
