//! The judgement as Markdown, for a pull request or a step summary of GitHub Actions.

use super::{Told, time, words};
use crate::gate::judgement::Outcome;
use crate::gate::verdict::Verdict;
use crate::untrusted::Untrusted;

/// Rows of the table; a step summary may hold 1 MiB.
const ROWS: usize = 200;

/// Renders it.
#[must_use]
pub fn render(told: &Told<'_>) -> String {
    let judgement = told.judgement;
    let mark = match judgement.outcome {
        Outcome::Pass => "✅",
        Outcome::Inconclusive => "❔",
        Outcome::Fail => "❌",
    };
    let mut out = format!("### {mark} slowpath gate: {}\n\n", judgement.outcome.word());
    for reason in &judgement.reasons {
        let reason = Untrusted::new(reason.as_bytes()).for_markdown();
        out.push_str(&format!("- {reason}\n"));
    }
    if !judgement.reasons.is_empty() {
        out.push('\n');
    }
    out.push_str(&format!("{}\n", told.runs()));
    for line in told.noise() {
        out.push_str(&format!("<br>{line}\n"));
    }
    if !judgement.endpoints.is_empty() {
        out.push_str("\n| verdict | endpoint | phase | baseline | candidate | change | 95 % interval | would see |\n");
        out.push_str("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
    }
    for judged in judgement.endpoints.iter().take(ROWS) {
        let name = told.name(judged, |text| text.for_markdown());
        let verdict = match judged.verdict {
            Verdict::Fail => "**FAIL**",
            other => other.word(),
        };
        let mut notes: Vec<String> = judged.because.map(str::to_owned).into_iter().collect();
        notes.extend(told.errors(judged));
        let note = if notes.is_empty() {
            String::new()
        } else {
            format!(": {}", notes.join("; "))
        };
        let star = if judged.required { " \\*" } else { "" };
        let head = format!("| {verdict}{star}{note} | {name}");
        let shown = told.shown(judged);
        if shown.is_empty() {
            out.push_str(&format!("{head} | | | | | | |\n"));
        }
        for statistic in shown {
            out.push_str(&format!("{head} | {} |\n", words(statistic).join(" | ")));
        }
    }
    if judgement.endpoints.len() > ROWS {
        out.push_str(&format!(
            "\nand {} more endpoints\n",
            judgement.endpoints.len() - ROWS
        ));
    }
    if !judgement.endpoints.is_empty() {
        out.push_str("\n\\* required: the verdict on the whole depends on it\n");
    }
    for result in &judgement.budgets {
        let text = Untrusted::new(result.budget.text.as_bytes()).for_markdown();
        let measured = match result.measured {
            None => "too few requests".to_owned(),
            Some(share) if result.budget.is_share() => format!("{:.2} %", share * 100.0),
            Some(us) => time(us).to_string(),
        };
        out.push_str(&format!("\nbudget {text}: {measured}\n"));
    }
    out
}
