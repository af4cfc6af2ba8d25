//! Splits a PromQL expression into tokens, just enough to find its selectors and functions: `expression.rs` interprets them, and the server checks
//! the expression.

use std::ops::Range;

/// A token of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// Its position, in bytes.
    pub(super) span: Range<usize>,
}

/// The form of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or a keyword; recording rules have colons.
    Word,
    /// A number, a duration, or the placeholder `$WINDOW`.
    Number,
    /// A string, quotes included.
    Quoted,
    /// An operator or a bracket.
    Sign,
}

/// The tokens of an expression without comments.
///
/// # Errors
/// The text that is not a token.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = match first {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '#' => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            '"' | '\'' | '`' => {
                (TokenKind::Quoted, quoted(rest, first).ok_or_else(|| format!("the text {rest} has no end"))?)
            }
            c if c.is_ascii_alphabetic() || c == '_' || c == ':' => (TokenKind::Word, word(rest)),
            '$' => (TokenKind::Number, 1 + word(&rest[1..])),
            c if c.is_ascii_digit() => (TokenKind::Number, number(rest)),
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => (TokenKind::Number, number(rest)),
            _ => (TokenKind::Sign, sign(rest).ok_or_else(|| format!("'{first}' is not expected"))?),
        };
        tokens.push(Token { kind, span: at..at + length });
        at += length;
    }
    Ok(tokens)
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len())
}

/// `5m`, `0.5`, `1e-3`, `0x1f`.
fn number(rest: &str) -> usize {
    let length = |of: &str| of.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_').unwrap_or(of.len());
    let end = length(rest);
    let is_exponent = rest[..end]
        .strip_suffix(['e', 'E'])
        .is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit() || c == '.'));
    match rest[end..].strip_prefix(['+', '-']) {
        Some(exponent) if is_exponent && exponent.starts_with(|c: char| c.is_ascii_digit()) => {
            end + 1 + length(exponent)
        }
        _ => end,
    }
}

fn sign(rest: &str) -> Option<usize> {
    let double = ["==", "!=", "=~", "!~", ">=", "<="].iter().any(|sign| rest.starts_with(sign));
    if double {
        return Some(2);
    }
    rest.starts_with(|c: char| "(){}[],=<>+-*/%^@:".contains(c)).then_some(1)
}

/// The length of a string with its quotes; backquoted strings have no escapes.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' && quote != '`' {
            is_escaped = true;
        } else if c == quote {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_found() {
        let text = "sum(x:y{a=~\"b\\\"}\", c!='d'}[$WINDOW]) # sum\n / 1e-3 >= .5";
        let pieces: Vec<&str> = tokens(text).unwrap().iter().map(|t| &text[t.span.clone()]).collect();
        let expected = [
            "sum",
            "(",
            "x:y",
            "{",
            "a",
            "=~",
            "\"b\\\"}\"",
            ",",
            "c",
            "!=",
            "'d'",
            "}",
            "[",
            "$WINDOW",
            "]",
            ")",
            "/",
            "1e-3",
            ">=",
            ".5",
        ];
        assert_eq!(pieces, expected);
        assert!(tokens("x{a=\"b}").is_err() && tokens("x ; y").is_err());
    }
}
