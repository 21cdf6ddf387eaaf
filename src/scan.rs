//! Finding bytes in short texts: the values of a line are mostly shorter than what `memchr` needs to
//! get going.
//!
//! Sixteen bytes are compared at a time, which every processor that this runs on does in one step.
//! For long texts `memchr`, which uses wider steps where there are any, is the faster one.

pub use wide::u8x16;

/// Bytes that are compared at once.
pub const STEP: usize = 16;

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
    find_needles(bytes.map(ByteNeedle::new), text, from)
}

/// Every place of a byte, in order.
#[inline(always)]
pub fn every(byte: u8, text: &[u8]) -> impl Iterator<Item = usize> {
    let needle = ByteNeedle::new(byte);
    // Where the step that is looked at begins and where the next, and the places that are left in it.
    let (mut start, mut next, mut left) = (0, 0, 0);
    std::iter::from_fn(move || {
        while left == 0 {
            let ahead = text.get(next..).filter(|ahead| !ahead.is_empty())?;
            left = match ahead.first_chunk() {
                Some(chunk) => places([needle], *chunk),
                None => places_in_few([needle], ahead),
            };
            (start, next) = (next, next + STEP);
        }
        let at = start + left.trailing_zeros() as usize;
        left &= left - 1;
        Some(at)
    })
}

/// A byte that is looked for again and again, made ready once: it stands in all places of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteNeedle(u8x16);

impl ByteNeedle {
    /// A needle for this byte.
    #[must_use]
    #[inline(always)]
    pub fn new(byte: u8) -> ByteNeedle {
        ByteNeedle(u8x16::splat(byte))
    }

    #[inline(always)]
    fn byte(&self) -> u8 {
        self.0.to_array()[0]
    }

    /// The first place of the byte.
    #[must_use]
    #[inline(always)]
    pub fn find(&self, text: &[u8]) -> Option<usize> {
        find_needles([*self], text, 0)
    }

    /// The first place of the byte in a step.
    #[must_use]
    #[inline(always)]
    pub fn find_in_step(&self, step: &[u8; STEP]) -> Option<usize> {
        let places = places([*self], *step);
        // It is under sixteen anyway; said so, an index needs no check.
        (places != 0).then(|| places.trailing_zeros() as usize % STEP)
    }
}

#[inline(always)]
fn find_needles<const N: usize>(
    needles: [ByteNeedle; N],
    text: &[u8],
    from: usize,
) -> Option<usize> {
    let Some(last) = text.len().checked_sub(STEP) else {
        let places = places_in_few(needles, text).checked_shr(from as u32)?;
        return (places != 0).then(|| from + places.trailing_zeros() as usize);
    };
    let mut at = from;
    while at <= last {
        let places = places(needles, step(text, at));
        if places != 0 {
            return Some(at + places.trailing_zeros() as usize);
        }
        at += STEP;
    }
    // The last step, less what was looked at or stands before.
    let places = places(needles, step(text, last)) >> (at - last).min(STEP);
    (places != 0).then(|| at + places.trailing_zeros() as usize)
}

/// The bytes of a step from a place on.
#[inline(always)]
fn step(text: &[u8], at: usize) -> [u8; STEP] {
    // OK because every caller has seen that they are there; what is missing would be a zero.
    let step = text[at..at + STEP].first_chunk();
    step.copied().unwrap_or_default()
}

/// Bit `n` is set where byte `n` of a step is one of those.
#[inline(always)]
fn places<const N: usize>(needles: [ByteNeedle; N], chunk: [u8; STEP]) -> u32 {
    let chunk = u8x16::new(chunk);
    let none = u8x16::splat(0);
    let found = needles
        .into_iter()
        .fold(none, |found, needle| found | chunk.simd_eq(needle.0));
    found.to_bitmask()
}

/// As [`places`] of fewer bytes than a step. Their first half and their last may overlap.
#[inline(always)]
fn places_in_few<const N: usize>(needles: [ByteNeedle; N], text: &[u8]) -> u32 {
    const HALF: usize = STEP / 2;
    let mut both = [0; STEP];
    let Some(last) = text.last_chunk::<HALF>() else {
        let is_one = |byte: &u8| needles.iter().any(|needle| needle.byte() == *byte);
        let bits = text.iter().enumerate();
        return bits.fold(0, |places, (at, byte)| {
            places | u32::from(is_one(byte)) << at
        });
    };
    both[..HALF].copy_from_slice(&text[..HALF]);
    both[HALF..].copy_from_slice(last);
    let places = places(needles, both);
    places & 0xff | places >> HALF << (text.len() - HALF)
}

/// A text that is looked for at given places of others, two steps at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needle {
    text: Box<[u8]>,
    /// Its bytes, 0 behind its end, and all ones where it has a byte.
    steps: Box<[[(u8x16, u8x16); 2]]>,
}

impl From<&[u8]> for Needle {
    fn from(text: &[u8]) -> Self {
        let step = |bytes: &[u8]| {
            let (mut want, mut mask) = ([0; STEP], [0; STEP]);
            want[..bytes.len()].copy_from_slice(bytes);
            mask[..bytes.len()].fill(0xff);
            (u8x16::new(want), u8x16::new(mask))
        };
        let steps = |bytes: &[u8]| {
            let (first, second) = bytes.split_at(bytes.len().min(STEP));
            [step(first), step(second)]
        };
        Needle {
            text: text.into(),
            steps: text.chunks(2 * STEP).map(steps).collect(),
        }
    }
}

impl Needle {
    /// The place behind the text, where it stands at this place.
    #[must_use]
    #[inline(always)]
    pub fn end_at(&self, text: &[u8], at: usize) -> Option<usize> {
        let left = text.get(at..)?;
        let (chunks, _) = left.as_chunks::<{ 2 * STEP }>();
        if chunks.len() < self.steps.len() {
            // Near the end of the text.
            return left.starts_with(&self.text).then_some(at + self.text.len());
        }
        for (have, [first, second]) in chunks.iter().zip(&self.steps) {
            let same = |at: usize, (want, mask): &(u8x16, u8x16)| {
                (u8x16::new(step(have, at)) & *mask).simd_eq(*want)
            };
            if (same(0, first) & same(STEP, second)).to_bitmask() != 0xffff {
                return None;
            }
        }
        Some(at + self.text.len())
    }
}

/// The place behind the bracket that closes the one before `at`, in JSON: brackets in strings do not
/// count, nor does which of the two kinds a bracket is of. `None` where there is none.
#[must_use]
#[inline]
pub fn end_of_nested(text: &[u8], at: usize) -> Option<usize> {
    let mut depth = 1_usize;
    // All ones where the last chunk ended in a string; 1 where it ended in a backslash that escapes.
    let (mut in_string, mut escapes) = (0_u32, 0_u32);
    for start in (at..text.len()).step_by(STEP) {
        let chunk = match text.get(start..)?.first_chunk::<STEP>() {
            Some(chunk) => *chunk,
            None => {
                let mut chunk = [0; STEP];
                let left = text.get(start..)?;
                chunk[..left.len()].copy_from_slice(left);
                chunk
            }
        };
        let chunk = u8x16::new(chunk);
        let places = |byte| chunk.simd_eq(u8x16::splat(byte)).to_bitmask();
        let mut quotes = places(b'"');
        let backslashes = places(b'\\');
        if backslashes | escapes != 0 {
            let escaped = escaped(backslashes, escapes);
            quotes &= !escaped;
            escapes = escaped >> STEP;
        }
        // The two pairs of brackets differ in one bit.
        let folded = chunk | u8x16::splat(0x20);
        let is = |byte| folded.simd_eq(u8x16::splat(byte)).to_bitmask();
        let inside = parity(quotes) ^ in_string;
        in_string = 0_u32.wrapping_sub(inside >> (STEP - 1) & 1);
        let opening = is(b'{') & !inside;
        let mut brackets = opening | is(b'}') & !inside;
        while brackets != 0 {
            let place = brackets.trailing_zeros();
            if opening >> place & 1 == 1 {
                depth += 1;
            } else {
                depth -= 1;
                if depth == 0 {
                    return Some(start + place as usize + 1);
                }
            }
            brackets &= brackets - 1;
        }
    }
    None
}

/// Which bytes of sixteen are escaped, and in bit 16, whether the one behind them is.
fn escaped(mut backslashes: u32, mut escaped: u32) -> u32 {
    backslashes &= !escaped;
    while backslashes != 0 {
        let behind = 2 << backslashes.trailing_zeros();
        escaped |= behind;
        backslashes &= (backslashes - 1) & !behind;
    }
    escaped
}

/// Bit `n` is set where an odd number of bits up to and with it are.
#[inline(always)]
fn parity(mut bits: u32) -> u32 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^ bits << 8
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
    if text.len() > 4 * STEP {
        return None;
    }
    let mut places = [0; N];
    let mut look = |step: [u8; STEP], at: usize| {
        for (places, class) in places.iter_mut().zip(classes(u8x16::new(step))) {
            *places |= u64::from(class.to_bitmask()) << at;
        }
    };
    let Some(last) = text.last_chunk() else {
        let mut step = [0; STEP];
        step[..text.len()].copy_from_slice(text);
        look(step, 0);
        return Some(places);
    };
    let (steps, rest) = text.as_chunks();
    for (at, step) in steps.iter().enumerate() {
        look(*step, at * STEP);
    }
    if !rest.is_empty() {
        look(*last, text.len() - STEP);
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
                    if let Some(step) = text.first_chunk() {
                        let within = plain.filter(|place| *place < STEP);
                        assert_eq!(ByteNeedle::new(byte).find_in_step(step), within);
                    }
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
                let plain: Vec<usize> = (0..length).filter(|at| text[*at] == b'"').collect();
                assert_eq!(every(b'"', &text).collect::<Vec<_>>(), plain);
                let plain = text.iter().position(|b| matches!(b, b'"' | b'\\'));
                assert_eq!(find_any([b'\\', b'"'], &text), plain);
            }
        }
    }

    #[test]
    fn a_needle_equals_the_plain_one() {
        let text = b"a needle of forty bytes, or twice twenty";
        for length in 0..text.len() {
            let needle = Needle::from(&text[..length]);
            for end in 0..text.len() {
                let plain = text[..end].starts_with(&text[..length]);
                assert_eq!(needle.end_at(&text[..end], 0), plain.then_some(length));
            }
            for at in 0..length {
                let mut other = text.to_vec();
                other[at] ^= 1;
                assert_eq!(needle.end_at(&other, 0), None);
            }
            assert_eq!(needle.end_at(&text.repeat(2), 40), Some(40 + length));
            assert_eq!(needle.end_at(text, 41), None);
        }
    }

    /// [`end_of_nested`], byte by byte.
    fn plain_end_of_nested(text: &[u8], at: usize) -> Option<usize> {
        let (mut depth, mut in_string, mut is_escaped) = (1, false, false);
        for (place, byte) in text.iter().enumerate().skip(at) {
            let was_escaped = std::mem::replace(&mut is_escaped, false);
            match byte {
                b'\\' => is_escaped = !was_escaped,
                b'"' if !was_escaped => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(place + 1);
            }
        }
        None
    }

    #[test]
    fn nested_values_end_where_the_plain_search_says() {
        let mut seed = 1_u64;
        let mut found = 0;
        for _ in 0..50_000 {
            let mut random = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 33) as usize
            };
            let length = random() % 70;
            let text: Vec<u8> = (0..length)
                .map(|_| br#"{}[]"\\aaa"#[random() % 10])
                .collect();
            let at = random() % (length + 1);
            let plain = plain_end_of_nested(&text, at);
            assert_eq!(
                end_of_nested(&text, at),
                plain,
                "{} {at}",
                String::from_utf8_lossy(&text)
            );
            found += usize::from(plain.is_some());
        }
        assert!(found > 10_000);
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
