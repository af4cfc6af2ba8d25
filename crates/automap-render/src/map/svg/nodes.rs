//! Boxes: an octagon for the cause, a bar at the side of a victim, a dashed border if nothing was observed.

use std::fmt::Write;

use super::super::captions;
use super::super::layout::{Point, Size};
use super::elements::{escape, text};
use super::scene::{LINE, NodeBox, Scene};
use crate::pixels::px;
use automap_core::service_map::NodeRole;

/// Length of the arrow by which users enter.
pub(crate) const ENTRY_PX: f64 = 16.0;

pub(crate) fn write(out: &mut String, scene: &Scene<'_>) -> std::fmt::Result {
    writeln!(out, "<g class=\"am-nodes\">")?;
    for ((node, node_box), at) in scene.nodes.iter().zip(&scene.node_boxes).zip(&scene.drawing.boxes) {
        let label = escape(&captions::describe(node));
        let class = class(node.role);
        writeln!(out, "<g class=\"am-node am-{class}\" role=\"img\" aria-label=\"{label}\"><title>{label}</title>")?;
        shape(out, node.role, *at, node_box.size)?;
        if node.is_entry {
            entry(out, Point { x: at.x - node_box.size.width / 2.0, y: at.y })?;
        }
        labels(out, node_box, *at)?;
        writeln!(out, "</g>")?;
    }
    writeln!(out, "</g>")
}

pub(crate) fn class(role: NodeRole) -> &'static str {
    match role {
        NodeRole::Cause => "cause",
        NodeRole::Candidate => "candidate",
        NodeRole::Victim => "victim",
        NodeRole::Normal => "normal",
        NodeRole::Unobserved => "unobserved",
    }
}

/// The outline of a role; also the legend's samples.
pub(crate) fn shape(out: &mut String, role: NodeRole, at: Point, size: Size) -> std::fmt::Result {
    let (x, y) = (at.x - size.width / 2.0, at.y - size.height / 2.0);
    if role == NodeRole::Cause {
        let grow = (size.height / 12.0).min(4.5);
        octagon(out, "ring", at, Size { width: size.width + 2.0 * grow, height: size.height + 2.0 * grow })?;
        return octagon(out, "octagon am-box", at, size);
    }
    let radius = (size.height / 4.0).min(7.0);
    rect(out, "box", (x, y), size, radius)?;
    if role == NodeRole::Victim {
        let bar = Size { width: (size.height / 7.0).clamp(3.0, 5.0), height: size.height };
        rect(out, "bar", (x, y), bar, bar.width / 2.0)?;
    }
    Ok(())
}

fn rect(out: &mut String, class: &str, (x, y): (f64, f64), size: Size, radius: f64) -> std::fmt::Result {
    let (x, y, w, h, r) = (px(x), px(y), px(size.width), px(size.height), px(radius));
    writeln!(out, "<rect class=\"am-{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"{r}\"/>")
}

fn octagon(out: &mut String, class: &str, at: Point, size: Size) -> std::fmt::Result {
    let (w, h) = (size.width / 2.0, size.height / 2.0);
    let cut = 0.42 * h.min(w);
    let corners = [
        (-w + cut, -h),
        (w - cut, -h),
        (w, -h + cut),
        (w, h - cut),
        (w - cut, h),
        (-w + cut, h),
        (-w, h - cut),
        (-w, -h + cut),
    ];
    let points: Vec<String> = corners.iter().map(|(dx, dy)| format!("{},{}", px(at.x + dx), px(at.y + dy))).collect();
    writeln!(out, "<polygon class=\"am-{class}\" points=\"{}\"/>", points.join(" "))
}

/// A dot and an arrow into the box: users come from here.
pub(crate) fn entry(out: &mut String, at: Point) -> std::fmt::Result {
    let (x, y) = (at.x - ENTRY_PX, at.y);
    let (dot, line, tip) = (px(x), px(at.x - 5.0), px(at.x - 1.0));
    writeln!(
        out,
        "<g class=\"am-entry\"><circle cx=\"{dot}\" cy=\"{}\" r=\"3\"/><path d=\"M{dot} {}H{line}\"/>\
         <path class=\"am-tip\" d=\"M{tip} {}l-6 -3.5v7z\"/></g>",
        px(y),
        px(y),
        px(y)
    )
}

fn labels(out: &mut String, node_box: &NodeBox, at: Point) -> std::fmt::Result {
    let high: f64 = node_box.labels.iter().map(|l| l.font_px * LINE).sum();
    let mut top = at.y - high / 2.0;
    for label in &node_box.labels {
        // The baseline that centres letters in their line.
        let baseline = top + label.font_px * (LINE / 2.0 + 0.36);
        text(out, label.class, at.x, baseline, label.font_px, &label.text)?;
        top += label.font_px * LINE;
    }
    Ok(())
}
