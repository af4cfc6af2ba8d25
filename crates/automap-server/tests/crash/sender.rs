//! Continuously sends alerts, as an Alertmanager does, and remembers those answered with 202.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use automap_core::random::Rng;
use serde_json::json;

use super::run::{agent, now};

/// Maximum number of alerts that fire at once: far below a target's limit.
const MAX_FIRING: u64 = 12;
/// Maximum age of an alert when it is sent: some are older than the process, and than the watcher's memory.
const MAX_AGE_MS: u64 = 3 * 3_600_000;

/// The daemon's answers about the alerts, by fingerprint.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// Whether it fires, according to the last answered request; `None` if a later request had no answer.
    pub(crate) firing: BTreeMap<String, Option<bool>>,
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
}

pub(crate) struct Sender {
    stop: Arc<AtomicBool>,
    answered: Arc<Mutex<Answered>>,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    pub(crate) fn start(url: String, seed: u64) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Answered::default())));
        let (end, told) = (Arc::clone(&stop), Arc::clone(&answered));
        let thread = std::thread::spawn(move || {
            let mut random = Rng::new(seed);
            while !end.load(Ordering::SeqCst) {
                send(&url, &mut random, &told);
                std::thread::sleep(Duration::from_millis(20 + random.bits() % 200));
            }
        });
        Self { stop, answered, thread: Some(thread) }
    }

    /// Stops sending; returns what was answered.
    pub(crate) fn finish(mut self) -> Answered {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        std::mem::take(&mut self.answered.lock().unwrap())
    }
}

/// Alerts fire for four seconds of every twelve and end in the others, so that incidents open and close.
const PERIOD_MS: i64 = 12_000;
const FIRING_MS: i64 = 4_000;

/// One alert begins or ends. Fingerprints return, so that alerts come back after they ended.
fn send(url: &str, random: &mut Rng, answered: &Mutex<Answered>) {
    let fingerprint = format!("alert-{}", random.bits() % MAX_FIRING);
    let is_firing = now().ms() % PERIOD_MS < FIRING_MS && random.bits().is_multiple_of(2);
    let started = now().plus_ms(-((random.bits() % MAX_AGE_MS) as i64));
    let ends = if is_firing { "0001-01-01T00:00:00Z".to_owned() } else { now().rfc3339() };
    let status = if is_firing { "firing" } else { "resolved" };
    let body = json!({
        "version": "4", "groupKey": format!("g-{fingerprint}"), "status": status, "receiver": "automap",
        "alerts": [{
            "status": status, "fingerprint": fingerprint, "startsAt": started.rfc3339(), "endsAt": ends,
            "labels": {"alertname": fingerprint, "namespace": "shop"}, "annotations": {"summary": format!("{fingerprint} fires")},
        }],
    });
    let sent = agent()
        .post(format!("{url}/api/v1/alerts/alertmanager"))
        .header("content-type", "application/json")
        .send(body.to_string());
    let mut answered = answered.lock().unwrap();
    let status = sent.map(|answer| answer.status().as_u16());
    match status {
        Ok(202) => {
            answered.acknowledged += 1;
            answered.firing.insert(fingerprint, Some(is_firing));
        }
        Ok(503) => {
            // Refused before or after it was written: its sender repeats it, and until then both states are valid.
            answered.refused += 1;
            answered.firing.insert(fingerprint, None);
        }
        Ok(other) => panic!("an alert is answered with {other}"),
        // The request may have been taken before the kill.
        Err(_) => {
            answered.firing.insert(fingerprint, None);
        }
    }
}
