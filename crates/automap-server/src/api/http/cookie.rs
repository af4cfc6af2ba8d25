//! The cookies of automap: a browser's session and, while its user is at an identity provider, the pending login. Scripts cannot read them, and they
//! are stored nowhere else. A request from another site never carries the session; the login has to come back from the provider's site, by navigation
//! only.

use std::time::Duration;

use axum::http::{HeaderMap, header};

const NAME: &str = "automap_session";
const LOGIN: &str = "automap_login";
/// The only path to which the login cookie is sent.
const LOGIN_PATH: &str = "/api/v1/session/oidc";

/// The session's value, if the request carries it exactly once.
pub(crate) fn value(headers: &HeaderMap) -> Option<&str> {
    only(headers, NAME)
}

/// The login's value, if the request carries it exactly once.
pub(crate) fn login_value(headers: &HeaderMap) -> Option<&str> {
    only(headers, LOGIN)
}

fn only<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// The value of `Set-Cookie` that begins a session.
pub(crate) fn set(value: &str, lifetime: Duration, is_encrypted: bool) -> String {
    let secure = if is_encrypted { "; Secure" } else { "" };
    format!("{NAME}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}", lifetime.as_secs())
}

/// The value of `Set-Cookie` that removes it.
pub(crate) fn removed(is_encrypted: bool) -> String {
    set("", Duration::ZERO, is_encrypted)
}

/// The value of `Set-Cookie` that keeps a login while its user is at the provider.
pub(crate) fn set_login(value: &str, lifetime_s: u64, is_encrypted: bool) -> String {
    let secure = if is_encrypted { "; Secure" } else { "" };
    format!("{LOGIN}={value}; Path={LOGIN_PATH}; Max-Age={lifetime_s}; HttpOnly; SameSite=Lax{secure}")
}

/// The value of `Set-Cookie` that removes it.
pub(crate) fn removed_login(is_encrypted: bool) -> String {
    set_login("", 0, is_encrypted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, line.parse().unwrap());
        }
        value(&headers).map(str::to_owned)
    }

    #[test]
    fn the_cookie_is_found_among_others_and_only_once() {
        assert_eq!(read(&["theme=dark; automap_session=abc; x=y"]).as_deref(), Some("abc"));
        assert_eq!(read(&["automap_session=a; automap_session=b"]), None, "planted beside ours");
        assert_eq!(read(&["automap_session=a", "automap_session=b"]), None);
        assert_eq!(read(&["xautomap_session=a"]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn a_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let text = set("abc", Duration::from_secs(60), true);
        assert_eq!(text, "automap_session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(removed(false), "automap_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
        let login = set_login("abc", 600, true);
        assert_eq!(login, "automap_login=abc; Path=/api/v1/session/oidc; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
    }
}
