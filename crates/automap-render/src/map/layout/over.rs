//! Lines over the finished layout: they move no box, and take the bow that crosses the fewest boxes. Beside those that are not to shape it, these are
//! the lines for which there was no room between the boxes.

use super::geometry::{Drawing, Line, Point, Route, Size};

/// How far a line may bow up or down, nearest first.
const BOWS_PX: [f64; 11] = [0.0, 34.0, -34.0, 60.0, -60.0, 90.0, -90.0, 130.0, -130.0, 180.0, -180.0];
/// Points of a curve that are tried against the boxes.
const SAMPLES: usize = 24;
/// Beyond this many tests of a line against a box, lines are not routed around boxes.
const MAX_TRIALS: usize = 20_000;

/// Draws every line that has no route yet, and makes the picture large enough for it.
pub(crate) fn draw(drawing: &mut Drawing, boxes: &[Size], lines: &[Line]) {
    let is_over = |(route, line): (&Route, &Line)| *route == Route::Steps(Vec::new()) && line.from != line.to;
    let over: Vec<usize> =
        drawing.routes.iter().zip(lines).enumerate().filter(|(_, of)| is_over(*of)).map(|(i, _)| i).collect();
    let looks_around = over.len() * boxes.len() <= MAX_TRIALS;
    let bows = if looks_around { &BOWS_PX[..] } else { &BOWS_PX[..1] };
    for i in over {
        let line = &lines[i];
        let tries = bows.iter().map(|bow| curve(line, boxes, &drawing.boxes, *bow));
        // The first of the best: the flattest.
        let best = tries.min_by_key(|c| hits(c, line, boxes, &drawing.boxes));
        drawing.routes[i] = Route::Curve(best.unwrap_or_default());
    }
    fit(drawing);
}

/// From side to side if the boxes are in different columns, an arc on the right if they share one.
fn curve(line: &Line, boxes: &[Size], at: &[Point], bow: f64) -> [Point; 4] {
    const MIN_GAP: f64 = 16.0;
    let backwards = at[line.to].x < at[line.from].x;
    let (left, right) = if backwards { (line.to, line.from) } else { (line.from, line.to) };
    let half = |i: usize| boxes[i].width / 2.0;
    // Calls leave and arrive in the middle of a side; these lines avoid it.
    let lean = |i: usize, to: usize| {
        let way = if bow == 0.0 { at[to].y - at[i].y } else { bow };
        boxes[i].height * if way < 0.0 { -0.28 } else { 0.28 }
    };
    let start = Point { x: at[left].x + half(left), y: at[left].y + lean(left, right) };
    let gap = at[right].x - half(right) - start.x;
    let curve = if gap >= MIN_GAP {
        let end = Point { x: at[right].x - half(right), y: at[right].y + lean(right, left) };
        let reach = if bow == 0.0 { gap / 2.0 } else { gap / 3.0 };
        // A cubic curve reaches three quarters of the way to its controls.
        let lift = bow / 0.75;
        [start, Point { x: start.x + reach, y: start.y + lift }, Point { x: end.x - reach, y: end.y + lift }, end]
    } else {
        let end = Point { x: at[right].x + half(right), y: at[right].y + lean(right, left) };
        let far = (14.0 + 0.1 * (end.y - start.y).abs()).min(48.0) + bow.abs();
        let bulge = start.x.max(end.x) + far;
        [start, Point { x: bulge, y: start.y }, Point { x: bulge, y: end.y }, end]
    };
    let [p, q, r, s] = curve;
    if backwards { [s, r, q, p] } else { curve }
}

/// How often a curve runs through boxes other than its own.
fn hits(curve: &[Point; 4], line: &Line, boxes: &[Size], at: &[Point]) -> usize {
    const MARGIN: f64 = 3.0;
    let points: Vec<Point> = (1..SAMPLES).map(|i| on(curve, i as f64 / SAMPLES as f64)).collect();
    let others = at.iter().zip(boxes).enumerate().filter(|(i, _)| *i != line.from && *i != line.to);
    let inside = |p: &Point, c: &Point, s: &Size| {
        (p.x - c.x).abs() < s.width / 2.0 + MARGIN && (p.y - c.y).abs() < s.height / 2.0 + MARGIN
    };
    others.map(|(_, (c, s))| points.iter().filter(|p| inside(p, c, s)).count()).sum()
}

fn on(curve: &[Point; 4], t: f64) -> Point {
    let u = 1.0 - t;
    let weights = [u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t];
    let mut p = Point::default();
    for (w, c) in weights.iter().zip(curve) {
        p.x += w * c.x;
        p.y += w * c.y;
    }
    p
}

/// Moves and enlarges the drawing so that every curve lies inside.
fn fit(drawing: &mut Drawing) {
    let (mut low, mut high) = (Point::default(), Point { x: drawing.size.width, y: drawing.size.height });
    for route in &drawing.routes {
        if let Route::Curve(curve) = route {
            for i in 0..=SAMPLES {
                let p = on(curve, i as f64 / SAMPLES as f64);
                low = Point { x: low.x.min(p.x), y: low.y.min(p.y) };
                high = Point { x: high.x.max(p.x), y: high.y.max(p.y) };
            }
        }
    }
    drawing.size = Size { width: high.x - low.x, height: high.y - low.y };
    let shift = |p: &mut Point| *p = Point { x: p.x - low.x, y: p.y - low.y };
    drawing.boxes.iter_mut().for_each(shift);
    drawing.grid.iter_mut().for_each(shift);
    for route in &mut drawing.routes {
        match route {
            Route::Steps(points) => points.iter_mut().for_each(shift),
            Route::Curve(points) => points.iter_mut().for_each(shift),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_bows_around_the_box_between() {
        let boxes = [Size { width: 40.0, height: 20.0 }; 3];
        let at: Vec<Point> = (0..3).map(|i| Point { x: 20.0 + 100.0 * f64::from(i), y: 10.0 }).collect();
        let line = Line { from: 2, to: 0, shapes: false, weight: 1 };
        let size = Size { width: 240.0, height: 20.0 };
        let mut drawing = Drawing { size, boxes: at, routes: vec![Route::Steps(Vec::new())], grid: None };
        draw(&mut drawing, &boxes, &[line]);
        let Route::Curve(curve) = drawing.routes[0] else { panic!("no curve") };
        assert_eq!(hits(&curve, &line, &boxes, &drawing.boxes), 0);
        // From the left side of the third box to the right side of the first.
        assert_eq!((curve[0].x, curve[3].x), (200.0, 40.0));
        assert!(drawing.size.height > 20.0 && (0..=SAMPLES).all(|i| on(&curve, i as f64 / 24.0).y >= 0.0));
    }
}
