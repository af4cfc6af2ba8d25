//! Lines: calls solid with an arrow at the callee, inferred edges thin and dashed, the path from cause to users thick.

use std::fmt::Write;

use super::super::captions;
use super::super::layout::{Point, Route};
use super::elements::{escape, text};
use super::scene::Scene;
use crate::pixels::px;
use automap_core::service_map::{EdgeChange, Influence, MapEdge, NodeRole};

/// The kind of a line; later ones are drawn over earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LineKind {
    /// Inferred, between services that stayed normal.
    Faint,
    /// Inferred from metrics that move together.
    Data,
    /// A call.
    Call,
    /// A call between the cause and a victim, or between victims.
    Affected,
    /// From the cause to the users.
    Path,
}

impl LineKind {
    /// Classes of a line.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Faint => "am-data am-faint",
            Self::Data => "am-data",
            Self::Call => "am-call",
            Self::Affected => "am-call am-affected",
            Self::Path => "am-call am-path",
        }
    }

    fn head_px(self) -> f64 {
        match self {
            Self::Faint | Self::Data => 6.0,
            Self::Call => 7.0,
            Self::Affected => 8.0,
            Self::Path => 12.0,
        }
    }
}

/// How an edge of the scene is drawn.
pub(crate) fn kind(scene: &Scene<'_>, edge: usize) -> LineKind {
    let (from, to) = scene.ends[edge];
    let role = |i: usize| scene.nodes[i].role;
    let hit = |i: usize| matches!(role(i), NodeRole::Cause | NodeRole::Victim);
    let e = scene.edges[edge];
    let any_role = scene.nodes.iter().any(|n| captions::is_affected(n.role));
    match (e.on_path, captions::is_call(e)) {
        (true, _) => LineKind::Path,
        (false, true) if hit(from) && hit(to) => LineKind::Affected,
        (false, true) => LineKind::Call,
        (false, false) if any_role && !hit(from) && !hit(to) && e.change == EdgeChange::Same => LineKind::Faint,
        (false, false) => LineKind::Data,
    }
}

/// CSS class for how an edge compares.
pub(crate) fn change_class(change: EdgeChange) -> &'static str {
    match change {
        EdgeChange::Same => "",
        EdgeChange::New => " am-new",
        EdgeChange::Gone => " am-gone",
    }
}

pub(crate) fn write(out: &mut String, scene: &Scene<'_>) -> std::fmt::Result {
    let mut order: Vec<(LineKind, usize)> = (0..scene.edges.len()).map(|i| (kind(scene, i), i)).collect();
    order.sort_unstable();
    writeln!(out, "<g class=\"am-edges\">")?;
    for &(kind, i) in &order {
        let (edge, label) = (scene.edges[i], escape(&captions::describe_edge(scene.edges[i])));
        // A call that gains or loses a metric is still the same call: its label says so.
        let is_changed = !captions::is_call(edge) || (edge.metrics.is_empty() && !edge.on_path);
        let class = format!("{}{}", kind.class(), if is_changed { change_class(edge.change) } else { "" });
        writeln!(out, "<g class=\"am-edge {class}\" role=\"img\" aria-label=\"{label}\"><title>{label}</title>")?;
        draw(out, &scene.drawing.routes[i], kind, heads(edge))?;
        writeln!(out, "</g>")?;
    }
    if scene.scale.labels {
        for &(kind, i) in &order {
            label(out, scene, kind, i)?;
        }
    }
    writeln!(out, "</g>")
}

/// Arrow heads at the start and at the end.
fn heads(edge: &MapEdge) -> (bool, bool) {
    let any = |i: Influence| edge.metrics.iter().any(|m| m.influence == i);
    if captions::is_call(edge) { (false, true) } else { (any(Influence::Backward), any(Influence::Forward)) }
}

/// One line with its heads; also the legend's samples.
pub(crate) fn draw(out: &mut String, route: &Route, kind: LineKind, (tail, head): (bool, bool)) -> std::fmt::Result {
    let size = kind.head_px();
    let mut route = route.clone();
    let mut tips = String::new();
    let is_level = matches!(route, Route::Steps(_));
    let points: &mut [Point] = match &mut route {
        Route::Steps(points) => points,
        Route::Curve(points) => points,
    };
    let count = points.len();
    if count < 2 {
        return Ok(());
    }
    // A head points along the end of the line, which ends inside it.
    let mut tip = |end: usize, before: usize| {
        let (at, mut from) = (points[end], points[before]);
        if is_level {
            from.y = at.y;
        }
        let length = (at.x - from.x).hypot(at.y - from.y).max(1e-9);
        let (dx, dy) = ((at.x - from.x) / length * size, (at.y - from.y) / length * size);
        let corner = |side: f64| (px(at.x - dx - side * 0.42 * dy), px(at.y - dy + side * 0.42 * dx));
        let ((ax, ay), (bx, by)) = (corner(1.0), corner(-1.0));
        let path = format!("M{} {}L{ax} {ay}L{bx} {by}z", px(at.x), px(at.y));
        let _ = writeln!(tips, "<path class=\"am-head\" d=\"{path}\"/>");
        points[end] = Point { x: at.x - 0.8 * dx, y: at.y - 0.8 * dy };
    };
    if head {
        tip(count - 1, count - 2);
    }
    if tail {
        tip(0, 1);
    }
    writeln!(out, "<path class=\"am-line\" d=\"{}\"/>", path(&route))?;
    out.push_str(&tips);
    Ok(())
}

/// Straight inside a column, S-shaped between two.
fn path(route: &Route) -> String {
    let at = |p: &Point| format!("{} {}", px(p.x), px(p.y));
    match route {
        Route::Curve([a, b, c, d]) => format!("M{}C{} {} {}", at(a), at(b), at(c), at(d)),
        Route::Steps(points) => {
            let mut out = points.first().map_or_else(String::new, |p| format!("M{}", at(p)));
            for pair in points.windows(2) {
                let (p, q) = (pair[0], pair[1]);
                if (p.y - q.y).abs() < 0.05 {
                    out += &format!("H{}", px(q.x));
                } else {
                    let middle = f64::midpoint(p.x, q.x);
                    let (b, c) = (Point { x: middle, y: p.y }, Point { x: middle, y: q.y });
                    out += &format!("C{} {} {}", at(&b), at(&c), at(&q));
                }
            }
            out
        }
    }
}

fn label(out: &mut String, scene: &Scene<'_>, kind: LineKind, edge: usize) -> std::fmt::Result {
    const FONT_PX: f64 = 10.0;
    let letters = captions::letters(scene.edges[edge]);
    if letters.is_empty() || kind == LineKind::Faint {
        return Ok(());
    }
    let at = scene.drawing.routes[edge].middle();
    // The line of a call must stay visible: its label is above it.
    let lift = if matches!(kind, LineKind::Faint | LineKind::Data) { 3.5 } else { -4.0 };
    let class = format!("letters{}", change_class(scene.edges[edge].change));
    text(out, &class, at.x, at.y + lift, FONT_PX, &letters)
}
