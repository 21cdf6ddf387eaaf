//! Counts indexed by bucket: the forms of a histogram that are fast to count in and to add up. When a
//! histogram takes which is said there.

use std::ops::Range;

use super::histogram::{ARRAY_BUCKET, LIST_BUCKET};

/// Buckets by which an array grows at least: durations spread over a few doublings, and each step costs
/// a copy.
const STRIDE: usize = 512;

/// Counts that are looked at together: most are zero, and stand together.
const SPAN: usize = 8;

/// The same where each of those that are not is looked at.
const FEW: usize = 4;

/// The same where few are not: what is counted of a short time. A multiple of [`FEW`].
const WIDE: usize = 32;

/// Counts that are added together.
const BATCH: usize = 64;

/// What an allocation costs besides its bytes, about.
pub const ALLOCATION: usize = 16;

/// The count of each bucket, up to the highest that was needed and beyond. What is looked up at each
/// record is small, so that much of it stays in the processor's caches.
#[derive(Debug, Clone, Default)]
pub struct Array {
    /// Each count modulo 2^16.
    low: Vec<u16>,
    /// What is above that, of the few buckets that have so many.
    high: Option<Box<High>>,
}

/// Multiples of 2^16, sorted by bucket; no bucket twice, none empty.
#[derive(Debug, Clone, Default)]
struct High(Vec<(u16, u64)>);

/// The counts from one bucket on, none of them over 16 bits: a histogram that rests.
#[derive(Debug, Clone)]
pub struct Stretch {
    from: u16,
    low: Vec<u16>,
}

impl Array {
    /// The same as a list, which is sorted.
    pub fn of(list: &[(u16, u32)]) -> Array {
        let mut array = Array::default();
        array.reach(list.last().map_or(0, |(last, _)| usize::from(*last) + 1));
        array.add_list(list);
        array
    }

    /// Counts one more of a bucket; says whether that was possible without more room.
    #[inline(always)]
    pub fn count(&mut self, bucket: u16) -> bool {
        if let Some(low) = self.low.get_mut(usize::from(bucket))
            && let Some(next) = low.checked_add(1)
        {
            *low = next;
            return true;
        }
        false
    }

    /// Adds to a bucket; the array grows if need be.
    #[inline]
    pub fn add(&mut self, bucket: u16, count: u64) {
        if let Some(low) = self.low.get_mut(usize::from(bucket))
            && let Ok(count) = u16::try_from(count)
            && let Some(sum) = low.checked_add(count)
        {
            *low = sum;
        } else {
            self.add_rarely(bucket, count);
        }
    }

    #[inline(never)]
    fn add_rarely(&mut self, bucket: u16, count: u64) {
        self.reach(usize::from(bucket) + 1);
        let low = &mut self.low[usize::from(bucket)];
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

    /// Makes room for so many buckets.
    fn reach(&mut self, length: usize) {
        if self.low.len() < length {
            let length = length.next_multiple_of(STRIDE);
            self.low.reserve_exact(length - self.low.len());
            self.low.resize(length, 0);
        }
    }

    /// Adds the counts of a list.
    pub fn add_list(&mut self, list: &[(u16, u32)]) {
        for (bucket, count) in list {
            self.add(*bucket, u64::from(*count));
        }
    }

    /// Adds the counts of another array.
    pub fn add_array(&mut self, other: &Array) {
        self.add_counts(0, &other.low);
        for (bucket, above) in other.high() {
            self.add(*bucket, *above);
        }
    }

    /// Adds the counts of a stretch.
    pub fn add_stretch(&mut self, stretch: &Stretch) {
        self.add_counts(stretch.from, &stretch.low);
    }

    /// Adds the counts from one bucket on.
    fn add_counts(&mut self, from: u16, counts: &[u16]) {
        self.reach(usize::from(from) + counts.len());
        let mine = &mut self.low[usize::from(from)..];
        let over: Vec<(usize, u16)> = add_batches(mine, counts);
        for (at, count) in over {
            // OK because an array is at most as long as there are buckets.
            self.add(from + at as u16, u64::from(count));
        }
    }

    /// The counts above 2^16.
    fn high(&self) -> &[(u16, u64)] {
        self.high.as_ref().map_or(&[], |high| &high.0)
    }

    /// Gives each bucket that is not empty, in rising order.
    pub fn for_each(&self, mut each: impl FnMut(u16, u64)) {
        let mut high = self.high().iter().peekable();
        let (spans, rest) = self.low.as_chunks::<SPAN>();
        let starts = (0..).step_by(SPAN);
        let spans = spans.iter().map(<[u16; SPAN]>::as_slice);
        for (from, counts) in starts.zip(spans.chain([rest])) {
            if high.peek().is_none() && is_zero(counts) {
                continue;
            }
            for (at, low) in (from..).zip(counts) {
                let above = high.next_if(|(bucket, _)| *bucket == at);
                let count = u64::from(*low) + above.map_or(0, |(_, above)| *above);
                if count > 0 {
                    each(at, count);
                }
            }
        }
    }

    /// How many buckets are not empty, but for those that count a multiple of 2^16.
    pub fn used(&self) -> usize {
        used(&self.low)
    }

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        let high = self.high().iter().map(|(_, above)| *above);
        high.fold(total(&self.low), u64::saturating_add)
    }

    /// Takes out what is counted, as a stretch that is no longer than it must be; the room stays. `None`
    /// where a count is over 16 bits.
    pub fn take(&mut self) -> Option<Stretch> {
        if self.high.is_some() {
            return None;
        }
        let used = bounds(&self.low);
        let low = self.low[used.clone()].to_vec();
        self.low[used.clone()].fill(0);
        // OK because an array is at most as long as there are buckets.
        let from = used.start as u16;
        Some(Stretch { from, low })
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        let high = self.high.as_ref().map_or(0, |high| {
            2 * ALLOCATION + size_of::<High>() + high.0.capacity() * size_of::<(u16, u64)>()
        });
        ALLOCATION + self.low.capacity() * ARRAY_BUCKET + high
    }
}

impl Stretch {
    /// The same as a list, which is sorted; `None` where a count is over 16 bits.
    pub fn of(list: &[(u16, u32)]) -> Option<Stretch> {
        let (from, last) = (list.first()?.0, list.last()?.0);
        let mut low = vec![0; usize::from(last - from) + 1];
        for (bucket, count) in list {
            *low.get_mut(usize::from(bucket.checked_sub(from)?))? = u16::try_from(*count).ok()?;
        }
        Some(Stretch { from, low })
    }

    /// The same as an array.
    pub fn array(&self) -> Array {
        let mut array = Array::default();
        array.add_stretch(self);
        array
    }

    /// Adds the counts of another stretch; not at all, and the answer is no, where one would be over 16 bits.
    pub fn add(&mut self, other: &Stretch) -> bool {
        let end = |stretch: &Stretch| usize::from(stretch.from) + stretch.low.len();
        let from = self.from.min(other.from);
        let mut low = vec![0; end(self).max(end(other)) - usize::from(from)];
        let at = usize::from(self.from - from);
        low[at..at + self.low.len()].copy_from_slice(&self.low);
        let is_whole =
            add_batches(&mut low[usize::from(other.from - from)..], &other.low).is_empty();
        if is_whole {
            *self = Stretch { from, low };
        }
        is_whole
    }

    /// Adds to a bucket; says whether there was room for it.
    pub fn add_one(&mut self, bucket: u16, count: u64) -> bool {
        let at = bucket.checked_sub(self.from).map(usize::from);
        let Some(low) = at.and_then(|at| self.low.get_mut(at)) else {
            return false;
        };
        let sum = u16::try_from(count)
            .ok()
            .and_then(|count| low.checked_add(count));
        *low = sum.unwrap_or(*low);
        sum.is_some()
    }

    /// Gives each bucket that is not empty, in rising order.
    pub fn for_each(&self, mut each: impl FnMut(u16, u64)) {
        for (at, low) in (self.from..).zip(&self.low) {
            if *low > 0 {
                each(at, u64::from(*low));
            }
        }
    }

    /// How many buckets are not empty.
    pub fn used(&self) -> usize {
        used(&self.low)
    }

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        total(&self.low)
    }

    /// The same as a list, where that is the smaller form.
    pub fn list(&self) -> Option<Vec<(u16, u32)>> {
        let buckets = self.used();
        if buckets * LIST_BUCKET > self.low.len() * ARRAY_BUCKET {
            return None;
        }
        let mut list = Vec::with_capacity(buckets);
        let (spans, rest) = self.low.as_chunks::<WIDE>();
        for (from, span) in (self.from..).step_by(WIDE).zip(spans) {
            if is_zero(span) {
                continue;
            }
            let (few, _) = span.as_chunks::<FEW>();
            for (from, counts) in (from..).step_by(FEW).zip(few) {
                if is_zero(counts) {
                    continue;
                }
                // Which counts are zero cannot be foretold: without a branch on it.
                let (mut found, mut length) = ([(0, 0); FEW], 0);
                for (at, low) in (from..).zip(counts) {
                    found[length % FEW] = (at, u32::from(*low));
                    length += usize::from(*low > 0);
                }
                list.extend_from_slice(&found[..length]);
            }
        }
        // OK because there are fewer buckets than 2^16.
        let rest = (self.from + (spans.len() * WIDE) as u16..).zip(rest);
        let counted = rest.filter(|(_, low)| **low > 0);
        list.extend(counted.map(|(at, low)| (at, u32::from(*low))));
        Some(list)
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        ALLOCATION + self.low.capacity() * ARRAY_BUCKET
    }
}

/// Adds counts to those at the same place, many at once; returns the places and counts that were not added
/// because a sum, or one beside it, would be over 16 bits.
fn add_batches(to: &mut [u16], counts: &[u16]) -> Vec<(usize, u16)> {
    let mut left = Vec::new();
    let batches = to.chunks_mut(BATCH).zip(counts.chunks(BATCH));
    for (from, (mine, theirs)) in (0..).step_by(BATCH).zip(batches) {
        let is_over = |any, (mine, theirs): (&u16, &u16)| any | mine.checked_add(*theirs).is_none();
        if mine.iter().zip(theirs).fold(false, is_over) {
            left.extend((from..).zip(theirs.iter().copied()));
            continue;
        }
        for (mine, theirs) in mine.iter_mut().zip(theirs) {
            *mine = mine.wrapping_add(*theirs);
        }
    }
    left
}

/// Whether nothing was counted in a span. One comparison where its length is known to the compiler.
#[inline(always)]
fn is_zero(span: &[u16]) -> bool {
    span.iter().fold(0, |any, count| any | count) == 0
}

fn total(counts: &[u16]) -> u64 {
    counts.iter().map(|low| u64::from(*low)).sum()
}

/// How many counts are not 0.
fn used(counts: &[u16]) -> usize {
    // OK because there are fewer buckets than 2^16.
    let used: u16 = counts.iter().map(|count| u16::from(*count > 0)).sum();
    usize::from(used)
}

/// Where counts are, to whole spans; empty where there is none.
fn bounds(counts: &[u16]) -> Range<usize> {
    let (spans, rest) = counts.as_chunks::<SPAN>();
    let is_used = |span: &[u16; SPAN]| *span != [0; SPAN];
    let end = if rest.iter().any(|low| *low > 0) {
        counts.len()
    } else {
        let last = spans.iter().rposition(is_used);
        last.map_or(0, |last| (last + 1) * SPAN)
    };
    let first = spans.iter().position(is_used);
    let start = first.unwrap_or(spans.len()) * SPAN;
    start.min(end)..end
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn said(array: &Array) -> BTreeMap<u16, u64> {
        let mut said = BTreeMap::new();
        array.for_each(|bucket, count| assert!(said.insert(bucket, count).is_none()));
        said
    }

    /// Numbers that look random: a linear congruential generator, by Knuth's constants.
    fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
        let mut state = seed;
        move |below| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        }
    }

    /// An array with counts below these over some stretch, and the same in a map.
    fn counted(number: &mut impl FnMut(u64) -> u64, below: &[u64]) -> (Array, BTreeMap<u16, u64>) {
        let (mut array, mut map) = (Array::default(), BTreeMap::new());
        let (first, length) = (number(7_000), 1 + number(424));
        for _ in 0..1 + number(300) {
            let bucket = (first + number(length)) as u16;
            let below = below[number(below.len() as u64) as usize];
            let count = 1 + number(below);
            array.add(bucket, count);
            *map.entry(bucket).or_default() += count;
            if array.count(bucket) {
                *map.entry(bucket).or_default() += 1;
            }
        }
        (array, map)
    }

    #[test]
    fn it_says_what_was_counted() {
        let mut added = [0, 0];
        for seed in 0..3_000 {
            let mut number = numbers(seed);
            let below: &[u64] = if seed % 2 == 0 {
                &[1, 30_000]
            } else {
                &[1, 66_000, 1 << 40]
            };
            let (mut array, mut map) = counted(&mut number, below);
            let (other, more) = counted(&mut number, below);
            assert_eq!(said(&array), map, "{seed}");
            array.add_array(&other);
            for (bucket, count) in more {
                *map.entry(bucket).or_default() += count;
            }
            assert_eq!(said(&array), map, "{seed}");
            assert_eq!(array.total(), map.values().sum::<u64>(), "{seed}");
            let is_wide = map.values().any(|count| *count > u64::from(u16::MAX));
            let Some(mut taken) = array.take() else {
                assert!(is_wide, "{seed}");
                continue;
            };
            assert!(said(&array).is_empty() && array.total() == 0, "{seed}");
            assert_eq!(said(&taken.array()), map, "{seed}");
            assert_eq!(taken.total(), map.values().sum::<u64>(), "{seed}");
            if let Some(list) = taken.list() {
                assert_eq!(said(&Array::of(&list)), map, "{seed}");
                let again = Stretch::of(&list).unwrap();
                assert_eq!(said(&again.array()), map, "{seed}");
            }
            let count = if seed % 4 == 0 { 1 } else { 40_000 };
            let other: Vec<(u16, u32)> = map.keys().take(3).map(|at| (*at, count)).collect();
            let other = Stretch::of(&other).unwrap();
            let before = said(&taken.array());
            let mut both = taken.array();
            both.add_stretch(&other);
            let is_added = taken.add(&other);
            assert_eq!(is_added, both.high.is_none(), "{seed}");
            let want = if is_added { said(&both) } else { before };
            assert_eq!(said(&taken.array()), want, "{seed}");
            added[usize::from(is_added)] += 1;
        }
        assert!(added.iter().all(|many| *many > 100), "{added:?}");
    }
}
