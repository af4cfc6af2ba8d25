//! Incidents: indexed columns for the listings, the whole in JSON.

use automap_core::incident::Incident;
use automap_core::report::Report;
use automap_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, ToSql, params, params_from_iter};

use super::{SqliteStore, Trouble, leases, outbox};
use crate::store::row::Row;
use crate::store::{IncidentFilter, IncidentStore, MAX_PAGE, StoreError, history};

impl IncidentStore for SqliteStore {
    fn put(&self, incident: &Incident, routes: &[String], now: Timestamp) -> Result<(), StoreError> {
        self.write(|t| put(t, incident, routes, now))
    }

    fn put_leading(
        &self,
        incident: &Incident,
        routes: &[String],
        now: Timestamp,
        holder: &str,
    ) -> Result<(), StoreError> {
        self.write(|t| {
            leases::check(t, &incident.target, holder, now)?;
            put(t, incident, routes, now)
        })
    }

    fn restore(&self, incident: &Incident) -> Result<bool, StoreError> {
        self.write(|c| {
            if let Some(before) = stored(c, &incident.id)? {
                if before.revision >= incident.revision && history::is_same(&before, incident) {
                    return Ok(false);
                }
                history::check(&before, incident).map_err(Trouble::Refused)?;
            }
            write(c, incident)?;
            Ok(true)
        })
    }

    fn get(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        self.read(|c| stored(c, id))
    }

    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
        self.read(|c| {
            let (query, values) = select(filter);
            let mut query = c.prepare_cached(&query)?;
            let rows = query.query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?;
            let rows: Vec<(String, String)> = rows.collect::<rusqlite::Result<_>>()?;
            rows.iter().map(|(id, body)| parse(id, body)).collect()
        })
    }
}

fn put(c: &Connection, incident: &Incident, routes: &[String], now: Timestamp) -> Result<(), Trouble> {
    let before = stored(c, &incident.id)?;
    let found = before.as_ref().map_or(0, |b| b.revision);
    if incident.revision != found.saturating_add(1) {
        let expected = incident.revision.saturating_sub(1);
        return Err(Trouble::Refused(StoreError::Conflict { id: incident.id.clone(), found, expected }));
    }
    if let Some(before) = &before {
        history::check(before, incident).map_err(Trouble::Refused)?;
    }
    write(c, incident)?;
    outbox::queue(c, incident, before.map(|b| b.state), routes, now)
}

/// The statement contains placeholders, never values.
fn select(filter: &IncidentFilter) -> (String, Vec<Box<dyn ToSql>>) {
    let mut wheres: Vec<String> = Vec::new();
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let mut add = |text: &str, with: Vec<Box<dyn ToSql>>| {
        wheres.push(text.to_owned());
        values.extend(with);
    };
    if let Some(target) = &filter.target {
        add("target = ?", vec![Box::new(target.clone())]);
    }
    if !filter.states.is_empty() {
        let places = vec!["?"; filter.states.len()].join(", ");
        let states = filter.states.iter().map(|s| Box::new(s.as_str()) as Box<dyn ToSql>).collect();
        add(&format!("state IN ({places})"), states);
    }
    if let Some(cause) = &filter.cause {
        add("(cause = ? OR confirmed = ?)", vec![Box::new(cause.clone()), Box::new(cause.clone())]);
    }
    if let Some(since) = filter.since {
        add("opened_ms >= ?", vec![Box::new(since.ms())]);
    }
    if let Some(until) = filter.until {
        add("opened_ms < ?", vec![Box::new(until.ms())]);
    }
    if let Some(after) = &filter.after {
        add("(opened_ms, id) < (?, ?)", vec![Box::new(after.opened.ms()), Box::new(after.id.clone())]);
    }
    let limit = if filter.limit == 0 { MAX_PAGE } else { filter.limit.min(MAX_PAGE) };
    values.push(Box::new(limit as i64));
    let wheres = if wheres.is_empty() { String::new() } else { format!("WHERE {}", wheres.join(" AND ")) };
    (format!("SELECT id, body FROM incidents {wheres} ORDER BY opened_ms DESC, id DESC LIMIT ?"), values)
}

fn stored(c: &Connection, id: &str) -> Result<Option<Incident>, Trouble> {
    let row = c
        .prepare_cached("SELECT body, report FROM incidents WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)));
    let Some((body, report)) = row.optional()? else { return Ok(None) };
    let mut incident = parse(id, &body)?;
    let report = report.map(|text| serde_json::from_str::<Report>(&text)).transpose();
    incident.report = report.map_err(|e| Trouble::damaged(&format!("the report of incident {id}"), &e))?;
    Ok(Some(incident))
}

fn write(c: &Connection, incident: &Incident) -> Result<(), Trouble> {
    let row = Row::encode(incident).map_err(Trouble::Refused)?;
    c.prepare_cached(
        "INSERT OR REPLACE INTO incidents
         (id, target, state, severity, cause, confirmed, revision, opened_ms, updated_ms, closed_ms, body, report)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        row.id,
        row.target,
        row.state,
        row.severity,
        row.cause,
        row.confirmed,
        row.revision,
        row.opened_ms,
        row.updated_ms,
        row.closed_ms,
        row.body,
        row.report
    ])?;
    Ok(())
}

pub(super) fn parse(id: &str, body: &str) -> Result<Incident, Trouble> {
    serde_json::from_str(body).map_err(|e| Trouble::damaged(&format!("incident {id}"), &e))
}
