//! Annotations of GitHub Actions: workflow commands, one a line, at most ten as GitHub shows no more.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use super::Told;
use crate::gate::judgement::Outcome;
use crate::gate::verdict::Verdict;

/// As many are shown of a step.
const MOST: usize = 10;

/// Renders them: what failed, then what is unclear among the required; the rest is counted in the last.
#[must_use]
pub fn render(told: &Told<'_>) -> String {
    let judgement = told.judgement;
    let mut commands: Vec<String> = Vec::new();
    for reason in &judgement.reasons {
        let kind = match judgement.outcome {
            Outcome::Fail => "error",
            _ => "warning",
        };
        commands.push(command(kind, reason));
    }
    for judged in &judgement.endpoints {
        let kind = match judged.verdict {
            Verdict::Fail => "error",
            Verdict::Inconclusive if judged.required => "warning",
            _ => continue,
        };
        let name = told.name(judged, |text| text.for_terminal());
        commands.push(command(kind, &format!("{name}: {}", told.reason(judged))));
    }
    if commands.len() > MOST {
        let more = commands.len() - (MOST - 1);
        commands.truncate(MOST - 1);
        commands.push(command("warning", &format!("and {more} more")));
    }
    commands.concat()
}

/// One command. A message cannot end it and begin another: what separates is escaped as GitHub's own
/// toolkit does it.
fn command(kind: &str, message: &str) -> String {
    let mut data = String::with_capacity(message.len());
    for c in message.chars() {
        match c {
            '%' => data.push_str("%25"),
            '\r' => data.push_str("%0D"),
            '\n' => data.push_str("%0A"),
            c => data.push(c),
        }
    }
    format!("::{kind} title=slowpath gate::{data}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_one_command() {
        assert_eq!(
            command("error", "50 %\r\n::set-env name=PATH::x"),
            "::error title=slowpath gate::50 %25%0D%0A::set-env name=PATH::x\n"
        );
    }
}
