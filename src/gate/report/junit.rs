//! The judgement as JUnit XML, a test case for each endpoint and budget, for CI systems that read it.

use super::Told;
use crate::gate::judgement::Outcome;
use crate::gate::verdict::Verdict;
use crate::untrusted::Untrusted;

/// What is said of a test case besides its name.
enum Result {
    Passed,
    Failed(String),
    Skipped(String),
}

/// Renders it.
#[must_use]
pub fn render(told: &Told<'_>) -> String {
    let judgement = told.judgement;
    let mut cases: Vec<(String, Result)> = Vec::new();
    // The whole is a case of its own: what no endpoint fails at (no data, load) must not look well.
    let why = || judgement.reasons.join("; ");
    cases.push((
        "gate".to_owned(),
        match judgement.outcome {
            Outcome::Pass => Result::Passed,
            Outcome::Fail => Result::Failed(why()),
            Outcome::Inconclusive => Result::Skipped(why()),
        },
    ));
    for judged in &judgement.endpoints {
        let reason = told.reason(judged);
        let result = match judged.verdict {
            Verdict::Pass => Result::Passed,
            Verdict::Fail => Result::Failed(reason),
            _ => Result::Skipped(format!("{}: {reason}", judged.verdict.word())),
        };
        cases.push((told.name(judged, |text| text.for_terminal()), result));
    }
    for result in &judgement.budgets {
        let name = Untrusted::new(result.budget.text.as_bytes()).for_terminal();
        let result = match result.kept {
            Some(true) => Result::Passed,
            Some(false) => Result::Failed("over budget".to_owned()),
            None => Result::Skipped("too few requests".to_owned()),
        };
        cases.push((format!("budget {name}"), result));
    }
    let count = |of: fn(&Result) -> bool| cases.iter().filter(|(_, result)| of(result)).count();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"slowpath gate\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">\n",
        cases.len(),
        count(|result| matches!(result, Result::Failed(_))),
        count(|result| matches!(result, Result::Skipped(_)))
    );
    for (name, result) in &cases {
        let head = format!(
            "    <testcase classname=\"slowpath\" name=\"{}\"",
            escaped(name)
        );
        let case = match result {
            Result::Passed => format!("{head}/>\n"),
            Result::Failed(why) => {
                format!(
                    "{head}><failure message=\"{}\"/></testcase>\n",
                    escaped(why)
                )
            }
            Result::Skipped(why) => {
                format!(
                    "{head}><skipped message=\"{}\"/></testcase>\n",
                    escaped(why)
                )
            }
        };
        out.push_str(&case);
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// For an attribute in double quotes. The text holds no control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // No characters of XML 1.0, but of Unicode.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
