//! Alerts that arrive while the data of a simulated shop cannot be judged: they open an incident or join one, and are judged afterwards.

use automap_core::incident::{Incident, IncidentState, TimelineKind};
use automap_core::watch::{Alert, Reported, Watch, WatchHealth, WatchInput, WatchOptions};

use crate::watched_shop::{self, EVERY, HISTORY, Shop, busy_payment, entry_kinds, minutes, time};

fn alert(key: &str, row: usize) -> Alert {
    watched_shop::alert(key, time(row), &["payment"])
}

/// A poll without data.
fn without_data(watch: &mut Watch, end: usize, alerts: &[Alert]) -> Vec<Incident> {
    let why = "the source has been failing since 14:03";
    watch.evaluate_unjudged(&Reported { now: time(end - 1), slos: &[], alerts, why, data_since: None })
}

#[test]
fn an_alert_without_data_opens_an_incident_that_is_judged_and_closed_later() {
    let mut watch = Watch::new("shop", WatchOptions::default());
    assert_eq!(Shop::calm().watch(&mut watch, 12, HISTORY), []);
    let mut end = HISTORY + EVERY;
    assert_eq!(without_data(&mut watch, end, &[]), [], "a source that fails is no incident");
    let opened = without_data(&mut watch, end, &[alert("a", end - 12)]).remove(0);
    assert_eq!(
        (opened.title.as_str(), opened.onset),
        ("cause not clear: the source has been failing since 14:03", time(end - 12))
    );
    assert_eq!((opened.alerts.as_slice(), &opened.cause, &opened.report), (&["a".to_owned()][..], &None, &None));
    end += EVERY;
    assert_eq!(without_data(&mut watch, end, &[alert("a", HISTORY)]), [], "it is the same alert");
    let joined = without_data(&mut watch, end, &[alert("b", HISTORY)]).remove(0);
    assert_eq!((&joined.id, joined.revision, joined.alerts.len()), (&opened.id, 2, 2));
    assert_eq!(joined.title, opened.title);
    assert_eq!(without_data(&mut watch, end + minutes(20), &[]), [], "nothing closes without data");
    let changes = Shop::calm().watch(&mut watch, end + minutes(20), end + minutes(24));
    let last = changes.last().unwrap();
    assert_eq!((&last.id, last.state), (&opened.id, IncidentState::Closed));
    let kinds = entry_kinds(last);
    assert_eq!(kinds.iter().filter(|k| **k == TimelineKind::Source).count(), 2, "{:#?}", last.timeline);
    assert!(!last.title.contains("failing"), "{}", last.title);
}

/// The source is away for longer than a young incident is diagnosed, and the watcher restarts meanwhile.
#[test]
fn the_cause_is_named_when_the_data_is_back() {
    let at = minutes(30);
    let shop = busy_payment(at, at + minutes(40));
    let mut watch = Watch::new("shop", WatchOptions::default());
    assert_eq!(shop.watch(&mut watch, 12, at), []);
    let opened = without_data(&mut watch, at + EVERY, &[alert("a", at)]).remove(0);
    let mut watch = Watch::resume("shop", WatchOptions::default(), vec![opened.clone()]);
    assert_eq!(without_data(&mut watch, at + minutes(1), &[alert("a", at)]), []);
    let changes = shop.watch(&mut watch, at + minutes(18), at + minutes(20));
    let last = changes.last().unwrap();
    assert_eq!((&last.id, last.state), (&opened.id, IncidentState::Open), "{:#?}", last.timeline);
    assert_eq!(last.cause.as_ref().map(|c| c.service.as_str()), Some("payment"), "{:#?}", last.timeline);
}

#[test]
fn an_alert_without_data_joins_the_open_incident_and_keeps_it_open() {
    let at = minutes(30);
    let shop = busy_payment(at, at + minutes(5));
    let mut watch = Watch::new("shop", WatchOptions::default());
    let recovering = shop.watch(&mut watch, 12, at + minutes(7)).pop().unwrap();
    assert_eq!(recovering.state, IncidentState::Recovering);
    let end = at + minutes(7) + EVERY;
    let joined = without_data(&mut watch, end, &[alert("a", end)]).remove(0);
    assert_eq!((&joined.id, joined.state), (&recovering.id, IncidentState::Open));
    assert_eq!((&joined.title, &joined.cause), (&recovering.title, &recovering.cause));
    assert_eq!(without_data(&mut watch, end + EVERY, &[alert("a", end)]), []);
}

#[test]
fn an_alert_opens_an_incident_while_the_source_is_stale_silent_or_too_young() {
    let calm = Shop::calm();
    let dark =
        Shop::new(|service, _, _, row, v| if service != "front-end" && row >= HISTORY - 12 { f64::NAN } else { v });
    for (observation, now, why) in [
        (
            calm.observation(0, HISTORY),
            HISTORY + 30,
            format!("the source has no data after {}", time(HISTORY - 1).rfc3339()),
        ),
        (dark.observation(0, HISTORY), HISTORY - 1, "5 of 6 services fell silent at once".to_owned()),
        (calm.observation(0, 12), 11, "only 6 of 120 samples of normal time are known".to_owned()),
    ] {
        let mut watch = Watch::new("shop", WatchOptions::default());
        let alerts = [alert("a", 5)];
        let mut poll = || {
            let input =
                WatchInput { now: time(now), observation: &observation, slos: &[], uncounted: &[], alerts: &alerts };
            watch.evaluate(&input)
        };
        let outcome = poll();
        assert!(outcome.health != WatchHealth::Ready && outcome.changes.len() == 1, "{outcome:?}");
        assert_eq!(outcome.changes[0].title, format!("cause not clear: {why}"));
        assert!(poll().changes.is_empty(), "once");
    }
}
