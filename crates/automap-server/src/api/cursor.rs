//! A place in a listing as an opaque word: clients hand it back and read nothing into it.

use automap_core::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::problem::Problem;
use crate::store::Cursor;

/// Longest word that is looked at.
const MAX_WORD: usize = 1024;

/// The word for a place.
pub(crate) fn encode(cursor: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("1:{}:{}", cursor.opened.ms(), cursor.id))
}

/// The place of a word.
pub(crate) fn decode(word: &str) -> Result<Cursor, Problem> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(word).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (opened, id) = text.strip_prefix("1:")?.split_once(':')?;
        Some(Cursor { opened: Timestamp::from_ms(opened.parse().ok()?), id: id.to_owned() })
    };
    let short = word.len() <= MAX_WORD;
    short.then(read).flatten().ok_or_else(|| {
        let next = "use `next` of the page before, unchanged; leave `after` out for the first page";
        Problem::bad_request("query parameter after", "it is no cursor of this interface", next)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_place_comes_back(ms in any::<i64>(), id in ".{0,80}") {
            let cursor = Cursor { opened: Timestamp::from_ms(ms), id };
            prop_assert_eq!(decode(&encode(&cursor)).unwrap(), cursor);
        }

        #[test]
        fn any_other_word_is_a_problem_and_no_panic(word in "\\PC{0,60}") {
            if let Err(problem) = decode(&word) {
                prop_assert_eq!(problem.status, 400);
            }
        }
    }
}
