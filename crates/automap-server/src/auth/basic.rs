//! Names and passwords. The configuration holds argon2id hashes only, and a wrong guess takes as long as a right one.
//!
//! A check takes tens of milliseconds and 19 MiB. Therefore guesses are counted for each address, one is checked at a time in one block of
//! memory ([`super::password_hash`]), and a pair that was right is remembered for five minutes as a keyed digest.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use ring::hmac;
use ring::rand::SystemRandom;

use super::config::UserConfig;
use super::identity::Identity;
#[cfg(test)]
use super::identity::Role;
use super::password_hash::{CheckMemory, ConfiguredHash};
use super::token::is_same;
#[cfg(test)]
use crate::secret::SecretSource;
use crate::secret::watched::{SecretError, WatchedSecret};
use crate::secret::{ExposeSecret, SecretString};

/// Longest name or password that is checked.
const MAX_BYTES: usize = 512;
/// Most pairs that are remembered.
const MAX_REMEMBERED: usize = 64;
/// How long a right pair is remembered.
const REMEMBER: Duration = Duration::from_secs(300);

/// The users of the configuration.
pub struct Users {
    users: Vec<(Identity, WatchedSecret)>,
    /// A hash that no password matches, as costly as the most expensive one: unknown names are checked against it, so that they take as long.
    decoy: Option<ConfiguredHash>,
    memory: CheckMemory,
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
    /// [`SecretError`] for two users with the same name, and for the first hash that cannot be read, is not an argon2 hash, or costs too much.
    pub fn open(configs: &[UserConfig]) -> Result<Self, SecretError> {
        let mut users: Vec<(Identity, WatchedSecret)> = Vec::new();
        let mut most_expensive: Option<ConfiguredHash> = None;
        for (i, config) in configs.iter().enumerate() {
            let name = check_name(&config.name, &users).map_err(|reason| SecretError {
                place: format!("api.auth.users[{i}].name"),
                reason,
                next: "give every user a name of its own",
            })?;
            let secret = WatchedSecret::open_checked(&config.from, is_hash)?;
            let hash = ConfiguredHash::parse(secret.get().expose_secret()).ok();
            most_expensive = most_expensive.into_iter().chain(hash).max_by_key(ConfiguredHash::cost_kib);
            users.push((Identity { name, role: config.role }, secret));
        }
        let random =
            |e: String| SecretError { place: "password hashing".into(), reason: e, next: "see the system's log" };
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|e| random(e.to_string()))?;
        let decoy = most_expensive.map(|hash| hash.decoy()).transpose().map_err(random)?;
        Ok(Self { users, decoy, memory: CheckMemory::default(), key, remembered: Mutex::default() })
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
        let hash = match user {
            Some((_, secret)) => ConfiguredHash::parse(secret.get().expose_secret()).ok(),
            None => self.decoy.clone(),
        };
        let right = hash.is_some_and(|hash| self.memory.matches(password, &hash));
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

fn is_hash(text: &SecretString) -> Result<(), String> {
    ConfiguredHash::parse(text.expose_secret()).map(|_| ())
}

/// A name that can be sent, and that no other user has.
fn check_name(name: &str, users: &[(Identity, WatchedSecret)]) -> Result<String, String> {
    if name.is_empty() || name.len() > MAX_BYTES || name.contains(':') || name.chars().any(char::is_control) {
        return Err(format!("a name has 1 to {MAX_BYTES} bytes and neither colons nor control characters"));
    }
    if users.iter().any(|(who, _)| who.name == name) {
        return Err(format!("'{name}' is already the name of another user"));
    }
    Ok(name.to_owned())
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
    fn two_users_of_one_name_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let hash = hash_password("correct horse").unwrap();
        let twice = [user(&dir, &hash, Role::Viewer), user(&dir, &hash, Role::Operator)];
        let error = Users::open(&twice).unwrap_err().to_string();
        assert!(error.contains("api.auth.users[1].name") && error.contains("'ann'"), "{error}");
        let nameless = UserConfig { name: "a:b".into(), ..user(&dir, &hash, Role::Viewer) };
        assert!(Users::open(&[nameless]).unwrap_err().to_string().contains("colons"));
    }

    #[test]
    fn a_hash_that_costs_too_much_is_refused_at_the_start_and_later() {
        let dir = tempfile::tempdir().unwrap();
        let mut large = hash_password("correct horse").unwrap();
        let config = user(&dir, &large, Role::Viewer);
        let users = Users::open(std::slice::from_ref(&config)).unwrap();
        large = large.replace("m=19456", "m=4194304");
        let SecretSource::File(path) = &config.from else { unreachable!() };
        std::fs::write(path, &large).unwrap();
        let error = Users::open(std::slice::from_ref(&config)).unwrap_err().to_string();
        assert!(error.contains("m=4194304") && error.contains(path.to_str().unwrap()), "{error}");
        assert!(users.check("ann", "correct horse", Instant::now()).is_some(), "the hash before it stays in use");
    }

    #[test]
    fn a_pair_splits_at_the_first_colon() {
        assert_eq!(decode(&STANDARD.encode("a:b:c")), Some(("a".into(), "b:c".into())));
        assert_eq!(decode("!!"), None);
        assert_eq!(decode(&STANDARD.encode(format!("a:{}", "x".repeat(MAX_BYTES + 1)))), None);
    }
}
