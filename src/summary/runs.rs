//! What is kept of an endpoint so that runs can be compared: for each source, which is one run, its
//! durations in windows of time.
//!
//! A run has at most [`MOST_WINDOWS`] windows, of a width that is a power of two in seconds; which
//! width depends on the first and the last window only, so the order of records makes no difference.

use std::ops::Range;

use super::histogram::{Bucket, Growth, Histogram};
use super::stored::MOST_COUNTED;
use crate::phases::{Phase, Phases};
use crate::stamp::Stamp;

/// The phases that are compared between runs: the endpoint's own time, the time in the queue, and what
/// the client sees.
pub const COMPARED: [Phase; 3] = [Phase::App, Phase::Wait, Phase::Total];

/// Windows of a run. When they are too few for a run, their width is doubled.
const MOST_WINDOWS: i64 = 32;

/// In µs.
const SECOND: i64 = 1_000_000;

/// The widest window is 2 to this power in seconds; the range of a time stamp fits [`MOST_WINDOWS`] of it.
const WIDEST: u32 = 48;

/// An endpoint in all runs.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct RunTallies {
    /// Sorted by source; no source twice.
    runs: Vec<(u32, RunTally)>,
}

/// An endpoint in one run.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct RunTally {
    /// The width of a window is two to this power, in seconds.
    step: u32,
    /// Sorted by number; no window twice.
    windows: Vec<(i64, WindowTally)>,
    /// When the newest window begins and ends, in µs; empty where that was not looked at.
    #[serde(skip)]
    newest: Range<i64>,
}

#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct WindowTally {
    requests: u64,
    /// Statuses of 400 to 499, and of 500 and over.
    errors: [u64; 2],
    /// µs.
    busy: u64,
    times: [Histogram; COMPARED.len()],
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
    /// Counts a record of a source that arrived then; a record without a time stamp counts as of the
    /// beginning of time, so that a run without a clock has one window.
    #[inline]
    pub fn record(
        &mut self,
        source: u32,
        arrival: Stamp,
        status: Option<u16>,
        phases: &Phases,
        growth: Growth,
    ) {
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
        let window = self.runs[at].1.window(arrival);
        window.requests += 1;
        match status {
            Some(400..=499) => window.errors[0] += 1,
            Some(500..) => window.errors[1] += 1,
            _ => {}
        }
        if let Some((_, busy)) = phases.busy {
            window.busy = window.busy.saturating_add(busy.0);
        }
        for (histogram, phase) in window.times.iter_mut().zip(COMPARED) {
            if let Some(time) = phases.get(phase) {
                histogram.record(time.0, growth);
            }
        }
    }

    /// Adds what another has of the same sources.
    pub fn merge(&mut self, other: &RunTallies) {
        for (source, theirs) in &other.runs {
            match self
                .runs
                .binary_search_by_key(source, |(source, _)| *source)
            {
                Ok(at) => self.runs[at].1.merge(theirs),
                Err(at) => self.runs.insert(at, (*source, theirs.clone())),
            }
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

    /// Takes the smaller form of each histogram.
    pub fn shrink(&mut self) {
        let windows = self.runs.iter_mut().flat_map(|(_, run)| &mut run.windows);
        windows.for_each(|(_, window)| window.shrink());
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

    /// Whether its runs are of so many sources, in order, with few windows in order.
    pub(super) fn is_sound(&self, sources: usize) -> bool {
        let run_is_sound = |run: &RunTally| {
            let far = |(window, _): &(i64, WindowTally)| window.unsigned_abs() >= 1 << 44;
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
                    let counts = [window.requests, window.errors[0], window.errors[1]];
                    counts.iter().all(|count| *count < MOST_COUNTED)
                })
        };
        self.runs.is_sorted_by(|(a, _), (b, _)| a < b)
            && self
                .runs
                .iter()
                .all(|(source, run)| (*source as usize) < sources && run_is_sound(run))
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let windows = self.runs.iter().flat_map(|(_, run)| &run.windows);
        let of_window = |(_, window): &(i64, WindowTally)| {
            size_of::<(i64, WindowTally)>()
                + window.times.iter().map(Histogram::bytes).sum::<usize>()
        };
        self.runs.len() * size_of::<(u32, RunTally)>() + windows.map(of_window).sum::<usize>()
    }

    /// The window width of each source, as a power of two, and its first and last window.
    pub fn spans(&self) -> impl Iterator<Item = (u32, Span)> + '_ {
        self.runs.iter().filter_map(|(source, run)| {
            let (first, last) = (run.windows.first()?.0, run.windows.last()?.0);
            Some((
                *source,
                Span {
                    step: run.step,
                    first,
                    last,
                },
            ))
        })
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
                    requests: window.requests,
                    errors: window.errors,
                    busy: window.busy,
                    times: std::array::from_fn(|phase| window.times[phase].buckets()),
                };
            }
        }
        blocks
    }
}

/// The windows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The width of a window is two to this power, in seconds.
    pub step: u32,
    /// The number of the first window: the seconds since 1970 over the width.
    pub first: i64,
    /// The number of the last.
    pub last: i64,
}

impl Span {
    /// The span of both, in the finest windows of which there are few enough.
    #[must_use]
    pub fn and(self, other: Span) -> Span {
        let step = self.step.max(other.step);
        let (one, another) = (self.at(step), other.at(step));
        let mut both = Span {
            step,
            first: one.first.min(another.first),
            last: one.last.max(another.last),
        };
        while both.last - both.first >= MOST_WINDOWS && both.step < WIDEST {
            both = both.at(both.step + 1);
        }
        both
    }

    fn at(self, step: u32) -> Span {
        let ratio = 1_i64 << (step - self.step).min(62);
        Span {
            step,
            first: self.first.div_euclid(ratio),
            last: self.last.div_euclid(ratio),
        }
    }
}

impl RunTally {
    /// The window of this time, which is made if it is new.
    #[inline]
    fn window(&mut self, at: Stamp) -> &mut WindowTally {
        // Logs are nearly sorted: most records are of the newest window.
        let place = if self.newest.contains(&at.0) {
            self.windows.len() - 1
        } else {
            self.place_of(at.0.div_euclid(SECOND))
        };
        &mut self.windows[place].1
    }

    /// The place of the window of a second, which is made if it is new.
    fn place_of(&mut self, second: i64) -> usize {
        let number = |step: u32| second.div_euclid(1 << step);
        if let (Some((first, _)), Some((last, _))) = (self.windows.first(), self.windows.last()) {
            let span = Span {
                step: self.step,
                first: *first,
                last: *last,
            };
            let here = Span {
                step: self.step,
                first: number(self.step),
                last: number(self.step),
            };
            self.climb(span.and(here).step);
        }
        let number = number(self.step);
        let at = match self.windows.binary_search_by_key(&number, |(at, _)| *at) {
            Ok(at) => at,
            Err(at) => {
                self.windows.insert(at, (number, WindowTally::default()));
                // Most records are of the newest window, which is kept in the form that is fast to count in.
                if let Some((_, before)) = at.checked_sub(1).and_then(|at| self.windows.get_mut(at))
                {
                    before.shrink();
                }
                at
            }
        };
        if at + 1 == self.windows.len() {
            let width = SECOND.saturating_mul(1 << self.step);
            let from = number.saturating_mul(width);
            self.newest = from..from.saturating_add(width);
        }
        at
    }

    /// Takes wider windows.
    fn climb(&mut self, step: u32) {
        if step <= self.step {
            return;
        }
        let ratio = 1_i64 << (step - self.step);
        self.step = step;
        self.newest = 0..0;
        let mut wider: Vec<(i64, WindowTally)> = Vec::new();
        for (number, window) in std::mem::take(&mut self.windows) {
            let number = number.div_euclid(ratio);
            match wider.last_mut() {
                Some((last, sum)) if *last == number => sum.merge(&window),
                _ => wider.push((number, window)),
            }
        }
        self.windows = wider;
    }

    fn merge(&mut self, other: &RunTally) {
        let span = |run: &RunTally| {
            Some(Span {
                step: run.step,
                first: run.windows.first()?.0,
                last: run.windows.last()?.0,
            })
        };
        let (Some(mine), Some(theirs)) = (span(self), span(other)) else {
            if self.windows.is_empty() {
                *self = other.clone();
            }
            return;
        };
        let both = mine.and(theirs);
        self.newest = 0..0;
        let mut other = other.clone();
        self.climb(both.step);
        other.climb(both.step);
        for (number, window) in other.windows {
            match self.windows.binary_search_by_key(&number, |(at, _)| *at) {
                Ok(at) => self.windows[at].1.merge(&window),
                Err(at) => self.windows.insert(at, (number, window)),
            }
        }
    }
}

impl WindowTally {
    fn shrink(&mut self) {
        self.times.iter_mut().for_each(Histogram::shrink);
    }

    fn merge(&mut self, other: &WindowTally) {
        self.requests += other.requests;
        self.errors[0] += other.errors[0];
        self.errors[1] += other.errors[1];
        self.busy = self.busy.saturating_add(other.busy);
        for (mine, theirs) in self.times.iter_mut().zip(&other.times) {
            mine.merge(theirs, Growth::Small);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(seconds: impl Iterator<Item = i64>) -> RunTallies {
        let mut tallies = RunTallies::default();
        for second in seconds {
            let status = if second % 7 == 0 { 503 } else { 200 };
            let at = Stamp(second * 1_000_000 + 5);
            tallies.record(3, at, Some(status), &Phases::default(), Growth::Fast);
        }
        tallies
    }

    fn whole(tallies: &RunTallies) -> (Span, Vec<Block>) {
        let (source, span) = tallies.spans().next().unwrap();
        (span, tallies.blocks(source, span))
    }

    #[test]
    fn the_windows_depend_on_the_whole_only() {
        let forward = whole(&filled(1_000..1_100));
        assert_eq!(forward, whole(&filled((1_000..1_100).rev())));
        let mut parts = filled(1_050..1_100);
        parts.merge(&filled(1_000..1_020));
        parts.merge(&filled(1_020..1_050));
        assert_eq!(forward, whole(&parts));
        let (span, blocks) = forward;
        assert_eq!((span.step, blocks.len()), (2, 25));
        assert_eq!(blocks.iter().map(|block| block.requests).sum::<u64>(), 100);
        assert_eq!(blocks.iter().map(|block| block.errors[1]).sum::<u64>(), 15);
    }

    #[test]
    fn any_two_times_fit() {
        let mut tallies = RunTallies::default();
        for at in [i64::MIN, 0, i64::MAX] {
            tallies.record(0, Stamp(at), None, &Phases::default(), Growth::Small);
        }
        let (span, blocks) = whole(&tallies);
        assert!(blocks.len() <= 32 && span.step < WIDEST);
        assert_eq!(blocks.iter().map(|block| block.requests).sum::<u64>(), 3);
    }
}
