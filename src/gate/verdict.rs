//! From statistics to verdicts on times.

use super::comparison::{Comparison, Statistic};
use super::multiple;
use super::rules::Rules;
use super::score::Part;
use crate::phases::Phase;

/// What is said of an endpoint's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Slower, beyond chance and beyond what nobody minds.
    Fail,
    /// Not seen to be slower, but a slowdown that matters could have been missed.
    Inconclusive,
    /// Not slower: a slowdown that matters would have been seen.
    Pass,
    /// Too few requests in an arm to say anything.
    TooLittle,
    /// So fast that a slowdown by the limit is less than the floor.
    BelowFloor,
}

/// The verdict on each endpoint, and which of its statistics flagged it.
#[must_use]
pub fn verdicts(comparison: &Comparison, rules: &Rules) -> Vec<(Verdict, Vec<bool>)> {
    let tested: Vec<f64> = comparison
        .statistics
        .iter()
        .filter(|of| !of.is_empty())
        .map(|of| endpoint_p(of))
        .collect();
    let level = multiple::level(&tested, rules.false_share, rules.false_alarm).unwrap_or(-1.0);
    let verdict = |(of, enough): (&Vec<Statistic>, &bool)| {
        let flags: Vec<bool> = of
            .iter()
            .map(|statistic| statistic.p * of.len() as f64 <= level && matters(statistic, rules))
            .collect();
        let verdict = match deciding(of.iter()) {
            _ if flags.contains(&true) => Verdict::Fail,
            Some(statistic) if statistic.detectable > rules.limit => Verdict::Inconclusive,
            Some(_) => Verdict::Pass,
            None if *enough => Verdict::BelowFloor,
            None => Verdict::TooLittle,
        };
        (verdict, flags)
    };
    comparison
        .statistics
        .iter()
        .zip(&comparison.enough)
        .map(verdict)
        .collect()
}

/// Whether a shift is large enough to speak of.
fn matters(statistic: &Statistic, rules: &Rules) -> bool {
    statistic.shift >= rules.effect.ln_1p() && statistic.change_us >= rules.floor.0 as f64
}

/// The chance that an endpoint that is no slower than the margin gives the smallest of its p or less:
/// Bonferroni over its statistics.
fn endpoint_p(statistics: &[Statistic]) -> f64 {
    let least = statistics.iter().map(|of| of.p).fold(1.0, f64::min);
    (least * statistics.len() as f64).min(1.0)
}

/// The statistic that must have been able to see a slowdown: of the endpoint's own time where it is
/// known, else of the total; the bulk before the tail. The wait of a busy pool is too restless to tell.
#[must_use]
pub fn deciding<'s>(statistics: impl Iterator<Item = &'s Statistic>) -> Option<&'s Statistic> {
    let order = |statistic: &&'s Statistic| {
        let phase = match statistic.phase {
            Phase::App => 0,
            Phase::Total => 1,
            _ => 2,
        };
        (phase, statistic.part != Part::Bulk)
    };
    statistics.min_by_key(order)
}
