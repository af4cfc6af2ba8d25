//! The server's address: checked once, safe to show.

use super::error::{Failure, RequestError};
use super::options::Auth;
use crate::secret::SecretSource;

/// A base address without credentials, query and trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    base: String,
}

impl Address {
    /// Splits what the user typed into an address to show and the credentials it held.
    pub(crate) fn parse(typed: &str) -> Result<(Self, Option<Auth>), RequestError> {
        let refuse = |why: &str| Err(RequestError::new(&hide_credentials(typed), Failure::BadAddress(why.to_owned())));
        let Some((scheme, rest)) = typed.trim().split_once("://") else {
            return refuse("it has no scheme; write it like http://localhost:9090");
        };
        if !matches!(scheme, "http" | "https") {
            return refuse("only http and https are spoken");
        }
        if rest.contains(['?', '#']) {
            return refuse(
                "it holds a query or a fragment; give the base address, such as http://host:9090/prometheus",
            );
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, authority),
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return refuse("it has no host");
        }
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix("/api/v1").unwrap_or(path);
        Ok((Self { base: format!("{scheme}://{host}{path}") }, credentials.map(basic)))
    }

    /// The address for people and for `Observation::source`.
    pub(crate) fn as_str(&self) -> &str {
        &self.base
    }

    /// The address of one end point.
    pub(crate) fn endpoint(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base)
    }
}

fn basic(credentials: &str) -> Auth {
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    Auth::Basic { user: decode(user), password: SecretSource::Value(decode(password).into()) }
}

/// Percent-decoding; what is no valid escape stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escape = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// For messages about addresses that could not be read: everything between the scheme and the last `@` goes.
fn hide_credentials(typed: &str) -> String {
    match (typed.split_once("://"), typed.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        (None, Some((_, rest))) => rest.to_owned(),
        (_, None) => typed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::ExposeSecret;

    fn base(typed: &str) -> String {
        Address::parse(typed).unwrap().0.base
    }

    #[test]
    fn prefixes_stay_and_slashes_go() {
        assert_eq!(base("http://localhost:9090/"), "http://localhost:9090");
        assert_eq!(base("https://m.example.com/select/0/prometheus/"), "https://m.example.com/select/0/prometheus");
        assert_eq!(base("http://h/prometheus/api/v1/"), "http://h/prometheus");
        assert_eq!(Address::parse("http://h:1").unwrap().0.endpoint("query"), "http://h:1/api/v1/query");
    }

    #[test]
    fn credentials_leave_the_address() {
        let (address, auth) = Address::parse("https://ann:p%40ss@h:9090/x").unwrap();
        assert_eq!(address.as_str(), "https://h:9090/x");
        let Some(Auth::Basic { user, password: SecretSource::Value(secret) }) = auth else { panic!("{auth:?}") };
        assert_eq!((user.as_str(), secret.expose_secret()), ("ann", "p@ss"));
    }

    #[test]
    fn bad_addresses_say_what_is_expected_and_hide_credentials() {
        for (typed, expected) in [
            ("localhost:9090", "no scheme"),
            ("ann:secret@h:9090", "no scheme"),
            ("ftp://ann:secret@h", "only http and https"),
            ("http://ann:secret@h/?x=1", "query or a fragment"),
            ("http:///x", "no host"),
        ] {
            let message = Address::parse(typed).unwrap_err().to_string();
            assert!(message.contains(expected) && !message.contains("secret"), "{message}");
        }
    }
}
