//! `dependency_slowdown`: most endpoints' own time grew together, so no endpoint is to blame.

use super::{Verdict, endpoints, hull, micros, named, percent, severity, when, windows};
use crate::diagnosis::case::{Case, Examined, same_cause};
use crate::diagnosis::change::own_growth;
use crate::diagnosis::stretch::percentile;
use crate::diagnosis::verdict::Cause;
use crate::diagnosis::{Finding, Kind, Prose, Role, Severity, Value, limits};

pub fn look(case: &Case<'_>) -> Verdict {
    if let Some(why) = case.blind() {
        return Err(why);
    }
    let common: Vec<&Examined> = case
        .slow()
        .filter(|examined| matches!(examined.verdict.cause, Cause::Common(_)))
        .collect();
    Ok(same_cause(&common)
        .iter()
        .map(|group| finding(case, group))
        .collect())
}

fn finding(case: &Case<'_>, group: &[&Examined]) -> Finding {
    let mut affected: Vec<usize> = Vec::new();
    let (mut added, mut error, mut length) = (0.0, 0.0, 0.0);
    let mut growths = Vec::new();
    let mut seen = 0;
    for examined in group {
        let Cause::Common(places) = &examined.verdict.cause else {
            continue;
        };
        let grown = places.iter().filter_map(|at| examined.changes.get(*at));
        affected.extend(grown.clone().map(|change| change.endpoint));
        growths.extend(grown.map(|change| change.growth));
        added += examined
            .changes
            .iter()
            .map(|change| change.added(0.0).max(0.0))
            .sum::<f64>();
        error += examined
            .changes
            .iter()
            .map(|change| change.added_error().powi(2))
            .sum::<f64>();
        length += (examined.incident.until - examined.incident.from) as f64
            * case.panel.as_ref().map_or(0, |panel| panel.width.0) as f64;
        seen = seen.max(
            examined
                .changes
                .iter()
                .filter(|change| change.is_telling())
                .count(),
        );
    }
    affected.sort_unstable();
    affected.dedup();
    let seen = seen.max(affected.len());
    let quartile = |percent| percentile(growths.iter().copied(), percent).unwrap_or(0.0);
    let (from, until) = hull(case, group);
    Finding {
        kind: Kind::DependencySlowdown,
        severity: how_grave(
            own_growth(group.iter().flat_map(|examined| &examined.changes)),
            added,
            length,
        ),
        grounds: case.grounds(),
        title: Prose::new(format!(
            "The own time of {} of {} grew together: something that they share became slow, no endpoint is to blame",
            affected.len(),
            endpoints(seen)
        )),
        detail: vec![Prose::new(format!(
            "{}: own time grew by {} in the middle (a quarter of them by less than {}, a quarter by more than {}), {} in all (± {}).",
            when(case, group),
            grown(quartile(50)),
            grown(quartile(25)),
            grown(quartile(75)),
            micros(added),
            micros(error.sqrt())
        ))],
        from,
        until,
        endpoints: named(affected.iter().copied(), Role::Affected),
        subject: None,
        evidence: vec![
            ("affected", Value::Count(affected.len() as u64)),
            ("of", Value::Count(seen as u64)),
            ("growth", Value::Number(quartile(50))),
            ("growth_p25", Value::Number(quartile(25))),
            ("growth_p75", Value::Number(quartile(75))),
            ("added_us", Value::Duration(micros(added))),
            ("added_error_us", Value::Duration(micros(error.sqrt()))),
            ("windows", windows(case, group)),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "Look below the endpoints: the database, a cache, another service, the machine itself, or one of the upstream servers if the times of the others are as ever.",
        ),
        explains: micros(added),
    }
}

/// How grave it is that all take so much longer, in parts of the usual: a little longer they take whenever more is
/// asked of a machine.
fn how_grave(growth: f64, added: f64, length: f64) -> Severity {
    if growth >= limits::LEAST_GROWTH {
        severity(added, length)
    } else {
        Severity::Info
    }
}

/// A growth, in parts of the usual: it may be more than the whole.
fn grown(part: f64) -> String {
    if part < 1.0 {
        percent(part)
    } else {
        format!("{:.0} %", part * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_all_take_a_quarter_longer_is_context() {
        assert_eq!(how_grave(0.25, 9e6, 1e6), Severity::Info);
        assert_eq!(how_grave(0.35, 9e6, 1e6), Severity::Critical);
        assert_eq!(how_grave(2.0, 0.5e6, 1e6), Severity::Warning);
    }
}
