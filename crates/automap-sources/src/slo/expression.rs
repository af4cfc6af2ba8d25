//! The structure of a PromQL expression: which series it reads, and how they are processed.
//!
//! The expressions in files come from others, and some have to be rewritten: the increase of a sum is the sum of increases. That needs the positions
//! of selectors and functions, not their meaning. The server checks types and function names.

use std::ops::Range;

use super::lexer::{Token, TokenKind, tokens};

/// Longest expression that is parsed, in bytes.
const MAX_BYTES: usize = 16 << 10;
/// Deepest nesting.
const MAX_DEPTH: usize = 48;

const AGGREGATIONS: [&str; 14] = [
    "sum",
    "min",
    "max",
    "avg",
    "group",
    "stddev",
    "stdvar",
    "count",
    "count_values",
    "bottomk",
    "topk",
    "quantile",
    "limitk",
    "limit_ratio",
];
/// Operators by precedence.
const OPERATORS: [&[&str]; 6] =
    [&["or"], &["and", "unless"], &["==", "!=", "<", ">", "<=", ">="], &["+", "-"], &["*", "/", "%", "atan2"], &["^"]];

/// A part of an expression and its position.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// The kind of a part.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A number.
    Number(f64),
    /// A string.
    Text,
    /// Series, at one time or over a range.
    Selector(Selector),
    /// A range over another expression: `(…)[5m:]`.
    Subquery(Box<Node>),
    /// A function. `name` is the position of its name.
    Call { function: String, name: Range<usize>, arguments: Vec<Node> },
    /// An aggregation over series.
    Aggregate { operator: String, arguments: Vec<Node> },
    /// Two parts and an operator; `is_matched` if `on`, `ignoring` or a group says which series belong together.
    Binary { operator: String, is_matched: bool, sides: Box<[Node; 2]> },
    /// The negative of a part.
    Negative(Box<Node>),
}

/// A metric and its matchers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Selector {
    /// The metric; empty if it is not written in front.
    pub(super) metric: String,
    pub(super) matchers: Vec<Matcher>,
    /// Metric and matchers, without range and offset.
    pub(super) body: Range<usize>,
    /// The content of the range's brackets.
    pub(super) range: Option<Range<usize>>,
}

/// A condition on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matcher {
    pub(super) label: String,
    pub(super) operator: String,
    /// The value as written, quotes included.
    pub(super) value: String,
    /// Position of operator and value.
    pub(super) span: Range<usize>,
}

impl Node {
    /// All selectors, from left to right.
    pub(super) fn selectors(&self) -> Vec<&Selector> {
        let mut found = Vec::new();
        self.visit(&mut |node| {
            if let Kind::Selector(selector) = &node.kind {
                found.push(selector);
            }
        });
        found
    }

    /// Calls `see` for this part and all parts inside it.
    pub(super) fn visit<'a>(&'a self, see: &mut dyn FnMut(&'a Node)) {
        see(self);
        match &self.kind {
            Kind::Subquery(of) | Kind::Negative(of) => of.visit(see),
            Kind::Call { arguments, .. } | Kind::Aggregate { arguments, .. } => {
                arguments.iter().for_each(|a| a.visit(see));
            }
            Kind::Binary { sides, .. } => sides.iter().for_each(|s| s.visit(see)),
            Kind::Number(_) | Kind::Text | Kind::Selector(_) => {}
        }
    }
}

/// Parses an expression.
///
/// # Errors
/// Where it cannot be parsed, and why.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("an expression of {} bytes is longer than {MAX_BYTES}", text.len()));
    }
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0 };
    let node = parser.binary(0)?;
    match parser.tokens.get(parser.at) {
        Some(token) => Err(parser.unexpected(Some(&token.clone()))),
        None => Ok(node),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(|t| &self.text[t.span.clone()])
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned().ok_or_else(|| self.unexpected(None))?;
        self.at += 1;
        Ok(token)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_next = self.peek() == Some(sign);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, sign: &str) -> Result<Range<usize>, String> {
        let token = self.next()?;
        if &self.text[token.span.clone()] == sign { Ok(token.span) } else { Err(self.unexpected(Some(&token))) }
    }

    fn unexpected(&self, token: Option<&Token>) -> String {
        match token {
            Some(token) => {
                let column = self.text[..token.span.start].chars().count() + 1;
                format!("'{}' is not expected at character {column}", &self.text[token.span.clone()])
            }
            None => "it ends too early".to_owned(),
        }
    }

    fn word(&self, of: &Token) -> String {
        self.text[of.span.clone()].to_owned()
    }

    fn end(&self) -> usize {
        self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(0, |t| t.span.end)
    }

    fn binary(&mut self, level: usize) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH * OPERATORS.len() {
            return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
        }
        let node = self.operations(level);
        self.depth -= 1;
        node
    }

    fn operations(&mut self, level: usize) -> Result<Node, String> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.peek().map(str::to_ascii_lowercase).filter(|o| operators.contains(&o.as_str()))
        {
            self.at += 1;
            self.takes("bool");
            let is_matched = self.matching()?;
            let right = self.binary(level + 1)?;
            let span = left.span.start..right.span.end;
            left = Node { kind: Kind::Binary { operator, is_matched, sides: Box::new([left, right]) }, span };
        }
        Ok(left)
    }

    /// `on (…) group_left (…)`.
    fn matching(&mut self) -> Result<bool, String> {
        let mut is_matched = false;
        while self.peek().is_some_and(|w| ["on", "ignoring", "group_left", "group_right"].contains(&w)) {
            is_matched = true;
            self.at += 1;
            if self.peek() == Some("(") {
                self.labels()?;
            }
        }
        Ok(is_matched)
    }

    /// `(a, b)`.
    fn labels(&mut self) -> Result<(), String> {
        self.expect("(")?;
        while !self.takes(")") {
            self.next()?;
        }
        Ok(())
    }

    fn unary(&mut self) -> Result<Node, String> {
        let start = self.tokens.get(self.at).map_or(0, |t| t.span.start);
        if self.takes("-") {
            let of = self.binary(OPERATORS.len() - 1)?;
            let span = start..of.span.end;
            return Ok(Node { kind: Kind::Negative(Box::new(of)), span });
        }
        self.takes("+");
        let node = self.primary()?;
        self.with_range(node)
    }

    /// `[5m]`, `[5m:1m]`, `offset 1h`, `@ end()` after an expression.
    fn with_range(&mut self, mut node: Node) -> Result<Node, String> {
        loop {
            if self.takes("[") {
                let first = self.at;
                while self.peek().is_some_and(|t| t != "]") {
                    self.at += 1;
                }
                let inside = self.tokens.get(first).map_or(0, |t| t.span.start)..self.end();
                let is_subquery = self.tokens[first..self.at].iter().any(|t| self.text[t.span.clone()].contains(':'));
                let span = node.span.start..self.expect("]")?.end;
                node = match node.kind {
                    Kind::Selector(selector) if !is_subquery && selector.range.is_none() => {
                        Node { kind: Kind::Selector(Selector { range: Some(inside), ..selector }), span }
                    }
                    kind => Node { kind: Kind::Subquery(Box::new(Node { kind, span: node.span })), span },
                };
            } else if self.takes("offset") {
                self.takes("-");
                node.span.end = self.next()?.span.end;
            } else if self.takes("@") {
                node.span.end = self.next()?.span.end;
                if self.takes("(") {
                    node.span.end = self.expect(")")?.end;
                }
            } else {
                return Ok(node);
            }
        }
    }

    fn primary(&mut self) -> Result<Node, String> {
        let token = self.next()?;
        let text = self.word(&token);
        let start = token.span.start;
        match token.kind {
            TokenKind::Number => Ok(Node { kind: Kind::Number(text.parse().unwrap_or(f64::NAN)), span: token.span }),
            TokenKind::Quoted => Ok(Node { kind: Kind::Text, span: token.span }),
            TokenKind::Sign if text == "(" => {
                let inside = self.binary(0)?;
                let end = self.expect(")")?.end;
                Ok(Node { span: start..end, ..inside })
            }
            TokenKind::Sign if text == "{" => self.selector(String::new(), start),
            TokenKind::Sign => Err(self.unexpected(Some(&token))),
            TokenKind::Word => self.named(text, token.span),
        }
    }

    /// A function, an aggregation, or a metric.
    fn named(&mut self, text: String, name: Range<usize>) -> Result<Node, String> {
        let start = name.start;
        let lower = text.to_ascii_lowercase();
        let is_grouped = matches!(self.peek(), Some("by" | "without"));
        if AGGREGATIONS.contains(&lower.as_str()) && (is_grouped || self.peek() == Some("(")) {
            if is_grouped {
                self.at += 1;
                self.labels()?;
            }
            let arguments = self.arguments()?;
            if matches!(self.peek(), Some("by" | "without")) {
                self.at += 1;
                self.labels()?;
            }
            return Ok(Node { kind: Kind::Aggregate { operator: lower, arguments }, span: start..self.end() });
        }
        if self.peek() == Some("(") {
            let arguments = self.arguments()?;
            return Ok(Node { kind: Kind::Call { function: text, name, arguments }, span: start..self.end() });
        }
        if ["inf", "nan"].contains(&lower.as_str()) {
            return Ok(Node { kind: Kind::Number(f64::NAN), span: name });
        }
        if self.takes("{") {
            return self.selector(text, start);
        }
        let selector = Selector { metric: text, matchers: Vec::new(), body: name.clone(), range: None };
        Ok(Node { kind: Kind::Selector(selector), span: name })
    }

    fn arguments(&mut self) -> Result<Vec<Node>, String> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.takes(")") {
            arguments.push(self.binary(0)?);
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(arguments)
    }

    /// The matchers after `{`.
    fn selector(&mut self, metric: String, start: usize) -> Result<Node, String> {
        let mut matchers = Vec::new();
        while !self.takes("}") {
            let label = self.next()?;
            let label_text = self.word(&label);
            if matches!(self.peek(), Some("," | "}")) {
                // A metric name that needs quotes is among the matchers.
                let (value, span) = (label_text, label.span);
                matchers.push(Matcher { label: "__name__".to_owned(), operator: "=".to_owned(), value, span });
            } else {
                let operator = self.next()?;
                let value = self.next()?;
                if value.kind != TokenKind::Quoted {
                    return Err(self.unexpected(Some(&value)));
                }
                let span = operator.span.start..value.span.end;
                let (operator, value) = (self.word(&operator), self.word(&value));
                matchers.push(Matcher { label: label_text, operator, value, span });
            }
            self.takes(",");
        }
        let body = start..self.end();
        Ok(Node { kind: Kind::Selector(Selector { metric, matchers, body: body.clone(), range: None }), span: body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(text: &str) -> Vec<(&str, Option<&str>)> {
        let node = parse(text).unwrap();
        let selectors = node.selectors();
        selectors.iter().map(|s| (&text[s.body.clone()], s.range.clone().map(|r| &text[r]))).collect()
    }

    #[test]
    fn selectors_are_found_wherever_they_stand() {
        let text = r#"sum by (a, b) (rate(x{c="d)",e!~'f'}[5m] offset 1h)) / on (a) group_left (g) sum(y) without (a) or -vector(0)"#;
        assert_eq!(bodies(text), [(r#"x{c="d)",e!~'f'}"#, Some("5m")), ("y", None)]);
        assert_eq!(bodies(r#"{"http.requests", code="5"}"#), [(r#"{"http.requests", code="5"}"#, None)]);
        assert_eq!(bodies("max_over_time(sum(x)[$WINDOW:1m] @ end())"), [("x", None)]);
        assert_eq!(bodies("sum({__name__=~\"a|b\"})"), [("{__name__=~\"a|b\"}", None)]);
    }

    #[test]
    fn operators_bind_as_in_promql() {
        let Kind::Binary { operator, sides, .. } = parse("1 - a / b").unwrap().kind else { unreachable!() };
        assert_eq!(operator, "-");
        assert!(matches!(&sides[1].kind, Kind::Binary { operator, .. } if operator == "/"));
        let Kind::Binary { operator, .. } = parse("a > bool 0 or b").unwrap().kind else { unreachable!() };
        assert_eq!(operator, "or");
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in ["", "sum(x", "x{a}b", "x y", "rate(x[5m)", "x{a=b}", ")", &"(".repeat(10_000)] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
