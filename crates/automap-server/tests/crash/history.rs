//! Continuously reads the incidents over the API, confirms some, and checks that what was once shown stays.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use automap_core::incident::{Incident, IncidentState, MAX_TIMELINE};
use automap_core::random::Rng;
use serde_json::json;

use super::run::agent;

/// The incidents that were shown, and the answered confirmations.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// By id and revision.
    revisions: BTreeMap<String, BTreeMap<u64, Incident>>,
    /// The cause that was confirmed, by id; only answered confirmations.
    pub(crate) confirmed: BTreeMap<String, String>,
    /// Violations.
    pub(crate) broken: Vec<String>,
}

pub(crate) struct Reader {
    stop: Arc<AtomicBool>,
    shown: Arc<Mutex<Shown>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    pub(crate) fn start(url: String, seed: u64) -> Self {
        let (stop, shown) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Shown::default())));
        let (end, told) = (Arc::clone(&stop), Arc::clone(&shown));
        let thread = std::thread::spawn(move || {
            let mut random = Rng::new(seed);
            while !end.load(Ordering::SeqCst) {
                // The connection breaks when the process is killed.
                let _ = look(&url, &mut random, &told);
                std::thread::sleep(Duration::from_millis(100 + random.bits() % 200));
            }
        });
        Self { stop, shown, thread: Some(thread) }
    }

    /// Stops reading; returns what was shown.
    pub(crate) fn finish(mut self) -> Shown {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        std::mem::take(&mut self.shown.lock().unwrap())
    }
}

fn look(url: &str, random: &mut Rng, shown: &Mutex<Shown>) -> Result<(), ureq::Error> {
    let mut answer = agent().get(format!("{url}/api/v1/incidents?limit=20")).call()?;
    let page: serde_json::Value = serde_json::from_str(&answer.body_mut().read_to_string()?).unwrap_or_default();
    for listed in page["incidents"].as_array().into_iter().flatten() {
        let incident: Incident = serde_json::from_value(listed.clone()).unwrap();
        if incident.state == IncidentState::Closed && incident.confirmed.is_none() && random.bits().is_multiple_of(4) {
            confirm(url, &incident, shown)?;
        }
        shown.lock().unwrap().add(incident);
    }
    Ok(())
}

fn confirm(url: &str, incident: &Incident, shown: &Mutex<Shown>) -> Result<(), ureq::Error> {
    let request = agent().post(format!("{url}/api/v1/incidents/{}/confirm", incident.id));
    let answer = request.header("content-type", "application/json").send(json!({"service": "orders"}).to_string())?;
    if answer.status() == 200 {
        shown.lock().unwrap().confirmed.insert(incident.id.clone(), "orders".to_owned());
    }
    Ok(())
}

impl Shown {
    /// Records a revision, and checks it against those of the same incident.
    pub(crate) fn add(&mut self, incident: Incident) {
        let revisions = self.revisions.entry(incident.id.clone()).or_default();
        let (id, revision) = (incident.id.clone(), incident.revision);
        let mut broken = |what: &str| self.broken.push(format!("{id} revision {revision}: {what}"));
        if let Some(same) = revisions.get(&revision) {
            if *same != incident {
                broken("it was shown with another content before");
            }
            return;
        }
        if let Some((latest, _)) = revisions.last_key_value().filter(|(latest, _)| **latest > revision) {
            broken(&format!("revision {latest} was shown before"));
        }
        if let Some((_, before)) = revisions.range(..revision).next_back() {
            follows(before, &incident).into_iter().for_each(&mut broken);
        }
        revisions.insert(revision, incident);
    }

    pub(crate) fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.revisions.values().filter_map(|revisions| revisions.last_key_value()).map(|(_, incident)| incident)
    }
}

/// Inconsistencies between one revision and a later one of the same incident.
fn follows(before: &Incident, after: &Incident) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    if (&before.target, before.opened) != (&after.target, after.opened) {
        wrong.push("it is another incident: its target or opening differs");
    }
    // A closed incident may be reopened, or get a confirmation; otherwise its end stays.
    let was_closed = before.state == IncidentState::Closed;
    if was_closed && after.reopened == before.reopened && after.closed != before.closed {
        wrong.push("it was closed, and its end was taken back");
    }
    if before.confirmed.is_some() && after.confirmed.is_none() {
        wrong.push("its confirmation is gone");
    }
    let is_whole = after.timeline.len() < MAX_TIMELINE;
    if is_whole && !before.timeline.iter().all(|entry| after.timeline.contains(entry)) {
        wrong.push("entries of its timeline are gone");
    }
    if before.alerts.iter().any(|alert| !after.alerts.contains(alert)) {
        wrong.push("an alert that belonged to it is gone");
    }
    wrong
}
