//! How many workers an upstream has, and how busy they are.
//!
//! Where the application has a clock, the time of workers in use is known window by window; it cannot
//! exceed the pool, and while requests wait it reaches it.

use super::limits;
use crate::stamp::Stamp;
use crate::summary::{Load, Summary, Upstream};

/// A worker pool.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pool {
    /// Its workers; at least as many where it was never full.
    pub workers: u64,
    /// Whether requests waited for it, so that the number is its size and not merely a lower bound.
    pub was_full: bool,
    /// Busy time as a part of all its workers' time, over the log.
    pub utilisation: f64,
}

/// Time windows that are put together, so that times of whole seconds do no harm, in µs.
const LEAST_WIDTH: u64 = 4_000_000;

/// Each upstream's pool, in the order of the summary; `None` where too little is known.
pub fn pools(summary: &Summary) -> Vec<Option<Pool>> {
    let width = summary.load_width.0.max(1);
    let doublings = doublings(width);
    summary
        .upstreams
        .iter()
        .map(|upstream| pool(&coarse(&upstream.loads, doublings), width << doublings))
        .collect()
}

/// Part of the workers' time that is busy where all of them are: a window may begin or end with a free one.
const BUSY: f64 = 0.95;

/// How long at most all workers of an upstream were busy on end between two points in time, in µs.
pub fn longest_full(
    summary: &Summary,
    upstream: &Upstream,
    pool: Pool,
    from: Stamp,
    until: Stamp,
) -> f64 {
    let width = summary.load_width.0.max(1);
    let doublings = doublings(width);
    let loads = coarse(&upstream.loads, doublings);
    on_end(&loads, width << doublings, pool, from, until)
}

fn on_end(loads: &[Load], width: u64, pool: Pool, from: Stamp, until: Stamp) -> f64 {
    let start = |load: &Load| load.window.saturating_mul(width as i64);
    let within =
        |load: &&Load| start(load).saturating_add(width as i64) > from.0 && start(load) < until.0;
    let enough = BUSY * pool.workers as f64 * width as f64;
    let (mut longest, mut run, mut next) = (0_u64, 0_u64, i64::MIN);
    for load in loads.iter().filter(within) {
        let goes_on = load.window == next;
        run = match (load.busy as f64 >= enough, goes_on) {
            (true, true) => run + 1,
            (true, false) => 1,
            (false, _) => 0,
        };
        next = load.window.saturating_add(1);
        longest = longest.max(run);
    }
    longest as f64 * width as f64
}

/// How often the width of the load's windows is doubled.
fn doublings(width: u64) -> u32 {
    (0..20).find(|n| width << n >= LEAST_WIDTH).unwrap_or(0)
}

/// Loads of wider windows.
fn coarse(loads: &[Load], doublings: u32) -> Vec<Load> {
    let mut wide: Vec<Load> = Vec::new();
    for load in loads {
        let window = load.window >> doublings;
        match wide.last_mut() {
            Some(last) if last.window == window => {
                last.flight += load.flight;
                last.busy += load.busy;
            }
            _ => wide.push(Load { window, ..*load }),
        }
    }
    wide
}

fn pool(loads: &[Load], width: u64) -> Option<Pool> {
    let (first, last) = (loads.first()?, loads.last()?);
    let busy: f64 = loads.iter().map(|load| load.busy as f64).sum();
    if busy <= 0.0 || loads.len() < limits::LEAST_WINDOWS {
        return None;
    }
    let workers = |load: &Load| load.busy as f64 / width as f64;
    let waiting = |load: &Load| (load.flight.saturating_sub(load.busy)) as f64 / width as f64;
    let peak = loads.iter().map(workers).fold(0.0, f64::max);
    // Full is where requests wait while nearly as many workers run as ever do.
    let queue = (0.1 * peak).max((0.25 * peak).min(1.0));
    let full: Vec<&Load> = loads
        .iter()
        .filter(|load| workers(load) >= 0.8 * peak && waiting(load) >= queue)
        .collect();
    let was_full = full.len() >= 3;
    let estimate = if was_full {
        // No more workers than there are can be busy, and where several queues stand behind one address all
        // of them are full but now and then.
        full.iter().map(|load| workers(load)).fold(0.0, f64::max)
    } else {
        peak
    };
    let size = (estimate.round() as u64).max(1);
    let time = (last.window - first.window + 1) as f64 * width as f64 * size as f64;
    Some(Pool {
        workers: size,
        was_full,
        utilisation: (busy / time).min(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_shows_its_size() {
        let load = |window: i64, flight: u64, busy: u64| Load {
            window,
            flight,
            busy,
        };
        let mut loads: Vec<Load> = (0..30).map(|w| load(w, 3_100_000, 3_000_000)).collect();
        loads[10..20]
            .iter_mut()
            .for_each(|l| *l = load(l.window, 40_000_000, 16_000_000));
        let pool = pool(&loads, 1_000_000).unwrap();
        assert_eq!((pool.workers, pool.was_full), (16, true));
        assert!((pool.utilisation - 220.0 / 480.0).abs() < 1e-9);
    }

    #[test]
    fn full_on_end_is_the_longest_time_in_which_all_are_busy() {
        let load = |window: i64, busy: u64| Load {
            window,
            flight: busy,
            busy,
        };
        // Windows of 4 s: full in 3 to 5 and 8, and one that is missing in 9.
        let busy = [4, 4, 4, 8, 8, 8, 7, 1, 8];
        let mut loads: Vec<Load> = (0..)
            .zip(busy)
            .map(|(w, b)| load(w, b * 4_000_000))
            .collect();
        loads.push(load(10, 32_000_000));
        let pool = Pool {
            workers: 8,
            was_full: true,
            utilisation: 0.5,
        };
        let longest = |from: i64, until: i64| {
            on_end(
                &loads,
                4_000_000,
                pool,
                Stamp(from * 1_000_000),
                Stamp(until * 1_000_000),
            )
        };
        assert_eq!(longest(0, 44), 12e6);
        // The window in which it begins counts too.
        assert_eq!(longest(19, 44), 8e6);
        assert_eq!(longest(28, 44), 4e6);
        assert_eq!(longest(0, 8), 0.0);
    }

    #[test]
    fn a_pool_of_two_can_be_full_too() {
        let load = |window: i64, flight: u64, busy: u64| Load {
            window,
            flight,
            busy,
        };
        let mut loads: Vec<Load> = (0..30).map(|w| load(w, 500_000, 500_000)).collect();
        loads[10..20]
            .iter_mut()
            .for_each(|l| *l = load(l.window, 2_700_000, 2_000_000));
        let pool = pool(&loads, 1_000_000).unwrap();
        assert_eq!((pool.workers, pool.was_full), (2, true));
    }

    #[test]
    fn nothing_is_said_of_little() {
        assert_eq!(pool(&[], 1), None);
    }
}
