//! Finding bytes in short texts: the values of a line are mostly shorter than what `memchr` needs to
//! get going.
//!
//! Sixteen bytes are compared at a time, which every processor that this runs on does in one step.
//! For long texts `memchr`, which uses wider steps where there are any, is the faster one.

pub use wide::u8x16;

/// Bytes that are compared at once.
const STEP: usize = 16;

/// The first place of a byte.
#[must_use]
#[inline(always)]
pub fn find(byte: u8, text: &[u8]) -> Option<usize> {
    find_any_from([byte], text, 0)
}

/// The first place of a byte from a place on.
#[must_use]
#[inline(always)]
pub fn find_from(byte: u8, text: &[u8], from: usize) -> Option<usize> {
    find_any_from([byte], text, from)
}

/// The first place of any of some bytes.
#[must_use]
#[inline(always)]
pub fn find_any<const N: usize>(bytes: [u8; N], text: &[u8]) -> Option<usize> {
    find_any_from(bytes, text, 0)
}

/// The first place of any of some bytes from a place on.
#[must_use]
// Inlined by force, as all of this file: a call costs more than the search in a usual value.
#[inline(always)]
pub fn find_any_from<const N: usize>(bytes: [u8; N], text: &[u8], from: usize) -> Option<usize> {
    let Some(last) = text.len().checked_sub(STEP) else {
        let found = text
            .get(from..)?
            .iter()
            .position(|byte| bytes.contains(byte));
        return found.map(|place| from + place);
    };
    let wanted = bytes.map(u8x16::splat);
    let mut at = from;
    while at <= last {
        let places = places(wanted, &text[at..at + STEP]);
        if places != 0 {
            return Some(at + places.trailing_zeros() as usize);
        }
        at += STEP;
    }
    // The last sixteen bytes, less those that were looked at or stand before.
    let places = places(wanted, &text[last..]) >> (at - last).min(STEP);
    (places != 0).then(|| at + places.trailing_zeros() as usize)
}

/// Bit `n` is set where byte `n` of sixteen is one of those.
#[inline(always)]
fn places<const N: usize>(wanted: [u8x16; N], chunk: &[u8]) -> u32 {
    // OK because every caller gives sixteen bytes; what is missing would be a zero.
    let chunk = chunk.first_chunk::<STEP>().copied().unwrap_or_default();
    let chunk = u8x16::new(chunk);
    wanted
        .into_iter()
        .map(|wanted| chunk.simd_eq(wanted))
        .reduce(|one, another| one | another)
        .map_or(0, u8x16::to_bitmask)
}

/// A text that is compared with the beginnings of others, eight bytes at a time.
#[derive(Debug, Default)]
pub struct Prefix {
    text: Box<[u8]>,
    /// Its bytes in the order of memory, 0 behind its end, and all ones where it has a byte.
    words: Box<[(u64, u64)]>,
}

impl From<&[u8]> for Prefix {
    fn from(text: &[u8]) -> Self {
        let word = |bytes: &[u8]| {
            let (mut word, mut mask) = ([0; 8], [0; 8]);
            word[..bytes.len()].copy_from_slice(bytes);
            mask[..bytes.len()].fill(0xff);
            (u64::from_ne_bytes(word), u64::from_ne_bytes(mask))
        };
        Prefix {
            text: text.into(),
            words: text.chunks(8).map(word).collect(),
        }
    }
}

impl Prefix {
    /// What follows it, where the input begins with it.
    #[must_use]
    #[inline(always)]
    pub fn strip<'i>(&self, input: &'i [u8]) -> Option<&'i [u8]> {
        let (words, _) = input.as_chunks::<8>();
        if words.len() < self.words.len() {
            // Near the end of the input.
            return input.strip_prefix(&*self.text);
        }
        for (have, (want, mask)) in words.iter().zip(&self.words) {
            if u64::from_ne_bytes(*have) & mask != *want {
                return None;
            }
        }
        input.get(self.text.len()..)
    }
}

/// Where bytes of several classes are in a text of up to 64 bytes: bit `n` of a class stands for byte
/// `n`. `None` where the text is longer. `classes` tells for each of sixteen bytes whether it is of a
/// class (all ones) or not (zero); a zero byte must be of none.
#[must_use]
#[inline(always)]
pub fn places_in_short<const N: usize>(
    text: &[u8],
    classes: impl Fn(u8x16) -> [u8x16; N],
) -> Option<[u64; N]> {
    let mut bytes = [0; 4 * STEP];
    bytes.get_mut(..text.len())?.copy_from_slice(text);
    let (chunks, _) = bytes.as_chunks::<STEP>();
    let mut places = [0; N];
    for (at, chunk) in chunks.iter().enumerate() {
        if at * STEP >= text.len() {
            break;
        }
        let classes = classes(u8x16::new(*chunk));
        for (places, class) in places.iter_mut().zip(classes) {
            *places |= u64::from(class.to_bitmask()) << (at * STEP);
        }
    }
    Some(places)
}

/// Which of sixteen bytes are from `first` up to `last`.
#[must_use]
#[inline(always)]
pub fn between(chunk: u8x16, first: u8, last: u8) -> u8x16 {
    let above = chunk - u8x16::splat(first);
    above
        .min(u8x16::splat(last.wrapping_sub(first)))
        .simd_eq(above)
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
                    for from in 0..=length {
                        let plain = text[from..].iter().position(|b| *b == byte);
                        let found = find_from(byte, &text, from);
                        assert_eq!(
                            found,
                            plain.map(|place| from + place),
                            "{length} {at} {from}"
                        );
                    }
                }
                let plain = text.iter().position(|b| matches!(b, b'"' | b'\\'));
                assert_eq!(find_any([b'\\', b'"'], &text), plain);
            }
        }
    }

    #[test]
    fn a_prefix_equals_the_plain_one() {
        let text = b"a prefix of twenty-six bytes";
        for length in 0..text.len() {
            let prefix = Prefix::from(&text[..length]);
            for end in 0..text.len() {
                assert_eq!(
                    prefix.strip(&text[..end]),
                    text[..end].strip_prefix(&text[..length])
                );
            }
            for at in 0..length {
                let mut other = text.to_vec();
                other[at] ^= 1;
                assert_eq!(prefix.strip(&other), None);
            }
        }
    }

    #[test]
    fn all_places_are_found_in_short_texts() {
        let text: Vec<u8> = (1..=64).map(|n: u32| (n * 37 % 251) as u8).collect();
        for length in 0..=64 {
            let text = &text[..length];
            for first in 1..=u8::MAX {
                let last = first.saturating_add(10);
                let found = places_in_short(text, |chunk| {
                    [
                        chunk.simd_eq(u8x16::splat(first)),
                        between(chunk, first, last),
                    ]
                });
                let plain = |is: &dyn Fn(u8) -> bool| {
                    (0..length)
                        .filter(|at| is(text[*at]))
                        .fold(0_u64, |places, at| places | 1 << at)
                };
                let wanted = [
                    plain(&|byte| byte == first),
                    plain(&|byte| (first..=last).contains(&byte)),
                ];
                assert_eq!(found, Some(wanted));
            }
        }
        assert_eq!(places_in_short(&[1; 65], |chunk| [chunk]), None);
    }
}
