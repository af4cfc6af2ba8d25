//! Rows and totals computed by hand.

use automap_core::report::Report;
use automap_core::time::Timestamp;
use serde_json::json;

use super::*;
use crate::injection::Role;
use crate::{Entry, Source, State, Target};

fn t(s: i64) -> Timestamp {
    Timestamp::from_ms(s * 1000)
}

/// A report that ranks these services, and names the first one or none. Each has evidence of CPU, then of memory.
fn report(services: &[&str], names: bool) -> Report {
    serde_json::from_value(answer(services, names)).unwrap()
}

/// The same as JSON. Users feel nothing, and their requests were observed.
fn answer(services: &[&str], names: bool) -> serde_json::Value {
    let evidence = |service: &str, metric: &str| json!({"metric": metric, "seen_by": service, "peer": null, "from": 1.0, "to": 2.0, "unit": "", "strength": 2.0, "onset": null, "summary": ""});
    let cause = |(i, service): (usize, &&str)| {
        json!({"rank": i + 1, "service": service, "score": 1.0, "confidence": 0.5, "onset": null, "path": [], "counter_evidence": [],
            "evidence": [evidence(service, "cpu_cores"), evidence(service, "memory_bytes")]})
    };
    let causes: Vec<_> = services.iter().enumerate().map(cause).collect();
    let named = services.first().filter(|_| names);
    json!({
        "schema_version": 3, "source": "test", "engine": "evidence",
        "verdict": {"kind": if names { "cause" } else { "not_enough_evidence" }, "service": named, "mechanism": null, "confidence": 0.8, "level": "high", "summary": "", "is_felt": false},
        "windows": {"baseline_start": "2026-03-01T09:00:00Z", "baseline_end": "2026-03-01T10:00:00Z", "baseline_samples": 1, "incident_start": "2026-03-01T10:00:00Z", "incident_end": "2026-03-01T10:10:00Z", "incident_samples": 1, "incident_start_is": "detected", "step_s": 1.0},
        "symptoms": [], "coverage": {"services": 1, "services_judged": 1, "series_judged": 1, "series": 1},
        "causes": causes, "victims": [], "not_checked": [], "notes": [], "next": [], "queries": []
    })
}

fn fault(name: &str, service: &str, metric: &str) -> Entry {
    let mut entry = Entry::new(name, "StressChaos", "shop", name, Source::Records);
    entry.action = "memory".to_owned();
    entry.state = State::Injected;
    (entry.started, entry.ended) = (Some(t(100)), Some(t(200)));
    entry.expected_metric = Some(metric.to_owned());
    entry.targets = vec![Target::of_service("shop", service, None, None)];
    entry
}

fn row(entry: &Entry, report: &Report) -> Row {
    Row::scored(&entry.name, std::slice::from_ref(entry), Answered { report, felt: None, detected: Some(t(130)) })
}

fn rows() -> Vec<Row> {
    let weak = Entry { ineffective: Some("hardly felt".to_owned()), ..fault("weak", "b", "cpu") };
    vec![
        row(&fault("named", "a", "memory"), &report(&["a", "b"], true)),
        row(&fault("first", "a", "cpu"), &report(&["a", "b"], false)),
        row(&fault("second", "b", "cpu"), &report(&["a", "b"], true)),
        row(&fault("unseen", "z", "cpu"), &report(&["a", "b"], false)),
        row(&fault("blamed", "z", "cpu"), &report(&["a", "b"], true)),
        row(&weak, &report(&["a", "b"], false)),
        row(&weak, &report(&["a", "b"], true)),
        Row::quiet("quiet-1", Answered { report: &report(&[], false), felt: None, detected: None }),
        Row::unscored("workflow", &[], "kind: \"Workflow\" | <not supported>\u{7}"),
    ]
}

#[test]
fn each_row_comes_out_as_it_should() {
    use Outcome::{AmongThree, FalseAlarm, First, Missed, Named, NoEffect, NotScored, Quiet};
    let rows = rows();
    let outcomes: Vec<Outcome> = rows.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [Named, First, AmongThree, NoEffect, Missed, Quiet, FalseAlarm, Quiet, NotScored]);
    assert_eq!((rows[0].rank, rows[0].metric_rank, rows[0].detected_after_s), (Some(1), Some(2), Some(30.0)));
    assert_eq!((rows[2].rank, rows[2].metric_rank), (Some(2), Some(1)));
    assert!(rows[3].remark.contains("nothing at z moved beyond noise"), "{}", rows[3].remark);
}

fn minimum(top1: f64, top3: f64) -> Minimum {
    Minimum { top1: Some(top1), top3: Some(top3), ..Minimum::default() }
}

/// Of five faults two are first and three among three; Wilson's interval of 2 of 5 is 0.118 to 0.769.
#[test]
fn sums_count_what_was_asked() {
    let totals = Totals::of(&rows());
    assert_eq!((totals.top1.hits, totals.top3.hits, totals.top1.of), (2, 3, 5));
    assert!((totals.top1.low - 0.118).abs() < 1e-3 && (totals.top1.high - 0.769).abs() < 1e-3);
    assert_eq!((totals.top1_of_felt.hits, totals.top1_of_felt.of), (2, 4));
    assert_eq!((totals.metric_top1.hits, totals.metric_top1.of), (2, 3));
    assert_eq!((totals.false_alarms.hits, totals.false_alarms.of, totals.not_scored), (1, 3, 1));
    assert_eq!((totals.detected_median_s, totals.mrr), (Some(30.0), Some(0.5)));
    assert_eq!(totals.misses(minimum(0.4, 0.6)), Vec::<String>::new());
    assert_eq!(totals.misses(minimum(0.41, 0.8)).len(), 2);
    assert_eq!(Totals::of(&[]).misses(minimum(0.1, 0.0)).len(), 1, "nothing asked reaches nothing");
}

#[test]
fn every_form_shows_every_row_and_nothing_breaks_out() {
    let card = Scorecard::new("Drill <b>", rows());
    let (html, junit) = (html(&card).unwrap(), junit(&card).unwrap());
    for row in &card.rows {
        for form in [&card.text(), &card.json().unwrap(), &html, &junit] {
            assert!(form.contains(&row.experiment), "{}", row.experiment);
        }
    }
    assert!(html.contains("&lt;not supported&gt;") && !html.contains("<not") && !html.contains("<b>"));
    assert!(junit.contains(r#"tests="9" failures="4" skipped="1""#), "{junit}");
    assert!(junit.contains("&lt;not supported&gt; \"") || !junit.contains('\u{7}'));
    assert!(card.markdown().contains("\\| &lt;not supported>"));
}

/// "No effect" is only concluded from what was observed: front-end's mean latency went from 24 to 86 ms while the fault's own service and its callers
/// showed nothing.
#[test]
fn no_effect_is_said_only_where_users_were_seen_to_feel_nothing() {
    let of = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = answer(&["a", "b"], false);
        change(&mut json);
        row(&fault("missed", "z", "cpu"), &serde_json::from_value(json).unwrap())
    };
    let calm = of(&|_| {});
    assert_eq!(calm.outcome, Outcome::NoEffect);
    let evidence = json!({"metric": "latency_ms", "seen_by": "front-end", "peer": null, "from": 24.0, "to": 86.0, "unit": "ms", "strength": 0.4, "onset": null, "summary": "latency 24 → 86 ms"});
    let tripled = of(&|json| json["symptoms"] = json!([{"service": "front-end", "evidence": evidence}]));
    assert_eq!(tripled.outcome, Outcome::Missed);
    assert!(tripled.remark.contains("front-end: latency 24 → 86 ms"), "{}", tripled.remark);
    let impact = json!({"kind": "waiting", "amount": 1.9, "entries": ["front-end"], "summary": "front-end: mean latency 24 → 86 ms, 1.9 more users waiting at any moment"});
    let waiting = of(&|json| json["impacts"] = json!([impact]));
    assert_eq!(waiting.outcome, Outcome::Missed);
    assert!(waiting.remark.contains("24 → 86 ms"), "{}", waiting.remark);
    let blind = of(&|json| {
        json["verdict"]["is_felt"] = json!(null);
        json["not_checked"] = json!([{"signal": "latency", "services": ["front-end"], "reason": "no series"}]);
    });
    assert_eq!((blind.outcome, blind.outcome.as_str()), (Outcome::NotObserved, "not observed"));
    assert!(blind.remark.contains("latency of front-end"), "{}", blind.remark);
    let totals = Totals::of(&[calm, tripled, waiting, blind]);
    assert_eq!((totals.top1.of, totals.top1_of_felt.of), (4, 2), "all were asked about");
}

/// A fault at `a` beside a harmless release at `b`; and the release alone.
#[test]
fn decoys_are_no_faults_and_naming_one_is_told() {
    let decoy = Entry { role: Role::Decoy, ..fault("release", "b", "latency") };
    let both = [fault("cpu", "a", "cpu"), decoy.clone()];
    let answered = |services: &[&str], names| {
        let report = report(services, names);
        let scored = |entries: &[Entry]| {
            Row::scored("x", entries, Answered { report: &report, felt: None, detected: Some(t(130)) })
        };
        (scored(&both), scored(std::slice::from_ref(&decoy)))
    };
    let (right, blamed) = answered(&["a", "b"], true);
    assert_eq!((right.truth.as_slice(), right.outcome), (["a".to_owned()].as_slice(), Outcome::Named));
    assert_eq!((right.decoys.as_slice(), right.remark.as_str()), (["b".to_owned()].as_slice(), ""));
    assert_eq!((right.set.unwrap().faults, blamed.outcome), (1, Outcome::FalseAlarm));
    let (wrong, alarm) = answered(&["b", "a"], true);
    assert_eq!(wrong.outcome, Outcome::AmongThree);
    assert!(wrong.remark.starts_with("names a decoy: b"), "{}", wrong.remark);
    assert_eq!((alarm.outcome, alarm.fault.as_str()), (Outcome::FalseAlarm, "nothing but StressChaos memory"));
    assert_eq!(answered(&["b"], false).1.outcome, Outcome::Quiet);
}

/// A release at `a` that does harm from 100 s on. The answer tells it, an older one, or nothing; or it could not see changes.
#[test]
fn the_change_that_hurt_is_told_and_another_is_blamed() {
    let release = Entry { kind: "Release".to_owned(), ..fault("release", "a", "latency") };
    let scored = |entry: &Entry, told: &[(&str, i64)], observed: bool| {
        let change = |(service, at): &(&str, i64)| {
            json!({"role": "fits", "before_s": 1.0, "summary": "release 1 → 2", "change": {"at": t(*at).rfc3339(), "kind": "release",
                "service": service, "subject": "deployment", "from": null, "to": null, "source": "test"}})
        };
        let mut json = answer(&["a", "b"], true);
        json["changes"] = json!({"observed_from": observed.then(|| t(0).rfc3339()), "unseen": [], "omitted": 0, "summary": "",
            "listed": told.iter().map(change).collect::<Vec<_>>()});
        let report = serde_json::from_value(json).unwrap();
        Row::scored("x", std::slice::from_ref(entry), Answered { report: &report, felt: None, detected: None })
    };
    let right = scored(&release, &[("a", 95)], true);
    assert_eq!((right.changes.clone().unwrap().is_told, right.remark.as_str()), (Some(true), ""));
    let older = scored(&release, &[("a", -900)], true);
    assert_eq!(older.changes.clone().unwrap().is_told, Some(false));
    assert_eq!(older.remark, "does not tell the change; blames a change: a release 1 → 2");
    let silent = scored(&release, &[], true);
    let other = scored(&fault("cpu", "a", "cpu"), &[("a", 95)], true);
    assert_eq!(
        other.changes.clone().unwrap(),
        ChangeBlame { is_told: None, wrong: vec!["a release 1 → 2".to_owned()] }
    );
    let blind = scored(&release, &[], false);
    assert_eq!(blind.changes, None);
    let totals = Totals::of(&[right, older, silent, other, blind]).changes.unwrap();
    assert_eq!((totals.told.hits, totals.told.of, totals.wrong.hits, totals.wrong.of), (1, 3, 2, 4));
}

/// Memory is taken at `a`. The answer names it and tells the mechanism, another one, none, or the right one for another service; and if nothing is
/// named, no mechanism is told.
#[test]
fn a_row_says_whether_the_mechanism_is_told() {
    let entry = fault("stress", "a", "memory");
    let scored = |named: &str, told: Option<&str>, names: bool| {
        let mut json = answer(&["a", "b"], names);
        json["verdict"]["causes"] = json!([{"services": [named], "mechanism": told, "summary": ""}]);
        row(&entry, &serde_json::from_value(json).unwrap())
    };
    let rows = vec![
        scored("a", Some("memory"), true),
        scored("a", Some("cpu"), true),
        scored("a", None, true),
        scored("b", Some("memory"), true),
        scored("a", Some("memory"), false),
    ];
    let told: Vec<_> =
        rows.iter().filter_map(|r| r.mechanism.as_ref()).map(|m| (m.told.as_deref(), m.is_right)).collect();
    assert_eq!(told, [(Some("memory"), true), (Some("cpu"), false), (None, false), (None, false), (None, false)]);
    assert_eq!(rows[0].mechanism.as_ref().unwrap().expected, "memory");
    assert_eq!((rows[0].remark.as_str(), rows[1].remark.as_str()), ("", "tells \"cpu\" for memory"));
    let card = Scorecard::new("mechanisms", rows);
    let right = card.totals.mechanism.as_ref().unwrap();
    assert_eq!((right.right.hits, right.right.of), (1, 5));
    assert_eq!(card.totals.misses(Minimum { mechanism: Some(0.85), ..Minimum::default() }).len(), 1);
    for form in [card.text(), card.markdown(), html(&card).unwrap()] {
        assert!(form.contains("the right mechanism told in 1 of 5"), "{form}");
    }
    // Faults with an unknown mechanism have none that could be told.
    let unknown = Entry { kind: "TimeChaos".to_owned(), action: "skew".to_owned(), ..fault("skew", "a", "cpu") };
    assert_eq!(row(&unknown, &report(&["a"], true)).mechanism, None);
}

/// Two simultaneous faults: both named, the second as a pair; one named; one named and another wrong.
#[test]
fn several_faults_are_scored_as_a_set() {
    let faults = [fault("slow", "a", "cpu"), fault("store", "b-db", "cpu")];
    let named = |causes: serde_json::Value| {
        let mut json = answer(&["a", "b", "b-db"], true);
        json["verdict"]["causes"] = causes;
        Row::scored(
            "pair",
            &faults,
            Answered { report: &serde_json::from_value(json).unwrap(), felt: None, detected: None },
        )
    };
    let cause = |services: &[&str]| json!({"services": services, "mechanism": null, "summary": ""});
    let rows = vec![
        named(json!([cause(&["a"]), cause(&["b", "b-db"])])),
        named(json!([cause(&["a"])])),
        named(json!([cause(&["c"]), cause(&["b-db"])])),
    ];
    let sets: Vec<(usize, usize)> = rows.iter().filter_map(|r| r.set).map(|s| (s.right, s.named)).collect();
    assert_eq!(sets, [(2, 2), (1, 1), (1, 2)]);
    assert!(rows.iter().all(|r| r.outcome == Outcome::Named));
    assert_eq!((rows[0].answer_words().as_str(), rows[0].remark.as_str()), ("a + b or b-db", ""));
    assert_eq!((rows[1].remark.as_str(), rows[2].remark.as_str()), ("1 of 2 faults", "1 of 2 faults, 1 wrong"));
    let card = Scorecard::new("pairs", rows);
    let sets = &card.totals.sets;
    assert_eq!((sets.precision.hits, sets.precision.of, sets.recall.hits, sets.recall.of), (4, 5, 4, 6));
    assert_eq!((sets.exact.hits, sets.exact.of), (1, 3));
    assert_eq!(card.totals.misses(Minimum { exact_set: Some(0.8), ..Minimum::default() }).len(), 1);
    for form in [card.text(), card.markdown(), html(&card).unwrap()] {
        assert!(form.contains("precision 4 of 5") && form.contains("exactly the faults in 1 of 3"), "{form}");
    }
}

#[test]
fn a_fault_at_a_machine_is_not_scored_and_is_not_called_nothing() {
    let mut disk = fault("disk", "x", "disk");
    disk.targets[0].service = None;
    disk.targets[0].address = Some("http://10.0.0.7:31760".to_owned());
    let row = row(&disk, &report(&["a"], true));
    assert_eq!(row.outcome, Outcome::NotScored);
    assert!(row.remark.contains("http://10.0.0.7:31760"), "{}", row.remark);
}
