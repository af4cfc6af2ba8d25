//! A mute as requested over the API or the command line: checked, completed and stored.

use automap_core::time::{Timestamp, as_rfc3339};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::known::Known;
use crate::store::{Mute, MuteStore, StoreError};

/// Longest mute that can be requested: longer ones belong in the configuration, where others see them.
pub const MAX_LENGTH_MS: i64 = 30 * 86_400_000;
/// Most patterns of a list.
const MAX_PATTERNS: usize = 100;
/// Longest pattern and reason, in bytes.
const MAX_TEXT_BYTES: usize = 500;
/// How many ids are tried for a mute if the first is taken.
const MAX_TRIES: usize = 100;

/// What a new mute is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MuteRequest {
    /// Patterns of targets; left out: all. `*` stands for any characters.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Patterns of the cause; left out: all.
    #[serde(default)]
    pub services: Vec<String>,
    /// When it begins (RFC 3339); left out: now.
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    pub from: Option<Timestamp>,
    /// When it ends (RFC 3339), at most 30 days after it begins.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub until: Timestamp,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Why a mute was not made.
#[derive(Debug, thiserror::Error)]
pub enum MuteError {
    /// The request is not valid, contains unknown names, or there are too many mutes.
    #[error("{message}; {next}")]
    Refused {
        /// What is wrong, for the user.
        message: String,
        /// What to try next.
        next: String,
    },
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores a mute that `by` requests.
///
/// # Errors
/// [`MuteError::Refused`] when the times or texts are not valid, it names a target or service that is not `known`, or there are too many mutes;
/// [`MuteError::Store`] when the store does not answer.
pub fn add(
    store: &dyn MuteStore,
    request: &MuteRequest,
    known: &Known,
    by: &str,
    now: Timestamp,
) -> Result<Mute, MuteError> {
    check(request, now)?;
    known.check(request)?;
    let from = request.from.unwrap_or(now).max(now);
    let stamp = now.compact();
    for number in 1..=MAX_TRIES {
        let id = if number == 1 { format!("mute-{stamp}") } else { format!("mute-{stamp}-{number}") };
        let (targets, services) = (request.targets.clone(), request.services.clone());
        let (reason, by) = (request.reason.clone(), by.to_owned());
        let mute = Mute { id, targets, services, from, until: request.until, reason, by };
        match store.add_mute(&mute, now) {
            Ok(true) => return Ok(mute),
            Ok(false) => {}
            Err(StoreError::Unfit { reason, .. }) => return refused(reason, "end some with DELETE /api/v1/mutes/{id}"),
            Err(error) => return Err(error.into()),
        }
    }
    refused(format!("{MAX_TRIES} mutes were made within this second"), "try again")
}

fn check(request: &MuteRequest, now: Timestamp) -> Result<(), MuteError> {
    let from = request.from.unwrap_or(now).max(now);
    if request.until <= from {
        return refused("it ends before it begins, or has ended already", "give a later `until`");
    }
    if request.until.ms() - from.ms() > MAX_LENGTH_MS {
        return refused("it lasts longer than 30 days", "write what lasts into the configuration: mutes.windows");
    }
    for (key, patterns) in [("targets", &request.targets), ("services", &request.services)] {
        if patterns.len() > MAX_PATTERNS || patterns.iter().any(|p| !is_plain(p) || p.is_empty()) {
            return refused(
                format!(
                    "`{key}` holds more than {MAX_PATTERNS} patterns, or one that is empty, longer than {MAX_TEXT_BYTES} bytes or not plain text"
                ),
                "name services and targets as automap shows them; * stands for any characters",
            );
        }
    }
    if !is_plain(&request.reason) {
        return refused(format!("`reason` is longer than {MAX_TEXT_BYTES} bytes or not plain text"), "shorten it");
    }
    Ok(())
}

fn is_plain(text: &str) -> bool {
    text.len() <= MAX_TEXT_BYTES && !text.chars().any(char::is_control)
}

fn refused<T>(message: impl Into<String>, next: &str) -> Result<T, MuteError> {
    Err(MuteError::Refused { message: message.into(), next: next.to_owned() })
}
