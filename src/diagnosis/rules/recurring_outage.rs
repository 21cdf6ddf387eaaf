//! `recurring_outage`: several incidents of the same kind with normal time between them.

use super::{Verdict, hull, micros, named, windows};
use crate::diagnosis::case::{Case, Examined};
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

/// The incidents in which something common was slow.
pub fn outages<'c>(case: &'c Case<'_>) -> Vec<&'c Examined> {
    case.slow()
        .filter(|examined| matches!(examined.verdict.cause, Cause::Common(_)))
        .collect()
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
