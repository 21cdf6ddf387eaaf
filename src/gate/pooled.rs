//! The durations of both arms together, on a logarithmic axis: ranks, quantiles, density.
//!
//! Each arm weighs one half however many requests it has, so that neither sets the scale alone.

use crate::summary::Bucket;

/// A step of the axis on which the density is smoothed: 1 %.
const STEP: f64 = 0.01;

/// The pooled distribution of one endpoint and phase.
#[derive(Debug)]
pub struct Pooled {
    /// Durations of each arm.
    pub counts: [u64; 2],
    /// Rising; no value twice.
    points: Vec<Point>,
}

#[derive(Debug)]
struct Point {
    /// The lowest value in µs of the first bucket that belongs to it.
    low: u64,
    /// ln µs.
    at: f64,
    /// The share of requests here.
    weight: f64,
    /// The share of requests below.
    below: f64,
}

impl Pooled {
    /// Pools two arms, each in sorted buckets. Durations under `floor_us` count as that long: what is
    /// between them is of no interest, and a ratio of almost nothing to nothing has no meaning.
    /// `None` where an arm is empty.
    #[must_use]
    pub fn new(arms: [&[Bucket]; 2], floor_us: u64) -> Option<Pooled> {
        let counts = arms.map(|buckets| buckets.iter().map(|bucket| bucket.count).sum::<u64>());
        if counts.contains(&0) {
            return None;
        }
        let mut weighted: Vec<(u64, u64, f64)> = arms
            .iter()
            .zip(counts)
            .flat_map(|(buckets, n)| {
                buckets.iter().map(move |bucket| {
                    let value = bucket.middle().max(floor_us).max(1);
                    (bucket.low, value, bucket.count as f64 / (2.0 * n as f64))
                })
            })
            .collect();
        weighted.sort_unstable_by_key(|(low, ..)| *low);
        let mut points: Vec<Point> = Vec::new();
        let (mut last, mut below) = (0, 0.0);
        for (low, value, weight) in weighted {
            match points.last_mut() {
                Some(point) if last == value => point.weight += weight,
                _ => points.push(Point {
                    low,
                    at: (value as f64).ln(),
                    weight,
                    below,
                }),
            }
            last = value;
            below += weight;
        }
        Some(Pooled { counts, points })
    }

    /// The smaller of the two counts.
    #[must_use]
    pub fn fewest(&self) -> u64 {
        self.counts[0].min(self.counts[1])
    }

    /// The quantile, in ln µs.
    #[must_use]
    pub fn quantile(&self, q: f64) -> f64 {
        let at = self
            .points
            .partition_point(|point| point.below + point.weight < q - 1e-12);
        let point = self.points.get(at).or(self.points.last());
        point.map_or(0.0, |point| point.at)
    }

    /// `∫f²` of the density of the logarithm, smoothed by a triangle.
    ///
    /// The width is Scott's rule (Scott 1992, 6.42, with the interquartile range as the scale), at least
    /// a step of the axis, and at least one step of the clock `resolution_us` at the median: a clock's
    /// steps are no concentration of the durations.
    #[must_use]
    pub fn squared_density(&self, resolution_us: u64) -> f64 {
        let spread = (self.quantile(0.75) - self.quantile(0.25)) / 1.349;
        let n = (self.counts[0] + self.counts[1]) as f64;
        let scott = 1.06 * spread * n.powf(-0.2);
        let clock = resolution_us as f64 / self.quantile(0.5).exp();
        // Two boxes of width b make a triangle whose variance is b²/6.
        let width = (scott * 6.0_f64.sqrt()).max(clock).max(STEP);
        let half = ((width / STEP - 1.0) / 2.0).round().clamp(0.0, 500.0) as usize;
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return 0.0;
        };
        let origin = first.at - 2.0 * (half + 1) as f64 * STEP;
        let place = |at: f64| ((at - origin) / STEP) as usize;
        let mut mass = vec![0.0; place(last.at) + 2 * (half + 1) + 1];
        for point in &self.points {
            mass[place(point.at)] += point.weight;
        }
        for _ in 0..2 {
            mass = box_filtered(&mass, half);
        }
        mass.iter().map(|mass| mass * mass).sum::<f64>() / STEP
    }

    /// How far the logarithm moves for each share of requests around a quantile: `1/f(ξ)`.
    ///
    /// Source: Siddiqui 1960, the quotient of differences; reaching half way to the end of the tail.
    #[must_use]
    pub fn sparsity(&self, q: f64, resolution_us: u64) -> f64 {
        let reach = (1.0 - q) / 2.0;
        let apart = self.quantile(q + reach) - self.quantile(q - reach);
        let clock = resolution_us as f64 / self.quantile(q).exp();
        apart.max(clock).max(STEP) / (2.0 * reach)
    }

    /// A table of a function of the rank (the share below, half of the share at a point included) and
    /// the logarithm, by the lowest value of each bucket.
    pub fn table(&self, value: impl Fn(f64, f64) -> f64) -> Vec<(u64, f64)> {
        let row = |point: &Point| (point.low, value(point.below + point.weight / 2.0, point.at));
        self.points.iter().map(row).collect()
    }
}

/// The mean over `2·half + 1` neighbours.
fn box_filtered(mass: &[f64], half: usize) -> Vec<f64> {
    let width = (2 * half + 1) as f64;
    let get = |at: Option<usize>| at.and_then(|at| mass.get(at)).copied().unwrap_or(0.0);
    let mut sum: f64 = mass.iter().take(half).sum();
    (0..mass.len())
        .map(|at| {
            sum += get(Some(at + half));
            sum -= get(at.checked_sub(half + 1));
            sum.max(0.0) / width
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A normal distribution of the logarithm, in buckets of 1 %.
    fn lognormal(median: f64, sigma: f64) -> Vec<Bucket> {
        let mut buckets: Vec<Bucket> = Vec::new();
        for step in -4_000..=4_000 {
            let z = f64::from(step) / 1_000.0;
            let value = (median * (sigma * z).exp()) as u64;
            let count = (1e6 * (-z * z / 2.0).exp()) as u64;
            match buckets.last_mut() {
                Some(last) if last.low == value => last.count += count,
                _ if count > 0 => buckets.push(Bucket {
                    low: value,
                    high: value,
                    count,
                }),
                _ => {}
            }
        }
        buckets
    }

    #[test]
    fn the_density_is_that_of_the_normal_distribution() {
        for sigma in [0.3, 0.6, 1.0] {
            let buckets = lognormal(50_000.0, sigma);
            let pooled = Pooled::new([&buckets, &buckets], 2_000).unwrap();
            // ∫φ² = 1/(2σ√π).
            let exact = 1.0 / (2.0 * sigma * std::f64::consts::PI.sqrt());
            let found = pooled.squared_density(1_000);
            assert!(
                (found / exact - 1.0).abs() < 0.02,
                "{sigma} {found} {exact}"
            );
            // f at the 95th percentile is φ(1.645)/σ; the quotient over the tail is a little coarser.
            let exact = sigma / 0.103_14;
            let found = pooled.sparsity(0.95, 1_000);
            assert!(
                (found / exact - 1.0).abs() < 0.12,
                "{sigma} {found} {exact}"
            );
            assert!((pooled.quantile(0.5) - 50_000_f64.ln()).abs() < 0.02);
        }
    }

    #[test]
    fn arms_weigh_the_same_and_short_times_are_one() {
        let bucket = |low, count| Bucket {
            low,
            high: low,
            count,
        };
        let few = [bucket(10, 1), bucket(700, 1), bucket(9_000, 2)];
        let many = [bucket(20, 500), bucket(8_000, 500)];
        let pooled = Pooled::new([&few, &many], 2_000).unwrap();
        assert_eq!(pooled.fewest(), 4);
        assert_eq!(
            pooled.table(|rank, _| rank),
            [(10, 0.25), (8_000, 0.625), (9_000, 0.875)]
        );
        assert!(Pooled::new([&few, &[]], 2_000).is_none());
    }
}
