//! `restarts`: short times in which what was asked of an application failed with 502 or 503, and most was
//! answered before and after: nobody was there to take the connections.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Verdict, endpoints, named};
use crate::diagnosis::case::Case;
use crate::diagnosis::{Evidence, Finding, Grounds, Kind, Prose, Role, Severity, Value, limits};
use crate::stamp::Stamp;
use crate::summary::{Endpoint, Failure};
use crate::unit::{self, Micros};

pub fn look(case: &Case<'_>) -> Verdict {
    if case.summary.range.is_none() {
        return Err("the log has no times of day".to_owned());
    }
    Ok(finding(case).into_iter().collect())
}

/// A request to which nobody was there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Refused {
    second: u32,
    endpoint: usize,
}

/// All that are known, in the order of time.
fn refused(case: &Case<'_>) -> Vec<Refused> {
    let has_upstreams = !case.summary.upstreams.is_empty();
    let is_refused = |failure: &&Failure| {
        // What the proxy itself turns down never came to an upstream.
        matches!(failure.status, 502 | 503) && (failure.was_asked || !has_upstreams)
    };
    let mut refused = Vec::new();
    for (endpoint, of) in case.summary.endpoints.iter().enumerate() {
        let failures = of.history.failing.iter().flat_map(|failing| &failing.times);
        refused.extend(failures.filter(is_refused).map(|failure| Refused {
            second: failure.arrival,
            endpoint,
        }));
    }
    refused.sort_unstable();
    refused
}

/// A time in which nobody was there.
#[derive(Debug)]
struct Gone {
    from: Stamp,
    until: Stamp,
    endpoints: BTreeSet<usize>,
    /// Requests that failed; where not all are kept, about.
    failed: f64,
}

impl Gone {
    fn length(&self) -> Micros {
        self.from.until(self.until)
    }
}

/// The time from the first of some to the last; `None` where they are few, or fewer than was asked of these
/// endpoints.
fn gone(case: &Case<'_>, refused: &[Refused]) -> Option<Gone> {
    let (first, last) = (refused.first()?.second, refused.last()?.second);
    let stamp = |second: u32| Stamp(i64::from(second) * 1_000_000);
    let found = Gone {
        from: stamp(first),
        until: stamp(last.saturating_add(1)),
        endpoints: refused.iter().map(|refused| refused.endpoint).collect(),
        failed: refused.len() as f64 / case.summary.failures_part,
    };
    if refused.len() < limits::GONE_LEAST || found.length() > limits::GONE_LONGEST {
        return None;
    }
    // The windows that the time touches may be wider than it is.
    let width = case.summary.cell_width.0.max(1) as i64;
    let window = |stamp: Stamp| stamp.0.div_euclid(width);
    let (from, until) = (window(found.from), window(found.until) + 1);
    let mut requests = 0.0;
    for endpoint in &found.endpoints {
        let cells = &case.summary.endpoints.get(*endpoint)?.history.cells;
        let begin = cells.partition_point(|cell| cell.window < from);
        let end = cells.partition_point(|cell| cell.window < until);
        let cells = cells.get(begin..end).unwrap_or_default();
        requests += cells
            .iter()
            .map(|cell| f64::from(cell.cell.requests))
            .sum::<f64>();
    }
    let rate = requests / ((until - from) * width) as f64 * 1e6;
    let asked = rate * f64::from((last - first).max(1));
    let back = (limits::GONE_LONGEST.0 as i64).div_euclid(width).max(1);
    let is_there = |windows| is_there(&case.summary.endpoints, windows);
    let (before, after) = (is_there(from - back..from), is_there(until..until + back));
    let (start, end) = case.summary.range?;
    // Where the log begins or ends in it, nothing can be asked for on that side.
    let is_there_before = before || window(start) >= from;
    let is_there_after = after || window(end) < until;
    (found.failed >= limits::GONE_PART * asked && is_there_before && is_there_after)
        .then_some(found)
}

/// Whether an application answers in some windows: most of what is asked then of endpoints that it answers at all.
/// Who is there neither before nor after has not restarted, and one that is asked by nobody else is not known to.
fn is_there(endpoints: &[Endpoint], windows: Range<i64>) -> bool {
    let (mut requests, mut failed) = (0_u64, 0_u64);
    // What fails always the proxy may turn down by itself.
    let answered = |endpoint: &&Endpoint| endpoint.errors() < endpoint.requests;
    for endpoint in endpoints.iter().filter(answered) {
        let cells = &endpoint.history.cells;
        let begin = cells.partition_point(|cell| cell.window < windows.start);
        let end = cells.partition_point(|cell| cell.window < windows.end);
        for cell in cells.get(begin..end).unwrap_or_default() {
            requests += u64::from(cell.cell.requests);
            failed += u64::from(cell.cell.errors_5xx);
        }
    }
    requests > 2 * failed
}

fn finding(case: &Case<'_>) -> Option<Finding> {
    let refused = refused(case);
    let is_near =
        |a: &Refused, b: &Refused| b.second.saturating_sub(a.second) <= limits::GONE_PAUSE;
    let times: Vec<Gone> = refused
        .chunk_by(is_near)
        .filter_map(|refused| gone(case, refused))
        .collect();
    let (first, last) = (times.first()?, times.last()?);
    let failed: f64 = times.iter().map(|time| time.failed).sum();
    let affected: BTreeSet<usize> = times
        .iter()
        .flat_map(|time| time.endpoints.iter().copied())
        .collect();
    let affected: Vec<usize> = affected.into_iter().collect();
    let shortest = times.iter().map(Gone::length).min()?;
    let longest = times.iter().map(Gone::length).max()?;
    let lasted = if shortest == longest {
        format!("for {shortest}")
    } else {
        format!("for {shortest} to {longest}")
    };
    let how_often = match times.len() {
        1 => String::new(),
        count => format!(", {count} times"),
    };
    let windows = times.iter().map(|time| {
        let entry: Evidence = vec![
            ("from", Value::Time(time.from)),
            ("until", Value::Time(time.until)),
        ];
        Value::Group(entry)
    });
    const SHOWN: usize = 6;
    let when: Vec<String> = times
        .iter()
        .take(SHOWN)
        .map(|time| time.from.rfc3339())
        .collect();
    Some(Finding {
        kind: Kind::Restarts,
        severity: Severity::Warning,
        grounds: Grounds::Measured,
        title: Prose::new(format!(
            "Requests of {} failed with 502 or 503 {lasted}{how_often}, as when an application restarts",
            endpoints(affected.len())
        )),
        detail: vec![
            Prose::new(format!(
                "About {} requests, from {}{} on: ",
                unit::count(failed as u64),
                when.join(", from "),
                if times.len() > SHOWN { " and more" } else { "" }
            ))
            .and(case.names(&affected))
            .words("."),
        ],
        from: Some(first.from),
        until: Some(last.until),
        endpoints: named(affected, Role::Affected),
        subject: None,
        evidence: vec![
            ("times", Value::Count(times.len() as u64)),
            ("failed", Value::Count(failed as u64)),
            ("shortest_us", Value::Duration(shortest)),
            ("longest_us", Value::Duration(longest)),
            ("windows", Value::List(windows.collect())),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "See what stopped it then: a deploy, the memory killer, a crash. Start the new one before the old one ends, or have the proxy ask another.",
        ),
        // No time was lost: requests were.
        explains: Micros(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{Cell, History, TIMED, WindowCell};

    /// An endpoint with (requests, failed ones) in windows from 0 on.
    fn endpoint(windows: &[(u32, u32)]) -> Endpoint {
        let cell = |(window, (requests, errors_5xx)): (i64, &(u32, u32))| WindowCell {
            window,
            upstream: TIMED,
            cell: Cell {
                requests: *requests,
                errors_5xx: *errors_5xx,
                ..Cell::default()
            },
        };
        let sum = |of: fn(&(u32, u32)) -> u32| windows.iter().map(|w| u64::from(of(w))).sum();
        Endpoint {
            requests: sum(|w| w.0),
            errors_5xx: sum(|w| w.1),
            history: History {
                cells: (0..).zip(windows).map(cell).collect(),
                ..History::default()
            },
            ..Endpoint::default()
        }
    }

    #[test]
    fn an_application_is_there_where_it_answers_most() {
        let served = endpoint(&[(9, 0), (5, 5), (8, 1)]);
        assert!(is_there(std::slice::from_ref(&served), 0..1));
        assert!(!is_there(std::slice::from_ref(&served), 1..2));
        assert!(is_there(std::slice::from_ref(&served), 2..3));
        // It was gone for long before a burst of requests.
        let gone = endpoint(&[(2, 2), (24, 24), (1, 1), (3, 0)]);
        assert!(!is_there(std::slice::from_ref(&gone), 0..1));
        assert!(!is_there(std::slice::from_ref(&gone), 2..3));
        // What is never answered tells nothing, and neither does a time in which nobody asks.
        let malformed = Endpoint {
            errors_4xx: 9,
            ..endpoint(&[(9, 0)])
        };
        assert!(!is_there(&[malformed], 0..1));
        assert!(!is_there(&[served], 7..9));
        assert!(!is_there(&[], 0..1));
    }
}
