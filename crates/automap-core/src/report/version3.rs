//! Reads fields that were plain sentences in reports of version 3, so that stored incidents and files of that version stay
//! readable.

use serde::{Deserialize, Deserializer};

use super::counter_evidence::{CounterEvidence, Doubt};
use super::model::NextStep;

/// A field in a report of this version, or of version 3, where it was a list of sentences.
#[derive(Deserialize)]
#[serde(untagged)]
enum ThisOrVersion3<T> {
    This(T),
    Version3(String),
}

/// Reads a list of counter-evidence of this version or of version 3.
pub(super) fn counter_evidence<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<CounterEvidence>, D::Error> {
    let all = Vec::<ThisOrVersion3<CounterEvidence>>::deserialize(from)?;
    Ok(all
        .into_iter()
        .map(|one| match one {
            ThisOrVersion3::This(this) => this,
            ThisOrVersion3::Version3(text) => CounterEvidence { doubt: Doubt::Stated, text },
        })
        .collect())
}

/// Reads a list of next steps of this version or of version 3.
pub(super) fn next_steps<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<NextStep>, D::Error> {
    let all = Vec::<ThisOrVersion3<NextStep>>::deserialize(from)?;
    Ok(all
        .into_iter()
        .map(|one| match one {
            ThisOrVersion3::This(this) => this,
            ThisOrVersion3::Version3(text) => NextStep { text, signal: None, query: None },
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::{Report, SCHEMA_VERSION};

    /// A report as version 3 wrote it.
    fn version3() -> serde_json::Value {
        json!({
            "schema_version": 3, "source": "http://prometheus:9090", "engine": "evidence",
            "verdict": {"kind": "cause", "service": "payment", "mechanism": "network", "confidence": 0.86, "level": "high",
                "summary": "payment (network)"},
            "windows": {"baseline_start": "2026-11-23T13:50:00Z", "baseline_end": "2026-11-23T14:00:00Z", "baseline_samples": 40,
                "incident_start": "2026-11-23T14:00:00Z", "incident_end": "2026-11-23T14:05:00.5Z", "incident_samples": 20,
                "incident_start_is": "detected", "step_s": 15.0},
            "symptoms": [], "victims": [], "not_checked": [], "notes": [], "queries": [],
            "coverage": {"services": 14, "services_judged": 12, "series_judged": 90, "series": 100},
            "causes": [{"rank": 1, "service": "payment", "score": 9.0, "confidence": 0.86, "onset": "2026-11-23T14:00:15Z",
                "path": ["front-end", "payment"],
                "evidence": [{"metric": "queue_length", "seen_by": "payment", "peer": null, "from": 1.0, "to": 9.0, "unit": "",
                    "strength": 2.0, "onset": null, "summary": "queue_length 1 → 9"}],
                "counter_evidence": ["unchanged: CPU, memory"]}],
            "next": ["look at latency_ms: rate(x[1m])"]
        })
    }

    #[test]
    fn a_report_of_version_3_is_read() {
        let report: Report = serde_json::from_value(version3()).unwrap();
        let against = &report.causes[0].counter_evidence[0];
        assert_eq!(
            (&against.doubt, against.sentence(|t| t.clock(0))),
            (&Doubt::Stated, "unchanged: CPU, memory".into())
        );
        let step = NextStep { text: "look at latency_ms: rate(x[1m])".into(), signal: None, query: None };
        assert_eq!(report.next, [step]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut report: Report = serde_json::from_value(version3()).unwrap();
        report.schema_version = SCHEMA_VERSION;
        report.next =
            vec![NextStep { text: "look".into(), signal: Some("latency_ms".into()), query: Some("up".into()) }];
        let at = report.windows.incident_start;
        report.causes[0].counter_evidence = [
            Doubt::Unchanged { metrics: vec!["cpu_cores".into()] },
            Doubt::LateOnset { onset: at, first_symptom: at },
            Doubt::CloseRival { service: "orders".into() },
        ]
        .map(CounterEvidence::new)
        .to_vec();
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["causes"][0]["counter_evidence"][1]["onset"], "2026-11-23T14:00:00Z");
        assert_eq!(json["windows"]["incident_end"], "2026-11-23T14:05:00.5Z");
        assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
    }
}
