//! Makes indicators from the expressions of a file: two counts, a share, or a value and its threshold.

use super::expression::{Kind, Node, parse};
use super::growth::{Growth, growth, is_all_ranged, with_bound_spellings};
use super::window_template::windowed;
use super::{Events, Indicator, Part, Ratio};

/// Resolution at which an expression without a window is sampled, in milliseconds.
pub(super) const MINUTE_MS: i64 = 60_000;

/// Which events an expression counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    Bad,
    Good,
}

/// How time is budgeted, instead of events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slices {
    /// Length of a slice in milliseconds.
    pub(super) length_ms: i64,
    /// Share of good events from which a slice is good; `None`: a slice counts by its share.
    pub(super) target: Option<f64>,
}

/// An expression and the field that it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) key: &'a str,
    pub(super) query: &'a str,
}

impl Field<'_> {
    fn growth(&self) -> Result<Growth, String> {
        growth(self.query).map_err(|reason| self.reason(&reason))
    }

    fn reason(&self, reason: &str) -> String {
        format!("{}: {reason}", self.key)
    }
}

fn or_unknown(indicator: Result<Indicator, String>) -> Indicator {
    indicator.unwrap_or_else(|because| Indicator::Unknown { because })
}

/// Counts of part of the events and of all of them.
pub(super) fn events(share: Share, part: Field<'_>, all: Field<'_>) -> Indicator {
    let read = || Ok(Indicator::Events(counts(share, &part.growth()?, &all.growth()?)));
    or_unknown(read())
}

fn counts(share: Share, part: &Growth, all: &Growth) -> Events {
    let must_match = match share {
        Share::Bad => part.seen_where_bad(all).into_iter().map(|selector| vec![selector]).collect(),
        Share::Good => vec![part.seen_where_good().to_vec()],
    };
    let must_match = must_match.into_iter().filter(|one| !one.is_empty()).collect();
    let part = part.expression.clone();
    let part = if share == Share::Bad { Part::Bad(part) } else { Part::Good(part) };
    Events { part, all: all.expression.clone(), must_match }
}

/// A share of events that the file computes itself.
///
/// A quotient of two counts is split, so that each window counts its events: `rate(a[5m]) / rate(b[5m])`.
pub(super) fn ratio(share: Share, field: Field<'_>) -> Indicator {
    let read = || {
        let (text, has_window) = windowed(field.query.trim()).map_err(|reason| field.reason(&reason))?;
        let node = parse(&text);
        if let Ok(node) = &node
            && let Some(events) = quotient(share, node, &text)
        {
            return Ok(Indicator::Events(events));
        }
        let value = match &node {
            Ok(node) => with_bound_spellings(node, &text),
            Err(_) if has_window => text,
            Err(reason) => return Err(field.reason(&format!("it cannot be read: {reason}"))),
        };
        let value = if has_window { value } else { format!("avg_over_time(({value}\n)[$WINDOW:$STEP])") };
        let bad = if share == Share::Good { format!("1 - ({value})") } else { value };
        Ok(Indicator::Ratio(Ratio { bad, slice_ms: MINUTE_MS, must_match: Vec::new() }))
    };
    or_unknown(read())
}

/// The counts of `a / b` or `1 - a / b`, if every series is read over a range.
fn quotient(share: Share, node: &Node, text: &str) -> Option<Events> {
    let Kind::Binary { operator, is_matched: false, sides } = &node.kind else { return None };
    let [left, right] = &**sides;
    match (operator.as_str(), &left.kind) {
        ("-", Kind::Number(n)) if *n == 1.0 => {
            let other = if share == Share::Bad { Share::Good } else { Share::Bad };
            quotient(other, right, text)
        }
        ("/", _) if is_all_ranged(left) && is_all_ranged(right) => {
            let [part, all] = [left, right].map(|side| growth(&text[side.span.clone()]));
            Some(counts(share, &part.ok()?, &all.ok()?))
        }
        _ => None,
    }
}

/// Slices of time, each good or bad by its events. A slice without events is neither.
pub(super) fn in_slices(indicator: Indicator, slices: Slices) -> Indicator {
    let Indicator::Events(Events { part, all, must_match }) = indicator else { return indicator };
    let length = format!("{}s", slices.length_ms / 1000);
    let of_slice = |query: &str| query.replace("$WINDOW", &length);
    let all = of_slice(&all);
    let share = |part: &str| format!("(({} or {all} * 0) / ({all} > 0))", of_slice(part));
    let bad = match &part {
        Part::Bad(part) => share(part),
        Part::Good(part) => format!("(1 - {})", share(part)),
    };
    let bad = slices.target.map_or_else(|| bad.clone(), |target| format!("({bad} > bool {})", rounded(1.0 - target)));
    let bad = format!("avg_over_time({bad}[$WINDOW:$STEP])");
    Indicator::Ratio(Ratio { bad, slice_ms: slices.length_ms, must_match })
}

/// A value with a threshold: the share of time in which it was violated.
pub(super) fn threshold(field: Field<'_>, is_bad: &str, value: f64, slices: Option<Slices>) -> Indicator {
    let read = || {
        let (text, has_window) = windowed(field.query.trim()).map_err(|reason| field.reason(&reason))?;
        let node = parse(&text).map_err(|reason| field.reason(&format!("it cannot be read: {reason}")))?;
        let text = with_bound_spellings(&node, &text);
        let text = if has_window { text.replace("$WINDOW", "5m") } else { text };
        // The first comparison drops NaN, for which every other comparison would be false.
        let bad = format!("((({text}\n) >= -Inf) {is_bad} bool {value})");
        let slice_ms = slices.map_or(MINUTE_MS, |s| s.length_ms);
        let bad = match slices.and_then(|s| s.target) {
            Some(target) => {
                let length = slice_ms / 1000;
                format!("(avg_over_time({bad}[{length}s:60s]) > bool {})", rounded(1.0 - target))
            }
            None => bad,
        };
        Ok(Indicator::Ratio(Ratio {
            bad: format!("avg_over_time({bad}[$WINDOW:$STEP])"),
            slice_ms,
            must_match: Vec::new(),
        }))
    };
    or_unknown(read())
}

/// Without binary rounding errors: 1 − 0.99 is 0.01.
fn rounded(share: f64) -> f64 {
    (share * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Field<'_> {
        Field { key: "k", query }
    }

    #[test]
    fn a_quotient_of_rates_is_two_counts() {
        let Indicator::Events(events) = ratio(Share::Good, of("1 - (sum(rate(a[5m])) / sum(rate(b[5m])))")) else {
            unreachable!()
        };
        assert_eq!(events.part, Part::Bad("sum(increase(a[$WINDOW]))".into()));
        assert_eq!(events.all, "sum(increase(b[$WINDOW]))");
        for stored in ["ready / wanted", "job:errors:ratio5m", "max(sum(rate(a[5m])) / sum(rate(b[5m])))"] {
            let Indicator::Ratio(ratio) = ratio(Share::Bad, of(stored)) else { unreachable!("{stored}") };
            assert_eq!(ratio.bad, format!("avg_over_time(({stored}\n)[$WINDOW:$STEP])"));
        }
    }

    #[test]
    fn slices_are_good_or_bad() {
        let slices = Slices { length_ms: 300_000, target: Some(0.99) };
        let indicator = in_slices(events(Share::Good, of("sum(a)"), of("sum(b)")), slices);
        let Indicator::Ratio(ratio) = indicator else { unreachable!() };
        let expected = "avg_over_time(((1 - ((sum(increase(a[300s])) or sum(increase(b[300s])) * 0) / \
                        (sum(increase(b[300s])) > 0))) > bool 0.01)[$WINDOW:$STEP])";
        assert_eq!((ratio.bad.as_str(), ratio.slice_ms), (expected, 300_000));
    }

    #[test]
    fn an_expression_that_counts_nothing_makes_its_objective_unknown() {
        let indicator = events(Share::Bad, of("count(x)"), of("sum(x)"));
        assert!(matches!(indicator, Indicator::Unknown { because } if because.starts_with("k: count(…)")));
    }
}
