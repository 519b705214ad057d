//! A QR code (ISO/IEC 18004) as a picture in the page: no request, no style, sharp on paper.

use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write;

/// The free space around it, in modules.
const QUIET: usize = 4;

/// `text` as a QR code, called `label` for who does not see it. Nothing, if it is too long for one.
pub(crate) fn qr(text: &str, label: &str) -> Markup {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else { return html! {} };
    let (width, modules) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (y, row) in modules.chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|one, other| one == other) {
            if run[0] == Color::Dark {
                let _ = write!(path, "M{} {}h{}v1h-{}z", x + QUIET, y + QUIET, run.len(), run.len());
            }
            x += run.len();
        }
    }
    let side = width + 2 * QUIET;
    html! {
        svg.qr role="img" aria-label=(label) viewBox={ "0 0 " (side) " " (side) } shape-rendering="crispEdges" {
            path fill="#fff" d={ "M0 0h" (side) "v" (side) "H0z" } {}
            path fill="#000" d=(path) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_a_picture_and_a_novel_none() {
        let picture = qr("https://12345.example.org/status?number=20261122-000123-4", "扫码查询进度").into_string();
        // Every code has its three finders; the first begins in the corner, seven modules wide.
        assert!(picture.contains("M4 4h7v1h-7z") && picture.contains("扫码查询进度"), "{picture}");
        assert!(picture.len() < 12_000, "{}", picture.len());
        assert_eq!(qr(&"x".repeat(5_000), "").into_string(), "");
    }
}
