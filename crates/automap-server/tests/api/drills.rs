//! Drills that are started over the API: one at a time, by operators, and only if this process is configured with a place for faults.

use automap_server::system::{Drills, SystemError};

use crate::server::Server;

const PATH: &str = "/api/v1/drills";
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn one_fault_at_a_time_is_started_and_ended() {
    let server = Server::new();
    let start = |name: &str| server.send("POST", PATH, &[JSON], serde_json::json!({ "drill": name }).to_string());
    let listed = server.get(PATH).await.json();
    assert_eq!(
        (&listed["drills"][0]["name"], listed["in_place"].as_array().unwrap().len()),
        (&"delay-payment".into(), 0)
    );
    assert_eq!(start("delay-everything").await.status, 404);
    let started = start("delay-payment").await;
    assert_eq!((started.status, &started.json()["in_place"][0]["places"][0]), (201, &"payment".into()));
    let second = start("delay-payment").await;
    assert_eq!((second.status, second.json()["detail"].as_str()), (422, Some("delay-payment is still in place")));
    let ended = server.send("DELETE", PATH, &[], "").await;
    assert_eq!((ended.status, ended.json()["in_place"].as_array().unwrap().len()), (200, 0));
}

#[test]
fn without_a_place_to_break_a_start_is_refused_with_the_reason() {
    assert_eq!(Drills::of(None).map(|d| (d.place, d.drills.len(), d.in_place.len())), Ok((None, 0, 0)));
    for answer in [Drills::start(None, "delay-payment"), Drills::end(None)] {
        let Err(SystemError::Refused { message, next }) = answer else { panic!("{answer:?}") };
        assert!(message.contains("only reads") && next.contains("automap drill"), "{message}; {next}");
    }
}
