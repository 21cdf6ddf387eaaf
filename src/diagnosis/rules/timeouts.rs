//! `timeouts`: requests that end without an answer after the same round time: somebody's limit, of the
//! proxy (504) or of the clients (499).

use super::slow_upstream::slow;
use super::{Verdict, named, of_timer, within};
use crate::diagnosis::case::Case;
use crate::diagnosis::{Finding, Grounds, Kind, Prose, Role, Severity, Value, limits};
use crate::phases::{Phase, is_cut_off};
use crate::stamp::Stamp;
use crate::summary::{Bucket, Endpoint, Sampled, Text};
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

/// A sampled request that was cut off.
struct GivenUp {
    arrival: Stamp,
    /// The requests that it stands for.
    weight: f64,
    /// Whether it was in an incident, or at a host, of which there is another finding.
    is_told: bool,
}

/// How many of those who gave up, in the order of time, did for something that has been told of. An incident goes
/// on while they do: where all are cut off no times are left to see it by.
fn told(given_up: &[GivenUp], limit: Micros) -> f64 {
    let mut until: Option<Stamp> = None;
    let mut told = 0.0;
    for one in given_up {
        if one.is_told || until.is_some_and(|until| one.arrival <= until) {
            told += one.weight;
            until = Some(one.arrival.after(limit));
        }
    }
    told
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
    // Who gave up, and whether that has been told of, by the sampled ones.
    let slow_host = slow(case).map(|(upstream, _)| upstream.address.as_slice());
    let (mut weight, mut by_client) = (0.0, 0.0);
    let mut example = None;
    let mut given_up: Vec<GivenUp> = Vec::new();
    for at in &affected {
        let sample = &case.summary.endpoints.get(*at)?.history.sample;
        for (count, line) in sample.iter().filter(|(_, line)| is_of_it(line)) {
            weight += count;
            if line.status == Some(499) {
                by_client += count;
            }
            let window = line.arrival.and_then(|arrival| case.window(arrival));
            let touches = |window| case.slow().any(|slow| slow.incident.touches(window));
            given_up.extend(line.arrival.map(|arrival| GivenUp {
                arrival,
                weight: *count,
                is_told: window.is_some_and(touches)
                    || slow_host == Some(line.text(Text::Upstream)),
            }));
            example.get_or_insert_with(|| line.example());
        }
    }
    given_up.sort_by_key(|one| one.arrival);
    let (first, last) = (given_up.first(), given_up.last());
    let (first, last) = (first.map(|one| one.arrival), last.map(|one| one.arrival));
    let told = told(&given_up, Micros(seconds * 1_000_000));
    let by = if by_client > weight / 2.0 {
        "clients"
    } else {
        "proxy"
    };
    let lost = Micros(ended * seconds * 1_000_000);
    Some(Finding {
        kind: Kind::Timeouts,
        // In an incident they are what it did, at a slow host what that does.
        severity: if told > weight / 2.0 {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// One that gave up in each of these seconds; those in the range are in an incident.
    fn given_up(seconds: &[i64], incident: std::ops::Range<i64>) -> Vec<GivenUp> {
        let one = |second: &i64| GivenUp {
            arrival: Stamp(second * 1_000_000),
            weight: 2.0,
            is_told: incident.contains(second),
        };
        seconds.iter().map(one).collect()
    }

    #[test]
    fn an_incident_goes_on_while_requests_are_cut_off() {
        let limit = Micros(30_000_000);
        let seconds = [5, 100, 120, 149, 170, 300];
        assert_eq!(told(&given_up(&seconds, 90..125), limit), 8.0);
        assert_eq!(told(&given_up(&seconds, 0..1), limit), 0.0);
        assert_eq!(told(&[], limit), 0.0);
    }
}
