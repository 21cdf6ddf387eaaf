//! How many workers an upstream has, and how busy they are.
//!
//! Where the application has a clock, the time of workers in use is known window by window; it cannot
//! exceed the pool, and while requests wait it reaches it.

use super::limits;
use super::stretch::percentile;
use crate::summary::{Load, Summary};

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
    let doublings = (0..20).find(|n| width << n >= LEAST_WIDTH).unwrap_or(0);
    summary
        .upstreams
        .iter()
        .map(|upstream| pool(&coarse(&upstream.loads, doublings), width << doublings))
        .collect()
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
    let full: Vec<&Load> = loads
        .iter()
        .filter(|load| {
            workers(load) >= 0.8 * peak && waiting(load) >= 1.0 && waiting(load) >= 0.1 * peak
        })
        .collect();
    let was_full = full.len() >= 3;
    let estimate = if was_full {
        // At the edges of a full time a window is full in part; most are in the middle.
        percentile(full.iter().map(|load| workers(load)), 75)?
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
    fn nothing_is_said_of_little() {
        assert_eq!(pool(&[], 1), None);
    }
}
