//! The map as a Mermaid flowchart, which GitHub and many wikis render inside a page.

use std::fmt::Write;

use super::captions;
use automap_core::service_map::{EdgeChange, Influence, MapEdge, MapNode, NodeRole, ServiceMap};

/// Mermaid refuses charts with more lines than this.
const MAX_EDGES: usize = 500;
/// Services beyond which only those with a line are drawn: Mermaid refuses texts of more than 50,000 characters.
const MAX_NODES: usize = 400;
/// Characters of a name, and of a summary.
const NAME_CHARS: usize = 40;

/// A flowchart from left to right. If Mermaid would refuse the map, the least telling part is left out, and a comment says so.
pub fn mermaid(map: &ServiceMap) -> String {
    let mut out = String::new();
    let _ = write_chart(&mut out, map);
    out
}

fn write_chart(out: &mut String, map: &ServiceMap) -> std::fmt::Result {
    let (drawn, kept) = within_limits(map);
    writeln!(out, "---\ntitle: \"{}\"\n---", plain(&map.title))?;
    let (nodes_left, edges_left) = (map.nodes.len() - drawn.len(), map.edges.len() - kept.len());
    if nodes_left + edges_left > 0 {
        let (nodes, edges) = (captions::count(nodes_left, "service"), captions::count(edges_left, "edge"));
        writeln!(out, "%% left out, for Mermaid's limits: {nodes}, {edges}")?;
    }
    writeln!(out, "flowchart LR")?;
    writeln!(out, "  classDef default fill:#f6f7f9,stroke:#b6bec9,color:#39424e")?;
    for &i in &drawn {
        let node = &map.nodes[i];
        let (open, close) = if node.role == NodeRole::Cause { ("{{", "}}") } else { ("(", ")") };
        writeln!(out, "  n{i}{open}\"{}\"{close}{}", label(node), class(node.role))?;
    }
    let mut on_path: Vec<String> = Vec::new();
    let ends = |e: &MapEdge| Some((index(map, &e.from)?, index(map, &e.to)?));
    for (number, (edge, (from, to))) in kept.iter().filter_map(|e| Some((e, ends(e)?))).enumerate() {
        writeln!(out, "  n{from} {} n{to}", arrow(edge))?;
        on_path.extend(edge.on_path.then(|| number.to_string()));
    }
    for (role, definition) in CLASSES {
        if drawn.iter().any(|&i| map.nodes[i].role == role) {
            writeln!(out, "  {definition}")?;
        }
    }
    if !on_path.is_empty() {
        writeln!(out, "  linkStyle {} stroke:#c62828,stroke-width:4px", on_path.join(","))?;
    }
    Ok(())
}

const CLASSES: [(NodeRole, &str); 4] = [
    (NodeRole::Cause, "classDef cause fill:#c62828,stroke:#7f1010,stroke-width:4px,color:#ffffff"),
    (NodeRole::Candidate, "classDef candidate fill:#fdecea,stroke:#c62828,stroke-width:2px,color:#39424e"),
    (NodeRole::Victim, "classDef victim fill:#fdf0d5,stroke:#c77700,stroke-width:2px,color:#39424e"),
    (NodeRole::Unobserved, "classDef unobserved stroke:#8a94a1,stroke-dasharray:4 3"),
];

fn class(role: NodeRole) -> &'static str {
    match role {
        NodeRole::Cause => ":::cause",
        NodeRole::Candidate => ":::candidate",
        NodeRole::Victim => ":::victim",
        NodeRole::Normal => "",
        NodeRole::Unobserved => ":::unobserved",
    }
}

fn index(map: &ServiceMap, service: &str) -> Option<usize> {
    map.nodes.iter().position(|n| n.service == service)
}

/// Nodes, by position, and edges that Mermaid accepts, the most telling kept: the path, then calls of affected services, calls, inferred
/// edges.
fn within_limits(map: &ServiceMap) -> (Vec<usize>, Vec<&MapEdge>) {
    let is_affected = |service: &str| index(map, service).is_some_and(|i| captions::is_affected(map.nodes[i].role));
    let order = |e: &&MapEdge| {
        let touched = is_affected(&e.from) || is_affected(&e.to);
        (!e.on_path, !(touched && captions::is_call(e)), !captions::is_call(e), !touched)
    };
    let mut kept: Vec<&MapEdge> = map.edges.iter().collect();
    kept.sort_by_key(order);
    kept.truncate(MAX_EDGES);
    kept.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    let has_line = |n: &MapNode| kept.iter().any(|e| e.from == n.service || e.to == n.service);
    let mut drawn: Vec<usize> = (0..map.nodes.len()).collect();
    if drawn.len() > MAX_NODES {
        drawn.retain(|&i| captions::is_affected(map.nodes[i].role) || has_line(&map.nodes[i]));
        drawn.sort_by_key(|&i| !captions::is_affected(map.nodes[i].role));
        drawn.truncate(MAX_NODES);
        drawn.sort_unstable();
        let is_drawn = |s: &String| index(map, s).is_some_and(|i| drawn.binary_search(&i).is_ok());
        kept.retain(|e| is_drawn(&e.from) && is_drawn(&e.to));
    }
    (drawn, kept)
}

fn label(node: &MapNode) -> String {
    let mut lines = vec![escape(&captions::shorten(&node.service, NAME_CHARS))];
    if captions::is_affected(node.role) {
        lines.extend(captions::role(node).map(|r| escape(&r)));
        lines.extend(node.summary.as_deref().map(|s| escape(&captions::shorten(s, NAME_CHARS))));
    }
    lines.join("<br/>")
}

fn arrow(edge: &MapEdge) -> String {
    let directed = edge.metrics.iter().any(|m| m.influence == Influence::Forward);
    let arrow = match (edge.on_path, captions::is_call(edge), directed) {
        (true, _, _) => "==>",
        (false, true, _) => "-->",
        (false, false, true) => "-.->",
        (false, false, false) => "-.-",
    };
    let mut said: Vec<String> = Vec::new();
    match edge.change {
        EdgeChange::Same => {}
        EdgeChange::New => said.push("new".to_owned()),
        EdgeChange::Gone => said.push("gone".to_owned()),
    }
    let names = captions::metric_names(edge);
    if !names.is_empty() {
        said.push(names);
    }
    if said.is_empty() { arrow.to_owned() } else { format!("{arrow}|\"{}\"|", escape(&said.join(": "))) }
}

/// The text with a blank for every character that YAML or Mermaid might interpret: titles support no entities.
fn plain(text: &str) -> String {
    let fits = |c: char| c.is_alphanumeric() || " -_.,:/·→–…()".contains(c);
    captions::line(text).chars().map(|c| if fits(c) { c } else { ' ' }).collect()
}

/// Entities for every character that Mermaid, Markdown or HTML might interpret.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in captions::line(text).chars() {
        match c {
            c if c.is_alphanumeric() => out.push(c),
            ' ' | '-' | '_' | '.' | ',' | ':' | '/' | '·' | '→' | '–' | '…' | '+' | '−' => out.push(c),
            c => out.push_str(&format!("#{};", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample::{HOSTILE, generated, hostile, shop};
    use super::*;

    #[test]
    fn the_cause_and_the_path_stand_out() {
        let text = mermaid(&shop());
        assert!(
            text.starts_with(
                "---\ntitle: \"cause: payment (network), confidence 0.96 · 14:03:15–14:12:00 UTC\"\n---\n"
            )
        );
        assert!(text.contains("{{\"payment<br/>CAUSE · 0.96<br/>network gap 1.2 → 309 ms\"}}:::cause"), "{text}");
        assert!(text.contains(" ==>|\"latency\"| "), "{text}");
        assert!(text.contains(" -.-|\"memory\"| "), "{text}");
        // By name: edge-router → front-end is the fifth line from 0, front-end → orders the eighth, orders → payment the twelfth.
        assert!(text.ends_with("linkStyle 4,7,12 stroke:#c62828,stroke-width:4px\n"), "{text}");
    }

    #[test]
    fn a_hostile_name_leaves_only_letters() {
        for name in HOSTILE {
            let text = mermaid(&hostile(name));
            for bad in ["<script", "%%{", "\"]", "`", "\nn9", "&\""] {
                assert!(!text.contains(bad), "{bad:?} in {text}");
            }
        }
    }

    #[test]
    fn a_map_too_large_for_mermaid_says_what_is_missing() {
        let text = mermaid(&generated(300, 600, 900));
        let lines = text.lines().filter(|l| l.contains("-->") || l.contains("-.-") || l.contains("==>")).count();
        assert_eq!(lines, MAX_EDGES);
        assert!(text.contains("\n%% left out") && text.chars().count() < 50_000, "{}", text.chars().count());
    }
}
