//! The rayon reducer: workers tally blocks as they get them, then their tallies are merged.
//!
//! Each worker has tallies of its own, so that nothing is shared on the way; merging is addition, so
//! the result does not depend on which worker got which block.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rayon::prelude::*;

use super::extent::Ends;
use super::fifo::{Room, WaitModel};
use super::lens::Lens;
use super::rejects::RejectSink;
use super::tallies::add;
use super::{Question, Tallies};
use crate::input::{Block, Feed, Progress, Seat, lines};
use crate::record::{Plans, Reader, Reject};
use crate::stamp::Stamp;

/// Tallies everything that the feed gives, on the threads of the caller's pool.
#[must_use]
pub fn reduce<W: Write + Send>(
    feed: &Feed<'_, Arc<Plans>>,
    sources: usize,
    question: &Question,
    ends: &Ends,
    progress: &Progress,
    rejects: Option<&RejectSink<W>>,
) -> Tallies {
    let threads = rayon::current_num_threads();
    let budget = question.memory / threads;
    let room = Room::new(question.memory, threads);
    let keeps_visits = question.wait_model == WaitModel::Fifo;
    let new = || {
        let tallies = Tallies::new(question, sources, budget);
        if keeps_visits {
            tallies.with_visits(&room)
        } else {
            tallies
        }
    };
    let workers = work(feed, new, |tallies, plans, block| {
        if let Some(end) = ends.get(block.source) {
            tallies.expect(block.source, end);
        }
        let mut worker = Worker {
            tallies,
            question,
            lens: Lens::new(question),
            filtered: 0,
            others: Vec::new(),
            rejected: rejects.map(|_| Vec::new()),
        };
        // Two programs, so that the one that keeps no visits does not ask at each line.
        let lines = if keeps_visits {
            worker.block::<true>(plans, block)
        } else {
            worker.block::<false>(plans, block)
        };
        progress.lines.fetch_add(lines, Ordering::Relaxed);
        if let (Some(sink), Some(lines)) = (rejects, worker.rejected) {
            sink.block(block.number, lines);
        }
    });
    let merged = workers
        .into_par_iter()
        .reduce_with(|one, other| one.merge(other, &question.naming));
    merged.unwrap_or_else(new)
}

/// The latest time stamp that the feed gives: the "now" of a log.
#[must_use]
pub fn latest(feed: &Feed<'_, Arc<Plans>>) -> Option<Stamp> {
    let stamps = work(
        feed,
        || None,
        |latest: &mut Option<Stamp>, plans, block| {
            let mut reader = Reader::new(plans);
            reader.begin(&block.before);
            for line in lines(block.bytes()) {
                if let Ok(record) = reader.read(line) {
                    *latest = (*latest).max(record.stamp);
                }
            }
        },
    );
    stamps.into_iter().flatten().max()
}

/// Runs one state per worker over blocks until there are none left: the driver of every pass.
fn work<S: Send>(
    feed: &Feed<'_, Arc<Plans>>,
    new: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, &Plans, &Block) + Sync,
) -> Vec<S> {
    rayon::broadcast(|_| {
        let mut state = new();
        let (mut seat, mut block) = (Seat::default(), Block::default());
        while let Some(plans) = feed.next(&mut seat, &mut block) {
            each(&mut state, &plans, &block);
        }
        state
    })
}

/// A worker over one block.
struct Worker<'t> {
    tallies: &'t mut Tallies,
    question: &'t Question,
    lens: Lens<'t>,
    /// Records of this block that do not count.
    filtered: u64,
    /// Records of this block by format, but for the first.
    others: Vec<u64>,
    /// Rejected lines, where somebody wants them.
    rejected: Option<Vec<u8>>,
}

impl Worker<'_> {
    /// Tallies every line of a block; returns how many there were.
    fn block<const VISITS: bool>(&mut self, plans: &Plans, block: &Block) -> u64 {
        let mut reader = Reader::new(plans);
        reader.begin(&block.before);
        let mut count = 0;
        for line in lines(block.bytes()) {
            count += 1;
            if let Err(reject) = self.line::<VISITS>(&mut reader, block.source, line) {
                self.reject(block.source, reject, line);
            }
        }
        for beginning in &block.too_long {
            count += 1;
            self.reject(block.source, Reject::TooLong, beginning);
        }
        if let Some(file) = self.tallies.files.get_mut(block.source) {
            file.lines += count;
            file.filtered += self.filtered;
            file.records = file.lines - file.rejected();
        }
        if let Some(formats) = self.tallies.other_formats.get_mut(block.source) {
            add(formats, &self.others);
        }
        count
    }

    /// Reads a line and tallies its record.
    #[inline(always)]
    fn line<'l, const VISITS: bool>(
        &mut self,
        reader: &'l mut Reader<'_>,
        source: usize,
        line: &'l [u8],
    ) -> Result<(), Reject> {
        // Looked at where it is: to take it out would be to copy it.
        let read = reader.read(line);
        let record = read.as_ref().map_err(|reject| *reject)?;
        let counts = self.lens.look(record)?;
        if record.format > 0 {
            let others = &mut self.others;
            others.resize(others.len().max(record.format), 0);
            others[record.format - 1] += 1;
        }
        if counts {
            let (phases, key) = (self.lens.phases(), self.lens.key());
            self.tallies
                .record(self.question, source, record, phases, key);
            if VISITS {
                self.tallies.visit(record, phases, key);
            }
        } else {
            self.filtered += 1;
        }
        Ok(())
    }

    /// Counts a line that is no record, and keeps it where it is wanted.
    #[cold]
    fn reject(&mut self, source: usize, reject: Reject, line: &[u8]) {
        if let Some(file) = self.tallies.files.get_mut(source) {
            file.rejects[reject as usize] += 1;
        }
        if let Some(rejected) = &mut self.rejected {
            rejected.extend_from_slice(line);
            rejected.push(b'\n');
        }
    }
}
