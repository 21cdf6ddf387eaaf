//! Chance, the same on every machine.
//!
//! A `Draw` is one numbered stream of a PCG generator; each part of the simulation has its own stream,
//! so a draw added to one part does not shift the others. `exp` and `ln` are written here with the four
//! basic operations only: those of the platform differ in the last bit, and one bit is another log.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// The parts of the simulation that draw, one stream each.
#[derive(Clone, Copy)]
pub enum Stream {
    Arrivals = 1,
    Requests,
    Clients,
    AppTime,
    Network,
    Story,
}

pub struct Draw(Pcg64);

impl Draw {
    pub fn new(seed: u64, stream: Stream) -> Self {
        // PCG wants a state that is not a small number; a golden-ratio multiple of the seed is none.
        let state = (u128::from(seed) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        Self(Pcg64::new(state, stream as u128))
    }

    /// 128 bits, for a request id.
    pub fn bits(&mut self) -> u128 {
        (u128::from(self.0.next_u64()) << 64) | u128::from(self.0.next_u64())
    }

    /// A number in [0, 1) with 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number in 0..n; 0 where n is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// True `per_mille` times in a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// An index into weights that were summed up: `sums[i]` is the weight of 0..=i.
    pub fn weighted(&mut self, sums: &[u64]) -> usize {
        let total = sums.last().copied().unwrap_or(0);
        let drawn = self.below(total);
        sums.partition_point(|sum| *sum <= drawn)
    }

    /// Time to the next event of a Poisson process with this mean gap.
    pub fn exponential(&mut self, mean_us: f64) -> u64 {
        // 1 - unit() lies in (0, 1], so the logarithm is finite.
        (-ln(1.0 - self.unit()) * mean_us) as u64
    }

    /// A standard normal number, from -6 to 6.
    pub fn normal(&mut self) -> f64 {
        // Twelve uniforms make a normal that ends at six sigma; no story needs a longer tail.
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// A log-normal time or size; `sigma` is that of the logarithm.
    pub fn lognormal(&mut self, median: u64, sigma: f64) -> u64 {
        (median as f64 * exp(sigma * self.normal())) as u64
    }
}

const LN_2: f64 = std::f64::consts::LN_2;

/// e^x for |x| < 700, by its series around the nearest multiple of ln 2.
fn exp(x: f64) -> f64 {
    let power = (x / LN_2).round();
    let rest = x - power * LN_2;
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..16 {
        term = term * rest / f64::from(n);
        sum += term;
    }
    // OK because |x| < 700 keeps the exponent within a normal f64's.
    sum * f64::from_bits(((power as i64 + 1023) as u64) << 52)
}

/// ln x for a positive, normal x: the exponent times ln 2, and the series of atanh for the mantissa.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let power = (bits >> 52) as i64 - 1023;
    let mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let mut term = ratio;
    let mut sum = 0.0;
    for n in 0..20 {
        sum += term / f64::from(2 * n + 1);
        term = term * ratio * ratio;
    }
    power as f64 * LN_2 + 2.0 * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_agree_with_the_platform() {
        for i in 1..400 {
            let x = f64::from(i) * 0.05;
            assert!((ln(x) - x.ln()).abs() < 1e-12, "ln {x}");
            let y = x - 10.0;
            assert!((exp(y) / y.exp() - 1.0).abs() < 1e-12, "exp {y}");
        }
    }

    #[test]
    fn a_seed_always_draws_the_same() {
        // Fixed values: should a new version of the generator change them, the samples change too.
        let mut draw = Draw::new(1, Stream::Arrivals);
        let first: Vec<u64> = (0..4).map(|_| draw.below(1_000_000)).collect();
        let mut again = Draw::new(1, Stream::Arrivals);
        assert_eq!(
            first,
            (0..4).map(|_| again.below(1_000_000)).collect::<Vec<_>>()
        );
        let mut other = Draw::new(1, Stream::Requests);
        assert_ne!(
            first,
            (0..4).map(|_| other.below(1_000_000)).collect::<Vec<_>>()
        );
    }
}
