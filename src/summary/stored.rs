//! The tallies as plain values in a stable order, to be written to disk and read back.
//!
//! What is read back may be anybody's bytes: each type refuses values that its own methods could not
//! have made and that later arithmetic relies on.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::course::StoredCourse;
use super::extent::Extent;
use super::packed;
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
    #[serde(with = "packed")]
    pub(super) endpoints: Vec<(Vec<u8>, Tally)>,
    pub(super) other: Tally,
    pub(super) timeline: Timeline,
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
    /// The tallies in their order: by key, whatever order they came in.
    #[must_use]
    pub fn of(mut tallies: Tallies) -> Stored {
        tallies.settle();
        let mut endpoints: Vec<(Vec<u8>, Tally)> = tallies
            .endpoints
            .drain()
            .map(|(key, tally)| (key.into_vec(), *tally))
            .collect();
        endpoints.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut upstreams: Vec<(Vec<u8>, UpstreamTally)> = tallies
            .upstreams
            .drain()
            .map(|(address, tally)| (address.into_vec(), tally))
            .collect();
        upstreams.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut wide: Vec<Vec<u8>> = tallies.cap.wide.drain().collect();
        wide.sort_unstable();
        Stored {
            files: tallies.files,
            other_formats: tallies.other_formats,
            extents: tallies.extents,
            endpoints,
            other: tallies.other,
            timeline: tallies.timeline,
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

    /// The same of so many sources: `places` says which of them each of these is.
    #[must_use]
    pub fn placed(mut self, places: &[usize], sources: usize) -> Stored {
        fn place<T: Clone + Default>(of: Vec<T>, places: &[usize], sources: usize) -> Vec<T> {
            let mut placed = vec![T::default(); sources];
            for (of, place) in of.into_iter().zip(places) {
                placed[*place] = of;
            }
            placed
        }
        self.files = place(self.files, places, sources);
        self.other_formats = place(self.other_formats, places, sources);
        self.extents = place(self.extents, places, sources);
        let tallies = self.endpoints.iter_mut().map(|(_, tally)| tally);
        for runs in tallies
            .chain([&mut self.other])
            .filter_map(|tally| tally.runs.as_mut())
        {
            runs.place(places);
        }
        self
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
        let stored = self.placed(places, sources);
        let mut tallies = Tallies::new(question, sources, budget);
        tallies.files = stored.files;
        tallies.other_formats = stored.other_formats;
        if question.runs {
            tallies.extents = stored.extents;
        }
        let asked = |(key, mut tally): (Vec<u8>, Tally)| {
            tally.ask(question);
            (key.into_boxed_slice(), Box::new(tally))
        };
        let asked: Vec<_> = stored.endpoints.into_par_iter().map(asked).collect();
        tallies.endpoints.extend(asked);
        tallies.other = stored.other;
        tallies.other.ask(question);
        tallies.timeline = stored.timeline;
        tallies.upstreams = stored
            .upstreams
            .into_iter()
            .map(|(address, tally)| (address.into(), tally))
            .collect();
        tallies.slowest = stored.slowest;
        tallies.slowest.keep(question.slowest);
        tallies.course.restore(stored.course);
        tallies.range = stored.range;
        tallies.bases = stored.bases;
        tallies.clocks = stored.clocks;
        tallies.cap.reached = stored.reached;
        tallies.cap.wide.extend(stored.wide);
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
            && self.other.is_sound(places.len())
            && self
                .endpoints
                .par_iter()
                .all(|(_, tally)| tally.is_sound(places.len()))
            && self.endpoints.is_sorted_by(|(a, _), (b, _)| a < b)
            && self.upstreams.iter().all(|(_, tally)| tally.is_sound())
            && self.bases.is_sound()
            && self.clocks.iter().all(|count| *count < MOST_COUNTED);
        if !sound || !self.course.is_sound(question) || !self.timeline.is_of(question) {
            return Err("holds values that no log has");
        }
        Ok(())
    }
}
