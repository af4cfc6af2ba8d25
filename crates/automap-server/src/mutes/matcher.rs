//! One matcher of a silence, with bounds on what is compiled for it. Its pattern comes from outside, and a pattern of a few bytes can compile to
//! megabytes: one that is too large is not compiled, and its silence mutes nothing.

use automap_core::text::shown;
use regex::{Error, Regex, RegexBuilder};
use serde::Deserialize;

/// Longest name and longest value of a matcher.
const MAX_TEXT_BYTES: usize = 1000;
/// Longest name and longest value in a listing.
const MAX_SHOWN_CHARS: usize = 200;
/// Largest compiled pattern: four `\w` fit, each of which stands for all letters of all languages.
const MAX_PATTERN_BYTES: usize = 256 << 10;
/// What a compiled pattern counts as: the smallest of these sizes that it fits.
const SIZES_BYTES: [usize; 5] = [2 << 10, 8 << 10, 32 << 10, 64 << 10, MAX_PATTERN_BYTES];
/// Most that the compiled patterns of one Alertmanager count together: 2,048 of the usual kind, such as `carts.*`.
const MAX_COMPILED_BYTES: usize = 4 << 20;

/// A condition on one label.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    pub(super) name: String,
    value: String,
    /// Set if `value` is a regular expression.
    regex: Option<Regex>,
    is_equal: bool,
}

/// The same as an Alertmanager sends it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnswerMatcher {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

const fn yes() -> bool {
    true
}

/// What may still be compiled for one Alertmanager.
#[derive(Debug)]
pub(super) struct Budget {
    left_bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left_bytes: MAX_COMPILED_BYTES }
    }
}

impl Budget {
    /// The pattern compiled to match whole values, or why it is not.
    fn compile(&mut self, pattern: &str) -> Result<Regex, String> {
        let anchored = format!("^(?:{pattern})$");
        for size in SIZES_BYTES {
            if size > self.left_bytes {
                return Err(format!("all patterns together compile to more than {} MiB", MAX_COMPILED_BYTES >> 20));
            }
            match RegexBuilder::new(&anchored).size_limit(size).build() {
                Ok(regex) => {
                    self.left_bytes -= size;
                    return Ok(regex);
                }
                Err(Error::CompiledTooBig(_)) => {}
                Err(_) => return Err("a pattern is no regular expression that automap understands".to_owned()),
            }
        }
        Err(format!("a pattern compiles to more than {} KiB", MAX_PATTERN_BYTES >> 10))
    }
}

impl Matcher {
    /// A matcher ready to use, or why it cannot be used.
    pub(super) fn new(answer: AnswerMatcher, budget: &mut Budget) -> Result<Self, String> {
        let AnswerMatcher { name, value, is_regex, is_equal } = answer;
        if name.len().max(value.len()) > MAX_TEXT_BYTES {
            return Err(format!("a matcher is longer than {MAX_TEXT_BYTES} bytes"));
        }
        let regex = is_regex.then(|| budget.compile(&value)).transpose()?;
        Ok(Self { name, value, regex, is_equal })
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        let is_match = self.regex.as_ref().map_or(self.value == value, |regex| regex.is_match(value));
        is_match == self.is_equal
    }

    /// As Alertmanager writes it: `service=~"carts.*"`.
    pub(super) fn words(&self) -> String {
        let sign = match (self.is_equal, self.regex.is_some()) {
            (true, false) => "=",
            (true, true) => "=~",
            (false, false) => "!=",
            (false, true) => "!~",
        };
        format!("{}{sign}{:?}", shown(&self.name, MAX_SHOWN_CHARS), shown(&self.value, MAX_SHOWN_CHARS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_compiled_as_far_as_it_is_small() {
        let compile = |pattern: &str| Budget::default().compile(pattern).map(|_| ());
        for usual in ["carts.*", "(carts|orders)-[0-9]+", r"\w+-\w+\.\w+", "(?i)node-.*", ".{30}"] {
            assert_eq!(compile(usual), Ok(()), "{usual}");
        }
        assert_eq!(compile(r"\w{14}"), Err("a pattern compiles to more than 256 KiB".to_owned()));
        assert_eq!(compile("("), Err("a pattern is no regular expression that automap understands".to_owned()));
        let mut budget = Budget::default();
        let compiled = (0..1000).filter(|_| budget.compile(r"\w").is_ok()).count();
        assert!((64..=128).contains(&compiled), "{compiled}: of 32 or 64 KiB each");
        assert!(budget.compile(r"\w").unwrap_err().starts_with("all patterns together"), "and the rest is left out");
    }
}
