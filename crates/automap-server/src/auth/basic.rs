//! Names and passwords. The configuration holds argon2id hashes only, and a wrong guess takes as long as a right one.
//!
//! A check takes tens of milliseconds and 19 MiB. Therefore guesses are counted for each address, only a few are checked at once, and a pair
//! that was right is remembered for five minutes as a keyed digest.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use ring::hmac;
use ring::rand::SystemRandom;

use super::config::UserConfig;
use super::identity::Identity;
#[cfg(test)]
use super::identity::Role;
use super::token::is_same;
use crate::secret::watched::{SecretError, WatchedSecret, unusable};
use crate::secret::{ExposeSecret, SecretSource};

/// Longest name or password that is checked.
const MAX_BYTES: usize = 512;
/// Most pairs that are remembered.
const MAX_REMEMBERED: usize = 64;
/// How long a right pair is remembered.
const REMEMBER: Duration = Duration::from_secs(300);

/// The users of the configuration.
pub struct Users {
    users: Vec<(Identity, WatchedSecret)>,
    /// A hash of the same cost that no password of a user matches: unknown names are checked against it, so that they take as long.
    decoy: String,
    key: hmac::Key,
    remembered: Mutex<VecDeque<(Instant, hmac::Tag)>>,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.users.iter().map(|(who, _)| who)).finish()
    }
}

impl Users {
    /// Reads all hashes.
    ///
    /// # Errors
    /// [`SecretError`] for the first that cannot be read or is not an argon2 hash.
    pub fn open(configs: &[UserConfig]) -> Result<Self, SecretError> {
        let mut users = Vec::new();
        for config in configs {
            let secret = WatchedSecret::open(&config.from)?;
            if PasswordHash::new(secret.get().expose_secret()).is_err() {
                return Err(not_a_hash(&config.from));
            }
            users.push((Identity { name: config.name.clone(), role: config.role }, secret));
        }
        let random =
            |e: String| SecretError { place: "password hashing".into(), reason: e, next: "see the system's log" };
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|e| random(e.to_string()))?;
        let decoy = if users.is_empty() { String::new() } else { hash_password("decoy").map_err(random)? };
        Ok(Self { users, decoy, key, remembered: Mutex::default() })
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The user, if this pair was right within the last five minutes. Cheap.
    pub fn recall(&self, name: &str, password: &str, now: Instant) -> Option<Identity> {
        let tag = self.tag(name, password);
        let mut remembered = self.remembered.lock();
        remembered.retain(|(at, _)| now.saturating_duration_since(*at) < REMEMBER);
        let known = remembered.iter().any(|(_, t)| is_same(t.as_ref(), tag.as_ref()));
        known.then(|| self.users.iter().find(|(who, _)| who.name == name)).flatten().map(|(who, _)| who.clone())
    }

    /// The user, if the pair is right. Blocks for tens of milliseconds.
    pub fn check(&self, name: &str, password: &str, now: Instant) -> Option<Identity> {
        let user = self.users.iter().find(|(who, _)| who.name == name);
        let hash = user.map_or_else(|| self.decoy.clone(), |(_, secret)| secret.get().expose_secret().to_owned());
        let right = PasswordHash::new(&hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        let identity = user.filter(|_| right).map(|(who, _)| who.clone())?;
        let tag = self.tag(name, password);
        let mut remembered = self.remembered.lock();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back((now, tag));
        Some(identity)
    }

    /// Digest of a pair. It covers the stored hash as well, so that a changed password is no longer remembered.
    fn tag(&self, name: &str, password: &str) -> hmac::Tag {
        let hash = self.users.iter().find(|(who, _)| who.name == name).map(|(_, s)| s.get());
        let mut context = hmac::Context::with_key(&self.key);
        for part in [name, password, hash.as_ref().map_or("", |h| h.expose_secret())] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign()
    }
}

/// The name and password in the value of `Authorization: Basic …`.
pub(crate) fn decode(value: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    (name.len() <= MAX_BYTES && password.len() <= MAX_BYTES).then(|| (name.to_owned(), password.to_owned()))
}

/// The argon2id hash of a password, as `automap config hash-password` prints it and the configuration takes it.
///
/// # Errors
/// A message when the password is empty or too long, or the operating system provides no random bytes.
pub fn hash_password(password: &str) -> Result<String, String> {
    if password.is_empty() || password.len() > MAX_BYTES {
        return Err(format!("a password has 1 to {MAX_BYTES} bytes; this one has {}", password.len()));
    }
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|e| e.to_string())?;
    Ok(hash.to_string())
}

fn not_a_hash(from: &SecretSource) -> SecretError {
    const REASON: &str = "it is not an argon2 hash: store what `automap config hash-password` prints, not the password";
    match from {
        SecretSource::File(path) => unusable(path, REASON.into()),
        SecretSource::Env(_) | SecretSource::Value(_) => {
            SecretError { place: from.to_string(), reason: REASON.into(), next: "run `automap config hash-password`" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A user whose secret is a file in `dir`.
    fn user(dir: &tempfile::TempDir, secret: &str, role: Role) -> UserConfig {
        let path = dir.path().join("ann");
        std::fs::write(&path, secret).unwrap();
        UserConfig { name: "ann".into(), role, from: SecretSource::File(path) }
    }

    #[test]
    fn a_right_pair_is_known_and_remembered_for_five_minutes() {
        let dir = tempfile::tempdir().unwrap();
        let users = Users::open(&[user(&dir, &hash_password("correct horse").unwrap(), Role::Operator)]).unwrap();
        let start = Instant::now();
        assert_eq!(users.recall("ann", "correct horse", start), None, "nothing is remembered before the first check");
        assert_eq!(users.check("ann", "wrong", start), None);
        assert_eq!(users.check("bob", "correct horse", start), None);
        assert_eq!(users.check("ann", "correct horse", start).unwrap().role, Role::Operator);
        assert!(users.recall("ann", "correct horse", start + Duration::from_secs(299)).is_some());
        assert!(users.recall("ann", "correct hors", start).is_none());
        assert!(users.recall("ann", "correct horse", start + REMEMBER).is_none());
    }

    #[test]
    fn a_plain_password_in_the_configuration_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = Users::open(&[user(&dir, "hunter2", Role::Viewer)]).unwrap_err().to_string();
        assert!(error.contains("hash-password") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_pair_splits_at_the_first_colon() {
        assert_eq!(decode(&STANDARD.encode("a:b:c")), Some(("a".into(), "b:c".into())));
        assert_eq!(decode("!!"), None);
        assert_eq!(decode(&STANDARD.encode(format!("a:{}", "x".repeat(MAX_BYTES + 1)))), None);
    }
}
