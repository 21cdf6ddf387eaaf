//! The log over time: one tally for each window of arrivals.
//!
//! The grid is the finest of a fixed ladder on which the occupied windows are few enough; each step
//! of the ladder divides the next, so a coarser grid is got by adding windows up, and which grid a
//! log ends on depends only on which windows it occupies.

use std::ops::Range;

use hashbrown::HashMap;

use super::Question;
use super::histogram::Growth;
use super::stored::MOST_COUNTED;
use super::tally::PhaseTally;
use crate::phases::{Phase, Phases};
use crate::stamp::Stamp;
use crate::unit::Micros;

/// Window widths in seconds, each a divisor of the next.
const LADDER: &[u32] = &[
    1,
    5,
    10,
    30,
    60,
    300,
    600,
    1_800,
    3_600,
    21_600,
    86_400,
    604_800,
    604_800 * 52,
];

/// As many windows as are kept: half a day of minutes. Chosen, not measured.
const MOST: usize = 720;

/// How many of the newest windows are kept in the form that is fast to record in.
const HOT: usize = 4;

/// As many windows as are kept where the width was asked for; beyond that the width is doubled.
const MOST_GIVEN: usize = 20_000;

/// What is counted of one window.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct WindowTally {
    /// Records.
    pub requests: u64,
    /// Records with a status of 500 and over.
    pub errors_5xx: u64,
    /// Busy time in µs.
    pub busy: u64,
    /// Wait in µs.
    pub wait: u64,
    /// Whole durations.
    pub total: PhaseTally,
}

impl WindowTally {
    fn merge(&mut self, other: &WindowTally) {
        self.requests += other.requests;
        self.errors_5xx += other.errors_5xx;
        self.busy = self.busy.saturating_add(other.busy);
        self.wait = self.wait.saturating_add(other.wait);
        self.total.merge(&other.total, Growth::Small);
    }
}

/// The windows of a log.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(try_from = "StoredTimeline")]
pub struct Timeline {
    grid: Grid,
    /// Position of each window in `windows`, by its number on the grid.
    index: HashMap<i64, usize>,
    windows: Vec<(i64, WindowTally)>,
    /// The window of the last record: the next record is mostly in it too.
    last: Last,
}

/// Where the window is that a record came to, and its bounds in µs.
#[derive(Debug, Clone)]
struct Last {
    bounds: Range<i64>,
    at: usize,
}

impl Last {
    /// No window.
    const NONE: Last = Last {
        bounds: 0..0,
        at: 0,
    };
}

/// A timeline on disk: its grid, and its windows in the order of time.
type StoredTimeline = (Grid, Vec<(i64, WindowTally)>);

impl serde::Serialize for Timeline {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut windows: Vec<&(i64, WindowTally)> = self.windows.iter().collect();
        windows.sort_unstable_by_key(|(window, _)| *window);
        (self.grid, windows).serialize(serializer)
    }
}

impl TryFrom<StoredTimeline> for Timeline {
    type Error = &'static str;

    fn try_from((grid, windows): StoredTimeline) -> Result<Self, Self::Error> {
        let grid_is_sound = match grid {
            Grid::Auto(step) => step < LADDER.len(),
            Grid::Given(seconds, doubled) => seconds > 0 && doubled <= 24,
        };
        let sound = |(_, tally): &(i64, WindowTally)| {
            tally.requests < MOST_COUNTED && tally.errors_5xx < MOST_COUNTED
        };
        if !grid_is_sound
            || !windows.is_sorted_by(|(a, _), (b, _)| a < b)
            || !windows.iter().all(sound)
        {
            return Err("a window that is none");
        }
        let index = windows.iter().enumerate();
        Ok(Timeline {
            grid,
            index: index.map(|(at, (window, _))| (*window, at)).collect(),
            windows,
            last: Last::NONE,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Grid {
    /// A step of the ladder.
    Auto(usize),
    /// A width that was asked for, in seconds, doubled so many times because it was too fine.
    Given(u32, u32),
}

impl Grid {
    fn seconds(self) -> i64 {
        match self {
            Grid::Auto(step) => i64::from(LADDER[step.min(LADDER.len() - 1)]),
            Grid::Given(seconds, doubled) => i64::from(seconds) << doubled.min(24),
        }
    }

    /// The width of a window in µs.
    fn width(self) -> i64 {
        self.seconds() * 1_000_000
    }

    /// The next coarser grid.
    fn coarser(self) -> Grid {
        match self {
            Grid::Auto(step) => Grid::Auto((step + 1).min(LADDER.len() - 1)),
            Grid::Given(seconds, doubled) => Grid::Given(seconds, doubled + 1),
        }
    }

    /// As many windows as are kept.
    fn most(self) -> usize {
        match self {
            Grid::Auto(_) => MOST,
            Grid::Given(..) => MOST_GIVEN,
        }
    }
}

impl Timeline {
    /// A timeline with windows of this width, or with a width that suits the log.
    #[must_use]
    pub fn new(width_seconds: Option<u32>) -> Self {
        let grid = width_seconds.map_or(Grid::Auto(0), |seconds| Grid::Given(seconds.max(1), 0));
        Timeline {
            grid,
            index: HashMap::new(),
            windows: Vec::new(),
            last: Last::NONE,
        }
    }

    /// Whether it was made for this question.
    pub(super) fn is_of(&self, question: &Question) -> bool {
        match (self.grid, question.window_seconds) {
            (Grid::Auto(_), None) => true,
            (Grid::Given(mine, _), Some(seconds)) => mine == seconds.max(1),
            _ => false,
        }
    }

    /// The width of a window.
    #[must_use]
    pub fn width(&self) -> Micros {
        Micros(self.grid.seconds().unsigned_abs() * 1_000_000)
    }

    /// Counts a record in the window in which its request arrived.
    // Inlined by force: it is called for each record, from one place.
    #[inline(always)]
    pub fn record(&mut self, arrival: Stamp, is_5xx: bool, phases: &Phases) {
        let at = if self.last.bounds.contains(&arrival.0) {
            self.last.at
        } else {
            self.find_of(arrival)
        };
        let newest = self.windows.len();
        let tally = &mut self.windows[at].1;
        tally.requests += 1;
        tally.errors_5xx += u64::from(is_5xx);
        if let Some((_, busy)) = phases.busy {
            tally.busy = tally.busy.saturating_add(busy.0);
        }
        if let Some(wait) = phases.get(Phase::Wait) {
            tally.wait = tally.wait.saturating_add(wait.0);
        }
        if let Some(total) = phases.get(Phase::Total) {
            let growth = if at + HOT >= newest {
                Growth::Fast
            } else {
                Growth::Small
            };
            tally.total.record_as(phases.ending, total, growth);
        }
    }

    /// Counts the wait of a request that was counted before.
    pub fn tell(&mut self, arrival: Stamp, wait: Micros) {
        let at = self.find_of(arrival);
        let tally = &mut self.windows[at].1;
        tally.wait = tally.wait.saturating_add(wait.0);
    }

    /// The place of the window of a time.
    fn find_of(&mut self, arrival: Stamp) -> usize {
        let mut window = arrival.0.div_euclid(self.grid.width());
        let mut at = self.find(window);
        if self.windows.len() > self.grid.most() {
            self.coarsen();
            window = arrival.0.div_euclid(self.grid.width());
            at = self.find(window);
        }
        let width = self.grid.width();
        let from = window.saturating_mul(width);
        self.last = Last {
            bounds: from..from.saturating_add(width),
            at,
        };
        at
    }

    /// The place of a window, which is made if it is new.
    fn find(&mut self, window: i64) -> usize {
        match self.index.get(&window) {
            Some(at) => *at,
            None => {
                self.windows.push((window, WindowTally::default()));
                self.index.insert(window, self.windows.len() - 1);
                // Logs are nearly sorted: records come to the newest windows, which are kept fast.
                if let Some((_, tally)) = self
                    .windows
                    .len()
                    .checked_sub(HOT + 1)
                    .and_then(|at| self.windows.get_mut(at))
                {
                    tally.total.shrink();
                }
                self.windows.len() - 1
            }
        }
    }

    /// Takes coarser grids until the windows are few enough.
    fn coarsen(&mut self) {
        while self.windows.len() > self.grid.most() && self.grid != self.grid.coarser() {
            self.climb();
        }
    }

    /// Takes the next coarser grid.
    fn climb(&mut self) {
        let coarser = self.grid.coarser();
        let ratio = coarser.seconds() / self.grid.seconds();
        let windows = std::mem::take(&mut self.windows);
        self.index.clear();
        self.last = Last::NONE;
        self.grid = coarser;
        for (window, tally) in windows {
            let at = self.find(window.div_euclid(ratio));
            self.windows[at].1.merge(&tally);
        }
    }

    /// Adds another timeline; the coarser grid of the two holds. Both must have been made for the
    /// same width.
    pub fn merge(&mut self, mut other: Timeline) {
        while self.grid.seconds() < other.grid.seconds() {
            self.climb();
        }
        while other.grid.seconds() < self.grid.seconds() {
            other.climb();
        }
        for (window, tally) in &other.windows {
            let at = self.find(*window);
            self.windows[at].1.merge(tally);
        }
        self.coarsen();
    }

    /// The windows that hold a record, in the order of time, each with the time at which it begins.
    #[must_use]
    pub fn windows(&self) -> Vec<(Stamp, &WindowTally)> {
        let width = self.grid.width();
        let mut windows: Vec<_> = self
            .windows
            .iter()
            .map(|(window, tally)| (Stamp(window.saturating_mul(width)), tally))
            .collect();
        windows.sort_unstable_by_key(|(from, _)| *from);
        windows
    }

    /// Bytes on the heap, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.windows
            .iter()
            .map(|(_, tally)| size_of::<WindowTally>() + 24 + tally.total.bytes())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(seconds: impl Iterator<Item = i64>) -> Timeline {
        let mut timeline = Timeline::new(None);
        seconds.for_each(|second| {
            timeline.record(Stamp(second * 1_000_000), false, &Phases::default())
        });
        timeline
    }

    fn counts(timeline: &Timeline) -> Vec<(i64, u64)> {
        timeline
            .windows()
            .iter()
            .map(|(from, tally)| (from.0 / 1_000_000, tally.requests))
            .collect()
    }

    #[test]
    fn the_ladder_divides() {
        assert!(
            LADDER
                .windows(2)
                .all(|pair| pair[1].is_multiple_of(pair[0]))
        );
    }

    #[test]
    fn the_grid_depends_on_the_whole_only() {
        let whole = filled(-100..5_000);
        let mut parts = filled(2_500..5_000);
        parts.merge(filled(-100..2_500));
        assert_eq!(whole.width(), Micros(10_000_000));
        assert_eq!(counts(&whole), counts(&parts));
        assert_eq!(counts(&whole)[0], (-100, 10));
    }

    #[test]
    fn a_given_width_is_finer_but_bounded() {
        let mut timeline = Timeline::new(Some(1));
        (0..1_000).for_each(|second| {
            timeline.record(Stamp(second * 1_000_000), true, &Phases::default())
        });
        assert_eq!(timeline.windows().len(), 1_000);
        (0..50_000).for_each(|second| {
            timeline.record(Stamp(second * 1_000_000), true, &Phases::default())
        });
        assert_eq!(
            (timeline.windows().len(), timeline.width()),
            (12_500, Micros(4_000_000))
        );
    }
}
