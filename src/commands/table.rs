//! Tables in a terminal, aligned also where characters are two columns wide.

use unicode_width::UnicodeWidthStr;

/// Rows under their headings, with two spaces between columns.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings: Vec<String> = headings.iter().map(ToString::to_string).collect();
    let widths: Vec<usize> = (0..headings.len())
        .map(|column| {
            let cells = rows.iter().chain([&headings]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in [&headings].into_iter().chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_aligned_though_chinese_is_wide() {
        let rows = [vec!["12319".into(), "城管热线".into(), "并入".into()], vec!["1".into(), "a".into(), "b".into()]];
        let text = table(&["编号", "热线", "模式"], &rows);
        assert_eq!(text, "编号   热线      模式\n12319  城管热线  并入\n1      a         b\n");
    }
}
