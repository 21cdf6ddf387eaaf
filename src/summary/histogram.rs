//! How often which duration occurred, in buckets of at most 0.8 % width.
//!
//! The buckets are those of an [`hdrhistogram::Histogram`] of two significant digits over whole
//! microseconds. While lines are read they are counted here, in a short sorted list or, where that is
//! faster or smaller, in an array indexed by bucket: a record costs a fifth of what it costs in an
//! `hdrhistogram`, which keeps its own total, minimum and maximum. What needs more than the buckets gets
//! an `hdrhistogram` of them. Count, sum, minimum and maximum are kept exactly beside it, in the tally
//! of the phase.

use hdrhistogram::Histogram as Frozen;
use serde::{Deserialize, Serialize};

use super::array::{ALLOCATION, Array, Stretch};
use super::hdr;

/// Two significant digits: 256 buckets for the first 256 µs, then 128 for each doubling.
pub(super) const SIGNIFICANT_DIGITS: u8 = 2;
/// `log2` of the buckets of the first stretch.
const FIRST_BITS: u32 = 8;
/// Buckets of each doubling.
const HALF: u64 = 1 << (FIRST_BITS - 1);

/// When a list of buckets becomes an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// Early, so that recording takes no search: for the few histograms of a usual log.
    Fast,
    /// Only where the array is the smaller one: for windows, and when memory runs short.
    Small,
}

/// Lists of this many buckets and fewer are searched about as fast as an array is indexed.
const SHORT: usize = 16;

/// A bucket of a short list that was counted so often is worth an array: a search costs more than a look-up.
const OFTEN: u32 = 256;

/// A list that is so many times as long as another takes its buckets one by one. About what a search and
/// a gap cost against a step of merging; chosen.
const FEW: usize = 8;

/// Bytes of a bucket in a list.
pub(super) const LIST_BUCKET: usize = size_of::<(u16, u32)>();

/// Bytes of one in an array.
pub(super) const ARRAY_BUCKET: usize = size_of::<u16>();

/// A mergeable histogram of durations in microseconds.
#[derive(Debug, Clone)]
pub struct Histogram(Form);

#[derive(Debug, Clone)]
enum Form {
    /// Sorted by bucket; no bucket twice, none empty.
    List(Vec<(u16, u32)>),
    /// To count in.
    Array(Array),
    /// Smaller than both.
    Stretch(Stretch),
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram(Form::List(Vec::new()))
    }
}

/// The highest bucket there is.
pub(super) const LAST_BUCKET: u16 = 7_423;

/// A histogram on disk, see `hdr`.
impl Serialize for Histogram {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut encoder = hdr::Encoder::new();
        self.for_each(|bucket, count| encoder.put(bucket, count));
        serializer.serialize_bytes(&encoder.finish())
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Histogram::read(<&[u8]>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The bucket of a value, as `hdrhistogram` numbers them.
#[inline]
pub(super) fn bucket_of(value: u64) -> u16 {
    let shift = u64::BITS - (value | ((1 << FIRST_BITS) - 1)).leading_zeros() - FIRST_BITS;
    // OK because shift <= 56 and value >> shift < 256: at most 57 * 128 + 128.
    (u64::from(shift) * HALF + (value >> shift)) as u16
}

/// The lowest value of a bucket and the highest.
pub(super) fn bounds_of(bucket: u16) -> (u64, u64) {
    let bucket = u64::from(bucket);
    if bucket < 2 * HALF {
        return (bucket, bucket);
    }
    let shift = bucket / HALF - 1;
    let low = (bucket % HALF + HALF) << shift;
    (low, low + ((1 << shift) - 1))
}

impl Histogram {
    /// The histogram of these bytes, see `hdr`.
    ///
    /// # Errors
    /// They are those of none.
    pub(super) fn read(bytes: &[u8]) -> Result<Histogram, &'static str> {
        let (mut list, mut large) = (Vec::new(), Vec::new());
        hdr::decode(bytes, |bucket, count| match u32::try_from(count) {
            Ok(count) => list.push((bucket, count)),
            Err(_) => large.push((bucket, count)),
        })?;
        let mut histogram = Histogram(Form::List(list));
        histogram.take_form(Growth::Small);
        for (bucket, count) in large {
            histogram.add(bucket, count, Growth::Small);
        }
        Ok(histogram)
    }

    /// Adds the counts of these bytes, see `hdr`.
    ///
    /// # Errors
    /// They are those of no histogram; some of them may have been added.
    pub(super) fn add_bytes(&mut self, bytes: &[u8], growth: Growth) -> Result<(), &'static str> {
        if let Form::Array(array) = &mut self.0 {
            return hdr::decode(bytes, |bucket, count| array.add(bucket, count));
        }
        hdr::decode(bytes, |bucket, count| self.add(bucket, count, growth))
    }

    /// Counts a value.
    #[inline]
    pub fn record(&mut self, value: u64, growth: Growth) {
        let bucket = bucket_of(value);
        if let Form::Array(array) = &mut self.0
            && array.count(bucket)
        {
            return;
        }
        self.record_rarely(bucket, growth);
    }

    #[inline(never)]
    fn record_rarely(&mut self, bucket: u16, growth: Growth) {
        if let Form::List(list) = &mut self.0
            && let Some((_, count)) = list
                .iter_mut()
                .take(SHORT)
                .find(|(known, _)| *known == bucket)
            && *count != u32::MAX
        {
            *count += 1;
            if *count == OFTEN && growth == Growth::Fast {
                self.take_array();
            }
            return;
        }
        self.add(bucket, 1, growth);
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Histogram, growth: Growth) {
        if self.rank() < other.rank() {
            let mine = std::mem::replace(self, other.clone());
            return self.merge(&mine, growth);
        }
        if growth == Growth::Fast && !other.is_short() {
            self.take_array();
        }
        match (&mut self.0, &other.0) {
            (Form::Array(mine), Form::Array(theirs)) => mine.add_array(theirs),
            (Form::Array(mine), Form::Stretch(theirs)) => mine.add_stretch(theirs),
            (Form::Array(mine), Form::List(theirs)) => mine.add_list(theirs),
            (Form::Stretch(mine), Form::Stretch(theirs)) => {
                if !mine.add(theirs) {
                    let mut both = mine.array();
                    both.add_stretch(theirs);
                    self.0 = Form::Array(both);
                }
            }
            (Form::List(mine), Form::List(theirs)) => {
                // A few buckets are searched for sooner than a long list is written anew.
                if mine.len() <= theirs.len().saturating_mul(FEW)
                    && let Some(both) = merged(mine, theirs)
                {
                    self.0 = Form::List(both);
                } else {
                    self.add_list(theirs, growth);
                }
            }
            (_, Form::List(theirs)) => self.add_list(theirs, growth),
            // What is smaller became the other.
            (Form::List(_) | Form::Stretch(_), _) => {}
        }
        self.take_form(growth);
    }

    /// Adds the counts of another histogram, of which nothing is left.
    pub fn absorb(&mut self, mut other: Histogram, growth: Growth) {
        if self.rank() < other.rank() || self.is_empty() {
            std::mem::swap(self, &mut other);
        }
        if !other.is_empty() {
            self.merge(&other, growth);
        }
    }

    /// How much its form has room for: the smaller is added to the larger.
    fn rank(&self) -> u8 {
        match self.0 {
            Form::List(_) => 0,
            Form::Stretch(_) => 1,
            Form::Array(_) => 2,
        }
    }

    fn is_empty(&self) -> bool {
        matches!(&self.0, Form::List(list) if list.is_empty())
    }

    /// Whether it has so few buckets that a list of them is fast.
    fn is_short(&self) -> bool {
        matches!(&self.0, Form::List(list) if list.len() <= SHORT)
    }

    fn add_list(&mut self, list: &[(u16, u32)], growth: Growth) {
        for (bucket, count) in list {
            self.add(*bucket, u64::from(*count), growth);
        }
    }

    /// Adds to a bucket, changing the form where that is due.
    #[inline(never)]
    fn add(&mut self, bucket: u16, count: u64, growth: Growth) {
        let list = match &mut self.0 {
            Form::List(list) => list,
            Form::Array(array) => return array.add(bucket, count),
            Form::Stretch(stretch) => {
                if growth == Growth::Fast || !stretch.add_one(bucket, count) {
                    self.take_array();
                    self.add(bucket, count, growth);
                }
                return;
            }
        };
        let place = list.binary_search_by_key(&bucket, |(bucket, _)| *bucket);
        let old = place.map_or(0, |at| list[at].1);
        match (u32::try_from(u64::from(old) + count), place) {
            (Ok(sum), Ok(at)) => list[at].1 = sum,
            (Ok(sum), Err(at)) => {
                list.insert(at, (bucket, sum));
                self.take_form(growth);
            }
            (Err(_), _) => {
                self.take_array();
                self.add(bucket, count, growth);
            }
        }
    }

    /// Takes the form that goes with its growth, where that is due.
    fn take_form(&mut self, growth: Growth) {
        match (growth, &self.0) {
            (_, Form::Array(_)) | (Growth::Small, Form::Stretch(_)) => {}
            (Growth::Fast, _) if self.is_short() => {}
            (Growth::Fast, _) => self.take_array(),
            (Growth::Small, Form::List(list)) => {
                let (first, last) = match list.as_slice() {
                    [(first, _), .., (last, _)] => (first, last),
                    _ => return,
                };
                let stretch = usize::from(last - first + 1) * ARRAY_BUCKET;
                if list.len() * LIST_BUCKET > stretch {
                    match Stretch::of(list) {
                        Some(stretch) => self.0 = Form::Stretch(stretch),
                        None => self.take_array(),
                    }
                }
            }
        }
    }

    /// Takes the form that has room for any count.
    fn take_array(&mut self) {
        match &self.0 {
            Form::List(list) => self.0 = Form::Array(Array::of(list)),
            Form::Stretch(stretch) => self.0 = Form::Array(stretch.array()),
            Form::Array(_) => {}
        }
    }

    /// Takes the form that is smallest.
    pub fn shrink(&mut self) {
        match &mut self.0 {
            Form::List(list) => list.shrink_to_fit(),
            _ => *self = self.take(),
        }
    }

    /// Takes out what is counted, in the form that is smallest; the room of an array stays, and in the
    /// processor's caches, for what is counted from here on.
    pub fn take(&mut self) -> Histogram {
        let Form::Array(array) = &mut self.0 else {
            return std::mem::take(self);
        };
        match array.take() {
            Some(stretch) => Histogram(match stretch.list() {
                Some(list) => Form::List(list),
                None => Form::Stretch(stretch),
            }),
            None => std::mem::take(self),
        }
    }

    /// How many values were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        match &self.0 {
            // OK because there are fewer buckets than 2^32.
            Form::List(list) => list.iter().map(|(_, count)| u64::from(*count)).sum(),
            Form::Array(array) => array.total(),
            Form::Stretch(stretch) => stretch.total(),
        }
    }

    /// How many buckets are not empty, about.
    fn used(&self) -> usize {
        match &self.0 {
            Form::List(list) => list.len(),
            Form::Array(array) => array.used(),
            Form::Stretch(stretch) => stretch.used(),
        }
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Form::List(list) if list.capacity() == 0 => 0,
            Form::List(list) => ALLOCATION + list.capacity() * LIST_BUCKET,
            Form::Array(array) => array.bytes(),
            Form::Stretch(stretch) => stretch.bytes(),
        }
    }

    /// The buckets that are not empty, in rising order.
    #[must_use]
    pub fn buckets(&self) -> Vec<Bucket> {
        let mut buckets = Vec::with_capacity(self.used());
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
            Form::Array(array) => array.for_each(each),
            Form::Stretch(stretch) => stretch.for_each(each),
        }
    }
}

/// Two lists as one; `None` where a sum is over 32 bits.
fn merged(one: &[(u16, u32)], another: &[(u16, u32)]) -> Option<Vec<(u16, u32)>> {
    let mut both = Vec::with_capacity(one.len() + another.len());
    let (mut at, mut beside, mut is_over) = (0, 0, false);
    // Which of the two is next cannot be foretold: without a branch on it.
    while let (Some(mine), Some(theirs)) = (one.get(at), another.get(beside)) {
        let (is_mine, is_theirs) = (mine.0 <= theirs.0, theirs.0 <= mine.0);
        let (sum, over) =
            (mine.1 * u32::from(is_mine)).overflowing_add(theirs.1 * u32::from(is_theirs));
        is_over |= over;
        both.push((mine.0.min(theirs.0), sum));
        at += usize::from(is_mine);
        beside += usize::from(is_theirs);
    }
    both.extend_from_slice(one.get(at..)?);
    both.extend_from_slice(another.get(beside..)?);
    (!is_over).then_some(both)
}

/// The same as an `hdrhistogram`.
pub(super) fn frozen(buckets: &[Bucket]) -> Frozen<u64> {
    // OK because two digits are in the range that hdrhistogram takes (0 to 5), and because it grows by
    // itself and so refuses no value.
    let mut frozen = Frozen::new(SIGNIFICANT_DIGITS).unwrap_or_else(|e| unreachable!("{e}"));
    for bucket in buckets {
        frozen
            .record_n(bucket.low, bucket.count)
            .unwrap_or_else(|e| unreachable!("{e}"));
    }
    frozen
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

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> impl Iterator<Item = u64> {
        let edges = (0..63).flat_map(|bits| [(1_u64 << bits) - 1, 1 << bits, (1 << bits) + 1]);
        edges.chain((0..2_000).map(|n| n * n * 37))
    }

    #[test]
    fn buckets_are_those_of_hdrhistogram() {
        let dense = Frozen::<u64>::new_with_bounds(1, u64::MAX / 2, SIGNIFICANT_DIGITS).unwrap();
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
            let mut counted = Frozen::<u64>::new(SIGNIFICANT_DIGITS).unwrap();
            values().for_each(|value| counted.record(value).unwrap());
            assert_eq!(frozen(&grown.buckets()), counted);
        }
    }

    #[test]
    fn the_last_bucket_is_that_of_the_largest_value() {
        assert_eq!(bucket_of(u64::MAX), LAST_BUCKET);
    }

    #[test]
    fn a_histogram_comes_back_from_disk() {
        let mut histogram = Histogram::default();
        values().for_each(|value| histogram.record(value, Growth::Fast));
        histogram.add(3, 1 << 40, Growth::Fast);
        let stored = postcard::to_allocvec(&histogram).unwrap();
        let back: Histogram = postcard::from_bytes(&stored).unwrap();
        assert_eq!(back.buckets(), histogram.buckets());
        assert_eq!(postcard::to_allocvec(&back).unwrap(), stored);
    }

    #[test]
    fn counts_over_16_bits_are_kept() {
        let mut array = Histogram::default();
        array.take_array();
        for _ in 0..70_000 {
            array.record(9, Growth::Fast);
        }
        array.record(8, Growth::Fast);
        array.add(10, 1 << 16, Growth::Fast);
        let said = |histogram: &Histogram| -> Vec<(u64, u64)> {
            let buckets = histogram.buckets();
            buckets.iter().map(|b| (b.low, b.count)).collect()
        };
        let want = [(8, 1), (9, 70_000), (10, 1 << 16)];
        assert_eq!(said(&array), want);
        array.shrink();
        assert_eq!(said(&array), want);
        let mut twice = array.clone();
        twice.merge(&array, Growth::Small);
        assert_eq!(said(&twice), want.map(|(low, count)| (low, 2 * count)));
    }

    #[test]
    fn counts_over_32_bits_are_kept() {
        let mut big = Histogram::default();
        big.add(7, u64::from(u32::MAX), Growth::Small);
        big.add(7, 2, Growth::Small);
        big.record(7, Growth::Small);
        let mut array = Histogram::default();
        array.take_array();
        array.add(7, u64::from(u32::MAX) - 1, Growth::Fast);
        array.record(7, Growth::Fast);
        array.record(7, Growth::Fast);
        array.merge(&big, Growth::Fast);
        let highest = array.buckets().last().map(|bucket| bucket.count);
        assert_eq!(highest, Some(2 * u64::from(u32::MAX) + 4));
        assert_eq!(
            big.buckets(),
            [Bucket {
                low: 7,
                high: 7,
                count: u64::from(u32::MAX) + 3
            }]
        );
    }
}
