//! An id for every request, so that an answer and its log line can be matched. A client's own `X-Request-Id` is kept when it is short and
//! plain; otherwise automap numbers the request.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName};

use crate::api::http::header::single;

/// Longest request id that is accepted from a client.
const MAX_ID_BYTES: usize = 64;
/// The header of the request id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Makes ids for requests that bring none.
#[derive(Debug)]
pub(crate) struct RequestIds {
    /// Random for each start of automap, so that ids do not repeat after a restart.
    boot: u32,
    last: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(boot: u32) -> Self {
        Self { boot, last: AtomicU64::new(0) }
    }

    /// The client's own id if it is acceptable, else a new one.
    pub(crate) fn for_request(&self, headers: &HeaderMap) -> String {
        match single(headers, REQUEST_ID.as_str()).filter(|id| is_acceptable(id)) {
            Some(id) => id.to_owned(),
            None => format!("{:08x}-{}", self.boot, self.last.fetch_add(1, Ordering::Relaxed) + 1),
        }
    }
}

fn is_acceptable(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_id_is_kept_and_any_other_is_replaced() {
        let ids = RequestIds::new(7);
        let id = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, value.parse().unwrap());
            ids.for_request(&headers)
        };
        assert_eq!(id("trace-1.a_b"), "trace-1.a_b");
        assert_eq!(id("two words"), "00000007-1");
        assert_eq!(id(&"x".repeat(MAX_ID_BYTES + 1)), "00000007-2");
        assert_eq!(ids.for_request(&HeaderMap::new()), "00000007-3");
    }
}
