//! SVG → PNG, without a browser, a font or a library on the machine.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// Two pixels for each pixel of the drawing: sharp on modern screens.
const SCALE: f32 = 2.0;
/// Longest side and area of a picture; larger drawings are scaled down to it.
const MAX_SIDE_PX: f32 = 12_000.0;
const MAX_AREA_PX: f32 = 60e6;

/// Inter, reduced to Latin by `scripts/subset-font.sh`; its licence is beside it.
const FONTS: [&[u8]; 2] =
    [include_bytes!("../assets/font/Inter-Regular.otf"), include_bytes!("../assets/font/Inter-SemiBold.otf")];

/// Why a drawing did not become a picture.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The text is not an SVG drawing.
    #[error("the drawing is no SVG that can be turned into PNG: {0}")]
    NotSvg(String),
    /// It has no extent, or one too large for memory.
    #[error("the drawing has no size")]
    NoSize,
    /// The picture could not be encoded.
    #[error("writing PNG: {0}")]
    Encode(String),
}

/// Draws an SVG as PNG on white, at twice its size. Characters beyond Latin, for which no font is embedded, become boxes.
///
/// # Errors
/// [`PngError`] when `svg` is not an SVG drawing or has no size.
pub fn png(svg: &str) -> Result<Vec<u8>, PngError> {
    let mut fonts = fontdb::Database::new();
    for font in FONTS {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family("Inter");
    let options = Options { fontdb: Arc::new(fonts), font_family: "Inter".to_owned(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|e| PngError::NotSvg(e.to_string()))?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = SCALE.min(MAX_SIDE_PX / width.max(height)).min((MAX_AREA_PX / (width * height)).sqrt());
    let side = |px: f32| ((px * scale).ceil() as u32).max(1);
    let mut pixmap = Pixmap::new(side(width), side(height)).ok_or(PngError::NoSize)?;
    pixmap.fill(resvg::tiny_skia::Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|e| PngError::Encode(e.to_string()))
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
