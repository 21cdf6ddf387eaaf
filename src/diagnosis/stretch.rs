//! Stretches of a course over which its level is raised: a CUSUM over blocks of requests, clipped so
//! that no single block decides (Page, "Continuous inspection schemes", 1954). What the course is of,
//! and what a stretch means, is not known here.

use super::limits;

/// A value over some windows, and its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// The first window.
    pub from: usize,
    /// The window behind the last.
    pub until: usize,
    /// The value.
    pub value: f64,
}

/// Windows over which a course is raised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// The first window.
    pub from: usize,
    /// The window behind the last.
    pub until: usize,
    /// How sure: the sum of scatters by which the blocks stand out.
    pub score: f64,
}

/// The blocks of a course of (window, weight, sum), each of so much weight at least; the value of a
/// block is its mean. What is left over at the end makes no block.
pub fn blocks(course: impl Iterator<Item = (usize, f64, f64)>, weight: f64) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (mut from, mut n, mut sum) = (None, 0.0, 0.0);
    for (window, more, value) in course.filter(|(_, more, _)| *more > 0.0) {
        let start = *from.get_or_insert(window);
        n += more;
        sum += value;
        if n >= weight {
            blocks.push(Block {
                from: start,
                until: window + 1,
                value: sum / n,
            });
            (from, n, sum) = (None, 0.0, 0.0);
        }
    }
    blocks
}

/// The value below which so many percent of the blocks lie; `None` where there are none.
pub fn percentile(values: impl Iterator<Item = f64>, percent: usize) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    values.get(last * percent / 100).copied()
}

/// The stretches over which the blocks are raised above a level, in the order of time; above their own
/// usual one where it is not given.
pub fn raised(blocks: &[Block], level: Option<f64>) -> Vec<Stretch> {
    let values = || blocks.iter().map(|block| block.value);
    let level = level.or_else(|| percentile(values(), limits::LEVEL_PERCENTILE));
    let Some(level) = level.filter(|level| *level > 0.0) else {
        return Vec::new();
    };
    let steps = blocks
        .windows(2)
        .map(|pair| (pair[1].value - pair[0].value).abs());
    // The median of |a - b| of two Gaussians is 0.954 of their deviation.
    let scatter = percentile(steps, 50).unwrap_or(0.0) / level / 0.954;
    let scatter = scatter.max(0.05);
    let needed = limits::RAISED.max(limits::RAISED_SCATTERS * scatter);
    let scores: Vec<f64> = values()
        .map(|value| {
            ((value / level - 1.0 - needed) / scatter.max(0.1))
                .clamp(-limits::BLOCK_CLIP, limits::BLOCK_CLIP)
        })
        .collect();
    search(&scores)
        .into_iter()
        .filter_map(|(from, until, score)| {
            Some(Stretch {
                from: blocks.get(from)?.from,
                until: blocks.get(until.checked_sub(1)?)?.until,
                score,
            })
        })
        .collect()
}

/// Every maximal stretch of scores whose sum is high enough, as (first, behind the last, sum) in order:
/// from where the running sum leaves zero to its highest point, again and again behind it.
pub fn search(scores: &[f64]) -> Vec<(usize, usize, f64)> {
    let mut found = Vec::new();
    let (mut sum, mut start) = (0.0_f64, 0);
    let (mut best, mut best_until) = (0.0_f64, 0);
    let mut at = 0;
    while at <= scores.len() {
        let over = scores.get(at).is_none_or(|score| sum + score <= 0.0)
            // So far below its highest point, a stretch has ended and another may begin.
            || best - sum >= limits::STRETCH;
        if over && best >= limits::STRETCH {
            found.push((start, best_until, best));
            at = best_until;
            (sum, best, start) = (0.0, 0.0, at);
            if at >= scores.len() {
                return found;
            }
            // Behind the highest point the next score is negative, so this ends.
        }
        match scores.get(at) {
            Some(score) => {
                if sum + score <= 0.0 {
                    (sum, best) = (0.0, 0.0);
                    start = at + 1;
                } else {
                    sum += score;
                    if sum > best {
                        (best, best_until) = (sum, at + 1);
                    }
                }
            }
            None => return found,
        }
        at += 1;
    }
    found
}

/// The stretch of scores with the largest sum, as its first and the one behind its last; empty where none
/// is above zero.
pub fn largest_sum(scores: impl IntoIterator<Item = f64>) -> std::ops::Range<usize> {
    let (mut best, mut best_sum) = (0..0, 0.0);
    let (mut start, mut sum) = (0, 0.0);
    for (at, score) in scores.into_iter().enumerate() {
        sum += score;
        if sum <= 0.0 {
            (sum, start) = (0.0, at + 1);
        } else if sum > best_sum {
            (best, best_sum) = (start..at + 1, sum);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(values: &[f64]) -> Vec<Block> {
        blocks(
            values
                .iter()
                .enumerate()
                .map(|(at, value)| (at, 1.0, *value)),
            1.0,
        )
    }

    #[test]
    fn a_raised_stretch_is_found_and_one_outlier_is_not() {
        let mut values: Vec<f64> = (0..60).map(|n| 1.0 + f64::from(n % 3) * 0.1).collect();
        values[50] = 1e6;
        assert_eq!(raised(&course(&values), None), []);
        values[20..30].iter_mut().for_each(|value| *value *= 4.0);
        values[40..45].iter_mut().for_each(|value| *value *= 9.0);
        let stretches: Vec<_> = raised(&course(&values), None)
            .iter()
            .map(|s| (s.from, s.until))
            .collect();
        assert_eq!(stretches, [(20, 30), (40, 45)]);
        assert_eq!(raised(&[], None), []);
    }

    #[test]
    fn the_largest_sum_is_that_of_all_stretches() {
        let scores = [-1.0, 2.0, -1.0, 3.0, -9.0, 3.5, -1.0];
        let sum = |from: usize, until: usize| scores[from..until].iter().sum::<f64>();
        let all =
            (0..scores.len()).flat_map(|from| (from + 1..=scores.len()).map(move |u| (from, u)));
        let largest = all
            .map(|(from, until)| sum(from, until))
            .fold(0.0, f64::max);
        let found = largest_sum(scores);
        assert_eq!(found, 1..4);
        assert_eq!(sum(found.start, found.end), largest);
        assert!(largest_sum([-1.0, -2.0]).is_empty());
        assert!(largest_sum([]).is_empty());
    }

    #[test]
    fn blocks_are_means() {
        let course = [(3, 2.0, 10.0), (4, 0.0, 0.0), (7, 2.0, 14.0), (9, 1.0, 5.0)];
        let block = Block {
            from: 3,
            until: 8,
            value: 6.0,
        };
        assert_eq!(blocks(course.into_iter(), 4.0), [block]);
    }
}
