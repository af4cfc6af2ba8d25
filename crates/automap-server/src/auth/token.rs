//! Bearer tokens from the configuration. Their digests are compared in constant time, so that the time taken reveals neither the length nor the first
//! wrong byte. A value belongs to one token: two tokens of one value are refused at the start, and while a replaced file makes two equal, that value
//! is accepted for neither, since it would not say which role its sender has.

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use tracing::warn;

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
    /// [`SecretError`] for the first that cannot be read, or has the same value as another one.
    pub fn open(configs: &[TokenConfig]) -> Result<Self, SecretError> {
        let mut tokens: Vec<(Identity, WatchedSecret)> = Vec::new();
        for (i, config) in configs.iter().enumerate() {
            let wrong = |reason, next| SecretError { place: format!("api.auth.tokens[{i}]"), reason, next };
            if config.name.is_empty() || config.name.chars().any(char::is_control) {
                return Err(wrong(
                    "its name is empty or has control characters".to_owned(),
                    "name the program that sends it",
                ));
            }
            let secret = WatchedSecret::open(&config.from)?;
            let value = secret.get();
            let same = tokens
                .iter()
                .position(|(_, s)| is_same(s.get().expose_secret().as_bytes(), value.expose_secret().as_bytes()));
            if let Some(other) = same {
                let reason = format!(
                    "'{}' has the same value as '{}' (api.auth.tokens[{other}])",
                    config.name, tokens[other].0.name
                );
                return Err(wrong(reason, "give every token a value of its own"));
            }
            tokens.push((Identity { name: config.name.clone(), role: config.role }, secret));
        }
        Ok(Self(tokens))
    }

    /// The owner of a token. Every token is compared, even after a match; a value that two tokens share belongs to nobody.
    pub fn find(&self, given: &str) -> Option<Identity> {
        let given = digest(&SHA256, given.as_bytes());
        let mut found = Vec::new();
        for (identity, secret) in &self.0 {
            let known = digest(&SHA256, secret.get().expose_secret().as_bytes());
            if bool::from(known.as_ref().ct_eq(given.as_ref())) {
                found.push(identity);
            }
        }
        match found[..] {
            [one] => Some(one.clone()),
            [first, second, ..] => {
                warn!(target: "auth", first = first.name, second = second.name, "two tokens have the same value; it is refused");
                None
            }
            [] => None,
        }
    }
}

/// Whether two secrets are equal, in constant time.
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    digest(&SHA256, a).as_ref().ct_eq(digest(&SHA256, b).as_ref()).into()
}

#[cfg(test)]
mod tests {
    use super::super::identity::Role;
    use super::*;
    use crate::secret::SecretSource;

    #[test]
    fn two_tokens_of_one_value_are_refused_by_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let write = |name: &str, value: &str| std::fs::write(path(name), value).unwrap();
        let token = |name: &str, role| TokenConfig { name: name.into(), role, from: SecretSource::File(path(name)) };
        let both = [token("grafana", Role::Viewer), token("admin", Role::Operator)];
        write("grafana", "4f0c62a1\n");
        write("admin", " 4f0c62a1 ");
        let error = Tokens::open(&both).unwrap_err().to_string();
        assert!(error.contains("'admin'") && error.contains("'grafana'") && !error.contains("4f0c62a1"), "{error}");

        write("admin", "another value");
        let tokens = Tokens::open(&both).unwrap();
        assert_eq!(tokens.find("4f0c62a1").unwrap().role, Role::Viewer);
        // One file now holds the other's value while the process runs: neither role is given.
        write("admin", "4f0c62a1\n");
        assert_eq!((tokens.find("4f0c62a1"), tokens.find("another value")), (None, None));
        write("admin", "a third value");
        assert_eq!(tokens.find("4f0c62a1").unwrap().name, "grafana");
        assert_eq!(tokens.find("a third value").unwrap().name, "admin");
        write("empty", "\n");
        assert!(Tokens::open(&[token("empty", Role::Viewer)]).unwrap_err().to_string().contains("empty"));
        assert!(Tokens::open(&[TokenConfig { name: String::new(), ..both[0].clone() }]).is_err());
    }
}
