//! The texts of a map about a service or an edge, in one place, so that the terminal, the drawings and the files agree.
//!
//! Everything is one line of printable text; escaping for a format is left to its writer.

use automap_core::service_map::MetricType;
use automap_core::service_map::{EdgeChange, EdgeMetric, Influence, MapEdge, MapKind, MapNode, NodeRole, ServiceMap};
use automap_core::text::is_hidden;

/// One line of printable text: characters that break a line, are not allowed in XML, are hidden, or change the reading direction become spaces.
pub(crate) fn line(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect()
}

/// At most `max` characters of one line; the last one is `…` if something is missing.
pub(crate) fn shorten(text: &str, max: usize) -> String {
    let text = line(text);
    if text.chars().count() <= max {
        return text;
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    kept.trim_end().to_owned() + "…"
}

/// Whether the incident touches the service.
pub(crate) fn is_affected(role: NodeRole) -> bool {
    matches!(role, NodeRole::Cause | NodeRole::Candidate | NodeRole::Victim)
}

/// The role of a service, in a word or two; nothing for a service that stayed normal.
pub(crate) fn role(node: &MapNode) -> Option<String> {
    let confidence = node.confidence.filter(|c| c.is_finite()).map_or_else(String::new, |c| format!(" · {c:.2}"));
    match node.role {
        NodeRole::Cause => Some(format!("CAUSE{confidence}")),
        NodeRole::Candidate => {
            let rank = node.rank.map_or_else(String::new, |r| format!(" {r}"));
            Some(format!("candidate{rank}{confidence}"))
        }
        NodeRole::Victim => Some("victim".to_owned()),
        NodeRole::Unobserved => Some("not observed".to_owned()),
        NodeRole::Normal => None,
    }
}

/// Everything known about a service, in one sentence for a tooltip and a screen reader.
pub(crate) fn describe(node: &MapNode) -> String {
    let mut parts = vec![line(&node.service)];
    parts.push(role(node).unwrap_or_else(|| "stayed normal".to_owned()));
    if node.role != NodeRole::Candidate {
        parts.extend(node.rank.map(|r| format!("rank {r}")));
    }
    parts.extend(node.class.map(|c| format!("class {c}")));
    parts.extend(node.is_entry.then(|| "not called by any service here".to_owned()));
    parts.extend(node.summary.as_deref().map(line));
    parts.extend(node.onset.map(|t| format!("since {}", t.rfc3339())));
    parts.join("; ")
}

/// Everything known about an edge, in one sentence.
pub(crate) fn describe_edge(edge: &MapEdge) -> String {
    let (from, to) = (line(&edge.from), line(&edge.to));
    let mut parts = vec![match (edge.observed, edge.asserted) {
        (true, _) => format!("{from} calls {to}"),
        (false, true) => format!("{from} calls {to}, as declared"),
        (false, false) => format!("{from} and {to}: no call observed, but their metrics move together"),
    }];
    parts.extend(edge.on_path.then(|| "on the path from the cause to the users".to_owned()));
    if !edge.metrics.is_empty() {
        let metrics: Vec<String> = edge.metrics.iter().map(|m| metric_words(m, &from, &to)).collect();
        parts.push(format!("metrics: {}", metrics.join(", ")));
    }
    match edge.change {
        EdgeChange::Same => {}
        EdgeChange::New => parts.push("only in the incident".to_owned()),
        EdgeChange::Gone => parts.push("only in the baseline".to_owned()),
    }
    parts.join("; ")
}

fn metric_words(m: &EdgeMetric, from: &str, to: &str) -> String {
    let way = match m.influence {
        Influence::Forward => format!(", {from} first"),
        Influence::Backward => format!(", {to} first"),
        Influence::Undirected => String::new(),
    };
    let change = match m.change {
        EdgeChange::Same => "",
        EdgeChange::New => ", new",
        EdgeChange::Gone => ", gone",
    };
    format!("{} ({:.0} %{way}{change})", metric_word(m.metric), 100.0 * m.weight)
}

/// Whether calls connect the two, observed or declared; else the edge is inferred from metrics that move together.
pub(crate) fn is_call(edge: &MapEdge) -> bool {
    edge.observed || edge.asserted
}

/// A metric type as a word that needs no glossary.
pub(crate) fn metric_word(metric: MetricType) -> &'static str {
    match metric {
        MetricType::Congestion => "queueing",
        MetricType::Cpu => "CPU",
        MetricType::Io => "disk and network",
        other => other.as_str(),
    }
}

/// A sign for each metric type, for labels on lines.
pub(crate) fn letter(metric: MetricType) -> &'static str {
    match metric {
        MetricType::Latency => "L",
        MetricType::Throughput => "T",
        MetricType::Congestion => "Q",
        MetricType::Availability => "A",
        MetricType::Cpu => "C",
        MetricType::Memory => "M",
        MetricType::Io => "IO",
    }
}

/// The signs of an edge's metrics, `+` before a new and `−` before a gone one: `L +C`.
pub(crate) fn letters(edge: &MapEdge) -> String {
    marked(edge, letter).join(" ")
}

/// The names of an edge's metrics: `latency, +cpu`.
pub(crate) fn metric_names(edge: &MapEdge) -> String {
    marked(edge, metric_word).join(", ")
}

/// Each metric of an edge as `word` writes it, marked as new or gone, without duplicates.
fn marked(edge: &MapEdge, word: fn(MetricType) -> &'static str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for m in &edge.metrics {
        let sign = match m.change {
            EdgeChange::Same => "",
            EdgeChange::New => "+",
            EdgeChange::Gone => "−",
        };
        let text = format!("{sign}{}", word(m.metric));
        if !out.contains(&text) {
            out.push(text);
        }
    }
    out
}

/// The kind of the map, and its size.
pub(crate) fn subtitle(map: &ServiceMap) -> String {
    let kind = match map.kind {
        MapKind::Normal => "baseline",
        MapKind::Anomaly => "incident",
        MapKind::Difference => "incident against baseline",
    };
    let calls = map.edges.iter().filter(|e| is_call(e)).count();
    let data = map.edges.len() - calls;
    let mut parts = vec![format!("service map, {kind}"), count(map.nodes.len(), "service"), count(calls, "call")];
    if data > 0 {
        parts.push(count(data, "inferred edge"));
    }
    parts.join(" · ")
}

/// `1 call`, `2 calls`.
pub(crate) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_one_line() {
        assert_eq!(line("a\nb\u{0}c\u{202E}d\u{FFFF}e"), "a b c d e");
        assert_eq!(shorten("payment-service", 8), "payment…");
        assert_eq!(shorten("payment", 7), "payment");
        assert_eq!(shorten("x", 0), "…");
    }
}
