//! Messages that have to go out, and what became of them.

use automap_core::incident::{Incident, IncidentState};
use automap_core::time::Timestamp;
use tokio_postgres::Row;

use super::session::{Client, Transaction};
use super::{PostgresStore, Trouble, incidents};
use crate::store::row::unfit;
use crate::store::{
    Delivery, DeliveryState, Event, MAX_PAGE, MAX_WAITING, OutboxState, OutboxStore, Outgoing, Queued, StoreError,
    Waiting,
};

const MESSAGE: &str = "key, route, incident, revision, queued_ms, due_ms, attempts";

impl OutboxStore for PostgresStore {
    fn notified_routes(&self, incident: &str) -> Result<Vec<String>, StoreError> {
        self.read(|c| {
            let rows = c.query("SELECT route FROM replies WHERE incident = $1 ORDER BY route", &[&incident])?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        })
    }

    fn message(&self, key: &str) -> Result<Option<Queued>, StoreError> {
        self.read(|c| {
            let row = c.query_opt(
                "SELECT event, tried_ms IS NOT NULL, s.body FROM outbox o
         JOIN snapshots s ON s.incident = o.incident AND s.revision = o.revision WHERE key = $1 AND state = 'waiting'",
                &[&key],
            )?;
            let Some(row) = row else { return Ok(None) };
            let incident = incidents::parse(key, row.get(2))?;
            Ok(Some(Queued { event: event(key, row.get(0))?, uncertain: row.get(1), incident }))
        })
    }

    fn waiting(&self, route: &str, incident: &str) -> Result<Vec<Waiting>, StoreError> {
        self.read(|c| {
            let rows = c.query(
                "SELECT key, event, tried_ms IS NOT NULL FROM outbox
         WHERE route = $1 AND incident = $2 AND state = 'waiting' ORDER BY revision LIMIT $3",
                &[&route, &incident, &(MAX_WAITING as i64)],
            )?;
            let one = |row: &Row| {
                let key: String = row.get(0);
                Ok(Waiting { event: event(&key, row.get(1))?, key, uncertain: row.get(2) })
            };
            rows.iter().map(one).collect()
        })
    }

    fn attempting(&self, key: &str, now: Timestamp) -> Result<(), StoreError> {
        self.write(|t| {
            t.execute("UPDATE outbox SET tried_ms = $2 WHERE key = $1 AND state = 'waiting'", &[&key, &now.ms()])?;
            Ok(())
        })
    }

    fn delivered(&self, key: &str, reply: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        self.write(|t| {
            if let Some(reply) = reply {
                t.execute(
                    "UPDATE replies SET reply = $2
             WHERE (incident, route) IN (SELECT incident, route FROM outbox WHERE key = $1 AND state = 'waiting')",
                    &[&key, &reply],
                )?;
            }
            t.execute(
                "UPDATE outbox SET state = 'delivered', done_ms = $2, attempts = attempts + 1, error = NULL
         WHERE key = $1 AND state = 'waiting'",
                &[&key, &now.ms()],
            )?;
            forget_snapshot(t, key)
        })
    }

    fn reply(&self, route: &str, incident: &str) -> Result<Option<String>, StoreError> {
        self.read(|c| {
            let row =
                c.query_opt("SELECT reply FROM replies WHERE route = $1 AND incident = $2", &[&route, &incident])?;
            Ok(row.and_then(|row| row.get(0)))
        })
    }

    fn deliveries(&self, incident: &str) -> Result<Vec<Delivery>, StoreError> {
        self.read(|c| {
            let query = format!(
                "SELECT {MESSAGE}, event, state, done_ms, error FROM
         (SELECT * FROM outbox WHERE incident = $1 ORDER BY seq DESC LIMIT $2) latest ORDER BY seq"
            );
            let read = |row: &Row| {
                let message = outgoing(row);
                let unknown = || Trouble::damaged(&format!("message {}", message.key), &"an unknown state");
                Ok(Delivery {
                    event: event(&message.key, row.get(7))?,
                    state: DeliveryState::parse(row.get(8)).ok_or_else(unknown)?,
                    done: row.get::<_, Option<i64>>(9).map(Timestamp::from_ms),
                    error: row.get(10),
                    message,
                })
            };
            c.query(&query, &[&incident, &(MAX_PAGE as i64)])?.iter().map(read).collect()
        })
    }

    fn outbox(&self) -> Result<OutboxState, StoreError> {
        self.read(|c| {
            let row = c.query_one(
                "SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'given_up'),
         min(queued_ms) FILTER (WHERE state = 'waiting') FROM outbox",
                &[],
            )?;
            Ok(OutboxState {
                waiting: row.get::<_, i64>(0).unsigned_abs(),
                given_up: row.get::<_, i64>(1).unsigned_abs(),
                oldest: row.get::<_, Option<i64>>(2).map(Timestamp::from_ms),
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
    t: &mut Transaction<'_>,
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
    t.execute(
        "INSERT INTO snapshots (incident, revision, body) VALUES ($1, $2, $3)",
        &[&incident.id, &revision, &body],
    )?;
    for route in routes {
        let new = t.execute(
            "INSERT INTO replies (route, incident, reply) VALUES ($1, $2, NULL) ON CONFLICT DO NOTHING",
            &[route, &incident.id],
        )?;
        let event = Event::between(before, incident.state, new == 0).as_str();
        t.execute(
            "INSERT INTO outbox (key, route, incident, revision, event, state, queued_ms, due_ms, attempts)
             VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $6, 0) ON CONFLICT DO NOTHING",
            &[&format!("{}/{revision}/{route}", incident.id), route, &incident.id, &revision, &event, &now.ms()],
        )?;
    }
    Ok(())
}

fn due(c: &mut Client, route: Option<&str>, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, Trouble> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let query = format!(
        "SELECT {MESSAGE} FROM outbox o
         WHERE state = 'waiting' AND due_ms <= $1 AND ($2::text IS NULL OR route = $2) AND NOT EXISTS (
             SELECT 1 FROM outbox p WHERE p.state = 'waiting' AND p.route = o.route AND p.incident = o.incident
             AND p.revision < o.revision)
         ORDER BY queued_ms, seq LIMIT $3"
    );
    Ok(c.query(&query, &[&now.ms(), &route, &limit])?.iter().map(outgoing).collect())
}

fn failed(
    t: &mut Transaction<'_>,
    key: &str,
    error: &str,
    due: Option<Timestamp>,
    unsure: bool,
) -> Result<(), Trouble> {
    let state = if due.is_some() { DeliveryState::Waiting } else { DeliveryState::GivenUp };
    // PostgreSQL accepts no NUL in a text.
    let error = error.replace('\0', " ");
    t.execute(
        "UPDATE outbox SET state = $2, error = $3, due_ms = coalesce($4, due_ms), attempts = attempts + 1,
         tried_ms = CASE WHEN $5 THEN coalesce(tried_ms, queued_ms) END WHERE key = $1 AND state = 'waiting'",
        &[&key, &state.as_str(), &error, &due.map(Timestamp::ms), &unsure],
    )?;
    forget_snapshot(t, key)
}

fn folded(t: &mut Transaction<'_>, key: &str, now: Timestamp) -> Result<(), Trouble> {
    t.execute(
        "UPDATE outbox SET state = 'folded', done_ms = $2 WHERE key = $1 AND state = 'waiting'",
        &[&key, &now.ms()],
    )?;
    forget_snapshot(t, key)
}

fn forget_snapshot(t: &mut Transaction<'_>, key: &str) -> Result<(), Trouble> {
    t.execute(
        "DELETE FROM snapshots s USING outbox done WHERE done.key = $1
         AND s.incident = done.incident AND s.revision = done.revision
         AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.incident = s.incident AND o.revision = s.revision
                         AND o.state = 'waiting')",
        &[&key],
    )?;
    Ok(())
}

fn outgoing(row: &Row) -> Outgoing {
    Outgoing {
        key: row.get(0),
        route: row.get(1),
        incident: row.get(2),
        revision: row.get::<_, i64>(3).unsigned_abs(),
        queued: Timestamp::from_ms(row.get(4)),
        due: Timestamp::from_ms(row.get(5)),
        attempts: u32::try_from(row.get::<_, i64>(6)).unwrap_or(u32::MAX),
    }
}

fn event(key: &str, name: &str) -> Result<Event, Trouble> {
    Event::parse(name).ok_or_else(|| Trouble::damaged(&format!("message {key}"), &"an unknown event"))
}
