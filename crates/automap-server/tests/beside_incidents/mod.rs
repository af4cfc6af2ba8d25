//! What every store promises of alerts and mutes.

use automap_core::watch::Alert;
use automap_server::store::{ALERT_EXPIRES_MS, AlertChange, MAX_ALERTS, MAX_MUTES, Mute, Store, StoreError};

use super::common::at;

pub(crate) fn mutes_are_kept_until_they_end(store: &dyn Store) {
    let mute = |id: &str, until: i64| Mute {
        id: id.into(),
        targets: vec!["shop".into()],
        services: Vec::new(),
        from: at(0),
        until: at(until),
        reason: "move".into(),
        by: "ann".into(),
    };
    assert!(store.add_mute(&mute("b", 100), at(0)).unwrap() && store.add_mute(&mute("a", 50), at(0)).unwrap());
    assert!(!store.add_mute(&mute("a", 900), at(1)).unwrap(), "an id is given once");
    assert_eq!(store.mutes(at(49)).unwrap(), [mute("a", 50), mute("b", 100)]);
    assert_eq!(store.mutes(at(50)).unwrap(), [mute("b", 100)]);
    assert!(!store.end_mute("a", at(50)).unwrap() && !store.end_mute("none", at(50)).unwrap());
    assert!(store.end_mute("b", at(50)).unwrap() && store.mutes(at(50)).unwrap().is_empty());
    for n in 0..MAX_MUTES {
        assert!(store.add_mute(&mute(&n.to_string(), 100), at(60)).unwrap());
    }
    assert!(matches!(store.add_mute(&mute("more", 100), at(60)), Err(StoreError::Unfit { .. })));
    assert!(store.add_mute(&mute("more", 200), at(100)).unwrap(), "those that ended make room");
}

pub(crate) fn alerts_are_kept_until_they_end_or_expire(store: &dyn Store) {
    let change = |target: &str, key: &str, started: Option<i64>| AlertChange {
        target: target.into(),
        key: key.into(),
        firing: started.map(|s| Alert {
            key: key.into(),
            summary: format!("{key} is slow"),
            started: at(s),
            services: vec!["web".into()],
        }),
    };
    let keys = |target: &str, now: i64| -> Vec<String> {
        store.firing_alerts(target, at(now)).unwrap().into_iter().map(|(alert, _)| alert.key).collect()
    };
    let first = [change("shop", "b", Some(1)), change("shop", "a", Some(2)), change("bank", "a", Some(3))];
    store.put_alerts(&first, at(10)).unwrap();
    let alert = Alert { key: "a".into(), summary: "a is slow".into(), started: at(2), services: vec!["web".into()] };
    assert_eq!(store.firing_alerts("shop", at(11)).unwrap()[0], (alert, at(10)));
    assert_eq!(
        (keys("shop", 11), keys("bank", 11), keys("none", 11).len()),
        (vec!["a".into(), "b".into()], vec!["a".into()], 0)
    );
    store.put_alerts(&[change("shop", "a", None), change("shop", "b", Some(1))], at(20)).unwrap();
    assert_eq!((keys("shop", 21), keys("bank", 21)), (vec!["b".to_owned()], vec!["a".to_owned()]));
    let expires = ALERT_EXPIRES_MS / 1000;
    assert_eq!((keys("shop", 20 + expires - 1).len(), keys("shop", 20 + expires).len()), (1, 0));
    let flood: Vec<AlertChange> = (0..MAX_ALERTS + 9).map(|i| change("shop", &format!("f{i:04}"), Some(30))).collect();
    store.put_alerts(&flood, at(30)).unwrap();
    let kept = keys("shop", 31);
    assert_eq!((kept.len(), kept.contains(&"b".to_owned())), (MAX_ALERTS, false), "the latest are kept");
    assert_eq!(keys("bank", 31), ["a"]);
}
