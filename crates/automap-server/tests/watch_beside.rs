//! Two faults at once in one watched target: each is stored, notified, muted and closed separately, whatever happens to the store meanwhile.

use std::ops::Range;
use std::sync::Arc;

use automap_core::frame::{RawSeries, assemble};
use automap_core::incident::{Incident, IncidentState, Muted};
use automap_core::observation::Observation;
use automap_core::second_look::SecondLook;
use automap_core::time::Timestamp;
use automap_core::topology::CallGraph;
use automap_core::watch::WatchOptions;
use automap_server::notify::NotifyConfig;
use automap_server::store::memory::MemoryStore;
use automap_server::store::{Event, IncidentFilter, IncidentStore, OutboxStore};
use automap_server::watcher::{FetchError, Routes, Source, TickInputs, Watcher};

const STEP_MS: i64 = 5000;
/// Rows of the faults.
const DB: Range<i64> = 300..460;
const SEARCH: Range<i64> = 360..420;

fn time(row: i64) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + row * STEP_MS)
}

/// `web` calls `db` and `search`. Both have separate faults, and web waits for both.
struct Shop;

impl SecondLook for Shop {}

impl Source for Shop {
    fn poll(&mut self, now: Timestamp) -> Result<Observation, FetchError> {
        let last = (now.ms() - time(0).ms()) / STEP_MS;
        let rows = last - 240..=last;
        let mut raw = Vec::new();
        let mut add = |service: &str, metric: &str, peer: Option<&str>, level: f64, faults: &[(Range<i64>, f64)]| {
            let value = |row: i64| {
                let fault: f64 = faults.iter().filter(|(rows, _)| rows.contains(&row)).map(|(_, by)| by).sum();
                let wobble = ((row * 7919 + raw.len() as i64 * 104_729) % 101) as f64 / 101.0;
                level * (1.0 + 0.05 * wobble) + fault
            };
            let points = rows.clone().map(|row| (time(row), value(row))).collect();
            raw.push(RawSeries { service: service.into(), metric: metric.into(), peer: peer.map(Into::into), points });
        };
        for (service, slow) in
            [("db", &[(DB, 200.0)][..]), ("search", &[(SEARCH, 150.0)]), ("web", &[(DB, 200.0), (SEARCH, 150.0)])]
        {
            add(service, "latency_ms", None, 15.0, slow);
            add(service, "throughput_rps", None, 20.0, &[]);
            let busy: Vec<_> = slow.iter().filter(|_| service != "web").map(|(rows, _)| (rows.clone(), 0.8)).collect();
            add(service, "cpu_cores", None, 0.1, &busy);
            if service != "web" {
                add("web", "client_latency_ms", Some(service), 18.0, slow);
                add("web", "served_latency_ms", Some(service), 15.0, slow);
            }
        }
        let (frame, notes) = assemble(raw, rows.map(time).collect()).unwrap();
        let calls: CallGraph = [("web", "db"), ("web", "search")].into_iter().collect();
        Ok(Observation { notes, ..Observation::new(frame, calls, "test") })
    }
}

fn ticks(watcher: &mut Watcher, rows: Range<i64>) -> Vec<Incident> {
    let inputs = TickInputs::default();
    rows.step_by(4).flat_map(|row| watcher.tick(&mut Shop, &inputs, time(row)).kept).collect()
}

fn cause(incident: &Incident) -> &str {
    incident.cause.as_ref().map_or("none", |c| &c.service)
}

/// All stored ones, the first opened first.
fn kept(store: &MemoryStore) -> Vec<Incident> {
    let mut all = store.list(&IncidentFilter { target: Some("shop".into()), ..IncidentFilter::default() }).unwrap();
    all.reverse();
    all
}

fn events(store: &MemoryStore, incident: &Incident) -> Vec<Event> {
    store.deliveries(&incident.id).unwrap().iter().map(|d| d.event).collect()
}

/// Routes to one chat, with a mute for incidents caused by `search`.
fn routes(is_search_muted: bool) -> Routes {
    let everything = serde_json::json!({"name": "all", "receiver": "chat"});
    let notify = NotifyConfig { routes: vec![serde_json::from_value(everything).unwrap()], ..NotifyConfig::default() };
    let muted = move |i: &Incident, _| {
        (is_search_muted && cause(i) == "search").then(|| Muted { by: "move of search".into(), until: time(9000) })
    };
    Routes::new(move |i, told| notify.routes_for(i, told), |_| None).muted_by(muted)
}

#[test]
fn two_incidents_at_once_are_stored_listed_and_notified_each_by_itself() {
    let store = Arc::new(MemoryStore::default());
    let mut watcher = Watcher::resume("shop", WatchOptions::default(), store.clone(), routes(false)).unwrap();
    ticks(&mut watcher, 240..400);
    let open = kept(&store);
    assert_eq!(
        open.iter().map(|i| (cause(i), i.state)).collect::<Vec<_>>(),
        [("db", IncidentState::Open), ("search", IncidentState::Open)]
    );
    let status = serde_json::to_value(watcher.status()).unwrap();
    assert_eq!(status["open_incidents"].as_array().map(Vec::len), Some(2), "{status}");
    assert_eq!(status["open"], status["open_incidents"][0]);
    // Both survive a restart in the middle.
    drop(watcher);
    let mut again = Watcher::resume("shop", WatchOptions::default(), store.clone(), routes(false)).unwrap();
    assert_eq!(again.open().len(), 2);
    ticks(&mut again, 400..456);
    assert_eq!(kept(&store).iter().map(|i| i.state).collect::<Vec<_>>(), [IncidentState::Open, IncidentState::Closed]);
    ticks(&mut again, 456..510);
    let over = kept(&store);
    assert_eq!(over.iter().map(|i| i.state).collect::<Vec<_>>(), [IncidentState::Closed; 2]);
    for (incident, before) in over.iter().zip(&open) {
        assert_eq!((incident.id.as_str(), cause(incident)), (before.id.as_str(), cause(before)));
        let events = events(&store, incident);
        assert_eq!((events.first(), events.last()), (Some(&Event::Opened), Some(&Event::Closed)), "{events:?}");
        assert_eq!(events.iter().filter(|e| **e == Event::Opened).count(), 1);
    }
    assert_eq!(again.status().open_incidents, [""; 0]);
}

#[test]
fn a_mute_silences_the_incident_that_it_is_about() {
    let store = Arc::new(MemoryStore::default());
    let mut watcher = Watcher::resume("shop", WatchOptions::default(), store.clone(), routes(true)).unwrap();
    ticks(&mut watcher, 240..510);
    let all = kept(&store);
    assert_eq!(
        all.iter().map(|i| (cause(i), i.muted.is_some())).collect::<Vec<_>>(),
        [("db", false), ("search", true)]
    );
    assert!(events(&store, &all[0]).contains(&Event::Opened));
    assert_eq!(events(&store, &all[1]), []);
}

/// The store is unavailable from before the first opens until after the second has closed.
#[test]
fn two_that_opened_while_the_store_was_unavailable_are_stored_later() {
    let store = Arc::new(MemoryStore::default());
    let mut watcher = Watcher::resume("shop", WatchOptions::default(), store.clone(), routes(false)).unwrap();
    store.set_gone(true);
    assert_eq!(ticks(&mut watcher, 240..456), []);
    assert_eq!((watcher.status().changes_waiting, watcher.status().changes_lost), (2, 0));
    store.set_gone(false);
    ticks(&mut watcher, 456..460);
    let states: Vec<_> = kept(&store).iter().map(|i| (cause(i).to_owned(), i.state, i.revision)).collect();
    assert_eq!(states, [("db".to_owned(), IncidentState::Open, 1), ("search".to_owned(), IncidentState::Closed, 1)]);
    assert_eq!(watcher.status().changes_waiting, 0);
}
