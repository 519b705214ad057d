//! Precision and recall over the score, as a picture.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const MARGIN: f64 = 48.0;

/// Of links with their scores and whether they are right; `repeats` is how many there are to find.
pub fn draw(links: &[(f32, bool)], repeats: usize) -> String {
    let x = |score: f64| MARGIN + score * (WIDTH - 2.0 * MARGIN);
    let y = |part: f64| HEIGHT - MARGIN - part * (HEIGHT - 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for step in 0..=10 {
        let part = f64::from(step) / 10.0;
        let _ = writeln!(
            svg,
            "<path d=\"M{:.1} {:.1}H{:.1}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{part:.1}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{part:.1}</text>",
            x(0.0),
            y(part),
            x(1.0),
            x(0.0) - 6.0,
            y(part) + 4.0,
            x(part),
            HEIGHT - MARGIN + 18.0,
        );
    }
    for (name, colour, place) in [("准确率 precision", "#1a6", 0usize), ("召回率 recall", "#c33", 1)] {
        let mut path = String::new();
        for step in 0..=100 {
            let limit = f64::from(step) / 100.0;
            let linked: Vec<&(f32, bool)> = links.iter().filter(|(score, _)| f64::from(*score) >= limit).collect();
            let right = linked.iter().filter(|(_, right)| *right).count() as f64;
            let part = match (place, linked.len()) {
                (0, 0) => break,
                (0, all) => right / all as f64,
                _ => right / repeats.max(1) as f64,
            };
            let _ = write!(path, "{}{:.1} {:.1}", if step == 0 { "M" } else { "L" }, x(limit), y(part));
        }
        let below = MARGIN / 2.0 + 16.0 * place as f64;
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{:.1}\" y=\"{below:.1}\" fill=\"{colour}\">{name}</text>",
            WIDTH / 2.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">分值 score</text>\n</svg>",
        WIDTH / 2.0,
        HEIGHT - 8.0
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_both_lines_and_one_without_links_is_none_the_worse() {
        let picture = draw(&[(0.9, true), (0.6, false)], 2);
        assert_eq!(picture.matches("stroke-width=\"2\"").count(), 2);
        assert!(picture.ends_with("</svg>\n") && draw(&[], 0).contains("recall"));
    }
}
