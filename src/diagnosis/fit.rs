//! What endpoints have alike in what they take beyond their usual times: a part of each request, which is
//! wait, and a part in proportion to the usual time, which is a common slowness. Medians, so that a few endpoints
//! with growth of their own do not move it.

use super::common_mode::{Entry, Usual};
use super::stretch::percentile;
use crate::median::weighted_median;

/// Endpoints in a bin that are compared in pairs; the most frequent.
const MOST_COMPARED: usize = 40;

/// An endpoint against its usual time: what a fit is made of.
#[derive(Debug, Clone, Copy)]
pub struct Excess {
    /// The usual mean, in µs.
    pub usual: f64,
    /// Mean time beyond it, in µs.
    pub mean: f64,
    /// The variance of one request's.
    pub variance: f64,
    /// Requests.
    pub served: f64,
}

/// An endpoint against its usual time; `None` where that is not known.
pub fn excess(entry: &Entry, usual: &Usual) -> Option<Excess> {
    (usual.mean > 0.0).then(|| Excess {
        usual: usual.mean,
        mean: entry.time / entry.served - usual.mean,
        variance: usual.variance,
        served: entry.served,
    })
}

/// Those that occur most first.
pub fn most_first(excesses: impl Iterator<Item = Excess>) -> Vec<Excess> {
    let mut excesses: Vec<Excess> = excesses.collect();
    excesses.sort_by(|a, b| b.served.total_cmp(&a.served));
    excesses
}

/// What all endpoints have alike in a bin.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fit {
    /// Wait of each request, in µs.
    pub wait: f64,
    /// Its standard error.
    pub error: f64,
    /// By how much more than usual a request varies, in µs².
    pub extra: f64,
    /// Slowness that all have in proportion to their usual time.
    pub slope: f64,
    /// Its standard error.
    pub slope_error: f64,
}

/// What excesses have alike: W of the model. Each counts by what it can tell.
pub fn additive(excesses: &[Excess]) -> Fit {
    let middle = percentile(excesses.iter().map(|e| e.usual), 50).unwrap_or(0.0);
    let mut slopes = Vec::new();
    let compared = excesses.get(..MOST_COMPARED).unwrap_or(excesses);
    for (at, one) in compared.iter().enumerate() {
        for other in &compared[at + 1..] {
            let apart = one.usual - other.usual;
            if apart.abs() > 0.2 * middle {
                let error = (one.variance / one.served + other.variance / other.served).sqrt();
                slopes.push(((one.mean - other.mean) / apart, apart.abs() / error));
            }
        }
    }
    with_slope(excesses, weighted_median(slopes).unwrap_or(0.0).max(0.0))
}

/// The same where the slope is known.
pub fn with_slope(excesses: &[Excess], slope: f64) -> Fit {
    let level = |e: &Excess| e.mean - slope * e.usual;
    let median = |extra: f64| {
        let levels = excesses
            .iter()
            .map(|e| (level(e), (e.served / (e.variance + extra)).sqrt()));
        weighted_median(levels.collect()).unwrap_or(0.0)
    };
    // By how much a request of this moment scatters more than usual, as when wait grows within a bin. Half
    // of squared Gaussians are below 0.455.
    let first = median(0.0);
    let beyond = excesses
        .iter()
        .map(|e| e.served * (level(e) - first).powi(2) / 0.455 - e.variance);
    let extra = percentile(beyond, 50).unwrap_or(0.0).max(0.0);
    let weight = |e: &Excess| e.served / (e.variance + extra);
    let weights: f64 = excesses.iter().map(weight).sum();
    let middle = excesses.iter().map(|e| weight(e) * e.usual).sum::<f64>() / weights;
    let apart = |e: &Excess| weight(e) * (e.usual - middle).powi(2);
    // The error of a median is 1.25 times that of a mean.
    Fit {
        wait: median(extra),
        error: 1.25 / weights.sqrt(),
        extra,
        slope,
        slope_error: 1.25 / excesses.iter().map(apart).sum::<f64>().sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten endpoints with usual times of 10 to 100 ms, and what they take beyond.
    fn ten(beyond: impl Fn(f64) -> f64) -> Vec<Excess> {
        let one = |n: i32| {
            let usual = f64::from(n) * 1e4;
            Excess {
                usual,
                mean: beyond(usual),
                variance: (0.3 * usual).powi(2),
                served: 30.0,
            }
        };
        (1..=10).map(one).collect()
    }

    #[test]
    fn wait_is_what_all_have_alike() {
        // All wait 2 s, all are half again as slow, one is slow on its own.
        let mut excesses = ten(|usual| 2e6 + 0.5 * usual);
        excesses[4].mean += 40e6;
        let fit = additive(&excesses);
        assert!((fit.wait - 2e6).abs() < 1.0 && fit.error < 1e4, "{fit:?}");
    }

    #[test]
    fn a_slowness_in_proportion_is_no_wait() {
        assert!(additive(&ten(|usual| usual)).wait < 1.0);
    }
}
