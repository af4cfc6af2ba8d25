//! The map as GraphML: attributes for any program, and shapes, colours and positions that yEd shows.

use std::fmt::Write;

use super::captions;
use super::svg::{escape, places};
use automap_core::service_map::{EdgeChange, Influence, MapEdge, MapNode, NodeRole, ServiceMap};
use automap_core::time::Timestamp;

/// Attribute name, what it belongs to, its type.
const KEYS: [(&str, &str, &str); 16] = [
    ("service", "node", "string"),
    ("role", "node", "string"),
    ("rank", "node", "int"),
    ("confidence", "node", "double"),
    ("class", "node", "string"),
    ("is_entry", "node", "boolean"),
    ("summary", "node", "string"),
    ("onset", "node", "string"),
    ("kind", "edge", "string"),
    ("observed", "edge", "boolean"),
    ("asserted", "edge", "boolean"),
    ("metrics", "edge", "string"),
    ("weights", "edge", "string"),
    ("influences", "edge", "string"),
    ("change", "edge", "string"),
    ("on_path", "edge", "boolean"),
];

/// One directed graph. Nodes are `n0`, `n1`, … in the map's order; an unknown attribute is left out. `metrics`, `weights` and `influences` of an edge
/// are lists of equal length, separated by spaces.
pub fn graphml(map: &ServiceMap) -> String {
    let mut out = String::from(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\" ",
        "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" ",
        "xmlns:y=\"http://www.yworks.com/xml/graphml\" ",
        "xsi:schemaLocation=\"http://graphml.graphdrawing.org/xmlns ",
        "http://www.yworks.com/xml/schema/graphml/1.1/ygraphml.xsd\">\n",
    ));
    let _ = write_graph(&mut out, map);
    out + "</graphml>\n"
}

fn write_graph(out: &mut String, map: &ServiceMap) -> std::fmt::Result {
    writeln!(out, "  <key id=\"title\" for=\"graph\" attr.name=\"title\" attr.type=\"string\"/>")?;
    for (name, place, kind) in KEYS {
        writeln!(out, "  <key id=\"{name}\" for=\"{place}\" attr.name=\"{name}\" attr.type=\"{kind}\"/>")?;
    }
    writeln!(out, "  <key id=\"nodegraphics\" for=\"node\" yfiles.type=\"nodegraphics\"/>")?;
    writeln!(out, "  <key id=\"edgegraphics\" for=\"edge\" yfiles.type=\"edgegraphics\"/>")?;
    writeln!(out, "  <graph id=\"automap\" edgedefault=\"directed\">")?;
    data(out, 4, "title", &map.title)?;
    let places = places(map);
    for (i, node) in map.nodes.iter().enumerate() {
        writeln!(out, "    <node id=\"n{i}\">")?;
        write_node(out, node)?;
        if let Some(place) = places.get(&node.service) {
            write_shape(out, node, *place)?;
        }
        writeln!(out, "    </node>")?;
    }
    let index = |service: &str| map.nodes.iter().position(|n| n.service == service);
    for (i, edge) in map.edges.iter().enumerate() {
        let (Some(from), Some(to)) = (index(&edge.from), index(&edge.to)) else { continue };
        writeln!(out, "    <edge id=\"e{i}\" source=\"n{from}\" target=\"n{to}\">")?;
        write_edge(out, edge)?;
        writeln!(out, "    </edge>")?;
    }
    writeln!(out, "  </graph>")
}

fn data(out: &mut String, indent: usize, key: &str, value: &str) -> std::fmt::Result {
    writeln!(out, "{:indent$}<data key=\"{key}\">{}</data>", "", escape(value))
}

fn write_node(out: &mut String, node: &MapNode) -> std::fmt::Result {
    data(out, 6, "service", &node.service)?;
    let role = match node.role {
        NodeRole::Cause => "cause",
        NodeRole::Candidate => "candidate",
        NodeRole::Victim => "victim",
        NodeRole::Normal => "normal",
        NodeRole::Unobserved => "unobserved",
    };
    data(out, 6, "role", role)?;
    data(out, 6, "is_entry", if node.is_entry { "true" } else { "false" })?;
    let confidence = node.confidence.filter(|c| c.is_finite());
    for (key, value) in [
        ("rank", node.rank.map(|r| r.to_string())),
        ("confidence", confidence.map(|c| c.to_string())),
        ("class", node.class.map(|c| c.to_string())),
        ("summary", node.summary.clone()),
        ("onset", node.onset.map(Timestamp::rfc3339)),
    ] {
        if let Some(value) = value {
            data(out, 6, key, &value)?;
        }
    }
    Ok(())
}

fn write_shape(out: &mut String, node: &MapNode, (x, y, width, height): (f64, f64, f64, f64)) -> std::fmt::Result {
    let (fill, border, text, shape, line) = match node.role {
        NodeRole::Cause => ("#C62828", "#7F1010", "#FFFFFF", "octagon", "line"),
        NodeRole::Candidate => ("#FDECEA", "#C62828", "#39424E", "roundrectangle", "line"),
        NodeRole::Victim => ("#FDF0D5", "#C77700", "#39424E", "roundrectangle", "line"),
        NodeRole::Normal => ("#F6F7F9", "#B6BEC9", "#39424E", "roundrectangle", "line"),
        NodeRole::Unobserved => ("#FFFFFF", "#8A94A1", "#6B7683", "roundrectangle", "dashed"),
    };
    let label = match captions::role(node).filter(|_| captions::is_affected(node.role)) {
        Some(role) => format!("{}\n{role}", captions::line(&node.service)),
        None => captions::line(&node.service),
    };
    let border_px = if node.role == NodeRole::Cause { 3.0 } else { 1.0 };
    writeln!(out, "      <data key=\"nodegraphics\"><y:ShapeNode>")?;
    writeln!(out, "        <y:Geometry x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>")?;
    writeln!(out, "        <y:Fill color=\"{fill}\"/>")?;
    writeln!(out, "        <y:BorderStyle color=\"{border}\" type=\"{line}\" width=\"{border_px:.1}\"/>")?;
    writeln!(out, "        <y:NodeLabel textColor=\"{text}\">{}</y:NodeLabel>", escape_lines(&label))?;
    writeln!(out, "        <y:Shape type=\"{shape}\"/>")?;
    writeln!(out, "      </y:ShapeNode></data>")
}

/// Escapes every line, and keeps the breaks between them.
fn escape_lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

fn write_edge(out: &mut String, edge: &MapEdge) -> std::fmt::Result {
    let flag = |b: bool| if b { "true" } else { "false" };
    let influence = |i: Influence| match i {
        Influence::Forward => "forward",
        Influence::Backward => "backward",
        Influence::Undirected => "undirected",
    };
    let change = match edge.change {
        EdgeChange::Same => "same",
        EdgeChange::New => "new",
        EdgeChange::Gone => "gone",
    };
    let list = |words: Vec<String>| words.join(" ");
    let metrics = &edge.metrics;
    data(out, 6, "kind", if captions::is_call(edge) { "call" } else { "data" })?;
    data(out, 6, "observed", flag(edge.observed))?;
    data(out, 6, "asserted", flag(edge.asserted))?;
    if !metrics.is_empty() {
        data(out, 6, "metrics", &list(metrics.iter().map(|m| m.metric.to_string()).collect()))?;
        data(out, 6, "weights", &list(metrics.iter().map(|m| format!("{:.3}", m.weight)).collect()))?;
        data(out, 6, "influences", &list(metrics.iter().map(|m| influence(m.influence).to_owned()).collect()))?;
    }
    data(out, 6, "change", change)?;
    data(out, 6, "on_path", flag(edge.on_path))?;
    let (color, width) = if edge.on_path { ("#C62828", 4.0) } else { ("#9AA4B1", 1.0) };
    let line = if captions::is_call(edge) { "line" } else { "dashed" };
    let head = if captions::is_call(edge) || metrics.iter().any(|m| m.influence == Influence::Forward) {
        "standard"
    } else {
        "none"
    };
    write!(out, "      <data key=\"edgegraphics\"><y:PolyLineEdge>")?;
    write!(out, "<y:LineStyle color=\"{color}\" type=\"{line}\" width=\"{width:.1}\"/>")?;
    write!(out, "<y:Arrows source=\"none\" target=\"{head}\"/>")?;
    writeln!(out, "</y:PolyLineEdge></data>")
}

#[cfg(test)]
mod tests {
    use super::super::sample::{HOSTILE, hostile, shop};
    use super::*;

    #[test]
    fn attributes_that_are_unknown_are_left_out() {
        let text = graphml(&shop());
        assert_eq!(text.matches("<data key=\"confidence\">").count(), 2);
        assert!(text.contains("<data key=\"confidence\">0.96</data>"));
        assert!(text.contains("<data key=\"metrics\">latency</data>"));
    }

    #[test]
    fn a_hostile_name_is_text_only() {
        for name in HOSTILE {
            let text = graphml(&hostile(name));
            assert!(!text.contains("<script"), "{text}");
            assert_eq!(text.matches("<node ").count(), 2, "{text}");
        }
    }
}
