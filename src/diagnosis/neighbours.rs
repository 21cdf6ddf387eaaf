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

use super::panel::{Panel, Point};
use crate::median::weighted_median;
use crate::phases::is_cut_off;
use crate::summary::{Sampled, Summary, Text};

/// Requests that one is compared with: enough that the share of those it outlasts has next to the variance of a
/// uniform number, and few enough that all waited at the same time. Chosen.
const NEIGHBOURS: usize = 24;
/// Of fewer nothing is said.
const LEAST_NEIGHBOURS: usize = 8;
/// Endpoints whose comparisons go one way beyond so many standard errors are no measure for others: culprits,
/// and those that do not queue.
const NO_MEASURE: f64 = 3.0;
/// How often they are left out and all is compared again.
const PASSES: usize = 3;

/// How an endpoint's requests differ from those beside them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Difference {
    /// Its place in the summary.
    pub endpoint: usize,
    /// How many standard errors it is the longer of two too often.
    pub z: f64,
}

/// A sampled request.
struct Line<'s> {
    endpoint: usize,
    upstream: &'s [u8],
    arrival: i64,
    weight: f64,
    /// Time beyond the usual geometric mean, near which half of its own times lie, in µs.
    beyond: f64,
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
        (a.upstream, a.arrival, a.sampled, a.endpoint)
            .cmp(&(b.upstream, b.arrival, b.sampled, b.endpoint))
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
            // Its duration says nothing of its work.
            if sampled.status.is_some_and(is_cut_off) || !panel.window(arrival).is_some_and(&within)
            {
                continue;
            }
            lines.push(Line {
                endpoint: *endpoint,
                upstream: sampled.text(Text::Upstream),
                arrival: arrival.0,
                weight: *weight,
                beyond: whole.0 as f64 - geometric,
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
}

impl Sums {
    /// How many equally weighted lines would tell as much (Kish, "Survey Sampling", 1965).
    fn effective(&self) -> f64 {
        self.weight * self.weight / self.squares
    }
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
        let shorter = |other: &&Line<'_>| match line.beyond.total_cmp(&other.beyond) {
            std::cmp::Ordering::Greater => other.weight,
            std::cmp::Ordering::Equal => other.weight / 2.0,
            std::cmp::Ordering::Less => 0.0,
        };
        let longer = beside.iter().map(shorter).sum::<f64>() / all;
        let sum = sums.entry(line.endpoint).or_default();
        sum.weight += line.weight;
        sum.squares += line.weight * line.weight;
        sum.longer += line.weight * longer;
    }
    // Where many of the neighbours do not queue, or are slow, half is not the middle.
    let shares = sums
        .iter()
        .filter(|(endpoint, _)| !out.contains(endpoint))
        .map(|(_, sum)| (sum.longer / sum.weight, sum.effective().sqrt()));
    let middle = weighted_median(shares.collect()).unwrap_or(0.5);
    let difference = |(endpoint, sum): (&usize, &Sums)| Difference {
        endpoint: *endpoint,
        // The variance of a uniform share is a twelfth.
        z: (sum.longer / sum.weight - middle) * (12.0 * sum.effective()).sqrt(),
    };
    sums.iter().map(difference).collect()
}

/// The lines of other endpoints that arrived next to one at its upstream.
fn beside<'l, 's>(lines: &'l [Line<'s>], at: usize, out: &[usize]) -> Vec<&'l Line<'s>> {
    let Some(line) = lines.get(at) else {
        return Vec::new();
    };
    let counts =
        |other: &&Line<'_>| other.endpoint != line.endpoint && !out.contains(&other.endpoint);
    let same = |other: &&Line<'_>| other.upstream == line.upstream;
    let mut before = lines[..at]
        .iter()
        .rev()
        .take_while(same)
        .filter(counts)
        .peekable();
    let mut behind = lines[at + 1..]
        .iter()
        .take_while(same)
        .filter(counts)
        .peekable();
    let mut found = Vec::with_capacity(NEIGHBOURS);
    while found.len() < NEIGHBOURS {
        let next = match (before.peek(), behind.peek()) {
            (Some(one), Some(other))
                if line.arrival - one.arrival <= other.arrival - line.arrival =>
            {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten endpoints with forty requests each, that wait up to a second longer than each other by chance, in a
    /// queue that grows by half a second for each; the times beyond the wait are as given.
    fn all(sampled: &Sampled, beyond: impl Fn(usize) -> f64) -> Vec<Line<'_>> {
        let line = |n: usize| {
            let endpoint = n * 7 % 10;
            // Knuth's multiplicative hash, as a chance that is the same each time.
            let chance = (n as u32).wrapping_mul(2_654_435_761) as f64 / f64::from(u32::MAX);
            Line {
                endpoint,
                upstream: b"10.0.0.1:80",
                arrival: n as i64,
                weight: 1.0,
                beyond: n as f64 * 5e5 + chance * 1e6 + beyond(endpoint),
                sampled,
            }
        };
        (0..400).map(line).collect()
    }

    #[test]
    fn who_is_longer_than_its_neighbours_is_found_in_a_queue_that_grows() {
        let sampled = Sampled::default();
        // One works 3 s longer, one does not queue at all.
        let lines = all(&sampled, |endpoint| match endpoint {
            3 => 3e6,
            8 => -1e8,
            _ => 0.0,
        });
        let z = |found: &[Difference], endpoint: usize| found[endpoint].z;
        let found = compare(&lines, &[]);
        assert_eq!(found.len(), 10);
        assert!(z(&found, 3) > 4.0 && z(&found, 8) < -4.0, "{found:?}");
        // Without them the others are what they are by chance.
        let found = compare(&lines, &[3, 8]);
        assert!(z(&found, 3) > 4.0 && z(&found, 8) < -4.0, "{found:?}");
        for endpoint in [0, 1, 2, 4, 5, 6, 7, 9] {
            assert!(z(&found, endpoint).abs() < 3.0, "{endpoint}: {found:?}");
        }
    }

    #[test]
    fn nothing_is_said_without_neighbours() {
        let sampled = Sampled::default();
        let mut lines = all(&sampled, |_| 0.0);
        lines.truncate(LEAST_NEIGHBOURS);
        assert_eq!(compare(&lines, &[]), []);
        assert_eq!(compare(&[], &[]), []);
    }

    #[test]
    fn the_nearest_of_the_same_upstream_are_compared() {
        let sampled = Sampled::default();
        let mut lines = all(&sampled, |_| 0.0);
        lines[201].upstream = b"10.0.0.2:80";
        lines.sort_by_key(|line| (line.upstream, line.arrival));
        let at = lines.iter().position(|line| line.arrival == 200).unwrap();
        let mut found: Vec<i64> = beside(&lines, at, &[])
            .iter()
            .map(|line| line.arrival)
            .collect();
        found.sort_unstable();
        // Its own endpoint comes every ten, and the one behind it went elsewhere.
        let expected = (187..=213).filter(|n| ![190, 200, 201, 210].contains(n));
        assert_eq!(found.len(), NEIGHBOURS);
        let expected: Vec<i64> = expected.collect();
        assert!(expected.iter().all(|n| found.contains(n)), "{found:?}");
    }
}
