//! Places unconnected parts side by side in the aspect ratio of a screen, and boxes without lines in a grid below.

use super::geometry::{ASPECT, Drawing, Point, Route, Size, Spacing};
use super::part::Part;

/// Space for the grid's heading.
const GRID_HEAD: f64 = 22.0;

/// Puts the parts on shelves, the largest first, and `alone` below.
pub(crate) fn pack(mut parts: Vec<Part>, alone: &[usize], boxes: &[Size], lines: usize, spacing: &Spacing) -> Drawing {
    parts.sort_by(|a, b| b.members.len().cmp(&a.members.len()).then_with(|| a.members.cmp(&b.members)));
    let shelf = shelf_width(&parts, alone, boxes, spacing);
    let mut drawing = Drawing {
        size: Size::default(),
        boxes: vec![Point::default(); boxes.len()],
        routes: vec![Route::Steps(Vec::new()); lines],
        grid: None,
    };
    let (mut x, mut y, mut row) = (0.0, 0.0, 0.0_f64);
    for mut part in parts {
        if x > 0.0 && x + part.size.width > shelf {
            (x, y, row) = (0.0, y + row + spacing.parts, 0.0);
        }
        part.move_by(x, y);
        x += part.size.width + spacing.parts;
        row = row.max(part.size.height);
        drawing.size.width = drawing.size.width.max(x - spacing.parts);
        drawing.size.height = drawing.size.height.max(y + part.size.height);
        part.members.iter().zip(&part.at).for_each(|(&i, at)| drawing.boxes[i] = *at);
        part.routes.into_iter().for_each(|(i, route)| drawing.routes[i] = route);
    }
    grid(&mut drawing, alone, boxes, shelf, spacing);
    drawing
}

fn cell(alone: &[usize], boxes: &[Size], spacing: &Spacing) -> Size {
    let most = |side: fn(&Size) -> f64| alone.iter().map(|&i| side(&boxes[i])).fold(0.0, f64::max) + spacing.boxes;
    Size { width: most(|s| s.width), height: most(|s| s.height) }
}

/// As wide as the widest part, or wider if the total area requires it.
fn shelf_width(parts: &[Part], alone: &[usize], boxes: &[Size], spacing: &Spacing) -> f64 {
    let cell = cell(alone, boxes, spacing);
    let area = |p: &Part| (p.size.width + spacing.parts) * (p.size.height + spacing.parts);
    let total: f64 = parts.iter().map(area).sum::<f64>() + alone.len() as f64 * cell.width * cell.height;
    let widest = parts.iter().map(|p| p.size.width).fold(0.0, f64::max);
    widest.max((total * ASPECT).sqrt())
}

fn grid(drawing: &mut Drawing, alone: &[usize], boxes: &[Size], shelf: f64, spacing: &Spacing) {
    if alone.is_empty() {
        return;
    }
    let cell = cell(alone, boxes, spacing);
    let columns = (((shelf + spacing.boxes) / cell.width) as usize).clamp(1, alone.len());
    let top = if drawing.size.height > 0.0 { drawing.size.height + spacing.parts } else { 0.0 };
    drawing.grid = Some(Point { x: 0.0, y: top });
    for (n, &i) in alone.iter().enumerate() {
        let corner =
            Point { x: (n % columns) as f64 * cell.width, y: top + GRID_HEAD + (n / columns) as f64 * cell.height };
        // Boxes of one row are centred on one line.
        drawing.boxes[i] =
            Point { x: corner.x + boxes[i].width / 2.0, y: corner.y + (cell.height - spacing.boxes) / 2.0 };
        drawing.size.width = drawing.size.width.max(corner.x + cell.width - spacing.boxes);
        drawing.size.height = drawing.size.height.max(corner.y + cell.height - spacing.boxes);
    }
}
