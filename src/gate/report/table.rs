//! The judgement as a table for a terminal.

use super::{Told, time, words};
use crate::report::grid::{Side, grid};
use crate::untrusted::fit;

/// As wide as a name is shown at most.
const NAME: usize = 48;

/// Renders it.
#[must_use]
pub fn render(told: &Told<'_>) -> String {
    let judgement = told.judgement;
    let mut out = format!("{}\n", judgement.outcome.word());
    for reason in &judgement.reasons {
        out.push_str(&format!("  {reason}\n"));
    }
    out.push_str(&format!("{}\n", told.runs()));
    for line in told.noise() {
        out.push_str(&format!("{line}\n"));
    }
    let heads = [
        ("verdict", Side::Left),
        ("endpoint", Side::Left),
        ("phase", Side::Left),
        ("baseline", Side::Right),
        ("candidate", Side::Right),
        ("change", Side::Right),
        ("95 % interval", Side::Right),
        ("would see", Side::Right),
        ("", Side::Left),
    ]
    .map(|(head, side)| (head.to_owned(), side));
    let mut rows: Vec<Vec<String>> = Vec::new();
    for judged in &judgement.endpoints {
        let name = fit(&told.name(judged, |text| text.for_terminal()), NAME);
        let star = if judged.required { " *" } else { "" };
        let verdict = format!("{}{star}", judged.verdict.word());
        let mut notes: Vec<String> = judged.because.map(str::to_owned).into_iter().collect();
        notes.extend(told.errors(judged));
        let note = notes.join("; ");
        let shown = told.shown(judged);
        if shown.is_empty() {
            let mut row = vec![verdict, name];
            row.extend(std::iter::repeat_n(String::new(), 6));
            row.push(note);
            rows.push(row);
            continue;
        }
        for (at, statistic) in shown.iter().enumerate() {
            let first = at == 0;
            let once = |text: &String| if first { text.clone() } else { String::new() };
            let mut row = vec![once(&verdict), once(&name)];
            row.extend(words(statistic));
            row.push(once(&note));
            rows.push(row);
        }
    }
    if !rows.is_empty() {
        out.push('\n');
        for line in grid(&heads, &rows) {
            out.push_str(&line);
            out.push('\n');
        }
        out.push_str("* required: the verdict on the whole depends on it\n");
    }
    for result in &judgement.budgets {
        let budget = &result.budget;
        let measured = match result.measured {
            None => "too few requests".to_owned(),
            Some(share) if budget.is_share() => format!("{:.2} %", share * 100.0),
            Some(us) => time(us).to_string(),
        };
        let word = match result.kept {
            Some(true) => "kept",
            Some(false) => "OVER",
            None => "unknown",
        };
        // A person wrote the budget, but perhaps by a program that read a log.
        let text = crate::untrusted::Untrusted::new(budget.text.as_bytes()).for_terminal();
        out.push_str(&format!("budget {word}: {text}: {measured}\n"));
    }
    out
}
