//! Checks that apply to every request: host name, origin, size, rate, headers.

use serde_json::json;

use super::server::{Server, log_lines};

#[tokio::test]
async fn an_unknown_host_name_is_refused_without_authentication() {
    let server = Server::new();
    let get = async |host: &str| server.get_with("/api/v1/targets", &[("host", host)]).await;
    for host in ["localhost", "127.0.0.1:9977", "[::1]:9977"] {
        assert_eq!(get(host).await.status, 200, "{host}");
    }
    let reply = get("evil.example:9977").await;
    assert_eq!(reply.status, 421);
    assert!(reply.json()["next"].as_str().unwrap().contains("api.hosts"));
    let named = Server::with("hosts: [automap.example]");
    assert_eq!(named.get_with("/api/v1/targets", &[("host", "automap.example")]).await.status, 200);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_change_anything() {
    let server = Server::new();
    let confirm = async |headers: &[(&str, &str)]| {
        let path = "/api/v1/incidents/shop-4/confirm";
        server.send("POST", path, headers, json!({"service": "orders"}).to_string()).await.status
    };
    let json = ("content-type", "application/json");
    assert_eq!(confirm(&[json, ("origin", "https://evil.example")]).await, 403);
    assert_eq!(confirm(&[json, ("origin", "null")]).await, 403);
    assert_eq!(confirm(&[json, ("sec-fetch-site", "cross-site")]).await, 403);
    assert_eq!(confirm(&[("content-type", "text/plain")]).await, 415, "a form can send this");
    assert_eq!(confirm(&[]).await, 415);
    assert!(server.get("/api/v1/incidents/shop-4").await.json()["confirmed"].is_null());
    assert_eq!(confirm(&[json, ("origin", "http://localhost:9977"), ("sec-fetch-site", "same-origin")]).await, 200);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let server = Server::with("limits: { body_bytes: 1000 }");
    let path = "/api/v1/alerts/alertmanager";
    let json = [("content-type", "application/json")];
    let reply = server.send("POST", path, &json, " ".repeat(1001)).await;
    assert_eq!((reply.status, &reply.json()["place"]), (413, &json!("body")));
    assert_eq!(server.send("POST", path, &json, " ".repeat(1000)).await.status, 400);
}

#[tokio::test]
async fn a_client_that_sends_too_many_requests_waits_and_others_do_not() {
    let server = Server::with("limits: { rate_burst: 3, rate_per_s: 1 }");
    let get = async |peer: &str, path: &str| server.send_from(peer, "GET", path, &[], "").await;
    for _ in 0..3 {
        assert_eq!(get("10.0.0.1:1", "/healthz").await.status, 200);
    }
    let reply = get("10.0.0.1:2", "/healthz").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, "1"));
    assert_eq!(get("10.0.0.2:1", "/healthz").await.status, 200);
    let alert = server.send_from("10.0.0.1:1", "POST", "/api/v1/alerts/grafana", &[], "").await;
    assert_eq!(alert.status, 503, "a sender of alerts must not give up");
    let address = "10.0.0.3:1";
    let forged = server.send_from(address, "GET", "/healthz", &[("x-forwarded-for", "10.0.0.1")], "").await;
    assert_eq!(forged.status, 200, "who is no proxy cannot ask in another's name");
}

/// An office behind one address opens the page when an incident begins.
#[cfg(feature = "web")]
#[tokio::test]
async fn files_of_the_page_are_not_counted_and_paths_like_them_are() {
    let server = Server::with("limits: { rate_burst: 3, rate_per_s: 1 }");
    let get = async |path: &str| server.send("GET", path, &[], "").await;
    let page = String::from_utf8(get("/").await.body).unwrap();
    let start = page.find("/assets/").unwrap();
    let asset = page[start..].split('"').next().unwrap();
    for _ in 0..10 {
        assert_eq!(get(asset).await.status, 200, "{asset}");
    }
    assert_eq!([get("/assets/gone.js").await.status, get("/assets/gone.js").await.status], [404, 404]);
    assert_eq!(get("/assets/gone.js").await.status, 429);
}

#[tokio::test]
async fn every_answer_has_security_headers_and_a_request_id() {
    let server = Server::new();
    for path in ["/api/v1/incidents", "/api/v1/nothing", "/healthz", "/api/v1/events"] {
        let reply = server.get_with(path, &[("x-request-id", "from-client.1_2")]).await;
        assert_eq!(reply.header("x-request-id"), "from-client.1_2");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    }
    let (mut seen, long) = (Vec::new(), "x".repeat(65));
    for unacceptable in ["", "a b", "a\tb", "<script>", &long] {
        seen.push(
            server.get_with("/healthz", &[("x-request-id", unacceptable)]).await.header("x-request-id").to_owned(),
        );
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5, "made, and different: {seen:?}");
    assert!(seen.iter().all(|id| id.len() < 30 && !id.contains('<')));
}

#[tokio::test]
async fn every_request_is_logged_without_its_query() {
    let server = Server::new();
    server.get_with("/api/v1/incidents?after=secret%0A&x=1", &[("x-request-id", "abc")]).await;
    let lines = log_lines();
    for part in
        ["INFO request: ", "status=400 ", "request_id=\"abc\"", "path=\"/api/v1/incidents\"", "client=127.0.0.1"]
    {
        assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
    }
    assert!(!lines[0].contains("secret"));
}
