//! A hostile HTTP server in front of the client: every failure is named, with advice on what to try next.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use automap_sources::prometheus::{Auth, Client, Grid, teams};
use automap_sources::secret::SecretSource;

use crate::support::{self, Framing, NOW, Reply, Server, options};

const OK: &str =
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"2"]}]}}"#;

/// The message of a query answered with this reply, and the number of requests it took.
fn message(reply: Reply) -> (String, usize) {
    let server = Server::start(move |_| reply.clone());
    let error = server.client().instant("up", NOW).unwrap_err().to_string();
    assert!(error.starts_with(&server.url), "{error}");
    (error, server.requests().len())
}

/// Replies in turn; the last one is repeated.
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
        // A GET shows whether 403 concerns POST or the credentials.
        let asked = if reply.status == 403 { 2 } else { 1 };
        let (text, requests) = message(reply);
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("s3cret") && !text.contains("pw"), "{text}");
        assert_eq!(requests, asked, "{text}");
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

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn however_a_proxy_sends_an_answer_it_is_read() {
    let gzipped = || Reply::new(200, gzip(OK)).header("content-encoding", "gzip");
    for reply in [
        Reply::new(200, OK).header("content-encoding", "identity"),
        Reply::new(200, OK).framed(Framing::Chunked),
        Reply::new(200, OK).framed(Framing::Close),
        gzipped(),
        gzipped().framed(Framing::Chunked),
        gzipped().framed(Framing::Close),
        Reply::new(200, gzip(OK)),
    ] {
        let server = Server::start(move |_| reply.clone());
        assert_eq!(server.client().instant("up", NOW).unwrap().series[0].points[0].1, 2.0);
    }
}

#[test]
fn an_answer_that_breaks_off_is_an_error_however_it_is_sent() {
    let half = |body: &[u8]| body[..body.len() / 2].to_vec();
    for (reply, expected) in [
        (Reply::new(200, half(OK.as_bytes())).framed(Framing::Close), "breaks off"),
        (Reply::new(200, half(OK.as_bytes())).framed(Framing::Chunked), "breaks off"),
        (
            Reply::new(200, half(&gzip(OK))).header("content-encoding", "gzip").framed(Framing::Close),
            "the compressed answer is damaged",
        ),
        (Reply::new(200, OK).header("content-encoding", "br"), "Content-Encoding br, which was not asked for"),
        (
            Reply::new(422, gzip(r#"{"status":"error","errorType":"execution","error":"oops"}"#))
                .header("content-encoding", "gzip"),
            "execution: oops",
        ),
    ] {
        let (text, _) = message(reply);
        assert!(text.contains(expected), "{text}");
    }
}

/// Accepts GET only; everything else is answered with this status.
fn get_only(status: u16) -> Server {
    Server::start(move |request| match request.method.as_str() {
        "GET" => Reply::new(200, OK),
        _ => Reply::new(status, "no"),
    })
}

#[test]
fn where_post_is_refused_get_is_used_and_remembered() {
    for status in [403, 405, 501] {
        let server = get_only(status);
        let client = server.client();
        for _ in 0..3 {
            client.clone().instant("up{a=\"b&c\"}", NOW).unwrap();
        }
        let methods: Vec<String> = server.requests().iter().map(|r| r.method.clone()).collect();
        assert_eq!(methods, ["POST", "GET", "GET", "GET"]);
        assert_eq!(server.requests()[3].query(), "up{a=\"b&c\"}");
    }
}

#[test]
fn where_get_is_refused_too_the_first_refusal_is_told() {
    for (by_get, expected) in [
        (Reply::new(403, ""), "403: these credentials may not query"),
        (Reply::new(401, ""), "403: these credentials may not query"),
        (Reply::new(405, ""), "403: these credentials may not query"),
        (Reply::new(302, "").header("location", "https://sso"), "403: these credentials may not query"),
        (Reply::new(414, "<html>"), "the query is too long for GET"),
        (Reply::new(400, r#"{"status":"error","errorType":"bad_data","error":"oops"}"#), "bad_data: oops"),
    ] {
        let server = Server::start(move |request| match request.method.as_str() {
            "GET" => by_get.clone(),
            _ => Reply::new(403, "Forbidden"),
        });
        let text = server.client().instant("up", NOW).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
    let endless = "x".repeat(70_000);
    let text = get_only(405).client().instant(&endless, NOW).unwrap_err().to_string();
    assert!(text.contains("too long for GET (70") && text.contains("large_client_header_buffers"), "{text}");
}

#[test]
fn parameters_of_the_address_are_sent_with_every_request_and_never_told() {
    let server = get_only(405);
    let mut tenant = options(&format!("{}/prefix/?token=s3cret&namespace=old", server.url));
    tenant.parameters.push(("namespace".into(), "a b&c".into()));
    let client = Client::new(tenant).unwrap();
    client.instant("up", NOW).unwrap();
    for request in server.requests() {
        assert_eq!((request.path.as_str(), request.query()), ("/prefix/api/v1/query", "up"));
        assert_eq!((&*request.parameters["token"], &*request.parameters["namespace"]), ("s3cret", "a b&c"));
    }
    drop(server);
    let error = client.instant("up", NOW).unwrap_err();
    for text in [error.to_string(), format!("{error:?}"), format!("{client:?}"), client.address().to_owned()] {
        assert!(!text.contains("s3cret") && !text.contains("a b"), "{text}");
    }
    let mut bad = options("http://h");
    bad.parameters.push(("query".into(), "s3cret".into()));
    let text = Client::new(bad).unwrap_err().to_string();
    assert!(text.contains("sets the parameter query") && !text.contains("s3cret"), "{text}");
}

/// Answers ranges up to this number of points and rejects longer ones with this message.
fn refusing_beyond(points: i64, refusal: Reply) -> Server {
    Server::start(move |request| {
        let number = |name: &str| request.form[name].parse::<f64>().unwrap();
        let asked = (number("end") - number("start")) / number("step") + 1.0;
        if asked > points as f64 { refusal.clone() } else { support::shop::Shop::of(2).answer(request) }
    })
}

#[test]
fn a_range_that_costs_too_much_is_asked_for_in_pieces() {
    let api = |kind: &str, text: &str| format!(r#"{{"status":"error","errorType":"{kind}","error":"{text}"}}"#);
    let grid = Grid { start: NOW, end: NOW.plus_ms(240 * 15_000), step_ms: 15_000 };
    let whole = refusing_beyond(1000, Reply::new(500, "")).client().range("sum by (pod) (x)", grid).unwrap();
    for reply in [
        Reply::new(
            422,
            api("execution", "query processing would load too many samples into memory in query execution"),
        ),
        Reply::new(
            422,
            api("422", "cannot select more than -search.maxSamplesPerQuery=2000 samples; possible solutions"),
        ),
        Reply::new(
            422,
            api("execution", "the query exceeded the maximum number of chunks (err-mimir-max-chunks-per-query)"),
        ),
        Reply::new(422, "exceeded series limit: limit exceeded"),
        Reply::new(503, api("timeout", "query timed out in expression evaluation")),
    ] {
        let is_slow = reply.status == 503;
        let server = refusing_beyond(if is_slow { 70 } else { 10 }, reply);
        let pieces = server.client().range("sum by (pod) (x)", grid).unwrap();
        assert_eq!(pieces, whole);
        assert_eq!(whole.series[0].points.len(), 241);
        assert!(server.requests().len() <= if is_slow { 2 + 4 } else { 5 + 32 }, "{}", server.requests().len());
    }
}

#[test]
fn a_range_that_stays_too_much_is_refused_with_the_reason() {
    let grid = Grid { start: NOW, end: NOW.plus_ms(240 * 15_000), step_ms: 15_000 };
    let reason =
        r#"{"status":"error","errorType":"execution","error":"query would load too many samples into memory"}"#;
    let server = refusing_beyond(0, Reply::new(422, reason));
    let error = server.client().range("sum by (pod) (x)", grid).unwrap_err();
    assert!(error.is_too_much() && error.to_string().contains("would load too many samples into memory"), "{error}");
    assert_eq!(server.requests().len(), 6);

    // An invalid query remains invalid in every piece.
    let server =
        refusing_beyond(0, Reply::new(400, r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#));
    server.client().range("sum by (", grid).unwrap_err();
    assert_eq!(server.requests().len(), 1);
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
