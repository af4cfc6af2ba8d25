//! How the watching of one target goes, for people and for metrics.

use automap_core::incident::IndicatorChange;
use automap_core::time::{Timestamp, as_rfc3339};
use automap_core::watch::{WatchHealth, WatchOutcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the watching of one target goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetStatus {
    /// Its name.
    pub target: String,
    /// Where its metrics come from, without credentials.
    pub source: String,
    /// In a word.
    pub state: State,
    /// The same in a sentence.
    pub summary: String,
    /// When it was looked at last with success.
    #[serde(with = "as_rfc3339::option")]
    #[schemars(with = "Option<String>")]
    pub looked: Option<Timestamp>,
    /// Since when its source fails; `null` while it answers.
    #[serde(with = "as_rfc3339::option")]
    #[schemars(with = "Option<String>")]
    pub failing_since: Option<Timestamp>,
    /// What the source said last; `null` while it answers.
    pub source_error: Option<String>,
    /// What the store said last; `null` while it keeps everything.
    pub store_error: Option<String>,
    /// The incident that goes on.
    pub open: Option<String>,
    /// Services in its metrics; `null` before the first look.
    pub services: Option<usize>,
    /// What requests feel now, before it is long enough for an incident.
    pub signs: Vec<IndicatorChange>,
    /// Ticks so far.
    pub ticks: u64,
    /// Ticks whose source failed.
    pub ticks_failed: u64,
    /// Ticks that began late because the one before took too long.
    pub ticks_late: u64,
}

/// The watching of a target in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not looked at yet.
    Starting,
    /// Another replica watches it.
    Following,
    /// Too little normal time so far.
    Learning,
    /// All is watched.
    Watching,
    /// The source has nothing of now, or nothing of most services.
    Blind,
    /// The source does not answer.
    Failing,
}

impl State {
    /// As it is written in JSON and in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Following => "following",
            Self::Learning => "learning",
            Self::Watching => "watching",
            Self::Blind => "blind",
            Self::Failing => "failing",
        }
    }
}

impl TargetStatus {
    /// Of one that was not looked at yet.
    pub fn new(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            source: String::new(),
            state: State::Starting,
            summary: "not looked at yet".to_owned(),
            looked: None,
            failing_since: None,
            source_error: None,
            store_error: None,
            open: None,
            services: None,
            signs: Vec::new(),
            ticks: 0,
            ticks_failed: 0,
            ticks_late: 0,
        }
    }

    /// Of one that another replica watches.
    pub(crate) fn following(target: &str) -> Self {
        Self { state: State::Following, summary: "another replica watches it".to_owned(), ..Self::new(target) }
    }

    pub(super) fn failed(&mut self, now: Timestamp, error: String) {
        self.ticks_failed += 1;
        self.state = State::Failing;
        let since = *self.failing_since.get_or_insert(now);
        self.summary = format!("the source fails since {}: {error}", since.rfc3339());
        self.source_error = Some(error);
    }

    pub(super) fn too_young(&mut self, words: String) {
        self.ticks_failed += 1;
        self.failing_since = None;
        self.source_error = None;
        (self.state, self.summary) = (State::Learning, format!("learning what is normal: {words}"));
    }

    pub(super) fn looked(&mut self, now: Timestamp, step: &WatchOutcome, services: usize) {
        self.looked = Some(now);
        self.failing_since = None;
        self.source_error = None;
        self.services = Some(services);
        self.signs.clone_from(&step.signs);
        (self.state, self.summary) = match &step.health {
            WatchHealth::Ready => (State::Watching, format!("{services} services watched")),
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
        };
    }
}
