//! `size_dependent`: own time that grows with the size of what was received or sent; and single requests
//! that are giants.

use super::{Verdict, micros, named};
use crate::diagnosis::case::Case;
use crate::diagnosis::{
    Finding, Grounds, Kind, Prose, Role, Severity, Subject, Topic, Value, limits,
};
use crate::summary::SizeBucket;
use crate::unit::{self, Micros};

pub fn look(case: &Case<'_>) -> Verdict {
    let any = case
        .summary
        .endpoints
        .iter()
        .any(|endpoint| endpoint.history.sizes.iter().any(|sizes| !sizes.is_empty()));
    if !any {
        return Err(
            "the log does not tell sizes of requests whose time is known: log $request_length and $bytes_sent"
                .to_owned(),
        );
    }
    let directions = [("received", 0), ("sent", 1)];
    let found = case
        .summary
        .endpoints
        .iter()
        .enumerate()
        .flat_map(|(at, _)| directions.map(|(word, which)| (at, word, which)))
        .filter_map(|(at, word, which)| {
            let buckets = &case.summary.endpoints.get(at)?.history.sizes[which];
            let growth = growth(buckets)?;
            Some(finding(case, at, word, buckets, &growth))
        });
    let giants = (0..case.summary.endpoints.len()).filter_map(|at| giant(case, at));
    Ok(found.chain(giants).collect())
}

/// A single request that is a giant beside all others of its endpoint, and took as much longer: a fact,
/// whatever it is a cause of. Among the sampled lines, which hold the slowest.
fn giant(case: &Case<'_>, at: usize) -> Option<Finding> {
    let endpoint = case.summary.endpoints.get(at)?;
    let (_, line) = endpoint
        .history
        .sample
        .iter()
        .max_by_key(|(_, line)| (line.received, line.total))?;
    let received = line.received?;
    // Of those that were answered, 99 of 100 are in an octave up to this one.
    let sizes = &endpoint.history.sizes[0];
    let all: u64 = sizes.iter().map(|bucket| u64::from(bucket.requests)).sum();
    let mut seen = 0;
    let usual = sizes.iter().find(|bucket| {
        seen += u64::from(bucket.requests);
        seen * 100 >= all * 99
    })?;
    let largest = 2_u64 << usual.octave.min(62);
    let mean = sizes.iter().map(|bucket| bucket.time).sum::<u64>() / all.max(1);
    let slower = line.total.0 / mean.max(1);
    if all < limits::GIANT_AMONG
        || received / largest < limits::GIANT_SIZE
        || slower < limits::GIANT_TIME
    {
        return None;
    }
    Some(Finding {
        kind: Kind::SizeDependent,
        severity: Severity::Warning,
        grounds: Grounds::Measured,
        title: Prose::new("A request of ")
            .and(case.name(at))
            .words(format!(
                " was a giant: {}, and it took {}",
                unit::bytes(received),
                line.total
            )),
        detail: vec![Prose::new(format!(
            "99 of 100 others are of {} at most, and all took {} on average.",
            unit::bytes(largest),
            Micros(mean)
        ))],
        from: line.arrival,
        until: line.arrival.map(|arrival| arrival.after(line.total)),
        endpoints: named([at], Role::Affected),
        subject: Some(Subject {
            topic: Topic::Size,
            value: b"bytes received".to_vec(),
        }),
        evidence: vec![
            ("bytes", Value::Count(received)),
            ("bytes_usual_most", Value::Count(largest)),
            ("total_us", Value::Duration(line.total)),
            ("mean_us", Value::Duration(Micros(mean))),
        ],
        examples: vec![line.example()],
        advice: Prose::new(
            "Refuse such a size (client_max_body_size), and have the sender divide it.",
        ),
        explains: line.total,
    })
}

/// How time grows with size.
#[derive(Debug, Clone, Copy)]
struct Growth {
    /// Own time is as this power of the size, over the upper half of the sizes.
    elasticity: f64,
    error: f64,
    /// Mean time of the smallest and of the largest, in µs.
    smallest: f64,
    largest: f64,
}

fn mean_log(bucket: &SizeBucket) -> f64 {
    bucket.logs as f64 / 256.0 / f64::from(bucket.requests)
}

/// Variance of a bucket's mean logarithm.
fn variance(bucket: &SizeBucket) -> f64 {
    let n = f64::from(bucket.requests);
    let spread = bucket.squares as f64 / 65_536.0 / n - mean_log(bucket).powi(2);
    spread.max(0.0) / n + limits::SIZE_VARIANCE_FLOOR
}

/// Whether and how time grows: the slope of the logarithms over the larger sizes, where what every request
/// takes does not hide it. `None` where it does not, or too little is known.
fn growth(buckets: &[SizeBucket]) -> Option<Growth> {
    let full: Vec<&SizeBucket> = buckets
        .iter()
        .filter(|bucket| bucket.requests >= limits::SIZE_REQUESTS)
        .collect();
    if full.len() < limits::SIZE_OCTAVES {
        return None;
    }
    let upper = full.get(full.len() / 2 - 1..)?;
    let (slope, error) = slope(upper);
    let top = full.get(full.len() - 3..)?;
    let rises = full
        .windows(2)
        .filter(|pair| mean_log(pair[1]) > mean_log(pair[0]))
        .count();
    let time = |bucket: &SizeBucket| bucket.time as f64 / f64::from(bucket.requests);
    let (smallest, largest) = (time(full.first()?), time(full.last()?));
    let holds = slope - 2.0 * error > limits::ELASTICITY
        && self::slope(top).0 > limits::ELASTICITY_TOP
        && largest >= limits::SIZE_RATIO * smallest
        && rises as f64 >= 0.6 * (full.len() - 1) as f64;
    holds.then_some(Growth {
        elasticity: slope,
        error,
        smallest,
        largest,
    })
}

/// The weighted least-squares slope of mean log time over log size, and its standard error: the larger of
/// that of the means and that of how they miss the line.
fn slope(buckets: &[&SizeBucket]) -> (f64, f64) {
    let weights: Vec<f64> = buckets
        .iter()
        .map(|bucket| 1.0 / variance(bucket))
        .collect();
    let sum: f64 = weights.iter().sum();
    let mean = |of: &dyn Fn(&SizeBucket) -> f64| {
        buckets
            .iter()
            .zip(&weights)
            .map(|(bucket, weight)| of(bucket) * weight)
            .sum::<f64>()
            / sum
    };
    let octave = |bucket: &SizeBucket| f64::from(bucket.octave);
    let (x, y) = (mean(&octave), mean(&mean_log));
    let xx = sum * mean(&|bucket| (octave(bucket) - x).powi(2));
    let xy = sum * mean(&|bucket| (octave(bucket) - x) * (mean_log(bucket) - y));
    let slope = xy / xx.max(1e-9);
    let misses =
        sum * mean(&|bucket| (mean_log(bucket) - y - slope * (octave(bucket) - x)).powi(2));
    let freedom = (buckets.len() as f64 - 2.0).max(1.0);
    (slope, ((misses / freedom).max(1.0) / xx.max(1e-9)).sqrt())
}

fn finding(
    case: &Case<'_>,
    endpoint: usize,
    word: &str,
    buckets: &[SizeBucket],
    growth: &Growth,
) -> Finding {
    let requests: u64 = buckets
        .iter()
        .map(|bucket| u64::from(bucket.requests))
        .sum();
    let smallest = 1_u64 << buckets.first().map_or(0, |bucket| bucket.octave.min(62));
    let largest = 2_u64 << buckets.last().map_or(0, |bucket| bucket.octave.min(62));
    // What requests take beyond the smallest ones.
    let explained: f64 = buckets
        .iter()
        .map(|bucket| bucket.time as f64 - f64::from(bucket.requests) * growth.smallest)
        .sum::<f64>()
        .max(0.0);
    let (from, until) = case.summary.range.unzip();
    Finding {
        kind: Kind::SizeDependent,
        severity: if explained >= limits::SIZE_PART * case.summary.totals.busy.0 as f64 {
            Severity::Warning
        } else {
            Severity::Info
        },
        grounds: case.grounds_as_logged(),
        title: Prose::new("The time of ")
            .and(case.name(endpoint))
            .words(format!(
                " grows with the bytes {word}: as size to the power of {:.1}",
                growth.elasticity
            )),
        detail: vec![Prose::new(format!(
            "{} requests of {} to {}: the smallest take {} on average, the largest {}.",
            unit::count(requests),
            unit::bytes(smallest),
            unit::bytes(largest),
            micros(growth.smallest),
            micros(growth.largest)
        ))],
        from,
        until,
        endpoints: named([endpoint], Role::Affected),
        subject: Some(Subject {
            topic: Topic::Size,
            value: format!("bytes {word}").into_bytes(),
        }),
        evidence: vec![
            ("elasticity", Value::Number(growth.elasticity)),
            ("elasticity_error", Value::Number(growth.error)),
            ("smallest_us", Value::Duration(micros(growth.smallest))),
            ("largest_us", Value::Duration(micros(growth.largest))),
            ("requests", Value::Count(requests)),
            ("explained_us", Value::Duration(micros(explained))),
        ],
        examples: case
            .summary
            .endpoints
            .get(endpoint)
            .and_then(|endpoint| endpoint.slowest.first().cloned())
            .into_iter()
            .collect(),
        advice: Prose::new(
            "Bound the size (client_max_body_size, pages instead of whole lists), or do the work in pieces outside the request.",
        ),
        explains: Micros(explained as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(time: impl Fn(u64) -> f64) -> Vec<SizeBucket> {
        (6..18)
            .map(|octave| {
                let mut bucket = SizeBucket {
                    octave,
                    ..SizeBucket::default()
                };
                for n in 0..40_u64 {
                    let us = (time(3 << (octave - 1)) * (0.8 + 0.01 * n as f64)) as u64;
                    let log = ((us as f64).log2() * 256.0) as u64;
                    bucket.requests += 1;
                    bucket.time += us;
                    bucket.logs += log;
                    bucket.squares += log * log;
                }
                bucket
            })
            .collect()
    }

    #[test]
    fn time_that_grows_with_size_is_told_from_time_that_does_not() {
        let linear = growth(&buckets(|bytes| 2_000.0 + 5.0 * bytes as f64)).unwrap();
        assert!((0.8..1.1).contains(&linear.elasticity), "{linear:?}");
        assert!(growth(&buckets(|_| 20_000.0)).is_none());
        // Copying: two nanoseconds a byte.
        assert!(growth(&buckets(|bytes| 20_000.0 + 0.002 * bytes as f64)).is_none());
        assert!(growth(&[]).is_none());
    }
}
