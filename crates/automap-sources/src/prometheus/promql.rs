//! Expressions from templates. Names from outside enter through [`quote`] and nowhere else.

use std::fmt::Write as _;

/// What the placeholders of a template stand for.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    /// `$NS`.
    pub(crate) namespace: String,
    /// `$RATE`, in milliseconds; `$RATE_S` is the same as a plain number of seconds.
    pub(crate) rate_ms: i64,
    /// `$SPAN`: the whole window, in milliseconds.
    pub(crate) span_ms: i64,
}

/// `$Q`: the quantile of `latency_p95_ms`.
const QUANTILE: &str = "0.95";

/// Pieces that many expressions share. They may hold placeholders themselves, but only of later rows.
const FRAGMENTS: [(&str, &str); 7] = [
    ("SERVER", r#"reporter="destination",destination_workload_namespace=$NS"#),
    ("CLIENT", r#"reporter="source",source_workload_namespace=$NS"#),
    ("CALL", "source_workload,destination_workload,destination_workload_namespace,destination_service_name"),
    ("APP", r#"namespace=$NS,container!="",container!="POD",container!~"$PROXIES""#),
    ("PROXIES", "istio-proxy|linkerd-proxy"),
    // No response at all counts as failed, too.
    ("HTTP_FAILED", r#"response_code=~"5..|0""#),
    // gRPC answers 200 and fails in a header: unknown, deadline, exhausted, unimplemented, internal, unavailable, loss.
    ("GRPC_FAILED", r#"grpc_response_status=~"2|4|8|12|13|14|15""#),
];

/// Fills a template in one pass: what a value holds is never looked at again.
pub(crate) fn fill(template: &str, values: &Values) -> String {
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        let end = after.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(after.len());
        let (name, tail) = after.split_at(end);
        out.push_str(before);
        out.push_str(&expand(name, values));
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn expand(name: &str, values: &Values) -> String {
    match name {
        "NS" => quote(&values.namespace),
        "RATE" => duration(values.rate_ms),
        "RATE_S" => (values.rate_ms as f64 / 1e3).to_string(),
        "SPAN" => duration(values.span_ms),
        "Q" => QUANTILE.to_owned(),
        _ => match FRAGMENTS.iter().find(|(known, _)| *known == name) {
            Some((_, fragment)) => fill(fragment, values),
            None => format!("${name}"),
        },
    }
}

/// A text as PromQL string literal, quotes included.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            // Writing to a String cannot fail.
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A duration as PromQL writes it.
pub(crate) fn duration(ms: i64) -> String {
    if ms % 1000 == 0 { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

/// Several vectors in one answer, told apart by the label [`PART`].
pub(crate) fn join(parts: &[String]) -> String {
    match parts {
        [one] => one.clone(),
        several => {
            let marked =
                several.iter().enumerate().map(|(i, e)| format!(r#"label_replace({e}, "{PART}", "{i}", "", "")"#));
            marked.collect::<Vec<_>>().join(" or ")
        }
    }
}

/// The label that tells the vectors of one answer apart.
pub(crate) const PART: &str = "part";

#[cfg(test)]
mod tests {
    use super::*;

    fn values(namespace: &str) -> Values {
        Values { namespace: namespace.into(), rate_ms: 60_000, span_ms: 1500 }
    }

    #[test]
    fn placeholders_are_filled_once() {
        let filled = fill("rate(x{$SERVER}[$RATE]) $SPAN $Q $NOPE", &values("a$RATE"));
        let expected =
            r#"rate(x{reporter="destination",destination_workload_namespace="a$RATE"}[60s]) 1500ms 0.95 $NOPE"#;
        assert_eq!(filled, expected);
    }

    #[test]
    fn no_name_can_leave_its_literal() {
        for (name, literal) in [
            ("sock-shop", r#""sock-shop""#),
            (r#"x"} or vector(1) or up{a=""#, r#""x\"} or vector(1) or up{a=\"""#),
            (r"a\", r#""a\\""#),
            (r#"\""#, r#""\\\"""#),
            ("a\nb\tc\u{0}", r#""a\nb\u0009c\u0000""#),
            (".*|[a-z]+(x)?^$", r#"".*|[a-z]+(x)?^$""#),
        ] {
            assert_eq!(quote(name), literal);
            assert_eq!(unquote(literal), name, "{literal}");
        }
    }

    /// The inverse, by the grammar: fails when the literal ends early.
    fn unquote(literal: &str) -> String {
        let inner = literal.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        let mut out = String::new();
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            assert_ne!(c, '"', "the literal ends early: {literal}");
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next().unwrap() {
                'n' => out.push('\n'),
                'u' => {
                    let hex: String = chars.by_ref().take(4).collect();
                    out.push(char::from_u32(u32::from_str_radix(&hex, 16).unwrap()).unwrap());
                }
                escaped => out.push(escaped),
            }
        }
        out
    }
}
