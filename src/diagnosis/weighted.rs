//! Means of values that stand for different numbers of requests, and whether two groups of them differ.

/// Weighted values, added up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weighted {
    weight: f64,
    weight_squares: f64,
    sum: f64,
    squares: f64,
}

impl Weighted {
    /// Adds a value that stands for so many requests.
    pub fn add(&mut self, weight: f64, value: f64) {
        self.weight += weight;
        self.weight_squares += weight * weight;
        self.sum += weight * value;
        self.squares += weight * value * value;
    }

    /// The requests that the values stand for.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// The mean; 0 of nothing.
    pub fn mean(&self) -> f64 {
        if self.weight > 0.0 {
            self.sum / self.weight
        } else {
            0.0
        }
    }

    /// How many equally weighted values would tell as much (Kish, "Survey Sampling", 1965).
    pub fn effective(&self) -> f64 {
        if self.weight_squares > 0.0 {
            self.weight * self.weight / self.weight_squares
        } else {
            0.0
        }
    }

    /// The variance of the values.
    fn variance(&self) -> f64 {
        (self.squares / self.weight.max(f64::MIN_POSITIVE) - self.mean().powi(2)).max(0.0)
    }
}

/// A difference of means and its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// The first less the second.
    pub difference: f64,
    /// Its standard error.
    pub error: f64,
}

impl Contrast {
    /// The difference in standard errors.
    pub fn z(&self) -> f64 {
        self.difference / self.error
    }

    /// This one without another that is independent of it.
    pub fn less(&self, other: &Contrast) -> Contrast {
        Contrast {
            difference: self.difference - other.difference,
            error: self.error.hypot(other.error),
        }
    }
}

/// Values of a group that tell anything of its mean at least.
const LEAST: f64 = 2.0;

/// How much the first of each pair is above the second, over all pairs: so that what differs between the
/// pairs does not count. `None` where no pair has enough of both.
pub fn contrast(pairs: impl IntoIterator<Item = (Weighted, Weighted)>) -> Option<Contrast> {
    let pairs: Vec<(Weighted, Weighted)> = pairs
        .into_iter()
        .filter(|(one, other)| one.effective() >= LEAST && other.effective() >= LEAST)
        .collect();
    // One variance for all: each pair alone has too few values to tell its own.
    let (mut freedom, mut squares) = (0.0, 0.0);
    for group in pairs.iter().flat_map(|(one, other)| [one, other]) {
        freedom += group.effective() - 1.0;
        squares += group.effective() * group.variance();
    }
    if freedom < 4.0 {
        return None;
    }
    let variance = (squares / freedom).max(1e-6);
    let (mut weights, mut sum) = (0.0, 0.0);
    for (one, other) in &pairs {
        let weight = 1.0 / (1.0 / one.effective() + 1.0 / other.effective());
        weights += weight;
        sum += weight * (one.mean() - other.mean());
    }
    Some(Contrast {
        difference: sum / weights,
        error: (variance / weights).sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64], offset: f64) -> Weighted {
        let mut sums = Weighted::default();
        values
            .iter()
            .for_each(|value| sums.add(3.0, value + offset));
        sums
    }

    #[test]
    fn a_difference_within_pairs_is_seen_through_one_between_them() {
        let values = [1.0, 2.0, 3.0, 2.0, 1.5, 2.5];
        let pairs = [0.0, 50.0, 900.0].map(|level| (of(&values, level + 2.0), of(&values, level)));
        let found = contrast(pairs).unwrap();
        assert!((found.difference - 2.0).abs() < 1e-9);
        assert!(found.z() > 6.0);
        let none = contrast([(of(&values, 0.0), of(&values, 0.0))]).unwrap();
        assert_eq!(none.difference, 0.0);
        assert_eq!(contrast([(of(&values, 0.0), Weighted::default())]), None);
        assert_eq!(contrast([]), None);
    }
}
