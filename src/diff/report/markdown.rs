//! The difference as Markdown.

use super::{Told, cells, seconds, shown, time};
use crate::unit;

/// New and vanished endpoints that are listed.
const LISTED: usize = 50;

/// Renders it.
#[must_use]
pub fn render(told: &Told<'_>) -> String {
    let mut out = String::from("### slowpath diff\n\n");
    for line in told.head() {
        out.push_str(&format!("- {line}\n"));
    }
    let (changed, more) = told.changed();
    if !changed.is_empty() {
        out.push_str("\n| endpoint | requests | seconds | phase | before | after | ratio | 95 % interval |\n");
        out.push_str("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |\n");
    }
    for of in changed {
        let head = format!(
            "| {} | {} → {} | {}",
            told.name(&of.after, |text| text.for_markdown()),
            unit::count(of.before.requests),
            unit::count(of.after.requests),
            seconds(of.seconds)
        );
        let phases = shown(of);
        for phase in &phases {
            let cells = cells(phase).join(" | ");
            out.push_str(&format!("{head} | {} | {cells} |\n", phase.phase.name()));
        }
        if phases.is_empty() {
            out.push_str(&format!("{head} | | | | | |\n"));
        }
    }
    if more > 0 {
        out.push_str(&format!("\nand {more} more\n"));
    }
    for (word, endpoints) in [
        ("New", &told.difference.new),
        ("Vanished", &told.difference.vanished),
    ] {
        if endpoints.is_empty() {
            continue;
        }
        out.push_str(&format!("\n{word} endpoints:\n\n"));
        for endpoint in endpoints.iter().take(LISTED) {
            out.push_str(&format!(
                "- {}, {} requests, busy {}\n",
                told.name(endpoint, |text| text.for_markdown()),
                unit::count(endpoint.requests),
                time(endpoint.busy.0 as f64)
            ));
        }
        if endpoints.len() > LISTED {
            out.push_str(&format!("- and {} more\n", endpoints.len() - LISTED));
        }
    }
    for (word, findings) in [
        ("New findings", &told.difference.appeared),
        ("Findings that went", &told.difference.went),
        ("Findings of both", &told.difference.stayed),
    ] {
        if findings.is_empty() {
            continue;
        }
        out.push_str(&format!("\n{word}:\n\n"));
        for finding in findings {
            let title = finding.title.render(|name| name.for_markdown());
            out.push_str(&format!("- {}: {title}\n", finding.severity.name()));
        }
    }
    out
}
