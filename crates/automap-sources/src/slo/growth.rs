//! Rewrites the expressions of a file so that they count the events of a window.
//!
//! A counter belongs to one process and restarts with it; a sum of counters falls by what the process had counted, and `increase` takes the rest of
//! the sum for growth. So increases are computed for each series and then summed: `sum(x)` becomes `sum(increase(x[$WINDOW]))`, never
//! `increase(sum(x)[$WINDOW:])`. For an expression that cannot be rewritten the reason is kept, and its objective is unknown.

use std::ops::Range;

use super::expression::{Kind, Matcher, Node, Selector, parse};
use super::window_template::windowed;

/// An expression that counts events of `$WINDOW`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Growth {
    pub(super) expression: String,
    /// The series it reads, as named in the file but with every spelling of `le`.
    pub(super) selectors: Vec<String>,
    /// Their matchers.
    matchers: Vec<Vec<Matcher>>,
    /// Whether the expression itself defines its value if there is no series, as `… or vector(0)` does.
    has_default: bool,
}

/// The events that an expression counts in a window.
///
/// # Errors
/// Why it counts none, or why that is unknown.
pub(super) fn growth(query: &str) -> Result<Growth, String> {
    let (text, has_window) = windowed(query.trim())?;
    // Text put around the expression must not become part of a comment at its end.
    let text = if text.contains('#') { text + "\n" } else { text };
    let node = match parse(&text) {
        Ok(node) => node,
        // A dialect may have more than PromQL; if it has a window of its own, the server judges the expression.
        Err(_) if has_window => {
            return Ok(Growth { expression: text, selectors: Vec::new(), matchers: Vec::new(), has_default: true });
        }
        Err(reason) => return Err(format!("it cannot be read: {reason}")),
    };
    let mut edits = bound_spellings(&node, &text);
    let linear = check(&node);
    if has_window {
        sees_resets(&node)?;
        // The events of one second are too few for a rule that requires twenty.
        if linear.is_ok() {
            edits.extend(rates(&node).into_iter().map(|(name, _)| (name, "increase".to_owned())));
        }
    } else {
        linear?;
        for (name, range) in rates(&node) {
            edits.push((name, "increase".to_owned()));
            edits.push((range, "$WINDOW".to_owned()));
        }
        edits.extend(increases(&node));
    }
    let expression = apply(&text, edits);
    let is_summed = has_window || holds(&node, &|kind| matches!(kind, Kind::Aggregate { .. }));
    let selectors = node.selectors();
    Ok(Growth {
        expression: if is_summed { expression } else { format!("sum({expression})") },
        selectors: selectors.iter().map(|s| written(&s.metric, &s.matchers)).collect(),
        matchers: selectors.iter().map(|s| s.matchers.clone()).collect(),
        has_default: holds(&node, &|kind| matches!(kind, Kind::Call { function, .. } if function == "vector")),
    })
}

impl Growth {
    /// Selectors of which each must match some series; otherwise "no bad event" and a wrong name look the same.
    ///
    /// Bad events may have no series yet. If the file selects them by a label that all events share, the label has to exist: for
    /// `x{job="a",code=~"5.."}` of `x{job="a"}`, some series must match `x{job="a",code!=""}`.
    pub(super) fn seen_where_bad(&self, all: &Self) -> Vec<String> {
        if self.has_default {
            return Vec::new();
        }
        let is_shared = |m: &Matcher| all.matchers.iter().flatten().any(|other| other.is_like(m));
        let loose = |(selector, matchers): (&String, &Vec<Matcher>)| {
            let metric = &selector[..selector.find('{').unwrap_or(selector.len())];
            let keep = |m: &Matcher| {
                let is_empty = m.value.len() == 2;
                if is_shared(m) || is_empty || m.label == "__name__" {
                    return m.clone();
                }
                Matcher { operator: "!=".to_owned(), value: "\"\"".to_owned(), ..m.clone() }
            };
            written(metric, &matchers.iter().map(keep).collect::<Vec<_>>())
        };
        self.selectors.iter().zip(&self.matchers).map(loose).collect()
    }

    /// The selectors of good events, of which at least one must match: otherwise everything would seem bad.
    pub(super) fn seen_where_good(&self) -> &[String] {
        if self.has_default { &[] } else { &self.selectors }
    }
}

/// Whether an expression is one selector without range.
pub(super) fn is_selector(text: &str) -> bool {
    matches!(parse(text), Ok(Node { kind: Kind::Selector(Selector { range: None, .. }), .. }))
}

/// Whether every series of an expression is read over a range, as `rate(x[5m])` does.
pub(super) fn is_all_ranged(node: &Node) -> bool {
    let selectors = node.selectors();
    !selectors.is_empty() && selectors.iter().all(|s| s.range.is_some())
}

/// The expression with every spelling of bucket bounds.
pub(super) fn with_bound_spellings(node: &Node, text: &str) -> String {
    apply(text, bound_spellings(node, text))
}

/// Checks that the expression is a sum of counters, so that its increase is the sum of theirs.
fn check(node: &Node) -> Result<(), String> {
    match &node.kind {
        Kind::Selector(selector) if selector.metric.contains(':') => Err(format!(
            "{} is the result of a recording rule, not a counter: write the counters it is made of",
            selector.metric
        )),
        Kind::Selector(Selector { range: Some(_), .. }) => Err("a range is no number of events".to_owned()),
        Kind::Selector(_) => Ok(()),
        Kind::Negative(of) => check(of),
        Kind::Aggregate { operator, arguments } => match (operator.as_str(), arguments.as_slice()) {
            ("sum", [of]) => check(of),
            _ => Err(format!("{operator}(…) of counters is no number of events; sum(…) is")),
        },
        Kind::Call { function, arguments, .. } => match (function.as_str(), arguments.as_slice()) {
            ("rate" | "increase", [Node { kind: Kind::Selector(s), .. }]) if s.range.is_some() => {
                check(&Node { kind: Kind::Selector(Selector { range: None, ..s.clone() }), span: node.span.clone() })
            }
            ("vector", [Node { kind: Kind::Number(n), .. }]) if *n == 0.0 => Ok(()),
            ("label_replace" | "label_join" | "sort" | "sort_desc", [of, ..]) => check(of),
            ("rate" | "increase", [Node { kind: Kind::Subquery(_), .. }]) => Err(RESETS.to_owned()),
            _ => Err(format!("{function}(…) of counters is no number of events")),
        },
        Kind::Binary { operator, sides, .. } => match (operator.as_str(), &sides[0], &sides[1]) {
            ("+" | "-" | "or", left, right) => check(left).and_then(|()| check(right)),
            ("*", Node { kind: Kind::Number(_), .. }, of) | ("*" | "/", of, Node { kind: Kind::Number(_), .. }) => {
                check(of)
            }
            _ => Err(format!("'{operator}' between series gives no number of events")),
        },
        Kind::Subquery(_) => Err(RESETS.to_owned()),
        Kind::Number(_) | Kind::Text => Err("it counts no series".to_owned()),
    }
}

const RESETS: &str = "the increase of a sum takes the restart of one process for growth: write sum(increase(…)) instead of increase(sum(…))";

/// Checks an expression with a window of its own: it is kept, unless it takes the increase of a sum.
fn sees_resets(node: &Node) -> Result<(), String> {
    let mut is_wrong = false;
    node.visit(&mut |part| {
        if let Kind::Call { function, arguments, .. } = &part.kind
            && ["increase", "rate", "irate"].contains(&function.as_str())
            && let [Node { kind: Kind::Subquery(of), .. }] = arguments.as_slice()
        {
            is_wrong |= holds(of, &|kind| matches!(kind, Kind::Aggregate { .. })) && !is_all_ranged(of);
        }
    });
    if is_wrong { Err(RESETS.to_owned()) } else { Ok(()) }
}

fn holds(node: &Node, is_it: &dyn Fn(&Kind) -> bool) -> bool {
    let mut found = false;
    node.visit(&mut |part| found |= is_it(&part.kind));
    found
}

type Edits = Vec<(Range<usize>, String)>;

/// The positions of names and ranges of `rate(x[…])` and `increase(x[…])`.
fn rates(node: &Node) -> Vec<(Range<usize>, Range<usize>)> {
    let mut found = Vec::new();
    node.visit(&mut |part| {
        if let Kind::Call { function, name, arguments } = &part.kind
            && ["rate", "increase"].contains(&function.as_str())
            && let [Node { kind: Kind::Selector(Selector { range: Some(range), .. }), .. }] = arguments.as_slice()
        {
            found.push((name.clone(), range.clone()));
        }
    });
    found
}

/// `increase(…[$WINDOW])` around each counter that has no range.
fn increases(node: &Node) -> Edits {
    let mut edits = Vec::new();
    node.visit(&mut |part| {
        if let Kind::Selector(Selector { range: None, body, .. }) = &part.kind {
            edits.push((body.start..body.start, "increase(".to_owned()));
            edits.push((body.end..body.end, "[$WINDOW]".to_owned()));
            edits.push((part.span.end..part.span.end, ")".to_owned()));
        }
    });
    edits
}

/// `le="1"` matches `1` and `1.0`: which of them a server has depends on its version and on the exposing library.
fn bound_spellings(node: &Node, text: &str) -> Edits {
    let selectors = node.selectors();
    let edit = |m: &Matcher| {
        let pattern = bound_pattern(m)?;
        debug_assert_eq!(text[m.span.clone()].chars().next(), Some('='));
        Some((m.span.clone(), pattern))
    };
    selectors.iter().flat_map(|s| &s.matchers).filter_map(edit).collect()
}

/// Operator and value that match every spelling of a bucket's bound, if there are several: `=~"1|1[.]0"`.
fn bound_pattern(m: &Matcher) -> Option<String> {
    if m.label != "le" || m.operator != "=" {
        return None;
    }
    let patterns = spellings(m.value.trim_matches(['"', '\'', '`']));
    (patterns.len() > 1).then(|| format!("=~\"{}\"", patterns.join("|")))
}

/// The ways to write a bound, as patterns.
fn spellings(written: &str) -> Vec<String> {
    let Some(value) = written.parse::<f64>().ok().filter(|v| v.is_finite() && v.abs() < 1e15) else {
        return Vec::new();
    };
    let plain = value.to_string();
    let mut all = vec![written.to_owned(), plain.clone()];
    if value.fract() == 0.0 {
        all.push(format!("{plain}.0"));
    }
    if let Some((digits, power)) = format!("{value:e}").split_once('e')
        && let Ok(power) = power.parse::<i32>()
        && !(-4..6).contains(&power)
    {
        // In Go's format: 1e+06, 2.5e-05.
        all.push(format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs()));
    }
    let mut patterns: Vec<String> = all.iter().map(|t| t.replace('.', "[.]").replace('+', "[+]")).collect();
    patterns.sort();
    patterns.dedup();
    patterns
}

fn written(metric: &str, matchers: &[Matcher]) -> String {
    let condition = |m: &Matcher| bound_pattern(m).unwrap_or_else(|| format!("{}{}", m.operator, m.value));
    let one = |m: &Matcher| format!("{}{}", m.label, condition(m));
    let matchers: Vec<String> = matchers.iter().map(one).collect();
    if matchers.is_empty() { metric.to_owned() } else { format!("{metric}{{{}}}", matchers.join(",")) }
}

/// The text with pieces replaced; several at one position in the given order.
fn apply(text: &str, mut edits: Edits) -> String {
    edits.sort_by_key(|(at, _)| (at.start, at.end));
    let mut out = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for (at, with) in edits {
        out.push_str(&text[from.min(at.start)..at.start]);
        out.push_str(&with);
        from = at.end;
    }
    out.push_str(&text[from..]);
    out
}

impl Matcher {
    fn is_like(&self, other: &Self) -> bool {
        (&self.label, &self.operator, &self.value) == (&other.label, &other.operator, &other.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_increase_is_taken_of_each_counter() {
        for (query, expected) in [
            ("x_total", "sum(increase(x_total[$WINDOW]))"),
            (r#"sum(x{code=~"5.."})"#, r#"sum(increase(x{code=~"5.."}[$WINDOW]))"#),
            ("sum by (job) (x offset 5m)", "sum by (job) (increase(x[$WINDOW] offset 5m))"),
            ("sum(a) - sum(b) or vector(0)", "sum(increase(a[$WINDOW])) - sum(increase(b[$WINDOW])) or vector(0)"),
            ("sum(rate(x[5m])) * 100", "sum(increase(x[$WINDOW])) * 100"),
            ("sum(irate(x[{{ .window }}]))", "sum(irate(x[$WINDOW]))"),
            ("sum(rate(x[{{- .window -}}]))", "sum(increase(x[$WINDOW]))"),
            ("sum(count_over_time(up[$__range]))", "sum(count_over_time(up[$WINDOW]))"),
            (r#"x_bucket{le="1"}"#, r#"sum(increase(x_bucket{le=~"1|1[.]0"}[$WINDOW]))"#),
            ("x{a='b'} # all of them", "sum(increase(x{a='b'}[$WINDOW]) # all of them\n)"),
        ] {
            assert_eq!(growth(query).map(|g| g.expression).as_deref(), Ok(expected), "{query}");
        }
    }

    #[test]
    fn what_is_no_sum_of_counters_keeps_its_reason() {
        for (query, reason) in [
            ("count(x)", "count(…) of counters"),
            ("job:errors:rate5m", "the result of a recording rule"),
            ("sum(a) / sum(b)", "'/' between series"),
            ("increase(sum(x)[1h:])", "the increase of a sum"),
            ("increase((sum(x))[{{.window}}:])", "the increase of a sum"),
            ("histogram_quantile(0.9, x)", "histogram_quantile(…) of counters"),
            ("irate(x[5m])", "irate(…) of counters"),
            ("sum(x", "it cannot be read"),
            ("sum(rate(x[{{.period}}]))", "{{.period}}"),
        ] {
            let found = growth(query).unwrap_err();
            assert!(found.contains(reason), "{query}: {found}");
        }
    }

    #[test]
    fn a_label_that_picks_bad_events_has_to_exist() {
        let all = growth(r#"sum(x{job="a"})"#).unwrap();
        let bad = |query: &str| growth(query).unwrap().seen_where_bad(&all);
        assert_eq!(bad(r#"sum(x{job="a",code=~"5.."})"#), [r#"x{job="a",code!=""}"#]);
        assert_eq!(bad("sum(y)"), ["y"]);
        assert!(bad(r#"sum(x{code="500"}) or vector(0)"#).is_empty());
    }

    #[test]
    fn bounds_are_found_in_every_spelling() {
        assert_eq!(spellings("1"), ["1", "1[.]0"]);
        assert_eq!(spellings("1.0"), ["1", "1[.]0"]);
        assert_eq!(spellings("0.3"), ["0[.]3"]);
        assert_eq!(spellings("1e+06"), ["1000000", "1000000[.]0", "1e[+]06"]);
        assert_eq!(spellings("0.00001"), ["0[.]00001", "1e-05"]);
        assert!(spellings("+Inf").is_empty());
    }
}
