//! How often which duration occurred, in buckets of at most 0.8 % width.
//!
//! The buckets are those of an [`hdrhistogram::Histogram`] of two significant digits over whole
//! microseconds. A histogram begins as a short sorted list of buckets and becomes a dense
//! `hdrhistogram`; both say the same, so when that happens is a matter of memory and speed only.
//! Count, sum, minimum and maximum are kept exactly beside it, in [`super::tally`].

use hdrhistogram::Histogram as Dense;

/// Two significant digits: 256 buckets for the first 256 µs, then 128 for each doubling.
const SIGNIFICANT_DIGITS: u8 = 2;
/// `log2` of the buckets of the first stretch.
const FIRST_BITS: u32 = 8;
/// Buckets of each doubling.
const HALF: u64 = 1 << (FIRST_BITS - 1);

/// When a list of buckets becomes dense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// Early, so that recording takes no search: for the few histograms of a usual log.
    Fast,
    /// Only where the dense form is the smaller one: for windows, and when memory runs short.
    Small,
}

/// Lists of this many buckets and fewer are searched about as fast as the dense form is indexed.
const SHORT: usize = 32;

/// Bytes of a bucket in the list, and of one in the dense form.
const LIST_BUCKET: usize = size_of::<(u16, u32)>();
const DENSE_BUCKET: usize = size_of::<u64>();

/// A mergeable histogram of durations in microseconds.
#[derive(Debug, Clone)]
pub struct Histogram(Form);

#[derive(Debug, Clone)]
enum Form {
    /// Sorted by bucket; no bucket twice, none empty.
    List(Vec<(u16, u32)>),
    Dense(Box<Dense<u64>>),
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram(Form::List(Vec::new()))
    }
}

/// The bucket of a value, as `hdrhistogram` numbers them.
#[inline]
fn bucket_of(value: u64) -> u16 {
    let shift = u64::BITS - (value | ((1 << FIRST_BITS) - 1)).leading_zeros() - FIRST_BITS;
    // OK because shift <= 56 and value >> shift < 256: at most 57 * 128 + 128.
    (u64::from(shift) * HALF + (value >> shift)) as u16
}

/// The lowest value of a bucket and the highest.
fn bounds_of(bucket: u16) -> (u64, u64) {
    let bucket = u64::from(bucket);
    if bucket < 2 * HALF {
        return (bucket, bucket);
    }
    let shift = bucket / HALF - 1;
    let low = (bucket % HALF + HALF) << shift;
    (low, low + ((1 << shift) - 1))
}

impl Histogram {
    /// Counts a value.
    #[inline]
    pub fn record(&mut self, value: u64, growth: Growth) {
        match &mut self.0 {
            Form::Dense(dense) => record_dense(dense, value, 1),
            Form::List(_) => self.add(bucket_of(value), 1, growth),
        }
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Histogram, growth: Growth) {
        other.for_each(|bucket, count| self.add(bucket, count, growth));
    }

    /// Adds to a bucket.
    fn add(&mut self, bucket: u16, count: u64, growth: Growth) {
        let list = match &mut self.0 {
            Form::Dense(dense) => return record_bucket(dense, bucket, count),
            Form::List(list) => list,
        };
        match list.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => match u32::try_from(u64::from(list[at].1) + count) {
                Ok(sum) => list[at].1 = sum,
                Err(_) => {
                    let mut dense = densify(list);
                    record_bucket(&mut dense, bucket, count);
                    self.0 = Form::Dense(dense);
                }
            },
            Err(at) => {
                let last = list.last().map_or(bucket, |(last, _)| bucket.max(*last));
                let dense_is_due = match growth {
                    Growth::Fast => list.len() >= SHORT,
                    Growth::Small => list.len() * LIST_BUCKET >= dense_bytes(last),
                };
                match u32::try_from(count) {
                    Ok(count) if !dense_is_due => list.insert(at, (bucket, count)),
                    _ => {
                        let mut dense = densify(list);
                        record_bucket(&mut dense, bucket, count);
                        self.0 = Form::Dense(dense);
                    }
                }
            }
        }
    }

    /// Takes the form that is smaller.
    pub fn shrink(&mut self) {
        match &mut self.0 {
            Form::List(list) => list.shrink_to_fit(),
            Form::Dense(_) => {
                let mut small = Histogram::default();
                self.for_each(|bucket, count| small.add(bucket, count, Growth::Small));
                *self = small;
            }
        }
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Form::List(list) => list.capacity() * LIST_BUCKET,
            Form::Dense(dense) => dense.distinct_values() * DENSE_BUCKET + size_of::<Dense<u64>>(),
        }
    }

    /// The buckets that are not empty, in rising order: lowest value, highest value, count.
    #[must_use]
    pub fn buckets(&self) -> Vec<Bucket> {
        let mut buckets = Vec::new();
        self.for_each(|bucket, count| {
            let (low, high) = bounds_of(bucket);
            buckets.push(Bucket { low, high, count });
        });
        buckets
    }

    fn for_each(&self, mut each: impl FnMut(u16, u64)) {
        match &self.0 {
            Form::List(list) => list
                .iter()
                .for_each(|(bucket, count)| each(*bucket, u64::from(*count))),
            Form::Dense(dense) => dense.iter_recorded().for_each(|found| {
                each(bucket_of(found.value_iterated_to()), found.count_at_value())
            }),
        }
    }
}

/// A stretch of values and how often they occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The lowest value of the bucket, in µs.
    pub low: u64,
    /// The highest, in µs.
    pub high: u64,
    /// How many values; never 0.
    pub count: u64,
}

impl Bucket {
    /// The value that stands for the bucket, off by at most 0.4 %.
    #[must_use]
    pub fn middle(&self) -> u64 {
        self.low + (self.high - self.low) / 2
    }
}

/// The size of a dense form that reaches up to a bucket.
fn dense_bytes(last: u16) -> usize {
    (usize::from(last) + 1).next_multiple_of(HALF as usize) * DENSE_BUCKET
}

fn densify(list: &[(u16, u32)]) -> Box<Dense<u64>> {
    // OK because two digits are in the range that hdrhistogram takes (0 to 5).
    let mut dense = Dense::new(SIGNIFICANT_DIGITS).unwrap_or_else(|e| unreachable!("{e}"));
    for (bucket, count) in list {
        record_bucket(&mut dense, *bucket, u64::from(*count));
    }
    Box::new(dense)
}

fn record_bucket(dense: &mut Dense<u64>, bucket: u16, count: u64) {
    record_dense(dense, bounds_of(bucket).0, count);
}

#[inline]
fn record_dense(dense: &mut Dense<u64>, value: u64, count: u64) {
    // OK because it grows by itself, and so refuses nothing where a usize holds 7,424 buckets.
    dense
        .record_n(value, count)
        .unwrap_or_else(|e| unreachable!("{e}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> impl Iterator<Item = u64> {
        let edges = (0..63).flat_map(|bits| [(1_u64 << bits) - 1, 1 << bits, (1 << bits) + 1]);
        edges.chain((0..2_000).map(|n| n * n * 37))
    }

    #[test]
    fn buckets_are_those_of_hdrhistogram() {
        let dense = Dense::<u64>::new_with_bounds(1, u64::MAX / 2, SIGNIFICANT_DIGITS).unwrap();
        for value in values() {
            let (low, high) = bounds_of(bucket_of(value));
            assert_eq!(
                (low, high),
                (
                    dense.lowest_equivalent(value),
                    dense.highest_equivalent(value)
                ),
                "{value}"
            );
        }
    }

    #[test]
    fn every_form_says_the_same() {
        for growth in [Growth::Fast, Growth::Small] {
            let mut grown = Histogram::default();
            let mut list: Vec<(u16, u64)> = Vec::new();
            for value in values() {
                grown.record(value, growth);
                let bucket = bucket_of(value);
                match list.iter_mut().find(|(b, _)| *b == bucket) {
                    Some((_, count)) => *count += 1,
                    None => list.push((bucket, 1)),
                }
            }
            list.sort_unstable();
            let say = |h: &Histogram| {
                let mut said = Vec::new();
                h.for_each(|bucket, count| said.push((bucket, count)));
                said
            };
            assert!(say(&grown) == list);
            let mut merged = grown.clone();
            merged.merge(&grown, growth);
            assert!(say(&merged) == list.iter().map(|(b, c)| (*b, c * 2)).collect::<Vec<_>>());
            grown.shrink();
            assert!(say(&grown) == list);
        }
    }

    #[test]
    fn counts_over_32_bits_are_kept() {
        let mut big = Histogram::default();
        big.add(7, u64::from(u32::MAX), Growth::Small);
        big.add(7, 2, Growth::Small);
        assert_eq!(
            big.buckets(),
            [Bucket {
                low: 7,
                high: 7,
                count: u64::from(u32::MAX) + 2
            }]
        );
    }
}
