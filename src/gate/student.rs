//! Student's t distribution: tail areas and critical values. Knows nothing of traffic.

/// Degrees of freedom above which the distribution is the normal one to nine digits.
const MOST: f64 = 1e7;

/// The chance of a value above `t`, with so many degrees of freedom (at least a part of one).
///
/// Source: Abramowitz and Stegun 26.7.1, `P(|T| > t) = I_x(ν/2, 1/2)` with `x = ν/(ν + t²)`.
#[must_use]
pub fn upper(t: f64, freedom: f64) -> f64 {
    let freedom = freedom.clamp(0.1, MOST);
    let half = 0.5 * incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t));
    if t >= 0.0 { half } else { 1.0 - half }
}

/// The value that is exceeded with chance `p`; `p` is taken into (0, 1).
#[must_use]
pub fn critical(p: f64, freedom: f64) -> f64 {
    let p = p.clamp(1e-12, 1.0 - 1e-12);
    let (mut low, mut high) = (-1e6, 1e6);
    // Each step halves the interval: after 100 it is as narrow as a number can be.
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if upper(middle, freedom) > p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function `I_x(a, b)` for `x` in 0..=1.
///
/// Source: the continued fraction of DLMF 8.17.22, evaluated by Lentz's method.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast below the mean only; above it the symmetry I_x(a,b) = 1 - I_1-x(b,a) serves.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let front =
        (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp() / a;
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for n in 1..500 {
        let m = f64::from(n);
        for step in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            d = 1.0 / away(1.0 + step * d);
            c = away(1.0 + step / c);
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * fraction
}

/// `ln Γ(x)` for positive `x`: Stirling's series (DLMF 5.11.1), after stepping up to where four terms do.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut below) = (x, 1.0);
    while x < 15.0 {
        below *= x;
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series =
        (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - below.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_values_are_those_of_the_tables() {
        // Abramowitz and Stegun, table 26.10.
        for (p, freedom, t) in [
            (0.05, 1.0, 6.314),
            (0.025, 4.0, 2.776),
            (0.01, 10.0, 2.764),
            (0.005, 30.0, 2.750),
            (0.025, 120.0, 1.980),
            (0.025, 1e9, 1.960),
            (0.0005, 5.0, 6.869),
        ] {
            assert!((critical(p, freedom) - t).abs() < 6e-4, "{p} {freedom}");
        }
    }

    #[test]
    fn both_tails_are_one() {
        for t in [-30.0, -2.0, -0.1, 0.0, 0.7, 5.0, 1e4] {
            for freedom in [0.5, 1.0, 3.3, 40.0, 1e6] {
                assert!((upper(t, freedom) + upper(-t, freedom) - 1.0).abs() < 1e-12);
            }
        }
        assert!((upper(1.0, 1.0) - 0.25).abs() < 1e-12);
    }
}
