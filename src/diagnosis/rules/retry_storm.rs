//! `retry_storm`: clients that send the same request again when it fails, until they are most of the
//! traffic.

use std::ops::RangeInclusive;

use super::{Verdict, micros, named, share};
use crate::diagnosis::case::Case;
use crate::diagnosis::stretch::percentile;
use crate::diagnosis::{
    Finding, Grounds, Kind, Prose, Role, Severity, Subject, Topic, Value, limits,
};
use crate::stamp::Stamp;
use crate::summary::{Endpoint, Failing};
use crate::unit::{self, Micros};

pub fn look(case: &Case<'_>) -> Verdict {
    if case.summary.range.is_none() {
        return Err("the log has no times of day".to_owned());
    }
    let has_clients = case
        .summary
        .endpoints
        .iter()
        .any(|endpoint| !endpoint.history.failing.is_empty());
    if !has_clients && case.summary.totals.errors_5xx > 0 {
        return Err("the log does not tell who asks: log $remote_addr and $request".to_owned());
    }
    let found = case
        .summary
        .endpoints
        .iter()
        .enumerate()
        .filter_map(|(at, endpoint)| match storm(case, endpoint) {
            Some(storm) => Some(finding(case, at, &storm)),
            None => obstinate(case, at, endpoint),
        });
    Ok(found.collect())
}

/// The pauses after which a failing request came again, from its failure, with when it came. One that came
/// while the other was still being served was not sent because that failed.
fn repeats(failing: &Failing) -> Vec<(u32, u32)> {
    failing
        .times
        .windows(2)
        .filter_map(|pair| {
            let arrival = pair[1].arrival;
            Some((arrival.checked_sub(pair[0].end)?, arrival))
        })
        .filter(|(pause, _)| *pause <= limits::RETRY_SECONDS)
        .collect()
}

/// One request that fails however often it is sent.
fn obstinate(case: &Case<'_>, at: usize, endpoint: &Endpoint) -> Option<Finding> {
    let (repeats, failing) = endpoint
        .history
        .failing
        .iter()
        .map(|failing| (repeats(failing), failing))
        .filter(|(repeats, _)| repeats.len() >= limits::OBSTINATE)
        .max_by_key(|(repeats, _)| repeats.len())?;
    let stamp = |second: u32| Stamp(i64::from(second) * 1_000_000);
    let quantile = |percent| {
        let pauses = repeats.iter().map(|(pause, _)| f64::from(*pause));
        percentile(pauses, percent)
    };
    let pause = quantile(50)?;
    // Who asks by chance for what fails for everybody pauses now long, now short.
    if quantile(75)? - quantile(25)? > limits::OBSTINATE_SPREAD * pause {
        return None;
    }
    let time: u64 = failing
        .times
        .iter()
        .map(|failure| u64::from(failure.end.saturating_sub(failure.arrival)))
        .sum();
    let (first, last) = (failing.times.first()?, failing.times.last()?);
    Some(Finding {
        kind: Kind::RetryStorm,
        severity: Severity::Warning,
        grounds: Grounds::Measured,
        title: Prose::new("One client sends the same request again whenever it fails: ")
            .and(case.name(at))
            .words(format!(" failed {} times", failing.times.len())),
        detail: vec![
            Prose::new("The client ")
                .log(&failing.client)
                .words(" asks for ")
                .log(&failing.target)
                .words(format!(
                    ", {pause:.0} s after each failure in the middle; the failures took {} in all.",
                    Micros(time * 1_000_000)
                )),
        ],
        from: Some(stamp(first.arrival)),
        until: Some(stamp(last.end)),
        endpoints: named([at], Role::Affected),
        subject: Some(Subject {
            topic: Topic::Client,
            value: failing.client.to_vec(),
        }),
        evidence: vec![
            ("failures", Value::Count(failing.times.len() as u64)),
            ("repeats", Value::Count(repeats.len() as u64)),
            ("cadence_us", Value::Duration(micros(pause * 1e6))),
            ("time_us", Value::Duration(Micros(time * 1_000_000))),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "What fails twenty times fails again: have the sender give up, and see what this request does to the service.",
        ),
        explains: Micros(time * 1_000_000),
    })
}

/// Repeated requests of one endpoint.
struct Storm {
    from: u32,
    until: u32,
    /// Requests that were the same again, about: where not all clients are kept, those of all.
    repeats: f64,
    /// Requests of the endpoint in that time.
    requests: f64,
    /// Clients and targets that repeated.
    senders: f64,
    /// The middle of the pauses, in seconds.
    cadence: f64,
    /// The client that repeated most, and what it asked for.
    client: Vec<u8>,
    target: Vec<u8>,
}

fn storm(case: &Case<'_>, endpoint: &Endpoint) -> Option<Storm> {
    let part = case.summary.failures_part;
    let mut gaps = Vec::new();
    let mut seconds: Vec<u32> = Vec::new();
    let mut senders = 0.0;
    let mut most: Option<(usize, &Failing)> = None;
    for failing in &endpoint.history.failing {
        let repeats = repeats(failing);
        // Who looks again once or twice is a person.
        if repeats.len() < limits::RETRY_LEAST {
            continue;
        }
        senders += 1.0;
        gaps.extend(repeats.iter().map(|(gap, _)| f64::from(*gap)));
        seconds.extend(repeats.iter().map(|(_, second)| *second));
        if most.is_none_or(|(count, _)| repeats.len() > count) {
            most = Some((repeats.len(), failing));
        }
    }
    let (_, most) = most?;
    seconds.sort_unstable();
    let (from, until) = (*seconds.first()?, *seconds.last()?);
    let repeats = seconds.len() as f64 / part;
    if repeats < limits::RETRIES_LEAST {
        return None;
    }
    let (within, outside) = rates(case, endpoint, i64::from(from)..=i64::from(until))?;
    let amplification = within.0 / (within.0 - repeats).max(1.0);
    // Where all that fails comes as often as ever, nobody sends it again because it failed.
    let grew = outside.1 <= 0.0 || within.1 >= limits::RETRY_GROWTH * outside.1;
    (amplification >= limits::AMPLIFICATION && grew).then(|| Storm {
        from,
        until,
        repeats: repeats.min(within.0),
        requests: within.0,
        senders: senders / part,
        cadence: percentile(gaps.into_iter(), 50).unwrap_or(0.0),
        client: most.client.to_vec(),
        target: most.target.to_vec(),
    })
}

/// Requests of an endpoint, and how many a second: in some seconds, and in the rest of the log. A cell counts
/// where its middle is.
fn rates(
    case: &Case<'_>,
    endpoint: &Endpoint,
    seconds: RangeInclusive<i64>,
) -> Option<((f64, f64), (f64, f64))> {
    let (first, last) = case.summary.range?;
    // Cells are whole seconds wide.
    let width = (case.summary.cell_width.0 as i64 / 1_000_000).max(1);
    let mut requests = [0.0; 2];
    for cell in &endpoint.history.cells {
        let is_within = seconds.contains(&middle(cell.window, width));
        requests[usize::from(!is_within)] += f64::from(cell.cell.requests);
    }
    let window = |stamp: Stamp| stamp.0.div_euclid(width * 1_000_000);
    let all = window(first)..=window(last);
    let within = windows_within(&all, &seconds, width);
    let outside = all.end() - all.start() + 1 - within;
    let rate =
        |requests: f64, windows: i64| (requests, requests / ((windows * width) as f64).max(1.0));
    Some((rate(requests[0], within), rate(requests[1], outside)))
}

/// The second in the middle of a window so many seconds wide.
fn middle(window: i64, width: i64) -> i64 {
    window * width + width / 2
}

/// How many of some windows have their middle in these seconds.
fn windows_within(all: &RangeInclusive<i64>, seconds: &RangeInclusive<i64>, width: i64) -> i64 {
    let half = width / 2;
    // The first whose middle is not before, and the last whose middle is not behind.
    let first = (seconds.start() - half + width - 1).div_euclid(width);
    let last = (seconds.end() - half).div_euclid(width);
    (last.min(*all.end()) - first.max(*all.start()) + 1).max(0)
}

fn finding(case: &Case<'_>, at: usize, storm: &Storm) -> Finding {
    let stamp = |second: u32| Stamp(i64::from(second) * 1_000_000);
    let amplification = storm.requests / (storm.requests - storm.repeats).max(1.0);
    let mean = case.summary.endpoints.get(at).map_or(0.0, |endpoint| {
        endpoint.busy.0 as f64 / endpoint.requests.max(1) as f64
    });
    Finding {
        kind: Kind::RetryStorm,
        severity: Severity::Warning,
        grounds: Grounds::Measured,
        title: Prose::new("Clients send the same failing request again and again: ")
            .and(case.name(at))
            .words(format!(
                " gets {amplification:.1} times as many requests as it would"
            )),
        detail: vec![
            Prose::new(format!(
                "{} to {}: {} of {} requests repeated one that had failed ({}), every {:.0} s in the middle, of {:.0} clients and targets; most often ",
                stamp(storm.from).rfc3339(),
                stamp(storm.until).rfc3339(),
                unit::count(storm.repeats as u64),
                unit::count(storm.requests as u64),
                share(storm.repeats, storm.requests),
                storm.cadence,
                storm.senders
            ))
            .log(&storm.client)
            .words(" for ")
            .log(&storm.target)
            .words("."),
        ],
        from: Some(stamp(storm.from)),
        until: Some(stamp(storm.until)),
        endpoints: named([at], Role::Affected),
        subject: Some(Subject {
            topic: Topic::Client,
            value: storm.client.clone(),
        }),
        evidence: vec![
            ("amplification", Value::Number(amplification)),
            ("repeats", Value::Count(storm.repeats as u64)),
            ("requests", Value::Count(storm.requests as u64)),
            ("cadence_us", Value::Duration(micros(storm.cadence * 1e6))),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "Have the clients wait longer after each failure, with chance in it (exponential backoff with jitter), and give up in the end; answer 429 with Retry-After.",
        ),
        explains: micros(storm.repeats * mean),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::Failure;

    #[test]
    fn a_repetition_comes_when_the_request_has_failed() {
        let failing = |times: &[(u32, u32)]| Failing {
            times: times
                .iter()
                .map(|(arrival, end)| Failure {
                    arrival: *arrival,
                    end: *end,
                    ..Failure::default()
                })
                .collect(),
            ..Failing::default()
        };
        assert_eq!(
            repeats(&failing(&[(10, 12), (17, 17), (17, 18), (500, 501)])),
            [(5, 17), (0, 17)]
        );
        // All were in the queue together when they were cut off.
        assert_eq!(repeats(&failing(&[(10, 310), (40, 340), (300, 600)])), []);
        assert_eq!(repeats(&failing(&[])), []);
    }

    #[test]
    fn windows_are_counted_as_one_by_one() {
        for width in [1, 2, 5, 16] {
            for (from, until) in [(0, 0), (3, 40), (39, 41), (90, 10), (-5, 500)] {
                let (all, seconds) = (2..=20, from..=until);
                let counted = all
                    .clone()
                    .filter(|window| seconds.contains(&middle(*window, width)))
                    .count();
                assert_eq!(
                    windows_within(&all, &seconds, width),
                    counted as i64,
                    "{from}..={until} by {width}"
                );
            }
        }
    }
}
