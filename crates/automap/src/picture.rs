//! SVG → PNG, without a browser, a font or a library on the machine.

use std::sync::Arc;

use anyhow::{Context, Result};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// Two pixels for one of the drawing: sharp on today's screens.
const SCALE: f32 = 2.0;
/// Longest side and area of a picture; larger drawings are scaled down to it.
const MAX_SIDE_PX: f32 = 12_000.0;
const MAX_AREA_PX: f32 = 60e6;

/// Inter, cut down to Latin by `scripts/subset-font.sh`; its licence lies beside it.
const FONTS: [&[u8]; 2] =
    [include_bytes!("../assets/font/Inter-Regular.otf"), include_bytes!("../assets/font/Inter-SemiBold.otf")];

/// Draws an SVG as PNG on white. Signs beyond Latin, for which no font is embedded, become boxes.
pub(crate) fn png(svg: &str) -> Result<Vec<u8>> {
    let mut fonts = fontdb::Database::new();
    for font in FONTS {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family("Inter");
    let options = Options { fontdb: Arc::new(fonts), font_family: "Inter".to_owned(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).context("the drawing is no SVG that can be turned into PNG")?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = SCALE.min(MAX_SIDE_PX / width.max(height)).min((MAX_AREA_PX / (width * height)).sqrt());
    let side = |px: f32| ((px * scale).ceil() as u32).max(1);
    let mut pixmap = Pixmap::new(side(width), side(height)).context("the drawing has no size")?;
    pixmap.fill(resvg::tiny_skia::Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().context("writing PNG")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Width and height from a PNG's header.
    fn size(png: &[u8]) -> (u32, u32) {
        let number = |at: usize| u32::from_be_bytes([png[at], png[at + 1], png[at + 2], png[at + 3]]);
        (number(16), number(20))
    }

    #[test]
    fn a_drawing_becomes_a_picture_of_twice_its_size() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"30\" height=\"20\"/>";
        let png = png(svg).unwrap();
        assert_eq!((&png[..8], size(&png)), (&b"\x89PNG\r\n\x1a\n"[..], (60, 40)));
    }

    #[test]
    fn a_huge_drawing_is_scaled_down() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"48000\" height=\"300\"/>";
        assert_eq!(size(&png(svg).unwrap()), (12_000, 75));
    }

    #[test]
    fn letters_are_drawn_with_the_embedded_font() {
        let draw = |text: &str| {
            let svg = format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"60\" height=\"20\">\
                 <text x=\"2\" y=\"15\" font-family=\"system-ui,sans-serif\" font-weight=\"600\">{text}</text></svg>"
            );
            png(&svg).unwrap()
        };
        assert_ne!(draw("abc → 5 %"), draw(""), "text leaves marks");
    }

    #[test]
    fn no_svg_is_an_error() {
        assert!(png("hello").is_err());
    }
}
