//! CSV by RFC 4180: one row an endpoint, then `(other)`; numbers as plain integers, durations in µs.
//!
//! A text cell that a spreadsheet would take for a formula begins with `'`; numbers never do.

use super::{Cell, View};
use crate::untrusted::Untrusted;

/// Renders the view.
#[must_use]
pub fn render(view: &View<'_>) -> String {
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let columns = || {
        view.columns
            .iter()
            .filter(|column| !matches!(column, super::Column::Bar(_)))
    };
    // Writing to memory cannot fail, and every row has the same columns.
    let mut write = |cells: Vec<String>| {
        out.write_record(cells)
            .unwrap_or_else(|e| unreachable!("{e}"))
    };
    let heads = columns().flat_map(|column| match column {
        super::Column::Endpoint => vec!["method".to_owned(), "route".to_owned()],
        column => vec![column.key()],
    });
    write(heads.collect());
    let other = view.other.as_ref().map(|other| super::Endpoint {
        route: b"(other)".to_vec(),
        ..other.clone()
    });
    for endpoint in view.rows.iter().copied().chain(other.as_ref()) {
        write(
            columns()
                .flat_map(|column| texts(&column.cell(endpoint, &view.summary.totals)))
                .collect(),
        );
    }
    let bytes = out.into_inner().unwrap_or_else(|e| unreachable!("{e}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The texts of a cell; an endpoint is two.
fn texts(cell: &Cell) -> Vec<String> {
    match cell {
        Cell::Endpoint { method, route } => vec![
            Untrusted::new(method).for_csv(),
            Untrusted::new(route).for_csv(),
        ],
        Cell::Text(text) => vec![Untrusted::new(text).for_csv()],
        Cell::Count(n) | Cell::Bytes(n) => vec![n.to_string()],
        Cell::Share(part, whole) => vec![share(*part, *whole)],
        Cell::Duration(duration) => vec![
            duration
                .map(|duration| duration.value.0.to_string())
                .unwrap_or_default(),
        ],
        Cell::Bar { .. } => Vec::new(),
    }
}

/// A share as a decimal fraction with six digits, cut off; empty where there is no whole.
fn share(part: u64, whole: u64) -> String {
    match (u128::from(part) * 1_000_000).checked_div(u128::from(whole)) {
        Some(millionths) => format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_decimal_fractions() {
        assert_eq!(share(1, 3), "0.333333");
        assert_eq!(share(3, 3), "1.000000");
        assert_eq!(share(0, 0), "");
    }
}
