//! A hash that is the same in every run and on every machine: what is chosen by it is chosen by what it
//! is. It is no defence: who sends requests can see to it that his are chosen.

/// Folded multiplication, as in wyhash; the constants are the digits of the golden ratio and of pi.
#[derive(Debug, Clone, Copy)]
pub struct Fingerprint(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const PI: u64 = 0x2437_54c2_8ec9_4d35;

impl Fingerprint {
    /// Of nothing.
    #[inline]
    pub fn new() -> Fingerprint {
        Fingerprint(PI)
    }

    /// With a number more.
    #[inline]
    pub fn number(self, number: u64) -> Fingerprint {
        let product = u128::from(self.0 ^ number) * u128::from(GOLDEN);
        Fingerprint((product as u64) ^ ((product >> 64) as u64))
    }

    /// With bytes more; where they end is not in it.
    #[inline]
    pub fn bytes(mut self, bytes: &[u8]) -> Fingerprint {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self = self.number(u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
        }
        let rest = chunks.remainder();
        // The number whose digits are the bytes that are left, fewer than eight.
        let rest = match bytes.last_chunk() {
            Some(eight) => u64::from_be_bytes(*eight) & ((1 << (8 * rest.len())) - 1),
            None => rest
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        self.number(rest)
    }

    /// The hash.
    #[inline]
    pub fn finish(self) -> u64 {
        self.number(GOLDEN).0
    }
}
