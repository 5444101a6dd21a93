//! Cells in columns, for tables on a terminal.

use anstyle::Style;

use crate::cli::render::paint::Paint;

/// `rows` with every column as wide as its widest cell.
pub fn columns<const N: usize>(rows: &[[(String, Style); N]], paint: Paint) -> String {
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].0.chars().count());
        widths.max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|((cell, style), width)| {
            let space = " ".repeat(width - cell.chars().count());
            paint.with(*style, cell) + &space
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text += line.trim_end();
        text.push('\n');
    }
    text
}
