//! Sessions of browsers: the user of each cookie, and until when. They are kept in memory only, so a restart ends them all.
//!
//! A cookie is 32 random bytes; only its digest is kept, so that reading this process' memory or a dump of it opens no session. A session ends after
//! [`LIFETIME`], when its user logs out, or when too many others began after it. The original credentials are not checked again: removing a token or
//! a user from the configuration needs a restart of automap, which ends its sessions too.

use std::collections::BTreeMap;
use std::time::Duration;

use automap_core::time::Timestamp;
use parking_lot::Mutex;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use crate::auth::Identity;
use crate::secret::random::random_text;

/// How long a session lasts: a working day.
pub(crate) const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// The same in milliseconds.
const LIFETIME_MS: i64 = 12 * 3_600_000;
/// Most sessions at once; beyond it the oldest one ends.
const MAX_SESSIONS: usize = 1024;
/// Most sessions of one user or token; beyond it the oldest of the same user ends, so that nobody logs others out.
const MAX_SESSIONS_EACH: usize = 32;

type Digest = [u8; SHA256_OUTPUT_LEN];

/// All sessions, by the digest of their cookie.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    kept: Mutex<BTreeMap<Digest, (Timestamp, Identity)>>,
}

impl Sessions {
    /// Begins a session, and returns the cookie's value; `None` if the system has no random bytes.
    pub(crate) fn begin(&self, who: Identity, now: Timestamp) -> Option<String> {
        let value = random_text()?;
        let mut kept = self.kept.lock();
        kept.retain(|_, (ends, _)| *ends > now);
        let own = kept.values().filter(|(_, known)| known.name == who.name).count();
        if own >= MAX_SESSIONS_EACH || kept.len() >= MAX_SESSIONS {
            let may_end = |known: &Identity| own < MAX_SESSIONS_EACH || known.name == who.name;
            let first = kept.iter().filter(|(_, (_, known))| may_end(known)).min_by_key(|(_, (ends, _))| *ends);
            if let Some(first) = first.map(|(digest, _)| *digest) {
                kept.remove(&first);
            }
        }
        kept.insert(key(&value), (now.plus_ms(LIFETIME_MS), who));
        Some(value)
    }

    /// The user of a cookie.
    pub(crate) fn find(&self, value: &str, now: Timestamp) -> Option<Identity> {
        let kept = self.kept.lock();
        kept.get(&key(value)).filter(|(ends, _)| *ends > now).map(|(_, who)| who.clone())
    }

    /// Ends a session.
    pub(crate) fn end(&self, value: &str) {
        self.kept.lock().remove(&key(value));
    }
}

fn key(value: &str) -> Digest {
    let mut key = [0; SHA256_OUTPUT_LEN];
    key.copy_from_slice(digest(&SHA256, value.as_bytes()).as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;

    fn who(name: &str) -> Identity {
        Identity { name: name.to_owned(), role: Role::Viewer }
    }

    #[test]
    fn a_session_lasts_a_working_day_or_until_its_end() {
        let (sessions, noon) = (Sessions::default(), Timestamp::from_ms(43_200_000));
        let [ann, bob] = ["ann", "bob"].map(|name| sessions.begin(who(name), noon).unwrap());
        assert_ne!(ann, bob);
        let later = noon.plus_ms(LIFETIME_MS - 1);
        assert_eq!(sessions.find(&ann, later), Some(who("ann")));
        assert_eq!(sessions.find(&ann, noon.plus_ms(LIFETIME_MS)), None);
        sessions.end(&bob);
        assert_eq!(sessions.find(&bob, noon), None);
        assert_eq!(sessions.find("", noon), None);
    }

    #[test]
    fn the_first_session_ends_when_there_are_too_many() {
        let sessions = Sessions::default();
        let at = |i: usize| Timestamp::from_ms(i as i64);
        let first = sessions.begin(who("first"), at(0)).unwrap();
        let second = sessions.begin(who("second"), at(1)).unwrap();
        for i in 2..=MAX_SESSIONS {
            sessions.begin(who(&format!("other {}", i % 64)), at(i)).unwrap();
        }
        assert_eq!(sessions.find(&first, at(MAX_SESSIONS)), None);
        assert!(sessions.find(&second, at(MAX_SESSIONS)).is_some());
    }

    #[test]
    fn who_logs_in_again_and_again_ends_its_own_sessions() {
        let sessions = Sessions::default();
        let at = |i: usize| Timestamp::from_ms(i as i64);
        let operator = sessions.begin(who("operator"), at(0)).unwrap();
        let mine: Vec<String> = (1..=2 * MAX_SESSIONS).map(|i| sessions.begin(who("viewer"), at(i)).unwrap()).collect();
        assert!(sessions.find(&operator, at(3000)).is_some() && sessions.find(&mine[0], at(3000)).is_none());
        assert_eq!(mine.iter().filter(|value| sessions.find(value, at(3000)).is_some()).count(), MAX_SESSIONS_EACH);
    }
}
