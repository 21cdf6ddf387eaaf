//! The difference as a table for a terminal.

use super::{Told, cells, seconds, shown, time};
use crate::diagnosis::Finding;
use crate::report::grid::{Side, grid};
use crate::summary::Endpoint;
use crate::unit;
use crate::untrusted::{Untrusted, fit};

/// As wide as a name is shown at most.
const NAME: usize = 48;

/// New and vanished endpoints that are listed.
const LISTED: usize = 20;

/// Renders it.
#[must_use]
pub fn render(told: &Told<'_>) -> String {
    let mut out = told.head().join("\n");
    out.push('\n');
    let heads = [
        ("endpoint", Side::Left),
        ("requests", Side::Right),
        ("seconds", Side::Right),
        ("phase", Side::Left),
        ("before", Side::Right),
        ("after", Side::Right),
        ("ratio", Side::Right),
        ("95 % interval", Side::Right),
    ]
    .map(|(head, side)| (head.to_owned(), side));
    let (changed, more) = told.changed();
    let mut rows = Vec::new();
    for of in changed {
        let name = fit(&told.name(&of.after, |text| text.for_terminal()), NAME);
        let requests = format!(
            "{} → {}",
            unit::count(of.before.requests),
            unit::count(of.after.requests)
        );
        let mut head = [name, requests, seconds(of.seconds)];
        for phase in shown(of) {
            let mut row: Vec<String> = std::mem::take(&mut head).into();
            row.push(phase.phase.name().to_owned());
            row.extend(cells(phase));
            rows.push(row);
        }
        if head.iter().any(|text| !text.is_empty()) {
            let mut row: Vec<String> = head.into();
            row.resize(heads.len(), String::new());
            rows.push(row);
        }
    }
    if !rows.is_empty() {
        out.push('\n');
        for line in grid(&heads, &rows) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    if more > 0 {
        out.push_str(&format!("and {more} more (-n 0 lists all)\n"));
    }
    for (word, endpoints) in [
        ("new", &told.difference.new),
        ("vanished", &told.difference.vanished),
    ] {
        list(&mut out, told, word, endpoints);
    }
    for (word, findings) in [
        ("new finding", &told.difference.appeared),
        ("gone", &told.difference.went),
        ("still", &told.difference.stayed),
    ] {
        for finding in findings {
            out.push_str(&format!("{word}: {}\n", said(finding)));
        }
    }
    out
}

fn list(out: &mut String, told: &Told<'_>, word: &str, endpoints: &[Endpoint]) {
    for endpoint in endpoints.iter().take(LISTED) {
        let name = fit(&told.name(endpoint, |text| text.for_terminal()), NAME);
        out.push_str(&format!(
            "{word}: {name}, {} requests, busy {}\n",
            unit::count(endpoint.requests),
            time(endpoint.busy.0 as f64)
        ));
    }
    if endpoints.len() > LISTED {
        out.push_str(&format!("{word}: {} more\n", endpoints.len() - LISTED));
    }
}

fn said(finding: &Finding) -> String {
    let title = finding
        .title
        .render(|name: Untrusted<'_>| name.for_terminal_within(NAME));
    format!("{}: {title}", finding.severity.name())
}
