//! One connected part: from its lines to coordinates of its own.

use std::collections::BTreeMap;

use super::{ASPECT, Line, Point, Route, Size, Spacing, acyclic, coordinates, layers, order};

/// A drawn part; coordinates from (0, 0).
#[derive(Debug)]
pub(crate) struct Part {
    /// Its boxes, by their positions in the whole.
    pub(crate) members: Vec<usize>,
    /// Their centres.
    pub(crate) at: Vec<Point>,
    /// Its shaping lines, by their positions in the whole, and their ways.
    pub(crate) routes: Vec<(usize, Route)>,
    pub(crate) size: Size,
}

/// Boxes that shaping lines connect, each part in rising order, parts by their first box.
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

/// A vertex of the layered graph: a box, or the passage of a long line through a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vertex {
    pub(crate) layer: usize,
    /// Height; 0 for a passage.
    pub(crate) height: f64,
    pub(crate) is_passage: bool,
}

/// Vertices and the steps between neighbouring columns, as `(left, right, weight)`.
#[derive(Debug)]
pub(crate) struct Proper {
    pub(crate) vertices: Vec<Vertex>,
    pub(crate) steps: Vec<(usize, usize, u32)>,
}

struct Chain {
    line: usize,
    /// From the left box over the passages to the right one.
    vertices: Vec<usize>,
    reversed: bool,
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
        let (proper, chains) = cut(&sizes, &layer, &own, &forward, &reversed, spacing);
        let columns = order::order(&proper);
        let y = coordinates::heights(&proper, &columns, spacing);
        let x = Columns::new(&proper, &columns, &sizes, &y, spacing);
        let at: Vec<Point> = (0..members.len()).map(|i| Point { x: x.centre(layer[i]), y: y[i] }).collect();
        let routes = chains.iter().map(|c| (c.line, route(c, &own, &proper, &sizes, &y, &x))).collect();
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

/// Boxes in one column so that the whole has the shape of a screen.
fn rows(sizes: &[Size], spacing: &Spacing) -> usize {
    const MIN_ROWS: usize = 9;
    let n = sizes.len() as f64;
    let column = sizes.iter().map(|s| s.width).sum::<f64>() / n + spacing.columns * 1.6;
    // Lines that pass take about as much room as boxes.
    let row = 1.5 * (sizes.iter().map(|s| s.height).sum::<f64>() / n + spacing.boxes);
    ((n * column / (ASPECT * row)).sqrt().ceil() as usize).max(MIN_ROWS)
}

/// Cuts lines longer than one column into steps. With [`Spacing::bundles`], long lines of one box share their passages, at the end
/// that has more of them; a line heavier than others keeps its own.
fn cut(
    sizes: &[Size],
    layer: &[usize],
    own: &[(usize, Line)],
    forward: &[(usize, usize)],
    reversed: &[bool],
    spacing: &Spacing,
) -> (Proper, Vec<Chain>) {
    let real = |(s, l): (&Size, &usize)| Vertex { layer: *l, height: s.height, is_passage: false };
    let mut vertices: Vec<Vertex> = sizes.iter().zip(layer).map(real).collect();
    let is_long = |&(a, b): &(usize, usize)| layer[b] > layer[a] + 1;
    let (mut leaving, mut arriving) = (vec![0; sizes.len()], vec![0; sizes.len()]);
    for &(a, b) in forward.iter().filter(|ab| is_long(ab)) {
        leaving[a] += 1;
        arriving[b] += 1;
    }
    let lightest = own.iter().map(|(_, l)| l.weight).min();
    let mut shared: BTreeMap<(usize, bool, usize), usize> = BTreeMap::new();
    let mut steps: BTreeMap<(usize, usize), u32> = BTreeMap::new();
    let mut chains = Vec::new();
    for (((line, l), &(a, b)), &reversed) in own.iter().zip(forward).zip(reversed) {
        let from_a = leaving[a] >= arriving[b];
        let bundle = spacing.bundles && Some(l.weight) == lightest;
        let mut chain = vec![a];
        for column in layer[a] + 1..layer[b] {
            let mut passage = || {
                vertices.push(Vertex { layer: column, height: 0.0, is_passage: true });
                vertices.len() - 1
            };
            let end = if from_a { a } else { b };
            chain.push(if bundle { *shared.entry((end, from_a, column)).or_insert_with(passage) } else { passage() });
        }
        chain.push(b);
        for w in chain.windows(2) {
            let weight = steps.entry((w[0], w[1])).or_default();
            *weight = (*weight).max(l.weight);
        }
        chains.push(Chain { line: *line, vertices: chain, reversed });
    }
    (Proper { vertices, steps: steps.into_iter().map(|((a, b), w)| (a, b, w)).collect() }, chains)
}

/// Left border and width of every column.
struct Columns {
    left: Vec<f64>,
    width: Vec<f64>,
}

impl Columns {
    /// Columns as wide as their widest box; the steeper the lines between two columns, the farther apart.
    fn new(proper: &Proper, columns: &[Vec<usize>], sizes: &[Size], y: &[f64], spacing: &Spacing) -> Self {
        const STEEP_SHARE: f64 = 0.08;
        let wide =
            |column: &Vec<usize>| column.iter().filter_map(|&v| sizes.get(v)).map(|s| s.width).fold(0.0, f64::max);
        let width: Vec<f64> = columns.iter().map(wide).collect();
        let mut steepest = vec![0.0_f64; columns.len()];
        for &(a, b, _) in &proper.steps {
            let column = proper.vertices[a].layer;
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
fn route(c: &Chain, own: &[(usize, Line)], proper: &Proper, sizes: &[Size], y: &[f64], x: &Columns) -> Route {
    /// Two services that call each other get two lines.
    const BESIDE: f64 = 7.0;
    let (first, last) = (c.vertices[0], c.vertices[c.vertices.len() - 1]);
    let is_answered = own.iter().filter(|(_, l)| (l.from, l.to) == (first, last) || (l.to, l.from) == (first, last));
    let beside = if is_answered.count() < 2 {
        0.0
    } else if c.reversed {
        BESIDE
    } else {
        -BESIDE
    };
    let mut points = Vec::with_capacity(2 * c.vertices.len());
    for (i, &v) in c.vertices.iter().enumerate() {
        let column = proper.vertices[v].layer;
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
