//! How faults spread through a small shop, computed by hand: one scenario for each order of cause and effect.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod shop;

use automap_core::explain::{ConditionKind, Explanation, Standing};
use automap_core::report::VerdictKind;
use automap_core::spread::{Channel, Hop, HopState, Propagation, SpreadRole};
use automap_render::{TextOptions, explain_text, propagation_text};
use shop::{Shop, time};

fn hop<'a>(spread: &'a Propagation, from: &str, to: &str) -> &'a Hop {
    spread.hops.iter().find(|h| h.from == from && h.to == to).expect("the hop is traced")
}

/// Payment at row 60, orders at 63, front-end at 66: every step is sharp, so a change lies within two steps before its sample. Lag
/// of the samples 15 s; at least 15 − 10, at most 15 + 10.
#[test]
fn consistent_one_after_the_other() {
    let spread = Shop::chain().busy("payment", 60).slow("orders", 63).slow("front-end", 66).spread();
    assert_eq!(spread.cause.as_deref(), Some("payment"));
    let order: Vec<_> = spread.services.iter().map(|s| (s.service.as_str(), s.role)).collect();
    let expected = [("payment", SpreadRole::Cause), ("orders", SpreadRole::Victim), ("front-end", SpreadRole::Victim)];
    assert_eq!(order, expected);
    let onset = spread.services[1].onset.clone().unwrap();
    assert_eq!((onset.at, onset.earliest, onset.latest), (time(63), time(61), time(63)));
    for (from, to) in [("payment", "orders"), ("orders", "front-end")] {
        let hop = hop(&spread, from, to);
        assert_eq!((hop.state, hop.channel), (HopState::Consistent, Channel::Response));
        assert_eq!((hop.lag_s, hop.lag_min_s, hop.lag_max_s), (Some(15.0), Some(5.0), Some(25.0)));
    }
    assert_eq!(spread.paths.len(), 1);
    assert_eq!(spread.paths[0].services, ["payment", "orders", "front-end"]);
    assert_eq!(spread.paths[0].state, HopState::Consistent);
    assert!(spread.against.is_empty(), "{:?}", spread.against);
}

/// One sample apart: the intervals share 5 s.
#[test]
fn simultaneous_where_the_samples_cannot_tell() {
    let spread = Shop::chain()
        .busy("payment", 60)
        .slow("orders", 61)
        .slow_calls("orders", "payment", 61)
        .calm("front-end")
        .spread();
    let hop = hop(&spread, "payment", "orders");
    assert_eq!((hop.state, hop.lag_min_s, hop.lag_max_s), (HopState::Simultaneous, Some(-5.0), Some(15.0)));
    let shown = hop.shown_by.as_ref().unwrap();
    assert_eq!((shown.metric.name.as_str(), shown.seen_by.as_str()), ("client_latency_ms", "orders"));
    assert_eq!(
        spread.services.iter().find(|s| s.service == "orders").unwrap().explained_by.as_deref(),
        Some("payment")
    );
    assert!(spread.services.iter().find(|s| s.service == "orders").unwrap().explained_share.unwrap() > 0.6);
    assert_eq!(spread.calm, ["front-end"]);
    assert_eq!(spread.paths[0].services, ["payment", "orders"], "no entry suffers: the end of the chain");
}

/// Orders at row 63, payment at 70: payment's change is later than row 68, orders' no later than 63. 25 s.
#[test]
fn contradictory_orders_are_shown_with_their_seconds() {
    let spread = Shop::chain().busy("payment", 70).slow("orders", 63).slow("front-end", 63).spread();
    assert_eq!(spread.cause.as_deref(), Some("payment"), "{spread:#?}");
    let hop = hop(&spread, "payment", "orders");
    assert_eq!((hop.state, hop.too_early_s, hop.lag_s), (HopState::Contradictory, Some(25.0), Some(-35.0)));
    assert_eq!(spread.paths[0].state, HopState::Contradictory);
    assert_eq!(spread.against, ["orders changed at least 25 s before payment, which should have caused it"]);
    let text = propagation_text(&spread, &TextOptions::default());
    assert!(text.contains("payment → orders: order contradicts (−45 to −25 s later), 25 s too early"), "{text}");
}

/// Orders is not measured: the path goes through it, and no order is claimed.
#[test]
fn unobserved_services_are_passed_through_and_say_so() {
    let spread = Shop::chain().busy("payment", 60).slow("front-end", 66).spread();
    let states: Vec<_> = spread.hops.iter().map(|h| (h.from.as_str(), h.to.as_str(), h.state)).collect();
    let expected = [("payment", "orders", HopState::Unobserved), ("orders", "front-end", HopState::Unobserved)];
    assert_eq!(states, expected);
    assert_eq!(spread.paths[0].services, ["payment", "orders", "front-end"]);
    assert_eq!(spread.services.iter().map(|s| s.service.as_str()).collect::<Vec<_>>(), ["payment", "front-end"]);
    assert_eq!(spread.unobserved, ["orders"]);
}

/// A measured, unchanged call propagates nothing; a change that no call leads to is evidence against a single cause.
#[test]
fn what_the_cause_does_not_account_for_speaks_against_it() {
    let shop = || Shop { calls: vec![("front-end", "catalogue"), ("front-end", "user")], ..Shop::default() };
    let spread = shop()
        .busy("user", 60)
        .slow("front-end", 60)
        .series("front-end", "client_latency_ms", Some("user"), None)
        .series("front-end", "client_latency_ms", Some("catalogue"), None)
        .calm("catalogue")
        .spread();
    assert_eq!(spread.cause.as_deref(), Some("user"));
    assert!(spread.hops.is_empty(), "{:?}", spread.hops);
    assert_eq!(spread.services.iter().filter(|s| s.role == SpreadRole::Unexplained).count(), 1);
    assert!(spread.against[0].starts_with("front-end changed too (latency (mean) "), "{:?}", spread.against);
}

/// Requests fall from caller to callee; latency does not travel that way.
#[test]
fn load_travels_down() {
    let shop = Shop { calls: vec![("front-end", "orders"), ("front-end", "user")], ..Shop::default() };
    let spread = shop
        .busy("orders", 60)
        .slow("front-end", 61)
        .calm("user")
        .series("user", "throughput_rps", None, Some((64, 0.2)))
        .spread();
    let hop = hop(&spread, "front-end", "user");
    assert_eq!((hop.channel, hop.state), (Channel::Load, HopState::Consistent));
    assert_eq!(spread.paths.iter().map(|p| p.services.clone()).collect::<Vec<_>>(), [["orders", "front-end"]]);
}

#[test]
fn quiet_time_is_no_spread() {
    let spread = Shop::chain().calm("payment").calm("orders").calm("front-end").spread();
    assert_eq!((spread.verdict, spread.hops.len()), (VerdictKind::NotEnoughEvidence, 0), "the start was given");
    assert_eq!(spread.calm, ["front-end", "orders", "payment"]);
}

/// Orders is slow like payment, and its calls show it. If it were its own, its whole latency would count.
#[test]
fn a_victim_is_told_what_it_lacks() {
    let shop = || {
        Shop::chain()
            .busy("payment", 60)
            .slow("orders", 60)
            .slow_calls("orders", "payment", 60)
            .slow("front-end", 60)
            .slow_calls("front-end", "orders", 60)
    };
    let victim = shop().explain("orders");
    assert_eq!((victim.standing, victim.rank), (Standing::Victim, Some(2)));
    assert_eq!(victim.compared_with.as_deref(), Some("payment"));
    let own = victim.explained.iter().find(|e| e.by == "payment").unwrap();
    assert!(own.share > 0.9 && own.before > 2.0, "{own:?}");
    let supposed = victim.conditions.iter().find(|c| c.kind == ConditionKind::Explained).unwrap();
    assert!(supposed.needed.unwrap() > supposed.is.unwrap() + 2.0, "{supposed:?}");
    assert!((supposed.needed.unwrap() - own.before).abs() < 0.3, "its own latency is all that it has: {supposed:?}");
    let score = victim.conditions.iter().find(|c| c.kind == ConditionKind::Score).unwrap();
    assert!(score.statement.to_string().contains("it lacks own cpu (0 against"), "{score:?}");
    let cause = shop().explain("payment");
    assert_eq!(cause.standing, Standing::Cause);
    let without = cause.conditions.iter().find(|c| c.kind == ConditionKind::Part).unwrap();
    let largest = cause.parts.iter().map(|p| p.adds).fold(0.0, f64::max);
    assert!((cause.score.unwrap() - largest - without.is.unwrap()).abs() < 2e-3, "{without:?} {:?}", cause.parts);
    let callers = cause.conditions.iter().find(|c| c.kind == ConditionKind::Callers).unwrap();
    assert_eq!(
        (callers.holds, callers.statement.to_string()),
        (Some(true), "its callers see it in their calls: orders".to_owned())
    );
}

#[test]
fn a_service_that_nobody_measures_is_told_what_would_show_it() {
    let mut shop = Shop::chain().busy("payment", 60).slow("orders", 60).slow("front-end", 60);
    shop.calls.push(("orders", "mailer"));
    let told = shop.explain("mailer");
    assert_eq!((told.standing, told.rank, told.score), (Standing::Unobserved, None, None));
    assert_eq!(told.not_checked.len(), 1);
    assert_eq!(told.queries[0].promql, "show latency");
    assert_eq!(told.callers[0].service, "orders");
    let text = explain_text(&told, &TextOptions::default());
    assert!(text.contains("nothing of mailer could be judged") && text.contains("show latency"), "{text}");
}

#[test]
fn both_models_survive_json() {
    let shop = || Shop::chain().busy("payment", 60).slow("orders", 63).slow("front-end", 66);
    let spread = shop().spread();
    let json = serde_json::to_string(&spread).unwrap();
    assert_eq!(serde_json::from_str::<Propagation>(&json).unwrap(), spread);
    let told = shop().explain("orders");
    // Times inside a sentence are typed when written and text when read, so the JSON is compared.
    let json = serde_json::to_string(&told).unwrap();
    assert_eq!(serde_json::to_string(&serde_json::from_str::<Explanation>(&json).unwrap()).unwrap(), json);
}
