//! Around the drawing: the root element, title, legend of what occurs, notes.

use std::fmt::Write;

use super::super::captions;
use super::super::layout::{Point, Route, Size};
use super::super::measure::{width, wrap};
use super::elements::{escape, text};
use super::lines::{self, LineKind};
use super::nodes::{self, ENTRY_PX};
use super::scene::Scene;
use super::style::{self, SvgOptions};
use crate::pixels::px;
use automap_core::service_map::{EdgeChange, NodeRole};

const MARGIN: f64 = 24.0;
/// Narrower pictures leave the legend no room.
const MIN_WIDTH: f64 = 640.0;
const TITLE_PX: f64 = 18.0;
const SMALL_PX: f64 = 12.0;
const LEGEND_ROW: f64 = 24.0;

pub(crate) fn write(out: &mut String, scene: &Scene<'_>, options: &SvgOptions, body: &str) -> std::fmt::Result {
    let drawing = scene.drawing.size;
    let left = MARGIN + if scene.nodes.iter().any(|n| n.is_entry) { ENTRY_PX } else { 0.0 };
    let inner = (drawing.width + left - MARGIN).max(MIN_WIDTH);
    let head = if options.embedded { Vec::new() } else { wrap(&captions::line(&scene.map.title), TITLE_PX, inner) };
    let top = MARGIN + if options.embedded { 0.0 } else { head.len() as f64 * TITLE_PX * 1.3 + 32.0 };
    // A small drawing is centred.
    let left = left.max(MARGIN + (inner - drawing.width) / 2.0);
    let legend = Legend::new(scene, inner);
    let notes = notes(scene, inner);
    let below = top + drawing.height + 30.0;
    let height = below + legend.height() + notes.len() as f64 * 17.0 + MARGIN - 6.0;
    let width = inner + 2.0 * MARGIN;

    let (w, h, label) =
        (px(width), px(height), escape(&format!("{}. {}", scene.map.title, captions::subtitle(scene.map))));
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"am-map {}\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" \
         role=\"group\" aria-label=\"{label}\">",
        scene.scale.class
    )?;
    writeln!(out, "<style>\n{}</style>", style::css(options.theme))?;
    if !options.embedded {
        writeln!(out, "<rect class=\"am-paper\" width=\"{w}\" height=\"{h}\"/>")?;
        for (i, line) in head.iter().enumerate() {
            text(out, "title", MARGIN, MARGIN + TITLE_PX * (0.8 + 1.3 * i as f64), TITLE_PX, line)?;
        }
        text(out, "note", MARGIN, top - 24.0, SMALL_PX, &captions::subtitle(scene.map))?;
    }
    writeln!(out, "<g transform=\"translate({} {})\">", px(left), px(top))?;
    out.push_str(body);
    if let Some(grid) = scene.drawing.grid.filter(|_| scene.drawing.size.height > 0.0) {
        text(out, "note", grid.x, grid.y + SMALL_PX, SMALL_PX, "without a connection")?;
    }
    if scene.nodes.is_empty() {
        text(out, "note", 0.0, SMALL_PX, SMALL_PX, "no services")?;
    }
    writeln!(out, "</g>")?;
    legend.write(out, below)?;
    for (i, note) in notes.iter().enumerate() {
        let y = below + legend.height() + SMALL_PX + i as f64 * 17.0;
        text(out, "note", MARGIN, y, SMALL_PX, note)?;
    }
    writeln!(out, "</svg>")
}

fn notes(scene: &Scene<'_>, inner: f64) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    if scene.left_out > 0 {
        notes.push(format!(
            "{} between services that stayed normal {} left out",
            captions::count(scene.left_out, "inferred edge"),
            if scene.left_out == 1 { "is" } else { "are" }
        ));
    }
    notes.extend(scene.map.notes.iter().map(|n| captions::line(&n.message)));
    notes.iter().flat_map(|n| wrap(n, SMALL_PX, inner)).collect()
}

/// A sample and its meaning.
enum Entry {
    Node(NodeRole, &'static str),
    Users,
    Line(LineKind, EdgeChange, (bool, bool), &'static str),
    Letter(String),
}

struct Legend {
    /// With their positions: x and row.
    entries: Vec<(Entry, f64, usize)>,
    rows: usize,
}

impl Legend {
    const SAMPLE: f64 = 26.0;

    fn new(scene: &Scene<'_>, inner: f64) -> Self {
        let mut legend = Self { entries: Vec::new(), rows: 0 };
        let mut x = 0.0;
        for entry in Self::occurring(scene) {
            let room = match &entry {
                Entry::Letter(text) => width(text, SMALL_PX),
                other => Self::SAMPLE + 8.0 + width(Self::words(other), SMALL_PX),
            };
            if x > 0.0 && x + room > inner {
                x = 0.0;
                legend.rows += 1;
            }
            legend.entries.push((entry, x, legend.rows));
            x += room + 20.0;
        }
        legend.rows += usize::from(!legend.entries.is_empty());
        legend
    }

    fn words(entry: &Entry) -> &str {
        match entry {
            Entry::Node(_, words) | Entry::Line(_, _, _, words) => words,
            Entry::Users => "users enter here",
            Entry::Letter(text) => text,
        }
    }

    /// Only what occurs in the drawing.
    fn occurring(scene: &Scene<'_>) -> Vec<Entry> {
        let mut out = Vec::new();
        for (role, words) in [
            (NodeRole::Cause, "cause"),
            (NodeRole::Candidate, "candidate"),
            (NodeRole::Victim, "victim"),
            (NodeRole::Normal, "stayed normal"),
            (NodeRole::Unobserved, "not observed"),
        ] {
            out.extend(scene.nodes.iter().any(|n| n.role == role).then_some(Entry::Node(role, words)));
        }
        out.extend(scene.nodes.iter().any(|n| n.is_entry).then_some(Entry::Users));
        let kinds: Vec<(LineKind, EdgeChange)> =
            (0..scene.edges.len()).map(|i| (lines::kind(scene, i), scene.edges[i].change)).collect();
        for (wanted, words) in [
            (LineKind::Path, "path from the cause to the users"),
            (LineKind::Affected, "call between affected services"),
            (LineKind::Call, "call"),
        ] {
            let line = Entry::Line(wanted, EdgeChange::Same, (false, true), words);
            out.extend(kinds.iter().any(|(k, c)| *k == wanted && *c == EdgeChange::Same).then_some(line));
        }
        let data = |k: &LineKind| matches!(k, LineKind::Data | LineKind::Faint);
        let is_same = kinds.iter().any(|(k, c)| data(k) && *c == EdgeChange::Same);
        let line =
            Entry::Line(LineKind::Data, EdgeChange::Same, (false, false), "inferred: moves together, no call observed");
        out.extend(is_same.then_some(line));
        for (change, words) in [(EdgeChange::New, "only in the incident"), (EdgeChange::Gone, "only in the baseline")] {
            let line = Entry::Line(LineKind::Data, change, (false, false), words);
            out.extend(kinds.iter().any(|(k, c)| data(k) && *c == change).then_some(line));
        }
        if scene.scale.labels {
            let metrics = || scene.edges.iter().flat_map(|e| &e.metrics);
            let mut letters: Vec<String> = metrics()
                .map(|m| format!("{} {}", captions::letter(m.metric), captions::metric_word(m.metric)))
                .collect();
            letters.sort();
            letters.dedup();
            for (change, words) in
                [(EdgeChange::New, "+ only in the incident"), (EdgeChange::Gone, "− only in the baseline")]
            {
                letters.extend(metrics().any(|m| m.change == change).then(|| words.to_owned()));
            }
            out.extend(letters.into_iter().map(Entry::Letter));
        }
        out
    }

    fn height(&self) -> f64 {
        self.rows as f64 * LEGEND_ROW
    }

    fn write(&self, out: &mut String, top: f64) -> std::fmt::Result {
        writeln!(out, "<g class=\"am-legend\" transform=\"translate({} {})\">", px(MARGIN), px(top))?;
        for (entry, x, row) in &self.entries {
            let middle = *row as f64 * LEGEND_ROW;
            let at = Point { x: x + Self::SAMPLE / 2.0, y: middle };
            let size = Size { width: Self::SAMPLE - 4.0, height: 14.0 };
            let mut words_x = x + Self::SAMPLE + 8.0;
            match entry {
                Entry::Node(role, _) => {
                    writeln!(out, "<g class=\"am-key am-{}\">", nodes::class(*role))?;
                    nodes::shape(out, *role, at, size)?;
                    writeln!(out, "</g>")?;
                }
                Entry::Users => nodes::entry(out, Point { x: x + 22.0, y: middle })?,
                Entry::Line(kind, change, heads, _) => {
                    let ends = vec![Point { x: *x, y: middle }, Point { x: x + Self::SAMPLE, y: middle }];
                    writeln!(out, "<g class=\"am-key {}{}\">", kind.class(), lines::change_class(*change))?;
                    lines::draw(out, &Route::Steps(ends), *kind, *heads)?;
                    writeln!(out, "</g>")?;
                }
                Entry::Letter(_) => words_x = *x,
            }
            text(out, "note", words_x, middle + 4.0, SMALL_PX, Self::words(entry))?;
        }
        writeln!(out, "</g>")
    }
}
