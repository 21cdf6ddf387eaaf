//! `recurring_outage`: several incidents of the same kind with normal time between them.

use super::{Verdict, hull, micros, named, windows};
use crate::diagnosis::case::{Case, Examined};
use crate::diagnosis::change::{Change, own_growth};
use crate::diagnosis::verdict::Cause;
use crate::diagnosis::{Finding, Kind, Prose, Role, Severity, Value, limits};
use crate::unit::Micros;

pub fn look(case: &Case<'_>) -> Verdict {
    if let Some(why) = case.blind() {
        return Err(why);
    }
    let outages = outages(case);
    if outages.len() < limits::RECURRING {
        return Ok(Vec::new());
    }
    Ok(vec![finding(case, &outages)])
}

/// The incidents in which something common was slow, and not a little.
pub fn outages<'c>(case: &'c Case<'_>) -> Vec<&'c Examined> {
    case.slow()
        .filter(|examined| is_outage(&examined.verdict.cause, &examined.changes))
        .collect()
}

fn is_outage(cause: &Cause, changes: &[Change]) -> bool {
    matches!(cause, Cause::Common(_)) && own_growth(changes) >= limits::LEAST_GROWTH
}

fn finding(case: &Case<'_>, outages: &[&Examined]) -> Finding {
    let width = case.panel.as_ref().map_or(0, |panel| panel.width.0);
    let lengths: Vec<u64> = outages
        .iter()
        .map(|examined| (examined.incident.until - examined.incident.from) as u64 * width)
        .collect();
    let mut gaps: Vec<u64> = outages
        .windows(2)
        .map(|pair| pair[1].incident.from.saturating_sub(pair[0].incident.until) as u64 * width)
        .collect();
    gaps.sort_unstable();
    let (shortest, longest) = (lengths.iter().min().copied(), lengths.iter().max().copied());
    let (shortest, longest) = (Micros(shortest.unwrap_or(0)), Micros(longest.unwrap_or(0)));
    let gap = Micros(gaps.get(gaps.len() / 2).copied().unwrap_or(0));
    let added: f64 = outages
        .iter()
        .flat_map(|examined| &examined.changes)
        .map(|change| change.added(0.0).max(0.0))
        .sum();
    let mut affected: Vec<usize> = Vec::new();
    for examined in outages {
        if let Cause::Common(places) = &examined.verdict.cause {
            affected.extend(
                places
                    .iter()
                    .filter_map(|at| examined.changes.get(*at))
                    .map(|change| change.endpoint),
            );
        }
    }
    affected.sort_unstable();
    affected.dedup();
    let (from, until) = hull(case, outages);
    let list = |at: usize| {
        let (from, until) = case.span(&outages[at].incident);
        let text = |stamp: Option<crate::stamp::Stamp>| {
            stamp.map_or_else(String::new, |stamp| stamp.rfc3339())
        };
        format!("{} to {}", text(from), text(until))
    };
    Finding {
        kind: Kind::RecurringOutage,
        severity: Severity::Critical,
        grounds: case.grounds(),
        title: Prose::new(format!(
            "Everything became slow {} times, {} and all was well between",
            outages.len(),
            if shortest == longest {
                format!("for {shortest},")
            } else {
                format!("for {shortest} to {longest},")
            }
        )),
        detail: vec![
            Prose::new(format!(
                "The gap between two of them is {gap} in the middle."
            )),
            Prose::new(format!(
                "They were {}.",
                (0..outages.len()).map(list).collect::<Vec<_>>().join(", ")
            )),
        ],
        from,
        until,
        endpoints: named(affected, Role::Affected),
        subject: None,
        evidence: vec![
            ("outages", Value::Count(outages.len() as u64)),
            ("shortest_us", Value::Duration(shortest)),
            ("longest_us", Value::Duration(longest)),
            ("median_gap_us", Value::Duration(gap)),
            ("added_us", Value::Duration(micros(added))),
            ("windows", windows(case, outages)),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "Look for what ran at these times and not between: jobs, reports, migrations, backups.",
        ),
        explains: micros(added),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::panel::Point;

    /// Endpoints with a hundred requests each that usually take 10 ms and so many in an incident.
    fn changes(times: &[f64]) -> Vec<Change> {
        let point = |ms: f64| Point {
            served: 100.0,
            own: 100.0 * ms * 1e3,
            ..Point::default()
        };
        let change = |(endpoint, ms): (usize, &f64)| Change {
            endpoint,
            pool: 0,
            before: point(10.0),
            during: point(*ms),
            effect: point(*ms),
            usual: 10e3,
            growth: ms / 10.0 - 1.0,
            growth_error: 0.02,
            logs: None,
            lasting: 0.9,
            longer: None,
        };
        times.iter().enumerate().map(change).collect()
    }

    #[test]
    fn an_outage_is_what_slows_all_of_them_and_not_a_little() {
        let all = Cause::Common(vec![0, 1, 2]);
        assert!(is_outage(&all, &changes(&[20.0, 25.0, 15.0])));
        // Some by a half, the whole by a fifth.
        assert!(!is_outage(&all, &changes(&[15.0, 11.0, 10.0])));
        assert!(!is_outage(&Cause::Unknown, &changes(&[20.0, 25.0, 15.0])));
        assert!(!is_outage(&all, &[]));
    }
}
