//! The log as a panel: endpoints over windows that are wide enough for their means to say something.
//! What a cell holds is decided here; what is unusual is not.

use std::collections::BTreeMap;

use super::limits;
use crate::summary::{NOWHERE, Summary, TIMED, WindowCell};
use crate::unit::Micros;

/// What an endpoint did in a window.
#[derive(Debug, Clone, Copy, Default)]
pub struct Point {
    /// The number of the window, from 0 for the first of the panel.
    pub window: usize,
    /// Requests of any kind.
    pub requests: f64,
    /// Those with a status of 500 and over, and those that were cut off.
    pub failed: f64,
    /// Those that were cut off.
    pub cut: f64,
    /// Requests of which a cache said whether it had the answer.
    pub lookups: f64,
    /// Those that it had.
    pub hits: f64,
    /// Requests that were given to an upstream again.
    pub retried: f64,
    /// Requests that the times are of.
    pub served: f64,
    /// Own time in µs.
    pub own: f64,
    /// Wait in µs; where it is inferred it may be negative by chance.
    pub wait: f64,
    /// Squares of own time (where wait is inferred: of both) in µs².
    pub squares: f64,
    /// Logarithms to base 2 of own time (likewise).
    pub logs: f64,
}

impl Point {
    fn of(window: usize, cell: &WindowCell) -> Point {
        let counts = &cell.cell;
        Point {
            window,
            requests: f64::from(counts.requests),
            failed: f64::from(counts.errors_5xx.max(counts.cut)),
            cut: f64::from(counts.cut),
            lookups: f64::from(counts.lookups),
            hits: f64::from(counts.hits),
            retried: f64::from(counts.retried),
            served: f64::from(counts.served),
            own: counts.time as f64,
            wait: counts.wait as f64,
            squares: counts.squares as f64 * (1_024.0 * 1_024.0),
            logs: counts.logs as f64 / 256.0,
        }
    }

    /// Adds another.
    pub fn add(&mut self, other: &Point) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.cut += other.cut;
        self.lookups += other.lookups;
        self.hits += other.hits;
        self.retried += other.retried;
        self.served += other.served;
        self.own += other.own;
        self.wait += other.wait;
        self.squares += other.squares;
        self.logs += other.logs;
    }

    /// Mean own time; 0 where nothing was served.
    pub fn mean(&self) -> f64 {
        if self.served > 0.0 {
            self.own / self.served
        } else {
            0.0
        }
    }
}

/// An endpoint over the windows in which it occurred, in the order of time.
#[derive(Debug, Clone)]
pub struct Series {
    /// Its place in [`Summary::endpoints`].
    pub endpoint: usize,
    /// The windows.
    pub points: Vec<Point>,
    /// The number of its pool: endpoints that any upstream serves both are of one. Where the log tells own
    /// time from wait it is 0 for all.
    pub pool: usize,
}

impl Series {
    /// The sum over windows.
    pub fn sum(&self, within: impl Fn(usize) -> bool) -> Point {
        let mut sum = Point::default();
        for point in self.points.iter().filter(|point| within(point.window)) {
            sum.add(point);
        }
        sum
    }
}

/// Endpoints over windows.
#[derive(Debug, Clone)]
pub struct Panel {
    /// The width of a window.
    pub width: Micros,
    /// The number of the first window: it begins at so many widths since 1970.
    pub first: i64,
    /// How many windows there are.
    pub windows: usize,
    /// The endpoints that kept a worker busy, in the order of the summary.
    pub series: Vec<Series>,
    /// Whether own time and wait of each request are told apart, by the log or by the FIFO reconstruction;
    /// otherwise own time is both.
    pub measured: bool,
    /// Requests in all.
    pub requests: f64,
}

impl Panel {
    /// The panel of a summary, with windows as wide as the traffic needs; `None` where the log has no
    /// times of day or no durations, or is too short.
    pub fn of(summary: &Summary) -> Option<Panel> {
        let measured = summary
            .endpoints
            .iter()
            .flat_map(|endpoint| &endpoint.history.cells)
            .any(|cell| cell.upstream == TIMED && cell.cell.served > 0);
        let counts = |cell: &WindowCell| measured == (cell.upstream == TIMED);
        let cells = || {
            summary
                .endpoints
                .iter()
                .flat_map(|endpoint| &endpoint.history.cells)
                .filter(|cell| cell.cell.served > 0 && counts(cell))
        };
        let (first, last) = (
            cells().map(|c| c.window).min()?,
            cells().map(|c| c.window).max()?,
        );
        let requests: f64 = cells().map(|cell| f64::from(cell.cell.served)).sum();
        let fine = usize::try_from(last - first).ok()?.checked_add(1)?;
        // Whole doublings, so that windows of any two panels of one log are parts of each other.
        let mut doublings = 0;
        let windows = |doublings: u32| (last >> doublings) - (first >> doublings) + 1;
        while doublings < 40
            && (windows(doublings) > limits::MOST_WINDOWS as i64
                || (requests / (fine as f64) * f64::from(1_u32 << doublings.min(30))
                    < limits::REQUESTS_A_WINDOW
                    && windows(doublings + 1) >= limits::LEAST_WINDOWS as i64))
        {
            doublings += 1;
        }
        let first = first >> doublings;
        let windows = usize::try_from(windows(doublings)).ok()?;
        if windows < limits::LEAST_WINDOWS || requests < limits::LEAST_REQUESTS as f64 {
            return None;
        }
        let series = summary
            .endpoints
            .iter()
            .enumerate()
            .filter_map(|(at, endpoint)| {
                let mut points: Vec<Point> = Vec::new();
                for cell in &endpoint.history.cells {
                    let window = usize::try_from((cell.window >> doublings) - first).ok();
                    let Some(window) = window.filter(|window| *window < windows) else {
                        continue;
                    };
                    let mut point = Point::of(window, cell);
                    if !counts(cell) {
                        // Requests without the times that the others have: cut off, from cache, static.
                        point = Point {
                            served: 0.0,
                            own: 0.0,
                            wait: 0.0,
                            squares: 0.0,
                            logs: 0.0,
                            ..point
                        };
                    }
                    match points.last_mut() {
                        Some(last) if last.window == window => last.add(&point),
                        _ => points.push(point),
                    }
                }
                let served = points.iter().any(|point| point.served > 0.0);
                served.then_some(Series {
                    endpoint: at,
                    points,
                    pool: 0,
                })
            });
        Some(Panel {
            width: Micros(summary.cell_width.0 << doublings),
            first,
            windows,
            series: series.collect(),
            measured,
            requests,
        })
    }

    /// Numbers the pools, for a log without an app clock.
    pub fn number_pools(&mut self, summary: &Summary) {
        // Of each upstream the first pool that it was seen in; joined pools point to the lower number.
        let mut of_upstream: BTreeMap<u16, usize> = BTreeMap::new();
        let mut joined: Vec<usize> = Vec::new();
        let lowest = |joined: &[usize], mut pool: usize| {
            while let Some(next) = joined.get(pool).filter(|next| **next != pool) {
                pool = *next;
            }
            pool
        };
        for series in &mut self.series {
            let own = joined.len();
            joined.push(own);
            series.pool = own;
            let history = summary.endpoints.get(series.endpoint).map(|e| &e.history);
            let cells = history
                .map(|history| history.cells.as_slice())
                .unwrap_or_default();
            for cell in cells
                .iter()
                .filter(|cell| cell.upstream != TIMED && cell.cell.served > 0)
            {
                let first = *of_upstream.entry(cell.upstream).or_insert(own);
                let (a, b) = (lowest(&joined, own), lowest(&joined, first));
                if let Some(pool) = joined.get_mut(a.max(b)) {
                    *pool = a.min(b);
                }
            }
        }
        for series in &mut self.series {
            series.pool = lowest(&joined, series.pool);
        }
    }

    /// The window of a point in time; `None` outside of the panel.
    pub fn window(&self, stamp: crate::stamp::Stamp) -> Option<usize> {
        let window = stamp.0.div_euclid(self.width.0 as i64) - self.first;
        usize::try_from(window)
            .ok()
            .filter(|window| *window < self.windows)
    }

    /// The sum of all endpoints over windows.
    pub fn sum(&self, within: impl Fn(usize) -> bool) -> Point {
        let mut sum = Point::default();
        for series in &self.series {
            sum.add(&series.sum(&within));
        }
        sum
    }

    /// When a window begins.
    pub fn start(&self, window: usize) -> crate::stamp::Stamp {
        let number = self.first.saturating_add(window as i64);
        crate::stamp::Stamp(number.saturating_mul(self.width.0 as i64))
    }

    /// The upstreams of the cells that count, for a log without an app clock.
    pub fn upstreams(summary: &Summary) -> Vec<u16> {
        let cells = summary
            .endpoints
            .iter()
            .flat_map(|endpoint| &endpoint.history.cells);
        let mut upstreams: Vec<u16> = cells
            .map(|cell| cell.upstream)
            .filter(|slot| *slot >= NOWHERE)
            .collect();
        upstreams.sort_unstable();
        upstreams.dedup();
        upstreams
    }
}
