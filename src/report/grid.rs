//! Plain text in columns: no borders, two blanks between columns. The one place that knows
//! comfy-table.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

/// On which side of its column a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// The lines of a grid with a heading, none ending in blanks. Texts must hold no control characters.
pub(crate) fn grid(heads: &[(String, Side)], rows: &[Vec<String>]) -> Vec<String> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    let cell = |text: &String, side| {
        let alignment = if side == Side::Left {
            CellAlignment::Left
        } else {
            CellAlignment::Right
        };
        Cell::new(text).set_alignment(alignment)
    };
    table.set_header(heads.iter().map(|(head, side)| cell(head, *side)));
    for row in rows {
        table.add_row(
            row.iter()
                .zip(heads)
                .map(|(text, (_, side))| cell(text, *side)),
        );
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}
