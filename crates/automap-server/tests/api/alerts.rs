//! Webhooks of alerts: answered at once, and delivered to the watcher once.

use serde_json::{Value, json};

use super::server::Server;

const ALERTMANAGER: &str = include_str!("../fixtures/alertmanager.json");
const GRAFANA: &str = include_str!("../fixtures/grafana.json");
const PATH: &str = "/api/v1/alerts/alertmanager";

fn body(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Waits until this many groups have arrived.
async fn arrived(server: &Server, groups: usize) {
    while server.system.alerts.lock().unwrap().len() < groups {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn alerts_go_to_the_watcher_once() {
    let server = Server::new();
    let first = server.post(&format!("{PATH}?target=shop"), &body(ALERTMANAGER)).await;
    let one =
        |alert: &str, outcome: &str| json!({"alert": alert, "outcome": outcome, "target": "shop", "reason": null});
    let alerts = [one("HighLatency", "taken"), one("HighErrors", "resolved")];
    let expected = json!({"taken": 2, "repeated": 0, "ignored": 0, "left_out": 3, "alerts": alerts});
    assert_eq!((first.status, first.json()), (202, expected));
    let again = server.post(PATH, &body(ALERTMANAGER)).await;
    assert_eq!((again.status, &again.json()["repeated"]), (202, &json!(2)));
    let mut resolved = body(ALERTMANAGER);
    resolved["alerts"][0]["status"] = "resolved".into();
    assert_eq!(server.post(PATH, &resolved).await.json()["taken"], 1);
    assert_eq!(server.post("/api/v1/alerts/grafana", &body(GRAFANA)).await.json()["taken"], 1);
    arrived(&server, 3).await;
    let groups = server.system.alerts.lock().unwrap();
    assert_eq!((groups.len(), groups[0].target.as_deref(), groups[1].alerts.len()), (3, Some("shop"), 1));
    assert!(!groups[1].alerts[0].is_firing);
}

/// The fixture has one alert that fires and one that is resolved.
#[tokio::test]
async fn a_repetition_of_a_firing_alert_is_kept_again_and_is_no_news() {
    let server = Server::new();
    server.post(PATH, &body(ALERTMANAGER)).await;
    arrived(&server, 1).await;
    let again = server.post(PATH, &body(ALERTMANAGER)).await;
    assert_eq!((&again.json()["taken"], &again.json()["repeated"]), (&json!(0), &json!(2)));
    let kept = server.system.kept_alerts.lock().unwrap().clone();
    let firing: Vec<Vec<bool>> = kept.iter().map(|g| g.alerts.iter().map(|a| a.is_firing).collect()).collect();
    assert_eq!(firing, [vec![true, false], vec![true]], "what is over stays over");
    assert_eq!(server.system.alerts.lock().unwrap().len(), 1, "the watcher knows it");
}

#[tokio::test]
async fn alerts_beyond_the_queue_are_refused_and_accepted_when_repeated() {
    let server = Server::idle(serde_saphyr::from_str("limits: { alerts_waiting: 1 }").unwrap());
    assert_eq!(server.post(PATH, &body(ALERTMANAGER)).await.status, 202);
    let full = server.post("/api/v1/alerts/grafana", &body(GRAFANA)).await;
    assert_eq!((full.status, full.header("retry-after")), (503, "10"), "Alertmanager repeats after a 5xx only");
    let _workers = server.app.start();
    arrived(&server, 1).await;
    let again = server.post("/api/v1/alerts/grafana", &body(GRAFANA)).await;
    assert_eq!((again.status, &again.json()["taken"]), (202, &json!(1)), "it was refused, so it is still news");
    arrived(&server, 2).await;
}

#[tokio::test]
async fn alerts_that_cannot_be_kept_are_not_acknowledged() {
    let server = Server::new();
    server.system.store.set_gone(true);
    assert_eq!(server.post(PATH, &body(ALERTMANAGER)).await.status, 503, "the sender tries again");
    server.system.store.set_gone(false);
    let again = server.post(PATH, &body(ALERTMANAGER)).await;
    assert_eq!((again.status, &again.json()["taken"], &again.json()["repeated"]), (202, &json!(2), &json!(0)));
}

#[tokio::test]
async fn the_answer_says_what_is_ignored_and_why() {
    let server = Server::new();
    let alert = |name: &str, namespace: &str| json!({"status": "firing", "labels": {"alertname": name, "namespace": namespace, "service": "api"}, "fingerprint": name});
    let alerts =
        [alert("Slow", "bank"), alert("DatasourceNoData", "bank"), alert("Elsewhere", "prod"), alert("Slow", "bank")];
    let reply = server.post(PATH, &json!({"groupKey": "g", "alerts": alerts})).await.json();
    assert_eq!((&reply["taken"], &reply["ignored"]), (&json!(2), &json!(2)), "{reply}");
    let answer = |i: usize| (reply["alerts"][i]["outcome"].clone(), reply["alerts"][i]["reason"].clone());
    let (outcome, reason) = answer(0);
    let expected = "no target watches the namespace \"prod\" (service \"api\"); name one with ?target= or the label \
                    automap_target: shop (namespace sock-shop), bank (namespace bank)";
    assert_eq!((outcome, reason), (json!("no_target"), json!(expected)));
    assert_eq!(answer(1).0, "no_effect");
    assert_eq!((answer(2).0, &reply["alerts"][2]["target"]), (json!("taken"), &json!("bank")));
    arrived(&server, 1).await;
    let many: Vec<Value> = (0..400).map(|i| alert(&format!("a{i}"), "prod")).collect();
    let reply = server.post(PATH, &json!({"groupKey": "h", "alerts": many})).await.json();
    assert_eq!((&reply["ignored"], reply["alerts"].as_array().unwrap().len()), (&json!(400), 50));
    // Ignored alerts are not remembered as received: they count as soon as their target exists.
    let again = server.post(PATH, &json!({"groupKey": "h", "alerts": many})).await.json();
    assert_eq!((&again["ignored"], &again["repeated"]), (&json!(400), &json!(0)));
    let one = json!([{"labels": {"alertname": "Api", "namespace": "bank"}, "startsAt": "2025-11-23T14:00:00Z"}]);
    assert_eq!(server.post(PATH, &one).await.json()["taken"], 1, "Alertmanager's list of alerts");
}

#[tokio::test]
async fn an_invalid_body_is_refused_with_its_place() {
    let server = Server::new();
    let reply = server.post(PATH, &json!({"version": "3", "groupKey": "g", "alerts": []})).await;
    assert_eq!((reply.status, &reply.json()["place"]), (400, &json!("version")));
    let reply = server.send("POST", PATH, &[("content-type", "application/json")], "{").await;
    assert_eq!((reply.status, &reply.json()["place"]), (400, &json!("body")));
    let deep = format!("{{\"groupKey\": {}", "[".repeat(100_000));
    assert_eq!(server.send("POST", PATH, &[("content-type", "application/json")], deep).await.status, 400);
    assert_eq!(server.post(&format!("{PATH}?target=none"), &body(ALERTMANAGER)).await.status, 404);
}
