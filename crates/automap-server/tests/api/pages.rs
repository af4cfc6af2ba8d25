//! The data behind the web interface: for its pages, the downloads, and the page itself.

use automap_core::incident::MAX_NOTES;

use super::server::Server;

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_page_about_an_incident_has_its_data_its_map_and_its_files() {
    let server = Server::new();
    let dossier = server.send("GET", "/api/v1/incidents/shop-4/dossier", &[], "").await.json();
    assert_eq!(dossier["report"]["verdict"]["service"], "payment");

    let map = server.send("GET", "/api/v1/incidents/shop-4/map?scope=affected", &[], "").await.json();
    let names: Vec<&str> =
        map["placed"]["nodes"].as_array().unwrap().iter().map(|n| n["service"].as_str().unwrap()).collect();
    assert_eq!(names, ["front-end", "orders", "payment"]);
    assert!(map["placed"]["width"].as_f64().unwrap() > 100.0 && map["folded"] == 0);
    assert_eq!(map["placed"]["edges"][0]["points"].as_array().unwrap().len() % 3, 1);

    let html = server.send("GET", "/api/v1/incidents/shop-4/page.html?utc_offset_min=480", &[], "").await;
    let text = String::from_utf8(html.body.clone()).unwrap();
    assert!(text.starts_with("<!doctype html>") && text.contains("UTC+08:00"));
    assert!(html.header("content-disposition").starts_with("attachment"));
    assert!(html.header("content-security-policy").contains("sandbox"));
    let markdown = server.send("GET", "/api/v1/incidents/shop-4/page.md", &[], "").await;
    assert!(markdown.header("content-type").starts_with("text/markdown"));

    for (path, status) in [
        ("/api/v1/incidents/nobody/dossier", 404),
        ("/api/v1/incidents/shop-4/map?scope=some", 400),
        ("/api/v1/incidents/shop-4/page.html?utc_offset_min=100000", 400),
        ("/api/v1/targets/shop/services/nobody", 404),
        ("/api/v1/targets/nobody/map", 404),
    ] {
        assert_eq!(server.send("GET", path, &[], "").await.status, status, "{path}");
    }
}

#[tokio::test]
async fn an_incident_takes_notes_and_gives_its_capture() {
    let server = Server::new();
    let noted =
        server.send("POST", "/api/v1/incidents/shop-4/notes", &[JSON], r#"{"text":" a disk was full\n"}"#).await;
    let last = noted.json()["timeline"].as_array().unwrap().last().cloned().unwrap();
    assert_eq!((&last["kind"], last["text"].as_str().unwrap().ends_with(": a disk was full")), (&"noted".into(), true));
    for (text, status) in [("   ".to_owned(), 400), ("x".repeat(1001), 400), ("x".repeat(1000), 200)] {
        let body = serde_json::json!({ "text": text }).to_string();
        assert_eq!(server.send("POST", "/api/v1/incidents/shop-4/notes", &[JSON], body).await.status, status);
    }
    // There are two by now. No accepted note is dropped for a later one, which is refused instead.
    let write = || server.send("POST", "/api/v1/incidents/shop-4/notes", &[JSON], r#"{"text":"more"}"#);
    for _ in 2..MAX_NOTES {
        assert_eq!(write().await.status, 200);
    }
    let beyond = write().await;
    assert_eq!(beyond.status, 422);
    assert!(beyond.json()["detail"].as_str().unwrap().contains("holds 50 notes"), "{}", beyond.json());
    assert_eq!(server.send("POST", "/api/v1/incidents/nobody/notes", &[JSON], r#"{"text":"x"}"#).await.status, 404);
    let capture = server.send("GET", "/api/v1/incidents/shop-4/capture.parquet", &[], "").await;
    assert_eq!(
        (capture.body.as_slice(), capture.header("content-type")),
        (&b"PAR1"[..], "application/vnd.apache.parquet")
    );
    assert!(capture.header("content-disposition").contains("incident.parquet"));
}

#[tokio::test]
async fn a_target_tells_what_is_seen_of_it_and_a_period_its_experiments() {
    let server = Server::new();
    let seen = server.send("GET", "/api/v1/targets/shop/coverage", &[], "").await.json();
    assert_eq!((&seen["target"], &seen["step_s"]), (&"shop".into(), &15.0.into()));
    assert_eq!(server.send("GET", "/api/v1/targets/nobody/coverage", &[], "").await.status, 404);
    let day = "/api/v1/experiments?since=2025-11-23T00:00:00Z&until=";
    let list = server.send("GET", &format!("{day}2025-11-24T00:00:00Z"), &[], "").await.json();
    assert_eq!((&list["experiments"][0]["places"][0], &list["omitted"]), (&"payment".into(), &0.into()));
    assert_eq!(server.send("GET", &format!("{day}2025-11-22T00:00:00Z"), &[], "").await.status, 400);
}

#[tokio::test]
async fn a_service_has_its_series_and_its_neighbours() {
    let server = Server::new();
    let payment = server.send("GET", "/api/v1/targets/shop/services/payment", &[], "").await.json();
    assert_eq!(payment["callers"][0], "orders");
    let around = server.send("GET", "/api/v1/targets/shop/map?around=payment", &[], "").await.json();
    assert!(around["map"]["nodes"].as_array().unwrap().len() >= 2);
    let nobody = server.send("GET", "/api/v1/targets/shop/map?around=nobody", &[], "").await.json();
    assert_eq!((nobody["map"]["nodes"].as_array().unwrap().len(), &nobody["folded"]), (0, &3.into()));
}

/// Whether `web/dist` contained the page at compile time decides what `/` returns, but it always answers.
#[cfg(feature = "web")]
#[tokio::test]
async fn the_page_is_open_to_all_and_says_what_it_may_do() {
    let token = super::server::file("viewer-token");
    let yaml = format!("auth: {{ tokens: [{{ name: t, role: viewer, from: {{ file: {token:?} }} }}] }}");
    let server = Server::with(&yaml).keeping(vec![token]);
    let page = server.send("GET", "/", &[], "").await;
    assert_eq!(page.status, 200);
    let text = String::from_utf8(page.body.clone()).unwrap();
    if !text.contains("<div id=\"app\">") {
        assert!(text.contains("make build") && page.header("content-type").starts_with("text/plain"));
        return;
    }
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !text.contains("<script>") && !text.contains("<style"));
    assert_eq!((page.header("cache-control"), page.header("x-content-type-options")), ("no-cache", "nosniff"));
    let again = server.send("GET", "/incidents/shop-4", &[("if-none-match", page.header("etag"))], "").await;
    assert_eq!(again.status, 304, "an address of the page is the page");

    let script = text.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let asset = server.send("GET", script, &[("accept-encoding", "gzip, br")], "").await;
    assert_eq!((asset.status, asset.header("content-encoding")), (200, "gzip"));
    assert!(asset.header("cache-control").contains("immutable"));
    assert!(asset.body.starts_with(&[0x1f, 0x8b]));
    assert_eq!(server.send("GET", script, &[], "").await.header("content-encoding"), "");
}

#[cfg(feature = "web")]
#[tokio::test]
async fn a_wrong_path_of_the_api_is_no_page() {
    let server = Server::new();
    for path in ["/api/v1/nothing", "/api", "/metrics/x", "/assets/gone.js"] {
        let reply = server.send("GET", path, &[], "").await;
        assert_eq!((reply.status, reply.header("content-type")), (404, "application/problem+json"), "{path}");
    }
    assert_eq!(server.send("POST", "/", &[("origin", "http://localhost:9977")], "").await.status, 404);
}

#[tokio::test]
async fn the_card_of_a_service_may_be_shown_where_the_configuration_says() {
    let server = Server::with("embed: { frame_ancestors: ['https://backstage.example.org'] }");
    let card = |service: &str| format!("/api/v1/targets/shop/services/{service}/card.html");
    let of_cause = server.send("GET", &card("payment"), &[], "").await;
    let text = String::from_utf8(of_cause.body.clone()).unwrap();
    assert!(text.contains("this is the cause, 86 % sure") && text.contains("href=\"../../../../../../incidents/shop-"));
    let policy = of_cause.header("content-security-policy");
    assert!(policy.ends_with("frame-ancestors 'self' https://backstage.example.org"), "{policy}");
    let of_victim = String::from_utf8(server.send("GET", &card("orders"), &[], "").await.body).unwrap();
    assert!(of_victim.contains("it suffers from payment"), "{of_victim}");
    let unseen = server.send("GET", &card("%3Cimg%20src=x%20onerror=alert(1)%3E"), &[], "").await;
    let text = String::from_utf8(unseen.body.clone()).unwrap();
    assert!(text.contains("no metrics of it are in shop now") && !text.contains("<img"), "{text}");
    let nobody = server.send("GET", "/api/v1/targets/nobody/services/payment/card.html", &[], "").await;
    assert_eq!(nobody.status, 404);
}
