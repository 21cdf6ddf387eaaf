//! How the mean of a phase changed at an endpoint, and how sure that is.

use crate::phases::Phase;
use crate::summary::{Block, Bucket, COMPARED, Distribution, Endpoint, QuantileValue};
use crate::unit::Quantile;

/// A phase of an endpoint before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseChange {
    /// Which.
    pub phase: Phase,
    /// Requests that have it, before and after; never 0.
    pub counts: [u64; 2],
    /// The means in µs.
    pub means_us: [f64; 2],
    /// The 95th percentiles.
    pub p95: [QuantileValue; 2],
    /// The mean after over the mean before; `None` where the latter is 0.
    pub ratio: Option<f64>,
    /// Its 95 % interval; `None` where too little is known of how the mean scatters.
    pub interval: Option<[f64; 2]>,
}

impl PhaseChange {
    /// Whether the interval leaves no doubt that it changed.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.interval
            .is_some_and(|[low, high]| low > 1.0 || high < 1.0)
    }
}

/// The phase that is the whole of a request, as far as both know.
fn whole(before: &Endpoint, after: &Endpoint) -> Option<Phase> {
    let known = |phase: &Phase| before.phase(*phase).is_some() && after.phase(*phase).is_some();
    [Phase::Total, Phase::Upstream, Phase::Server, Phase::App]
        .into_iter()
        .find(known)
}

/// See [`super::Changed::seconds`]; 0 where no phase is known of both.
pub(super) fn seconds(before: &Endpoint, after: &Endpoint) -> f64 {
    let Some(phase) = whole(before, after) else {
        return 0.0;
    };
    match (before.phase(phase), after.phase(phase)) {
        (Some(before), Some(after)) => {
            (mean(after) - mean(before)) * after.count as f64 / 1_000_000.0
        }
        _ => 0.0,
    }
}

/// The phases that both know.
pub(super) fn phases(before: &Endpoint, after: &Endpoint) -> Vec<PhaseChange> {
    let change = |phase: &Phase| {
        let (mine, theirs) = (before.phase(*phase)?, after.phase(*phase)?);
        let means_us = [mean(mine), mean(theirs)];
        let ratio = (means_us[0] > 0.0).then(|| means_us[1] / means_us[0]);
        let errors = [
            relative_error(before, *phase),
            relative_error(after, *phase),
        ];
        let interval = match (ratio.filter(|ratio| *ratio > 0.0), errors) {
            (Some(ratio), [Some(one), Some(other)]) => {
                let reach = spread(&one, &other);
                Some([ratio * (-reach).exp(), ratio * reach.exp()])
            }
            _ => None,
        };
        Some(PhaseChange {
            phase: *phase,
            counts: [mine.count, theirs.count],
            means_us,
            p95: [mine, theirs].map(|of| of.quantile(Quantile::percent(95))),
            ratio,
            interval,
        })
    };
    Phase::ALL.iter().filter_map(change).collect()
}

fn mean(distribution: &Distribution) -> f64 {
    // OK because a distribution has a value.
    distribution.sum.0 as f64 / distribution.count as f64
}

/// The squared relative error of a mean, and the degrees of freedom behind it.
struct Scatter {
    variance: f64,
    freedom: f64,
}

/// Blocks with requests from which a scatter is told; from fewer it is a guess.
const FEWEST_BLOCKS: usize = 5;

/// How a mean scatters. Requests of one moment are slow together, so it is told from blocks of time, and
/// is never less than if each request were by itself. Of phases that are not kept by block the excess of
/// the whole duration's is taken.
fn relative_error(endpoint: &Endpoint, phase: Phase) -> Option<Scatter> {
    let distribution = endpoint.phase(phase)?;
    let single = alone(distribution)?;
    let (excess, freedom) = match excess(endpoint, phase) {
        Some(found) => found,
        None => excess(endpoint, Phase::Total)?,
    };
    Some(Scatter {
        variance: single * excess.max(1.0),
        freedom,
    })
}

/// The squared relative error of the mean of values that know nothing of each other.
fn alone(distribution: &Distribution) -> Option<f64> {
    let n = distribution.count as f64;
    let mean = mean(distribution);
    if n < 2.0 || mean <= 0.0 {
        return None;
    }
    let square = |bucket: &Bucket| bucket.count as f64 * (bucket.middle() as f64 - mean).powi(2);
    let variance = distribution.buckets.iter().map(square).sum::<f64>() / (n - 1.0);
    Some(variance / n / (mean * mean))
}

/// How many times larger the squared error of the mean is than [`alone`], by blocks, and the degrees of
/// freedom. The mean is a ratio of sums over blocks, so its error is that of the ratio estimator
/// (Cochran, Sampling Techniques, 6.4): `K/(K-1) Σ (s_k − m n_k)² / N²`.
fn excess(endpoint: &Endpoint, phase: Phase) -> Option<(f64, f64)> {
    let at = COMPARED.iter().position(|compared| *compared == phase)?;
    let sums = |block: &Block| {
        block.times[at].iter().fold((0.0, 0.0), |(n, sum), bucket| {
            let count = bucket.count as f64;
            (n + count, sum + count * bucket.middle() as f64)
        })
    };
    let blocks: Vec<(f64, f64)> = endpoint
        .runs
        .iter()
        .flatten()
        .map(sums)
        .filter(|(n, _)| *n > 0.0)
        .collect();
    if blocks.len() < FEWEST_BLOCKS {
        return None;
    }
    let (n, sum) = blocks
        .iter()
        .fold((0.0, 0.0), |(n, sum), block| (n + block.0, sum + block.1));
    let single = alone(endpoint.phase(phase)?)?;
    if sum <= 0.0 || single <= 0.0 {
        return Some((1.0, blocks.len() as f64 - 1.0));
    }
    let mean = sum / n;
    let k = blocks.len() as f64;
    let squares: f64 = blocks.iter().map(|(n, sum)| (sum - mean * n).powi(2)).sum();
    let variance = k / (k - 1.0) * squares / (n * n) / (mean * mean);
    Some((variance / single, k - 1.0))
}

/// Half of the width of the 95 % interval of the logarithm of a ratio.
fn spread(one: &Scatter, other: &Scatter) -> f64 {
    let variance = one.variance + other.variance;
    if variance <= 0.0 {
        return 0.0;
    }
    // Welch and Satterthwaite.
    let freedom = variance * variance
        / (one.variance.powi(2) / one.freedom + other.variance.powi(2) / other.freedom);
    student(freedom) * variance.sqrt()
}

/// The value of Student's t that is exceeded either way in 5 of 100 cases, for 4 degrees of freedom and
/// more within 0.2 %: the expansion of Abramowitz and Stegun 26.7.5.
fn student(freedom: f64) -> f64 {
    let z: f64 = 1.959_964;
    let v = freedom.max(1.0);
    let power = |n: i32| z.powi(n);
    z + (power(3) + z) / (4.0 * v)
        + (5.0 * power(5) + 16.0 * power(3) + 3.0 * z) / (96.0 * v.powi(2))
        + (3.0 * power(7) + 19.0 * power(5) + 17.0 * power(3) - 15.0 * z) / (384.0 * v.powi(3))
        + (79.0 * power(9) + 776.0 * power(7) + 1_482.0 * power(5) - 1_920.0 * power(3) - 945.0 * z)
            / (92_160.0 * v.powi(4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Micros;

    #[test]
    fn student_is_that_of_the_tables() {
        // Abramowitz and Stegun, table 26.10.
        for (freedom, t) in [(4.0, 2.776), (10.0, 2.228), (30.0, 2.042), (1e9, 1.960)] {
            assert!(
                (student(freedom) - t).abs() < 0.006,
                "{freedom}: {}",
                student(freedom)
            );
        }
    }

    /// An endpoint with these durations in each block, in µs.
    fn endpoint(blocks: &[Vec<u64>]) -> Endpoint {
        let buckets = |values: &mut Vec<u64>| {
            values.sort_unstable();
            let bucket = |value: &u64| Bucket {
                low: *value,
                high: *value,
                count: 1,
            };
            values.iter().map(bucket).collect::<Vec<_>>()
        };
        let mut all: Vec<u64> = blocks.concat();
        let mut of = Endpoint {
            requests: all.len() as u64,
            ..Endpoint::default()
        };
        of.phases[Phase::Total as usize] = Some(Distribution {
            count: all.len() as u64,
            sum: Micros(all.iter().sum()),
            min: Micros(all.iter().copied().min().unwrap()),
            max: Micros(all.iter().copied().max().unwrap()),
            buckets: buckets(&mut all),
            censored: Vec::new(),
        });
        let at = COMPARED.iter().position(|of| *of == Phase::Total).unwrap();
        let block = |values: &Vec<u64>| {
            let mut block = Block {
                requests: values.len() as u64,
                ..Block::default()
            };
            block.times[at] = buckets(&mut values.clone());
            block
        };
        of.runs = vec![blocks.iter().map(block).collect()];
        of
    }

    /// Uniform between 0.5 and 1.5 times the mean, which moves by block.
    fn drawn(seed: u64, mean: u64, sway: u64) -> Endpoint {
        let mut state = seed | 1;
        let mut random = move |n: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % n
        };
        let blocks: Vec<Vec<u64>> = (0..20)
            .map(|_| {
                let mean = mean + random(2 * sway + 1) - sway;
                (0..50).map(|_| mean / 2 + random(mean)).collect()
            })
            .collect();
        endpoint(&blocks)
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        // Blocks that sway by a third: requests of one are slow together.
        let holds = (0..400).filter(|seed| {
            let one = drawn(seed * 7_919 + 11, 100_000, 33_000);
            let other = drawn(seed * 104_729 + 5, 110_000, 36_300);
            let change = phases(&one, &other).remove(0);
            let [low, high] = change.interval.unwrap();
            (low..=high).contains(&1.1)
        });
        let holds = holds.count();
        assert!((364..=396).contains(&holds), "{holds} of 400");
    }

    #[test]
    fn seconds_are_of_the_requests_after() {
        let (one, other) = (drawn(3, 100_000, 0), drawn(4, 200_000, 0));
        let change = phases(&one, &other).remove(0);
        assert!(change.is_sure());
        let want = (change.means_us[1] - change.means_us[0]) * 1_000.0 / 1e6;
        assert!((seconds(&one, &other) - want).abs() < 1e-9);
        assert!((90.0..110.0).contains(&want));
        // From two blocks nothing is known of how it scatters.
        let few = endpoint(&[vec![1, 2, 3], vec![2, 3, 4]]);
        assert_eq!(phases(&few, &one).remove(0).interval, None);
    }
}
