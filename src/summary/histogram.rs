//! How often which duration occurred, in buckets of at most 0.8 % width.
//!
//! The buckets are those of an [`hdrhistogram::Histogram`] of two significant digits over whole
//! microseconds. While lines are read they are counted here, in a short sorted list or, where that is
//! faster or smaller, in an array indexed by bucket: a record costs a fifth of what it costs in an
//! `hdrhistogram`, which keeps its own total, minimum and maximum. Frozen, a histogram is an
//! `hdrhistogram`. Count, sum, minimum and maximum are kept exactly beside it, in the tally of the phase.

use hdrhistogram::Histogram as Frozen;
use serde_bytes::ByteBuf;

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

/// A list that is so many times as long as another takes its buckets one by one. About what a search and
/// a gap cost against a step of merging; chosen.
const FEW: usize = 8;

/// Bytes of a bucket in the list, and of one in the array.
const LIST_BUCKET: usize = size_of::<(u16, u32)>();
const ARRAY_BUCKET: usize = size_of::<u16>();

/// Buckets by which an array grows at least: durations spread over a few doublings, and each step
/// costs a copy.
const STRIDE: usize = 4 * HALF as usize;

/// What an allocation costs besides its bytes, about.
const ALLOCATION: usize = 16;

/// A mergeable histogram of durations in microseconds.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(into = "ByteBuf", try_from = "ByteBuf")]
pub struct Histogram(Form);

#[derive(Debug, Clone)]
enum Form {
    /// Sorted by bucket; no bucket twice, none empty.
    List(Vec<(u16, u32)>),
    Array(Array),
}

/// The count of each bucket, up to the highest that was needed and beyond. What is looked up at each
/// record is small, so that much of it stays in the processor's caches.
#[derive(Debug, Clone, Default)]
struct Array {
    /// Each count modulo 2^16.
    low: Vec<u16>,
    /// What is above that, of the few buckets that have so many.
    high: Option<Box<High>>,
}

/// Multiples of 2^16, sorted by bucket; no bucket twice, none empty.
#[derive(Debug, Clone, Default)]
struct High(Vec<(u16, u64)>);

impl Array {
    /// Adds to a bucket; the array grows if need be.
    fn add(&mut self, bucket: u16, count: u64) {
        let at = usize::from(bucket);
        if self.low.len() <= at {
            let length = array_length(bucket);
            self.low.reserve_exact(length - self.low.len());
            self.low.resize(length, 0);
        }
        let low = &mut self.low[at];
        let sum = u64::from(*low) + count;
        // OK because what is cut off is kept above.
        *low = sum as u16;
        let above = sum - u64::from(*low);
        if above > 0 {
            let high = &mut self.high.get_or_insert_default().0;
            match high.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
                Ok(at) => high[at].1 += above,
                Err(at) => high.insert(at, (bucket, above)),
            }
        }
    }

    /// The counts above 2^16.
    fn high(&self) -> &[(u16, u64)] {
        self.high.as_ref().map_or(&[], |high| &high.0)
    }

    fn for_each(&self, mut each: impl FnMut(u16, u64)) {
        let mut high = self.high().iter().peekable();
        for (at, low) in self.low.iter().enumerate() {
            // OK because an array is at most as long as there are buckets.
            let at = at as u16;
            let above = high.next_if(|(bucket, _)| *bucket == at);
            let count = u64::from(*low) + above.map_or(0, |(_, above)| *above);
            if count > 0 {
                each(at, count);
            }
        }
    }

    fn bytes(&self) -> usize {
        let high = self.high.as_ref().map_or(0, |high| {
            2 * ALLOCATION + size_of::<High>() + high.0.capacity() * size_of::<(u16, u64)>()
        });
        ALLOCATION + self.low.capacity() * ARRAY_BUCKET + high
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram(Form::List(Vec::new()))
    }
}

/// The highest bucket there is.
pub(super) const LAST_BUCKET: u16 = 7_423;

/// A histogram on disk, see `hdr`.
impl From<Histogram> for ByteBuf {
    fn from(histogram: Histogram) -> Self {
        let mut buckets = Vec::new();
        histogram.for_each(|bucket, count| buckets.push((bucket, count)));
        ByteBuf::from(hdr::encode(&buckets))
    }
}

impl TryFrom<ByteBuf> for Histogram {
    type Error = &'static str;

    fn try_from(bytes: ByteBuf) -> Result<Self, Self::Error> {
        let buckets = hdr::decode(&bytes)?;
        let narrow = |(bucket, count): &(u16, u64)| Some((*bucket, u32::try_from(*count).ok()?));
        let mut histogram = Histogram::default();
        if let Some(list) = buckets.iter().map(narrow).collect() {
            histogram.0 = Form::List(list);
            histogram.take_form(Growth::Small);
        } else {
            for (bucket, count) in buckets {
                histogram.add(bucket, count, Growth::Small);
            }
        }
        Ok(histogram)
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
    /// Counts a value.
    #[inline]
    pub fn record(&mut self, value: u64, growth: Growth) {
        let bucket = bucket_of(value);
        if let Form::Array(array) = &mut self.0
            && let Some(count) = array.low.get_mut(usize::from(bucket))
            && let Some(next) = count.checked_add(1)
        {
            *count = next;
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
            return;
        }
        self.add(bucket, 1, growth);
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Histogram, growth: Growth) {
        // A few buckets are searched for sooner than a long list is written anew.
        if let (Form::List(mine), Form::List(theirs)) = (&self.0, &other.0)
            && mine.len() <= theirs.len().saturating_mul(FEW)
            && let Some(both) = merged(mine, theirs)
        {
            self.0 = Form::List(both);
            self.take_form(growth);
            return;
        }
        other.for_each(|bucket, count| self.add(bucket, count, growth));
    }

    /// Adds to a bucket, changing the form where that is due.
    #[inline(never)]
    fn add(&mut self, bucket: u16, count: u64, growth: Growth) {
        let list = match &mut self.0 {
            Form::List(list) => list,
            Form::Array(array) => return array.add(bucket, count),
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

    /// Makes an array of a list where that is due.
    fn take_form(&mut self, growth: Growth) {
        let Form::List(list) = &self.0 else {
            return;
        };
        let Some((last, _)) = list.last() else {
            return;
        };
        let is_due = match growth {
            Growth::Fast => list.len() > SHORT,
            Growth::Small => list.len() * LIST_BUCKET > array_length(*last) * ARRAY_BUCKET,
        };
        if is_due {
            self.take_array();
        }
    }

    /// Takes the form that has room for any count.
    fn take_array(&mut self) {
        if let Form::List(list) = &self.0 {
            let mut array = Array::default();
            // From the last one on, so that the array grows once.
            for (bucket, count) in list.iter().rev() {
                array.add(*bucket, u64::from(*count));
            }
            self.0 = Form::Array(array);
        }
    }

    /// Takes the form that is smallest.
    pub fn shrink(&mut self) {
        match &mut self.0 {
            Form::List(list) => list.shrink_to_fit(),
            Form::Array(array) => {
                let used = array.low.iter().filter(|low| **low > 0).count();
                let last = array.low.iter().rposition(|low| *low > 0).unwrap_or(0);
                let highest = array.high().last().map_or(0, |(bucket, _)| *bucket);
                let length = last.max(usize::from(highest)) + 1;
                if array.high.is_some() || used * LIST_BUCKET > length * ARRAY_BUCKET {
                    array.low.truncate(length);
                    array.low.shrink_to_fit();
                    return;
                }
                let mut list = Vec::with_capacity(used);
                // OK because an array is at most as long as there are buckets.
                let counts = array.low.iter().enumerate();
                let counts = counts.map(|(at, low)| (at as u16, u32::from(*low)));
                list.extend(counts.filter(|(_, count)| *count > 0));
                self.0 = Form::List(list);
            }
        }
    }

    /// How many values were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        let mut total: u64 = 0;
        self.for_each(|_, count| total = total.saturating_add(count));
        total
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Form::List(list) if list.capacity() == 0 => 0,
            Form::List(list) => ALLOCATION + list.capacity() * LIST_BUCKET,
            Form::Array(array) => array.bytes(),
        }
    }

    /// The same as an `hdrhistogram`.
    #[must_use]
    pub fn freeze(&self) -> Frozen<u64> {
        // OK because two digits are in the range that hdrhistogram takes (0 to 5), and because it
        // grows by itself and so refuses no value.
        let mut frozen = Frozen::new(SIGNIFICANT_DIGITS).unwrap_or_else(|e| unreachable!("{e}"));
        self.for_each(|bucket, count| {
            frozen
                .record_n(bounds_of(bucket).0, count)
                .unwrap_or_else(|e| unreachable!("{e}"));
        });
        frozen
    }

    /// The buckets that are not empty, in rising order.
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
            Form::Array(array) => array.for_each(each),
        }
    }
}

/// Two lists as one; `None` where a sum is over 32 bits.
fn merged(one: &[(u16, u32)], another: &[(u16, u32)]) -> Option<Vec<(u16, u32)>> {
    let (mut one, mut another) = (one.iter().peekable(), another.iter().peekable());
    let mut both = Vec::with_capacity(one.len() + another.len());
    loop {
        let next = match (one.peek(), another.peek()) {
            (Some((a, _)), Some((b, _))) if a < b => *one.next()?,
            (Some((a, _)), Some((b, _))) if a > b => *another.next()?,
            (Some(_), Some(_)) => {
                let ((bucket, mine), (_, theirs)) = (one.next()?, another.next()?);
                (*bucket, mine.checked_add(*theirs)?)
            }
            (Some(_), None) => *one.next()?,
            (None, Some(_)) => *another.next()?,
            (None, None) => return Some(both),
        };
        both.push(next);
    }
}

/// The buckets of a frozen histogram that are not empty, in rising order.
#[must_use]
pub fn buckets(frozen: &Frozen<u64>) -> Vec<Bucket> {
    frozen
        .iter_recorded()
        .map(|found| Bucket {
            low: frozen.lowest_equivalent(found.value_iterated_to()),
            high: frozen.highest_equivalent(found.value_iterated_to()),
            count: found.count_at_value(),
        })
        .collect()
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

/// The length of an array that reaches up to a bucket.
fn array_length(last: u16) -> usize {
    (usize::from(last) + 1).next_multiple_of(STRIDE)
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
            let frozen: Vec<(u64, u64)> = buckets(&grown.freeze())
                .iter()
                .map(|b| (b.low, b.count))
                .collect();
            let want: Vec<(u64, u64)> = list
                .iter()
                .map(|(b, count)| (bounds_of(*b).0, *count))
                .collect();
            assert!(frozen == want);
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
        let stored: ByteBuf = histogram.clone().into();
        let back = Histogram::try_from(stored.clone()).unwrap();
        assert_eq!(back.buckets(), histogram.buckets());
        let again: ByteBuf = back.into();
        assert_eq!(again, stored);
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
        let highest = buckets(&array.freeze()).last().map(|bucket| bucket.count);
        assert_eq!(highest, Some(2 * u64::from(u32::MAX) + 4));
        assert_eq!(
            buckets(&big.freeze()),
            [Bucket {
                low: 7,
                high: 7,
                count: u64::from(u32::MAX) + 3
            }]
        );
    }
}
