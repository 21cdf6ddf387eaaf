//! Own time by the size of what was received and what was sent: one entry for each doubling of bytes.

use super::cells::log;
use crate::phases::{Ending, Phases};
use crate::record::Record;

/// Requests whose size is between 2^`octave` bytes and twice that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct SizeBucket {
    /// The binary logarithm of the size, rounded down; no bytes count as one.
    pub octave: u32,
    /// How many.
    pub requests: u32,
    /// Their own time in µs, as [`Cell::time`](super::Cell::time).
    pub time: u64,
    /// Its binary logarithms times 256.
    pub logs: u64,
    /// The squares of these.
    pub squares: u64,
}

impl SizeBucket {
    fn add(&mut self, other: &SizeBucket) {
        self.requests = self.requests.saturating_add(other.requests);
        self.time = self.time.saturating_add(other.time);
        self.logs = self.logs.saturating_add(other.logs);
        self.squares = self.squares.saturating_add(other.squares);
    }
}

/// The buckets of one endpoint, in no order.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Sizes {
    received: Vec<SizeBucket>,
    sent: Vec<SizeBucket>,
}

impl Sizes {
    /// Counts a record whose own time is known; one that failed did not do the work of its size.
    #[inline]
    pub fn record(&mut self, record: &Record<'_>, phases: &Phases) {
        let Some((_, busy)) = phases.busy else { return };
        let failed = record.status.is_some_and(|status| status >= 500);
        if failed || phases.ending == Ending::Censored {
            return;
        }
        let log = log(busy.0);
        let one = |bytes: u64| SizeBucket {
            octave: (bytes | 1).ilog2(),
            requests: 1,
            time: busy.0,
            logs: log,
            squares: log * log,
        };
        if let Some(bytes) = record.request_length() {
            add(&mut self.received, &one(bytes));
        }
        if let Some(bytes) = record.bytes {
            add(&mut self.sent, &one(bytes));
        }
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: &Sizes) {
        for (mine, theirs) in [
            (&mut self.received, &other.received),
            (&mut self.sent, &other.sent),
        ] {
            theirs.iter().for_each(|bucket| add(mine, bucket));
        }
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        (self.received.capacity() + self.sent.capacity()) * size_of::<SizeBucket>()
    }

    /// Puts the buckets in order, so that equal tallies are stored alike.
    pub fn settle(&mut self) {
        [self.received, self.sent] = self.sorted();
    }

    /// Whether the buckets are those of sizes, each once and in order.
    pub(super) fn is_sound(&self) -> bool {
        [&self.received, &self.sent].iter().all(|buckets| {
            buckets.is_sorted_by(|a, b| a.octave < b.octave)
                && buckets
                    .iter()
                    .all(|bucket| bucket.octave < u64::BITS && bucket.requests > 0)
        })
    }

    /// By bytes received and by bytes sent, each in rising order.
    pub fn sorted(&self) -> [Vec<SizeBucket>; 2] {
        [&self.received, &self.sent].map(|buckets| {
            let mut buckets = buckets.clone();
            buckets.sort_unstable_by_key(|bucket| bucket.octave);
            buckets
        })
    }
}

#[inline]
fn add(buckets: &mut Vec<SizeBucket>, one: &SizeBucket) {
    // A few octaves are all that an endpoint has.
    match buckets
        .iter_mut()
        .find(|bucket| bucket.octave == one.octave)
    {
        Some(bucket) => bucket.add(one),
        None => buckets.push(*one),
    }
}
