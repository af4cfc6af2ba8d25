//! Bearer tokens from the configuration. They are compared by their digests in constant time, so that the time taken reveals neither the length
//! nor the first wrong byte.

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use super::config::TokenConfig;
use super::identity::Identity;
use crate::secret::ExposeSecret;
use crate::secret::watched::{SecretError, WatchedSecret};

/// The tokens of the configuration.
#[derive(Debug, Default)]
pub struct Tokens(Vec<(Identity, WatchedSecret)>);

impl Tokens {
    /// Reads all of them.
    ///
    /// # Errors
    /// [`SecretError`] for the first that cannot be read.
    pub fn open(configs: &[TokenConfig]) -> Result<Self, SecretError> {
        let open =
            |c: &TokenConfig| Ok((Identity { name: c.name.clone(), role: c.role }, WatchedSecret::open(&c.from)?));
        configs.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// The owner of a token. Every token is compared, even after a match.
    pub fn find(&self, given: &str) -> Option<Identity> {
        let given = digest(&SHA256, given.as_bytes());
        let mut found = None;
        for (identity, secret) in &self.0 {
            let known = digest(&SHA256, secret.get().expose_secret().as_bytes());
            if bool::from(known.as_ref().ct_eq(given.as_ref())) {
                found = Some(identity);
            }
        }
        found.cloned()
    }
}

/// Whether two secrets are equal, in constant time.
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    digest(&SHA256, a).as_ref().ct_eq(digest(&SHA256, b).as_ref()).into()
}
