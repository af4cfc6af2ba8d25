//! Every route: its successful answer, and its problems.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use automap_server::api::document;
use serde_json::{Value, json};

use super::fake::NOW;
use super::server::{Reply, Server, log_lines};

fn ids(reply: &Reply) -> Vec<String> {
    let json = reply.json();
    json["incidents"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn incidents_are_listed_latest_first_and_filtered() {
    let server = Server::new();
    let list = async |query: &str| ids(&server.get(&format!("/api/v1/incidents{query}")).await);
    assert_eq!(list("").await, ["bank-5", "shop-4", "shop-3", "bank-2", "shop-1"]);
    assert_eq!(list("?target=shop&state=open,recovering").await, ["shop-4", "shop-3"]);
    assert_eq!(list("?since=2025-11-23T14:05:15Z&until=2025-11-23T14:07:15Z").await, ["shop-3", "bank-2"]);
    assert_eq!(list("?cause=nobody").await, Vec::<String>::new());
}

#[tokio::test]
async fn pages_have_no_gap_and_no_repetition() {
    let server = Server::new();
    let (mut seen, mut path) = (Vec::new(), "/api/v1/incidents?limit=2".to_owned());
    for _ in 0..10 {
        let reply = server.get(&path).await;
        seen.extend(ids(&reply));
        let Some(next) = reply.json()["next"].as_str().map(ToOwned::to_owned) else { break };
        path = format!("/api/v1/incidents?limit=2&after={next}");
    }
    assert_eq!(seen, ["bank-5", "shop-4", "shop-3", "bank-2", "shop-1"]);
}

#[tokio::test]
async fn an_incident_has_its_report_timeline_graph_and_explanation() {
    let server = Server::new();
    let get = async |path: &str| server.get(&format!("/api/v1/incidents/shop-4{path}")).await.json();
    assert_eq!(get("").await["report"]["verdict"]["service"], "payment");
    assert_eq!(get("/report").await["verdict"]["service"], "payment");
    assert_eq!(get("/timeline").await["entries"][0]["kind"], "opened");
    assert_eq!(get("/graph").await["nodes"][0]["service"], "front-end");
    let experiment = &get("/experiments").await["experiments"][0];
    assert_eq!((experiment["fault"].as_str(), experiment["ended"].is_null()), (Some("NetworkChaos delay"), true));
    assert_eq!(get("/explain/payment").await["rank"], 1);
}

#[tokio::test]
async fn a_target_has_a_state_services_profiles_and_objectives() {
    let server = Server::new();
    let get = async |path: &str| server.get(&format!("/api/v1/targets{path}")).await.json();
    let all = get("").await;
    assert_eq!(all["targets"][0]["state"], "watching");
    assert_eq!(all["targets"][1]["services"], Value::Null, "not looked at is not zero");
    assert_eq!(get("/shop").await["looked"], "2025-11-23T14:03:15Z");
    assert_eq!(get("/shop/report").await["engine"], "evidence");
    assert_eq!(get("/shop/services").await["services"][0]["service"], "orders");
    assert_eq!(get("/shop/profiles").await["profile_version"], 1);
    assert_eq!(get("/shop/slos").await["slos"][0]["state"], "met");
    let periods = "before_start=2025-11-23T13:00:00Z&before_end=2025-11-23T14:00:00Z&after_start=2025-11-23T14:00:00Z\
                   &after_end=2025-11-23T15:00:00Z";
    assert_eq!(get(&format!("/shop/compare?{periods}")).await["periods"][0]["source"], "shop");
}

#[tokio::test]
async fn flat_rows_hold_plain_values_only() {
    let server = Server::new();
    for path in ["/api/v1/flat/incidents", "/api/v1/flat/causes?target=shop", "/api/v1/flat/slos"] {
        let rows = server.get(path).await.json();
        let rows = rows.as_array().unwrap();
        assert!(!rows.is_empty(), "{path}");
        for (name, value) in rows.iter().flat_map(|r| r.as_object().unwrap()) {
            assert!(!value.is_object() && !value.is_array(), "{path}: {name} is {value}");
        }
    }
    let rows = server.get("/api/v1/flat/incidents?state=closed").await.json();
    assert_eq!((&rows[0]["duration_s"], &rows[0]["cause"]), (&json!(90.0), &json!("payment")));
    let causes = server.get("/api/v1/flat/causes?limit=1").await.json();
    assert_eq!(causes[0]["evidence"], "orders→payment latency 4 → 312 ms");
}

#[tokio::test]
async fn a_confirmed_cause_is_stored_with_its_user() {
    let server = Server::new();
    let reply = server.post("/api/v1/incidents/shop-4/confirm", &json!({"service": "orders"})).await;
    assert_eq!((reply.status, &reply.json()["confirmed"]), (200, &json!("orders")));
    let timeline = server.get("/api/v1/incidents/shop-4/timeline").await.json();
    assert_eq!(timeline["entries"][1]["text"], "anonymous says orders");
    let refused = server.post("/api/v1/incidents/shop-4/confirm", &json!({"service": "nobody"})).await;
    assert_eq!((refused.status, &refused.json()["next"]), (422, &json!("name one of its report")));
    assert!(log_lines().iter().any(|l| l.contains("confirmed: ")), "it is in the log");
}

#[tokio::test]
async fn a_problem_names_the_place_and_the_next_step() {
    let server = Server::new();
    for (path, status, place) in [
        ("/api/v1/nothing", 404, "route"),
        ("/api/v1/incidents/none", 404, "incident"),
        ("/api/v1/incidents/none/report", 404, "incident"),
        ("/api/v1/incidents/none/graph", 404, "incident"),
        ("/api/v1/incidents/shop-4/explain/none", 404, "service"),
        ("/api/v1/targets/none", 404, "target"),
        ("/api/v1/targets/none/report", 404, "target"),
        ("/api/v1/targets/bank/report", 404, "report yet of target"),
        ("/api/v1/targets/none/services", 404, "target"),
        ("/api/v1/diagnoses/7", 404, "diagnosis; the latest 128 are kept"),
        ("/api/v1/incidents?state=shut", 400, "query parameter state"),
        ("/api/v1/incidents?limit=0", 400, "query parameter limit"),
        ("/api/v1/incidents?limit=201", 400, "query parameter limit"),
        ("/api/v1/flat/causes?limit=51", 400, "query parameter limit"),
        ("/api/v1/incidents?after=x", 400, "query parameter after"),
        ("/api/v1/incidents?since=yesterday", 400, "query"),
        ("/api/v1/incidents?unknown=1", 400, "query"),
        ("/api/v1/targets/shop/compare", 400, "query"),
    ] {
        let reply = server.get(path).await;
        assert_eq!((reply.status, reply.header("content-type")), (status, "application/problem+json"), "{path}");
        let problem = reply.json();
        assert_eq!((&problem["place"], &problem["status"]), (&json!(place), &json!(status)), "{path}: {problem}");
        assert!(!problem["next"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty());
    }
    let reply = server.send("DELETE", "/api/v1/incidents", &[], "").await;
    assert_eq!((reply.status, reply.header("allow")), (405, "GET,HEAD"));
}

#[tokio::test]
async fn an_unchanged_answer_is_not_sent_again() {
    let server = Server::new();
    for path in ["/api/v1/incidents", "/api/v1/incidents/shop-4", "/api/v1/openapi.json", "/api/v1/targets"] {
        let first = server.get(path).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with('"'), "{path}");
        for header in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".into()] {
            let second = server.get_with(path, &[("if-none-match", &header)]).await;
            assert_eq!((second.status, second.body.len(), second.header("etag")), (304, 0, tag.as_str()), "{path}");
        }
        assert_eq!(server.get_with(path, &[("if-none-match", "\"other\"")]).await.status, 200);
    }
    let before = server.get("/api/v1/incidents/shop-4").await;
    server.post("/api/v1/incidents/shop-4/confirm", &json!({"service": "orders"})).await;
    let headers = [("if-none-match", before.header("etag"))];
    assert_eq!(server.get_with("/api/v1/incidents/shop-4", &headers).await.status, 200);
}

#[tokio::test]
async fn probes_distinguish_a_live_process_from_a_ready_one() {
    let server = Server::new();
    assert_eq!(server.get("/healthz").await.json()["status"], "ok");
    assert_eq!(server.get("/readyz").await.status, 200);
    server.store.set_gone(true);
    assert_eq!(server.get("/healthz").await.status, 200);
    let reply = server.get("/readyz").await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, "5"));
    assert!(!String::from_utf8_lossy(&reply.body).contains("memory"), "places are for the log");
    assert!(log_lines().iter().any(|l| l.contains("memory: gone")));
    server.store.set_gone(false);
    assert_eq!(server.get("/readyz").await.json()["warnings"], serde_json::json!([]), "it recovers by itself");
    assert!(String::from_utf8_lossy(&server.get("/metrics").await.body).contains("automap_store_writable 1"));
}

#[tokio::test]
async fn metrics_count_the_watcher_and_the_requests() {
    let server = Server::new();
    server.get("/healthz").await;
    server.get("/api/v1/incidents/made-up-1").await;
    let reply = server.get("/metrics").await;
    assert_eq!(reply.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(reply.body).unwrap();
    for part in [
        "automap_queries_total{target=\"shop\"} 12",
        "automap_outbox_messages 3",
        "automap_incidents{state=\"open\"} 1",
        "automap_build_info{version=",
        "route=\"/api/v1/incidents/{id}\",status=\"404\"",
        "process_resident_memory_bytes ",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("made-up"), "a path makes no series");
}

#[tokio::test]
async fn a_panic_is_answered_and_the_server_continues() {
    let server = Server::new();
    server.system.panics.store(true, Ordering::SeqCst);
    assert_eq!(server.get("/api/v1/targets").await.status, 500);
    server.system.panics.store(false, Ordering::SeqCst);
    assert_eq!(server.get("/api/v1/targets").await.status, 200);
}

/// The router cannot list its routes; each route of the document must be answered by its own handler, and an unknown path must not.
#[tokio::test]
async fn the_document_and_the_router_agree() {
    let server = Server::new();
    let document = server.get("/api/v1/openapi.json").await.json();
    assert_eq!(document, automap_server::api::document());
    assert_eq!(document["openapi"], "3.1.0");
    let mut operations = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let real = path.replace("{id}", "x").replace("{target}", "x").replace("{service}", "x");
        for (method, operation) in methods.as_object().unwrap() {
            assert!(
                operations.insert(operation["operationId"].as_str().unwrap().to_owned()),
                "{path} has a name twice"
            );
            let reply = server.send(&method.to_uppercase(), &real, &[], "").await;
            let found = reply.status != 405 && !String::from_utf8_lossy(&reply.body).contains("there is no route");
            assert!(found, "{method} {path} is in the document, and not in the router");
        }
        let allowed: BTreeSet<String> = methods.as_object().unwrap().keys().map(|m| m.to_uppercase()).collect();
        let reply = server.send("PATCH", &real, &[], "").await;
        let mut routed: BTreeSet<String> = reply.header("allow").split(',').map(ToOwned::to_owned).collect();
        routed.remove("HEAD");
        assert_eq!((reply.status, &routed), (405, &allowed), "{path}");
    }
}

#[test]
fn every_reference_of_the_document_resolves() {
    fn references(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                into.extend(map.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned));
                map.values().for_each(|v| references(v, into));
            }
            Value::Array(all) => all.iter().for_each(|v| references(v, into)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.contains("#/components/schemas/Incident") && found.contains("#/components/schemas/Report"));
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[tokio::test]
async fn a_mute_is_made_listed_and_ended() {
    let server = Server::new();
    let json = [("content-type", "application/json")];
    let body = json!({"services": ["*-db"], "until": NOW.plus_ms(60_000).rfc3339(), "reason": "move"}).to_string();
    let made = server.send("POST", "/api/v1/mutes", &json, body).await;
    assert_eq!((made.status, made.json()["services"][0].as_str()), (201, Some("*-db")));
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let listed = server.get("/api/v1/mutes").await.json();
    assert_eq!((listed["mutes"][0]["id"].as_str(), listed["mutes"][0]["origin"].as_str()), (Some(&*id), Some("store")));
    let past = json!({"until": NOW.plus_ms(-1).rfc3339()}).to_string();
    assert_eq!(server.send("POST", "/api/v1/mutes", &json, past).await.status, 422);
    let path = format!("/api/v1/mutes/{id}");
    assert_eq!(server.send("DELETE", &path, &[], String::new()).await.status, 200);
    assert_eq!(server.send("DELETE", &path, &[], String::new()).await.status, 404);
    assert_eq!(server.get("/api/v1/mutes").await.json()["mutes"], json!([]));
}

/// The router is built in one place, from the same routes as the document.
#[test]
fn no_route_is_made_outside_the_list_of_routes() {
    fn calls(folder: &Path, into: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                calls(&path, into);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                into.extend(text.lines().filter(|l| l.contains(".route(")).map(|l| l.trim().to_owned()));
            }
        }
    }
    let mut made = Vec::new();
    calls(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api"), &mut made);
    assert_eq!(made.len(), 1, "{made:#?}");
}

/// A schema of `true` allows anything: a generated client could not use the answer.
#[test]
fn every_schema_says_what_it_describes() {
    const OF_SCHEMAS: [&str; 3] = ["schema", "items", "additionalProperties"];
    fn open_schemas(value: &Value, place: &str, into: &mut Vec<String>) {
        for (key, inner) in value.as_object().into_iter().flatten() {
            let is_schema = OF_SCHEMAS.contains(&key.as_str()) || place.ends_with("/properties");
            let is_open = *inner == json!(true) || *inner == json!({});
            if is_schema && is_open {
                into.push(format!("{place}/{key}"));
            }
            open_schemas(inner, &format!("{place}/{key}"), into);
        }
        for inner in value.as_array().into_iter().flatten() {
            open_schemas(inner, place, into);
        }
    }
    let mut open = Vec::new();
    open_schemas(&document(), "", &mut open);
    assert_eq!(open, Vec::<String>::new());
}

#[test]
fn the_published_document_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let published: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let same = published == automap_server::api::document();
    assert!(same, "run `cargo run -p automap-server --example openapi > docs/openapi.json`");
}
