//! Counter-evidence as data: a reader words it, with times in its own zone, and never has to parse a sentence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::{Family, Metric};
use crate::time::{Timestamp, as_rfc3339};
use crate::unseen::{Unanswered, UnobservedCallees};

/// One reason to doubt a candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CounterEvidence {
    /// The reason.
    #[serde(flatten)]
    pub doubt: Doubt,
    /// The same as text, with times in RFC 3339 and UTC.
    pub text: String,
}

/// Kinds of counter-evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Doubt {
    /// Metrics of its own that a fault would move stayed in their normal range.
    Unchanged {
        /// Which.
        metrics: Vec<Metric>,
    },
    /// Its symptom shows in its calls to a callee too.
    ShownByCallee {
        /// The callee.
        callee: String,
        /// Latency or error.
        family: Family,
    },
    /// It may wait for a callee that is not measured.
    UnmeasuredCallee {
        /// The callee.
        callee: String,
        /// Latency or error.
        family: Family,
    },
    /// The caller does not report these calls, so its own time and the network to its callees cannot be distinguished.
    UnseenNetwork {
        /// Its callees.
        callees: Vec<String>,
    },
    /// Its callees were not observed, since queries were refused, failed or partly answered, or since there are no series: it may wait for one of
    /// them.
    UnobservedCallees {
        /// Those whose latency or errors were not observed; empty if its calls were not completely observed.
        callees: Vec<String>,
        /// The queries with incomplete answers; empty if all answers were complete, but there are no series.
        queries: Vec<Unanswered>,
    },
    /// Its samples stopped, and so did some of running services: they may be lost in transit.
    SamplesLost {
        /// Running services that lost some of their samples.
        services: Vec<String>,
    },
    /// It changed after users already noticed something.
    LateOnset {
        /// Its own first change.
        #[serde(with = "as_rfc3339")]
        #[schemars(schema_with = "as_rfc3339::schema")]
        onset: Timestamp,
        /// The first symptom of the system.
        #[serde(with = "as_rfc3339")]
        #[schemars(schema_with = "as_rfc3339::schema")]
        first_symptom: Timestamp,
    },
    /// Another service is nearly as likely.
    CloseRival {
        /// Which.
        service: String,
    },
    /// Read from a report of version 3, which had only sentences.
    Stated,
}

impl CounterEvidence {
    /// With its text.
    pub fn new(doubt: Doubt) -> Self {
        let mut made = Self { doubt, text: String::new() };
        made.text = made.sentence(Timestamp::rfc3339);
        made
    }

    /// One sentence, with times as `clock` writes them.
    ///
    /// ```
    /// use automap_core::report::{CounterEvidence, Doubt};
    /// use automap_core::time::Timestamp;
    ///
    /// let at = |text| Timestamp::parse_rfc3339(text).unwrap();
    /// let late = CounterEvidence::new(Doubt::LateOnset {
    ///     onset: at("2026-11-23T14:04:00Z"),
    ///     first_symptom: at("2026-11-23T14:03:15Z"),
    /// });
    /// let in_shanghai = |t: Timestamp| t.clock(8 * 3600);
    /// assert_eq!(
    ///     late.sentence(in_shanghai),
    ///     "its first change (22:04:00) is later than the first symptom of the system (22:03:15)"
    /// );
    /// ```
    pub fn sentence(&self, clock: impl Fn(Timestamp) -> String) -> String {
        match &self.doubt {
            Doubt::Unchanged { metrics } => {
                let words: Vec<String> = metrics.iter().map(Metric::words).collect();
                format!("unchanged: {}", words.join(", "))
            }
            Doubt::ShownByCallee { callee, family } => format!("its calls to {callee} show the {family} too"),
            Doubt::UnmeasuredCallee { callee, family } => {
                format!("it may wait for {callee}, whose {family} is not measured")
            }
            Doubt::UnseenNetwork { callees } => {
                format!("it may be the network to {}: these calls are reported by the callee alone", callees.join(", "))
            }
            Doubt::UnobservedCallees { callees, queries } => {
                let of = UnobservedCallees { callees: callees.clone(), queries: queries.clone() };
                of.sentence("it")
            }
            Doubt::SamplesLost { services } => {
                format!(
                    "its samples may be lost on their way: some of {}, which go on, are missing too",
                    services.join(", ")
                )
            }
            Doubt::LateOnset { onset, first_symptom } => format!(
                "its first change ({}) is later than the first symptom of the system ({})",
                clock(*onset),
                clock(*first_symptom)
            ),
            Doubt::CloseRival { service } => format!("{service} is nearly as likely"),
            Doubt::Stated => self.text.clone(),
        }
    }
}
