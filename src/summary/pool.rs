//! How many requests an upstream had in hand, and how many of its workers were busy, over time.
//!
//! A request adds the time that it overlaps with each window (so that Little's law holds exactly). Only
//! the windows at both ends of it get an entry: those between are told by a difference, +1 where whole
//! windows begin and -1 where they end. A request that ends where a window does has nothing of the next:
//! in a log whose time stamps are whole seconds many do.

use super::sparse::{Additive, Grid, Sparse, Windows};
use crate::phases::{Phase, Phases};
use crate::stamp::Stamp;
use crate::unit::Micros;

/// The area of one window, and the change of how many requests cover windows wholly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
struct Area {
    /// µs in this window only.
    part: i64,
    /// Requests that cover every window from this one on, less those that cease to.
    whole: i64,
}

/// In hand and busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Areas {
    flight: Area,
    busy: Area,
}

impl Area {
    fn add(&mut self, other: &Area) {
        self.part = self.part.saturating_add(other.part);
        self.whole = self.whole.saturating_add(other.whole);
    }

    /// Both halves of a wide window count a change in the second as if it were in the first, so that is
    /// taken off again.
    fn widen(self, second_half: bool, width: i64) -> Area {
        let excess = if second_half {
            self.whole.saturating_mul(width)
        } else {
            0
        };
        Area {
            part: self.part.saturating_sub(excess),
            ..self
        }
    }
}

impl Additive for Areas {
    fn add(&mut self, other: &Areas) {
        self.flight.add(&other.flight);
        self.busy.add(&other.busy);
    }

    fn widen(self, second_half: bool, width: i64) -> Areas {
        Areas {
            flight: self.flight.widen(second_half, width),
            busy: self.busy.widen(second_half, width),
        }
    }
}

/// The load of an upstream in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// The number of the window: it begins at this many widths since 1970.
    pub window: i64,
    /// Time that requests spent at the upstream, in µs: divided by the width, how many there were.
    pub flight: u64,
    /// Time that workers spent on them, as far as the log says, in µs.
    pub busy: u64,
}

/// An upstream over time.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Pool(Sparse<Areas>);

/// Days that one request may cover; a longer one is no work of a worker.
const LONGEST: i64 = 86_400_000_000;

impl Pool {
    /// Counts a record; returns how many entries were appended.
    #[inline]
    pub fn record(&mut self, windows: &mut Windows, arrival: Stamp, phases: &Phases) -> usize {
        let us = |phase| phases.get(phase).map(|us| us.0 as i64);
        let Some(upstream) = us(Phase::Upstream).or_else(|| us(Phase::Server)) else {
            return 0;
        };
        if upstream > LONGEST {
            return 0;
        }
        let earlier = us(Phase::Redirect)
            .unwrap_or(0)
            .saturating_add(us(Phase::Retry).unwrap_or(0));
        let from = arrival.0.saturating_add(earlier);
        let busy = us(Phase::App).filter(|app| *app <= LONGEST).map(|app| {
            let before = us(Phase::Connect)
                .unwrap_or(0)
                .saturating_add(us(Phase::Wait).unwrap_or(0));
            (from.saturating_add(before), app)
        });
        self.add_request(windows, (from, upstream), busy)
    }

    /// Adds a request: when it came to the upstream and for how long, and so for its worker, which does not
    /// begin earlier.
    #[inline]
    fn add_request(
        &mut self,
        windows: &mut Windows,
        flight: (i64, i64),
        busy: Option<(i64, i64)>,
    ) -> usize {
        let (from, upstream) = flight;
        let window = windows.find(Stamp(from));
        let ends_in =
            |(from, length): (i64, i64)| windows.covers_until(Stamp(from.saturating_add(length)));
        // The usual request is short beside a window.
        if ends_in(flight) && busy.is_none_or(ends_in) {
            let (areas, appended) = self.0.at(window, 0);
            areas.flight.part += upstream;
            areas.busy.part += busy.map_or(0, |(_, app)| app);
            return usize::from(appended);
        }
        let mut appended = self.add(windows, from, upstream, |areas| &mut areas.flight);
        if let Some((from, app)) = busy {
            appended += self.add(windows, from, app, |areas| &mut areas.busy);
        }
        appended
    }

    /// Adds a stretch of time.
    fn add(
        &mut self,
        windows: &Windows,
        from: i64,
        length: i64,
        area: impl Fn(&mut Areas) -> &mut Area,
    ) -> usize {
        let until = from.saturating_add(length);
        let width = windows.grid().width();
        let last_moment = until - i64::from(length > 0);
        let (first, last) = (windows.near(Stamp(from)), windows.near(Stamp(last_moment)));
        let (entry, mut appended) = self.0.at(first, 0);
        let mine = area(entry);
        if first == last {
            mine.part += length;
            return usize::from(appended);
        }
        mine.part += (first + 1).saturating_mul(width).saturating_sub(from);
        let mut count = usize::from(appended);
        if first + 1 < last {
            let entry;
            (entry, appended) = self.0.at(first + 1, 0);
            area(entry).whole += 1;
            count += usize::from(appended);
        }
        let entry;
        (entry, appended) = self.0.at(last, 0);
        let mine = area(entry);
        mine.part += until.saturating_sub(last.saturating_mul(width));
        mine.whole -= i64::from(first + 1 < last);
        count + usize::from(appended)
    }

    /// Counts the time of a worker on a request that was counted before.
    pub fn work(&mut self, grid: Grid, from: Stamp, own: Micros) {
        // OK because no request that is told of takes longer than an hour.
        self.add(&Windows::new(grid), from.0, own.0 as i64, |areas| {
            &mut areas.busy
        });
    }

    /// Adds another upstream's.
    pub fn merge(&mut self, other: &Pool) {
        self.0.merge(&other.0);
    }

    /// Adds up repetitions.
    pub fn settle(&mut self) {
        self.0.settle();
    }

    /// Goes from this grid to the next coarser one.
    pub fn coarsen(&mut self, grid: Grid) {
        self.0.coarsen(grid);
    }

    /// Whether its windows are in order and no area is so large that sums of them overflow.
    pub(super) fn is_sound(&self) -> bool {
        let small =
            |area: &Area| area.whole.unsigned_abs() < 1 << 30 && area.part.unsigned_abs() < 1 << 60;
        self.0.is_sound()
            && self.0.len() < 1 << 30
            && self
                .0
                .iter()
                .all(|(_, _, areas)| small(&areas.flight) && small(&areas.busy))
    }

    /// Entries, repetitions included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The load of each window that is not idle, in order; settled before. As many windows as the grid
    /// allows, whatever a request covers.
    pub fn loads(&self, grid: Grid, most: usize) -> Vec<Load> {
        let width = grid.width();
        let mut loads = Vec::new();
        let (mut flight, mut busy) = (0_i64, 0_i64);
        let mut next = i64::MIN;
        let load = |window, flight: i64, busy: i64| Load {
            window,
            flight: flight.max(0).unsigned_abs(),
            busy: busy.max(0).unsigned_abs(),
        };
        for (window, _, areas) in self.0.iter() {
            // The windows between two entries are covered wholly or idle.
            if flight != 0 || busy != 0 {
                for between in next..window {
                    if loads.len() >= most {
                        break;
                    }
                    loads.push(load(
                        between,
                        flight.saturating_mul(width),
                        busy.saturating_mul(width),
                    ));
                }
            }
            flight += areas.flight.whole;
            busy += areas.busy.whole;
            loads.push(load(
                window,
                flight
                    .saturating_mul(width)
                    .saturating_add(areas.flight.part),
                busy.saturating_mul(width).saturating_add(areas.busy.part),
            ));
            next = window + 1;
        }
        loads.retain(|load| load.flight > 0 || load.busy > 0);
        loads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The load by brute force: the overlap with each window.
    fn expected(stretches: &[(i64, i64)], width: i64) -> Vec<(i64, u64)> {
        let last = stretches
            .iter()
            .map(|(from, length)| from + length)
            .max()
            .unwrap();
        let overlap = |window: i64| {
            stretches
                .iter()
                .map(|(from, length)| {
                    let (low, high) = (window * width, (window + 1) * width);
                    ((from + length).min(high) - (*from).max(low)).max(0) as u64
                })
                .sum()
        };
        (-10..=last / width)
            .map(|window| (window, overlap(window)))
            .filter(|(_, us)| *us > 0)
            .collect()
    }

    #[test]
    fn areas_are_overlaps_on_every_grid() {
        let stretches: Vec<(i64, i64)> = (0..300_i64)
            .map(|n| {
                (
                    (n * 7_919) % 60_000_000 - 3_000_000,
                    (n * n * 104_729) % 9_000_000,
                )
            })
            .collect();
        let mut grid = Grid::new(None);
        let mut pool = Pool::default();
        for (from, length) in &stretches {
            pool.add(&Windows::new(grid), *from, *length, |areas| {
                &mut areas.flight
            });
        }
        for _ in 0..4 {
            pool.settle();
            let loads: Vec<_> = pool
                .loads(grid, usize::MAX)
                .iter()
                .map(|load| (load.window, load.flight))
                .collect();
            assert_eq!(loads, expected(&stretches, grid.width()));
            pool.coarsen(grid);
            grid = grid.coarser();
        }
    }

    #[test]
    fn a_short_request_is_added_as_any_other() {
        let mut windows = Windows::new(Grid::new(None).coarser());
        let grid = windows.grid();
        let (mut pool, mut plain) = (Pool::default(), Pool::default());
        for n in 0..2_000_i64 {
            let from = (n * 1_999) % 9_000_000 - 4_000_000;
            let length = [0, 5, 40_000, 1_000_000, 7_000_000][n as usize % 5];
            let busy = (n % 3 > 0).then_some((from + length / 4, length / 2 + n % 2 * length));
            pool.add_request(&mut windows, (from, length), busy);
            plain.add(&Windows::new(grid), from, length, |areas| &mut areas.flight);
            if let Some((from, app)) = busy {
                plain.add(&Windows::new(grid), from, app, |areas| &mut areas.busy);
            }
        }
        pool.settle();
        plain.settle();
        assert_eq!(pool.loads(grid, 100), plain.loads(grid, 100));
    }
}
