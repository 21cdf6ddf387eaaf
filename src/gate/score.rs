//! What a duration counts in a comparison: a score, in logarithms, such that the difference between the
//! mean scores of two arms is by how much one is slower.
//!
//! Both statistics of the gate are means of scores, the placement of ranks and a quantile alike; so
//! blocks, machine noise, repeated runs and the mix of requests are treated once, for any score.

use super::pooled::Pooled;
use crate::summary::Bucket;

/// Durations of either arm below which nothing is said of the bulk.
const BULK_LEAST: u64 = 50;

/// The quantiles that may stand for the tail, and how many durations above it either arm must have.
const TAILS: [(f64, u64); 2] = [(0.95, 30), (0.90, 20)];

/// Which part of a distribution a statistic looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// All of it: a shift of the whole.
    Bulk,
    /// This quantile.
    Tail(f64),
}

impl Part {
    /// The word for it: `bulk`, `p95`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Part::Bulk => "bulk".to_owned(),
            Part::Tail(q) => format!("p{:.0}", q * 100.0),
        }
    }

    /// The quantile at which it is shown: the median for the bulk.
    #[must_use]
    pub fn quantile(self) -> f64 {
        match self {
            Part::Bulk => 0.5,
            Part::Tail(q) => q,
        }
    }
}

/// A score for each duration.
#[derive(Debug)]
pub struct Score {
    /// What it measures.
    pub part: Part,
    /// Where the part lies in both arms together, in µs: the median, or the quantile itself.
    pub level: f64,
    /// By the lowest value of a bucket, rising; each row holds up to the next.
    table: Vec<(u64, f64)>,
}

impl Score {
    /// The shift of the whole: the placement `F(x) - 1/2` over the density `∫f²`.
    ///
    /// Source: Mann and Whitney 1947 for the placement, `θ = P(B > A) + P(B = A)/2`; Hodges and Lehmann
    /// 1963 for the shift, which is `(θ - 1/2)/∫f²` where it is small. Off at shifts as wide as the
    /// distribution itself, where the verdict is clear anyhow. `None` for too few durations.
    #[must_use]
    pub fn bulk(pooled: &Pooled, resolution_us: u64) -> Option<Score> {
        if pooled.fewest() < BULK_LEAST {
            return None;
        }
        let density = pooled.squared_density(resolution_us);
        Some(Score {
            part: Part::Bulk,
            level: pooled.quantile(0.5).exp(),
            table: pooled.table(|rank, _| (rank - 0.5) / density),
        })
    }

    /// The shift of a high quantile ξ: `(1[x > ξ] - (1 - q))/f(ξ)`, the 95th percentile where there are
    /// enough durations above it, else the 90th; `None` where there are too few for that.
    ///
    /// Source: Bahadur 1966, the linear form of a quantile; Woodruff 1952 for the use of it.
    #[must_use]
    pub fn tail(pooled: &Pooled, resolution_us: u64) -> Option<Score> {
        let enough =
            |(q, least): &(f64, u64)| ((1.0 - q) * pooled.fewest() as f64).round() as u64 >= *least;
        let (q, _) = *TAILS.iter().find(|tail| enough(tail))?;
        let at = pooled.quantile(q);
        let sparsity = pooled.sparsity(q, resolution_us);
        // Half of what is exactly at ξ, a step of the clock perhaps, counts as above it.
        let score = |_, x: f64| {
            let above = if x > at {
                1.0
            } else if x < at {
                0.0
            } else {
                0.5
            };
            (above - (1.0 - q)) * sparsity
        };
        Some(Score {
            part: Part::Tail(q),
            level: at.exp(),
            table: pooled.table(score),
        })
    }

    /// The sum of the scores of durations, and the sum of their squares.
    #[must_use]
    pub fn sums(&self, buckets: &[Bucket]) -> (f64, f64) {
        buckets.iter().fold((0.0, 0.0), |(sum, squares), bucket| {
            let at = self.table.partition_point(|(low, _)| *low <= bucket.low);
            let score = at
                .checked_sub(1)
                .and_then(|at| self.table.get(at))
                .map_or(0.0, |(_, score)| *score);
            let n = bucket.count as f64;
            (sum + n * score, squares + n * score * score)
        })
    }
}
