//! Diagnoses on demand.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::server::Server;

const PATH: &str = "/api/v1/diagnoses";

#[tokio::test]
async fn a_diagnosis_is_answered_at_once_or_later() {
    let server = Server::new();
    let body = json!({"target": "shop", "incident_start": "2025-11-23T14:03:15Z", "engine": "evidence"});
    let reply = server.post(&format!("{PATH}?wait=true"), &body).await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("done")));
    assert_eq!(reply.json()["report"]["verdict"]["service"], "payment");

    server.system.hold();
    let reply = server.post(PATH, &body).await;
    let place = reply.header("location").to_owned();
    assert_eq!((reply.status, place.as_str()), (202, "/api/v1/diagnoses/2"));
    let under_way = server.get(&place).await.json();
    assert!(under_way["report"].is_null() && ["queued", "running"].contains(&under_way["state"].as_str().unwrap()));
    server.system.let_go();
    loop {
        let job = server.get(&place).await.json();
        if job["state"] == "done" {
            assert_eq!((&job["request"], &job["report"]["engine"]), (&body, &json!("evidence")));
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_reported() {
    let server = Server::new();
    let reply = server.post(&format!("{PATH}?wait=true"), &json!({"target": "bank"})).await;
    assert_eq!((reply.status, &reply.json()["place"]), (503, &json!("http://prometheus:9090")));
    let job = server.get("/api/v1/diagnoses/1").await.json();
    assert_eq!((&job["state"], &job["problem"]["status"]), (&json!("failed"), &json!(503)));
}

#[tokio::test]
async fn a_full_queue_answers_with_the_time_to_retry() {
    let server = Server::with("limits: { analyses: 1, analyses_waiting: 2 }");
    server.system.hold();
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(server.post(PATH, &json!({"target": "shop"})).await);
        tokio::task::yield_now().await;
    }
    let refused: Vec<_> = answers.iter().filter(|r| r.status == 429).collect();
    let taken = answers.iter().filter(|r| r.status == 202).count();
    assert!((2..=3).contains(&taken) && refused.len() == 8 - taken, "{taken} were taken");
    assert_eq!(refused[0].header("retry-after"), "5");
    server.system.let_go();
}

#[tokio::test]
async fn a_request_cannot_name_a_source() {
    let server = Server::new();
    for body in [
        json!({"target": "shop", "url": "http://169.254.169.254/"}),
        json!({"target": "http://169.254.169.254/"}),
        json!({"target": "shop", "engine": "magic"}),
        json!({"target": "shop", "baseline": {"start": "2025-11-23T14:00:00Z", "end": "2025-11-23T14:00:00Z"}}),
        json!({"target": "shop", "incident_start": 12}),
        json!([]),
    ] {
        let reply = server.post(PATH, &body).await;
        assert!(reply.status == 400 || reply.status == 404, "{body}: {}", reply.status);
    }
    assert_eq!(server.system.diagnosed.load(Ordering::SeqCst), 0);
}
