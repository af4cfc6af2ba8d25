//! Incidents: indexed columns for the listings, the whole in JSON.

use automap_core::incident::Incident;
use automap_core::report::Report;
use automap_core::time::Timestamp;

use super::session::Transaction;
use super::{PostgresStore, Trouble, leases, outbox};
use crate::store::row::Row;
use crate::store::{IncidentFilter, IncidentStore, MAX_PAGE, StoreError, history};

impl IncidentStore for PostgresStore {
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
        self.write(|t| {
            let before = stored(t, &incident.id)?;
            if let Some(before) = &before {
                if before.revision >= incident.revision && history::is_same(before, incident) {
                    return Ok(false);
                }
                history::check(before, incident).map_err(Trouble::Refused)?;
            }
            Ok(write(t, incident, before.is_some())? > 0)
        })
    }

    fn get(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        self.read(|c| {
            let found = c.query_opt("SELECT body, report FROM incidents WHERE id = $1", &[&id])?;
            found.map(|row| whole(id, &row)).transpose()
        })
    }

    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
        self.read(|c| {
            let states: Vec<&str> = filter.states.iter().map(|s| s.as_str()).collect();
            let limit = if filter.limit == 0 { MAX_PAGE } else { filter.limit.min(MAX_PAGE) } as i64;
            let (since, until) = (filter.since.map(Timestamp::ms), filter.until.map(Timestamp::ms));
            let after = filter.after.as_ref();
            let (after_ms, after_id) = (after.map(|a| a.opened.ms()), after.map(|a| a.id.as_str()));
            let found = c.query(
                "SELECT id, body FROM incidents WHERE ($1::text IS NULL OR target = $1)
         AND (cardinality($2::text[]) = 0 OR state = ANY ($2)) AND ($3::text IS NULL OR cause = $3 OR confirmed = $3)
         AND ($4::bigint IS NULL OR opened_ms >= $4) AND ($5::bigint IS NULL OR opened_ms < $5)
         AND ($6::bigint IS NULL OR (opened_ms, id) < ($6, $7::text COLLATE \"C\"))
         ORDER BY opened_ms DESC, id DESC LIMIT $8",
                &[&filter.target, &states, &filter.cause, &since, &until, &after_ms, &after_id, &limit],
            )?;
            found.iter().map(|r| parse(r.get(0), r.get(1))).collect()
        })
    }
}

fn put(t: &mut Transaction<'_>, incident: &Incident, routes: &[String], now: Timestamp) -> Result<(), Trouble> {
    let before = stored(t, &incident.id)?;
    let found = before.as_ref().map_or(0, |b| b.revision);
    let conflict = |found| {
        let expected = incident.revision.saturating_sub(1);
        Trouble::Refused(StoreError::Conflict { id: incident.id.clone(), found, expected })
    };
    if incident.revision != found.saturating_add(1) {
        return Err(conflict(found));
    }
    if let Some(before) = &before {
        history::check(before, incident).map_err(Trouble::Refused)?;
    }
    // An existing row is locked; a missing one may be inserted by another process meanwhile.
    if write(t, incident, before.is_some())? == 0 {
        return Err(conflict(stored(t, &incident.id)?.map_or(0, |b| b.revision)));
    }
    outbox::queue(t, incident, before.map(|b| b.state), routes, now)
}

/// Locks the row until the transaction ends.
fn stored(t: &mut Transaction<'_>, id: &str) -> Result<Option<Incident>, Trouble> {
    let found = t.query_opt("SELECT body, report FROM incidents WHERE id = $1 FOR UPDATE", &[&id])?;
    found.map(|row| whole(id, &row)).transpose()
}

/// An incident with its report.
fn whole(id: &str, row: &tokio_postgres::Row) -> Result<Incident, Trouble> {
    let mut incident = parse(id, row.get(0))?;
    let report: Option<&str> = row.get(1);
    let report = report.map(serde_json::from_str::<Report>).transpose();
    incident.report = report.map_err(|e| Trouble::damaged(&format!("the report of incident {id}"), &e))?;
    Ok(incident)
}

fn write(t: &mut Transaction<'_>, incident: &Incident, there: bool) -> Result<u64, Trouble> {
    let row = Row::encode(incident).map_err(Trouble::Refused)?;
    let statement = if there {
        "UPDATE incidents SET target = $2, state = $3, severity = $4, cause = $5, confirmed = $6, revision = $7,
         opened_ms = $8, updated_ms = $9, closed_ms = $10, body = $11, report = $12 WHERE id = $1"
    } else {
        "INSERT INTO incidents
         (id, target, state, severity, cause, confirmed, revision, opened_ms, updated_ms, closed_ms, body, report)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING"
    };
    let Row { id, target, state, severity, cause, confirmed, revision, .. } = &row;
    let Row { opened_ms, updated_ms, closed_ms, body, report, .. } = &row;
    Ok(t.execute(
        statement,
        &[id, target, state, severity, cause, confirmed, revision, opened_ms, updated_ms, closed_ms, body, report],
    )?)
}

pub(super) fn parse(id: &str, body: &str) -> Result<Incident, Trouble> {
    serde_json::from_str(body).map_err(|e| Trouble::damaged(&format!("incident {id}"), &e))
}
