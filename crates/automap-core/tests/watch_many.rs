//! More problems at once than may be open as separate incidents: never more than [`MAX_OPEN`] are open, and none of them is lost.

use std::collections::BTreeSet;

use automap_core::watch::{Alert, MAX_OPEN, Watch, WatchOptions};

use crate::watched_shop::{EVERY, Shop, alert, minutes, slow_among, time};

/// Six unrelated shops.
const SERVICES: [&str; 12] = [
    "api-1", "api-2", "api-3", "api-4", "api-5", "api-6", "store-1", "store-2", "store-3", "store-4", "store-5",
    "store-6",
];
const CALLS: [(&str, &str); 6] = [
    ("api-1", "store-1"),
    ("api-2", "store-2"),
    ("api-3", "store-3"),
    ("api-4", "store-4"),
    ("api-5", "store-5"),
    ("api-6", "store-6"),
];
/// Before this row no poll has enough data to compare with.
const FIRST_POLL: usize = minutes(11);

/// The stores that become slow, each at its row, until the end.
fn slow_stores(from: impl IntoIterator<Item = (&'static str, usize)>) -> Shop {
    let calm = Shop { services: &SERVICES, calls: &CALLS, counts_calls: true, ..Shop::calm() };
    let slow = |(store, row)| slow_among(&CALLS, store, 200.0, row..minutes(120));
    from.into_iter().map(slow).fold(calm, Shop::and)
}

/// Polls until a row, with these alerts from another row on. At most [`MAX_OPEN`] are open after each.
fn watch(shop: &Shop, watch: &mut Watch, until: usize, (alerts, from): (&[Alert], usize)) {
    for end in (FIRST_POLL..=until).step_by(EVERY) {
        shop.poll(watch, end, if end < from { &[] } else { alerts });
        let causes: Vec<_> = watch.open_incidents().iter().map(|i| (i.opened, i.title.clone())).collect();
        assert!(causes.len() <= MAX_OPEN, "{} s: {causes:#?}", end * 5);
    }
}

/// Four are open. A fifth store is slow, and in the same poll alerts report it and one that no incident explains.
#[test]
fn a_cause_and_alerts_of_others_share_the_last_place() {
    let (begins, apart) = (minutes(13), minutes(3));
    let shop = slow_stores((0..5).map(|i| (SERVICES[6 + i], begins + i * apart)));
    let fifth = begins + 4 * apart;
    let mut filled = 0;
    for later in (EVERY..minutes(2)).step_by(2 * EVERY) {
        let from = fifth + later;
        let alerts = ["store-5", "store-6"].map(|s| alert(&format!("of {s}"), time(from), &[s]));
        let mut watched = Watch::new("shops", WatchOptions::default());
        watch(&shop, &mut watched, fifth + minutes(3), (&alerts, from));
        let open = watched.open_incidents();
        filled += usize::from(open.len() == MAX_OPEN);
        let told: BTreeSet<&str> = open.iter().flat_map(|i| &i.alerts).map(String::as_str).collect();
        assert_eq!(told, BTreeSet::from(["of store-5", "of store-6"]), "{later} rows after its beginning");
    }
    assert!(filled > 0, "the bound is never reached");
}

/// All begin in one poll.
#[test]
fn six_independent_troubles_in_one_poll_are_within_the_bound() {
    let (stores, begins) = (&SERVICES[6..], minutes(14));
    let shop = slow_stores(stores.iter().map(|store| (*store, begins)));
    let alerts: Vec<Alert> = stores.iter().map(|s| alert(&format!("of {s}"), time(begins), &[s])).collect();
    let mut watched = Watch::new("shops", WatchOptions::default());
    watch(&shop, &mut watched, begins + minutes(3), (&alerts, begins));
    let open = watched.open_incidents();
    let told: BTreeSet<&String> = open.iter().flat_map(|i| &i.alerts).collect();
    let felt: BTreeSet<&str> = open.iter().flat_map(|i| &i.symptoms).map(|s| s.service.as_str()).collect();
    assert_eq!(told.len(), alerts.len(), "{open:#?}");
    assert!(stores.iter().all(|s| felt.contains(s)), "{felt:?}");
}
