//! Reads lines of bounded length. A line that is too long is read to its end and discarded, so that the next line is read from its start.

use std::io::{self, BufRead};

/// Longest line in bytes.
pub(super) const MAX_LINE: usize = 1 << 20;

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, in the buffer, without its newline.
    Text,
    /// A line that was discarded.
    TooLong,
    /// The end of the input.
    End,
}

/// Reads the next line into the buffer.
pub(super) fn next(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let mut too_long = false;
    let mut any = false;
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if chunk.is_empty() {
            return Ok(if too_long {
                Line::TooLong
            } else if any {
                Line::Text
            } else {
                Line::End
            });
        }
        any = true;
        let end = chunk.iter().position(|b| *b == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        too_long |= line.len() + part.len() > MAX_LINE;
        if !too_long {
            line.extend_from_slice(part);
        }
        let used = end.map_or(chunk.len(), |e| e + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(if too_long { Line::TooLong } else { Line::Text });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn a_line_that_is_too_long_does_not_hide_the_next() {
        let text = format!("a\n{}\nb\nc", "x".repeat(MAX_LINE + 1));
        let mut input = BufReader::with_capacity(7, text.as_bytes());
        let mut line = Vec::new();
        let mut read = || (next(&mut input, &mut line).unwrap(), String::from_utf8(line.clone()).unwrap());
        assert_eq!(read(), (Line::Text, "a".into()));
        assert_eq!(read().0, Line::TooLong);
        assert_eq!(read(), (Line::Text, "b".into()));
        assert_eq!(read(), (Line::Text, "c".into()), "the last line needs no newline");
        assert_eq!(read().0, Line::End);
    }
}
