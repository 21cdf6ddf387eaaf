//! Requests that failed, by who sent what: whether the same request comes again and again.
//!
//! Of each endpoint the failures are kept by client and target. Where there are too many of them all,
//! only those are kept whose hash is small, with all their times; so what is kept follows from the whole
//! log alone, in whatever order and pieces it was read.

use std::collections::BTreeMap;

use super::fingerprint::Fingerprint;
use crate::endpoint::last_upstream;
use crate::grammar::Field;
use crate::record::{Record, Request};
use crate::stamp::Stamp;
use crate::unit::Micros;

/// Bytes that one failure is counted for.
pub const EVENT: usize = 12;

/// A client and target weigh as much as so many failures.
const KEY: usize = 32;

/// Texts are kept this far.
const LONGEST: usize = 128;

/// Whether a client has a reason to send the request again: it failed or was refused for now.
#[inline]
pub fn is_failure(record: &Record<'_>) -> bool {
    record
        .status
        .is_some_and(|status| status >= 499 || matches!(status, 408 | 429))
}

/// How rare a hash must be to be kept.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Rarity(u32);

impl Rarity {
    /// No hash is rarer.
    pub const MOST: Rarity = Rarity(63);

    /// Twice as rare.
    pub fn next(self) -> Rarity {
        Rarity(self.0 + 1)
    }

    /// The part of all clients and targets that is kept.
    pub fn part(self) -> f64 {
        0.5_f64.powi(self.0.cast_signed())
    }

    fn allows(self, hash: u64) -> bool {
        hash <= u64::MAX >> self.0
    }
}

/// One failure.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Failure {
    /// When it arrived, in seconds since 1970.
    pub arrival: u32,
    /// When it had failed, likewise.
    pub end: u32,
    /// Its status.
    pub status: u16,
    /// Whether an upstream was asked, as far as the log tells.
    pub was_asked: bool,
}

/// The failures of one request: what one client asked for, over and over.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Failing {
    /// The client's address.
    pub client: Box<[u8]>,
    /// What it asked for: path and query, cut after some length.
    pub target: Box<[u8]>,
    /// Its failures; in the order of time once frozen.
    pub times: Vec<Failure>,
}

/// The failures of one endpoint.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(into = "BTreeMap<u64, Failing>", from = "BTreeMap<u64, Failing>")]
pub struct Failures {
    kept: BTreeMap<u64, Failing>,
    weight: usize,
}

impl From<BTreeMap<u64, Failing>> for Failures {
    fn from(kept: BTreeMap<u64, Failing>) -> Self {
        let mut failures = Failures { kept, weight: 0 };
        failures.weigh();
        failures
    }
}

impl From<Failures> for BTreeMap<u64, Failing> {
    fn from(failures: Failures) -> Self {
        failures.kept
    }
}

impl Failures {
    /// Counts a failure; returns by how much the weight grew.
    #[cold]
    pub fn record(
        &mut self,
        rarity: Rarity,
        record: &Record<'_>,
        arrival: Stamp,
        total: Option<Micros>,
    ) -> usize {
        let Request::Line { target, .. } = record.request else {
            return 0;
        };
        let client = record.text(Field::RemoteAddr).unwrap_or_default();
        let hash = Fingerprint::new()
            .number(client.len() as u64)
            .bytes(client)
            .bytes(target)
            .finish();
        if client.is_empty() || !rarity.allows(hash) {
            return 0;
        }
        let before = self.weight;
        let cut = |text: &[u8]| text.get(..LONGEST).unwrap_or(text).into();
        let failing = self.kept.entry(hash).or_insert_with(|| {
            self.weight += KEY;
            Failing {
                client: cut(client),
                target: cut(target),
                times: Vec::new(),
            }
        });
        let second =
            |stamp: Stamp| u32::try_from(stamp.0.div_euclid(1_000_000).max(0)).unwrap_or(u32::MAX);
        let end = arrival.after(total.unwrap_or_default());
        failing.times.push(Failure {
            arrival: second(arrival),
            end: second(end),
            status: record.status.unwrap_or_default(),
            was_asked: last_upstream(record).is_some_and(|address| !address.is_empty()),
        });
        self.weight += 1;
        self.weight - before
    }

    /// Lets go of what is not rare enough.
    pub fn thin(&mut self, rarity: Rarity) {
        self.kept.retain(|hash, _| rarity.allows(*hash));
        self.weigh();
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: &Failures) {
        for (hash, theirs) in &other.kept {
            self.kept
                .entry(*hash)
                .and_modify(|mine| mine.times.extend_from_slice(&theirs.times))
                .or_insert_with(|| theirs.clone());
        }
        self.weigh();
    }

    fn weigh(&mut self) {
        let weight = |failing: &Failing| KEY + failing.times.len();
        self.weight = self.kept.values().map(weight).sum();
    }

    /// Puts the times in order, so that equal tallies are stored alike.
    pub fn settle(&mut self) {
        for failing in self.kept.values_mut() {
            failing.times.sort_unstable();
        }
    }

    /// Whether texts and times are such as are kept.
    pub(super) fn is_sound(&self) -> bool {
        self.kept.values().all(|failing| {
            failing.client.len() <= LONGEST
                && failing.target.len() <= LONGEST
                && failing.times.is_sorted()
        })
    }

    /// What counts for the cap.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// What is kept, in the order of clients and targets.
    pub fn sorted(&self) -> Vec<Failing> {
        let mut failing: Vec<Failing> = self.kept.values().cloned().collect();
        for one in &mut failing {
            one.times.sort_unstable();
        }
        failing.sort_unstable_by(|a, b| {
            (&a.client, &a.target, &a.times).cmp(&(&b.client, &b.target, &b.times))
        });
        failing
    }
}
