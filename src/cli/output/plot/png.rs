//! From SVG to PNG, with the fonts that come with the program, so that the picture is the same everywhere.

use std::sync::Arc;

use resvg::{tiny_skia, usvg};

const REGULAR: &[u8] = include_bytes!("../../../../assets/fonts/Arimo-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../../../assets/fonts/Arimo-Bold.ttf");

/// Pixels per unit of the SVG.
const SCALE: f32 = 2.0;

/// Renders at twice the size, for screens and print. The error is a bug in the SVG, or a picture too large to hold.
pub(super) fn render(svg: &str) -> Result<Vec<u8>, String> {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(REGULAR.to_vec());
    fonts.load_font_data(BOLD.to_vec());
    fonts.set_sans_serif_family("Arimo");
    if svg.chars().any(foreign) {
        fonts.load_system_fonts();
    }
    let options =
        usvg::Options { font_family: "Arimo".to_owned(), fontdb: Arc::new(fonts), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let (width, height) = ((tree.size().width() * SCALE).ceil() as u32, (tree.size().height() * SCALE).ceil() as u32);
    let mut pixels = tiny_skia::Pixmap::new(width, height)
        .ok_or_else(|| format!("a picture of {width} by {height} pixels is too large"))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}

/// Whether a character of some name is in no script that our fonts have; then the machine's fonts are asked, which
/// takes some time to read.
fn foreign(c: char) -> bool {
    !matches!(c as u32, 0..=0x17f | 0x384..=0x3ce | 0x1d62..=0x1d6a | 0x2010..=0x22ff)
}
