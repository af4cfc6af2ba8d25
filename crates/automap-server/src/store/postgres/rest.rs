//! Profiles, leases, confirmed cases, and what is forgotten.

use std::time::Duration;

use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::time::{Interval, Timestamp};
use postgres::{Client, Row, Transaction};
use serde::de::IgnoredAny;

use super::Trouble;
use crate::store::{MAX_CONFIRMED, MAX_PROFILES, Pruned, Retention, StoreError, StoredProfile};

/// Incidents that one step by size removes.
const STEP: i64 = 20;

/// Over, unconfirmed, and all its messages gone.
const MAY_GO: &str = "state = 'closed' AND confirmed IS NULL
    AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.incident = incidents.id AND o.state = 'waiting')";

pub(super) fn put_profile(t: &mut Transaction<'_>, target: &str, period: Interval, json: &str) -> Result<(), Trouble> {
    if let Err(e) = serde_json::from_str::<IgnoredAny>(json) {
        let what = format!("the profile of {target}");
        return Err(Trouble::Refused(StoreError::Unfit { what, reason: format!("it is no JSON: {e}") }));
    }
    t.execute(
        "INSERT INTO profiles (target, start_ms, end_ms, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT (target, end_ms, start_ms) DO UPDATE SET body = excluded.body",
        &[&target, &period.start.ms(), &period.end.ms(), &json],
    )?;
    Ok(())
}

pub(super) fn profiles(
    c: &mut Client,
    target: &str,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<StoredProfile>, Trouble> {
    let rows = c.query(
        "SELECT start_ms, end_ms, body FROM profiles WHERE target = $1 AND end_ms > $2
         ORDER BY end_ms DESC, start_ms DESC LIMIT $3",
        &[&target, &since.ms(), &(limit.min(MAX_PROFILES) as i64)],
    )?;
    let whole = |row: &Row| {
        let period = Interval { start: Timestamp::from_ms(row.get(0)), end: Timestamp::from_ms(row.get(1)) };
        StoredProfile { period, json: row.get(2) }
    };
    Ok(rows.iter().map(whole).collect())
}

pub(super) fn lease(
    t: &mut Transaction<'_>,
    target: &str,
    holder: &str,
    now: Timestamp,
    ttl: Duration,
) -> Result<bool, Trouble> {
    let until = now.plus_ms(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
    let changed = t.execute(
        "INSERT INTO leases (target, holder, until_ms) VALUES ($1, $2, $3)
         ON CONFLICT (target) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
         WHERE leases.holder = excluded.holder OR leases.until_ms <= $4",
        &[&target, &holder, &until.ms(), &now.ms()],
    )?;
    Ok(changed > 0)
}

pub(super) fn release(t: &mut Transaction<'_>, target: &str, holder: &str) -> Result<(), Trouble> {
    t.execute("DELETE FROM leases WHERE target = $1 AND holder = $2", &[&target, &holder])?;
    Ok(())
}

/// Keeps the lease from changing hands until the transaction ends.
pub(super) fn check_lease(t: &mut Transaction<'_>, target: &str, holder: &str, now: Timestamp) -> Result<(), Trouble> {
    let held = t.query_opt(
        "SELECT 1 FROM leases WHERE target = $1 AND holder = $2 AND until_ms > $3 FOR UPDATE",
        &[&target, &holder, &now.ms()],
    )?;
    held.map(|_| ()).ok_or_else(|| Trouble::Refused(StoreError::NotLeader { target: target.to_owned() }))
}

pub(super) fn confirm(t: &mut Transaction<'_>, case: &ConfirmedCase) -> Result<Option<String>, Trouble> {
    let unfit = |e: serde_json::Error| StoreError::Unfit { what: format!("case {}", case.id), reason: e.to_string() };
    let anomaly = serde_json::to_string(&case.anomaly).map_err(|e| Trouble::Refused(unfit(e)))?;
    let precision = serde_json::to_string(&case.precision).map_err(|e| Trouble::Refused(unfit(e)))?;
    let before = t.query_opt("SELECT cause FROM confirmed WHERE id = $1 FOR UPDATE", &[&case.id])?;
    t.execute(
        "INSERT INTO confirmed (id, started_ms, cause, anomaly, precision) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (id) DO UPDATE SET started_ms = excluded.started_ms, cause = excluded.cause,
         anomaly = excluded.anomaly, precision = excluded.precision",
        &[&case.id, &case.started.ms(), &case.cause, &anomaly, &precision],
    )?;
    Ok(before.map(|row| row.get(0)))
}

pub(super) fn forget(t: &mut Transaction<'_>, id: &str) -> Result<bool, Trouble> {
    Ok(t.execute("DELETE FROM confirmed WHERE id = $1", &[&id])? > 0)
}

pub(super) fn confirmed(c: &mut Client) -> Result<Vec<ConfirmedCase>, Trouble> {
    let rows = c.query(
        "SELECT id, started_ms, cause, anomaly, precision FROM
         (SELECT * FROM confirmed ORDER BY started_ms DESC, id LIMIT $1) latest ORDER BY started_ms, id",
        &[&(MAX_CONFIRMED as i64)],
    )?;
    let case = |row: &Row| {
        let id: String = row.get(0);
        let damaged = |e: serde_json::Error| Trouble::damaged(&format!("incident {id}"), &e);
        let anomaly = serde_json::from_str(row.get(3)).map_err(damaged)?;
        let precision = serde_json::from_str(row.get(4)).map_err(damaged)?;
        Ok(ConfirmedCase { anomaly, precision, started: Timestamp::from_ms(row.get(1)), cause: row.get(2), id })
    };
    rows.iter().map(case).collect()
}

pub(super) fn prune_by_age(t: &mut Transaction<'_>, now: Timestamp, keep: Retention) -> Result<Pruned, Trouble> {
    let before = keep.before(now).ms();
    let query = format!("DELETE FROM incidents WHERE {MAY_GO} AND coalesce(closed_ms, updated_ms) < $1");
    let incidents = t.execute(&query, &[&before])?;
    let old = t.execute("DELETE FROM outbox WHERE state <> 'waiting' AND queued_ms < $1", &[&before])?;
    let profiles = t.execute("DELETE FROM profiles WHERE end_ms < $1", &[&before])?;
    Ok(Pruned { incidents, messages: old + without_incident(t)?, profiles, bytes: bytes(t)? })
}

/// Removes a few of the oldest when the content is too large; `incidents` is 0 when it fits or nothing more may go.
pub(super) fn prune_by_size(t: &mut Transaction<'_>, keep: Retention) -> Result<Pruned, Trouble> {
    let mut pruned = Pruned::default();
    if bytes(t)? > keep.max_bytes {
        let oldest = format!("SELECT id FROM incidents WHERE {MAY_GO} ORDER BY opened_ms, id LIMIT $1");
        pruned.incidents = t.execute(&format!("DELETE FROM incidents WHERE id IN ({oldest})"), &[&STEP])?;
        pruned.messages = without_incident(t)?;
    }
    pruned.bytes = bytes(t)?;
    Ok(pruned)
}

fn without_incident(t: &mut Transaction<'_>) -> Result<u64, Trouble> {
    let gone = "NOT EXISTS (SELECT 1 FROM incidents i WHERE i.id = incident)";
    let messages = t.execute(&format!("DELETE FROM outbox WHERE state <> 'waiting' AND {gone}"), &[])?;
    t.execute(&format!("DELETE FROM replies WHERE {gone}"), &[])?;
    Ok(messages)
}

/// Bytes of the texts: the tables' own size shrinks only when the server gets round to it.
fn bytes(t: &mut Transaction<'_>) -> Result<u64, Trouble> {
    let row = t.query_one(
        "SELECT coalesce((SELECT sum(octet_length(body) + coalesce(octet_length(report), 0)) FROM incidents), 0)::bigint
         + coalesce((SELECT sum(octet_length(body)) FROM profiles), 0)::bigint
         + coalesce((SELECT sum(octet_length(body)) FROM snapshots), 0)::bigint",
        &[],
    )?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}
