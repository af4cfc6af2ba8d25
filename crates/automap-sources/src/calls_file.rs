//! Calls between services that a user declares, read from a file of pairs `caller,callee`, one per line, or from a JSON list of pairs, and added to
//! the observed ones.
//!
//! Empty lines and lines that begin with `#` are skipped. Not supported: weights and protocols; all calls count equally.

use std::collections::BTreeSet;
use std::path::Path;

use automap_core::note::Note;
use automap_core::observation::Observation;
use automap_core::text::shown;

use crate::bounded;

/// Largest file that is read.
pub const MAX_FILE_BYTES: u64 = 16 << 20;
/// Most calls: a thousand services that call a hundred others each.
pub const MAX_CALLS: usize = 100_000;
/// Longest piece of a line in a message, in characters.
const MAX_SHOWN_CHARS: usize = 60;

/// Why a file of calls cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct CallsError {
    /// The file.
    pub file: String,
    /// What is wrong, and where.
    pub problem: String,
}

/// Reads pairs `(caller, callee)` in the order of the file.
///
/// # Errors
/// [`CallsError`] when the file cannot be read, is too large, holds no call, or a line is not a pair.
pub fn read(path: &Path) -> Result<Vec<(String, String)>, CallsError> {
    let fail = |problem: String| CallsError { file: path.display().to_string(), problem };
    let text = bounded::read_text_file(path, MAX_FILE_BYTES).map_err(|e| fail(e.reason.to_string()))?;
    parse(&text).map_err(fail)
}

/// Adds calls that a user declares to an observation; a service among them without metrics becomes a note.
pub fn assert_calls(observation: &mut Observation, asserted: &[(String, String)]) {
    if asserted.is_empty() {
        return;
    }
    asserted.iter().for_each(|(caller, callee)| observation.calls.assert_call(caller, callee));
    observation.not_checked.retain(|n| n.signal != "calls");
    let named: BTreeSet<&str> = asserted.iter().flat_map(|(from, to)| [from.as_str(), to.as_str()]).collect();
    let unknown: Vec<&str> = named.into_iter().filter(|name| observation.frame.find(name).is_none()).collect();
    if !unknown.is_empty() {
        let text = format!("--calls names services without metrics: {}", unknown.join(", "));
        observation.notes.push(Note::warning("calls_without_metrics", text));
    }
}

/// The services that the calls name, each once, in order.
pub fn services_of(calls: &[(String, String)]) -> Vec<String> {
    let named: BTreeSet<&String> = calls.iter().flat_map(|(from, to)| [from, to]).collect();
    named.into_iter().cloned().collect()
}

fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let calls = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|e| format!("{e}; write [[\"caller\", \"callee\"], …]"))?
    } else {
        let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
        let given = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        given.map(pair).collect::<Result<Vec<_>, String>>()?
    };
    match calls.len() {
        0 => Err("no call in it; write caller,callee, one pair a line".to_owned()),
        n if n > MAX_CALLS => Err(format!("{n} calls, at most {MAX_CALLS} are possible")),
        _ => Ok(calls),
    }
}

fn pair((line, text): (usize, &str)) -> Result<(String, String), String> {
    let ends = text.split_once("->").or_else(|| text.split_once('→')).or_else(|| text.split_once(','));
    let ends = ends.map(|(from, to)| (from.trim().to_owned(), to.trim().to_owned()));
    let is_pair = |(from, to): &(String, String)| !from.is_empty() && !to.is_empty() && !to.contains(',');
    ends.filter(is_pair)
        .ok_or_else(|| format!("line {line}: '{}' is not a call; write caller,callee", shown(text, MAX_SHOWN_CHARS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_call() {
        let want = [("front-end".to_owned(), "orders".to_owned()), ("orders".to_owned(), "payment".to_owned())];
        for text in [
            "front-end,orders\norders, payment\n",
            "# calls\n\nfront-end -> orders\n  orders → payment",
            r#" [["front-end", "orders"], ["orders", "payment"]]"#,
        ] {
            assert_eq!(parse(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn nonsense_is_named_with_its_line() {
        for (text, words) in [
            ("", "no call in it"),
            ("a,b\nfront-end orders", "line 2: 'front-end orders' is not a call"),
            ("a,b,c", "line 1"),
            ("a,", "line 1"),
            (r#"[["a"]]"#, "write [["),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
