//! Which changes of a stored incident are allowed, the same for all stores and for archives: history is append-only.
//!
//! An id belongs to one incident for ever: a record of another target, or of another opening, does not replace it. A closed incident stays as it was,
//! except that a user may confirm its cause and that the same problem may come back, which counts as reopened. A confirmation can be corrected but
//! not removed. Those who store incidents compare revisions themselves.

use serde_json::Value;

use super::{Incident, MAX_TIMELINE};

/// Largest relative difference of two numbers that count as equal: each pass through JSON may change the last bit.
const SAME_NUMBER: f64 = 1e-12;

/// The refusal of a record whose id another incident has.
pub const OTHER_INCIDENT: &str = "another incident is kept under this id";

/// Checks a change of a stored incident.
///
/// # Errors
/// What it would overwrite, in words that follow the incident's id.
pub fn check(before: &Incident, after: &Incident) -> Result<(), &'static str> {
    if !is_same(before, after) {
        return Err(OTHER_INCIDENT);
    }
    if before.confirmed.is_some() && after.confirmed.is_none() {
        return Err("its confirmed cause would be lost");
    }
    if before.is_open() || after.reopened > before.reopened {
        return Ok(());
    }
    if after.is_open() {
        return Err("it is closed, and the change does not say that it was reopened");
    }
    let goes_on = after.timeline.starts_with(&before.timeline) || before.timeline.len() >= MAX_TIMELINE;
    if goes_on && is_alike(&confirmed_as(before, after), after) {
        return Ok(());
    }
    Err("it is closed, and only its confirmed cause can change")
}

/// Whether two records are of one incident: an id alone does not tell, since older versions gave one id to several.
pub fn is_same(a: &Incident, b: &Incident) -> bool {
    (&a.id, &a.target, a.opened) == (&b.id, &b.target, b.opened)
}

/// The closed incident, with the fields that a confirmation changes taken from `after`.
fn confirmed_as(before: &Incident, after: &Incident) -> Incident {
    Incident {
        schema_version: after.schema_version,
        revision: after.revision,
        updated: after.updated,
        owner: after.owner.clone(),
        muted: after.muted.clone(),
        confirmed: after.confirmed.clone(),
        timeline: after.timeline.clone(),
        ..before.clone()
    }
}

/// Whether two records hold the same, but for the last bits of numbers in records that were exported and read again.
fn is_alike(a: &Incident, b: &Incident) -> bool {
    let json = |incident: &Incident| serde_json::to_value(incident).ok();
    a == b || json(a).zip(json(b)).is_some_and(|(a, b)| are_alike(&a, &b))
}

fn are_alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| are_alike(a, b)))
        }
        (Value::Number(x), Value::Number(y)) if x.is_f64() && y.is_f64() => {
            let close = |(x, y): (f64, f64)| (x - y).abs() <= SAME_NUMBER * x.abs().max(y.abs());
            x.as_f64().zip(y.as_f64()).is_some_and(close)
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{IncidentState, NamedCause};
    use crate::time::Timestamp;

    #[test]
    fn a_confirmation_fits_a_record_whose_numbers_went_through_json() {
        let t = Timestamp::from_ms(1_763_906_595_000);
        let cause =
            |confidence| Some(NamedCause { service: "carts".to_owned(), mechanism: None, confidence, change: None });
        let closed = Incident {
            state: IncidentState::Closed,
            closed: Some(t),
            cause: cause(0.3),
            ..Incident::new("shop-1", "shop", t, t)
        };
        let confirmed = Incident { revision: 2, confirmed: Some("carts".to_owned()), ..closed.clone() };
        let with = |confidence| Incident { cause: cause(confidence), ..confirmed.clone() };
        assert_eq!(check(&closed, &confirmed), Ok(()));
        assert_eq!(check(&closed, &with(0.300_000_000_000_000_04)), Ok(()));
        assert!(check(&closed, &with(0.300_001)).is_err_and(|reason| reason.contains("only its confirmed cause")));
        let other = Incident { opened: t.plus_ms(1), ..confirmed.clone() };
        assert!(check(&closed, &other).is_err_and(|reason| reason.contains("another incident")));
        assert!(check(&confirmed, &closed).is_err_and(|reason| reason.contains("would be lost")));
    }
}
