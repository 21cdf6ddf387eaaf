//! A Markdown table (GitHub's dialect) with a line above it that says what it is of.

use std::fmt::Write as _;

use super::{Cell, Column, Endpoint, View, endpoint_name};
use crate::unit;
use crate::untrusted::Untrusted;

/// Renders the view.
#[must_use]
pub fn render(view: &View<'_>) -> String {
    let summary = view.summary;
    let mut out = String::new();
    let columns: Vec<&Column> = view
        .columns
        .iter()
        .filter(|column| !matches!(column, Column::Bar(_)))
        .collect();
    // OK because write! to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "{} requests, {} lines, {} rejected; wait {}; busy time is {} time{}\n",
        unit::count(summary.totals.requests),
        unit::count(summary.lines.lines),
        unit::count(summary.lines.rejected()),
        summary.split.wait.word(),
        summary.split.busy.name(),
        if view.complete {
            ""
        } else {
            "; PARTIAL: interrupted"
        },
    );
    let heads: Vec<String> = columns.iter().map(|column| column.heading()).collect();
    let _ = writeln!(out, "| {} |", heads.join(" | "));
    let rules: Vec<&str> = columns
        .iter()
        .map(|column| {
            if matches!(column, Column::Endpoint | Column::Dimension(..)) {
                "---"
            } else {
                "---:"
            }
        })
        .collect();
    let _ = writeln!(out, "| {} |", rules.join(" | "));
    let other = view.other.as_ref().map(|other| Endpoint {
        route: format!("(other: {})", view.other_count).into_bytes(),
        ..other.clone()
    });
    for endpoint in view.rows.iter().copied().chain(other.as_ref()) {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| text(&column.cell(endpoint, &summary.totals), endpoint))
            .collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out
}

fn text(cell: &Cell, endpoint: &Endpoint) -> String {
    match cell {
        Cell::Endpoint { .. } => endpoint_name(endpoint, |text| text.for_markdown()),
        Cell::Text(text) => Untrusted::new(text).for_markdown(),
        Cell::Count(n) => unit::count(*n),
        Cell::Bytes(n) => unit::bytes(*n),
        Cell::Share(part, whole) => unit::share(*part, *whole),
        Cell::Duration(None) => "-".to_owned(),
        Cell::Duration(Some(duration)) => format!(
            "{}{}",
            if duration.at_least { "≥ " } else { "" },
            duration.value
        ),
        Cell::Bar { .. } => String::new(),
    }
}
