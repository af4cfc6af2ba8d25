//! Checks that the names in a mute exist. A mute with a mistyped name mutes nothing, and nobody would notice before the pager rings.

use automap_core::incident::Incident;
use automap_core::similar::similar_names;
use automap_core::text::listed;

use super::request::{MuteError, MuteRequest};
use crate::notify::glob::matches;

/// Most names that a refusal lists.
const MAX_LISTED: usize = 20;

/// The names that a mute may contain. An empty list means unknown: nothing is checked against it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Every target.
    pub targets: Vec<String>,
    /// The services of those that are muted.
    pub services: Vec<String>,
}

/// An unknown name in a mute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What is wrong.
    pub message: String,
    /// What to try next.
    pub next: String,
}

impl Known {
    /// Adds the services that appear in incidents.
    pub fn with_services_of<'a>(mut self, incidents: impl IntoIterator<Item = &'a Incident>) -> Self {
        for incident in incidents {
            let symptoms = incident.symptoms.iter().map(|s| s.service.as_str());
            let causes = incident.cause.iter().map(|c| c.service.as_str()).chain(incident.confirmed.as_deref());
            let names = symptoms.chain(causes).chain(incident.victims.iter().map(String::as_str));
            self.services.extend(names.map(ToOwned::to_owned));
        }
        self.services.sort_unstable();
        self.services.dedup();
        self
    }

    /// The first unknown name of a request. A pattern of targets has to match one of them; one of services may be for future ones.
    ///
    /// ```
    /// use automap_core::time::Timestamp;
    /// use automap_server::mutes::{Known, MuteRequest};
    ///
    /// let known = Known { targets: vec!["shop".into()], services: vec!["orders".into(), "payment".into()] };
    /// let of = |services: &str| MuteRequest {
    ///     targets: vec!["sh*".into()],
    ///     services: vec![services.into()],
    ///     from: None,
    ///     until: Timestamp::from_ms(1),
    ///     reason: String::new(),
    /// };
    /// assert_eq!(known.unknown(&of("payment")), None);
    /// assert_eq!(known.unknown(&of("new-*")), None);
    /// assert_eq!(known.unknown(&of("paymnet")).unwrap().message, "no service \"paymnet\" is known");
    /// ```
    pub fn unknown(&self, request: &MuteRequest) -> Option<Unknown> {
        let is_no_target = |pattern: &&String| !self.targets.iter().any(|name| matches(pattern, name));
        if let Some(pattern) = request.targets.iter().find(is_no_target).filter(|_| !self.targets.is_empty()) {
            let next =
                format!("{}the targets are {}", similar(pattern, &self.targets), listed(&self.targets, MAX_LISTED));
            return Some(Unknown { message: format!("no target fits \"{pattern}\""), next });
        }
        let is_no_service = |name: &&String| !name.contains('*') && !self.services.contains(name);
        let name = request.services.iter().find(is_no_service).filter(|_| !self.services.is_empty())?;
        let known = listed(&self.services, MAX_LISTED);
        let next = format!(
            "{}the services are {known}; a pattern, such as \"{name}*\", mutes what is still to come",
            similar(name, &self.services)
        );
        Some(Unknown { message: format!("no service \"{name}\" is known"), next })
    }

    pub(super) fn check(&self, request: &MuteRequest) -> Result<(), MuteError> {
        match self.unknown(request) {
            Some(Unknown { message, next }) => Err(MuteError::Refused { message, next }),
            None => Ok(()),
        }
    }
}

fn similar(name: &str, known: &[String]) -> String {
    similar_names(name, known).first().map_or_else(String::new, |name| format!("did you mean \"{name}\"? "))
}

#[cfg(test)]
mod tests {
    use automap_core::time::Timestamp;

    use super::*;

    fn request(targets: &[&str], services: &[&str]) -> MuteRequest {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let (targets, services, until) = (owned(targets), owned(services), Timestamp::from_ms(1));
        MuteRequest { targets, services, from: None, until, reason: String::new() }
    }

    #[test]
    fn what_is_not_known_is_named_with_what_is() {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let known = Known { targets: names(&["bank", "shop"]), services: names(&["carts-db", "orders"]) };
        let next = |targets: &[&str], services: &[&str]| known.unknown(&request(targets, services)).map(|u| u.next);
        assert_eq!(next(&[], &[]), None);
        assert_eq!(next(&["sh*", "bank"], &["orders", "*-queue"]), None);
        assert_eq!(next(&["shpo"], &[]).unwrap(), "did you mean \"shop\"? the targets are bank, shop");
        assert_eq!(next(&["x*"], &[]).unwrap(), "the targets are bank, shop");
        let next = next(&["shop"], &["order"]).unwrap();
        assert!(next.starts_with("did you mean \"orders\"? the services are carts-db, orders; a pattern"), "{next}");
    }

    #[test]
    fn nothing_is_checked_against_what_nobody_knows() {
        assert_eq!(Known::default().unknown(&request(&["shop"], &["orders"])), None);
        let at = Timestamp::from_ms(0);
        let seen = Incident { victims: vec!["front-end".into()], ..Incident::new("a", "shop", at, at) };
        let known = Known::default().with_services_of([&seen]);
        assert!(known.unknown(&request(&["anything"], &["front-end"])).is_none());
        assert!(known.unknown(&request(&[], &["orders"])).is_some());
    }
}
