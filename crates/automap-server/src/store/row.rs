//! An incident as a row: indexed columns, the whole in JSON, and the report apart so that listings do not read it.

use automap_core::incident::Incident;
use automap_core::text::{is_plain, shown};
use automap_core::time::Timestamp;
use automap_core::watch::Alert;

use super::{MAX_ID, StoreError};

/// The columns of an incident.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    pub(super) target: &'a str,
    pub(super) state: &'static str,
    pub(super) severity: &'static str,
    pub(super) cause: Option<&'a str>,
    pub(super) confirmed: Option<&'a str>,
    pub(super) revision: i64,
    pub(super) opened_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) closed_ms: Option<i64>,
    /// Without the report.
    pub(super) body: String,
    pub(super) report: Option<String>,
}

impl<'a> Row<'a> {
    pub(super) fn encode(incident: &'a Incident) -> Result<Self, StoreError> {
        check(incident)?;
        let json = |e: serde_json::Error| unfit(incident, e.to_string());
        Ok(Self {
            id: &incident.id,
            target: &incident.target,
            state: incident.state.as_str(),
            severity: incident.severity.as_str(),
            cause: incident.cause.as_ref().map(|cause| cause.service.as_str()),
            confirmed: incident.confirmed.as_deref(),
            revision: i64::try_from(incident.revision).map_err(|e| unfit(incident, e.to_string()))?,
            opened_ms: incident.opened.ms(),
            updated_ms: incident.updated.ms(),
            closed_ms: incident.closed.map(Timestamp::ms),
            body: serde_json::to_string(&Incident { report: None, ..incident.clone() }).map_err(json)?,
            report: incident.report.as_ref().map(serde_json::to_string).transpose().map_err(json)?,
        })
    }
}

/// Checks whether it can be stored at all.
pub(super) fn check(incident: &Incident) -> Result<(), StoreError> {
    if incident.id.is_empty() || incident.id.len() > MAX_ID {
        return Err(unfit(incident, format!("an id has 1 to {MAX_ID} bytes")));
    }
    // PostgreSQL takes no NUL, and a listing shows these columns. Names are cleaned where they enter; a file that is imported may hold any.
    let cause = incident.cause.as_ref().map(|cause| cause.service.as_str());
    let texts = [Some(incident.id.as_str()), Some(&incident.target), cause, incident.confirmed.as_deref()];
    if texts.into_iter().flatten().any(|text| !is_plain(text)) {
        return Err(unfit(incident, "a name in it holds characters that cannot be shown".to_owned()));
    }
    Ok(())
}

pub(super) fn unfit(incident: &Incident, reason: String) -> StoreError {
    StoreError::Unfit { what: format!("incident {}", shown(&incident.id, MAX_ID)), reason }
}

/// The services that an alert names, as a column holds them.
pub(super) fn services_json(alert: &Alert) -> String {
    serde_json::to_string(&alert.services).unwrap_or_else(|_| "[]".to_owned())
}

/// The reverse; an unreadable value names no service.
pub(super) fn services_of(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}
