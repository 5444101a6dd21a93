//! Cells in columns, for tables on a terminal. Where a table is wider than the terminal its long columns are
//! cut, after those that say nothing, and its least important ones are left out, so that no row wraps.

use anstyle::Style;

use crate::cli::render::paint::Paint;
use crate::terminal::{cut, cut_middle, pad, width};

/// Spaces between two columns.
const GAP: usize = 2;

/// One column.
pub struct Column {
    pub heading: &'static str,
    /// It may be cut down to so many columns of the terminal; `None`: never.
    pub least: Option<usize>,
    /// The column with the highest rank is the first to be left out. Those of rank 0 say what a row is about: where they are
    /// cut, both ends stay.
    pub rank: u8,
}

/// A cell's text and how it looks.
pub type Cell = (String, Style);

/// The table of `rows`, at most `most` wide when that is given.
pub fn table<const N: usize>(
    columns: &[Column; N],
    rows: &[[Cell; N]],
    paint: Paint,
    most: Option<usize>,
) -> String {
    let natural = |at: usize| {
        let cells = rows.iter().map(|row| width(&row[at].0));
        cells.chain([width(columns[at].heading)]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(natural);
    let is_empty = |at: usize| {
        rows.iter()
            .all(|row| matches!(row[at].0.as_str(), "" | "-"))
    };
    let shown = fitted(columns, &widths, std::array::from_fn(is_empty), most);
    let headings = shown.iter().map(|(at, room)| {
        (
            cut(columns[*at].heading, *room),
            Style::new().dimmed(),
            *room,
        )
    });
    let mut text = line(headings, paint);
    for row in rows {
        let cells = shown.iter().map(|(at, room)| {
            let text = &row[*at].0;
            let cell = match columns[*at].rank {
                0 => cut_middle(text, *room),
                _ => cut(text, *room),
            };
            (cell, row[*at].1, *room)
        });
        text += &line(cells, paint);
    }
    text
}

fn line(cells: impl Iterator<Item = (String, Style, usize)>, paint: Paint) -> String {
    let mut text = String::new();
    let mut space = 0;
    for (cell, style, room) in cells {
        if cell.is_empty() {
            space += room + GAP;
            continue;
        }
        // spaces stand before a cell, so that none are left at the end of a line
        text += &" ".repeat(space);
        text += &paint.with(style, &cell);
        space = width(&pad(&cell, room)) - width(&cell) + GAP;
    }
    text.push('\n');
    text
}

/// Which columns are shown, and how wide each is.
fn fitted<const N: usize>(
    columns: &[Column; N],
    widths: &[usize; N],
    is_empty: [bool; N],
    most: Option<usize>,
) -> Vec<(usize, usize)> {
    let mut shown: Vec<(usize, usize)> = widths.iter().copied().enumerate().collect();
    let Some(most) = most else {
        return shown;
    };
    let total = |shown: &[(usize, usize)]| shown.iter().map(|(_, room)| room + GAP).sum::<usize>();
    if total(&shown) > most + GAP {
        shown.retain(|(at, _)| !is_empty[*at]);
    }
    loop {
        let cuttable =
            |(at, room): &(usize, usize)| columns[*at].least.is_some_and(|least| *room > least);
        if total(&shown) <= most + GAP {
            return shown;
        }
        // the widest gives way, one by one: so all long ones end up about equal
        let widest = shown.iter_mut().filter(|column| cuttable(column));
        if let Some((_, room)) = widest.max_by_key(|(_, room)| *room) {
            *room -= 1;
            continue;
        }
        if let [(_, room)] = shown.as_mut_slice() {
            *room = most;
            return shown;
        }
        // those that are left may have their full width again
        let last = shown.iter().map(|(at, _)| *at);
        let Some(drop) = last.max_by_key(|at| columns[*at].rank) else {
            return shown;
        };
        shown.retain(|(at, _)| *at != drop);
        for (at, room) in &mut shown {
            *room = widths[*at];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Paint = Paint { colour: false };

    const COLUMNS: [Column; 4] = [
        Column {
            heading: "CHECK",
            least: Some(6),
            rank: 0,
        },
        Column {
            heading: "STATUS",
            least: None,
            rank: 0,
        },
        Column {
            heading: "SINCE",
            least: None,
            rank: 2,
        },
        Column {
            heading: "DETAIL",
            least: Some(8),
            rank: 1,
        },
    ];

    fn shown(most: Option<usize>) -> String {
        let row = |cells: [&str; 4]| cells.map(|cell| (cell.to_owned(), Style::new()));
        let rows = [
            row(["shop", "up", "3 m", ""]),
            row(["店舗", "down", "", "connection refused"]),
        ];
        table(&COLUMNS, &rows, PLAIN, most)
    }

    #[test]
    fn a_table_fits_by_cutting_first_and_dropping_last() {
        for (most, expected) in [
            (
                None,
                "CHECK  STATUS  SINCE  DETAIL\nshop   up      3 m\n店舗   down           connection refused\n",
            ),
            (
                Some(40),
                "CHECK  STATUS  SINCE  DETAIL\nshop   up      3 m\n店舗   down           connection refused\n",
            ),
            (
                Some(34),
                "CHECK  STATUS  SINCE  DETAIL\nshop   up      3 m\n店舗   down           connection…\n",
            ),
            (
                Some(24),
                "CHECK  STATUS  DETAIL\nshop   up\n店舗   down    connecti…\n",
            ),
            (Some(14), "CHECK  STATUS\nshop   up\n店舗   down\n"),
        ] {
            let text = shown(most);
            assert_eq!(text, expected, "{most:?}");
            let widest = text.lines().map(width).max();
            assert!(most.is_none_or(|most| widest <= Some(most)), "{text}");
        }
    }
}
