//! The latency of one endpoint over time: how many requests in which band of duration, cell by cell.

use crate::phases::Phase;
use crate::report::BANDS;
use crate::summary::Tally;
use crate::unit::Micros;

/// Requests by cell of time and band of duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heat {
    /// The length of a cell.
    pub width: Micros,
    /// The cells, oldest first; each with one count for a band.
    pub cells: Vec<[u64; BANDS.len()]>,
}

impl Heat {
    /// So many empty cells.
    #[must_use]
    pub fn new(cells: usize, width: Micros) -> Self {
        Heat {
            width,
            cells: vec![[0; BANDS.len()]; cells],
        }
    }

    /// Adds the whole durations of an endpoint to a cell.
    pub fn add(&mut self, cell: usize, tally: &Tally) {
        let Some(counts) = self.cells.get_mut(cell) else {
            return;
        };
        let total = &tally.phases[Phase::Total as usize];
        for bucket in total.histogram.buckets() {
            // OK because the first band begins at 0.
            let band = BANDS.partition_point(|begin| *begin <= bucket.middle()) - 1;
            counts[band] += bucket.count;
        }
    }
}
