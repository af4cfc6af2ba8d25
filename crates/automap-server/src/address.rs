//! Addresses in the configuration. Logs, errors, messages and pages show them, so that none may hold a password.

/// Why an address is refused; credentials belong in a file or the environment.
pub(crate) fn check(url: &str) -> Result<(), &'static str> {
    // Anywhere, since a password may hold a slash. The reason does not repeat the address.
    if url.contains('@') {
        return Err("it holds an @, as if a user or a password were in it; give a token in a file or the environment");
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err("it begins with neither http:// nor https://");
    }
    Ok(())
}

/// The address as errors show it: without a user and a password.
pub(crate) fn without_credentials(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => format!("{scheme}://{place}"),
        (None, Some((_, place))) => place.to_owned(),
        (_, None) => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_is_refused_and_not_repeated() {
        assert_eq!(check("https://am.example:9093/am"), Ok(()));
        for bad in
            ["http://ann:hunter2@am:9093", "http://ann:hunter2/3@am", "ann:hunter2@am", "ftp://am", "am:9093", ""]
        {
            assert!(check(bad).is_err_and(|reason| !reason.contains("hunter2")), "{bad}");
        }
        for (url, shown) in [
            ("http://ann:hunter2@am:9093/x", "http://am:9093/x"),
            ("ann:hunter2@am", "am"),
            ("http://am:9093", "http://am:9093"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }
}
