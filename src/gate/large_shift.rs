//! The size of a large shift. Scores measure a shift well where it is small beside the distribution;
//! where it is large their mean approaches a bound, and the size is found by shifting back instead.

use crate::summary::Bucket;

/// Shifts of the logarithm over this are measured here: there the bound begins to be felt.
pub const LARGE: f64 = 0.1;

/// The shift after which neither arm is the slower one more often: `P(B/e^δ > A) = P(B/e^δ < A)`, to a
/// ten-thousandth. `None` where an arm is empty. Durations under the floor count as the floor.
///
/// Source: Hodges and Lehmann 1963.
#[must_use]
pub fn bulk(baseline: &[Bucket], candidate: &[Bucket], floor_us: u64) -> Option<f64> {
    let points = |buckets: &[Bucket]| -> Vec<(f64, f64)> {
        let point = |bucket: &Bucket| {
            let value = bucket.middle().max(floor_us).max(1);
            ((value as f64).ln(), bucket.count as f64)
        };
        buckets.iter().map(point).collect()
    };
    let (a, b) = (points(baseline), points(candidate));
    let of_a: f64 = a.iter().map(|(_, n)| n).sum();
    let of_b: f64 = b.iter().map(|(_, n)| n).sum();
    if of_a == 0.0 || of_b == 0.0 {
        return None;
    }
    // How often the shifted candidate is slower; falls as the shift grows.
    let slower = |shift: f64| {
        let (mut at, mut below, mut sum) = (0, 0.0, 0.0);
        for (value, n) in &b {
            while let Some((other, count)) = a.get(at)
                && *other <= value - shift
            {
                below += count;
                at += 1;
            }
            sum += n * below;
        }
        sum / (of_a * of_b)
    };
    let (mut low, mut high) = (-30.0, 30.0);
    while high - low > 1e-4 {
        let middle = f64::midpoint(low, high);
        if slower(middle) > 0.5 {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(f64::midpoint(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_size_of_shift_is_found() {
        let arm = |ratio: f64| -> Vec<Bucket> {
            (100..200)
                .map(|n| (f64::from(n) * 1_000.0 * ratio) as u64)
                .map(|low| Bucket {
                    low,
                    high: low,
                    count: 3,
                })
                .collect()
        };
        for ratio in [0.2, 0.9, 1.0, 1.3, 4.0, 50.0] {
            let found = bulk(&arm(1.0), &arm(ratio), 2_000).unwrap();
            assert!((found - ratio.ln()).abs() < 0.01, "{ratio} {found}");
        }
        assert_eq!(bulk(&[], &arm(1.0), 2_000), None);
    }
}
