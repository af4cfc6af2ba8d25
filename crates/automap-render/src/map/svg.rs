//! The map as our own drawing: SVG without scripts or references, standalone or inside a page.
//!
//! [`scene`] decides what is drawn and how large, the layout where; [`nodes`], [`lines`] and [`frame`] write it, [`style`] holds the colours. Every
//! class begins with `am-`, and there are no ids, so that a page may contain several maps.

mod elements;
mod frame;
mod lines;
mod nodes;
mod scene;
mod style;

use std::collections::BTreeMap;

use automap_core::service_map::ServiceMap;

pub(crate) use elements::escape;
pub(crate) use scene::Scene;
pub use style::{SvgOptions, Theme};

/// The drawing, with a final newline. The same map gives the same bytes, whatever the order of its nodes and edges; edges whose ends
/// are not among the nodes are not drawn. Time as for the layout: some hundredths of a second for 300 services.
pub fn svg(map: &ServiceMap, options: &SvgOptions) -> String {
    let scene = Scene::new(map);
    let mut body = String::new();
    let _ = lines::write(&mut body, &scene);
    let _ = nodes::write(&mut body, &scene);
    let mut out = String::new();
    let _ = frame::write(&mut out, &scene, options, &body);
    out
}

/// Upper left corner, width and height of every service's box, by service: the drawing's own layout, for other formats.
pub(crate) fn places(map: &ServiceMap) -> BTreeMap<String, (f64, f64, f64, f64)> {
    let scene = Scene::new(map);
    let boxes = scene.nodes.iter().zip(&scene.node_boxes).zip(&scene.drawing.boxes);
    boxes
        .map(|((node, node_box), at)| {
            let (w, h) = (node_box.size.width, node_box.size.height);
            (node.service.clone(), (at.x - w / 2.0, at.y - h / 2.0, w, h))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::captions;
    use super::super::sample::{HOSTILE, difference, generated, hostile, shop};
    use super::*;

    #[test]
    fn the_cause_is_told_by_shape_and_word_and_the_path_by_width() {
        let text = svg(&shop(), &SvgOptions::default());
        assert_eq!(text.matches("class=\"am-node am-cause\"").count(), 1);
        assert!(text.contains(">CAUSE · 0.96</text>") && text.contains("am-octagon"), "{text}");
        assert_eq!(text.matches("class=\"am-edge am-call am-path\"").count(), 3);
        assert!(text.contains("prefers-color-scheme"), "dark mode");
    }

    #[test]
    fn the_legend_lists_what_occurs() {
        let mut map = shop();
        let full = svg(&map, &SvgOptions::default());
        assert!(full.contains(">not observed</text>") && full.contains(">M memory</text>"));
        assert!(!full.contains(">only in the incident</text>"));
        map.edges.retain(captions::is_call);
        map.edges.iter_mut().for_each(|e| e.metrics.clear());
        map.nodes.retain(|n| n.role == automap_core::service_map::NodeRole::Normal);
        let quiet = svg(&map, &SvgOptions::default());
        assert!(!quiet.contains(">cause</text>") && !quiet.contains(">M memory</text>"), "{quiet}");
    }

    #[test]
    fn the_order_of_nodes_and_edges_does_not_matter() {
        let map = generated(60, 110, 40);
        let mut turned = map.clone();
        turned.nodes.reverse();
        turned.edges.reverse();
        turned.edges.rotate_left(17);
        let options = SvgOptions::default();
        assert_eq!(svg(&map, &options), svg(&turned, &options));
    }

    #[test]
    fn hostile_names_are_text_only() {
        for name in HOSTILE {
            let text = svg(&hostile(name), &SvgOptions { theme: Theme::Light, embedded: true });
            assert!(!text.contains("<script") && !text.contains("onload=\""), "{text}");
            assert_eq!(text.matches("class=\"am-node am-").count(), 2, "{text}");
        }
    }

    #[test]
    fn an_empty_map_is_a_picture_that_says_so() {
        let mut map = shop();
        map.nodes.clear();
        map.edges.clear();
        let text = svg(&map, &SvgOptions::default());
        assert!(text.contains("no services") && !text.contains("NaN") && !text.contains("inf"), "{text}");
    }

    #[test]
    fn a_difference_tells_what_is_new_and_what_is_gone() {
        let (one, two) = (svg(&shop(), &SvgOptions::default()), svg(&difference(), &SvgOptions::default()));
        for words in ["only in the incident", "only in the baseline"] {
            assert!(two.contains(words) && !one.contains(words), "{words}");
        }
    }
}
