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
}
