//! Header values that are read safely: a header that is sent twice, or that is not text, counts as missing.

use axum::http::HeaderMap;

use crate::auth::HeaderLookup;

/// The value of a header that is present exactly once and is text.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok()).flatten()
}

/// A request's headers, as [`crate::auth`] reads them.
#[derive(Debug)]
pub(crate) struct SingleHeaders<'a>(pub(crate) &'a HeaderMap);

impl HeaderLookup for SingleHeaders<'_> {
    fn single(&self, name: &str) -> Option<&str> {
        single(self.0, name)
    }
}
