//! The state of one login while its user is at the provider: the browser keeps it, in a cookie that only this process can read or make.
//!
//! Nothing is kept here, so nobody can fill the memory by beginning logins, or evict those of others. The cookie is sealed with AES-256-GCM under a
//! key of this process: after a restart, or at another replica, it is not valid, and the user begins again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::secret::random::random_text;
use crate::secret::watched::SecretError;

/// Longest cookie that is opened.
const MAX_COOKIE_BYTES: usize = 4096;

/// The state of one login.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
    /// The path to go back to.
    pub(super) to: String,
    /// Unix time in seconds.
    pub(super) ends_s: f64,
}

/// The key of this process.
#[derive(Debug)]
pub(super) struct Seal(LessSafeKey);

impl Pending {
    /// `None` if the system has no random bytes.
    pub(super) fn new(to: String, ends_s: f64) -> Option<Self> {
        Some(Self { state: random_text()?, nonce: random_text()?, verifier: random_text()?, to, ends_s })
    }
}

impl Seal {
    pub(super) fn new() -> Result<Self, SecretError> {
        let fail = || SecretError {
            place: "the key of logins".to_owned(),
            reason: "the operating system provides no random bytes".to_owned(),
            next: "see its log",
        };
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| fail())?;
        Ok(Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| fail())?)))
    }

    /// The cookie; `None` if the system has no random bytes.
    pub(super) fn close(&self, pending: &Pending) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = serde_json::to_vec(pending).ok()?;
        self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
        Some(base64(&[&nonce[..], &sealed].concat()))
    }

    /// The content of a cookie; `None` if this process did not make it.
    pub(super) fn open(&self, cookie: &str) -> Option<Pending> {
        if cookie.len() > MAX_COOKIE_BYTES {
            return None;
        }
        let mut bytes = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        serde_json::from_slice(self.0.open_in_place(nonce, Aad::empty(), sealed).ok()?).ok()
    }
}

/// URL-safe Base64, without padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_opened_by_the_process_that_made_it_and_as_it_was_made() {
        let (ours, theirs) = (Seal::new().unwrap(), Seal::new().unwrap());
        let pending = Pending::new("/incidents/shop-1".to_owned(), 600.0).unwrap();
        let cookie = ours.close(&pending).unwrap();
        assert!(!cookie.contains(&pending.state) && cookie != ours.close(&pending).unwrap());
        assert_eq!(ours.open(&cookie), Some(pending));
        assert_eq!(theirs.open(&cookie), None);
        let changed = format!("A{}", &cookie[1..]);
        let changed = if changed == cookie { format!("B{}", &cookie[1..]) } else { changed };
        for bad in [changed.as_str(), &cookie[..cookie.len() - 1], "", "!", "AAAA", &"A".repeat(10_000)] {
            assert_eq!(ours.open(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_two_logins_share_a_secret() {
        let [a, b] = [0, 1].map(|_| Pending::new(String::new(), 0.0).unwrap());
        let all = [&a.state, &a.nonce, &a.verifier, &b.state, &b.nonce, &b.verifier];
        assert!(all.iter().all(|text| text.len() >= 43));
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    }
}
