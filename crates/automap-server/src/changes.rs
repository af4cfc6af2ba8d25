//! Changes reported to automap: by webhooks, by annotations of a Grafana, by feature flags. Those read from Prometheus are left to the sources.
//!
//! ```text
//!  body ─▶ parse (one file for each form) ─▶ Entry ─▶ settle (target, age, service) ─▶ store, answer
//!  store, Grafana, flags ─▶ Told ─▶ Observation.changes
//! ```
//!
//! The parsers read no clock and fetch nothing. Texts and numbers from outside are bounded, and each entry of a body is judged by itself.

mod cdevents;
mod cloudevents;
mod entry;
mod feature_flags;
mod flagger;
mod flux;
mod github;
mod grafana;
mod plain;
pub mod receipt;
mod schema;
mod told;

use automap_core::time::Timestamp;
use serde_json::Value;

use crate::alerts::webhook_fields::{ParseError, invalid};

pub use entry::{AHEAD_MS, Delivery, Entry, Headers, MAX_ENTRIES, OLDEST_MS, Place, ReceivedChange};
pub use feature_flags::FeatureFlags;
pub(crate) use github::Signature;
pub(crate) use schema::ChangeWebhook;
pub use told::ToldChanges;

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeForm {
    /// automap's own: one change or a list.
    Plain,
    /// CloudEvents, CDEvents among them: structured, a batch, or binary.
    CloudEvents,
    /// The generic provider of Flux' notification controller.
    Flux,
    /// The event webhook of Flagger.
    Flagger,
    /// GitHub's `deployment_status`.
    Github,
    /// Clients that post Grafana annotations.
    Grafana,
}

/// Parses a body that arrived at `now`.
///
/// # Errors
/// [`ParseError`] with the place, if nothing of the body can be read.
pub fn parse(form: ChangeForm, headers: Headers<'_>, body: &[u8], now: Timestamp) -> Result<Delivery, ParseError> {
    let json = || serde_json::from_slice::<Value>(body).map_err(|e| invalid("body", e.to_string()));
    match form {
        ChangeForm::Plain => plain::delivery(&json()?, now),
        ChangeForm::CloudEvents => cloudevents::delivery(headers, &json()?, now),
        ChangeForm::Flux => flux::entry(&json()?, now).map(Delivery::one),
        ChangeForm::Flagger => flagger::entry(&json()?, now).map(Delivery::one),
        ChangeForm::Github => github::entry(headers, &json()?, now).map(Delivery::one),
        ChangeForm::Grafana => grafana::delivery(&json()?, now),
    }
}
