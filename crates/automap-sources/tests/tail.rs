//! Repeated polling gives the same result as a single full query, for a fraction of the bytes; whatever the server does in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_sources::prometheus::{
    DISCOVER_EVERY_MS, DISCOVER_YOUNG_EVERY_MS, Fetched, MAX_STEPS_AGAIN, ObserveOptions, SourceError, Tail, observe,
    observe_incrementally,
};
use serde_json::{Value, json};

use crate::support::shop::Shop;
use crate::support::{NOW, Reply, Server};

const WELL: u8 = 0;
const BROKEN: u8 = 1;
const GARBAGE: u8 = 2;
const CUT: u8 = 3;
/// Containers are known already, side-cars are not.
const YOUNG: u8 = 4;

const EMPTY: &str = r#"{"status": "success", "data": {"resultType": "matrix", "result": []}}"#;

/// A server with samples that change over time, the last ones until they are settled; they are missing while it was away.
struct Living {
    server: Server,
    /// Seconds after [`NOW`].
    clock: Arc<AtomicI64>,
    mood: Arc<AtomicU8>,
}

/// No sample was taken in this time, in seconds after [`NOW`].
const AWAY: std::ops::Range<i64> = 600..1200;

impl Living {
    fn start() -> Self {
        let (clock, mood) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicU8::new(WELL)));
        let (time, state) = (Arc::clone(&clock), Arc::clone(&mood));
        let server = Server::start(move |request| {
            let reply = Shop::of(3).answer(request);
            match state.load(Ordering::SeqCst) {
                BROKEN => Reply::new(500, "boom"),
                GARBAGE => Reply::new(200, "<html>login</html>"),
                YOUNG if request.query().contains("istio_") => Reply::new(200, EMPTY),
                CUT => Reply { missing: 50, ..reply },
                _ => alive(reply, time.load(Ordering::SeqCst)),
            }
        });
        Self { server, clock, mood }
    }

    fn options(&self) -> ObserveOptions {
        let now = NOW.plus_ms(self.clock.load(Ordering::SeqCst) * 1000);
        ObserveOptions::new("shop", now.plus_ms(-1_800_000), now, now)
    }

    fn again(&self, tail: &mut Tail) -> Result<Fetched, SourceError> {
        observe_incrementally(tail, &self.server.client(), &self.options(), &|_| {})
    }

    fn whole(&self) -> Fetched {
        observe(&self.server.client(), &self.options(), &|_| {}).unwrap()
    }
}

/// Values that depend on the series and the instant; those of the last forty seconds are not final.
fn alive(reply: Reply, clock_s: i64) -> Reply {
    let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
    let Some(result) = body.pointer_mut("/data/result").and_then(Value::as_array_mut) else { return reply };
    for (i, series) in result.iter_mut().enumerate() {
        let Some(values) = series.get_mut("values").and_then(Value::as_array_mut) else { continue };
        values.retain_mut(|point| {
            let after = point[0].as_f64().unwrap() - NOW.seconds();
            let late = if after > (clock_s - 40) as f64 { 0.5 } else { 0.0 };
            point[1] = json!(format!("{:.3}", 2.0 + late + ((after as i64 + i as i64 * 7) % 97) as f64 / 50.0));
            !AWAY.contains(&(after as i64))
        });
    }
    result.retain(|s| s.get("values").is_none_or(|v| v != &json!([])));
    Reply { body: body.to_string().into_bytes(), ..reply }
}

/// All but the latest instants, which are not settled.
fn settled(observation: &Observation) -> String {
    let span = observation.frame.span();
    let until = automap_core::time::Interval::new(span.start, span.end.plus_ms(-60_000)).unwrap();
    format!("{:?} {:?}", observation.frame.within(until).unwrap(), observation.calls)
}

#[test]
fn many_looks_see_what_one_look_sees_and_cost_less() {
    let (living, mut tail) = (Living::start(), Tail::default());
    let first = living.again(&mut tail).unwrap();
    assert_eq!(format!("{:?}", first.observation.frame), format!("{:?}", living.whole().observation.frame));
    let (mut bytes, mut all) = (0, 0);
    for _ in 0..60 {
        living.clock.fetch_add(15, Ordering::SeqCst);
        let (again, whole) = (living.again(&mut tail).unwrap(), living.whole());
        assert_eq!(settled(&again.observation), settled(&whole.observation));
        assert_eq!(again.observation.frame.times(), whole.observation.frame.times());
        (bytes, all) = (bytes + again.stats.bytes, all + whole.stats.bytes);
        assert!(again.stats.requests <= whole.stats.requests);
    }
    assert!(bytes * 5 < all, "{bytes} of {all}");
}

/// The longest window of a rate at this scrape interval, in seconds.
const WINDOW_S: i64 = 60;

#[test]
fn a_server_that_was_away_slow_or_wrong_leaves_a_gap_and_no_zeros() {
    let (living, mut tail) = (Living::start(), Tail::default());
    living.clock.store(590, Ordering::SeqCst);
    living.again(&mut tail).unwrap();
    let before = tail.points();
    for (after_s, mood) in [(620, BROKEN), (800, GARBAGE), (1000, CUT)] {
        living.clock.store(after_s, Ordering::SeqCst);
        living.mood.store(mood, Ordering::SeqCst);
        living.again(&mut tail).unwrap_err();
        assert_eq!(tail.points(), before, "what failed changes nothing");
    }
    living.mood.store(WELL, Ordering::SeqCst);
    living.clock.store(1500, Ordering::SeqCst);
    let (again, whole) = (living.again(&mut tail).unwrap().observation, living.whole().observation);
    assert_eq!(settled(&again), settled(&whole), "it caught up");
    let at = |t: &Timestamp| (t.ms() - NOW.ms()) / 1000;
    for series in again.frame.series() {
        for (time, value) in again.frame.times().iter().zip(series.values.iter()) {
            // A rate whose window reaches into the gap is only half of one, so it is a gap too.
            let near = AWAY.start - WINDOW_S..AWAY.end + WINDOW_S;
            let (is_away, may_be_gap) = (AWAY.contains(&at(time)), near.contains(&at(time)));
            let fits = if is_away { value.is_nan() } else { may_be_gap || !value.is_nan() };
            assert!(fits, "{} at {}: {value}", series.metric.name, at(time));
        }
    }
}

/// Polls a shop with a server that answers partially or completely, this many milliseconds after [`NOW`]. Returns the unanswered queries, and whether
/// a remark reports missing data.
fn look(tail: &mut Tail, is_partial: bool, after_ms: i64) -> (usize, bool) {
    let mut shop = Shop::of(3);
    if is_partial {
        shop.warnings = r#"["a store is down"]"#;
    }
    let server = Server::start(move |request| shop.answer(request));
    let now = NOW.plus_ms(after_ms);
    let options = ObserveOptions::new("shop", now.plus_ms(-1_800_000), now, now);
    let seen = observe_incrementally(tail, &server.client(), &options, &|_| {}).unwrap().observation;
    (seen.unanswered().count(), seen.notes.iter().any(|n| n.code == "partial_data"))
}

#[test]
fn what_was_answered_in_part_is_asked_again_within_bounds() {
    let mut tail = Tail::default();
    assert_eq!(look(&mut tail, false, 0), (0, false));
    assert!(look(&mut tail, true, 400_000).0 > 0);
    let step_ms = 15_000;
    // The store is away for less time than is queried again: no trace of it remains.
    for steps in 1..=20 {
        assert!(look(&mut tail, true, 400_000 + steps * step_ms).0 > 0, "{steps}");
    }
    assert_eq!(look(&mut tail, false, 400_000 + 20 * step_ms + DISCOVER_YOUNG_EVERY_MS), (0, false));
    // It is away for longer: older data stays partial, and a remark says so until the window has moved on.
    assert!(look(&mut tail, true, 750_000 + MAX_STEPS_AGAIN * step_ms).0 > 0);
    assert!(look(&mut tail, true, 750_000 + (MAX_STEPS_AGAIN + 40) * step_ms).0 > 0);
    let back_ms = 750_000 + (MAX_STEPS_AGAIN + 41) * step_ms;
    assert_eq!(look(&mut tail, false, back_ms), (0, true));
    assert_eq!(look(&mut tail, false, back_ms + 1_800_000), (0, false));
}

#[test]
fn a_clock_that_was_ahead_and_another_step_begin_anew() {
    let (living, mut tail) = (Living::start(), Tail::default());
    living.clock.store(3600, Ordering::SeqCst);
    living.again(&mut tail).unwrap();
    living.clock.store(0, Ordering::SeqCst);
    let again = living.again(&mut tail).unwrap();
    assert_eq!(settled(&again.observation), settled(&living.whole().observation));
    let coarse = ObserveOptions { step_ms: Some(60_000), ..living.options() };
    let again = observe_incrementally(&mut tail, &living.server.client(), &coarse, &|_| {}).unwrap();
    let whole = observe(&living.server.client(), &coarse, &|_| {}).unwrap();
    assert_eq!(format!("{:?}", again.observation.frame), format!("{:?}", whole.observation.frame));
}

#[test]
fn exporters_are_looked_for_now_and_then() {
    let (living, mut tail) = (Living::start(), Tail::default());
    let probes = || living.server.requests().iter().filter(|r| r.query().contains("count by (job")).count();
    living.again(&mut tail).unwrap();
    let once = probes();
    living.clock.store(DISCOVER_EVERY_MS / 1000 - 1, Ordering::SeqCst);
    living.again(&mut tail).unwrap();
    assert_eq!(probes(), once);
    living.clock.store(DISCOVER_EVERY_MS / 1000, Ordering::SeqCst);
    living.again(&mut tail).unwrap();
    assert_eq!(probes(), 2 * once);
}

/// A watcher that starts together with its cluster is not blind for minutes.
#[test]
fn a_system_that_comes_up_is_looked_at_again_soon() {
    let (living, mut tail) = (Living::start(), Tail::default());
    let sees_requests =
        |seen: &Fetched| seen.observation.frame.series().iter().any(|s| s.metric.name == "throughput_rps");
    living.mood.store(YOUNG, Ordering::SeqCst);
    assert!(!sees_requests(&living.again(&mut tail).unwrap()));
    living.mood.store(WELL, Ordering::SeqCst);
    living.clock.store(DISCOVER_YOUNG_EVERY_MS / 1000 - 1, Ordering::SeqCst);
    assert!(!sees_requests(&living.again(&mut tail).unwrap()));
    living.clock.store(DISCOVER_YOUNG_EVERY_MS / 1000, Ordering::SeqCst);
    assert!(sees_requests(&living.again(&mut tail).unwrap()));
}
