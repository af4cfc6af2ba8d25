//! The positions of the boxes and lines in a picture: a layered drawing, callers left, callees right.
//!
//! Each connected part is drawn separately (Sugiyama, Tagawa & Toda 1981): reverse the lines that close a cycle ([`acyclic`]), assign a column to
//! every box ([`layers`]), cut long lines into steps and order the columns so that few lines cross ([`order`]), choose heights that keep chains
//! straight ([`coordinates`]). Then the parts are packed, boxes without lines last, in a grid ([`pack`]), and lines that do not shape the layout are
//! drawn over it ([`over`]).
//!
//! Points and sizes are in [`geometry`], the graph that the steps share in [`layered_graph`]. Fonts, colours and labels are left to the caller.
//!
//! Every loop has a bound, and ties go to the lower index: boxes sorted by name give the same drawing on every machine.

mod acyclic;
mod compact;
mod coordinates;
mod geometry;
mod layered_graph;
mod layers;
mod order;
mod over;
mod pack;
mod part;

use part::Part;

pub(crate) use geometry::{Drawing, Line, Point, Route, Size, Spacing};

/// Places boxes and lines. The order of `boxes` breaks ties. O((boxes + long-line steps) · log) for each of a bounded number of rounds: 300 boxes and
/// 600 lines take a few hundredths of a second.
pub(crate) fn place(boxes: &[Size], lines: &[Line], spacing: &Spacing) -> Drawing {
    let parts = part::split(boxes.len(), lines);
    let (parts, alone): (Vec<Vec<usize>>, Vec<Vec<usize>>) = parts.into_iter().partition(|p| p.len() > 1);
    let alone: Vec<usize> = alone.into_iter().flatten().collect();
    let parts: Vec<Part> = parts.into_iter().map(|members| Part::draw(members, boxes, lines, spacing)).collect();
    let mut drawing = pack::pack(parts, &alone, boxes, lines.len(), spacing);
    over::draw(&mut drawing, boxes, lines);
    drawing
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACING: Spacing = Spacing { boxes: 10.0, lines: 5.0, columns: 40.0, parts: 30.0, bundles: false };

    fn boxes(n: usize) -> Vec<Size> {
        (0..n).map(|i| Size { width: 60.0 + (i % 5) as f64 * 20.0, height: 20.0 + (i % 3) as f64 * 15.0 }).collect()
    }

    fn line(from: usize, to: usize) -> Line {
        Line { from, to, shapes: true, weight: 1 }
    }

    /// A reproducible graph in which callers have lower numbers.
    fn tangled(n: usize, lines: usize) -> Vec<Line> {
        let mut state = 3_u64;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut out: Vec<Line> = (1..n).map(|to| line(draw(to), to)).collect();
        while out.len() < lines {
            let to = 1 + draw(n - 1);
            out.push(line(draw(to), to));
        }
        out.sort_by_key(|l| (l.from, l.to));
        out.dedup();
        out
    }

    /// Boxes that are closer than the spacing, by the distance of their borders.
    fn overlaps(drawing: &Drawing, sizes: &[Size]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for a in 0..sizes.len() {
            for b in 0..a {
                let (p, q) = (drawing.boxes[a], drawing.boxes[b]);
                let beside = (p.x - q.x).abs() - (sizes[a].width + sizes[b].width) / 2.0;
                let above = (p.y - q.y).abs() - (sizes[a].height + sizes[b].height) / 2.0;
                if beside < SPACING.boxes - 1e-6 && above < SPACING.boxes - 1e-6 {
                    found.push((b, a));
                }
            }
        }
        found
    }

    #[test]
    fn no_two_boxes_overlap_and_lines_point_right() {
        for (n, count) in [(2, 1), (14, 18), (60, 120), (300, 600)] {
            let (sizes, lines) = (boxes(n), tangled(n, count));
            let drawing = place(&sizes, &lines, &SPACING);
            assert_eq!(overlaps(&drawing, &sizes), [], "{n} boxes");
            for l in &lines {
                assert!(drawing.boxes[l.from].x < drawing.boxes[l.to].x, "{n} boxes: {l:?}");
            }
            let inside =
                |p: &Point| (0.0..=drawing.size.width).contains(&p.x) && (0.0..=drawing.size.height).contains(&p.y);
            assert!(drawing.boxes.iter().all(inside));
        }
    }

    #[test]
    fn a_long_line_keeps_clear_of_the_boxes_it_passes() {
        let (sizes, lines) = (boxes(60), tangled(60, 120));
        let drawing = place(&sizes, &lines, &SPACING);
        for (l, route) in lines.iter().zip(&drawing.routes) {
            let Route::Steps(points) = route else { panic!("{l:?} is a curve") };
            // Level segments lie inside columns; only there can a line hit a box.
            for w in points.windows(2).filter(|w| w[0].y == w[1].y) {
                for (i, (at, size)) in drawing.boxes.iter().zip(&sizes).enumerate() {
                    let is_end = i == l.from || i == l.to;
                    let misses = (at.y - w[0].y).abs() >= size.height / 2.0
                        || (at.x - f64::midpoint(w[0].x, w[1].x)).abs() > size.width / 2.0;
                    assert!(is_end || misses, "{l:?} runs through box {i}");
                }
            }
        }
    }

    #[test]
    fn a_route_runs_from_border_to_border() {
        let sizes = boxes(4);
        // 0 → 1 → 2 → 3 and the long 0 → 3; 3 → 0 closes a cycle and is drawn backwards.
        let lines = [line(0, 1), line(1, 2), line(2, 3), line(0, 3), line(3, 0)];
        let drawing = place(&sizes, &lines, &SPACING);
        for (l, route) in lines.iter().zip(&drawing.routes) {
            let Route::Steps(points) = route else { panic!("{l:?}") };
            let (start, end) = (points[0], points[points.len() - 1]);
            let side = if drawing.boxes[l.from].x < drawing.boxes[l.to].x { 1.0 } else { -1.0 };
            let border = |i: usize, side: f64| drawing.boxes[i].x + side * sizes[i].width / 2.0;
            assert!((start.x - border(l.from, side)).abs() < 1e-9, "{l:?}");
            assert!((end.x - border(l.to, -side)).abs() < 1e-9, "{l:?}");
        }
        assert!(drawing.boxes[3].x > drawing.boxes[0].x);
    }

    #[test]
    fn two_that_call_each_other_get_two_lines() {
        let drawing = place(&boxes(2), &[line(0, 1), line(1, 0)], &SPACING);
        assert_ne!(drawing.routes[0].middle().y, drawing.routes[1].middle().y);
    }

    #[test]
    fn a_chain_is_a_straight_line() {
        let drawing = place(&boxes(5), &[line(0, 1), line(1, 2), line(2, 3), line(3, 4)], &SPACING);
        assert!(drawing.boxes.iter().all(|p| p.y == drawing.boxes[0].y), "{:?}", drawing.boxes);
    }

    /// Each line of a chain of hundreds of boxes would get a passage in hundreds of columns.
    #[test]
    fn beyond_the_bound_light_long_lines_run_straight_over_the_others() {
        let n = 400;
        let mut lines: Vec<Line> = (1..n).map(|to| line(to - 1, to)).collect();
        lines.extend((0..n - 300).map(|from| Line { weight: if from == 7 { 2 } else { 1 }, ..line(from, from + 300) }));
        let drawing = place(&boxes(n), &lines, &SPACING);
        let is_routed = |i: usize| matches!(drawing.routes[i], Route::Steps(_));
        assert!((0..n - 1).all(is_routed), "the chain itself");
        let long = n - 1..lines.len();
        assert!(is_routed(n - 1 + 7), "the heaviest of the long ones");
        let routed = long.clone().filter(|i| is_routed(*i)).count();
        assert!((1..long.len()).contains(&routed), "{routed} of {}", long.len());
        assert!(drawing.routes.iter().all(|r| *r != Route::Steps(Vec::new())));
    }

    #[test]
    fn the_same_input_gives_the_same_drawing() {
        let (sizes, lines) = (boxes(60), tangled(60, 120));
        assert_eq!(place(&sizes, &lines, &SPACING), place(&sizes, &lines, &SPACING));
    }

    #[test]
    fn nothing_and_one_box_and_a_box_that_calls_itself() {
        assert_eq!(place(&[], &[], &SPACING).size, Size::default());
        let one = place(&boxes(1), &[line(0, 0)], &SPACING);
        assert_eq!(one.boxes.len(), 1);
        assert_eq!(one.routes, [Route::Steps(Vec::new())]);
    }

    #[test]
    fn boxes_without_lines_stand_in_a_grid_below() {
        let sizes = boxes(10);
        let drawing = place(&sizes, &[line(0, 1)], &SPACING);
        assert_eq!(overlaps(&drawing, &sizes), []);
        assert!((2..10).all(|i| drawing.boxes[i].y > drawing.boxes[0].y));
        assert!(drawing.grid.is_some());
    }

    #[test]
    fn a_line_that_does_not_shape_moves_nothing() {
        let sizes = boxes(4);
        let calls = [line(0, 1), line(1, 2), line(1, 3)];
        let over = Line { shapes: false, ..line(2, 3) };
        let with = place(&sizes, &[calls[0], calls[1], calls[2], over], &SPACING);
        assert_eq!(with.boxes, place(&sizes, &calls, &SPACING).boxes);
        assert!(matches!(with.routes[3], Route::Curve(_)));
    }

    #[test]
    fn a_thousand_boxes_are_possible() {
        let (sizes, lines) = (boxes(1000), tangled(1000, 2000));
        assert_eq!(overlaps(&place(&sizes, &lines, &SPACING), &sizes), []);
    }
}
