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

/// Writes the bytes of a histogram, bucket by bucket.
pub struct Encoder {
    /// Room for the header, and the counts.
    bytes: Vec<u8>,
    /// The bucket behind the last.
    next: u16,
}

impl Encoder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Encoder {
        Encoder {
            bytes: vec![0; HEADER],
            next: 0,
        }
    }

    /// The next bucket that is not empty, with its count.
    #[inline]
    pub fn put(&mut self, bucket: u16, count: u64) {
        let empty = bucket - self.next;
        self.next = bucket + 1;
        // Most counts and gaps take a byte: what `put` writes of them.
        if let (1..=64, 1..=63) = (empty, count) {
            let gap = if empty == 1 { 0 } else { 2 * empty - 1 };
            // OK because both are below 128.
            self.bytes.extend_from_slice(&[gap as u8, 2 * count as u8]);
            return;
        }
        match i64::from(empty) {
            0 => {}
            1 => put(&mut self.bytes, 0),
            empty => put(&mut self.bytes, -empty),
        }
        // OK because no log has 2^63 lines.
        put(&mut self.bytes, count as i64);
    }

    /// The bytes; nothing for no bucket.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let Some(last) = self.next.checked_sub(1) else {
            return Vec::new();
        };
        // OK because there are LAST_BUCKET counts at most.
        let header = header(last, (self.bytes.len() - HEADER) as u32);
        self.bytes[..HEADER].copy_from_slice(&header);
        self.bytes
    }
}

/// What stands before so many bytes of counts, up to this bucket.
fn header(last: u16, length: u32) -> [u8; HEADER] {
    // The least that an HdrHistogram of 1 takes is 2, the most what is a signed number.
    let highest = bounds_of(last).1.clamp(2, i64::MAX.unsigned_abs());
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&COOKIE.to_be_bytes());
    header[4..8].copy_from_slice(&length.to_be_bytes());
    header[12..16].copy_from_slice(&u32::from(SIGNIFICANT_DIGITS).to_be_bytes());
    header[16..24].copy_from_slice(&1_u64.to_be_bytes());
    header[24..32].copy_from_slice(&highest.to_be_bytes());
    header[32..].copy_from_slice(&1_f64.to_be_bytes());
    header
}

/// Gives the buckets of such bytes, in rising order. Nothing is kept of what a header says before it was
/// looked at, and there are never more buckets than bytes.
///
/// # Errors
/// They are none that an [`Encoder`] makes: what is equal has the same bytes. Buckets may have been given.
pub fn decode(bytes: &[u8], each: impl FnMut(u16, u64)) -> Result<(), &'static str> {
    if bytes.is_empty() {
        return Ok(());
    }
    let decoded = || {
        let (said, counts) = bytes.split_at_checked(HEADER)?;
        let last = decode_counts(counts, each)?;
        (*said == header(last, u32::try_from(counts.len()).ok()?)).then_some(())
    };
    decoded().ok_or("a histogram that is none")
}

/// Gives the buckets of these counts; returns the last. `None` where they are written otherwise than
/// an [`Encoder`] does.
fn decode_counts(mut counts: &[u8], mut each: impl FnMut(u16, u64)) -> Option<u16> {
    let (mut next, mut last, mut was_gap) = (0_u64, None, false);
    while let Some((byte, rest)) = counts.split_first() {
        // Most numbers take a byte.
        let number = if *byte < 0x80 {
            counts = rest;
            u64::from(*byte)
        } else {
            take(&mut counts)?
        };
        // In zig-zag a count is even. An empty bucket is written as 0, several as their number, which is odd;
        // not one after the other.
        let is_gap = number == 0 || number % 2 == 1;
        if is_gap {
            if was_gap || number == 1 {
                return None;
            }
            next = next.saturating_add(number.div_ceil(2).max(1));
        } else {
            let bucket = u16::try_from(next).ok().filter(|at| *at <= LAST_BUCKET)?;
            let count = number / 2;
            if count >= MOST_COUNTED {
                return None;
            }
            each(bucket, count);
            last = Some(bucket);
            next += 1;
        }
        was_gap = is_gap;
    }
    last.filter(|_| !was_gap)
}

#[inline]
fn put(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    // Most counts and gaps take a byte.
    if rest < 0x80 {
        return out.push(rest as u8);
    }
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

/// The next number in zig-zag; `None` where it is cut off, or would be shorter if it were written anew.
fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number: u64 = 0;
    for at in 0..LONGEST_COUNT {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let is_last = at + 1 == LONGEST_COUNT;
        let bits = if is_last { *byte } else { *byte & 0x7f };
        number |= u64::from(bits) << (7 * at);
        if is_last || *byte < 0x80 {
            return (at == 0 || *byte > 0).then_some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(buckets: &[(u16, u64)]) -> Vec<u8> {
        let mut encoder = Encoder::new();
        buckets
            .iter()
            .for_each(|(bucket, count)| encoder.put(*bucket, *count));
        encoder.finish()
    }

    fn decoded(bytes: &[u8]) -> Result<Vec<(u16, u64)>, &'static str> {
        let mut buckets = Vec::new();
        decode(bytes, |bucket, count| buckets.push((bucket, count)))?;
        Ok(buckets)
    }

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
            assert_eq!(decoded(&bytes), Ok(buckets));
            for cut in 1..bytes.len().min(300) {
                assert!(decoded(&bytes[..cut]).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn what_is_read_is_what_is_written() {
        // All rows of five of these: ends of a byte's ranges, gaps of one and more, counts.
        let bytes = [0, 1, 2, 3, 4, 0x7f, 0x80, 0x81, 0xff];
        let (mut read, mut refused) = (0, 0);
        for number in 0..bytes.len().pow(5) {
            let mut rest = number;
            let counts: Vec<u8> = std::iter::repeat_with(|| {
                let byte = bytes[rest % bytes.len()];
                rest /= bytes.len();
                byte
            })
            .take(5)
            .collect();
            let mut buckets = Vec::new();
            match decode_counts(&counts, |bucket, count| buckets.push((bucket, count))) {
                Some(last) => {
                    assert_eq!(Some(last), buckets.last().map(|(last, _)| *last));
                    assert_eq!(encode(&buckets)[HEADER..], counts);
                    read += 1;
                }
                None => refused += 1,
            }
        }
        assert!(read > 1_000 && refused > 1_000, "{read} {refused}");
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
            let zigzag = i128::from(number) * 2;
            let zigzag = if number < 0 { -zigzag - 1 } else { zigzag };
            assert_eq!(take(&mut rest).map(i128::from), Some(zigzag));
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
            if let Ok(buckets) = decoded(&bad) {
                assert_eq!(encode(&buckets), bad, "{bit}");
                assert!(bit / 8 >= HEADER, "{bit}");
            }
        }
        // Five digits up to 2^63: what a decoder may take a gigabyte for.
        let mut huge = good;
        huge[15] = 5;
        huge[24..32].copy_from_slice(&i64::MAX.to_be_bytes());
        assert!(decoded(&huge).is_err());
    }
}
