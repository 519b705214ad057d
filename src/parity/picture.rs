//! A comparison as a picture: a bar a day.

use super::{Comparison, Span, Verdict};
use jiff::civil::Date;
use std::{collections::BTreeMap, fmt::Write};

const HEIGHT: f64 = 260.0;
const BAR: f64 = 26.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 64.0;

/// The kinds of findings with their colours, from the bottom of a bar up.
const KINDS: [(&str, &str); 4] = [
    ("一致 matched", "#2e7d4f"),
    ("字段不同 different", "#d99000"),
    ("网关缺失 missing here", "#c62828"),
    ("旧系统缺失 missing there", "#5c6bc0"),
];

/// A bar a day: matched, different, missing here, missing there.
pub fn draw(title: &str, all: &[Comparison], span: &Span) -> String {
    let mut days: BTreeMap<Date, [u64; 4]> = BTreeMap::new();
    let mut sums = [0u64; 4];
    for one in all {
        let at = one.there.iter().chain(&one.here).find_map(|row| row.times.first());
        let day = at.map_or(span.from, |at| at.to_zoned(span.zone.clone()).date());
        let kind = match one.verdict {
            Verdict::Matched => 0,
            Verdict::Different(_) => 1,
            Verdict::MissingHere | Verdict::Unreadable(_) => 2,
            Verdict::MissingThere => 3,
        };
        days.entry(day).or_default()[kind] += 1;
        sums[kind] += 1;
    }
    let most = days.values().map(|counts| counts.iter().sum::<u64>()).max().unwrap_or(0).max(1);
    let width = (LEFT + (BAR + 8.0) * days.len() as f64 + 24.0).max(640.0);
    let bottom = TOP + HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}</text>\n",
        bottom + 60.0,
        escaped(title)
    );
    for (place, ((name, colour), sum)) in KINDS.iter().zip(sums).enumerate() {
        let x = LEFT + 145.0 * place as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.0}\" y=\"34\" width=\"11\" height=\"11\" fill=\"{colour}\"/><text x=\"{:.0}\" y=\"44\" font-size=\"11\">{name}: {sum}</text>",
            x + 15.0
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {TOP}V{bottom}H{width:.0}\" fill=\"none\" stroke=\"#999\"/>\
         <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{most}</text><text x=\"{:.0}\" y=\"{bottom}\" text-anchor=\"end\">0</text>",
        LEFT - 6.0,
        TOP + 4.0,
        LEFT - 6.0
    );
    for (place, (day, counts)) in days.iter().enumerate() {
        let x = LEFT + 10.0 + (BAR + 8.0) * place as f64;
        let mut y = bottom;
        for (count, (name, colour)) in counts.iter().zip(KINDS) {
            let height = HEIGHT * *count as f64 / most as f64;
            y -= height;
            if *count > 0 {
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{BAR}\" height=\"{height:.1}\" fill=\"{colour}\"><title>{day} {name}: {count}</title></rect>"
                );
            }
        }
        let (middle, label) = (x + BAR / 2.0, bottom + 14.0);
        let _ = writeln!(
            svg,
            "<text transform=\"translate({middle:.1} {label:.1}) rotate(45)\" font-size=\"10\">{}</text>",
            day.strftime("%m-%d")
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
