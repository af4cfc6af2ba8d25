//! The input and output types of a layout: points, sizes, lines, distances and routes, in pixels.
//!
//! Every step of the layout and the drawing use these types.

/// A place on the picture, in pixels; x grows to the right, y downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Size {
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// A line from one box to another, by their positions in the list of boxes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Whether it shapes the layout; otherwise it is drawn over the finished one.
    pub(crate) shapes: bool,
    /// Heavier lines are drawn straighter.
    pub(crate) weight: u32,
}

/// Distances in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spacing {
    /// Between two boxes of a column.
    pub(crate) boxes: f64,
    /// Between two lines that pass a column side by side.
    pub(crate) lines: f64,
    /// Between two columns, at least.
    pub(crate) columns: f64,
    /// Between two parts that no line connects.
    pub(crate) parts: f64,
    /// Whether long lines of one box run together until they part: this leaves room for more lines.
    pub(crate) bundles: bool,
}

/// The path of a line, from the border of its `from` box to the border of its `to` box.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Route {
    /// Through these points, level inside a column and S-shaped between two.
    Steps(Vec<Point>),
    /// One cubic curve: start, two controls, end.
    Curve([Point; 4]),
}

impl Route {
    /// The middle of the line, for a label.
    pub(crate) fn middle(&self) -> Point {
        match self {
            Self::Curve([a, b, c, d]) => {
                let mean = |p: [f64; 4]| (p[0] + 3.0 * p[1] + 3.0 * p[2] + p[3]) / 8.0;
                Point { x: mean([a.x, b.x, c.x, d.x]), y: mean([a.y, b.y, c.y, d.y]) }
            }
            Self::Steps(points) => {
                // The longest segment has the most free space.
                let length = |w: &&[Point]| (w[1].x - w[0].x).hypot(w[1].y - w[0].y);
                let longest = points.windows(2).max_by(|a, b| length(a).total_cmp(&length(b)));
                longest.map_or_else(Point::default, |w| Point {
                    x: f64::midpoint(w[0].x, w[1].x),
                    y: f64::midpoint(w[0].y, w[1].y),
                })
            }
        }
    }
}

/// A finished layout.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawing {
    /// Extent, from (0, 0).
    pub(crate) size: Size,
    /// Centre of each box.
    pub(crate) boxes: Vec<Point>,
    /// Path of each line; empty for a line from a box to itself.
    pub(crate) routes: Vec<Route>,
    /// Upper left corner of the grid of boxes without lines.
    pub(crate) grid: Option<Point>,
}

/// Width over height that suits a screen and a page.
pub(super) const ASPECT: f64 = 1.6;
