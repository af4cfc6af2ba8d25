//! Compares the incidents of a watcher with the ledger: which incident belongs to which fault, and which incidents are false alarms.

use automap_chaos::score::markdown_table;
use automap_core::incident::{Incident, IncidentState};
use automap_core::time::{Interval, Timestamp};

use crate::ledger::Injection;

/// An incident's onset may precede the injection by this much: samples are seconds apart, and detection is not exact.
const EARLY_MS: i64 = 30_000;
/// It may follow the end of the fault by this much: rates look back a minute, and queues take time to drain.
const LATE_MS: i64 = 90_000;

/// One fault and the incident that it caused.
#[derive(Clone, Debug, PartialEq)]
pub struct SoakRow {
    /// Name of the experiment, such as `delay-payment`.
    pub experiment: String,
    /// The services that were really hit.
    pub truth: Vec<String>,
    /// Duration of the fault in seconds; `None` if it had not ended.
    pub lasted_s: Option<f64>,
    /// Id of the incident; `None` if the watcher opened none.
    pub incident: Option<String>,
    /// From the injection to the opening, in seconds.
    pub detected_after_s: Option<f64>,
    /// The cause named by the incident's last revision.
    pub named: Option<String>,
    /// Rank of the first service that was really hit, in the incident's last diagnosis.
    pub rank: Option<usize>,
    /// From the end of the fault to the closing, in seconds.
    pub closed_after_s: Option<f64>,
}

/// The result of a soak.
#[derive(Clone, Debug, PartialEq)]
pub struct SoakScore {
    /// One row for each injection, in the order of time.
    pub rows: Vec<SoakRow>,
    /// Incidents that belong to no fault.
    pub false_incidents: Vec<String>,
    /// Time without a fault or its after-effects, in hours.
    pub quiet_h: f64,
}

/// Assigns to each injection the first incident whose onset or opening falls into it, allowing for late samples and after-effects.
///
/// # Arguments
/// - `incidents`: the last revision of each incident.
/// - `watched`: the time during which the watcher could open incidents.
pub fn score(injections: &[Injection], incidents: &[Incident], watched: Interval) -> SoakScore {
    let spans: Vec<Interval> = injections.iter().map(|i| attribution_span(i, watched.end)).collect();
    let belongs = |incident: &Incident, span: Interval| span.contains(incident.onset) || span.contains(incident.opened);
    let rows = injections.iter().zip(&spans).map(|(injection, span)| {
        let incident = incidents.iter().find(|i| belongs(i, *span));
        row(injection, incident)
    });
    let stray = incidents.iter().filter(|i| !spans.iter().any(|span| belongs(i, *span)));
    SoakScore {
        rows: rows.collect(),
        false_incidents: stray.map(|i| i.id.clone()).collect(),
        quiet_h: quiet_ms(&spans, watched) as f64 / 3.6e6,
    }
}

fn row(injection: &Injection, incident: Option<&Incident>) -> SoakRow {
    let truth: Vec<String> = injection.targets.iter().map(|t| t.service.clone()).collect();
    let causes = incident.and_then(|i| i.report.as_ref()).map(|r| &r.causes);
    let seconds = |from: i64, to: i64| (to - from) as f64 / 1e3;
    let closed = |i: &Incident| i.closed.filter(|_| i.state == IncidentState::Closed);
    SoakRow {
        experiment: injection.experiment.clone(),
        lasted_s: injection.to_ms.map(|to| seconds(injection.from_ms, to)),
        incident: incident.map(|i| i.id.clone()),
        detected_after_s: incident.map(|i| seconds(injection.from_ms, i.opened.ms())),
        named: incident.and_then(|i| i.cause.as_ref()).map(|c| c.service.clone()),
        rank: causes.and_then(|all| all.iter().find(|c| truth.contains(&c.service)).map(|c| c.rank)),
        closed_after_s: incident.and_then(closed).zip(injection.to_ms).map(|(at, to)| seconds(to, at.ms())),
        truth,
    }
}

/// The time in which an incident is attributed to a fault: from shortly before it to the end of its after-effects.
fn attribution_span(injection: &Injection, end: Timestamp) -> Interval {
    let to = injection.to_ms.map_or(end, Timestamp::from_ms).plus_ms(LATE_MS);
    Interval { start: Timestamp::from_ms(injection.from_ms - EARLY_MS), end: to }
}

fn quiet_ms(spans: &[Interval], watched: Interval) -> i64 {
    let mut spans: Vec<Interval> = spans.to_vec();
    spans.sort_by_key(|s| s.start);
    let (mut at, mut quiet) = (watched.start, 0);
    for span in spans {
        quiet += (span.start.min(watched.end).ms() - at.ms()).max(0);
        at = at.max(span.end).min(watched.end);
    }
    quiet + (watched.end.ms() - at.ms()).max(0)
}

impl SoakScore {
    /// The rows as a Markdown table, followed by a summary.
    pub fn table(&self) -> String {
        let header = ["fault", "at", "lasted", "opened after", "named", "rank of the true cause", "closed after"];
        let mut rows = vec![header.map(ToOwned::to_owned).to_vec()];
        let s = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| format!("{v:.0} s"));
        rows.extend(self.rows.iter().map(|r| {
            let named = match (&r.incident, &r.named) {
                (None, _) => "no incident".to_owned(),
                (Some(_), named) => named.clone().unwrap_or_else(|| "not clear".to_owned()),
            };
            let rank = r.rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string());
            vec![
                r.experiment.clone(),
                r.truth.join(", "),
                s(r.lasted_s),
                s(r.detected_after_s),
                named,
                rank,
                s(r.closed_after_s),
            ]
        }));
        markdown_table(&rows) + "\n" + &self.summary()
    }

    fn summary(&self) -> String {
        let opened: Vec<&SoakRow> = self.rows.iter().filter(|r| r.incident.is_some()).collect();
        let within = |k: usize| opened.iter().filter(|r| r.rank.is_some_and(|rank| rank <= k)).count();
        let mut after: Vec<f64> = opened.iter().filter_map(|r| r.detected_after_s).collect();
        after.sort_by(f64::total_cmp);
        let median = after.get(after.len() / 2).map_or_else(|| "–".to_owned(), |s| format!("{s:.0} s"));
        format!(
            "{} incidents opened for {} faults, after {median} (median); the true cause first in {} of {n}, among the first three in {} of {n}; \
             {} false incidents in {:.2} quiet hours\n",
            opened.len(),
            self.rows.len(),
            within(1),
            within(3),
            self.false_incidents.len(),
            self.quiet_h,
            n = opened.len(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_ms(s * 1000)
    }

    fn fault(name: &str, from: i64, to: i64) -> Injection {
        serde_json::from_value(serde_json::json!({
            "id": name, "kind": "NetworkChaos", "action": "delay", "experiment": name,
            "targets": [{"pod": "payment-1", "service": "payment", "container": null}],
            "peers": [], "expected_metric": "latency", "from": "", "from_ms": from * 1000, "to": "", "to_ms": to * 1000, "spec": {}
        }))
        .unwrap()
    }

    fn incident(id: &str, onset: i64, opened: i64, closed: i64) -> Incident {
        let rfc = |s: i64| at(s).rfc3339();
        serde_json::from_value(serde_json::json!({
            "schema_version": 1, "id": id, "target": "shop", "state": "closed", "severity": "warning", "revision": 3,
            "onset": rfc(onset), "opened": rfc(opened), "updated": rfc(closed), "closed": rfc(closed), "title": "",
            "cause": {"service": "payment", "mechanism": null, "confidence": 0.9},
            "symptoms": [], "victims": [], "slos": [], "alerts": [], "reopened": 0, "confirmed": null, "timeline": [], "report": null
        }))
        .unwrap()
    }

    /// Two faults of 100 s in 1000 s; the second is not noticed, and an incident opens without a fault. Quiet: 1000 − 2 · (30 + 100 + 90) = 560 s.
    #[test]
    fn incidents_are_assigned_to_faults_and_the_rest_are_false_alarms() {
        let faults = [fault("a", 100, 200), fault("b", 500, 600)];
        let incidents = [incident("one", 102, 170, 330), incident("two", 850, 900, 950)];
        let score = score(&faults, &incidents, Interval { start: at(0), end: at(1000) });
        assert_eq!(score.rows[0].detected_after_s, Some(70.0));
        assert_eq!((score.rows[0].closed_after_s, score.rows[0].named.as_deref()), (Some(130.0), Some("payment")));
        assert_eq!((score.rows[1].incident.as_deref(), score.rows[1].lasted_s), (None, Some(100.0)));
        assert_eq!(score.false_incidents, ["two"]);
        assert!((score.quiet_h * 3600.0 - 560.0).abs() < 1e-6);
        let table = score.table();
        assert!(table.contains("| a     | payment | 100 s  | 70 s         | payment     | –"), "{table}");
        assert!(table.ends_with("1 false incidents in 0.16 quiet hours\n"), "{table}");
    }
}
