//! Histograms as bytes in the V2 encoding of HdrHistogram, which its tools in any language read:
//! <https://github.com/HdrHistogram/HdrHistogram>, `encodeIntoByteBuffer`.
//!
//! ```text
//! cookie u32 │ bytes of the counts u32 │ 0 u32 │ digits u32 │ lowest value u64 │ highest value u64 │ 1.0 f64 │ counts
//! ```
//!
//! Numbers are big-endian. A count is the count of the next bucket or, where it is negative, so many
//! empty ones; in zig-zag and groups of seven bits, at most nine bytes. Compression and text around it
//! are no matter of this file.

use super::histogram::{LAST_BUCKET, SIGNIFICANT_DIGITS, bounds_of};
use super::stored::MOST_COUNTED;

/// V2, counts of variable length.
const COOKIE: u32 = 0x1c84_9313;
const HEADER: usize = 40;
/// The bytes of a count in groups of seven bits; the last is whole.
const LONGEST_COUNT: u32 = 9;

/// The bytes of buckets with their counts, in rising order, none of them empty. Nothing for no bucket.
#[must_use]
pub fn encode(buckets: &[(u16, u64)]) -> Vec<u8> {
    let Some((last, _)) = buckets.last() else {
        return Vec::new();
    };
    // Most counts and gaps take a byte.
    let mut counts = Vec::with_capacity(2 * buckets.len());
    let mut next = 0;
    for (bucket, count) in buckets {
        match i64::from(*bucket) - next {
            0 => {}
            1 => put(&mut counts, 0),
            empty => put(&mut counts, -empty),
        }
        // OK because no log has 2^63 lines.
        put(&mut counts, *count as i64);
        next = i64::from(*bucket) + 1;
    }
    // The least that an HdrHistogram of 1 takes is 2, the most what is a signed number.
    let highest = bounds_of(*last).1.clamp(2, i64::MAX.unsigned_abs());
    let mut bytes = Vec::with_capacity(HEADER + counts.len());
    bytes.extend(COOKIE.to_be_bytes());
    // OK because there are LAST_BUCKET counts at most.
    bytes.extend((counts.len() as u32).to_be_bytes());
    bytes.extend(0_u32.to_be_bytes());
    bytes.extend(u32::from(SIGNIFICANT_DIGITS).to_be_bytes());
    bytes.extend(1_u64.to_be_bytes());
    bytes.extend(highest.to_be_bytes());
    bytes.extend(1_f64.to_be_bytes());
    bytes.extend(counts);
    bytes
}

/// The buckets of such bytes. Each field of the header is looked at before anything is decoded, and
/// what is decoded is never longer than the bytes.
///
/// # Errors
/// They are none that [`encode`] makes.
pub fn decode(bytes: &[u8]) -> Result<Vec<(u16, u64)>, &'static str> {
    const NONE: &str = "a histogram that is none";
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let (header, mut counts) = bytes.split_at_checked(HEADER).ok_or(NONE)?;
    let empty = encode(&[(0, 1)]);
    let is_ours = header[..4] == empty[..4]
        && header[8..24] == empty[8..24]
        && header[32..] == empty[32..HEADER]
        && header[4..8] == u32::try_from(counts.len()).map_err(|_| NONE)?.to_be_bytes();
    if !is_ours {
        return Err(NONE);
    }
    let mut buckets = Vec::new();
    let mut next: i64 = 0;
    while !counts.is_empty() {
        let count = take(&mut counts).ok_or(NONE)?;
        if count < 0 {
            next = next.checked_sub(count).ok_or(NONE)?;
        } else {
            let bucket = u16::try_from(next).ok().filter(|at| *at <= LAST_BUCKET);
            let bucket = bucket.ok_or(NONE)?;
            match count.unsigned_abs() {
                0 => {}
                count if count < MOST_COUNTED => buckets.push((bucket, count)),
                _ => return Err(NONE),
            }
            next += 1;
        }
    }
    // What is equal has the same bytes.
    if encode(&buckets) == bytes {
        Ok(buckets)
    } else {
        Err(NONE)
    }
}

fn put(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    for _ in 1..LONGEST_COUNT {
        // OK because seven bits fit.
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
    // OK because eight bits are left of 64.
    out.push(rest as u8);
}

fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut number: u64 = 0;
    for at in 0..LONGEST_COUNT {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let is_last = at + 1 == LONGEST_COUNT;
        let bits = if is_last { *byte } else { *byte & 0x7f };
        number |= u64::from(bits) << (7 * at);
        if is_last || *byte < 0x80 {
            break;
        }
    }
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for buckets in [
            vec![],
            vec![(0, 1)],
            vec![(0, 1), (1, 2), (3, 3), (700, 1 << 47)],
            vec![(LAST_BUCKET, 5)],
            (0..=LAST_BUCKET)
                .map(|at| (at, u64::from(at) + 1))
                .collect(),
        ] {
            let bytes = encode(&buckets);
            assert_eq!(decode(&bytes), Ok(buckets));
            for cut in 1..bytes.len().min(300) {
                assert!(decode(&bytes[..cut]).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn numbers_of_any_length() {
        for number in [
            0,
            1,
            -1,
            63,
            64,
            -64,
            -65,
            i64::MAX,
            i64::MIN,
            1 << 55,
            1 << 56,
        ] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            let mut rest = bytes.as_slice();
            assert_eq!(take(&mut rest), Some(number));
            assert!(rest.is_empty() && bytes.len() <= 9);
        }
    }

    #[test]
    fn a_header_that_lies_is_refused() {
        let good = encode(&[(5, 1), (90, 2)]);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            // Another count of a bucket is one that a log may have.
            if let Ok(buckets) = decode(&bad) {
                assert_eq!(encode(&buckets), bad, "{bit}");
                assert!(bit / 8 >= HEADER, "{bit}");
            }
        }
        // Five digits up to 2^63: what a decoder may take a gigabyte for.
        let mut huge = good;
        huge[15] = 5;
        huge[24..32].copy_from_slice(&i64::MAX.to_be_bytes());
        assert!(decode(&huge).is_err());
    }
}
