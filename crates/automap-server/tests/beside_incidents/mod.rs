//! The contract of every store for alerts, changes and mutes.

use automap_core::change::{Change, ChangeKind};
use automap_core::watch::Alert;
use automap_server::store::{
    ALERT_EXPIRES_MS, AlertChange, CHANGES_KEPT_MS, ChangeFate, ChangeFilter, Cursor, MAX_ALERTS, MAX_MUTES, MAX_TOLD,
    Mute, Store, StoreError, ToldChange, ToldState,
};

use crate::common::at;

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

pub(crate) fn changes_are_kept_once_and_for_a_while(store: &dyn Store) {
    let told = |target: &str, key: &str, second: i64| ToldChange {
        target: target.into(),
        key: key.into(),
        change: Change {
            at: at(second),
            kind: ChangeKind::Release,
            service: Some("web".into()),
            subject: format!("web {key}"),
            from: None,
            to: Some("2".into()),
            uncertainty_ms: 0,
            source: "webhook".into(),
            url: None,
        },
        received: at(100),
        state: None,
    };
    let keys = |filter: &ChangeFilter| -> Vec<String> {
        store.told_changes(filter).unwrap().into_iter().map(|told| told.id()).collect()
    };
    let first = [told("shop", "b", 1), told("shop", "a", 2), told("bank", "a", 2), told("shop", "b", 9)];
    use ChangeFate::{Dropped, Kept, Repeated};
    assert_eq!(store.put_changes(&first, at(100)).unwrap(), [Kept, Kept, Kept, Repeated]);
    assert_eq!(store.put_changes(&first[..1], at(100)).unwrap(), [Repeated]);
    let all = ChangeFilter::default();
    assert_eq!(keys(&all), ["shop/a", "bank/a", "shop/b"], "the latest first");
    assert_eq!(store.told_changes(&all).unwrap()[2], first[0]);
    let of_shop = ChangeFilter { target: Some("shop".into()), ..all.clone() };
    assert_eq!(keys(&ChangeFilter { limit: 1, ..of_shop.clone() }), ["shop/a"]);
    let after = Some(Cursor { opened: at(2), id: "shop/a".into() });
    assert_eq!(keys(&ChangeFilter { after, ..all.clone() }), ["bank/a", "shop/b"]);
    assert_eq!(keys(&ChangeFilter { since: Some(at(2)), ..of_shop.clone() }), ["shop/a"]);
    assert_eq!(keys(&ChangeFilter { until: Some(at(2)), ..of_shop.clone() }), ["shop/b"]);
    let flood: Vec<ToldChange> = (0..MAX_TOLD + 9).map(|i| told("shop", &format!("f{i:04}"), 30)).collect();
    let fates = store.put_changes(&flood, at(100)).unwrap();
    assert!(fates[..9].iter().all(|fate| *fate == Dropped) && fates[9..].iter().all(|fate| *fate == Kept));
    let kept = keys(&ChangeFilter { limit: MAX_TOLD, ..of_shop });
    assert_eq!((kept.len(), kept.contains(&"shop/a".to_owned())), (MAX_TOLD, false), "the latest are kept");
    let late = [told("shop", "late", 29), told("shop", "f0500", 30), told("shop", "next", 31), told("bank", "b", 1)];
    assert_eq!(store.put_changes(&late, at(100)).unwrap(), [Dropped, Repeated, Kept, Kept], "and nobody is misled");
    let old = [told("bank", "old", 99 - CHANGES_KEPT_MS / 1000)];
    assert_eq!(store.put_changes(&old, at(100)).unwrap(), [Dropped]);
    store.put_changes(&[], at(3 + CHANGES_KEPT_MS / 1000)).unwrap();
    assert_eq!(keys(&ChangeFilter { target: Some("bank".into()), ..all }), [""; 0], "and forgotten when they are old");
}

pub(crate) fn a_state_that_is_reported_again_is_no_change_and_one_that_came_back_is(store: &dyn Store) {
    let told = |target: &str, object: &str, revision: &str, second: i64| ToldChange {
        target: target.into(),
        key: format!("flux:{object}/{revision}/{second}"),
        change: Change {
            at: at(second),
            kind: ChangeKind::Sync,
            service: None,
            subject: object.into(),
            from: None,
            to: Some(revision.into()),
            uncertainty_ms: 0,
            source: "Flux".into(),
            url: None,
        },
        received: at(100),
        state: Some(ToldState { object: object.into(), state: revision.into() }),
    };
    let put = |told: ToldChange| store.put_changes(&[told], at(100)).unwrap() == [ChangeFate::Kept];
    assert!(put(told("shop", "web", "1.1.0", 10)) && !put(told("shop", "web", "1.1.0", 20)), "at every reconciliation");
    assert!(put(told("shop", "web", "1.0.0", 30)) && put(told("shop", "web", "1.1.0", 40)), "and back again");
    assert!(!put(told("shop", "web", "1.1.0", 40)) && !put(told("shop", "web", "1.0.0", 35)), "reported twice or late");
    assert!(put(told("shop", "web", "0.9.0", 5)), "what is reported late may be new");
    assert!(put(told("shop", "db", "1.1.0", 50)) && put(told("bank", "web", "1.1.0", 50)), "each object by itself");
    let both = [told("shop", "web", "1.0.0", 60), told("shop", "web", "1.0.0", 70)];
    let fates = store.put_changes(&both, at(100)).unwrap();
    assert_eq!(fates, [ChangeFate::Kept, ChangeFate::Repeated], "in one body");
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
    store.put_alerts(&[change("shop", "b", Some(1))], at(25)).unwrap();
    assert_eq!((keys("shop", 25 + expires - 1).len(), keys("shop", 25 + expires).len()), (1, 0), "a repetition");
    let flood: Vec<AlertChange> = (0..MAX_ALERTS + 9).map(|i| change("shop", &format!("f{i:04}"), Some(30))).collect();
    store.put_alerts(&flood, at(30)).unwrap();
    let kept = keys("shop", 31);
    assert_eq!((kept.len(), kept.contains(&"b".to_owned())), (MAX_ALERTS, false), "the latest are kept");
    assert_eq!(keys("bank", 31), ["a"]);
}
