//! One connected part: from its lines to its own coordinates.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::geometry::{ASPECT, Line, Point, Route, Size, Spacing};
use super::layered_graph::{Chain, LayeredGraph, cut};
use super::{acyclic, coordinates, layers, order};

/// Passages of the long lines of one part. Lines beyond it run straight over the others: they can no longer be told apart anyway, and a passage in
/// each of hundreds of columns for each of thousands of lines would take gigabytes.
const MAX_PASSAGES: usize = 20_000;

/// A drawn part; coordinates from (0, 0).
#[derive(Debug)]
pub(crate) struct Part {
    /// Its boxes, by their positions in the whole.
    pub(crate) members: Vec<usize>,
    /// Their centres.
    pub(crate) at: Vec<Point>,
    /// Its shaping lines, by their positions in the whole, and their paths.
    pub(crate) routes: Vec<(usize, Route)>,
    pub(crate) size: Size,
}

/// Boxes that shaping lines connect: boxes of a part in rising order, parts by their first box.
pub(crate) fn split(boxes: usize, lines: &[Line]) -> Vec<Vec<usize>> {
    let mut near: Vec<Vec<usize>> = vec![Vec::new(); boxes];
    for line in lines.iter().filter(|l| l.shapes && l.from != l.to) {
        near[line.from].push(line.to);
        near[line.to].push(line.from);
    }
    let mut part_of = vec![usize::MAX; boxes];
    let mut count = 0;
    for first in 0..boxes {
        if part_of[first] != usize::MAX {
            continue;
        }
        let mut queue = vec![first];
        part_of[first] = count;
        while let Some(at) = queue.pop() {
            for &next in near[at].iter().filter(|&&n| part_of[n] == usize::MAX).collect::<Vec<_>>() {
                part_of[next] = count;
                queue.push(next);
            }
        }
        count += 1;
    }
    let mut parts = vec![Vec::new(); count];
    for (i, part) in part_of.iter().enumerate() {
        parts[*part].push(i);
    }
    parts
}

impl Part {
    /// Draws a part of at least two boxes.
    pub(crate) fn draw(members: Vec<usize>, boxes: &[Size], lines: &[Line], spacing: &Spacing) -> Self {
        let local = |i: usize| members.binary_search(&i).ok();
        let own: Vec<(usize, Line)> = lines
            .iter()
            .enumerate()
            .filter(|(_, l)| l.shapes && l.from != l.to)
            .filter_map(|(i, l)| Some((i, Line { from: local(l.from)?, to: local(l.to)?, ..*l })))
            .collect();
        let arrows: Vec<(usize, usize)> = own.iter().map(|(_, l)| (l.from, l.to)).collect();
        let reversed = acyclic::reversed(members.len(), &arrows);
        let forward: Vec<(usize, usize)> =
            arrows.iter().zip(&reversed).map(|(&(a, b), &r)| if r { (b, a) } else { (a, b) }).collect();
        let sizes: Vec<Size> = members.iter().map(|&i| boxes[i]).collect();
        let layer = layers::assign(members.len(), &forward, rows(&sizes, spacing));
        let routed = routed(&own, &forward, &layer);
        let (graph, chains) = cut(&sizes, &layer, &own, &forward, &reversed, &routed, spacing);
        let columns = order::order(&graph);
        let y = coordinates::heights(&graph, &columns, spacing);
        let x = Columns::new(&graph, &columns, &sizes, &y, spacing);
        let at: Vec<Point> = (0..members.len()).map(|i| Point { x: x.centre(layer[i]), y: y[i] }).collect();
        let answers = answers(&own);
        let is_answered = |c: &Chain| answers.get(&pair(c.ends())).is_some_and(|lines| *lines > 1);
        let routes = chains.iter().map(|c| (c.line, route(c, is_answered(c), &graph, &sizes, &y, &x))).collect();
        let right = x.left.last().copied().unwrap_or(0.0) + x.width.last().copied().unwrap_or(0.0);
        let mut part = Self { members, at, routes, size: Size { width: right, height: 0.0 } };
        part.shift_to_origin(&sizes);
        part
    }

    fn shift_to_origin(&mut self, sizes: &[Size]) {
        let mut top = f64::INFINITY;
        let mut bottom = f64::NEG_INFINITY;
        for (p, s) in self.at.iter().zip(sizes) {
            top = top.min(p.y - s.height / 2.0);
            bottom = bottom.max(p.y + s.height / 2.0);
        }
        for (_, route) in &self.routes {
            if let Route::Steps(points) = route {
                top = points.iter().map(|p| p.y).fold(top, f64::min);
                bottom = points.iter().map(|p| p.y).fold(bottom, f64::max);
            }
        }
        self.size.height = bottom - top;
        self.move_by(0.0, -top);
    }

    /// Moves the whole part.
    pub(crate) fn move_by(&mut self, dx: f64, dy: f64) {
        let shift = |p: &mut Point| *p = Point { x: p.x + dx, y: p.y + dy };
        self.at.iter_mut().for_each(shift);
        for (_, route) in &mut self.routes {
            match route {
                Route::Steps(points) => points.iter_mut().for_each(shift),
                Route::Curve(points) => points.iter_mut().for_each(shift),
            }
        }
    }
}

/// Which lines get a way between the boxes: the heaviest and shortest, as far as [`MAX_PASSAGES`] suffice.
fn routed(own: &[(usize, Line)], forward: &[(usize, usize)], layer: &[usize]) -> Vec<bool> {
    let passages: Vec<usize> = forward.iter().map(|&(a, b)| (layer[b] - layer[a]).saturating_sub(1)).collect();
    let mut routed = vec![true; own.len()];
    if passages.iter().sum::<usize>() <= MAX_PASSAGES {
        return routed;
    }
    let mut by_weight: Vec<usize> = (0..own.len()).collect();
    by_weight.sort_by_key(|&i| (Reverse(own[i].1.weight), passages[i], i));
    let mut used = 0;
    for i in by_weight {
        used += passages[i];
        routed[i] = passages[i] == 0 || used <= MAX_PASSAGES;
    }
    routed
}

/// Lines between two boxes, in either direction.
fn answers(own: &[(usize, Line)]) -> BTreeMap<(usize, usize), usize> {
    let mut lines = BTreeMap::new();
    own.iter().for_each(|(_, l)| *lines.entry(pair((l.from, l.to))).or_default() += 1);
    lines
}

fn pair((a, b): (usize, usize)) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// Boxes in one column so that the whole has the aspect ratio of a screen.
fn rows(sizes: &[Size], spacing: &Spacing) -> usize {
    const MIN_ROWS: usize = 9;
    let n = sizes.len() as f64;
    let column = sizes.iter().map(|s| s.width).sum::<f64>() / n + spacing.columns * 1.6;
    // Lines that pass take about as much space as boxes.
    let row = 1.5 * (sizes.iter().map(|s| s.height).sum::<f64>() / n + spacing.boxes);
    ((n * column / (ASPECT * row)).sqrt().ceil() as usize).max(MIN_ROWS)
}

/// Left border and width of every column.
struct Columns {
    left: Vec<f64>,
    width: Vec<f64>,
}

impl Columns {
    /// Columns as wide as their widest box; the steeper the lines between two columns, the farther apart.
    fn new(graph: &LayeredGraph, columns: &[Vec<usize>], sizes: &[Size], y: &[f64], spacing: &Spacing) -> Self {
        const STEEP_SHARE: f64 = 0.08;
        let wide =
            |column: &Vec<usize>| column.iter().filter_map(|&v| sizes.get(v)).map(|s| s.width).fold(0.0, f64::max);
        let width: Vec<f64> = columns.iter().map(wide).collect();
        let mut steepest = vec![0.0_f64; columns.len()];
        for &(a, b, _) in &graph.steps {
            let column = graph.vertices[a].layer;
            steepest[column] = steepest[column].max((y[a] - y[b]).abs());
        }
        let mut left = Vec::with_capacity(width.len());
        let mut x = 0.0;
        for (w, steep) in width.iter().zip(&steepest) {
            left.push(x);
            x += w + spacing.columns + (STEEP_SHARE * steep).min(spacing.columns);
        }
        Self { left, width }
    }

    fn centre(&self, column: usize) -> f64 {
        self.left[column] + self.width[column] / 2.0
    }
}

/// Level through columns, from the border of one box to that of the other.
fn route(c: &Chain, is_answered: bool, graph: &LayeredGraph, sizes: &[Size], y: &[f64], x: &Columns) -> Route {
    /// Two services that call each other get two lines.
    const BESIDE: f64 = 7.0;
    let (_, last) = c.ends();
    let beside = match (is_answered, c.reversed) {
        (false, _) => 0.0,
        (true, true) => BESIDE,
        (true, false) => -BESIDE,
    };
    let mut points = Vec::with_capacity(2 * c.vertices.len());
    for (i, &v) in c.vertices.iter().enumerate() {
        let column = graph.vertices[v].layer;
        let (left, right) = (x.left[column], x.left[column] + x.width[column]);
        let y = y[v] + beside;
        let half = sizes.get(v).map_or(0.0, |s| s.width / 2.0);
        let (from, to) = match i {
            0 => (x.centre(column) + half, right),
            _ if v == last => (left, x.centre(column) - half),
            _ => (left, right),
        };
        points.push(Point { x: from, y });
        // Less than that is rounding.
        if to > from + 0.5 {
            points.push(Point { x: to, y });
        }
    }
    if c.reversed {
        points.reverse();
    }
    Route::Steps(points)
}
