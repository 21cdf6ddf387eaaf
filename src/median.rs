//! The middle of values that do not count alike. Quantiles of durations are in [`crate::unit`].

/// The value at which half of the weight of (value, weight) is reached; `None` where there is none.
#[must_use]
pub fn weighted_median(mut values: Vec<(f64, f64)>) -> Option<f64> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half: f64 = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut seen = 0.0;
    let found = values.iter().find(|(_, weight)| {
        seen += weight;
        seen >= half
    });
    found.map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_weight_lies_up_to_it() {
        let even = vec![(3.0, 1.0), (1.0, 1.0), (2.0, 1.0)];
        assert_eq!(weighted_median(even), Some(2.0));
        assert_eq!(
            weighted_median(vec![(1.0, 1.0), (5.0, 9.0), (9.0, 1.0)]),
            Some(5.0)
        );
        assert_eq!(weighted_median(vec![(2.0, 1.0), (1.0, 1.0)]), Some(1.0));
        assert_eq!(weighted_median(Vec::new()), None);
    }
}
