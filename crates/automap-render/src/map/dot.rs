//! The map as Graphviz DOT: `dot -Tsvg`.

use std::fmt::Write;

use super::captions;
use automap_core::service_map::{EdgeChange, Influence, MapEdge, MapNode, NodeRole, ServiceMap};
use automap_core::text::is_hidden;

/// Characters of a summary on a node.
const SUMMARY_CHARS: usize = 40;

/// A directed graph, left to right, one statement a line; nodes are named as their services. O(nodes + edges).
pub fn dot(map: &ServiceMap) -> String {
    let mut out = String::from("digraph automap {\n");
    let _ = write_graph(&mut out, map);
    out + "}\n"
}

fn write_graph(out: &mut String, map: &ServiceMap) -> std::fmt::Result {
    // `\l` ends a left-aligned line.
    let title = quoted(&format!("{}\n{}\n", captions::line(&map.title), captions::subtitle(map))).replace("\\n", "\\l");
    writeln!(
        out,
        "  graph [rankdir=LR, label={title}, labelloc=t, labeljust=l, fontname=\"sans-serif\", fontsize=16];"
    )?;
    writeln!(out, "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f6f7f9\", color=\"#b6bec9\",")?;
    writeln!(out, "        fontname=\"sans-serif\", fontsize=12, fontcolor=\"#39424e\"];")?;
    writeln!(
        out,
        "  edge [color=\"#9aa4b1\", fontname=\"sans-serif\", fontsize=10, fontcolor=\"#5b6673\", arrowsize=0.7];"
    )?;
    for node in &map.nodes {
        writeln!(out, "  {} [label={}{}, tooltip={}];", id(&node.service), label(node), node_style(node), {
            quoted(&captions::describe(node))
        })?;
    }
    for edge in &map.edges {
        let tooltip = quoted(&captions::describe_edge(edge));
        writeln!(out, "  {} -> {} [{}tooltip={tooltip}];", id(&edge.from), id(&edge.to), edge_style(edge))?;
    }
    Ok(())
}

fn label(node: &MapNode) -> String {
    let mut lines = vec![captions::line(&node.service)];
    match node.role {
        NodeRole::Unobserved | NodeRole::Normal => {}
        _ => lines.extend(captions::role(node)),
    }
    lines.extend(node.summary.as_deref().map(|s| captions::shorten(s, SUMMARY_CHARS)));
    quoted(&lines.join("\n"))
}

fn node_style(node: &MapNode) -> &'static str {
    match node.role {
        NodeRole::Cause => {
            ", shape=octagon, style=filled, fillcolor=\"#c62828\", color=\"#7f1010\", fontcolor=\"#ffffff\", penwidth=3, peripheries=2"
        }
        NodeRole::Candidate => ", fillcolor=\"#fdecea\", color=\"#c62828\", penwidth=2",
        NodeRole::Victim => ", fillcolor=\"#fdf0d5\", color=\"#c77700\", penwidth=1.5",
        NodeRole::Normal => "",
        NodeRole::Unobserved => ", style=\"rounded,dashed\", color=\"#8a94a1\", fontcolor=\"#6b7683\"",
    }
}

fn edge_style(edge: &MapEdge) -> String {
    let mut out = String::new();
    let names = captions::metric_names(edge);
    if !names.is_empty() {
        out += &format!("label={}, ", quoted(&names));
    }
    if edge.on_path {
        out += "color=\"#c62828\", penwidth=3.5, weight=8, ";
    }
    if !captions::is_call(edge) {
        let any = |i: Influence| edge.metrics.iter().any(|m| m.influence == i);
        let way = match (any(Influence::Forward), any(Influence::Backward)) {
            (true, true) => "both",
            (true, false) => "forward",
            (false, true) => "back",
            (false, false) => "none",
        };
        out += &format!("style=dashed, constraint=false, dir={way}, ");
    } else if !edge.observed {
        out += "arrowhead=empty, ";
    }
    match edge.change {
        EdgeChange::Same => {}
        EdgeChange::New => out += "color=\"#0b62c4\", penwidth=2, ",
        EdgeChange::Gone => out += "color=\"#7d8793\", style=dotted, arrowhead=tee, ",
    }
    out
}

/// A quoted label: `\n` is the only escape that Graphviz may interpret.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    // Graphviz reads entities such as &lt; in any label.
    out.replace('&', "&amp;")
}

/// A quoted name that stays unique: hidden characters are written out instead of dropped.
fn id(service: &str) -> String {
    let written = |c: char| if is_hidden(c) { c.escape_unicode().to_string() } else { c.to_string() };
    quoted(&service.chars().map(written).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{HOSTILE, hostile, shop};
    use super::*;

    #[test]
    fn the_cause_and_the_path_stand_out() {
        let text = dot(&shop());
        assert!(
            text.contains("\"payment\" [label=\"payment\\nCAUSE · 0.96\\nnetwork gap 1.2 → 309 ms\", shape=octagon")
        );
        assert!(text.contains("\"orders\" -> \"payment\" [label=\"latency\", color=\"#c62828\", penwidth=3.5"));
        assert!(text.contains("style=dashed, constraint=false, dir=none"));
    }

    #[test]
    fn a_hostile_name_stays_inside_its_quotes() {
        for name in HOSTILE {
            let text = dot(&hostile(name));
            // Nothing of the name is left outside quoted strings.
            let mut outside = String::new();
            let mut chars = text.chars();
            let mut inside = false;
            while let Some(c) = chars.next() {
                match c {
                    '\\' if inside => drop(chars.next()),
                    '"' => inside = !inside,
                    c if !inside => outside.push(c),
                    _ => {}
                }
            }
            assert!(!inside && !outside.contains("script") && !outside.contains("--"), "{name:?}: {text}");
        }
    }
}
