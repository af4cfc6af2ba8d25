//! The status of one watched target, as the API, the log and the metrics show it.

use std::time::Duration;

use automap_core::incident::{Incident, IndicatorChange};
use automap_core::time::{Timestamp, as_rfc3339};
use automap_core::unseen::Unanswered;
use automap_core::watch::{WatchHealth, WatchOutcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::FetchError;

/// The status of one watched target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetStatus {
    /// Its name.
    pub target: String,
    /// Where its metrics come from, without credentials.
    pub source: String,
    /// Where its services are, as configured: a namespace, several between commas, or a pattern; `null` of a recording.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Where people open its Prometheus, for links to queries; `null` where there is none.
    #[serde(default)]
    pub query_page: Option<String>,
    /// The state in one word.
    pub state: State,
    /// The same in a sentence.
    pub summary: String,
    /// When it was last polled with success.
    #[serde(with = "as_rfc3339::option")]
    #[schemars(with = "Option<String>")]
    #[serde(rename = "looked")]
    pub last_success: Option<Timestamp>,
    /// Since when its source has been failing; `null` while it answers.
    #[serde(with = "as_rfc3339::option")]
    #[schemars(with = "Option<String>")]
    pub failing_since: Option<Timestamp>,
    /// The last error of the source; `null` while it answers.
    pub source_error: Option<String>,
    /// The last error of the store; `null` while it accepts every change.
    pub store_error: Option<String>,
    /// The open incident, of several the most severe one.
    pub open: Option<String>,
    /// All open incidents, the most severe first.
    #[serde(default)]
    pub open_incidents: Vec<String>,
    /// Incidents with changes that the store has not accepted yet.
    #[serde(default)]
    pub changes_waiting: usize,
    /// Incidents whose updates were dropped since watching began, because too many were waiting for the store.
    #[serde(default)]
    pub changes_lost: u64,
    /// How often the watching broke off by a bug of automap and was started again.
    #[serde(default)]
    pub restarts: u64,
    /// Services in its metrics; `null` before the first successful poll.
    pub services: Option<usize>,
    /// Changes that requests feel now and that have not lasted long enough for an incident.
    pub signs: Vec<IndicatorChange>,
    /// Ticks so far.
    pub ticks: u64,
    /// Ticks whose source failed.
    pub ticks_failed: u64,
    /// Ticks that began late because the one before took too long.
    pub ticks_late: u64,
}

/// The state of a watched target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not polled yet.
    Starting,
    /// Another replica watches it.
    Following,
    /// The baseline is not long enough yet.
    Learning,
    /// Everything is watched.
    Watching,
    /// The source has no current data, none of most services, none at all yet, or did not answer all queries about requests.
    Blind,
    /// The source does not answer.
    Failing,
    /// A recording or a saved report: nothing is watched.
    Recorded,
}

impl State {
    /// The name in JSON and in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Following => "following",
            Self::Learning => "learning",
            Self::Watching => "watching",
            Self::Blind => "blind",
            Self::Failing => "failing",
            Self::Recorded => "recorded",
        }
    }
}

impl TargetStatus {
    /// The status of a target that was not polled yet.
    pub fn new(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            source: String::new(),
            namespace: None,
            query_page: None,
            state: State::Starting,
            summary: "automap has not looked at it yet".to_owned(),
            last_success: None,
            failing_since: None,
            source_error: None,
            store_error: None,
            open: None,
            open_incidents: Vec::new(),
            changes_waiting: 0,
            changes_lost: 0,
            restarts: 0,
            services: None,
            signs: Vec::new(),
            ticks: 0,
            ticks_failed: 0,
            ticks_late: 0,
        }
    }

    /// The status of a target that another replica watches.
    pub(crate) fn following(target: &str) -> Self {
        Self { state: State::Following, summary: "another replica watches it".to_owned(), ..Self::new(target) }
    }

    /// The status of a target whose watching was interrupted by a panic, and begins again after a pause.
    pub(crate) fn broke_off(target: &str, restarts: u64, pause: Duration) -> Self {
        let summary = format!(
            "the watching broke off by a bug of automap, for the {restarts}. time; it begins again in {} s, see automap's log",
            pause.as_secs()
        );
        Self { state: State::Failing, summary, restarts, ..Self::new(target) }
    }

    pub(super) fn set_open(&mut self, open: &[&Incident]) {
        self.open_incidents = open.iter().map(|i| i.id.clone()).collect();
        self.open = self.open_incidents.first().cloned();
    }

    /// The source returned no data.
    pub(super) fn unanswered(&mut self, now: Timestamp, why: FetchError) {
        match why {
            FetchError::Failed(error) => self.failed(now, error),
            FetchError::TooYoung(words) => self.too_young(words),
            FetchError::Unseen(words) => self.unseen(now, words),
        }
    }

    /// Why there is no data, for the title of an incident: since when the source fails, without its own words.
    pub(super) fn without_data(&self) -> String {
        let failing = |since: Timestamp| format!("the source has been failing since {}", since.rfc3339());
        self.failing_since.map_or_else(|| self.summary.clone(), failing)
    }

    fn failed(&mut self, now: Timestamp, error: String) {
        self.ticks_failed += 1;
        self.state = State::Failing;
        let since = *self.failing_since.get_or_insert(now);
        self.summary = format!("the source has been failing since {}: {error}", since.rfc3339());
        self.source_error = Some(error);
    }

    fn too_young(&mut self, words: String) {
        self.ticks_failed += 1;
        self.failing_since = None;
        self.source_error = None;
        (self.state, self.summary) = (State::Learning, format!("learning what is normal: {words}"));
    }

    /// It answers, but has nothing of the target: that is a failure only if it had something before.
    fn unseen(&mut self, now: Timestamp, words: String) {
        if self.last_success.is_some() {
            return self.failed(now, words);
        }
        self.ticks_failed += 1;
        self.failing_since = None;
        self.source_error = None;
        (self.state, self.summary) = (State::Blind, format!("no requests were seen yet: {words}"));
    }

    pub(super) fn polled(&mut self, now: Timestamp, outcome: &WatchOutcome, services: usize) {
        self.last_success = Some(now);
        self.failing_since = None;
        self.source_error = None;
        self.services = Some(services);
        self.signs.clone_from(&outcome.signs);
        (self.state, self.summary) = match &outcome.health {
            WatchHealth::Ready => (State::Watching, watched(services, outcome.disturbed)),
            WatchHealth::Learning { samples, needed } => {
                (State::Learning, format!("learning what is normal: {samples} of {needed} samples"))
            }
            WatchHealth::Stale { since } => {
                (State::Blind, format!("the source has no data after {}: is it still scraping?", since.rfc3339()))
            }
            WatchHealth::SourceSilent { services, of } => (
                State::Blind,
                format!("{services} of {of} services fell silent at once: the source, not they, is suspected"),
            ),
            WatchHealth::Partial(unanswered) => (State::Blind, partial(unanswered)),
        };
    }
}

/// What was not completely answered: observed incidents still open, but none is closed.
fn partial(unanswered: &[Unanswered]) -> String {
    let one = |u: &Unanswered| match &u.reason {
        Some(reason) => format!("{} ({reason})", u.sentence()),
        None => u.sentence(),
    };
    let all: Vec<String> = unanswered.iter().map(one).collect();
    format!("{}: calm cannot be told from trouble, and no incident is closed", all.join("; "))
}

/// How many services are watched, and how much of the remembered time is excluded from the baseline.
fn watched(services: usize, disturbed: f64) -> String {
    let share = (100.0 * disturbed).round();
    match share >= 1.0 {
        true => format!(
            "{services} services watched; {share:.0} % of the remembered time was disturbed and is not learnt from"
        ),
        false => format!("{services} services watched"),
    }
}
