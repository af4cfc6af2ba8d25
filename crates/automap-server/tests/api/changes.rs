//! Changes reported by webhooks: the result of each format, the answer to the sender, and what is stored.

use serde_json::{Value, json};

use super::server::{Reply, Server};

const PATH: &str = "/api/v1/changes";
/// Shortly before the time of the fake system.
const AT: &str = "2025-11-23T14:02:28Z";

fn answers(reply: &Reply) -> Vec<(String, String, Option<String>)> {
    assert_eq!(reply.status, 202, "{}", reply.json());
    let of = |answer: &Value| {
        let text = |key: &str| answer[key].as_str().map(str::to_owned);
        (text("outcome").unwrap(), text("target").unwrap_or_default(), text("service"))
    };
    reply.json()["changes"].as_array().unwrap().iter().map(of).collect()
}

fn one(outcome: &str, target: &str, service: Option<&str>) -> Vec<(String, String, Option<String>)> {
    vec![(outcome.to_owned(), target.to_owned(), service.map(str::to_owned))]
}

async fn kept(server: &Server) -> Vec<Value> {
    let page = server.get(PATH).await.json();
    page["changes"].as_array().unwrap().iter().map(|c| c["change"].clone()).collect()
}

#[tokio::test]
async fn the_plain_form_is_kept_once_and_answered_entry_by_entry() {
    let server = Server::new();
    let entry = json!({"id": "run-7", "at": AT, "kind": "release", "service": "orders", "from": "1.4.2", "to": "1.4.3", "namespace": "sock-shop",
                       "url": "https://ci.example/7"});
    let first = server.post(PATH, &entry).await;
    assert_eq!(answers(&first), one("taken", "shop", Some("orders")));
    let again = server.post(PATH, &json!([entry])).await;
    assert_eq!(
        (again.json()["repeated"].clone(), answers(&again)),
        (json!(1), one("repeated", "shop", Some("orders")))
    );
    let mixed = json!({"changes": [
        {"at": AT, "kind": "relaese", "service": "orders"},
        {"at": AT, "kind": "release", "service": "orders", "namespace": "elsewhere"},
        {"at": "2025-11-01T00:00:00Z", "kind": "release", "service": "orders", "target": "shop"},
        {"at": "2025-11-24T00:00:00Z", "kind": "release", "service": "orders", "target": "shop"},
        {"at": AT, "kind": "config_map", "service": "billing", "subject": "config map billing", "environment": "bank"},
        {"at": AT, "kind": "release", "service": "sock-shop/orders", "to": "1.4.4", "environment": "shop"},
    ]});
    let reply = server.post(PATH, &mixed).await;
    let outcomes: Vec<String> = answers(&reply).into_iter().map(|(outcome, ..)| outcome).collect();
    assert_eq!(outcomes, ["unreadable", "no_target", "out_of_time", "out_of_time", "taken", "taken"]);
    let reason = |i: usize| reply.json()["changes"][i]["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason(0).contains("'relaese', none of release, rollback"), "{}", reason(0));
    assert!(reason(1).contains("name one with ?target="), "{}", reason(1));
    assert!(reason(4).contains("know no service \"billing\""), "{}", reason(4));
    assert_eq!(kept(&server).await.len(), 3);
    let page = server.get(&format!("{PATH}?target=shop&limit=1")).await.json();
    let next = page["next"].as_str().unwrap();
    let rest = server.get(&format!("{PATH}?target=shop&limit=1&after={next}")).await.json();
    assert_eq!((rest["changes"].as_array().unwrap().len(), rest["next"].is_null()), (1, true));
    assert_ne!(rest["changes"][0]["id"], page["changes"][0]["id"]);
    assert_eq!(server.get(&format!("{PATH}?since=2025-11-23T14:03:00Z")).await.json()["changes"], json!([]));
    assert_eq!(server.get(&format!("{PATH}?limit=0")).await.status, 400);
}

#[tokio::test]
async fn cloud_events_come_structured_in_a_batch_or_binary() {
    let server = Server::new();
    let deployed = |id: &str, kind: &str| {
        json!({"specversion": "1.0", "id": id, "source": "ci", "type": format!("dev.cdevents.service.{kind}.0.3.0"), "time": AT, "data": {
            "context": {"version": "0.4.1", "id": id, "source": "ci", "timestamp": AT},
            "subject": {"id": "service/orders", "type": "service", "content": {"environment": {"id": "shop"},
                "artifactId": "pkg:oci/orders@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f?tag=1.4.3"}}}})
    };
    let path = format!("{PATH}/cloudevents");
    let send = async |media: &str, headers: &[(&str, &str)], body: &Value| {
        let mut all = vec![("content-type", media)];
        all.extend(headers);
        server.send("POST", &path, &all, body.to_string()).await
    };
    let reply = send("application/cloudevents+json", &[], &deployed("1", "deployed")).await;
    assert_eq!(answers(&reply), one("taken", "shop", Some("orders")));
    let batch = json!([deployed("1", "deployed"), deployed("2", "rolledback"), deployed("3", "published"), {"id": 4}]);
    let reply = send("application/cloudevents-batch+json; charset=utf-8", &[], &batch).await;
    let outcomes: Vec<String> = answers(&reply).into_iter().map(|(outcome, ..)| outcome).collect();
    assert_eq!(outcomes, ["unreadable", "no_effect", "taken", "repeated"]);
    let binary =
        [("ce-specversion", "1.0"), ("ce-id", "9"), ("ce-source", "ci"), ("ce-type", "my.change"), ("ce-time", AT)];
    let data = json!({"kind": "feature_flag", "subject": "newCheckout", "from": "off", "to": "on", "target": "shop"});
    assert_eq!(answers(&send("application/json", &binary, &data).await), one("taken", "shop", None));
    let kinds: Vec<Value> = kept(&server).await.into_iter().map(|c| json!([c["kind"], c["to"], c["at"]])).collect();
    for kind in [json!(["release", "1.4.3", AT]), json!(["rollback", "1.4.3", AT]), json!(["feature_flag", "on", AT])] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert_eq!(server.send("POST", &path, &[("content-type", "text/plain")], "{}").await.status, 415);
}

#[tokio::test]
async fn ids_that_look_alike_once_joined_with_their_source_are_different_events() {
    let server = Server::new();
    let subject = json!({"id": "orders", "content": {"environment": {"id": "shop"}}});
    let plain = json!({"kind": "other", "subject": "queue", "target": "shop"});
    let deployed = "dev.cdevents.service.deployed.0.3.0";
    for (kind, data) in [(deployed, json!({"subject": subject})), ("my.change", plain)] {
        for (source, id) in [("ci/shop", "42"), ("ci", "shop/42")] {
            let event =
                json!({"specversion": "1.0", "type": kind, "source": source, "id": id, "time": AT, "data": data});
            for expected in ["taken", "repeated"] {
                let reply = server.post(&format!("{PATH}/cloudevents"), &event).await;
                assert_eq!(answers(&reply)[0].0, expected, "{kind}: {source} and {id}");
            }
        }
    }
}

#[tokio::test]
async fn flux_flagger_and_annotations_are_understood() {
    let server = Server::new();
    let flux = |reason: &str, severity: &str| {
        json!({"involvedObject": {"kind": "HelmRelease", "namespace": "sock-shop", "name": "orders"}, "severity": severity, "timestamp": AT,
               "reason": reason, "message": "m", "metadata": {"helm.toolkit.fluxcd.io/revision": "1.4.3"}, "reportingController": "helm-controller"})
    };
    let tell = async |form: &str, body: Value| answers(&server.post(&format!("{PATH}/{form}"), &body).await);
    assert_eq!(tell("flux", flux("UpgradeSucceeded", "info")).await, one("taken", "shop", Some("orders")));
    assert_eq!(tell("flux", flux("UpgradeSucceeded", "info")).await[0].0, "repeated", "at every reconciliation");
    assert_eq!(tell("flux", flux("UpgradeFailed", "error")).await[0].0, "no_effect");
    let flagger = |phase: &str, message: &str| {
        json!({"name": "orders", "namespace": "sock-shop", "phase": phase,
               "metadata": {"eventMessage": message, "eventType": "Normal", "timestamp": "1763906548000"}})
    };
    let advance = flagger("Progressing", "Advance orders.sock-shop canary weight 10");
    assert_eq!(tell("flagger", advance).await, one("taken", "shop", Some("orders")));
    assert_eq!(tell("flagger", flagger("Waiting", "Halt advancement")).await[0].0, "no_effect");
    let annotation = json!({"time": 1_763_906_548_000_i64, "tags": ["deploy", "service:orders", "ns:sock-shop"], "text": "orders 1.4.3"});
    assert_eq!(tell("grafana", annotation).await, one("taken", "shop", Some("orders")));
    let said: Vec<Value> = kept(&server).await.into_iter().map(|c| json!([c["kind"], c["to"], c["source"]])).collect();
    for change in [
        json!(["sync", "1.4.3", "Flux"]),
        json!(["canary", "weight 10", "Flagger"]),
        json!(["release", null, "Grafana annotation"]),
    ] {
        assert!(said.contains(&change), "{said:?}");
    }
    assert_eq!(server.post(&format!("{PATH}/flux"), &json!({"a": 1})).await.status, 400);
}

#[tokio::test]
async fn a_revision_that_comes_back_is_a_change_and_one_that_stays_is_none() {
    let server = Server::new();
    for (time, reason, revision, outcome) in [
        ("2025-11-23T13:00:00Z", "UpgradeSucceeded", "1.1.0", "taken"),
        ("2025-11-23T13:01:00Z", "TestSucceeded", "1.1.0", "no_effect"),
        ("2025-11-23T13:10:00Z", "UpgradeSucceeded", "1.1.0", "repeated"),
        ("2025-11-23T13:20:00Z", "UpgradeSucceeded", "1.0.0", "taken"),
        ("2025-11-23T13:30:00Z", "UpgradeSucceeded", "1.1.0", "taken"),
        ("2025-11-23T13:40:00Z", "RollbackSucceeded", "1.1.0", "taken"),
        ("2025-11-23T13:40:00Z", "RollbackSucceeded", "1.1.0", "repeated"),
    ] {
        let body = json!({"involvedObject": {"kind": "HelmRelease", "namespace": "sock-shop", "name": "orders"}, "severity": "info",
                          "timestamp": time, "reason": reason, "metadata": {"revision": revision}});
        let reply = server.post(&format!("{PATH}/flux"), &body).await;
        assert_eq!(answers(&reply)[0].0, outcome, "{time}");
    }
}

#[tokio::test]
async fn github_proves_itself_by_its_signature() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "It's a Secret to Everybody\n").unwrap();
    let config = format!("changes: {{ github_secret: {{ file: {} }} }}", file.display());
    let server = Server::idle(serde_saphyr::from_str(&config).unwrap());
    let body = json!({
        "deployment": {"ref": "v1.4.3", "sha": "0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa", "environment": "shop"},
        "deployment_status": {"id": 77, "state": "success", "created_at": AT, "target_url": "https://github.example/run/1"},
        "repository": {"name": "orders", "full_name": "acme/orders"},
    });
    let body = body.to_string();
    let sign = |body: &str| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"It's a Secret to Everybody");
        let tag = ring::hmac::sign(&key, body.as_bytes());
        format!("sha256={}", tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    let send = async |event: &str, signature: &str, body: &str| {
        let headers =
            [("content-type", "application/json"), ("x-github-event", event), ("x-hub-signature-256", signature)];
        server.send("POST", &format!("{PATH}/github"), &headers, body.to_owned()).await
    };
    let signature = sign(&body);
    assert_eq!(answers(&send("deployment_status", &signature, &body).await), one("taken", "shop", Some("orders")));
    assert_eq!(kept(&server).await[0]["url"], "https://github.example/run/1");
    assert_eq!(answers(&send("ping", &sign("{}"), "{}").await)[0].0, "no_effect");
    let forged = send("deployment_status", &signature, &body.replace("success", "failure")).await;
    assert_eq!((forged.status, &forged.json()["place"]), (403, &json!("header X-Hub-Signature-256")));
    let mut last = 0;
    for _ in 0..20 {
        last = send("deployment_status", "", &body).await.status;
    }
    assert_eq!(last, 429, "guesses are counted");
    let without = Server::new();
    let refused = without.post(&format!("{PATH}/github"), &json!({})).await;
    assert_eq!(refused.status, 403, "{}", refused.json());
    assert!(refused.json().to_string().contains("api.changes.github_secret"));
}

#[tokio::test]
async fn changes_that_cannot_be_kept_are_not_acknowledged() {
    let server = Server::new();
    let entry = json!({"id": 7, "at": AT, "kind": "release", "service": "orders", "target": "shop"});
    server.system.store.set_gone(true);
    assert_eq!(server.post(PATH, &entry).await.status, 503, "the sender tries again");
    server.system.store.set_gone(false);
    assert_eq!(answers(&server.post(PATH, &entry).await)[0].0, "taken");
    assert_eq!(server.post(&format!("{PATH}?target=none"), &entry).await.status, 404);
    let deep = format!("{{\"a\": {}", "[".repeat(100_000));
    let reply = server.send("POST", PATH, &[("content-type", "application/json")], deep).await;
    assert_eq!(reply.status, 400);
    let many: Vec<Value> =
        (0..250).map(|i| json!({"id": i, "kind": "release", "service": "orders", "target": "shop"})).collect();
    let reply = server.post(PATH, &json!(many)).await.json();
    assert_eq!(
        (&reply["taken"], &reply["left_out"], reply["changes"].as_array().unwrap().len()),
        (&json!(199), &json!(50), 50)
    );
}

#[tokio::test]
async fn a_change_for_which_there_is_no_room_is_not_said_to_be_taken() {
    let server = Server::new();
    let later: Vec<Value> =
        (0..200).map(|i| json!({"kind": "other", "subject": format!("s{i}"), "target": "shop", "at": AT})).collect();
    for round in 0..5 {
        let mut later = later.clone();
        later.iter_mut().for_each(|entry| entry["id"] = format!("{round}-{}", entry["subject"]).into());
        assert_eq!(server.post(PATH, &json!(later)).await.json()["taken"], 200);
    }
    let release = json!({"kind": "release", "service": "orders", "target": "shop", "at": "2025-11-23T13:50:00Z"});
    let reply = server.post(PATH, &release).await;
    assert_eq!(answers(&reply), one("dropped", "", None));
    let reply = reply.json();
    assert_eq!((&reply["taken"], &reply["ignored"]), (&json!(0), &json!(1)));
    assert!(reply["changes"][0]["reason"].as_str().unwrap().contains("1000 changes are kept for shop"), "{reply}");
}
