//! The gate, and what people use in its place, on the same data: which endpoints each flags.

use slowpath::gate::comparison::Comparison;
use slowpath::gate::multiple;
use slowpath::gate::rules::Rules;
use slowpath::gate::verdict::{Verdict, verdicts};

use crate::world::Drawn;

/// The names of the methods, in the order of [`flags`].
pub const METHODS: [&str; 3] = ["slowpath gate", "p95 +10 %", "Mann-Whitney + BH"];

/// By method and endpoint whether it is flagged.
pub fn flags(drawn: &Drawn, rules: &Rules) -> [Vec<bool>; METHODS.len()] {
    [gate(drawn, rules), p95(drawn), mann_whitney(drawn)]
}

fn gate(drawn: &Drawn, rules: &Rules) -> Vec<bool> {
    let comparison = Comparison::new(&drawn.traffic, rules);
    verdicts(&comparison, rules)
        .iter()
        .map(|(verdict, _)| *verdict == Verdict::Fail)
        .collect()
}

/// The candidate's 95th percentile is over 1.1 times the baseline's.
fn p95(drawn: &Drawn) -> Vec<bool> {
    let of = |durations: &Vec<u64>| {
        let mut sorted = durations.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() * 95).div_ceil(100) - 1] as f64
    };
    drawn
        .durations
        .iter()
        .map(|[baseline, candidate]| of(candidate) > 1.1 * of(baseline))
        .collect()
}

/// The one-sided rank-sum test on all requests as if they were independent; at most 5 % of the flagged
/// shall be false (Benjamini and Hochberg).
fn mann_whitney(drawn: &Drawn) -> Vec<bool> {
    let p: Vec<f64> = drawn.durations.iter().map(rank_sum).collect();
    let level = multiple::level(&p, 0.05, 0.05).unwrap_or(-1.0);
    p.iter().map(|p| *p <= level).collect()
}

/// The chance of ranks as high as the candidate's, by the normal approximation with ties.
fn rank_sum([baseline, candidate]: &[Vec<u64>; 2]) -> f64 {
    let mut all: Vec<(u64, bool)> = baseline.iter().map(|time| (*time, false)).collect();
    all.extend(candidate.iter().map(|time| (*time, true)));
    all.sort_unstable();
    let (m, n) = (baseline.len() as f64, candidate.len() as f64);
    let (mut ranks, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|one, other| one.0 == other.0) {
        let count = equal.len() as f64;
        let of_candidate = equal
            .iter()
            .filter(|(_, is_candidate)| *is_candidate)
            .count();
        ranks += of_candidate as f64 * (before + (count + 1.0) / 2.0);
        ties += count.powi(3) - count;
        before += count;
    }
    let expected = n * (m + n + 1.0) / 2.0;
    let variance = m * n / 12.0 * (m + n + 1.0 - ties / ((m + n) * (m + n - 1.0)));
    slowpath::gate::student::upper((ranks - expected) / variance.sqrt(), 1e9)
}
