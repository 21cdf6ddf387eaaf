//! A Markdown table (GitHub's dialect) with the findings above it, and a line that says what it is of.

use std::fmt::Write as _;

use super::{Cell, Column, Endpoint, View, endpoint_name};
use crate::diagnosis::Diagnosis;
use crate::summary::Knowledge;
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
        match summary.split.by {
            Some(model) if summary.split.wait == Knowledge::Inferred => {
                format!("inferred ({model})")
            }
            _ => summary.split.wait.word().to_owned(),
        },
        summary.split.busy.name(),
        if view.complete {
            ""
        } else {
            "; PARTIAL: interrupted"
        },
    );
    findings(view, &mut out);
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

/// The findings as a list, their numbers and advice as lists within.
fn findings(view: &View<'_>, out: &mut String) {
    let name = |name: Untrusted<'_>| name.for_markdown();
    let Diagnosis {
        findings,
        not_looked_at,
        ..
    } = view.diagnosis;
    if findings.is_empty()
        && let Some(nothing) = super::findings::nothing(view.diagnosis, view.summary)
    {
        let _ = writeln!(out, "{nothing}\n");
    }
    for finding in findings {
        let (severity, grounds) = (finding.severity.name(), finding.grounds.name());
        let title = finding.title.render(name);
        let _ = writeln!(out, "- **{severity}**, {grounds}: {title}");
        for detail in finding.detail.iter().chain([&finding.advice]) {
            let _ = writeln!(out, "  - {}", detail.render(name));
        }
    }
    for text in super::findings::not_looked_for(view.diagnosis) {
        let _ = writeln!(out, "- Not looked for: {text}.");
    }
    if !findings.is_empty() || !not_looked_at.is_empty() {
        out.push('\n');
    }
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
