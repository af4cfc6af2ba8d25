//! Shortens expressions that repeat long patterns, for servers that limit their length.
//!
//! VictoriaMetrics refuses expressions of more than 16 KiB (`-search.maxQueryLen`), which a list of services in each of a dozen selectors exceeds.
//! Its language can name repeated parts, so the same expression is sent again with names. Prometheus has no such limit, and no such names.
//!
//! Worked example: if the pattern were longer, `a{pod=~"cart-.*|web-.*"} / b{pod=~"cart-.*|web-.*"}` would become
//! `WITH (repeated_0 = "cart-.*|web-.*") a{pod=~repeated_0} / b{pod=~repeated_0}`.

use std::collections::BTreeMap;

use super::error::{Failure, RequestError};

/// Shortest quoted text that gets a name.
const MIN_BYTES: usize = 64;

/// Expressions of at least this length may be refused for it, in bytes: the default of VictoriaMetrics.
const LONG: usize = 16 << 10;

/// Whether a server says that it refuses an expression for its size in bytes.
pub(crate) fn says_too_long(error: &RequestError) -> bool {
    matches!(&error.failure, Failure::Api { message, .. } if message.contains("too long query"))
}

/// The same, or may say so: the message repeats the expression first, and only the beginning of a long answer is read.
pub(crate) fn is_too_long(promql: &str, error: &RequestError) -> bool {
    let may_be = matches!(error.failure, Failure::Status { status: 400 | 413 | 414 | 422, .. });
    says_too_long(error) || may_be && promql.len() > LONG
}

/// The same expression with names for repeated quoted texts; `None` if none is repeated.
pub(crate) fn abbreviated(promql: &str) -> Option<String> {
    let pieces = pieces(promql);
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    let long = |piece: &&str| piece.starts_with('"') && piece.len() >= MIN_BYTES;
    pieces.iter().copied().filter(long).for_each(|piece| *times.entry(piece).or_default() += 1);
    let repeated: Vec<&str> = times.into_iter().filter(|(_, times)| *times > 1).map(|(piece, _)| piece).collect();
    if repeated.is_empty() {
        return None;
    }
    let name = |i: usize| format!("repeated_{i}");
    let names: Vec<String> = repeated.iter().enumerate().map(|(i, text)| format!("{} = {text}", name(i))).collect();
    let short = pieces.iter().map(|piece| repeated.binary_search(piece).map_or_else(|_| (*piece).to_owned(), name));
    Some(format!("WITH ({}) {}", names.join(", "), short.collect::<String>()))
}

/// Quoted texts, quotes included, and the pieces between them.
fn pieces(promql: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (i, byte) in promql.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => {
                let end = if is_quoted { i + 1 } else { i };
                pieces.push(&promql[start..end]);
                (start, is_quoted) = (end, !is_quoted);
            }
            _ => {}
        }
    }
    pieces.push(&promql[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_gets_a_name_and_all_else_stays() {
        let names = format!(r#""{}\"|b""#, "a|".repeat(40));
        let promql = format!(r#"x{{pod=~{names},y="1"}} / z{{pod=~{names},y="1"}}"#);
        let short = format!(r#"WITH (repeated_0 = {names}) x{{pod=~repeated_0,y="1"}} / z{{pod=~repeated_0,y="1"}}"#);
        assert_eq!(abbreviated(&promql), Some(short));
        assert_eq!(abbreviated(&format!("x{{pod=~{names}}}")), None, "once is no repetition");
        assert_eq!(abbreviated(r#"x{a="b"} / y{a="b"}"#), None, "nor is what is short");
    }
}
