//! The positions of everything in a map, as numbers: for a page that draws it itself and makes it interactive.
//!
//! The layout and the sizes are those of the drawing ([`super::svg`]), so that a map looks the same everywhere. Colours, words and languages are left
//! to the page.

use automap_core::service_map::ServiceMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::layout::{Point, Route};
use super::svg::Scene;

/// A map's layout, in pixels; x grows to the right, y downwards.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlacedMap {
    /// Extent to the right, from 0.
    pub width: f64,
    /// Extent downwards, from 0.
    pub height: f64,
    /// The services, by name.
    pub nodes: Vec<PlacedNode>,
    /// The connections that are worth drawing, by (from, to).
    pub edges: Vec<PlacedEdge>,
    /// Inferred connections between services that stayed normal: too many to draw.
    pub left_out: usize,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlacedNode {
    /// The service.
    pub service: String,
    /// Its centre.
    pub x: f64,
    /// Its centre.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// The lines of text that it has room for, from the top.
    pub labels: Vec<PlacedLabel>,
}

/// One line of text in a box.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlacedLabel {
    /// What it is: `name`, `tag` (its role), `more` (its clearest change).
    pub kind: &'static str,
    /// The text in English, shortened to what fits.
    pub text: String,
    /// Size of the font.
    pub font_px: f64,
}

/// The way of a line.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlacedEdge {
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// A chain of cubic curves: the start, then two controls and an end for each curve.
    pub points: Vec<[f64; 2]>,
}

/// Places a map. Cost: that of its layout.
pub fn placed(map: &ServiceMap) -> PlacedMap {
    let scene = Scene::new(map);
    let node = |i: usize| {
        let (at, size) = (scene.drawing.boxes[i], scene.node_boxes[i].size);
        let labels = scene.node_boxes[i].labels.iter();
        PlacedNode {
            service: scene.nodes[i].service.clone(),
            x: tenths(at.x),
            y: tenths(at.y),
            width: tenths(size.width),
            height: tenths(size.height),
            labels: labels.map(|l| PlacedLabel { kind: l.class, text: l.text.clone(), font_px: l.font_px }).collect(),
        }
    };
    let edge = |i: usize| PlacedEdge {
        from: scene.edges[i].from.clone(),
        to: scene.edges[i].to.clone(),
        points: curves(&scene.drawing.routes[i]),
    };
    PlacedMap {
        width: tenths(scene.drawing.size.width),
        height: tenths(scene.drawing.size.height),
        nodes: (0..scene.nodes.len()).map(node).collect(),
        edges: (0..scene.edges.len()).map(edge).collect(),
        left_out: scene.left_out,
    }
}

/// Straight inside a column, S-shaped between two.
fn curves(route: &Route) -> Vec<[f64; 2]> {
    let at = |p: Point| [tenths(p.x), tenths(p.y)];
    match route {
        Route::Curve(points) => points.iter().map(|p| at(*p)).collect(),
        Route::Steps(points) => {
            let mut out: Vec<[f64; 2]> = points.first().map(|p| at(*p)).into_iter().collect();
            for pair in points.windows(2) {
                let (p, q) = (pair[0], pair[1]);
                let middle = f64::midpoint(p.x, q.x);
                out.extend([at(Point { x: middle, y: p.y }), at(Point { x: middle, y: q.y }), at(q)]);
            }
            out
        }
    }
}

/// A tenth of a pixel is invisible, and a value that is not a number must not reach a drawing.
fn tenths(v: f64) -> f64 {
    if v.is_finite() { (v * 10.0).round() / 10.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_page_draws_what_the_picture_shows() {
        let map = sample::shop();
        let layout = placed(&map);
        assert_eq!(layout.nodes.len(), map.nodes.len());
        for edge in &layout.edges {
            assert_eq!(edge.points.len() % 3, 1, "{edge:?}");
            let end = |name: &str| layout.nodes.iter().find(|n| n.service == name).unwrap();
            let (from, to) = (end(&edge.from), end(&edge.to));
            let (first, last) = (edge.points[0], edge.points[edge.points.len() - 1]);
            let on_border = |p: [f64; 2], n: &PlacedNode| ((p[0] - n.x).abs() - n.width / 2.0).abs() < 0.2;
            let is_call = map.edges.iter().any(|e| e.observed && e.from == edge.from && e.to == edge.to);
            assert!(!is_call || (on_border(first, from) && on_border(last, to)), "{edge:?}");
        }
        let inside = |n: &PlacedNode| n.x - n.width / 2.0 >= -0.1 && n.x + n.width / 2.0 <= layout.width + 0.1;
        assert!(layout.nodes.iter().all(inside));
    }
}
