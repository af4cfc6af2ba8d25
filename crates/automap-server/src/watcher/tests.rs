//! A watcher with a source and a store that fail at the worst moments.

use automap_core::breakdown::{Breakdown, ByLabel, Counts, Label, Measure, ValueCounts, Wanted};
use automap_core::frame::{RawSeries, assemble};
use automap_core::incident::{IncidentState, TimelineKind};
use automap_core::second_look::{BrokenDown, SecondLook};
use automap_core::topology::CallGraph;

use super::*;
use crate::notify::NotifyConfig;
use crate::notify::route::Route;
use crate::store::memory::MemoryStore;
use crate::store::{Event, IncidentStore, OutboxStore};

fn only(store: &MemoryStore) -> Incident {
    let all = store.list(&IncidentFilter::default()).unwrap();
    assert_eq!(all.len(), 1);
    store.get(&all[0].id).unwrap().unwrap()
}

const STEP_MS: i64 = 5000;
const FAULT: i64 = 300;

fn time(row: i64) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + row * STEP_MS)
}

/// A shop of two; web is ten times as slow from [`FAULT`] to row 400. Fails on request.
#[derive(Default)]
struct Shop {
    /// How often a breakdown of a service was queried.
    asked: usize,
    is_unavailable: bool,
    is_young: bool,
    is_empty: bool,
}

impl Source for Shop {
    fn poll(&mut self, now: Timestamp) -> Result<Observation, FetchError> {
        if self.is_unavailable {
            return Err("connection refused".into());
        }
        if self.is_young {
            return Err(FetchError::TooYoung("2 samples".into()));
        }
        if self.is_empty {
            return Err(FetchError::Unseen("no metrics of namespace \"shop\"".into()));
        }
        let last = (now.ms() - time(0).ms()) / STEP_MS;
        let times: Vec<_> = (last - 240..=last).map(time).collect();
        let series = |service: &str, metric: &str, level: f64| RawSeries {
            service: service.into(),
            metric: metric.into(),
            peer: None,
            points: (last - 240..=last)
                .map(|row| {
                    let slow = service == "web" && metric == "latency_ms" && (FAULT..400).contains(&row);
                    let wobble = 1.0 + 0.05 * ((row * 7919) % 101) as f64 / 101.0;
                    (time(row), level * wobble * if slow { 10.0 } else { 1.0 })
                })
                .collect(),
        };
        let raw = ["db", "web"].iter().flat_map(|s| [series(s, "latency_ms", 30.0), series(s, "throughput_rps", 20.0)]);
        let (frame, notes) = assemble(raw.collect(), times).unwrap();
        Ok(Observation { notes, ..Observation::new(frame, CallGraph::new(), "test") })
    }
}

impl SecondLook for Shop {
    fn break_down(&mut self, wanted: &[Wanted]) -> BrokenDown {
        self.asked += 1;
        let pod = |name: &str, ms: f64| ValueCounts {
            value: name.into(),
            before: Some(Counts { base: 900.0, amount: 900.0 * 30.0 }),
            during: Some(Counts { base: 300.0, amount: 300.0 * ms }),
        };
        let Wanted { service, baseline, incident, .. } = wanted[0].clone();
        let by = ByLabel { label: Label::Pod, values: vec![pod("web-1", 300.0), pod("web-2", 30.0)] };
        let (measure, labels, unseen) = (Measure::Latency, vec![by], Vec::new());
        let counted = Breakdown { service, measure, baseline, incident, labels, unseen };
        BrokenDown { breakdowns: vec![counted], ..BrokenDown::default() }
    }
}

fn watcher(store: &Arc<MemoryStore>) -> Watcher {
    Watcher::resume("shop", WatchOptions::default(), store.clone(), Routes::none()).unwrap()
}

fn ticks(watcher: &mut Watcher, source: &mut Shop, rows: std::ops::Range<i64>) -> Vec<Incident> {
    let inputs = TickInputs::default();
    rows.step_by(3).flat_map(|row| watcher.tick(source, &inputs, time(row)).kept).collect()
}

#[test]
fn an_incident_is_kept_and_ends_though_the_source_was_away_and_the_watcher_restarted() {
    let (store, mut shop) = (Arc::new(MemoryStore::default()), Shop::default());
    let mut first = watcher(&store);
    let opened = ticks(&mut first, &mut shop, 240..330);
    assert_eq!(opened[0].revision, 1);
    shop.is_unavailable = true;
    assert_eq!(ticks(&mut first, &mut shop, 330..380), []);
    let status = first.status();
    assert_eq!((status.state, status.ticks_failed, status.failing_since), (State::Failing, 17, Some(time(330))));
    assert!(status.summary.ends_with("connection refused"), "{}", status.summary);
    drop(first);
    shop.is_unavailable = false;
    let mut second = watcher(&store);
    let rest = ticks(&mut second, &mut shop, 380..450);
    assert_eq!(rest.last().map(|i| i.state), Some(IncidentState::Closed));
    assert_eq!((only(&store).id.as_str(), only(&store).state), (opened[0].id.as_str(), IncidentState::Closed));
    assert_eq!(second.status().failing_since, None);
    // Twenty minutes are remembered here, and ten of them were the incident.
    assert_eq!(second.status().state, State::Learning);
    ticks(&mut second, &mut shop, 450..580);
    assert_eq!(second.status().state, State::Watching);
}

/// A fault from row 300 to 400, polled every three rows.
#[test]
fn which_part_of_the_cause_it_is_is_asked_once_and_kept() {
    let (store, mut shop) = (Arc::new(MemoryStore::default()), Shop::default());
    let mut watcher = watcher(&store);
    let opened = ticks(&mut watcher, &mut shop, 240..330).remove(0);
    let part = "web: latency: all of it on pod web-1 (30 → 300 ms, 50 % of the requests)";
    assert!(opened.timeline.iter().any(|e| e.text == part), "{:#?}", opened.timeline);
    let asked = shop.asked;
    let inputs = TickInputs::default();
    let report = watcher.tick(&mut shop, &inputs, time(333)).report.unwrap();
    assert_eq!(report.causes[0].parts.len(), 1, "a later look shows it");
    ticks(&mut watcher, &mut shop, 336..380);
    assert_eq!((asked, shop.asked), (1, 1));
}

#[test]
fn what_the_store_did_not_take_is_offered_again_with_all_that_was_known() {
    let (store, mut shop) = (Arc::new(MemoryStore::default()), Shop::default());
    let mut watcher = watcher(&store);
    store.set_gone(true);
    assert_eq!(ticks(&mut watcher, &mut shop, 240..450), [], "it opened and closed meanwhile");
    assert_eq!(watcher.status().store_error.as_deref(), Some("memory: gone"));
    store.set_gone(false);
    let kept = ticks(&mut watcher, &mut shop, 450..453);
    assert_eq!((kept.len(), kept[0].revision, kept[0].state), (1, 1, IncidentState::Closed));
    let moments: Vec<TimelineKind> = kept[0].timeline.iter().map(|e| e.kind).collect();
    assert_eq!((moments.first(), moments.last()), (Some(&TimelineKind::Opened), Some(&TimelineKind::Closed)));
    assert_eq!(watcher.status().store_error, None);
}

#[test]
fn a_confirmation_in_between_is_not_lost() {
    let (store, mut shop) = (Arc::new(MemoryStore::default()), Shop::default());
    let mut watcher = watcher(&store);
    ticks(&mut watcher, &mut shop, 240..330);
    let mut confirmed = only(&store);
    confirmed.revision += 1;
    confirmed.confirmed = Some("db".into());
    confirmed.add_entry(time(331), TimelineKind::Confirmed, "it was db");
    store.put(&confirmed, &[], time(331)).unwrap();
    ticks(&mut watcher, &mut shop, 333..450);
    let last = only(&store);
    assert_eq!((last.confirmed.as_deref(), last.state), (Some("db"), IncidentState::Closed));
    assert!(last.timeline.iter().any(|e| e.kind == TimelineKind::Confirmed));
    assert!(last.revision > confirmed.revision);
}

/// It fires and ends while the source is away.
#[test]
fn an_alert_is_not_lost_while_the_source_fails() {
    let (store, mut shop) = (Arc::new(MemoryStore::default()), Shop::default());
    let mut watcher = watcher(&store);
    ticks(&mut watcher, &mut shop, 100..110);
    shop.is_unavailable = true;
    ticks(&mut watcher, &mut shop, 110..113);
    let alert = Alert { key: "a".into(), summary: "web is slow".into(), started: time(112), services: Vec::new() };
    let inputs = TickInputs { alerts: vec![alert], ..TickInputs::default() };
    let opened = watcher.tick(&mut shop, &inputs, time(113)).kept.remove(0);
    let title = format!("cause not clear: the source has been failing since {}", time(110).rfc3339());
    assert_eq!((opened.title, opened.onset, only(&store).id), (title, time(112), opened.id));
    assert_eq!(ticks(&mut watcher, &mut shop, 116..200), [], "it does not close without data");
    shop.is_unavailable = false;
    ticks(&mut watcher, &mut shop, 200..240);
    assert_eq!((only(&store).state, only(&store).alerts), (IncidentState::Closed, vec!["a".to_owned()]));
}

#[test]
fn a_source_that_has_just_begun_does_not_fail() {
    let (store, mut shop) = (Arc::new(MemoryStore::default()), Shop { is_young: true, ..Shop::default() });
    let mut watcher = watcher(&store);
    ticks(&mut watcher, &mut shop, 0..3);
    let status = watcher.status();
    assert_eq!((status.state, status.failing_since, status.source_error.as_ref()), (State::Learning, None, None));
    assert_eq!(status.summary, "learning what is normal: 2 samples");
}

#[test]
fn a_source_without_requests_is_no_failure_until_it_had_some() {
    let (store, mut shop) = (Arc::new(MemoryStore::default()), Shop { is_empty: true, ..Shop::default() });
    let mut watcher = watcher(&store);
    ticks(&mut watcher, &mut shop, 240..243);
    let status = watcher.status();
    assert_eq!((status.state, status.failing_since, status.source_error.as_ref()), (State::Blind, None, None));
    assert_eq!(status.summary, "no requests were seen yet: no metrics of namespace \"shop\"");
    shop.is_empty = false;
    ticks(&mut watcher, &mut shop, 243..246);
    assert_eq!(watcher.status().state, State::Watching);
    shop.is_empty = true;
    ticks(&mut watcher, &mut shop, 246..249);
    assert_eq!((watcher.status().state, watcher.status().failing_since), (State::Failing, Some(time(246))));
}

/// Muted until row 360 of a fault from 300 to 400: nobody is notified before, then of the opening, and of the end.
#[test]
fn an_incident_that_outlasts_its_mute_is_reported_when_the_mute_ends() {
    let store = Arc::new(MemoryStore::default());
    let end = time(360);
    let notify = NotifyConfig { routes: vec![everything()], ..NotifyConfig::default() };
    let routes = Routes::new(move |i, told| notify.routes_for(i, told), |_| None)
        .muted_by(move |_, now| (now < end).then(|| Muted { by: "move".into(), until: end }));
    let mut watcher = Watcher::resume("shop", WatchOptions::default(), store.clone(), routes).unwrap();
    let mut source = Shop::default();
    for row in (290..360).step_by(3) {
        watcher.tick(&mut source, &TickInputs::default(), time(row));
    }
    let muted = only(&store);
    assert_eq!((muted.is_open(), muted.muted.as_ref().map(|m| m.by.as_str())), (true, Some("move")));
    assert_eq!(store.outbox().unwrap().waiting, 0);
    for row in (360..440).step_by(3) {
        watcher.tick(&mut source, &TickInputs::default(), time(row));
    }
    let told = only(&store);
    assert_eq!((told.state, &told.muted), (IncidentState::Closed, &None));
    let events: Vec<Event> = store.deliveries(&told.id).unwrap().iter().map(|d| d.event).collect();
    assert_eq!((events.first(), events.last()), (Some(&Event::Opened), Some(&Event::Closed)), "{events:?}");
    let texts: Vec<&str> = told.timeline.iter().map(|e| e.text.as_str()).collect();
    assert!(texts.contains(&"the mute is over"), "{texts:?}");
}

fn everything() -> Route {
    serde_json::from_value(serde_json::json!({"name": "all", "receiver": "chat"})).unwrap()
}

/// The store holds another incident under the id that ours would get: it is left alone, and ours is stored under another id.
#[test]
fn an_incident_takes_no_other_ones_record() {
    let ours = |store: &Arc<MemoryStore>| {
        let mut shop = Shop::default();
        ticks(&mut watcher(store), &mut shop, 240..330).remove(0)
    };
    let id = ours(&Arc::new(MemoryStore::default())).id;
    let store = Arc::new(MemoryStore::default());
    let mut other = Incident::new(id.clone(), "shop", time(0), time(1));
    (other.revision, other.state, other.closed) = (1, IncidentState::Closed, Some(time(20)));
    other.confirmed = Some("db".into());
    store.put(&other, &[], time(20)).unwrap();
    // An old database may hold it without the watcher remembering it: more than it resumes have come since.
    let mut first = Watcher::resume("shop", WatchOptions::default(), store.clone(), Routes::none()).unwrap();
    first.watch = Watch::new("shop", WatchOptions::default());
    let kept = ticks(&mut first, &mut Shop::default(), 240..450);
    let last = kept.last().unwrap();
    assert_eq!((last.state, last.confirmed.as_ref()), (IncidentState::Closed, None));
    assert!(last.id != id && kept.iter().all(|i| i.id == last.id), "{kept:#?}");
    assert_eq!(store.get(&id).unwrap(), Some(other));
}

/// Another replica closed it, and a user confirmed it: our addition is dropped.
#[test]
fn a_closed_incident_is_not_written_over() {
    let (store, mut shop) = (Arc::new(MemoryStore::default()), Shop::default());
    let mut watcher = watcher(&store);
    ticks(&mut watcher, &mut shop, 240..330);
    let mut over = only(&store);
    over.revision += 1;
    (over.state, over.closed, over.confirmed) = (IncidentState::Closed, Some(time(331)), Some("db".into()));
    store.put(&over, &[], time(331)).unwrap();
    let change = Incident { revision: over.revision, title: "ours".into(), ..watcher.open()[0].clone() };
    assert_eq!(watcher.keep(change, time(332)), None);
    assert!(watcher.open().is_empty());
    assert_eq!(store.get(&over.id).unwrap(), Some(over));
}

/// From an older version: the id ends with the second of the onset.
#[test]
fn an_open_incident_of_an_older_version_is_followed_under_its_id() {
    let (store, mut shop) = (Arc::new(MemoryStore::default()), Shop::default());
    let mut old = Incident::new("shop-20231114T223820Z", "shop", time(FAULT), time(FAULT + 12));
    old.revision = 1;
    store.put(&old, &[], time(FAULT + 12)).unwrap();
    for i in 0..=MAX_RESUMED as i64 {
        let mut later = Incident::new(format!("shop-later-{i}"), "shop", time(310), time(313 + i % 9));
        (later.revision, later.state, later.closed) = (1, IncidentState::Closed, Some(time(320)));
        store.put(&later, &[], time(320)).unwrap();
    }
    let mut watcher = watcher(&store);
    assert_eq!(
        watcher.open().iter().map(|i| i.id.as_str()).collect::<Vec<_>>(),
        [old.id.as_str()],
        "though many were opened since"
    );
    ticks(&mut watcher, &mut shop, 390..480);
    let last = store.get(&old.id).unwrap().unwrap();
    assert_eq!((last.state, last.opened), (IncidentState::Closed, old.opened));
}

/// Its opening was given up while too many waited for the store: its current state becomes its first revision.
#[test]
fn an_incident_whose_opening_was_never_stored_is_stored_all_the_same() {
    let (store, mut shop) = (Arc::new(MemoryStore::default()), Shop::default());
    let mut watcher = watcher(&store);
    store.set_gone(true);
    ticks(&mut watcher, &mut shop, 240..330);
    let lost = watcher.unsaved.take_all().remove(0);
    store.set_gone(false);
    let kept = watcher.keep(Incident { revision: lost.revision + 3, ..lost.clone() }, time(331));
    assert_eq!(kept.map(|i| (i.id, i.revision)), Some((lost.id, 1)));
}

#[test]
fn incidents_that_are_given_up_are_counted() {
    let (store, mut watcher) = {
        let store = Arc::new(MemoryStore::default());
        (store.clone(), watcher(&store))
    };
    store.set_gone(true);
    for n in 0..unsaved::MAX_UNSAVED as i64 + 3 {
        watcher.keep(Incident::new(format!("shop-{n}"), "shop", time(n), time(n)), time(n));
    }
    assert_eq!((watcher.status().changes_lost, watcher.unsaved.len()), (3, unsaved::MAX_UNSAVED));
    assert!(watcher.has_told_loss, "once");
}
