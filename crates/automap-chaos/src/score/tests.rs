//! Rows and sums worked by hand.

use automap_core::report::Report;
use automap_core::time::Timestamp;
use serde_json::json;

use super::*;
use crate::{Entry, Source, State, Target};

fn t(s: i64) -> Timestamp {
    Timestamp::from_ms(s * 1000)
}

/// A report that ranks these services, and names the first one or none. Each has evidence of CPU, then of memory.
fn report(services: &[&str], names: bool) -> Report {
    let evidence = |service: &str, metric: &str| json!({"metric": metric, "seen_by": service, "peer": null, "from": 1.0, "to": 2.0, "unit": "", "strength": 2.0, "onset": null, "summary": ""});
    let cause = |(i, service): (usize, &&str)| {
        json!({"rank": i + 1, "service": service, "score": 1.0, "confidence": 0.5, "onset": null, "path": [], "counter_evidence": [],
            "evidence": [evidence(service, "cpu_cores"), evidence(service, "memory_bytes")]})
    };
    let causes: Vec<_> = services.iter().enumerate().map(cause).collect();
    let named = services.first().filter(|_| names);
    serde_json::from_value(json!({
        "schema_version": 3, "source": "test", "engine": "evidence",
        "verdict": {"kind": if names { "cause" } else { "not_enough_evidence" }, "service": named, "mechanism": null, "confidence": 0.8, "level": "high", "summary": ""},
        "windows": {"baseline_start": "2026-03-01T09:00:00Z", "baseline_end": "2026-03-01T10:00:00Z", "baseline_samples": 1, "incident_start": "2026-03-01T10:00:00Z", "incident_end": "2026-03-01T10:10:00Z", "incident_samples": 1, "incident_start_is": "detected", "step_s": 1.0},
        "symptoms": [], "coverage": {"services": 1, "services_judged": 1, "series_judged": 1, "series": 1},
        "causes": causes, "victims": [], "not_checked": [], "notes": [], "next": [], "queries": []
    }))
    .unwrap()
}

fn fault(name: &str, service: &str, metric: &str) -> Entry {
    let mut entry = Entry::new(name, "StressChaos", "shop", name, Source::Records);
    entry.action = "memory".to_owned();
    entry.state = State::Injected;
    (entry.started, entry.ended) = (Some(t(100)), Some(t(200)));
    entry.expected_metric = Some(metric.to_owned());
    entry.targets = vec![Target {
        namespace: "shop".into(),
        pod: String::new(),
        container: None,
        service: Some(service.into()),
        from: None,
        to: None,
    }];
    entry
}

fn row(entry: &Entry, report: &Report) -> Row {
    Row::scored(&entry.name, std::slice::from_ref(entry), Answered { report, detected: Some(t(130)) })
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
        Row::quiet("quiet-1", Answered { report: &report(&[], false), detected: None }),
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
    assert!(rows[3].remark.contains("nothing at z moved beyond noise"));
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
    assert_eq!(totals.misses(Some(0.4), Some(0.6)), Vec::<String>::new());
    assert_eq!(totals.misses(Some(0.41), Some(0.8)).len(), 2);
    assert_eq!(Totals::of(&[]).misses(Some(0.1), None).len(), 1, "nothing asked reaches nothing");
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
