//! User input about an incident: which service was the cause, and notes. The same code serves the API and the command line.

use automap_core::incident::{Incident, MAX_NOTES, TimelineKind};
use automap_core::time::Timestamp;

use crate::notify::NotifyConfig;
use crate::store::{Store, StoreError};
use crate::system::SystemError;

/// How often a change is tried when a watcher changes the incident at the same time.
const MAX_TRIES: usize = 5;

/// Records that the user `by` confirmed `service` as the cause of the incident `id`, and queues the change for the routes that were notified
/// of the incident before.
///
/// # Errors
/// [`SystemError::NotFound`] when there is no such incident; [`SystemError::Refused`] when its report names no such service, unless
/// `is_forced`.
pub fn confirm(
    store: &dyn Store,
    notify: &NotifyConfig,
    (id, service, by): (&str, &str, &str),
    is_forced: bool,
    now: Timestamp,
) -> Result<Incident, SystemError> {
    change(store, id, now, |incident| {
        if !is_forced {
            check_service(incident, service)?;
        }
        incident.confirmed = Some(service.to_owned());
        incident.add_entry(now, TimelineKind::Confirmed, format!("{by} confirmed {service} as the cause"));
        Ok(notify.routes_for(incident, &store.notified_routes(id)?))
    })
}

/// Adds a note of the user `by` to the timeline of the incident `id`. Nobody is notified, since its state does not change.
///
/// # Errors
/// [`SystemError::NotFound`] when there is no such incident; [`SystemError::Refused`] when it holds [`MAX_NOTES`] notes, since an earlier one would
/// have to be dropped.
pub fn note(store: &dyn Store, (id, text, by): (&str, &str, &str), now: Timestamp) -> Result<Incident, SystemError> {
    change(store, id, now, |incident| {
        if incident.notes() >= MAX_NOTES {
            return Err(SystemError::Refused {
                message: format!("the time line of {id} holds {MAX_NOTES} notes, and no more are kept"),
                next: "write it where the incident is discussed, and link to the incident's page".to_owned(),
            });
        }
        incident.add_entry(now, TimelineKind::Noted, format!("{by}: {text}"));
        Ok(Vec::new())
    })
}

/// Changes a stored incident, and tries again if it was changed concurrently. `edit` returns the routes that are notified.
fn change(
    store: &dyn Store,
    id: &str,
    now: Timestamp,
    edit: impl Fn(&mut Incident) -> Result<Vec<String>, SystemError>,
) -> Result<Incident, SystemError> {
    for _ in 0..MAX_TRIES {
        let found = store.get(id)?;
        let mut incident = found.ok_or_else(|| SystemError::NotFound { what: "incident", name: id.to_owned() })?;
        incident.revision += 1;
        incident.updated = incident.updated.max(now);
        let routes = edit(&mut incident)?;
        match store.put(&incident, &routes, now) {
            Ok(()) => return Ok(incident),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(SystemError::Unavailable {
        place: format!("incident {id}"),
        message: "it changed at the same time, several times in a row; try again".into(),
    })
}

/// Refuses a service that the incident's report does not mention, which is most likely a typo.
fn check_service(incident: &Incident, service: &str) -> Result<(), SystemError> {
    let causes = incident.report.iter().flat_map(|r| r.causes.iter().map(|c| c.service.as_str()));
    let symptoms = incident.symptoms.iter().map(|s| s.service.as_str());
    let known: Vec<String> =
        causes.chain(symptoms).chain(incident.victims.iter().map(String::as_str)).map(ToOwned::to_owned).collect();
    if known.is_empty() || known.iter().any(|k| k == service) {
        return Ok(());
    }
    let next = match automap_core::similar::similar_names(service, &known).first() {
        Some(name) => format!("did you mean '{name}'?"),
        None => format!("it mentions {}", known.join(", ")),
    };
    Err(SystemError::Refused { message: format!("the report of {} does not mention '{service}'", incident.id), next })
}
