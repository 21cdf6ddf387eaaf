//! What is kept of an endpoint so that runs can be compared: for each source, which is one run, its
//! durations in windows of time.
//!
//! How wide the windows are is said by the [`Extent`] of the run, of all endpoints
//! together; those of one endpoint become as wide when they are next looked at.
//!
//! Logs are nearly sorted, so most records are of the newest window: it is open, which means that its
//! durations are counted in the histograms of the endpoint, at no more cost than without runs, until
//! it is closed. What comes late is counted in its window at once.

use std::ops::Range;

use super::extent::{Extent, MOST_WINDOWS, SECOND, Span, WIDEST, second_of};
use super::histogram::{Bucket, Growth, Histogram};
use super::stored::MOST_COUNTED;
use super::tally::PhaseTally;
use crate::phases::{Ending, Phase, Phases};
use crate::stamp::Stamp;

/// The phases that are compared between runs: the endpoint's own time, the time in the queue, and what
/// the client sees.
pub const COMPARED: [Phase; 3] = [Phase::App, Phase::Wait, Phase::Total];

/// The phases of an endpoint, by [`Phase`].
pub type Own = [PhaseTally; Phase::COUNT];

/// An endpoint in all runs. Times are histograms, or the bytes of histograms as they come from disk.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct RunTallies<Times = Histogram> {
    /// Sorted by source; no source twice.
    runs: Vec<(u32, RunTally<Times>)>,
    #[serde(skip)]
    open: Open,
}

/// The window that is open. It has its place among the windows of its run already, where it lacks
/// what the endpoint has counted since.
#[derive(Debug, Clone, Default)]
struct Open {
    source: u32,
    /// A second in the window.
    second: i64,
    /// In µs: an arrival in it is in the window. Empty where no window is open.
    bounds: Range<i64>,
    /// What the endpoint had counted when it was opened.
    before: Counts,
    /// What it has counted in other windows since.
    late: Counts,
}

/// An endpoint in one run.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct RunTally<Times = Histogram> {
    /// The width of a window is two to this power, in seconds.
    step: u32,
    /// Sorted by number; no window twice.
    windows: Vec<(i64, WindowTally<Times>)>,
    /// Bytes of the windows: asked for often.
    #[serde(skip)]
    bytes: usize,
}

#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct WindowTally<Times = Histogram> {
    counts: Counts,
    times: [Times; COMPARED.len()],
}

/// What is counted besides durations.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Requests.
    pub requests: u64,
    /// Of these, with a status of 400 to 499, and of 500 and over.
    pub errors: [u64; 2],
    /// Busy time in µs.
    pub busy: u64,
}

/// An endpoint in a slice of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// Requests.
    pub requests: u64,
    /// Of these, with a status of 400 to 499, and of 500 and over.
    pub errors: [u64; 2],
    /// Busy time in µs.
    pub busy: u64,
    /// The durations of each of the [`COMPARED`] phases, in sorted buckets.
    pub times: [Vec<Bucket>; COMPARED.len()],
}

impl RunTallies {
    /// Whether the window of a source in which an arrival is, is the open one.
    #[inline]
    pub fn is_open(&self, source: u32, arrival: Stamp) -> bool {
        self.open.source == source && self.open.bounds.contains(&arrival.0)
    }

    /// Opens the window of an arrival, of this width at least, unless the source has a newer one; says
    /// whether it did. `own` are the phases of the endpoint, and `counted` what it has counted so far.
    pub fn opens(
        &mut self,
        (source, step): (u32, u32),
        arrival: Stamp,
        own: &mut Own,
        counted: Counts,
    ) -> bool {
        let second = second_of(arrival);
        let run = self.run(source);
        run.climb(step);
        let newest = run.windows.last();
        if newest.is_some_and(|(newest, _)| *newest > run.number(second)) {
            return false;
        }
        self.close(own, counted);
        let run = self.run(source);
        run.window(second);
        let width = SECOND.saturating_mul(1 << run.step);
        let from = run.number(second).saturating_mul(width);
        self.open = Open {
            source,
            second,
            bounds: from..from.saturating_add(width),
            before: counted,
            late: Counts::default(),
        };
        true
    }

    /// Takes windows as wide as those of the runs, by source.
    pub fn climb(&mut self, extents: &[Extent]) {
        for (source, run) in &mut self.runs {
            if let Some(extent) = extents.get(*source as usize) {
                run.climb(extent.step());
            }
        }
    }

    /// Closes the window that is open, if one is; `own` and `counted` as in [`RunTallies::opens`].
    pub fn close(&mut self, own: &mut Own, counted: Counts) {
        let open = std::mem::take(&mut self.open);
        if open.bounds.is_empty() {
            return;
        }
        self.run(open.source).change(open.second, |window| {
            let since = counted.without(&open.before).without(&open.late);
            window.counts.add(&since);
            for (times, phase) in window.times.iter_mut().zip(COMPARED) {
                times.absorb(own[phase as usize].histogram.take(), Growth::Small);
            }
        });
    }

    /// Counts a record in a window that is not open.
    pub fn record_late(
        &mut self,
        source: u32,
        arrival: Stamp,
        status: Option<u16>,
        phases: &Phases,
    ) {
        self.open.late.record(status, phases);
        self.run(source).change(second_of(arrival), |window| {
            window.counts.record(status, phases);
            for (times, phase) in window.times.iter_mut().zip(COMPARED) {
                if let Some(time) = phases.get(phase) {
                    times.record(time.0, Growth::Small);
                }
            }
        });
    }

    /// The run of a source, which is made if it is new.
    fn run(&mut self, source: u32) -> &mut RunTally {
        let at = match self
            .runs
            .binary_search_by_key(&source, |(source, _)| *source)
        {
            Ok(at) => at,
            Err(at) => {
                self.runs.insert(at, (source, RunTally::default()));
                at
            }
        };
        &mut self.runs[at].1
    }

    /// Adds what another, of which no window is open, has of the same sources.
    pub fn merge(&mut self, other: RunTallies) {
        for (source, theirs) in other.runs {
            self.run(source).merge(theirs);
        }
    }

    /// Adds the durations of a compared phase, in all runs.
    pub fn add_times(&self, at: usize, to: &mut Histogram) {
        for (_, window) in self.runs.iter().flat_map(|(_, run)| &run.windows) {
            to.merge(&window.times[at], Growth::Fast);
        }
    }

    /// How many durations of a compared phase there are.
    pub fn times(&self, at: usize) -> u64 {
        let windows = self.runs.iter().flat_map(|(_, run)| &run.windows);
        windows.fold(0, |sum, (_, window)| {
            sum.saturating_add(window.times[at].total())
        })
    }

    /// Gives the sources their places.
    pub(super) fn place(&mut self, places: &[usize]) {
        for (source, _) in &mut self.runs {
            if let Some(place) = places.get(*source as usize) {
                // OK because a command line names fewer files than 32 bits count.
                *source = *place as u32;
            }
        }
        self.runs.sort_unstable_by_key(|(source, _)| *source);
    }

    /// Bytes on the heap, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of_run = |(_, run): &(u32, RunTally)| size_of::<(u32, RunTally)>() + run.bytes;
        self.runs.iter().map(of_run).sum()
    }

    /// Its windows in the run of a source, over this span: one block for each, empty ones too. None where
    /// the run lacks the endpoint.
    #[must_use]
    pub fn blocks(&self, source: u32, span: Span) -> Vec<Block> {
        let Ok(at) = self
            .runs
            .binary_search_by_key(&source, |(source, _)| *source)
        else {
            return Vec::new();
        };
        let mut run = self.runs[at].1.clone();
        run.climb(span.step);
        // OK because a span has at most MOST_WINDOWS windows.
        let mut blocks = vec![Block::default(); (span.last - span.first + 1) as usize];
        for (number, window) in &run.windows {
            if let Some(block) = blocks.get_mut((number - span.first) as usize) {
                *block = Block {
                    requests: window.counts.requests,
                    errors: window.counts.errors,
                    busy: window.counts.busy,
                    times: std::array::from_fn(|phase| window.times[phase].buckets()),
                };
            }
        }
        blocks
    }
}

impl<Times> RunTallies<Times> {
    /// Whether its runs are of so many sources, in order, with few windows in order.
    pub(super) fn is_sound(&self, sources: usize) -> bool {
        let run_is_sound = |run: &RunTally<Times>| {
            let far = |(window, _): &(i64, WindowTally<Times>)| window.unsigned_abs() >= 1 << 44;
            let spans = match (run.windows.first(), run.windows.last()) {
                (Some((first, _)), Some((last, _))) if !run.windows.iter().any(far) => {
                    last - first < MOST_WINDOWS
                }
                _ => false,
            };
            spans
                && run.step <= WIDEST
                && run.windows.is_sorted_by(|(a, _), (b, _)| a < b)
                && run.windows.iter().all(|(_, window)| {
                    let counts = &window.counts;
                    let counts = [counts.requests, counts.errors[0], counts.errors[1]];
                    counts.iter().all(|count| *count < MOST_COUNTED)
                })
        };
        self.runs.is_sorted_by(|(a, _), (b, _)| a < b)
            && self
                .runs
                .iter()
                .all(|(source, run)| (*source as usize) < sources && run_is_sound(run))
    }
}

impl RunTallies<&[u8]> {
    /// Makes the windows.
    ///
    /// # Errors
    /// The bytes of one are no histogram.
    pub(super) fn read(self) -> Result<RunTallies, &'static str> {
        let window = |(number, window): (i64, WindowTally<&[u8]>)| {
            let [app, wait, total] = window.times;
            let times = [
                Histogram::read(app)?,
                Histogram::read(wait)?,
                Histogram::read(total)?,
            ];
            let counts = window.counts;
            Ok((number, WindowTally { counts, times }))
        };
        let run = |(source, run): (u32, RunTally<&[u8]>)| {
            let windows: Result<_, &str> = run.windows.into_iter().map(window).collect();
            let mut run = RunTally {
                step: run.step,
                windows: windows?,
                bytes: 0,
            };
            run.weigh();
            Ok((source, run))
        };
        let runs: Result<_, &str> = self.runs.into_iter().map(run).collect();
        Ok(RunTallies {
            runs: runs?,
            open: Open::default(),
        })
    }

    /// Adds the durations of the compared phases, in all runs, without making the windows.
    ///
    /// # Errors
    /// The bytes of one are no histogram.
    pub(super) fn add_to(&self, own: &mut Own) -> Result<(), &'static str> {
        for (_, window) in self.runs.iter().flat_map(|(_, run)| &run.windows) {
            for (times, phase) in window.times.iter().zip(COMPARED) {
                own[phase as usize]
                    .histogram
                    .add_bytes(times, Growth::Fast)?;
            }
        }
        Ok(())
    }
}

impl RunTally {
    /// The number of the window of a second.
    fn number(&self, second: i64) -> i64 {
        second.div_euclid(1 << self.step)
    }

    /// The window of a second, which is made if it is new.
    fn window(&mut self, second: i64) -> &mut WindowTally {
        let number = self.number(second);
        let at = match self.windows.binary_search_by_key(&number, |(at, _)| *at) {
            Ok(at) => at,
            Err(at) => {
                self.windows.insert(at, (number, WindowTally::default()));
                self.bytes += size_of::<(i64, WindowTally)>();
                at
            }
        };
        &mut self.windows[at].1
    }

    /// Changes the window of a second.
    fn change(&mut self, second: i64, change: impl FnOnce(&mut WindowTally)) {
        let window = self.window(second);
        let before = window.bytes();
        change(window);
        let after = window.bytes();
        self.bytes = (self.bytes + after).saturating_sub(before);
    }

    /// Takes wider windows.
    fn climb(&mut self, step: u32) {
        if step <= self.step {
            return;
        }
        let ratio = 1_i64 << (step - self.step);
        self.step = step;
        let mut wider: Vec<(i64, WindowTally)> = Vec::with_capacity(self.windows.len());
        for (number, window) in std::mem::take(&mut self.windows) {
            let number = number.div_euclid(ratio);
            match wider.last_mut() {
                Some((last, sum)) if *last == number => sum.absorb(window),
                _ => wider.push((number, window)),
            }
        }
        self.windows = wider;
        self.weigh();
    }

    fn weigh(&mut self) {
        let of_window =
            |(_, window): &(i64, WindowTally)| size_of::<(i64, WindowTally)>() + window.bytes();
        self.bytes = self.windows.iter().map(of_window).sum();
    }

    fn merge(&mut self, mut other: RunTally) {
        if self.windows.is_empty() {
            *self = other;
            return self.weigh();
        }
        self.climb(other.step);
        other.climb(self.step);
        for (number, window) in other.windows {
            match self.windows.binary_search_by_key(&number, |(at, _)| *at) {
                Ok(at) => self.windows[at].1.absorb(window),
                Err(at) => self.windows.insert(at, (number, window)),
            }
        }
        self.weigh();
    }
}

impl WindowTally {
    /// Bytes on the heap.
    fn bytes(&self) -> usize {
        self.times.iter().map(Histogram::bytes).sum()
    }

    fn absorb(&mut self, other: WindowTally) {
        self.counts.add(&other.counts);
        for (mine, theirs) in self.times.iter_mut().zip(other.times) {
            mine.absorb(theirs, Growth::Small);
        }
    }
}

impl Counts {
    /// As the endpoint counts: a tunnel is kept out of busy time.
    fn record(&mut self, status: Option<u16>, phases: &Phases) {
        self.requests += 1;
        match status {
            Some(400..=499) => self.errors[0] += 1,
            Some(500..) => self.errors[1] += 1,
            _ => {}
        }
        if phases.ending != Ending::Upgraded
            && let Some((_, busy)) = phases.busy
        {
            self.busy = self.busy.saturating_add(busy.0);
        }
    }

    fn without(self, other: &Counts) -> Counts {
        let [client, server] = self.errors;
        Counts {
            requests: self.requests.saturating_sub(other.requests),
            errors: [
                client.saturating_sub(other.errors[0]),
                server.saturating_sub(other.errors[1]),
            ],
            busy: self.busy.saturating_sub(other.busy),
        }
    }

    fn add(&mut self, other: &Counts) {
        self.requests += other.requests;
        self.errors[0] += other.errors[0];
        self.errors[1] += other.errors[1];
        self.busy = self.busy.saturating_add(other.busy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Micros;

    const TIME: Micros = Micros(1_000);

    /// Tallies with a request in each of these seconds, the extent of their run and what their endpoint
    /// keeps and counts of them.
    fn counted(seconds: impl Iterator<Item = i64>) -> (RunTallies, Extent, Own, Counts) {
        let (mut tallies, mut extent) = (RunTallies::default(), Extent::default());
        let (mut own, mut counts) = (Own::default(), Counts::default());
        let mut phases = Phases::default();
        phases.set(Phase::App, TIME);
        for second in seconds {
            let status = if second % 7 == 0 { 503 } else { 200 };
            let at = Stamp(second.saturating_mul(SECOND).saturating_add(5));
            extent.reach(Some(at));
            let run = (3, extent.step_at(at));
            if tallies.is_open(3, at) || tallies.opens(run, at, &mut own, counts) {
                own[Phase::App as usize].record(TIME, Growth::Fast);
            } else {
                tallies.record_late(3, at, Some(status), &phases);
            }
            counts.record(Some(status), &phases);
        }
        (tallies, extent, own, counts)
    }

    fn filled(seconds: impl Iterator<Item = i64>) -> (RunTallies, Extent) {
        let (mut tallies, extent, mut own, counts) = counted(seconds);
        tallies.close(&mut own, counts);
        assert!(own.iter().all(|phase| phase.histogram.total() == 0));
        (tallies, extent)
    }

    fn blocks((mut tallies, extent): (RunTallies, Extent)) -> Vec<Block> {
        let span = extent.span().unwrap();
        let blocks = tallies.blocks(3, span);
        tallies.climb(&[
            Extent::default(),
            Extent::default(),
            Extent::default(),
            extent,
        ]);
        assert_eq!(blocks, tallies.blocks(3, span));
        assert!(tallies.is_sound(4));
        blocks
    }

    fn times(blocks: &[Block]) -> u64 {
        let buckets = blocks.iter().flat_map(|block| &block.times[0]);
        buckets.map(|bucket| bucket.count).sum()
    }

    #[test]
    fn the_windows_depend_on_the_whole_only() {
        let forward = blocks(filled(1_000..1_100));
        assert_eq!(forward, blocks(filled((1_000..1_100).rev())));
        let (mut parts, mut extent) = filled(1_050..1_100);
        for seconds in [1_000..1_020, 1_020..1_050] {
            let (more, further) = filled(seconds);
            parts.merge(more);
            extent.merge(&further);
        }
        assert_eq!(forward, blocks((parts, extent)));
        assert_eq!(forward.len(), 25);
        assert_eq!(forward.iter().map(|block| block.requests).sum::<u64>(), 100);
        assert_eq!(forward.iter().map(|block| block.errors[1]).sum::<u64>(), 15);
        assert_eq!(times(&forward), 100);
    }

    #[test]
    fn only_the_newest_window_is_open() {
        let seconds = || (0..20).chain([3, 19, 4]);
        let (tallies, _, own, _) = counted(seconds());
        assert_eq!(own[Phase::App as usize].histogram.total(), 2);
        assert_eq!(tallies.times(0), 21);
        let blocks = blocks(filled(seconds()));
        assert_eq!((blocks[3].requests, blocks[19].requests), (2, 2));
        assert_eq!(times(&blocks), 23);
    }

    #[test]
    fn any_two_times_fit() {
        for seconds in [[i64::MIN, 0, i64::MAX], [i64::MAX, 0, i64::MIN]] {
            let blocks = blocks(filled(seconds.into_iter()));
            assert!(blocks.len() <= 32);
            assert_eq!(times(&blocks), 3);
            assert_eq!(blocks.iter().map(|block| block.requests).sum::<u64>(), 3);
        }
    }
}
