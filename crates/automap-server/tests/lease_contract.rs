//! The contract of every store for leases: one holder for each, fair shares, nothing held twice.

use std::time::Duration;

use automap_server::store::{Shared, Sharing, Store, StoreError};

use crate::common::{at, incident, updated};
use crate::store_contract::routes;

pub(crate) fn leases_have_one_holder(store: &dyn Store) {
    let ttl = Duration::from_secs(15);
    let take = |holder, second| store.lease("shop", holder, at(second), ttl).unwrap();
    assert!(take("a", 0) && take("a", 10), "taken and renewed");
    assert!(!take("b", 24));
    assert!(store.lease("other", "b", at(0), ttl).unwrap());
    let mut one = incident("x");
    one.target = "shop".into();
    store.put_leading(&one, &routes(&["chat"]), at(24), "a").unwrap();
    let next = updated(&one, at(24));
    for (holder, second) in [("b", 24), ("a", 25)] {
        let refused = store.put_leading(&next, &[], at(second), holder);
        assert!(matches!(refused, Err(StoreError::NotLeader { target }) if target == "shop"), "{holder}");
    }
    assert!(take("b", 25) && !take("a", 26));
    store.release("shop", "a").unwrap();
    assert!(!take("a", 27), "only the holder can give it back");
    store.release("shop", "b").unwrap();
    assert!(take("a", 28));
    assert_eq!(store.get("x").unwrap().unwrap().revision, 1);
}

pub(crate) fn replicas_share_targets_and_hand_them_over(store: &dyn Store) {
    let (ttl, targets) = (Duration::from_secs(10), ["a1", "a2", "a3", "a4", "a5"]);
    let share = |holder: &str, given_back: &[&str], second: i64| {
        let sharing = Sharing { holder, targets: &targets, given_back };
        let Shared { held, surplus } = store.share(&sharing, at(second), ttl).unwrap();
        (held.into_iter().map(|name| name[1..].to_owned()).collect::<String>(), surplus)
    };
    let got = |held: &str, surplus: usize| (held.to_owned(), surplus);
    store.lease("a5", "someone", at(0), Duration::from_secs(2)).unwrap();
    assert_eq!(share("x", &[], 0), got("1234", 0), "one is another's");
    assert_eq!(share("x", &[], 2), got("12345", 0));
    assert_eq!(share("y", &[], 3), got("", 0));
    assert_eq!(share("x", &[], 5), got("12345", 2));
    assert_eq!(share("x", &["a4", "a5"], 6), got("123", 0));
    assert_eq!(share("y", &["a1"], 7), got("45", 0), "nobody gives back what another holds");
    let mut one = incident("x");
    one.target = "a4".into();
    assert!(matches!(store.put_leading(&one, &[], at(8), "x"), Err(StoreError::NotLeader { .. })));
    store.put_leading(&one, &[], at(8), "y").unwrap();
    // `y` is gone: its leases expire, and not earlier.
    assert_eq!((share("x", &[], 12), share("x", &[], 16)), (got("123", 0), got("123", 0)));
    assert_eq!(share("x", &[], 17), got("12345", 0));
    assert_eq!(share("y", &[], 18), got("", 0));
}

/// Both keep requesting; together they hold all in the end, and never one target twice.
#[cfg(all(unix, feature = "postgres"))]
pub(crate) fn sharing_at_the_same_moment_gives_nothing_to_two(one: &dyn Store, two: &dyn Store) {
    let names: Vec<String> = (0..100).map(|i| format!("s{i:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let share = |store: &dyn Store, holder: &str| {
        let sharing = Sharing { holder, targets: &names, given_back: &[] };
        let all = (0..20).map(|_| store.share(&sharing, at(20), Duration::from_secs(10)).unwrap().held);
        all.last().unwrap_or_default()
    };
    let (a, b) = std::thread::scope(|scope| {
        let other = scope.spawn(|| share(two, "b"));
        (share(one, "a"), other.join().unwrap())
    });
    assert_eq!((a.len() + b.len(), a.intersection(&b).count()), (100, 0));
}
