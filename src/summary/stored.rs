//! The tallies as plain values in a stable order, to be written to disk and read back.
//!
//! What is read back may be anybody's bytes: each type refuses values that its own methods could not
//! have made and that later arithmetic relies on.

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::course::StoredCourse;
use super::extent::Extent;
use super::packed::Packed;
use super::slowest::Slowest;
use super::tallies::Tallies;
use super::tally::{Bases, Tally, UpstreamTally};
use super::timeline::Timeline;
use super::{FileTally, Question};
use crate::stamp::Stamp;

/// No count of a log reaches this, and sums of many such counts fit 64 bits.
pub(super) const MOST_COUNTED: u64 = 1 << 48;

/// Everything that was tallied.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stored {
    /// By source.
    pub files: Vec<FileTally>,
    /// By source, the records of each of its formats but the first.
    other_formats: Vec<Vec<u64>>,
    /// By source.
    extents: Vec<Extent>,
    endpoints: Vec<(Vec<u8>, Packed)>,
    other: Packed,
    timeline: Packed,
    pub(super) upstreams: Vec<(Vec<u8>, UpstreamTally)>,
    pub(super) slowest: Slowest,
    pub(super) course: StoredCourse,
    pub(super) range: Option<(Stamp, Stamp)>,
    pub(super) bases: Bases,
    pub(super) clocks: [u64; 3],
    pub(super) reached: bool,
    pub(super) wide: Vec<Vec<u8>>,
}

impl Stored {
    /// The tallies in their order: by key, whatever order they came in. `places` says which of the sources each
    /// of theirs is, all of them.
    #[must_use]
    pub fn of(mut tallies: Tallies, places: &[usize]) -> Stored {
        tallies.keep_course();
        let extents = &tallies.extents;
        // Each is freed as soon as it is packed, by the thread that did.
        let pack = |(key, mut tally): (Box<[u8]>, Box<Tally>)| {
            tally.settle(extents, places);
            (key.into_vec(), Packed::of_tally(&tally))
        };
        let mut endpoints: Vec<(Box<[u8]>, Box<Tally>)> = tallies.endpoints.drain().collect();
        endpoints.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let (endpoints, timeline) = rayon::join(
            || endpoints.into_par_iter().map(pack).collect(),
            || Packed::of(&tallies.timeline),
        );
        tallies.other.settle(extents, places);
        let other = Packed::of_tally(&tallies.other);
        tallies
            .upstreams
            .values_mut()
            .for_each(|upstream| upstream.pool.settle());
        let mut upstreams: Vec<(Vec<u8>, UpstreamTally)> = tallies
            .upstreams
            .drain()
            .map(|(address, tally)| (address.into_vec(), tally))
            .collect();
        upstreams.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut wide: Vec<Vec<u8>> = tallies.cap.wide.drain().collect();
        wide.sort_unstable();
        Stored {
            files: placed(tallies.files, places, places.len()),
            other_formats: placed(tallies.other_formats, places, places.len()),
            extents: placed(tallies.extents, places, places.len()),
            endpoints,
            other,
            timeline,
            upstreams,
            slowest: tallies.slowest,
            course: tallies.course.store(),
            range: tallies.range,
            bases: tallies.bases,
            clocks: tallies.clocks,
            reached: tallies.cap.reached,
            wide,
        }
    }

    /// The bytes that stand behind it on disk, one after the other.
    pub fn packed(&self) -> impl Iterator<Item = &[u8]> {
        let endpoints = self.endpoints.iter().map(|(_, tally)| tally);
        let rest = [&self.other, &self.timeline];
        endpoints.chain(rest).map(Packed::bytes)
    }

    /// Is given what stands behind it: this buffer, from there on.
    ///
    /// # Errors
    /// That is too little or too much.
    pub fn set_packed(&mut self, buffer: Vec<u8>, from: usize) -> Result<(), &'static str> {
        let buffer = Arc::new(buffer);
        let endpoints = self.endpoints.iter_mut().map(|(_, tally)| tally);
        let mut parts = endpoints.chain([&mut self.other, &mut self.timeline]);
        let end = parts.try_fold(from, |from, part| part.set(&buffer, from));
        if end != Some(buffer.len()) {
            return Err("ends before its parts do, or behind them");
        }
        Ok(())
    }

    /// The tallies again, of so many sources: `places` says which of them each of these is. They are of
    /// the same question, which may ask for less.
    ///
    /// # Errors
    /// The values are none that tallies have.
    pub fn restore(
        self,
        question: &Question,
        budget: usize,
        places: &[usize],
        sources: usize,
    ) -> Result<Tallies, &'static str> {
        self.check(question, places, sources)?;
        let mut tallies = Tallies::new(question, sources, budget);
        tallies.files = placed(self.files, places, sources);
        tallies.other_formats = placed(self.other_formats, places, sources);
        if question.runs {
            tallies.extents = placed(self.extents, places, sources);
        }
        let unpack = |(key, tally): (Vec<u8>, Packed)| {
            Ok((
                key.into_boxed_slice(),
                tally.unpack_tally(question, places)?,
            ))
        };
        let (endpoints, timeline): (Result<Vec<_>, &str>, Result<Timeline, _>) = rayon::join(
            || self.endpoints.into_par_iter().map(unpack).collect(),
            || self.timeline.unpack(),
        );
        tallies.endpoints.extend(endpoints?);
        tallies.other = *self.other.unpack_tally(question, places)?;
        tallies.timeline = timeline?;
        if !tallies.timeline.is_of(question) {
            return Err("holds windows that were not asked for");
        }
        tallies.upstreams = self
            .upstreams
            .into_iter()
            .map(|(address, tally)| (address.into(), tally))
            .collect();
        tallies.slowest = self.slowest;
        tallies.slowest.keep(question.slowest);
        tallies.course.restore(self.course);
        tallies.range = self.range;
        tallies.bases = self.bases;
        tallies.clocks = self.clocks;
        tallies.cap.reached = self.reached;
        tallies.cap.wide.extend(self.wide);
        tallies.keep_course();
        Ok(tallies)
    }

    fn check(
        &self,
        question: &Question,
        places: &[usize],
        sources: usize,
    ) -> Result<(), &'static str> {
        let sound = places.len() == self.files.len()
            && places.iter().all(|place| *place < sources)
            && self.extents.len() == self.files.len()
            && self.other_formats.len() == self.files.len()
            && self
                .other_formats
                .iter()
                .flatten()
                .all(|count| *count < MOST_COUNTED)
            && self.files.iter().all(FileTally::is_sound)
            && self.endpoints.is_sorted_by(|(a, _), (b, _)| a < b)
            && self.upstreams.iter().all(|(_, tally)| tally.is_sound())
            && self.bases.is_sound()
            && self.clocks.iter().all(|count| *count < MOST_COUNTED);
        if !sound || !self.course.is_sound(question) {
            return Err("holds values that no log has");
        }
        Ok(())
    }
}

/// Each at its place among so many sources.
fn placed<T: Clone + Default>(of: Vec<T>, places: &[usize], sources: usize) -> Vec<T> {
    let mut placed = vec![T::default(); sources];
    for (of, place) in of.into_iter().zip(places) {
        placed[*place] = of;
    }
    placed
}
