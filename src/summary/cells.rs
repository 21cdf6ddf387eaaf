//! What each endpoint did in each window of arrivals, and when rare ones began: what the diagnosis
//! compares an incident with.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::sparse::{Additive, Grid, Slot, Sparse};
use crate::grammar::Field;
use crate::phases::{Clock, Ending, Phase, Phases};
use crate::record::Record;
use crate::stamp::Stamp;
use crate::unit::Micros;

/// An endpoint in a window; with its key less than a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Cell {
    /// Records.
    pub requests: u32,
    /// Records with a status of 500 and over.
    pub errors_5xx: u32,
    /// Records that were cut off at an upstream; no sum of this cell knows them.
    pub cut: u32,
    /// Records that kept a worker busy and were not cut off: those that the sums are of.
    pub served: u32,
    /// Records of which a cache said whether it had the answer.
    pub lookups: u32,
    /// Of these, those that it had.
    pub hits: u32,
    /// Of these, those with a status of 500 and over.
    pub cached_errors: u32,
    /// Records that were given to an upstream again after an attempt that failed.
    pub retried: u32,
    /// Their app time; where it is not known, server time (else upstream time, else the whole), in µs.
    pub time: u64,
    /// The squares of it in units of (1.024 ms)²: 64 bits last for four billion requests of a minute.
    pub squares: u64,
    /// Its logarithms, see `log`.
    pub logs: u64,
    /// Their wait, in µs.
    pub wait: u64,
}

/// The binary logarithm of a duration in µs times 256, interpolated between powers of two (off by at
/// most 0.09 octaves): integers, so that sums do not depend on the order. 0 counts as 1.
#[inline]
pub fn log(us: u64) -> u64 {
    let us = us | 1;
    let octave = us.ilog2();
    (u64::from(octave) << 8) | ((us << (63 - octave)) << 1 >> 56)
}

/// The slot of records whose own time the log tells from wait: app time is known, or a queue timer says
/// the wait before server time.
pub const TIMED: Slot = 0;
/// The slot of the others where their upstream is not known.
pub const NOWHERE: Slot = 1;

impl Cell {
    /// Counts a record.
    #[inline]
    fn record(&mut self, record: &Record<'_>, phases: &Phases) {
        let is_5xx = record.status.is_some_and(|status| status >= 500);
        self.requests += 1;
        self.errors_5xx += u32::from(is_5xx);
        self.retried += u32::from(phases.get(Phase::Retry).is_some());
        if let Some(is_hit) = record.raw(Field::CacheStatus).and_then(is_hit) {
            self.lookups += 1;
            self.hits += u32::from(is_hit);
            self.cached_errors += u32::from(is_hit && is_5xx);
        }
        let Some((_, busy)) = phases.busy else { return };
        if phases.ending == Ending::Censored {
            self.cut += 1;
            return;
        }
        self.serve(busy, phases.get(Phase::Wait).unwrap_or_default());
    }

    /// Counts the times of a record that is counted.
    #[inline]
    pub(super) fn serve(&mut self, time: Micros, wait: Micros) {
        self.served += 1;
        let coarse = time.0 >> 10;
        self.time = self.time.saturating_add(time.0);
        self.squares = self.squares.saturating_add(coarse.saturating_mul(coarse));
        self.logs += log(time.0);
        self.wait = self.wait.saturating_add(wait.0);
    }

    /// The opposite of [`Cell::serve`] for a record without a wait.
    fn take_out(&mut self, time: Micros) {
        self.served = self.served.saturating_sub(1);
        let coarse = time.0 >> 10;
        self.time = self.time.saturating_sub(time.0);
        self.squares = self.squares.saturating_sub(coarse.saturating_mul(coarse));
        self.logs = self.logs.saturating_sub(log(time.0));
    }
}

/// Whether a cache had the answer; `None` where it was not asked or its word is not known. The words are
/// those of nginx's `$upstream_cache_status`.
#[inline]
fn is_hit(status: &[u8]) -> Option<bool> {
    match status {
        b"HIT" | b"STALE" | b"UPDATING" | b"REVALIDATED" => Some(true),
        b"MISS" | b"EXPIRED" => Some(false),
        b"-" | b"" | b"BYPASS" => None,
        other => is_hit_elsewhere(other),
    }
}

/// The same in the words of others: `Hit` and `RefreshHit` (CloudFront), `hit` (Varnish, Cloudflare),
/// `TCP_MEM_HIT` and `TCP_MISS` (Squid).
#[cold]
fn is_hit_elsewhere(status: &[u8]) -> Option<bool> {
    let status = status.to_ascii_lowercase();
    let has = |word: &[u8]| memchr::memmem::find(&status, word).is_some();
    if has(b"hit") || has(b"stale") || has(b"revalidated") {
        Some(true)
    } else if has(b"miss") || has(b"expired") {
        Some(false)
    } else {
        None
    }
}

impl Additive for Cell {
    fn add(&mut self, other: &Cell) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors_5xx = self.errors_5xx.saturating_add(other.errors_5xx);
        self.cut = self.cut.saturating_add(other.cut);
        self.served = self.served.saturating_add(other.served);
        self.lookups = self.lookups.saturating_add(other.lookups);
        self.hits = self.hits.saturating_add(other.hits);
        self.cached_errors = self.cached_errors.saturating_add(other.cached_errors);
        self.retried = self.retried.saturating_add(other.retried);
        self.time = self.time.saturating_add(other.time);
        self.squares = self.squares.saturating_add(other.squares);
        self.logs = self.logs.saturating_add(other.logs);
        self.wait = self.wait.saturating_add(other.wait);
    }
}

/// A metric of Server-Timing in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Timing {
    /// Records that have it.
    pub count: u32,
    /// Its sum, in µs.
    pub sum: u64,
}

impl Additive for Timing {
    fn add(&mut self, other: &Timing) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
    }
}

/// The times at which a rare endpoint's requests began.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Starts {
    /// In seconds since 1970, in no order; emptied for good when there are too many.
    seconds: Vec<u32>,
    many: bool,
}

/// Requests of an endpoint whose beginnings are kept; more often is not rare.
pub const MOST_STARTS: usize = 2_000;

impl Starts {
    #[inline]
    fn record(&mut self, arrival: Stamp) {
        if self.many {
            return;
        }
        let second = arrival.0.div_euclid(1_000_000);
        self.seconds
            .push(u32::try_from(second.max(0)).unwrap_or(u32::MAX));
        self.keep_to(MOST_STARTS);
    }

    fn keep_to(&mut self, most: usize) {
        if self.seconds.len() > most {
            self.many = true;
            self.seconds = Vec::new();
        }
    }

    fn merge(&mut self, other: &Starts) {
        self.many |= other.many;
        if self.many {
            self.seconds = Vec::new();
            return;
        }
        self.seconds.extend_from_slice(&other.seconds);
        self.keep_to(MOST_STARTS);
    }

    /// The beginnings in order; `None` where there were too many.
    pub fn seconds(&self) -> Option<Vec<u32>> {
        let mut seconds = self.seconds.clone();
        seconds.sort_unstable();
        (!self.many).then_some(seconds)
    }
}

/// An endpoint over time.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct History {
    pub(super) cells: Sparse<Cell>,
    pub(super) timings: Option<Box<Sparse<Timing>>>,
    pub(super) starts: Starts,
}

impl History {
    /// Counts a record in the window of its arrival; returns how many entries were appended.
    #[inline]
    pub fn record(
        &mut self,
        window: i64,
        arrival: Stamp,
        upstream: Slot,
        record: &Record<'_>,
        phases: &Phases,
    ) -> usize {
        // With a clock of the application, or of the queue in front of it, the upstream tells nothing
        // more about wait.
        let is_timed = phases.get(Phase::App).is_some() || phases.clock == Some(Clock::QueueTimer);
        let slot = if is_timed { TIMED } else { upstream };
        let (cell, appended) = self.cells.at(window, slot);
        cell.record(record, phases);
        self.starts.record(arrival);
        usize::from(appended)
    }

    /// Takes out the time of a record that is counted again with its wait; settled before.
    pub fn take_out(&mut self, window: i64, upstream: Slot, time: Micros) {
        if let Some(cell) = self.cells.find(window, upstream) {
            cell.take_out(time);
        }
    }

    /// Counts a metric of Server-Timing; returns how many entries were appended.
    pub fn record_timing(&mut self, window: i64, metric: Slot, us: u64) -> usize {
        let timings = self.timings.get_or_insert_default();
        let (timing, appended) = timings.at(window, metric);
        timing.add(&Timing { count: 1, sum: us });
        usize::from(appended)
    }

    /// Adds another history on the same grids.
    pub fn merge(&mut self, other: &History) {
        self.cells.merge(&other.cells);
        if let Some(theirs) = &other.timings {
            self.timings.get_or_insert_default().merge(theirs);
        }
        self.starts.merge(&other.starts);
    }

    /// Adds up repetitions.
    pub fn settle(&mut self) {
        self.cells.settle();
        self.starts.seconds.sort_unstable();
        if let Some(timings) = &mut self.timings {
            timings.settle();
        }
    }

    /// Whether its windows are in order and none is out of reach.
    pub(super) fn is_sound(&self) -> bool {
        self.cells.is_sound()
            && self
                .timings
                .as_ref()
                .is_none_or(|timings| timings.is_sound())
            && self.starts.seconds.len() <= MOST_STARTS
    }

    /// Takes the cells from this grid to the next coarser one.
    pub fn coarsen(&mut self, grid: Grid) {
        self.cells.coarsen(grid);
    }

    /// Takes the metrics from this grid to the next coarser one.
    pub fn coarsen_timings(&mut self, grid: Grid) {
        if let Some(timings) = &mut self.timings {
            timings.coarsen(grid);
        }
    }

    /// Cells, repetitions included.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Windows of metrics, repetitions included.
    pub fn timings_len(&self) -> usize {
        self.timings.as_ref().map_or(0, |timings| timings.len())
    }
}

/// The number that stands for a name in a window: a hash, so that it is the same in every worker. Two
/// names share one in 1 of 65,534 cases.
#[inline]
pub fn slot(name: &[u8]) -> Slot {
    // FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>; folded, and the first two are kept for no name.
    let hash = name.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    ((hash >> 16) ^ (hash & 0xffff)).max(2) as Slot
}

/// The names of metrics, by slot; those with the smallest slots where there are too many.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(into = "BTreeMap<Slot, Vec<u8>>", from = "BTreeMap<Slot, Vec<u8>>")]
pub struct MetricNames(HashMap<Slot, Box<[u8]>>);

/// Metrics that are told apart.
const MOST_METRICS: usize = 256;

impl From<MetricNames> for BTreeMap<Slot, Vec<u8>> {
    fn from(names: MetricNames) -> Self {
        names
            .0
            .into_iter()
            .map(|(slot, name)| (slot, name.into_vec()))
            .collect()
    }
}

impl From<BTreeMap<Slot, Vec<u8>>> for MetricNames {
    fn from(names: BTreeMap<Slot, Vec<u8>>) -> Self {
        MetricNames(
            names
                .into_iter()
                .map(|(slot, name)| (slot, name.into()))
                .collect(),
        )
    }
}

impl MetricNames {
    /// The slot of a name, which is remembered; `None` where there is no room for it.
    pub fn slot(&mut self, name: &[u8]) -> Option<Slot> {
        let slot = slot(name);
        if !self.0.contains_key(&slot) {
            self.0.insert(slot, name.into());
            self.keep_to_most();
        }
        self.0.contains_key(&slot).then_some(slot)
    }

    fn keep_to_most(&mut self) {
        while self.0.len() > MOST_METRICS
            && let Some(largest) = self.0.keys().max().copied()
        {
            self.0.remove(&largest);
        }
    }

    /// Adds the names that another has seen. Of two names of one slot the first in the alphabet stays.
    pub fn merge(&mut self, other: MetricNames) {
        for (slot, name) in other.0 {
            self.0
                .entry(slot)
                .and_modify(|mine| {
                    if name < *mine {
                        mine.clone_from(&name);
                    }
                })
                .or_insert(name);
        }
        self.keep_to_most();
    }

    /// The name of a slot.
    pub fn name(&self, slot: Slot) -> Option<&[u8]> {
        self.0.get(&slot).map(|name| &**name)
    }
}
