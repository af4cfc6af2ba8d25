//! Incidents: their columns for finding them, the rest as JSON.

use automap_core::incident::Incident;
use automap_core::report::Report;
use automap_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, TransactionBehavior, params, params_from_iter};

use super::SqliteStore;
use crate::store::{IncidentFilter, MAX_PAGE, StoreError};

impl SqliteStore {
    pub(super) fn put_incident(
        &self,
        incident: &Incident,
        routes: &[String],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let unwritable = |e: &serde_json::Error| self.damaged(format!("incident {}", incident.id), e);
        let body = serde_json::to_string(&Incident { report: None, ..incident.clone() }).map_err(|e| unwritable(&e))?;
        let report = incident.report.as_ref().map(serde_json::to_string).transpose().map_err(|e| unwritable(&e))?;
        let expected = incident.revision.saturating_sub(1);
        let mut connection = self.connection();
        let mut write = || -> rusqlite::Result<Option<u64>> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let found: Option<u64> = transaction
                .query_row("SELECT revision FROM incidents WHERE id = ?1", [&incident.id], |row| row.get(0))
                .optional()?;
            if found.unwrap_or(0) != expected {
                return Ok(found.or(Some(0)));
            }
            transaction.execute(
                "INSERT OR REPLACE INTO incidents (id, target, state, opened_ms, closed_ms, revision, cause, confirmed, body, report)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    incident.id,
                    incident.target,
                    incident.state.as_str(),
                    incident.opened.ms(),
                    incident.closed.map(Timestamp::ms),
                    incident.revision,
                    incident.cause.as_ref().map(|c| &c.service),
                    incident.confirmed,
                    body,
                    report
                ],
            )?;
            for route in routes {
                transaction.execute(
                    "INSERT OR IGNORE INTO outbox (key, route, incident, revision, queued_ms, due_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
                    params![
                        format!("{}/{}/{route}", incident.id, incident.revision),
                        route,
                        incident.id,
                        incident.revision,
                        now.ms()
                    ],
                )?;
            }
            transaction.commit()?;
            Ok(None)
        };
        match write().map_err(|e| self.failed_with(&e))? {
            None => Ok(()),
            Some(found) => Err(StoreError::Conflict { id: incident.id.clone(), found, expected }),
        }
    }

    pub(super) fn incident(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        let row: Option<(String, Option<String>)> = self
            .connection()
            .query_row("SELECT body, report FROM incidents WHERE id = ?1", [id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(|e| self.failed_with(&e))?;
        row.map(|(body, report)| self.read(id, &body, report.as_deref())).transpose()
    }

    pub(super) fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
        let (condition, values) = condition(filter);
        let limit = if filter.limit == 0 { MAX_PAGE } else { filter.limit.min(MAX_PAGE) };
        let sql = format!("SELECT id, body FROM incidents {condition} ORDER BY opened_ms DESC, id DESC LIMIT {limit}");
        let rows = || -> rusqlite::Result<Vec<(String, String)>> {
            let connection = self.connection();
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        let rows = rows().map_err(|e| self.failed_with(&e))?;
        rows.iter().map(|(id, body)| self.read(id, body, None)).collect()
    }

    /// Forgets closed incidents that ended before an instant, but none with a message that still has to go out. How many.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub fn forget_before(&self, closed_before: Timestamp) -> Result<usize, StoreError> {
        let forget = || -> rusqlite::Result<usize> {
            let mut connection = self.connection();
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let gone = transaction.execute(
                "DELETE FROM incidents WHERE state = 'closed' AND closed_ms < ?1
                 AND id NOT IN (SELECT incident FROM outbox WHERE state = 'waiting')",
                [closed_before.ms()],
            )?;
            for table in ["outbox", "replies"] {
                transaction
                    .execute(&format!("DELETE FROM {table} WHERE incident NOT IN (SELECT id FROM incidents)"), [])?;
            }
            transaction.commit()?;
            Ok(gone)
        };
        forget().map_err(|e| self.failed_with(&e))
    }

    /// Forgets the oldest closed incidents until the file holds at most so many bytes, and gives the space back. How many.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub fn shrink_to(&self, bytes: u64) -> Result<usize, StoreError> {
        /// At most so many rounds of a tenth of the closed incidents each.
        const ROUNDS: usize = 50;
        let mut gone = 0;
        for _ in 0..ROUNDS {
            if self.used_bytes()? <= bytes {
                break;
            }
            let before: Option<i64> = self
                .connection()
                .query_row(
                    "SELECT closed_ms FROM incidents WHERE state = 'closed' ORDER BY closed_ms
                     LIMIT 1 OFFSET (SELECT count(*) / 10 FROM incidents WHERE state = 'closed')",
                    [],
                    |row| row.get(0),
                )
                .optional()
                .map_err(|e| self.failed_with(&e))?;
            let forgotten = before.map_or(Ok(0), |ms| self.forget_before(Timestamp::from_ms(ms + 1)))?;
            if forgotten == 0 {
                break;
            }
            gone += forgotten;
            self.connection().execute_batch("VACUUM").map_err(|e| self.failed_with(&e))?;
        }
        Ok(gone)
    }

    /// Bytes of all pages in use.
    fn used_bytes(&self) -> Result<u64, StoreError> {
        let connection = self.connection();
        let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
        let used = || Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?);
        used().map_err(|e| self.failed_with(&e))
    }

    fn read(&self, id: &str, body: &str, report: Option<&str>) -> Result<Incident, StoreError> {
        let unreadable = |e: serde_json::Error| self.damaged(format!("incident {id}"), &e);
        let report: Option<Report> = report.map(serde_json::from_str).transpose().map_err(unreadable)?;
        let incident: Incident = serde_json::from_str(body).map_err(unreadable)?;
        Ok(Incident { report, ..incident })
    }
}

/// The filter as SQL; every value is bound.
fn condition(filter: &IncidentFilter) -> (String, Vec<Value>) {
    let (mut parts, mut values): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    let mut add = |part: &str, bound: Vec<Value>| {
        parts.push(part.to_owned());
        values.extend(bound);
    };
    if let Some(target) = &filter.target {
        add("target = ?", vec![target.clone().into()]);
    }
    if !filter.states.is_empty() {
        let marks = vec!["?"; filter.states.len()].join(", ");
        add(&format!("state IN ({marks})"), filter.states.iter().map(|s| s.as_str().to_owned().into()).collect());
    }
    if let Some(cause) = &filter.cause {
        add("(cause = ? OR confirmed = ?)", vec![cause.clone().into(), cause.clone().into()]);
    }
    if let Some(since) = filter.since {
        add("opened_ms >= ?", vec![since.ms().into()]);
    }
    if let Some(until) = filter.until {
        add("opened_ms < ?", vec![until.ms().into()]);
    }
    if let Some(after) = &filter.after {
        add("(opened_ms, id) < (?, ?)", vec![after.opened.ms().into(), after.id.clone().into()]);
    }
    let condition = if parts.is_empty() { String::new() } else { format!("WHERE {}", parts.join(" AND ")) };
    (condition, values)
}
