//! Many hypotheses at once: which of them to reject so that few rejections are false.

/// The level at or below which a hypothesis is rejected; `None` where all of them stand.
///
/// Where all hypotheses are true, any is rejected with a chance of `alarm` at most: nothing falls unless
/// the smallest p passes Bonferroni's bound. Otherwise at most the share `q` of rejections is false on
/// average. The first alone would miss what the second finds; the second alone would raise a false alarm
/// in one of `1/q` comparisons of unchanged code.
///
/// Source: Benjamini and Hochberg 1995, the step-up procedure, the largest k with `p(k) ≤ k·q/m`; behind
/// a test of the intersection as in Benjamini and Heller 2008.
#[must_use]
pub fn level(p: &[f64], q: f64, alarm: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = p.to_vec();
    sorted.sort_by(f64::total_cmp);
    let m = p.len() as f64;
    if sorted.first().is_none_or(|least| *least > alarm / m) {
        return None;
    }
    sorted.iter().enumerate().rev().find_map(|(at, p)| {
        let level = (at + 1) as f64 * q / m;
        (*p <= level).then_some(level)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_paper() {
        // Benjamini and Hochberg 1995, section 3.2: 15 hypotheses, of which the first four fall at 0.05.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0,
        ];
        let level = level(&p, 0.05, 0.05).unwrap();
        assert_eq!(p.iter().filter(|p| **p <= level).count(), 4);
    }

    #[test]
    fn steps_up_over_a_p_that_alone_would_stand() {
        assert_eq!(level(&[0.045, 0.02], 0.05, 0.05), Some(0.05));
        assert_eq!(level(&[0.04, 0.06], 0.05, 0.05), None);
        assert_eq!(level(&[], 0.05, 0.05), None);
    }

    #[test]
    fn nothing_falls_where_the_smallest_could_be_chance() {
        assert_eq!(level(&[0.006, 0.02, 0.03], 0.05, 0.01), None);
        assert!(level(&[0.003, 0.02, 0.03], 0.05, 0.01).is_some_and(|level| level >= 0.03));
    }
}
