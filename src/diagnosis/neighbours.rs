//! Own time against the requests that came next to it, for a log without a clock of the application.
//!
//! Who arrives at an upstream at the same moment waits alike, in whatever order the queue is served: not
//! equally long, but as long by chance. So a sampled request is compared with those of other endpoints
//! that arrived at its upstream just before and behind it, each less its usual time. Of an endpoint that
//! only waits half of these comparisons go either way (Mann and Whitney, "On a test of whether one of two
//! random variables is stochastically larger than the other", 1947); one whose work grew is the longer
//! too often. A window of time has one mean wait, and a wait that grows within it is lost; here there are
//! no windows.

use std::collections::BTreeMap;

use super::weighted::weighted_median;
use super::panel::{Panel, Point};
use crate::summary::{Sampled, Summary, Text};

/// Requests that one is compared with.
const NEIGHBOURS: usize = 24;
/// Of fewer nothing is said.
const LEAST_NEIGHBOURS: usize = 8;
/// Endpoints whose comparisons go one way beyond so many standard errors are no measure for others.
const NO_MEASURE: f64 = 3.0;
/// How often they are left out and all is compared again.
const PASSES: usize = 3;
/// Cut off at its duration, which says nothing of its work.
const CUT: [u16; 2] = [499, 504];

/// How an endpoint's requests differ from those beside them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Difference {
    /// Its place in the summary.
    pub endpoint: usize,
    /// Mean time beyond its usual and its neighbours' wait, in µs.
    pub mean: f64,
    /// The standard error of it.
    pub error: f64,
    /// How many standard errors it is the longer of two too often.
    pub z: f64,
    /// Requests that tell as much.
    pub effective: f64,
}

/// A sampled request.
struct Line<'s> {
    endpoint: usize,
    upstream: &'s [u8],
    arrival: i64,
    weight: f64,
    /// Time beyond the usual mean, in µs.
    beyond: f64,
    /// Time beyond the usual geometric mean, near which half of its own times lie.
    centred: f64,
    sampled: &'s Sampled,
}

/// The differences of the endpoints in windows; `usual` are those of quiet times by place in the summary.
pub fn differences(
    summary: &Summary,
    panel: &Panel,
    within: impl Fn(usize) -> bool,
    usual: &BTreeMap<usize, Point>,
) -> Vec<Difference> {
    let mut lines = lines(summary, panel, within, usual);
    lines.sort_by(|a, b| {
        (a.upstream, a.arrival, a.sampled, a.endpoint).cmp(&(
            b.upstream, b.arrival, b.sampled, b.endpoint,
        ))
    });
    let mut out: Vec<usize> = Vec::new();
    let mut found = Vec::new();
    for _ in 0..PASSES {
        found = compare(&lines, &out);
        let no_measure = found
            .iter()
            .filter(|difference: &&Difference| difference.z.abs() >= NO_MEASURE)
            .map(|difference| difference.endpoint)
            .collect();
        if out == no_measure {
            break;
        }
        out = no_measure;
    }
    found
}

fn lines<'s>(
    summary: &'s Summary,
    panel: &Panel,
    within: impl Fn(usize) -> bool,
    usual: &BTreeMap<usize, Point>,
) -> Vec<Line<'s>> {
    let mut lines = Vec::new();
    for (endpoint, usual) in usual {
        let Some(of) = summary.endpoints.get(*endpoint) else {
            continue;
        };
        let geometric = (usual.logs / usual.served).exp2();
        for (weight, sampled) in &of.history.sample {
            let (Some(arrival), Some(whole)) = (sampled.arrival, sampled.whole) else {
                continue;
            };
            let is_cut = sampled.status.is_some_and(|status| CUT.contains(&status));
            if is_cut || !panel.window(arrival).is_some_and(&within) {
                continue;
            }
            lines.push(Line {
                endpoint: *endpoint,
                upstream: sampled.text(Text::Upstream),
                arrival: arrival.0,
                weight: *weight,
                beyond: whole.0 as f64 - usual.mean(),
                centred: whole.0 as f64 - geometric,
                sampled,
            });
        }
    }
    lines
}

/// Sums over the lines of an endpoint.
#[derive(Default)]
struct Sums {
    weight: f64,
    squares: f64,
    longer: f64,
    beyond: f64,
    beyond_squares: f64,
}

/// Compares each line with those beside it, of endpoints that are a measure.
fn compare(lines: &[Line<'_>], out: &[usize]) -> Vec<Difference> {
    let mut sums: BTreeMap<usize, Sums> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let beside = beside(lines, at, out);
        if beside.len() < LEAST_NEIGHBOURS {
            continue;
        }
        let all: f64 = beside.iter().map(|other| other.weight).sum();
        let shorter = |other: &&Line<'_>| match line.centred.total_cmp(&other.centred) {
            std::cmp::Ordering::Greater => other.weight,
            std::cmp::Ordering::Equal => other.weight / 2.0,
            std::cmp::Ordering::Less => 0.0,
        };
        let longer = beside.iter().map(shorter).sum::<f64>() / all;
        let waits = beside.iter().map(|other| (other.centred, other.weight));
        let wait = waits.map(|(w, n)| w * n).sum::<f64>() / all;
        let beyond = line.beyond - wait;
        let sum = sums.entry(line.endpoint).or_default();
        sum.weight += line.weight;
        sum.squares += line.weight * line.weight;
        sum.longer += line.weight * longer;
        sum.beyond += line.weight * beyond;
        sum.beyond_squares += line.weight * beyond * beyond;
    }
    // Where many of the neighbours do not queue, or are slow, half is not the middle.
    let shares = sums
        .iter()
        .filter(|(endpoint, _)| !out.contains(endpoint))
        .map(|(_, sum)| (sum.longer / sum.weight, (sum.weight * sum.weight / sum.squares).sqrt()));
    let middle = weighted_median(shares.collect()).unwrap_or(0.5);
    let difference = |(endpoint, sum): (&usize, &Sums)| {
        let effective = sum.weight * sum.weight / sum.squares;
        let mean = sum.beyond / sum.weight;
        let variance = (sum.beyond_squares / sum.weight - mean * mean).max(0.0);
        Difference {
            endpoint: *endpoint,
            mean,
            error: (variance / effective).sqrt(),
            // The variance of a uniform share is a twelfth.
            z: (sum.longer / sum.weight - middle) * (12.0 * effective).sqrt(),
            effective,
        }
    };
    sums.iter().map(difference).collect()
}

/// The lines of other endpoints that arrived next to one at its upstream.
fn beside<'l, 's>(lines: &'l [Line<'s>], at: usize, out: &[usize]) -> Vec<&'l Line<'s>> {
    let Some(line) = lines.get(at) else {
        return Vec::new();
    };
    let counts = |other: &&Line<'_>| {
        other.endpoint != line.endpoint && !out.contains(&other.endpoint)
    };
    let same = |other: &&Line<'_>| other.upstream == line.upstream;
    let mut before = lines[..at].iter().rev().take_while(same).filter(counts).peekable();
    let mut behind = lines[at + 1..].iter().take_while(same).filter(counts).peekable();
    let mut found = Vec::with_capacity(NEIGHBOURS);
    while found.len() < NEIGHBOURS {
        let next = match (before.peek(), behind.peek()) {
            (Some(one), Some(other)) if line.arrival - one.arrival <= other.arrival - line.arrival => {
                before.next()
            }
            (_, Some(_)) => behind.next(),
            (Some(_), None) => before.next(),
            (None, None) => break,
        };
        found.extend(next);
    }
    found
}
