//! What counts as a regression: the numbers that a person may set, and the usual ones.

use crate::unit::Micros;

/// The smallest count of runs of each arm that shows how much runs of one program differ.
pub const REPEATED: usize = 3;

/// Ratios are given as what they are above 1: 0.05 is 5 % slower.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// A slowdown that nobody minds: the hypothesis that is rejected is that it is no worse. `None` is
    /// 1 % where runs were repeated, else 5 %.
    pub margin: Option<f64>,
    /// The slowdown that must be seen in the numbers before anything is flagged.
    pub effect: f64,
    /// The slowdown that must have been found had it been there; where it could not, the verdict is
    /// inconclusive.
    pub limit: f64,
    /// The slowdown in time below which nothing is flagged.
    pub floor: Micros,
    /// How often a comparison of unchanged code may flag anything.
    pub false_alarm: f64,
    /// Which share of the flagged endpoints may be flagged falsely.
    pub false_share: f64,
    /// By how much runs of the same program differ, the standard deviation of the logarithm, where it
    /// was recorded.
    pub noise: Option<f64>,
    /// Which share of the baseline's busy time the required endpoints carry.
    pub required_share: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            margin: None,
            effect: 0.05,
            limit: 0.20,
            floor: Micros(2_000),
            false_alarm: 0.01,
            false_share: 0.05,
            noise: None,
            required_share: 0.90,
        }
    }
}

impl Rules {
    /// The margin as a logarithm, for this many runs of the arm that has fewer.
    #[must_use]
    pub fn margin(&self, runs: usize) -> f64 {
        let usual = if runs >= REPEATED { 0.01 } else { 0.05 };
        self.margin.unwrap_or(usual).ln_1p()
    }
}
