//! What the summary means: findings, each with the evidence that it rests on.
//!
//! A [`Case`] is made of the summary once: the windows in which something was wrong, and what changed
//! in them. Then every rule of `rules` looks at the case, one file a rule, and none changes it.
//! Nothing here reads a log or prints; the sentences are made here, their escaping is the renderers'.
//!
//! No finding is better than a false one: a rule that has too little to go by says so in
//! [`Diagnosis::not_looked_at`].

mod alike;
mod baseline;
mod case;
mod change;
mod common_mode;
mod finding;
mod fit;
mod incident;
mod limits;
mod neighbours;
mod panel;
mod pool;
mod prose;
mod queue;
mod rules;
mod stretch;
mod verdict;
mod weighted;

pub use baseline::Baseline;
pub use case::Case;
pub use common_mode::Wait;
pub use finding::{Evidence, Finding, Grounds, Kind, Named, Role, Severity, Subject, Topic, Value};
pub use pool::Pool;
pub use prose::{Piece, Prose};

use rayon::prelude::*;

use crate::stamp::Stamp;
use crate::summary::Summary;
use crate::unit::Micros;
use rules::RULES;

/// A kind of finding that was not looked for, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotLookedAt {
    /// The kind.
    pub kind: Kind,
    /// Why, and what would help.
    pub why: String,
}

/// What was found in a log.
#[derive(Debug, Clone, Default)]
pub struct Diagnosis {
    /// The findings: the graver first, then those that explain most time.
    pub findings: Vec<Finding>,
    /// What could not be looked for, in the order of the kinds.
    pub not_looked_at: Vec<NotLookedAt>,
    /// What was looked for, in the order of the kinds.
    pub looked_for: Vec<Kind>,
    /// Where wait is inferred: that of each endpoint, in the order of the summary.
    pub waits: Option<Vec<Wait>>,
    /// The worker pools, in the order of the summary's upstreams.
    pub pools: Vec<Option<Pool>>,
}

/// What a person says that a log does not.
#[derive(Debug, Clone, Default)]
pub struct Context<'c> {
    /// What is usual.
    pub baseline: Baseline<'c>,
    /// What was done when: deploys, restarts.
    pub marks: Vec<Mark>,
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// When.
    pub at: Stamp,
    /// What.
    pub label: String,
}

/// Looks for everything that the rules know, with nothing said beside the log.
#[must_use]
pub fn diagnose(summary: &Summary) -> Diagnosis {
    diagnose_with(summary, &Context::default())
}

/// Looks for everything that the rules know.
#[must_use]
pub fn diagnose_with(summary: &Summary, context: &Context<'_>) -> Diagnosis {
    let case = Case::new(summary, context);
    let mut diagnosis = Diagnosis::default();
    let nothing = (summary.totals.requests == 0).then(|| why_empty(summary));
    // What the rules say stays in their order.
    let looked: Vec<_> = RULES
        .par_iter()
        .map(|rule| match &nothing {
            Some(why) => Err(why.clone()),
            None => (rule.look)(&case),
        })
        .collect();
    for (rule, verdict) in RULES.iter().zip(looked) {
        match verdict {
            Ok(findings) => {
                diagnosis.looked_for.extend(rule.kinds);
                diagnosis.findings.extend(findings);
            }
            Err(why) => diagnosis
                .not_looked_at
                .extend(rule.kinds.iter().map(|kind| NotLookedAt {
                    kind: *kind,
                    why: why.clone(),
                })),
        }
    }
    rules::leave_out_echoes(&case, &mut diagnosis.findings);
    diagnosis.waits = case.inferred.map(|inferred| inferred.waits);
    diagnosis.pools = case.pools;
    for finding in &mut diagnosis.findings {
        note_marks(finding, &context.marks);
    }
    diagnosis.findings.sort_by(Finding::rank);
    diagnosis.looked_for.sort_unstable();
    diagnosis.not_looked_at.sort_by_key(|not| not.kind);
    diagnosis
}

/// Why there are no requests. It is no fault of the log where they were left out.
fn why_empty(summary: &Summary) -> String {
    if summary.lines.filtered > 0 {
        "the filter and the time range leave no request".to_owned()
    } else {
        "there are no requests".to_owned()
    }
}

/// A mark so long before a finding begins, or so shortly behind, may have to do with it.
const NEAR: Micros = Micros(600_000_000);

/// Tells of the marks near the beginning of a finding.
fn note_marks(finding: &mut Finding, marks: &[Mark]) {
    let Some(from) = finding.from else { return };
    let near = |mark: &&Mark| mark.at >= from.before(NEAR) && mark.at <= from.after(NEAR);
    for mark in marks.iter().filter(near) {
        let apart = Micros(mark.at.0.abs_diff(from.0));
        let side = if mark.at <= from { "after" } else { "before" };
        // What a person gave on the command line is not the log's, but is escaped all the same.
        finding.detail.push(
            Prose::new(format!("It began {apart} {side} "))
                .log(mark.label.as_bytes())
                .words(format!(" ({}).", mark.at.rfc3339())),
        );
        let entry = vec![
            ("at", Value::Time(mark.at)),
            ("label", Value::Log(mark.label.clone().into_bytes())),
        ];
        match finding.evidence.iter_mut().find(|(key, _)| *key == "marks") {
            Some((_, Value::List(list))) => list.push(Value::Group(entry)),
            _ => finding
                .evidence
                .push(("marks", Value::List(vec![Value::Group(entry)]))),
        }
    }
}
