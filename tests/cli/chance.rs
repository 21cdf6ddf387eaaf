//! Numbers by chance that are the same in every run.

/// Numbers below what is asked for, from a seed: xorshift (Marsaglia, 2003).
pub fn chance(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |n| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    }
}
