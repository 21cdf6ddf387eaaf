//! How often requests overtake each other, and what that says of the workers behind.
//!
//! Where requests are taken up in the order in which they came, by `c` workers, those that came before a
//! request and are still there when it leaves have been taken up before it, and so are at work at most
//! `c - 1` of them. So a request and the earlier ones that it overtakes are never more than `c`; and once
//! the pool is full it happens often that they are `c`. The counts have a sharp edge. Without that order,
//! or with several queues, some overtake the whole queue, and the counts only grow rare.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Of each visit, how many of those before it that queue leave later than it does, itself included: 1 and
/// more. `left` holds when each leaves, in the order in which they came.
pub fn overtaking(left: &[i64], queues: &[bool]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..left.len() as u32).collect();
    order.sort_unstable_by_key(|at| (left[*at as usize], *at));
    // Those that leave at the same time have the same rank: none overtakes the other.
    let mut ranks = vec![0_u32; left.len()];
    for at in 0..order.len() {
        let (visit, before) = (order[at] as usize, order[at.saturating_sub(1)] as usize);
        ranks[visit] = if at > 0 && left[visit] == left[before] {
            ranks[before]
        } else {
            at as u32 + 1
        };
    }
    // Counts of ranks as sums over ranges (Fenwick, "A new data structure for cumulative frequency
    // tables", 1994): both steps take the logarithm of their number.
    let mut sums = vec![0_u32; left.len() + 1];
    let mut seen = 0;
    let count = |(rank, queues): (&u32, &bool)| {
        let mut earlier = 0;
        let mut at = *rank as usize;
        while at > 0 {
            earlier += sums[at];
            at &= at - 1;
        }
        // Of those seen before, the ones that leave no later do not count.
        let overtaken = seen - earlier;
        if *queues {
            seen += 1;
            let mut at = *rank as usize;
            while at < sums.len() {
                sums[at] += 1;
                at += at & at.wrapping_neg();
            }
        }
        overtaken + 1
    };
    ranks.iter().zip(queues).map(count).collect()
}

/// Of each visit, how many that came before and queue are there when it comes. All lists are in the order
/// of coming.
pub fn in_flight(came: &[i64], left: &[i64], queues: &[bool]) -> Vec<u32> {
    let mut leaving: BinaryHeap<Reverse<i64>> = BinaryHeap::new();
    let count = |((came, left), queues): ((&i64, &i64), &bool)| {
        while leaving.peek().is_some_and(|Reverse(next)| next <= came) {
            leaving.pop();
        }
        let there = leaving.len() as u32;
        if *queues {
            leaving.push(Reverse(*left));
        }
        there
    };
    came.iter().zip(left).zip(queues).map(count).collect()
}

/// Where the counts of overtaking end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Edge {
    /// The count at which they end: the number of workers, if it is sharp.
    pub workers: u32,
    /// Visits with that count and more, or those that found so many there and more where these are fewer.
    pub at: u32,
    /// Visits with more.
    pub beyond: u32,
}

/// How many times as many visits must be at a sharp edge as beyond it (half a visit counts as beyond where
/// there is none). Simulated: with queues in order 60 and more but for pools that were full for moments
/// only, in any other order and with several queues 21 at most.
const SHARP: f64 = 60.0;

impl Edge {
    /// The sharpest edge of the counts of overtaking, each with how many the visit found there. Where
    /// nobody queues, the counts grow rare fast, but so do visits that find many there.
    pub fn of(visits: impl Iterator<Item = (u32, u32)>) -> Edge {
        let (counts, there): (Vec<u32>, Vec<u32>) = visits.unzip();
        let (counts, there) = (at_least(&counts), at_least(&there));
        let of = |all: &[u32], workers: usize| all.get(workers).copied().unwrap_or(0);
        let edges = (1..counts.len()).map(|workers| Edge {
            workers: workers as u32,
            at: of(&counts, workers).min(of(&there, workers)),
            beyond: of(&counts, workers + 1),
        });
        // Of equally sharp ones that of more workers.
        edges
            .max_by(|a, b| a.ratio().total_cmp(&b.ratio()))
            .unwrap_or_default()
    }

    fn ratio(&self) -> f64 {
        f64::from(self.at) / (f64::from(self.beyond) + 0.5)
    }

    /// Whether it is one.
    pub fn is_sharp(&self) -> bool {
        self.ratio() >= SHARP
    }
}

/// How many of some numbers are so large or larger, by that size.
fn at_least(numbers: &[u32]) -> Vec<u32> {
    let most = numbers.iter().copied().max().unwrap_or(0) as usize;
    let mut sizes = vec![0_u32; most + 1];
    for number in numbers {
        sizes[*number as usize] += 1;
    }
    for size in (0..most).rev() {
        sizes[size] += sizes[size + 1];
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers as if by chance.
    fn some(count: i64, below: i64) -> Vec<i64> {
        (0..count).map(|n| n * n * 7_919 % 10_007 % below).collect()
    }

    #[test]
    fn overtaking_is_counted_as_one_by_one() {
        for (count, below) in [(0, 1), (1, 5), (300, 40), (300, 5_000)] {
            let left = some(count, below);
            for every in [1, 3] {
                let queues: Vec<bool> = (0..left.len()).map(|at| at % every == 0).collect();
                let plain = |at: usize| {
                    let earlier = left[..at].iter().zip(&queues);
                    1 + earlier
                        .filter(|(l, queues)| **queues && **l > left[at])
                        .count() as u32
                };
                let expected: Vec<u32> = (0..left.len()).map(plain).collect();
                assert_eq!(overtaking(&left, &queues), expected);
            }
        }
    }

    #[test]
    fn those_there_are_counted_as_one_by_one() {
        let mut came = some(400, 3_000);
        came.sort_unstable();
        let left: Vec<i64> = came.iter().zip(some(400, 90)).map(|(c, s)| c + s).collect();
        let queues: Vec<bool> = (0..came.len()).map(|at| at % 5 != 0).collect();
        let there = |at: usize| {
            let earlier = left[..at].iter().zip(&queues);
            earlier
                .filter(|(left, queues)| **queues && **left > came[at])
                .count() as u32
        };
        let plain: Vec<u32> = (0..came.len()).map(there).collect();
        assert_eq!(in_flight(&came, &left, &queues), plain);
        assert!(plain.iter().any(|there| *there > 2));
    }

    #[test]
    fn an_edge_is_where_the_counts_end() {
        let edge = |counts: &[u32]| Edge::of(counts.iter().map(|count| (*count, 20)));
        let mut counts: Vec<u32> = (0..4_000).map(|n| n % 8 + 1).collect();
        let sharp = edge(&counts);
        assert_eq!((sharp.workers, sharp.at, sharp.beyond), (8, 500, 0));
        counts.extend([9, 11]);
        assert_eq!(edge(&counts).workers, 8);
        assert!(edge(&counts).is_sharp());
        // As many again at each count as at the next.
        let slope: Vec<u32> = (1..12).flat_map(|n| vec![n; 1 << (12 - n)]).collect();
        assert!(!edge(&slope).is_sharp());
        assert!(!edge(&[]).is_sharp());
    }

    #[test]
    fn an_edge_shows_only_where_there_is_a_queue() {
        for count in [1, 3] {
            let edge = |there: u32| Edge::of(std::iter::repeat_n((count, there), 500));
            assert_eq!(edge(count + 1).workers, count);
            assert!(edge(count + 1).is_sharp());
            // Never is anybody there whom they would have to wait for.
            assert!(!edge(count - 1).is_sharp());
        }
    }
}
