//! What FIFO reconstruction needs of each request: when it came to an upstream, and how long it was there.
//!
//! This is the one data set of the program that grows with the log. It is kept only where the question
//! asks for it, and within the memory that all tallies together may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Refusal;
use crate::endpoint::last_upstream;
use crate::phases::{Basis, Ending, Phase, Phases};
use crate::record::Record;
use crate::stamp::Stamp;
use crate::summary::fingerprint::Fingerprint;

/// One request at an upstream. Names are hashes, so that the order of visits is one of their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visit {
    /// The hash of the upstream's address; that of nothing where the log names none.
    pub upstream: u32,
    /// When the request arrived at the proxy, in µs since 1970.
    pub arrival: i64,
    /// From there until it came to the upstream, in µs: earlier attempts and connecting.
    pub before: u32,
    /// From there to the response's header, or its end where the header's time is not logged, in µs.
    pub server: u32,
    /// From there to the end of the response, in µs; [`CUT`] where the request was cut off before.
    pub transfer: u32,
    /// The hash of the endpoint's key.
    pub endpoint: u64,
}

impl Visit {
    /// When it came to the upstream.
    pub fn came(&self) -> i64 {
        self.arrival.saturating_add(i64::from(self.before))
    }

    /// When it was answered, or cut off.
    pub fn answered(&self) -> i64 {
        self.came().saturating_add(i64::from(self.server))
    }

    /// When its worker was free again: with the end of the response.
    pub fn left(&self) -> i64 {
        if self.is_cut() {
            return self.answered();
        }
        self.answered().saturating_add(i64::from(self.transfer))
    }

    /// Whether it was cut off: it stood in the queue, but what it would have taken is not known.
    pub fn is_cut(&self) -> bool {
        self.transfer == CUT
    }
}

/// In place of the time of a response that never came.
const CUT: u32 = u32::MAX;

/// A longer visit is no work of a worker, but a stream that nobody named: an hour in µs.
const LONGEST: u32 = 3_600_000_000;

/// Visits for which room is taken at a time.
const CHUNK: usize = 1 << 12;

/// Visits for which all workers together have room. Each may take a chunk that it does not fill.
#[derive(Debug, Clone)]
pub struct Room(Arc<AtomicUsize>);

impl Room {
    /// Room for as many visits as go into this memory, and for what so many workers may leave empty.
    pub fn new(memory: usize, workers: usize) -> Room {
        let most = most(memory).saturating_add(workers.saturating_mul(CHUNK));
        Room(Arc::new(AtomicUsize::new(most)))
    }

    /// Takes room for a chunk, if there is any.
    fn take(&self) -> bool {
        let less = |left: usize| left.checked_sub(CHUNK);
        let order = Ordering::Relaxed;
        self.0.fetch_update(order, order, less).is_ok()
    }
}

/// Visits that may be kept in so many bytes.
fn most(memory: usize) -> usize {
    memory / size_of::<Visit>()
}

/// The visits that a worker has seen.
#[derive(Debug, Clone)]
pub struct Visits {
    room: Room,
    /// Chunks, so that no list grows by being copied.
    kept: Vec<Vec<Visit>>,
    /// All that were seen, whether there was room or not.
    count: usize,
    /// Whether the log itself tells a wait or an app time.
    is_measured: bool,
    /// Whether any time of day is finer than a second.
    is_fine: bool,
    is_full: bool,
}

impl Visits {
    /// None yet.
    pub fn within(room: &Room) -> Visits {
        Visits {
            room: room.clone(),
            kept: Vec::new(),
            count: 0,
            is_measured: false,
            is_fine: false,
            is_full: false,
        }
    }

    /// Keeps a record that a worker was busy with. `key` is that of its endpoint.
    pub fn record(
        &mut self,
        record: &Record<'_>,
        arrival: Option<Stamp>,
        phases: &Phases,
        key: &[u8],
    ) {
        self.is_measured |= phases.clock.is_some() || phases.get(Phase::Wait).is_some();
        self.is_fine |= record.stamp.is_some_and(|stamp| stamp.0 % 1_000_000 != 0);
        if self.is_measured {
            self.kept = Vec::new();
            return;
        }
        let Some(visit) = arrival.and_then(|arrival| visit(record, arrival, phases, key)) else {
            return;
        };
        self.count += 1;
        if self.kept.last().is_none_or(|last| last.len() == CHUNK) && !self.is_full {
            self.is_full = !self.room.take();
            self.kept.push(Vec::with_capacity(CHUNK));
        }
        match self.kept.last_mut() {
            Some(last) if !self.is_full => last.push(visit),
            _ => self.kept = Vec::new(),
        }
    }

    /// Adds those of another worker.
    pub fn merge(&mut self, mut other: Visits) {
        self.count += other.count;
        self.is_measured |= other.is_measured;
        self.is_fine |= other.is_fine;
        self.is_full |= other.is_full;
        if self.is_measured || self.is_full {
            self.kept = Vec::new();
        } else {
            self.kept.append(&mut other.kept);
        }
    }

    /// The visits, in no order.
    ///
    /// # Errors
    /// Wait is measured, there are none, or more than fit into so many bytes, or nothing tells in which
    /// order they came.
    pub fn kept(self, memory: usize) -> Result<Vec<Visit>, Refusal> {
        let room = most(memory);
        match () {
            () if self.is_measured => Err(Refusal::Measured),
            () if self.count == 0 => Err(Refusal::Nothing),
            () if self.count > room => Err(Refusal::TooMany {
                requests: self.count,
                room,
            }),
            () if !self.is_fine => Err(Refusal::WholeSeconds),
            () => Ok(joined(self.kept, self.count)),
        }
    }
}

/// Chunks as one list; each is let go of as soon as it is copied.
fn joined(chunks: Vec<Vec<Visit>>, count: usize) -> Vec<Visit> {
    let mut all = Vec::with_capacity(count);
    chunks.into_iter().for_each(|chunk| all.extend(chunk));
    all
}

/// The visit of a record; `None` where no upstream was asked, or no worker took it up.
fn visit(record: &Record<'_>, arrival: Stamp, phases: &Phases, key: &[u8]) -> Option<Visit> {
    let us = |phase| phases.get(phase).map_or(0, |time| time.0);
    let (basis, busy) = phases.busy?;
    // An answer without a header from behind is the proxy's own: no worker took the request up.
    let is_refused = matches!(record.status, Some(502 | 503)) && basis != Basis::Server;
    if phases.ending == Ending::Upgraded || is_refused {
        return None;
    }
    let earlier = us(Phase::Redirect).saturating_add(us(Phase::Retry));
    let (connect, transfer) = match basis {
        Basis::App | Basis::Server => (us(Phase::Connect), us(Phase::Transfer)),
        Basis::Upstream | Basis::Total => (0, 0),
    };
    let short = |us: u64| u32::try_from(us).ok().filter(|us| *us <= LONGEST);
    let address = last_upstream(record).unwrap_or_default();
    Some(Visit {
        upstream: upstream_hash(address),
        arrival: arrival.0,
        before: short(earlier.saturating_add(connect))?,
        server: short(busy.0)?,
        transfer: match phases.ending {
            Ending::Censored => CUT,
            Ending::Whole | Ending::Upgraded => short(transfer)?,
        },
        endpoint: endpoint_hash(key),
    })
}

/// What stands for an upstream in a visit.
pub fn upstream_hash(address: &[u8]) -> u32 {
    // OK because the lower half of a hash is one.
    Fingerprint::new().bytes(address).finish() as u32
}

/// What stands for an endpoint in a visit.
pub fn endpoint_hash(key: &[u8]) -> u64 {
    Fingerprint::new().bytes(key).finish()
}
