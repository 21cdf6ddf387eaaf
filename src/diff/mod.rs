//! Two logs, endpoint by endpoint: what takes longer, what is new or gone, and how much of the change of
//! the whole is a change of the traffic only. Prints nothing and passes no verdict: that is the gate's.
//!
//! ```text
//! Summary, Summary ─ pairs ─ change (each phase, with its interval) ─ Difference ─ report ─ table | json | markdown
//! ```

mod change;
mod mix;
mod pairs;
pub mod report;

pub use change::PhaseChange;
pub use mix::Mix;

use crate::diagnosis::{Diagnosis, Finding, Kind, Role, Subject};
use crate::summary::{Endpoint, Summary};

/// A log in numbers, and what was found in it.
#[derive(Debug)]
pub struct Side<'s> {
    /// The numbers.
    pub summary: &'s Summary,
    /// The findings.
    pub diagnosis: &'s Diagnosis,
}

/// An endpoint of both logs.
#[derive(Debug, Clone)]
pub struct Changed {
    /// In the first log.
    pub before: Endpoint,
    /// In the second.
    pub after: Endpoint,
    /// The seconds that the requests of the second log take longer than they would have in the first:
    /// how many there are times the change of the mean. Negative where they became faster.
    pub seconds: f64,
    /// The phases that both logs know, in their order.
    pub phases: Vec<PhaseChange>,
}

/// What differs between two logs.
#[derive(Debug)]
pub struct Difference<'s> {
    /// The endpoints of both: most seconds changed first, whichever way; then by name.
    pub changed: Vec<Changed>,
    /// Endpoints of the second log only, busiest first.
    pub new: Vec<Endpoint>,
    /// Endpoints of the first log only, busiest first.
    pub vanished: Vec<Endpoint>,
    /// The mean over all requests; `None` where a log has no durations.
    pub mix: Option<Mix>,
    /// Findings of the second log only.
    pub appeared: Vec<&'s Finding>,
    /// Findings of the first log only.
    pub went: Vec<&'s Finding>,
    /// Findings of both, as the second log has them.
    pub stayed: Vec<&'s Finding>,
}

impl<'s> Difference<'s> {
    /// Compares.
    #[must_use]
    pub fn between(before: &Side<'s>, after: &Side<'s>) -> Difference<'s> {
        let mix = Mix::of(before.summary, after.summary);
        let (both, vanished, new) = pairs::pairs(before.summary, after.summary);
        let mut changed: Vec<Changed> = both
            .into_iter()
            .map(|(before, after)| Changed {
                seconds: change::seconds(&before, &after),
                phases: change::phases(&before, &after),
                before,
                after,
            })
            .collect();
        changed.sort_by(|a, b| {
            let name = |of: &Changed| (of.after.route.clone(), of.after.method.clone());
            b.seconds
                .abs()
                .total_cmp(&a.seconds.abs())
                .then_with(|| name(a).cmp(&name(b)))
        });
        let only = |mine: &Side<'s>, theirs: &Side<'_>| {
            let known: Vec<Saying> = sayings(theirs);
            let mine: Vec<(&'s Finding, Saying)> =
                mine.diagnosis.findings.iter().zip(sayings(mine)).collect();
            let (stayed, only): (Vec<_>, Vec<_>) =
                mine.into_iter().partition(|(_, says)| known.contains(says));
            let findings = |of: Vec<(&'s Finding, Saying)>| {
                of.into_iter().map(|(finding, _)| finding).collect()
            };
            (findings(stayed), findings(only))
        };
        let (stayed, appeared) = only(after, before);
        let (_, went) = only(before, after);
        Difference {
            changed,
            new,
            vanished,
            mix,
            appeared,
            went,
            stayed,
        }
    }
}

/// By what a finding is known again in another log: what it says of whom, not its numbers.
type Saying = (Kind, Option<Subject>, Vec<(Vec<u8>, Vec<u8>)>);

fn sayings(side: &Side<'_>) -> Vec<Saying> {
    let saying = |finding: &Finding| {
        let blamed = finding
            .endpoints
            .iter()
            .filter(|named| matches!(named.role, Role::Culprit | Role::Trigger));
        let mut blamed: Vec<(Vec<u8>, Vec<u8>)> = blamed
            .filter_map(|named| side.summary.endpoints.get(named.endpoint))
            .map(|endpoint| (endpoint.method.clone(), endpoint.route.clone()))
            .collect();
        blamed.sort_unstable();
        (finding.kind, finding.subject.clone(), blamed)
    };
    side.diagnosis.findings.iter().map(saying).collect()
}
