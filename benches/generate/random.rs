//! The random numbers of the generator, and the shapes drawn from them.
//!
//! Written here and not taken from a crate, because a benchmark's input must
//! stay the same for years: crates reserve the right to change their streams
//! with a new version. For the same reason nothing here calls `exp` or `ln`,
//! whose last digit differs between C libraries; only the operations that
//! IEEE 754 fixes to the bit. It is no source of secrets.

/// A stream of numbers of one line: `SplitMix64` (Steele, Lea, Flood, 2014).
pub struct Random {
    state: u64,
}

/// The step of the stream: 2⁶⁴ divided by the golden ratio, made odd.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    /// The stream of line `number` under `seed`. Each line has its own, so that
    /// a change in the model of one line cannot shift all lines after it.
    pub fn of_line(seed: u64, number: u64) -> Self {
        Self {
            state: scramble(seed ^ scramble(number)),
        }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        scramble(self.state)
    }

    /// A number in `0..bound`. Values differ in likelihood by at most one part
    /// in 2³², which no report of a log could show.
    pub fn below(&mut self, bound: u32) -> u32 {
        let product = (self.bits() >> 32) * u64::from(bound);
        // OK because a product of two 32-bit numbers, shifted by 32, fits.
        (product >> 32) as u32
    }
}

/// Mixes the bits of a number so that neighbours have nothing in common. It is
/// one to one: different numbers stay different, which the scan relies on.
pub fn scramble(number: u64) -> u64 {
    let mixed = number ^ (number >> 30);
    let mixed = mixed.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = mixed ^ (mixed >> 27);
    let mixed = mixed.wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Steps of the table for each set bit: 64 bits make 1,024 steps.
const STEPS_PER_BIT: u64 = 16;

/// A lognormal distribution with median 1, to be scaled.
///
/// The normal deviate is a count of set bits: of 64 fair bits the count has
/// mean 32 and standard deviation 4, and is as good as normal for our purpose.
/// A uniform fraction of a bit fills the gaps between counts.
pub struct Lognormal {
    /// The factor at each step, in 1/65,536.
    factors: Vec<u64>,
}

impl Lognormal {
    /// The distribution whose logarithm has the standard deviation `sigma`,
    /// cut at `cut` deviations on both sides.
    pub fn new(sigma: f64, cut: f64) -> Self {
        let factors = (0..=65 * STEPS_PER_BIT)
            .map(|step| {
                let bits = step as f64 / STEPS_PER_BIT as f64;
                let deviate = ((bits - 32.5) / 4.0).clamp(-cut, cut);
                (exponential(sigma * deviate) * 65_536.0) as u64
            })
            .collect();
        Self { factors }
    }

    /// `median` times a random factor.
    pub fn draw(&self, random: &mut Random, median: u64) -> u64 {
        // The fraction has 15 bits: 4 choose a step, 11 a place between steps.
        let position = u64::from(random.bits().count_ones()) << 15 | random.bits() >> 49;
        let (step, between) = ((position >> 11) as usize, position & 0x7FF);
        // OK because step is at most 64 · 16 + 15 and the table is one longer.
        let (low, high) = (self.factors[step], self.factors[step + 1]);
        let factor = low + (((high - low) * between) >> 11);
        (median * factor) >> 16
    }
}

/// e to the power of `x`, for small `x`, by (1 + x/2ᵏ)^(2ᵏ): correct to six
/// digits, and the same six on every machine.
fn exponential(x: f64) -> f64 {
    const HALVINGS: i32 = 24;
    let mut power = 1.0 + x / f64::from(1_u32 << HALVINGS);
    for _ in 0..HALVINGS {
        power *= power;
    }
    power
}
