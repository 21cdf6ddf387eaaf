//! How many requests wait at an upstream, by Little's law: the time that requests wait in a window is the
//! width of the window times the requests that wait in it, and these are the ones in hand beyond the workers,
//! in whatever order they are taken up.
//!
//! So where wait is long, and was told by other means, it tells the number of workers; and that number tells
//! the wait of quiet times, which is too short to be told from times that scatter and hides in what is usual.

use super::panel::Panel;
use crate::stamp::Stamp;
use crate::summary::Summary;

/// What an upstream has in hand over time.
#[derive(Debug)]
pub struct Queue {
    /// The width of the windows of its load, in µs.
    width: f64,
    /// Windows of the panel, and the requests in hand on average in a window of the load within.
    in_hand: Vec<(usize, f64)>,
}

impl Queue {
    /// That of an upstream; `None` where the log does not name it, or its load was kept more coarsely than
    /// the windows of the panel.
    pub fn of(summary: &Summary, panel: &Panel, slot: u16) -> Option<Queue> {
        let width = summary.load_width;
        let upstream = summary.upstreams.iter().find(|one| one.slot == slot)?;
        if width.0 == 0 || width > panel.width {
            return None;
        }
        let in_hand = upstream.loads.iter().filter_map(|load| {
            let start = Stamp(load.window.saturating_mul(width.0 as i64));
            Some((panel.window(start)?, load.flight as f64 / width.0 as f64))
        });
        Some(Queue {
            width: width.0 as f64,
            in_hand: in_hand.collect(),
        })
    }

    /// How many workers there are if requests wait for so long in these windows, in µs, and a standard error
    /// more, so that rather too little wait is told by them than too much. `None` where so much is more than
    /// all requests in hand.
    pub fn workers(&self, within: &[bool], waited: f64, error: f64) -> Option<f64> {
        let is_within = |window: usize| within.get(window).copied().unwrap_or(false);
        let of_them = self.in_hand.iter().filter(|(window, _)| is_within(*window));
        let mut in_hand: Vec<f64> = of_them.map(|(_, requests)| *requests).collect();
        in_hand.sort_unstable_by(|a, b| b.total_cmp(a));
        // The workers are as many as leave just so much beyond them in the windows that have most.
        let mut sum = 0.0;
        for (at, requests) in in_hand.iter().enumerate() {
            sum += requests;
            let full = (at + 1) as f64;
            let workers = (sum - waited / self.width) / full;
            if workers >= in_hand.get(at + 1).copied().unwrap_or(0.0) {
                return Some(workers + error / self.width / full);
            }
        }
        None
    }

    /// The time that requests wait in each of so many windows of the panel, in µs, for so many workers.
    pub fn waits(&self, workers: f64, windows: usize) -> Vec<f64> {
        let mut waits = vec![0.0; windows];
        for (window, requests) in &self.in_hand {
            if let Some(wait) = waits.get_mut(*window) {
                *wait += (requests - workers).max(0.0) * self.width;
            }
        }
        waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_and_waits_are_told_by_each_other() {
        let in_hand = [2.0, 3.5, 9.0, 12.0, 5.0, 1.0, 4.5];
        let queue = Queue {
            width: 1e6,
            in_hand: in_hand.into_iter().enumerate().collect(),
        };
        let waits = queue.waits(4.0, 7);
        assert_eq!(waits, [0.0, 0.0, 5e6, 8e6, 1e6, 0.0, 0.5e6]);
        // The queue of three of the windows tells the workers, and they that of all.
        let within = [false, false, true, true, true, true, false];
        assert_eq!(queue.workers(&within, 14e6, 0.0), Some(4.0));
        assert_eq!(queue.workers(&within, 14e6, 0.3e6), Some(4.1));
        assert_eq!(queue.workers(&within, 28e6, 0.0), None);
        assert_eq!(queue.workers(&[], 1.0, 0.0), None);
    }
}
