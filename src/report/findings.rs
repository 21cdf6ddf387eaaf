//! The findings in plain sentences for a terminal: the statement, the numbers below it, the advice.

use super::table::{Style, wrap};
use crate::diagnosis::{Diagnosis, Severity};
use crate::summary::Summary;
use crate::unit;
use crate::untrusted::Untrusted;

/// A name in a sentence is never shown longer.
const LONGEST_NAME: usize = 120;
/// An example line is cut to this width where nothing else limits it.
const LONGEST_LINE: usize = 200;

/// The findings; nothing where no rule looked.
pub(super) fn render(diagnosis: &Diagnosis, summary: &Summary, style: Style) -> String {
    let mut out = String::new();
    let mut push = |text: &str, indent: usize, code: Option<&str>| {
        let room = style
            .width
            .map_or(usize::MAX, |width| width.saturating_sub(indent).max(24));
        for line in wrap(text, room) {
            out.push_str(&" ".repeat(indent));
            match code.filter(|_| style.color) {
                Some(code) => out.push_str(&format!("\x1b[{code}m{line}\x1b[0m")),
                None => out.push_str(&line),
            }
            out.push('\n');
        }
    };
    if diagnosis.findings.is_empty()
        && let Some(nothing) = nothing(diagnosis, summary)
    {
        push(&nothing, 0, None);
    }
    let example_room = style.width.map_or(LONGEST_LINE, |width| {
        width.saturating_sub(8).clamp(24, LONGEST_LINE)
    });
    for (at, finding) in diagnosis.findings.iter().enumerate() {
        let title = finding.title.render(name);
        let (severity, grounds) = (finding.severity.name(), finding.grounds.name());
        let head = format!("{}. {severity}, {grounds}: {title}", at + 1);
        push(&head, 0, Some(color(finding.severity)));
        for detail in &finding.detail {
            push(&detail.render(name), 3, None);
        }
        for example in &finding.examples {
            let line = Untrusted::new(&example.line).for_terminal_within(example_room);
            push(&format!("e.g. {line}"), 3, Some("2"));
        }
        push(&format!("→ {}", finding.advice.render(name)), 3, None);
    }
    let not = not_looked_for(diagnosis);
    if !not.is_empty() {
        push(
            &format!("Not looked for: {}.", not.join("; ")),
            0,
            Some("2"),
        );
    }
    out
}

fn name(name: Untrusted<'_>) -> String {
    name.for_terminal_within(LONGEST_NAME)
}

fn color(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "31",
        Severity::Warning => "33",
        Severity::Info => "1",
    }
}

/// What was not looked for, with why: an entry for each reason.
pub(super) fn not_looked_for(diagnosis: &Diagnosis) -> Vec<String> {
    if diagnosis.looked_for.is_empty()
        && let [first, rest @ ..] = diagnosis.not_looked_at.as_slice()
        && rest.iter().all(|not| not.why == first.why)
    {
        return vec![format!("anything ({})", first.why)];
    }
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for not in &diagnosis.not_looked_at {
        match reasons.iter_mut().find(|(why, _)| *why == not.why) {
            Some((_, sought)) => sought.push(not.kind.sought()),
            None => reasons.push((&not.why, vec![not.kind.sought()])),
        }
    }
    reasons
        .into_iter()
        .map(|(why, sought)| format!("{} ({why})", sought.join(", ")))
        .collect()
}

/// That nothing was found, what was looked for, and in how much data.
pub(super) fn nothing(diagnosis: &Diagnosis, summary: &Summary) -> Option<String> {
    if diagnosis.looked_for.is_empty() || summary.totals.requests == 0 {
        return None;
    }
    let sought: Vec<&str> = diagnosis
        .looked_for
        .iter()
        .map(|kind| kind.sought())
        .collect();
    let span = summary.range.map_or_else(String::new, |(first, last)| {
        format!(" over {}", unit::Micros(last.0.abs_diff(first.0)))
    });
    Some(format!(
        "Nothing found in {} requests of {} endpoints{span}. Looked for: {}.",
        unit::count(summary.totals.requests),
        unit::count(summary.endpoints.len() as u64),
        sought.join(", ")
    ))
}
