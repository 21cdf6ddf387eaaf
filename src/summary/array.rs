//! The counts of a stretch of buckets, indexed by bucket: the form of a histogram that is fast to count in
//! and to add up. When a histogram takes it is said there.

use std::ops::Range;

use super::histogram::{ARRAY_BUCKET, LIST_BUCKET};

/// Buckets by which the stretch grows at least: durations spread over a few doublings, and each step costs
/// a copy.
const STRIDE: usize = 256;

/// Counts that are looked at together: most are zero, and stand together.
const SPAN: usize = 8;

/// Counts that are added together.
const BATCH: usize = 64;

/// What an allocation costs besides its bytes, about.
pub const ALLOCATION: usize = 16;

/// The count of each bucket of the stretch that was needed and a little beyond. What is looked up at each
/// record is small, so that much of it stays in the processor's caches.
#[derive(Debug, Clone, Default)]
pub struct Array {
    /// The first bucket.
    from: u16,
    /// Each count modulo 2^16.
    low: Vec<u16>,
    /// What is above that, of the few buckets that have so many.
    high: Option<Box<High>>,
}

/// Multiples of 2^16, sorted by bucket; no bucket twice, none empty.
#[derive(Debug, Clone, Default)]
struct High(Vec<(u16, u64)>);

impl Array {
    /// The same as a list, which is sorted.
    pub fn of(list: &[(u16, u32)]) -> Array {
        let mut array = Array::default();
        if let (Some((first, _)), Some((last, _))) = (list.first(), list.last()) {
            array.cover(usize::from(*first)..usize::from(*last) + 1);
        }
        array.add_list(list);
        array
    }

    /// Counts one more of a bucket; says whether that was possible without more room.
    #[inline(always)]
    pub fn count(&mut self, bucket: u16) -> bool {
        // A bucket before the first is beyond the last then.
        let at = usize::from(bucket.wrapping_sub(self.from));
        if let Some(low) = self.low.get_mut(at)
            && let Some(next) = low.checked_add(1)
        {
            *low = next;
            return true;
        }
        false
    }

    /// Adds to a bucket; the stretch grows if need be.
    #[inline]
    pub fn add(&mut self, bucket: u16, count: u64) {
        let at = usize::from(bucket.wrapping_sub(self.from));
        if let Some(low) = self.low.get_mut(at)
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
        if !self.stretch().contains(&usize::from(bucket)) {
            let from = usize::from(bucket) / STRIDE * STRIDE;
            self.cover(from..from + STRIDE);
        }
        // OK because it is covered.
        let low = &mut self.low[usize::from(bucket - self.from)];
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

    /// Adds the counts of a list.
    pub fn add_list(&mut self, list: &[(u16, u32)]) {
        for (bucket, count) in list {
            self.add(*bucket, u64::from(*count));
        }
    }

    /// Adds the counts of another array.
    pub fn add_array(&mut self, other: &Array) {
        self.cover(other.stretch());
        let at = usize::from(other.from.saturating_sub(self.from));
        let mine = self.low.get_mut(at..).unwrap_or_default();
        let mine = mine.chunks_mut(BATCH);
        let mut over = Vec::new();
        for (from, (mine, theirs)) in mine.zip(other.low.chunks(BATCH)).enumerate() {
            let is_over =
                |any, (mine, theirs): (&u16, &u16)| any | mine.checked_add(*theirs).is_none();
            if mine.iter().zip(theirs).fold(false, is_over) {
                over.push(from * BATCH);
                continue;
            }
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine = mine.wrapping_add(*theirs);
            }
        }
        for from in over {
            for (at, count) in other.low.iter().enumerate().skip(from).take(BATCH) {
                // OK because an array is at most as long as there are buckets.
                self.add(other.from + at as u16, u64::from(*count));
            }
        }
        for (bucket, above) in other.high() {
            self.add(*bucket, *above);
        }
    }

    /// The buckets that it has room for.
    fn stretch(&self) -> Range<usize> {
        let from = usize::from(self.from);
        from..from + self.low.len()
    }

    /// Makes room for these buckets too.
    fn cover(&mut self, more: Range<usize>) {
        let mine = self.stretch();
        if more.is_empty() || mine.start <= more.start && more.end <= mine.end {
            return;
        }
        let both = if mine.is_empty() {
            more
        } else {
            mine.start.min(more.start)..mine.end.max(more.end)
        };
        let mut low = vec![0; both.len()];
        if !mine.is_empty() {
            low[mine.start - both.start..mine.end - both.start].copy_from_slice(&self.low);
        }
        // OK because there are fewer buckets than 2^16.
        (self.from, self.low) = (both.start as u16, low);
    }

    /// The counts above 2^16.
    fn high(&self) -> &[(u16, u64)] {
        self.high.as_ref().map_or(&[], |high| &high.0)
    }

    /// Gives each bucket that is not empty, in rising order.
    pub fn for_each(&self, mut each: impl FnMut(u16, u64)) {
        let mut high = self.high().iter().peekable();
        for (from, counts) in (self.from..).step_by(SPAN).zip(self.low.chunks(SPAN)) {
            if high.peek().is_none() && counts == [0; SPAN] {
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

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        let low: u64 = self.low.iter().map(|low| u64::from(*low)).sum();
        let high = self.high().iter().map(|(_, above)| *above);
        high.fold(low, u64::saturating_add)
    }

    /// The same as a list, where that is the smaller form.
    pub fn list(&self) -> Option<Vec<(u16, u32)>> {
        // OK because there are fewer buckets than 2^16.
        let buckets: u16 = self.low.iter().map(|low| u16::from(*low > 0)).sum();
        let buckets = usize::from(buckets);
        if self.high.is_some() || buckets * LIST_BUCKET > self.used().len() * ARRAY_BUCKET {
            return None;
        }
        let mut list = Vec::with_capacity(buckets);
        for (from, counts) in (self.from..).step_by(SPAN).zip(self.low.chunks(SPAN)) {
            if counts == [0; SPAN] {
                continue;
            }
            // Which counts are zero cannot be foretold: without a branch on it.
            let (mut found, mut length) = ([(0, 0); SPAN], 0);
            for (at, low) in (from..).zip(counts) {
                found[length % SPAN] = (at, u32::from(*low));
                length += usize::from(*low > 0);
            }
            list.extend_from_slice(&found[..length]);
        }
        Some(list)
    }

    /// The part of `low` that holds a count or goes with one that is above; empty where none is counted.
    fn used(&self) -> Range<usize> {
        let (spans, rest) = self.low.as_chunks::<SPAN>();
        let is_used = |span: &[u16; SPAN]| *span != [0; SPAN];
        let in_rest = rest.iter().any(|low| *low > 0);
        let first = spans.iter().position(is_used);
        let last = spans.iter().rposition(is_used);
        let used = match (first, last) {
            (Some(first), _) if in_rest => first * SPAN..self.low.len(),
            (Some(first), Some(last)) => first * SPAN..(last + 1) * SPAN,
            _ if in_rest => spans.len() * SPAN..self.low.len(),
            _ => 0..0,
        };
        self.high().iter().fold(used, |used, (bucket, _)| {
            let at = usize::from(bucket - self.from);
            if used.is_empty() {
                at..at + 1
            } else {
                used.start.min(at)..used.end.max(at + 1)
            }
        })
    }

    /// Takes out what is counted, in no more room than it needs; the room stays.
    pub fn take(&mut self) -> Array {
        let used = self.used();
        let low = self.low[used.clone()].to_vec();
        self.low[used.clone()].fill(0);
        Array {
            // OK because there are fewer buckets than 2^16.
            from: self.from + used.start as u16,
            low,
            high: self.high.take(),
        }
    }

    /// Forgets what is counted; the room stays.
    pub fn clear(&mut self) {
        self.low.fill(0);
        self.high = None;
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        let high = self.high.as_ref().map_or(0, |high| {
            2 * ALLOCATION + size_of::<High>() + high.0.capacity() * size_of::<(u16, u64)>()
        });
        ALLOCATION + self.low.capacity() * ARRAY_BUCKET + high
    }
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

    /// An array over some stretch, and the same in a map.
    fn counted(number: &mut impl FnMut(u64) -> u64) -> (Array, BTreeMap<u16, u64>) {
        let (mut array, mut map) = (Array::default(), BTreeMap::new());
        let (first, length) = (number(7_000), 1 + number(424));
        for _ in 0..number(300) {
            let bucket = (first + number(length)) as u16;
            let count = match number(4) {
                0 => 65_000 + number(1_000),
                1 => number(1 << 40),
                _ => 1,
            };
            if count > 0 {
                array.add(bucket, count);
                *map.entry(bucket).or_default() += count;
            }
            if array.count(bucket) {
                *map.entry(bucket).or_default() += 1;
            }
        }
        (array, map)
    }

    #[test]
    fn it_says_what_was_counted() {
        for seed in 0..2_000 {
            let mut number = numbers(seed);
            let (mut array, mut map) = counted(&mut number);
            let (other, more) = counted(&mut number);
            assert_eq!(said(&array), map, "{seed}");
            array.add_array(&other);
            for (bucket, count) in more {
                *map.entry(bucket).or_default() += count;
            }
            assert_eq!(said(&array), map, "{seed}");
            assert_eq!(array.total(), map.values().sum::<u64>(), "{seed}");
            if let Some(list) = array.list() {
                assert_eq!(said(&Array::of(&list)), map, "{seed}");
            }
            let taken = array.take();
            assert_eq!(said(&taken), map, "{seed}");
            assert!(said(&array).is_empty() && array.total() == 0, "{seed}");
        }
    }
}
