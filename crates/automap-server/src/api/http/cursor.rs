//! A position in a listing as opaque text: clients send it back unchanged and must not interpret it.

use automap_core::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::api::http::problem::Problem;
use crate::store::Cursor;

/// Longest cursor that is decoded.
const MAX_CURSOR_BYTES: usize = 1024;

/// The text of a position.
pub(crate) fn encode(cursor: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("1:{}:{}", cursor.opened.ms(), cursor.id))
}

/// The position that a text encodes.
///
/// # Errors
/// [`Problem::bad_request`] when the text was not made by [`encode`].
pub(crate) fn decode(text: &str) -> Result<Cursor, Problem> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (opened, id) = text.strip_prefix("1:")?.split_once(':')?;
        Some(Cursor { opened: Timestamp::from_ms(opened.parse().ok()?), id: id.to_owned() })
    };
    let is_short = text.len() <= MAX_CURSOR_BYTES;
    is_short.then(read).flatten().ok_or_else(|| {
        let next = "send `next` of the previous page unchanged, or leave `after` out for the first page";
        Problem::bad_request("query parameter after", "it is not a cursor of this API", next)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_cursor_is_read_back(ms in any::<i64>(), id in ".{0,80}") {
            let cursor = Cursor { opened: Timestamp::from_ms(ms), id };
            prop_assert_eq!(decode(&encode(&cursor)).unwrap(), cursor);
        }

        #[test]
        fn any_other_text_is_a_problem_and_never_a_panic(text in "\\PC{0,60}") {
            if let Err(problem) = decode(&text) {
                prop_assert_eq!(problem.status, 400);
            }
        }
    }
}
