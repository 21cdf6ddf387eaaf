//! Seeded chance: uniform, normal, exponential, heavy-tailed.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

pub struct Chance(Pcg64);

impl Chance {
    /// One numbered stream of a seed.
    pub fn new(seed: u64, stream: u64) -> Chance {
        // PCG wants a state that is not a small number; a golden-ratio multiple of the seed is none.
        let state = (u128::from(seed) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        Chance(Pcg64::new(state, u128::from(stream)))
    }

    /// In (0, 1].
    pub fn unit(&mut self) -> f64 {
        1.0 - (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    pub fn exponential(&mut self, mean: f64) -> f64 {
        -self.unit().ln() * mean
    }

    /// 1 and over, with tail exponent `alpha`.
    pub fn pareto(&mut self, alpha: f64) -> f64 {
        self.unit().powf(-1.0 / alpha)
    }
}
