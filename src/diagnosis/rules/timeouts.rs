//! `timeouts`: requests that end without an answer after the same round time: somebody's limit, of the
//! proxy (504) or of the clients (499).

use super::{Verdict, named, of_timer, within};
use crate::diagnosis::case::Case;
use crate::diagnosis::{Finding, Grounds, Kind, Prose, Role, Severity, Value, limits};
use crate::phases::{Phase, is_cut_off};
use crate::summary::{Bucket, Endpoint, Sampled};
use crate::unit::{self, Micros};

/// The limits that people set, in seconds.
const ROUND: [u64; 20] = [
    1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 45, 60, 90, 120, 180, 300, 600,
];

pub fn look(case: &Case<'_>) -> Verdict {
    if case.summary.totals.phase(Phase::Total).is_none() {
        return Err("the log has no durations".to_owned());
    }
    let found = ROUND.iter().filter_map(|seconds| finding(case, *seconds));
    Ok(found.collect())
}

/// Requests that were cut off, by how long they took.
fn cut(endpoint: &Endpoint) -> &[Bucket] {
    let total = endpoint.phase(Phase::Total);
    total.map_or(&[], |total| total.censored.as_slice())
}

fn finding(case: &Case<'_>, seconds: u64) -> Option<Finding> {
    let limit = seconds as f64 * 1e6;
    let at_limit = of_timer(limit, limits::TIMEOUT_LATE);
    let all = cut(&case.summary.totals);
    let ended = within(all, &at_limit);
    let near = limit / limits::TIMEOUT_NEAR..limit * limits::TIMEOUT_NEAR;
    let cut_off_near = within(all, &near);
    if ended < limits::TIMEOUTS || (ended as f64) < limits::TIMEOUT_PART * cut_off_near as f64 {
        return None;
    }
    let mut affected: Vec<(u64, usize)> = case
        .summary
        .endpoints
        .iter()
        .enumerate()
        .map(|(at, endpoint)| (within(cut(endpoint), &at_limit), at))
        .filter(|(count, _)| *count > 0)
        .collect();
    affected.sort_by_key(|(count, at)| (std::cmp::Reverse(*count), *at));
    let affected: Vec<usize> = affected.into_iter().map(|(_, at)| at).collect();
    let is_of_it = |line: &Sampled| {
        line.status.is_some_and(is_cut_off) && at_limit.contains(&(line.total.0 as f64))
    };
    // Who gave up, and whether that was in an incident, by the sampled ones.
    let (mut weight, mut by_client, mut in_incident) = (0.0, 0.0, 0.0);
    let (mut example, mut first, mut last) = (None, None, None);
    for at in &affected {
        let sample = &case.summary.endpoints.get(*at)?.history.sample;
        for (count, line) in sample.iter().filter(|(_, line)| is_of_it(line)) {
            weight += count;
            if line.status == Some(499) {
                by_client += count;
            }
            let window = line.arrival.and_then(|arrival| case.window(arrival));
            let touches = |window| case.slow().any(|slow| slow.incident.touches(window));
            if window.is_some_and(touches) {
                in_incident += count;
            }
            first = first.into_iter().chain(line.arrival).min();
            last = last.into_iter().chain(line.arrival).max();
            example.get_or_insert_with(|| line.example());
        }
    }
    let by = if by_client > weight / 2.0 {
        "clients"
    } else {
        "proxy"
    };
    let lost = Micros(ended * seconds * 1_000_000);
    Some(Finding {
        kind: Kind::Timeouts,
        // In an incident they are what it did, and it has been told of.
        severity: if in_incident > weight / 2.0 {
            Severity::Info
        } else {
            Severity::Warning
        },
        grounds: Grounds::Measured,
        title: Prose::new(format!(
            "{} requests ended without an answer after {}: a timeout of the {by}",
            unit::count(ended),
            Micros(seconds * 1_000_000)
        )),
        detail: vec![
            Prose::new(format!(
                "{} were cut off between {} and {} in all; they were for ",
                unit::count(cut_off_near),
                Micros(near.start as u64),
                Micros(near.end as u64),
            ))
            .and(case.names(&affected))
            .words("."),
        ],
        from: first,
        until: last,
        endpoints: named(affected, Role::Affected),
        subject: None,
        evidence: vec![
            ("requests", Value::Count(ended)),
            ("limit_us", Value::Duration(Micros(seconds * 1_000_000))),
            ("of_whom", Value::Words(by.to_owned())),
            ("cut_off_near_it", Value::Count(cut_off_near)),
            ("lost_us", Value::Duration(lost)),
        ],
        examples: example.into_iter().collect(),
        advice: Prose::new(
            "How long the work would have taken nobody saw: find what it waits for, and let the application give up before its callers do.",
        ),
        explains: lost,
    })
}
