//! What is drawn and how large: boxes with their texts, the lines worth drawing, and the layout of both.

use std::collections::BTreeMap;

use super::super::captions;
use super::super::layout::{Drawing, Line, Size, Spacing, place};
use super::super::measure::width;
use automap_core::service_map::{EdgeChange, MapEdge, MapNode, NodeRole, ServiceMap};

/// Sizes by the number of services, so that few are drawn large and many still fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Up to how many services.
    pub(crate) up_to: usize,
    /// Font size of a normal service's name.
    pub(crate) name_px: f64,
    /// Height of a normal service's box.
    pub(crate) box_px: f64,
    /// Characters of a name; the tooltip has all of it.
    pub(crate) name_chars: usize,
    /// Whether normal services show their summary.
    pub(crate) all_summaries: bool,
    /// Whether lines carry the signs of their metrics.
    pub(crate) labels: bool,
    /// Whether inferred edges are drawn between services that the incident does not touch.
    pub(crate) all_data: bool,
    pub(crate) spacing: Spacing,
    /// Class on the root, for thinner lines.
    pub(crate) class: &'static str,
}

const SCALES: [Scale; 3] = [
    Scale {
        up_to: 40,
        name_px: 13.0,
        box_px: 34.0,
        name_chars: 28,
        all_summaries: true,
        labels: true,
        all_data: true,
        spacing: Spacing { boxes: 18.0, lines: 12.0, columns: 68.0, parts: 44.0, bundles: false },
        class: "am-large",
    },
    Scale {
        up_to: 120,
        name_px: 12.0,
        box_px: 26.0,
        name_chars: 24,
        all_summaries: false,
        labels: true,
        all_data: false,
        spacing: Spacing { boxes: 11.0, lines: 8.0, columns: 56.0, parts: 36.0, bundles: true },
        class: "am-medium",
    },
    Scale {
        up_to: usize::MAX,
        name_px: 11.0,
        box_px: 21.0,
        name_chars: 22,
        all_summaries: false,
        labels: false,
        all_data: false,
        spacing: Spacing { boxes: 8.0, lines: 6.0, columns: 56.0, parts: 32.0, bundles: true },
        class: "am-small",
    },
];

/// Characters of a second line.
const SUMMARY_CHARS: usize = 38;
/// The line from cause to users is the straightest.
const PATH_WEIGHT: u32 = 9;
const AFFECTED_WEIGHT: u32 = 3;

/// One line of text inside a box.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Label {
    pub(crate) text: String,
    /// Class without its prefix.
    pub(crate) class: &'static str,
    pub(crate) font_px: f64,
}

/// A box: its texts and the size that they need.
#[derive(Clone, Debug)]
pub(crate) struct NodeBox {
    pub(crate) labels: Vec<Label>,
    pub(crate) size: Size,
}

/// Everything that is drawn, nodes by name, edges by (from, to).
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) map: &'a ServiceMap,
    pub(crate) scale: Scale,
    pub(crate) nodes: Vec<&'a MapNode>,
    pub(crate) node_boxes: Vec<NodeBox>,
    pub(crate) edges: Vec<&'a MapEdge>,
    /// Positions of each edge's ends among the nodes.
    pub(crate) ends: Vec<(usize, usize)>,
    pub(crate) drawing: Drawing,
    /// Inferred edges that are left out.
    pub(crate) left_out: usize,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(map: &'a ServiceMap) -> Self {
        let mut nodes: Vec<&MapNode> = map.nodes.iter().collect();
        nodes.sort_by(|a, b| a.service.cmp(&b.service));
        nodes.dedup_by(|a, b| a.service == b.service);
        let index: BTreeMap<&str, usize> = nodes.iter().enumerate().map(|(i, n)| (n.service.as_str(), i)).collect();
        let mut edges: Vec<(&MapEdge, (usize, usize))> = map
            .edges
            .iter()
            .filter_map(|e| Some((e, (*index.get(e.from.as_str())?, *index.get(e.to.as_str())?))))
            .filter(|(_, (from, to))| from != to)
            .collect();
        edges.sort_by(|(a, a_ends), (b, b_ends)| a_ends.cmp(b_ends).then(b.observed.cmp(&a.observed)));
        edges.dedup_by(|a, b| a.1 == b.1);
        let scale = SCALES.into_iter().find(|s| nodes.len() <= s.up_to).unwrap_or(SCALES[2]);
        let called = called(nodes.len(), &edges);
        let shapes = |e: &MapEdge, (from, to): (usize, usize)| captions::is_call(e) || !called[from] || !called[to];
        let all = edges.len();
        let data = edges.iter().filter(|(e, _)| !captions::is_call(e)).count();
        let affected = |i: usize| captions::is_affected(nodes[i].role);
        let incident = (0..nodes.len()).any(affected);
        if !scale.all_data && (incident || data > nodes.len()) {
            edges.retain(|(e, ends)| {
                shapes(e, *ends) || affected(ends.0) || affected(ends.1) || e.change != EdgeChange::Same
            });
        }
        let left_out = all - edges.len();
        let node_boxes: Vec<NodeBox> = nodes.iter().map(|n| node_box(n, &scale)).collect();
        let sizes: Vec<Size> = node_boxes.iter().map(|l| l.size).collect();
        let line = |(e, (from, to)): &(&MapEdge, (usize, usize))| Line {
            from: *from,
            to: *to,
            shapes: shapes(e, (*from, *to)),
            weight: match (e.on_path, affected(*from) && affected(*to)) {
                (true, _) => PATH_WEIGHT,
                (false, true) => AFFECTED_WEIGHT,
                (false, false) => 1,
            },
        };
        let lines: Vec<Line> = edges.iter().map(line).collect();
        let drawing = place(&sizes, &lines, &scale.spacing);
        let (edges, ends) = edges.into_iter().unzip();
        Self { map, scale, nodes, node_boxes, edges, ends, drawing, left_out }
    }
}

/// Which services take part in a call. The position of the others follows from their data links.
fn called(nodes: usize, edges: &[(&MapEdge, (usize, usize))]) -> Vec<bool> {
    let mut called = vec![false; nodes];
    for (_, (from, to)) in edges.iter().filter(|(e, _)| captions::is_call(e)) {
        called[*from] = true;
        called[*to] = true;
    }
    called
}

fn node_box(node: &MapNode, scale: &Scale) -> NodeBox {
    let label = |text: String, class, font_px| Label { text, class, font_px };
    let name = |font_px| label(captions::shorten(&node.service, scale.name_chars), "name", font_px);
    let role = captions::role(node).unwrap_or_default();
    let summary = node.summary.as_deref().map(|s| captions::shorten(s, SUMMARY_CHARS));
    let small = (scale.name_px - 2.0).max(10.0);
    let (labels, padding): (Vec<Label>, Size) = match node.role {
        NodeRole::Cause => {
            let mut labels = vec![label(role, "tag", 11.0), name(16.0)];
            labels.extend(summary.map(|s| label(s, "more", 11.5)));
            (labels, Size { width: 22.0, height: 11.0 })
        }
        NodeRole::Candidate => {
            let mut labels = vec![name(scale.name_px.max(12.0)), label(role, "tag", small)];
            labels.extend(summary.map(|s| label(s, "more", small)));
            (labels, Size { width: 13.0, height: 8.0 })
        }
        NodeRole::Victim => {
            let second = summary.map_or(role.clone(), |s| format!("{role} · {s}"));
            let labels = vec![name(scale.name_px.max(12.0)), label(second, "more", small)];
            (labels, Size { width: 15.0, height: 8.0 })
        }
        NodeRole::Normal | NodeRole::Unobserved => {
            let mut labels = vec![name(scale.name_px)];
            labels.extend(summary.filter(|_| scale.all_summaries).map(|s| label(s, "more", small)));
            (labels, Size { width: scale.name_px, height: (scale.box_px - scale.name_px * LINE) / 2.0 })
        }
    };
    let widest = labels.iter().map(|l| width(&l.text, l.font_px)).fold(0.0, f64::max);
    let high: f64 = labels.iter().map(|l| l.font_px * LINE).sum();
    let min = 5.0 * scale.name_px;
    NodeBox {
        labels,
        size: Size { width: (widest + 2.0 * padding.width).max(min), height: high + 2.0 * padding.height },
    }
}

/// Height of a line of text, in font sizes.
pub(crate) const LINE: f64 = 1.35;
