//! Tallies on disk: written from any piece of a log, merged in any order, and read in place of the log.
//!
//! A snapshot is a row of [`frame`]s, so that `cat a b` is one too. Each holds the [`Settings`] of its
//! tallies, the [`Coverage`] and the tallies themselves as postcard encodes them: integers of variable
//! length, everything in a stable order, so that equal tallies are equal bytes.

pub mod coverage;
pub mod frame;
mod settings;

pub use coverage::{Coverage, Covered, Identity};
pub use settings::{SLOWEST, Settings};

use std::fmt;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::summary::{FileSummary, Question, Stored, Tallies};
use frame::FrameError;

/// The tallies of some pieces of some sources.
#[derive(Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// What they depend on.
    pub settings: Settings,
    /// Of what they are; the sources of the tallies are in this order.
    pub coverage: Coverage,
    /// The tallies.
    tallies: Stored,
}

/// Why snapshots cannot be read or merged.
#[derive(Debug)]
pub enum SnapshotError {
    /// The bytes are no frames.
    Frame(FrameError),
    /// The payload is none, although its checksum fits.
    Payload(String),
    /// Two pieces of a source do not go together.
    Clash(coverage::Clash),
    /// They were made with different settings.
    Settings(String),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SnapshotError::Frame(error) => error.fmt(f),
            SnapshotError::Payload(why) => write!(f, "is no sound snapshot: it {why}"),
            SnapshotError::Clash(clash) => clash.fmt(f),
            SnapshotError::Settings(difference) => write!(
                f,
                "the snapshots were made with different settings, {difference}: make them with the same"
            ),
        }
    }
}

impl std::error::Error for SnapshotError {}

impl Snapshot {
    /// The snapshot of tallies that were made of these sources, each with what is covered of it.
    ///
    /// # Errors
    /// Two sources are the same.
    pub fn new(
        settings: Settings,
        sources: Vec<(Identity, Covered)>,
        tallies: Tallies,
    ) -> Result<Snapshot, SnapshotError> {
        let mut coverage = Coverage::default();
        for (identity, covered) in &sources {
            coverage
                .add(identity.clone(), covered.clone())
                .map_err(SnapshotError::Clash)?;
        }
        let places = places(&coverage, sources.iter().map(|(identity, _)| identity));
        let tallies = Stored::of(tallies, &places);
        Ok(Snapshot {
            settings,
            coverage,
            tallies,
        })
    }

    /// Writes it as one frame.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        // OK because every part of it can be encoded.
        let first = postcard::to_allocvec(self).unwrap_or_else(|e| unreachable!("{e}"));
        let pieces = std::iter::once(first.as_slice()).chain(self.tallies.packed());
        frame::write(&pieces.collect::<Vec<_>>(), to)
    }

    /// Reads all frames and merges them.
    ///
    /// # Errors
    /// See [`SnapshotError`].
    pub fn read(from: impl Read) -> Result<Snapshot, SnapshotError> {
        let mut found: Option<Result<Snapshot, SnapshotError>> = None;
        frame::read_all(from, |payload| {
            let next = Snapshot::decode(payload);
            found = Some(match found.take() {
                None => next,
                Some(merged) => merged.and_then(|merged| merged.merge(next?)),
            });
        })
        .map_err(SnapshotError::Frame)?;
        found.unwrap_or(Err(SnapshotError::Frame(FrameError::NoFrame(0))))
    }

    fn decode(payload: Vec<u8>) -> Result<Snapshot, SnapshotError> {
        let broken = || SnapshotError::Payload("cannot be decoded".to_owned());
        let (mut snapshot, packed) =
            postcard::take_from_bytes::<Snapshot>(&payload).map_err(|_| broken())?;
        if snapshot.tallies.files.len() != snapshot.coverage.len() {
            return Err(broken());
        }
        let from = payload.len() - packed.len();
        let set = snapshot.tallies.set_packed(payload, from);
        set.map_err(|why| SnapshotError::Payload(why.to_owned()))?;
        snapshot.settings.question().map_err(|_| broken())?;
        Ok(snapshot)
    }

    /// Both together.
    ///
    /// # Errors
    /// Their settings differ, or some bytes are in both.
    pub fn merge(self, other: Snapshot) -> Result<Snapshot, SnapshotError> {
        if let Some(difference) = self.settings.difference(&other.settings) {
            return Err(SnapshotError::Settings(difference));
        }
        let mut coverage = self.coverage.clone();
        for (identity, covered) in other.coverage.sources() {
            coverage
                .add(identity.clone(), covered.clone())
                .map_err(SnapshotError::Clash)?;
        }
        let question = self.settings.question().map_err(SnapshotError::Payload)?;
        let restore = |snapshot: Snapshot| {
            let identities = snapshot.coverage.sources().map(|(identity, _)| identity);
            let places = places(&coverage, identities);
            snapshot.tallies(&question, &places, coverage.len())
        };
        let settings = self.settings.clone();
        let as_they_are: Vec<usize> = (0..coverage.len()).collect();
        let merged = restore(self)?.merge(restore(other)?, &question.naming);
        Ok(Snapshot {
            settings,
            coverage,
            tallies: Stored::of(merged, &as_they_are),
        })
    }

    /// Its tallies, to be merged with those of other sources: `places` says which of `count` sources each
    /// of its own is.
    ///
    /// # Errors
    /// They hold values that no log has.
    pub fn tallies(
        self,
        question: &Question,
        places: &[usize],
        count: usize,
    ) -> Result<Tallies, SnapshotError> {
        self.tallies
            .restore(question, question.memory, places, count)
            .map_err(|why| SnapshotError::Payload(why.to_owned()))
    }

    /// Its sources, as a report lists them.
    #[must_use]
    pub fn files(&self) -> Vec<FileSummary> {
        let file = |(_, covered): (&Identity, &Covered)| FileSummary {
            name: covered.name.clone(),
            format: covered
                .format
                .as_ref()
                .and_then(|(names, _)| names.first().cloned()),
            formats: covered
                .format
                .iter()
                .flat_map(|(names, _)| names.iter().map(|name| (name.clone(), 0)))
                .collect(),
            definition: covered.format.as_ref().map(|(_, text)| text.clone()),
            error: covered.error.clone().or_else(|| covered.missing()),
            ..FileSummary::default()
        };
        self.coverage.sources().map(file).collect()
    }

    /// The lines of each source, in the order of the coverage: all, and those that are records.
    pub fn lines(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.tallies
            .files
            .iter()
            .map(|file| (file.lines, file.records))
    }
}

/// The place of each source in the coverage.
fn places<'i>(coverage: &Coverage, sources: impl Iterator<Item = &'i Identity>) -> Vec<usize> {
    // OK because every source was added to the coverage.
    sources
        .map(|identity| coverage.place(identity).unwrap_or(0))
        .collect()
}
