//! Finding bytes in short texts: the values of a line are mostly shorter than what `memchr` needs to
//! get going.
//!
//! Sixteen bytes are compared at a time, which every processor that this runs on does in one step.
//! For long texts `memchr`, which uses wider steps where there are any, is the faster one.

use wide::u8x16;

/// Bytes that are compared at once.
const STEP: usize = 16;

/// The first place of a byte.
#[must_use]
#[inline(always)]
pub fn find(byte: u8, text: &[u8]) -> Option<usize> {
    find_any([byte], text)
}

/// The first place of any of some bytes.
#[must_use]
// Inlined by force, as all of this file: a call costs more than the search in a usual value.
#[inline(always)]
pub fn find_any<const N: usize>(bytes: [u8; N], text: &[u8]) -> Option<usize> {
    let wanted = bytes.map(u8x16::splat);
    let mut rest = text;
    while let Some((chunk, left)) = rest.split_first_chunk::<STEP>() {
        let places = places(wanted, chunk);
        if places != 0 {
            return Some(text.len() - rest.len() + places.trailing_zeros() as usize);
        }
        rest = left;
    }
    // The last sixteen bytes again: those that were looked at before hold none.
    match text.last_chunk::<STEP>() {
        Some(chunk) => {
            let places = places(wanted, chunk);
            (places != 0).then(|| text.len() - STEP + places.trailing_zeros() as usize)
        }
        None => text.iter().position(|byte| bytes.contains(byte)),
    }
}

/// Bit `n` is set where byte `n` is one of those.
#[inline(always)]
fn places<const N: usize>(wanted: [u8x16; N], chunk: &[u8; STEP]) -> u32 {
    let chunk = u8x16::new(*chunk);
    wanted
        .into_iter()
        .map(|wanted| chunk.simd_eq(wanted))
        .reduce(|one, another| one | another)
        .map_or(0, u8x16::to_bitmask)
}

/// A text of up to 64 bytes, of which all places of a byte are told at once: bit `n` stands for byte
/// `n`.
#[derive(Debug)]
pub struct ShortText {
    /// The text, and zeros behind it.
    bytes: [u8; 64],
    length: usize,
}

impl ShortText {
    /// Takes a copy; `None` where the text is longer.
    #[must_use]
    #[inline(always)]
    pub fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 64];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(ShortText {
            bytes,
            length: text.len(),
        })
    }

    /// The places of a byte other than 0.
    #[must_use]
    #[inline(always)]
    pub fn all(&self, byte: u8) -> u64 {
        let wanted = u8x16::splat(byte);
        self.places(|chunk| chunk.simd_eq(wanted))
    }

    /// The places of bytes from one other than 0 up to another.
    #[must_use]
    #[inline(always)]
    pub fn all_between(&self, first: u8, last: u8) -> u64 {
        let (first, span) = (u8x16::splat(first), u8x16::splat(last.wrapping_sub(first)));
        self.places(|chunk| {
            let above = chunk - first;
            above.min(span).simd_eq(above)
        })
    }

    #[inline(always)]
    fn places(&self, are: impl Fn(u8x16) -> u8x16) -> u64 {
        let (chunks, _) = self.bytes.as_chunks::<STEP>();
        chunks
            .iter()
            .enumerate()
            .take(self.length.div_ceil(STEP))
            .fold(0, |places, (at, chunk)| {
                places | u64::from(are(u8x16::new(*chunk)).to_bitmask()) << (at * STEP)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_equals_the_plain_one() {
        for length in 0..70 {
            for at in 0..=length {
                let mut text = vec![b'!'; length];
                for found in [at, at + 3] {
                    if let Some(byte) = text.get_mut(found) {
                        *byte = b'"';
                    }
                }
                for byte in [b'"', b'!', b' ', b'#', 0, 0xff] {
                    let plain = text.iter().position(|b| *b == byte);
                    assert_eq!(find(byte, &text), plain, "{length} {at} {byte}");
                }
                let plain = text.iter().position(|b| matches!(b, b'"' | b'\\'));
                assert_eq!(find_any([b'\\', b'"'], &text), plain);
            }
        }
    }

    #[test]
    fn all_places_are_found_in_short_texts() {
        let text: Vec<u8> = (1..=64).map(|n| n * 37 % 251).collect();
        for length in 0..=64 {
            let text = &text[..length];
            let short = ShortText::new(text).unwrap();
            for byte in 1..=u8::MAX {
                let plain = |is: &dyn Fn(u8) -> bool| {
                    (0..length)
                        .filter(|at| is(text[*at]))
                        .fold(0_u64, |places, at| places | 1 << at)
                };
                assert_eq!(short.all(byte), plain(&|b| b == byte));
                let last = byte.saturating_add(10);
                let between = plain(&|b| (byte..=last).contains(&b));
                assert_eq!(short.all_between(byte, last), between);
            }
        }
        assert!(ShortText::new(&[0; 65]).is_none());
    }
}
