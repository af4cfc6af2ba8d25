//! Messages that have to go out, and what became of them.

use automap_core::incident::{Incident, IncidentState};
use automap_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{SqliteStore, Trouble, incidents};
use crate::store::row::unfit;
use crate::store::{
    Delivery, DeliveryState, Event, MAX_PAGE, MAX_WAITING, OutboxState, OutboxStore, Outgoing, Queued, StoreError,
    Waiting,
};

const MESSAGE: &str = "key, route, incident, revision, queued_ms, due_ms, attempts";

impl OutboxStore for SqliteStore {
    fn notified_routes(&self, incident: &str) -> Result<Vec<String>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached("SELECT route FROM replies WHERE incident = ?1 ORDER BY route")?;
            let rows = query.query_map([incident], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn message(&self, key: &str) -> Result<Option<Queued>, StoreError> {
        self.read(|c| {
            let row = c
                .prepare_cached(
                    "SELECT event, tried_ms IS NOT NULL, s.body FROM outbox o
             JOIN snapshots s ON s.incident = o.incident AND s.revision = o.revision
             WHERE key = ?1 AND state = 'waiting'",
                )?
                .query_row([key], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, String>(2)?)));
            let Some((name, uncertain, body)) = row.optional()? else { return Ok(None) };
            Ok(Some(Queued { event: event(key, &name)?, uncertain, incident: incidents::parse(key, &body)? }))
        })
    }

    fn waiting(&self, route: &str, incident: &str) -> Result<Vec<Waiting>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached(
                "SELECT key, event, tried_ms IS NOT NULL FROM outbox
         WHERE route = ?1 AND incident = ?2 AND state = 'waiting' ORDER BY revision LIMIT ?3",
            )?;
            let rows = query.query_map(params![route, incident, MAX_WAITING as i64], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?))
            })?;
            let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            rows.into_iter()
                .map(|(key, name, uncertain)| Ok(Waiting { event: event(&key, &name)?, key, uncertain }))
                .collect()
        })
    }

    fn attempting(&self, key: &str, now: Timestamp) -> Result<(), StoreError> {
        self.write(|c| {
            c.prepare_cached("UPDATE outbox SET tried_ms = ?2 WHERE key = ?1 AND state = 'waiting'")?
                .execute(params![key, now.ms()])?;
            Ok(())
        })
    }

    fn delivered(&self, key: &str, reply: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        self.write(|c| {
            if let Some(reply) = reply {
                c.prepare_cached(
                    "UPDATE replies SET reply = ?2
             WHERE (incident, route) = (SELECT incident, route FROM outbox WHERE key = ?1 AND state = 'waiting')",
                )?
                .execute(params![key, reply])?;
            }
            c.prepare_cached(
                "UPDATE outbox SET state = 'delivered', done_ms = ?2, attempts = attempts + 1, error = NULL
         WHERE key = ?1 AND state = 'waiting'",
            )?
            .execute(params![key, now.ms()])?;
            forget_snapshot(c, key)
        })
    }

    fn reply(&self, route: &str, incident: &str) -> Result<Option<String>, StoreError> {
        self.read(|c| {
            let row = c
                .prepare_cached("SELECT reply FROM replies WHERE route = ?1 AND incident = ?2")?
                .query_row([route, incident], |row| row.get::<_, Option<String>>(0));
            Ok(row.optional()?.flatten())
        })
    }

    fn deliveries(&self, incident: &str) -> Result<Vec<Delivery>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached(&format!(
                "SELECT {MESSAGE}, event, state, done_ms, error FROM
         (SELECT * FROM outbox WHERE incident = ?1 ORDER BY seq DESC LIMIT ?2) ORDER BY seq"
            ))?;
            type Extra = (String, String, Option<i64>, Option<String>);
            let rows = query.query_map(params![incident, MAX_PAGE as i64], |row| {
                let extra: Extra = (row.get(7)?, row.get(8)?, row.get(9)?, row.get(10)?);
                Ok((outgoing(row)?, extra))
            })?;
            let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let read = |(message, (name, state, done, error)): (Outgoing, Extra)| {
                let unknown = || Trouble::damaged(&format!("message {}", message.key), &"an unknown state");
                Ok(Delivery {
                    event: event(&message.key, &name)?,
                    state: DeliveryState::parse(&state).ok_or_else(unknown)?,
                    done: done.map(Timestamp::from_ms),
                    error,
                    message,
                })
            };
            rows.into_iter().map(read).collect()
        })
    }

    fn outbox(&self) -> Result<OutboxState, StoreError> {
        self.read(|c| {
            let row = c
                .prepare_cached(
                    "SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'given_up'),
             min(queued_ms) FILTER (WHERE state = 'waiting') FROM outbox",
                )?
                .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?)));
            let (waiting, given_up, oldest) = row?;
            Ok(OutboxState {
                waiting: waiting.unsigned_abs(),
                given_up: given_up.unsigned_abs(),
                oldest: oldest.map(Timestamp::from_ms),
            })
        })
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.read(|c| due(c, None, now, limit))
    }

    fn due_of(&self, route: &str, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.read(|c| due(c, Some(route), now, limit))
    }

    fn failed(&self, key: &str, error: &str, due: Option<Timestamp>) -> Result<(), StoreError> {
        self.write(|t| failed(t, key, error, due, false))
    }

    fn unsure(&self, key: &str, error: &str, due: Option<Timestamp>) -> Result<(), StoreError> {
        self.write(|t| failed(t, key, error, due, true))
    }

    fn folded(&self, keys: &[String], now: Timestamp) -> Result<(), StoreError> {
        self.write(|t| keys.iter().try_for_each(|key| folded(t, key, now)))
    }
}

/// Queues one message for each route, with a copy of what they say.
pub(super) fn queue(
    c: &Connection,
    incident: &Incident,
    before: Option<IncidentState>,
    routes: &[String],
    now: Timestamp,
) -> Result<(), Trouble> {
    if routes.is_empty() {
        return Ok(());
    }
    let body = serde_json::to_string(incident).map_err(|e| Trouble::Refused(unfit(incident, e.to_string())))?;
    let revision = incident.revision.cast_signed();
    c.prepare_cached("INSERT INTO snapshots (incident, revision, body) VALUES (?1, ?2, ?3)")?.execute(params![
        incident.id,
        revision,
        body
    ])?;
    for route in routes {
        let new = c
            .prepare_cached("INSERT OR IGNORE INTO replies (route, incident, reply) VALUES (?1, ?2, NULL)")?
            .execute(params![route, incident.id])?;
        let event = Event::between(before, incident.state, new == 0).as_str();
        c.prepare_cached(
            "INSERT OR IGNORE INTO outbox (key, route, incident, revision, event, state, queued_ms, due_ms, attempts)
             VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', ?6, ?6, 0)",
        )?
        .execute(params![
            format!("{}/{revision}/{route}", incident.id),
            route,
            incident.id,
            revision,
            event,
            now.ms()
        ])?;
    }
    Ok(())
}

fn due(c: &Connection, route: Option<&str>, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, Trouble> {
    let mut query = c.prepare_cached(&format!(
        "SELECT {MESSAGE} FROM outbox o
         WHERE state = 'waiting' AND due_ms <= ?1 AND (?2 IS NULL OR route = ?2) AND NOT EXISTS (
             SELECT 1 FROM outbox p WHERE p.state = 'waiting' AND p.route = o.route AND p.incident = o.incident
             AND p.revision < o.revision)
         ORDER BY queued_ms, seq LIMIT ?3"
    ))?;
    let rows = query.query_map(params![now.ms(), route, limit.min(i64::MAX as usize) as i64], outgoing)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn failed(c: &Connection, key: &str, error: &str, due: Option<Timestamp>, unsure: bool) -> Result<(), Trouble> {
    let state = if due.is_some() { DeliveryState::Waiting } else { DeliveryState::GivenUp };
    c.prepare_cached(
        "UPDATE outbox SET state = ?2, error = ?3, due_ms = coalesce(?4, due_ms), attempts = attempts + 1,
         tried_ms = CASE WHEN ?5 THEN coalesce(tried_ms, queued_ms) END WHERE key = ?1 AND state = 'waiting'",
    )?
    .execute(params![key, state.as_str(), error, due.map(Timestamp::ms), unsure])?;
    forget_snapshot(c, key)
}

fn folded(c: &Connection, key: &str, now: Timestamp) -> Result<(), Trouble> {
    c.prepare_cached("UPDATE outbox SET state = 'folded', done_ms = ?2 WHERE key = ?1 AND state = 'waiting'")?
        .execute(params![key, now.ms()])?;
    forget_snapshot(c, key)
}

fn forget_snapshot(c: &Connection, key: &str) -> Result<(), Trouble> {
    c.prepare_cached(
        "DELETE FROM snapshots WHERE (incident, revision) = (SELECT incident, revision FROM outbox WHERE key = ?1)
         AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.incident = snapshots.incident
                         AND o.revision = snapshots.revision AND o.state = 'waiting')",
    )?
    .execute([key])?;
    Ok(())
}

fn outgoing(row: &Row<'_>) -> rusqlite::Result<Outgoing> {
    Ok(Outgoing {
        key: row.get(0)?,
        route: row.get(1)?,
        incident: row.get(2)?,
        revision: row.get::<_, i64>(3)?.unsigned_abs(),
        queued: Timestamp::from_ms(row.get(4)?),
        due: Timestamp::from_ms(row.get(5)?),
        attempts: row.get(6)?,
    })
}

fn event(key: &str, name: &str) -> Result<Event, Trouble> {
    Event::parse(name).ok_or_else(|| Trouble::damaged(&format!("message {key}"), &"an unknown event"))
}
