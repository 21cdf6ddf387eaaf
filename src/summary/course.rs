//! The course of a log: the grids on which endpoints and upstreams are kept over time, and how much of
//! it there may be.
//!
//! There are caps for all endpoints together. Where one is passed, windows become twice as wide, or
//! sampled lines rarer, for all of them: so what is kept follows from the whole log alone, whatever the
//! order and the division among workers. Each worker keeps to the caps of the whole, because none can
//! know what the others have.

use hashbrown::HashMap;

use super::Question;
use super::cells::{MetricNames, NOWHERE, slot};
use super::failures::{self, Rarity};
use super::sample::{Sampled, Scarcity};
use super::sparse::{Grid, Windows};
use super::tallies::Tallies;
use super::tally::{Tally, UpstreamTally};
use crate::grammar::Field;
use crate::phases::{Ending, Phase, Phases};
use crate::record::Record;
use crate::record::server_timing::metrics;
use crate::stamp::Stamp;

type Endpoints = HashMap<Box<[u8]>, Box<Tally>>;
type Upstreams = HashMap<Box<[u8]>, UpstreamTally>;

/// The grids and what is kept on them.
#[derive(Debug, Clone)]
pub struct Course {
    /// The windows of the endpoints' cells.
    pub(super) cells: Windows,
    /// The windows of the upstreams' load.
    pub(super) loads: Windows,
    /// The windows of the metrics of Server-Timing: a log that has many must not coarsen the cells.
    pub(super) timings: Windows,
    pub(super) metrics: MetricNames,
    scarcity: Scarcity,
    pub(super) rarity: Rarity,
    kept: Kept,
    /// The caps.
    most: Kept,
    /// When to look again.
    look: Kept,
}

/// Numbers of what is kept.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    /// Entries of endpoints, but for the first of each: that is part of the price of an endpoint.
    cells: usize,
    /// Entries of upstreams.
    loads: usize,
    /// Entries of metrics.
    timings: usize,
    /// Sampled lines.
    lines: usize,
    /// Failures, by their weight.
    failures: usize,
}

/// Parts of the memory that are for cells, load, metrics and lines; with repetitions twice as much. Lines have a
/// quarter of a KiB each in mind, and there are few upstreams. Chosen, not measured.
const CELLS_PART: usize = 48;
const LOADS_PART: usize = 96;
const TIMINGS_PART: usize = 96;
const LINES_PART: usize = 64;
const FAILURES_PART: usize = 64;
/// Bytes of a cell, of a load and of a metric, each with its key, and of a sampled line.
const CELL: usize = 72;
const LOAD: usize = 40;
const TIMING: usize = 24;
const LINE: usize = 512;

impl Kept {
    /// The caps that go with so many bytes for all tallies.
    fn most(memory: usize) -> Kept {
        Kept {
            cells: memory / CELLS_PART / CELL,
            loads: memory / LOADS_PART / LOAD,
            timings: memory / TIMINGS_PART / TIMING,
            lines: memory / LINES_PART / LINE,
            failures: memory / FAILURES_PART / failures::EVENT,
        }
    }

    /// Whether there is anything.
    #[inline]
    fn is_any(&self) -> bool {
        (self.cells | self.loads | self.timings | self.lines | self.failures) != 0
    }

    fn add(&mut self, more: Kept) {
        self.cells += more.cells;
        self.loads += more.loads;
        self.timings += more.timings;
        self.lines += more.lines;
        self.failures += more.failures;
    }
}

impl Course {
    /// Nothing yet.
    pub fn new(question: &Question) -> Course {
        let most = Kept::most(question.memory);
        let grid = Grid::new(question.window_seconds);
        Course {
            cells: Windows::new(grid),
            loads: Windows::new(grid),
            timings: Windows::new(grid),
            metrics: MetricNames::default(),
            scarcity: Scarcity::default(),
            rarity: Rarity::default(),
            kept: Kept::default(),
            most,
            look: Kept {
                cells: 2 * most.cells,
                loads: 2 * most.loads,
                timings: 2 * most.timings,
                lines: most.lines,
                failures: most.failures,
            },
        }
    }

    /// Keeps to the caps of this memory from the next look on.
    pub fn limit(&mut self, memory: usize) {
        self.most = Kept::most(memory);
        self.look = self.most;
    }

    /// Bytes of what is kept, about.
    pub fn bytes(&self) -> usize {
        self.kept.cells * CELL
            + self.kept.loads * LOAD
            + self.kept.timings * TIMING
            + self.kept.lines * LINE
            + self.kept.failures * failures::EVENT
    }

    /// Counts a record at its endpoint and its upstream; says whether more is kept for it.
    #[inline]
    pub fn record(
        &mut self,
        tally: &mut Tally,
        upstream: Option<&mut UpstreamTally>,
        record: &Record<'_>,
        arrival: Option<Stamp>,
        phases: &Phases,
    ) -> bool {
        let mut more = Kept::default();
        let mut slot = NOWHERE;
        if let Some(upstream) = upstream {
            upstream.record(record, phases);
            slot = upstream.slot;
            if let Some(arrival) = arrival {
                more.loads = upstream.pool.record(&mut self.loads, arrival, phases);
            }
        }
        if phases.ending != Ending::Upgraded {
            if let Some(arrival) = arrival {
                let window = self.cells.find(arrival);
                more.cells = tally.history.record(window, arrival, slot, record, phases);
                if failures::is_failure(record) {
                    let total = phases.get(Phase::Total);
                    more.failures = tally.failures.record(self.rarity, record, arrival, total);
                }
                // Cut off, an answer has no header; from cache it has that of another request.
                if let Some(header) = record.text(Field::ServerTiming)
                    && phases.ending == Ending::Whole
                    && phases.busy.is_some()
                {
                    let window = self.timings.find(arrival);
                    more.timings = self.record_metrics(tally, header, window);
                }
            }
            tally.sizes.record(record, phases);
            let is_kept = tally.sample.record(self.scarcity, record, arrival, phases);
            more.lines = usize::from(is_kept);
        }
        let is_more = more.is_any();
        if is_more {
            self.kept.add(more);
        }
        is_more
    }

    fn record_metrics(&mut self, tally: &mut Tally, header: &[u8], window: i64) -> usize {
        let mut more = 0;
        for metric in metrics(header) {
            if let Some(duration) = metric.duration
                && let Some(slot) = self.metrics.slot(metric.name)
            {
                more += tally.history.record_timing(window, slot, duration.0);
            }
        }
        more
    }

    /// Whether there may be more than the caps allow.
    pub fn is_full(&self) -> bool {
        self.kept.cells > self.look.cells
            || self.kept.loads > self.look.loads
            || self.kept.timings > self.look.timings
            || self.kept.lines > self.look.lines
            || self.kept.failures > self.look.failures
    }

    /// Makes room where there may be too much. What is not full is not settled: sorting windows costs more
    /// than counting them.
    #[cold]
    pub fn make_room(&mut self, endpoints: &mut Endpoints, upstreams: &mut Upstreams) {
        let windows = self.kept.cells > self.look.cells || self.kept.timings > self.look.timings;
        if windows || self.kept.loads > self.look.loads {
            return self.keep_to_most(endpoints, upstreams);
        }
        self.thin_to_most(endpoints, upstreams);
    }

    /// Keeps to the caps.
    #[cold]
    pub fn keep_to_most(&mut self, endpoints: &mut Endpoints, upstreams: &mut Upstreams) {
        endpoints
            .values_mut()
            .for_each(|tally| tally.history.settle());
        upstreams
            .values_mut()
            .for_each(|upstream| upstream.pool.settle());
        self.count(endpoints, upstreams);
        while self.kept.cells > self.most.cells && self.cells.grid().can_double() {
            self.coarsen_cells(endpoints);
            self.count(endpoints, upstreams);
        }
        while self.kept.loads > self.most.loads && self.loads.grid().can_double() {
            self.coarsen_loads(upstreams);
            self.count(endpoints, upstreams);
        }
        while self.kept.timings > self.most.timings && self.timings.grid().can_double() {
            self.coarsen_timings(endpoints);
            self.count(endpoints, upstreams);
        }
        // Twice what is there where nothing more could be given up, so that looking stays rare.
        self.look.cells = 2 * self.most.cells.max(self.kept.cells);
        self.look.loads = 2 * self.most.loads.max(self.kept.loads);
        self.look.timings = 2 * self.most.timings.max(self.kept.timings);
        self.thin_to_most(endpoints, upstreams);
    }

    /// Keeps to the caps of lines and failures.
    fn thin_to_most(&mut self, endpoints: &mut Endpoints, upstreams: &Upstreams) {
        self.count(endpoints, upstreams);
        while self.kept.lines > self.most.lines && self.scarcity < Scarcity::MOST {
            self.scarcity = self.scarcity.next();
            self.thin(endpoints);
            self.count(endpoints, upstreams);
        }
        while self.kept.failures > self.most.failures && self.rarity < Rarity::MOST {
            self.rarity = self.rarity.next();
            self.thin(endpoints);
            self.count(endpoints, upstreams);
        }
        self.look.lines = self
            .most
            .lines
            .max(2 * self.kept.lines.saturating_sub(self.most.lines));
        self.look.failures = self.most.failures.max(2 * self.kept.failures);
    }

    fn count(&mut self, endpoints: &Endpoints, upstreams: &Upstreams) {
        self.kept = Kept {
            cells: endpoints
                .values()
                .map(|tally| tally.history.len().saturating_sub(1))
                .sum(),
            loads: upstreams.values().map(|upstream| upstream.pool.len()).sum(),
            timings: endpoints
                .values()
                .map(|tally| tally.history.timings_len())
                .sum(),
            lines: endpoints.values().map(|tally| tally.sample.len()).sum(),
            failures: endpoints
                .values()
                .map(|tally| tally.failures.weight())
                .sum(),
        };
    }

    fn coarsen_cells(&mut self, endpoints: &mut Endpoints) {
        let grid = self.cells.grid();
        endpoints
            .values_mut()
            .for_each(|tally| tally.history.coarsen(grid));
        self.cells.coarsen();
    }

    fn coarsen_timings(&mut self, endpoints: &mut Endpoints) {
        let grid = self.timings.grid();
        endpoints
            .values_mut()
            .for_each(|tally| tally.history.coarsen_timings(grid));
        self.timings.coarsen();
    }

    fn coarsen_loads(&mut self, upstreams: &mut Upstreams) {
        let grid = self.loads.grid();
        upstreams
            .values_mut()
            .for_each(|upstream| upstream.pool.coarsen(grid));
        self.loads.coarsen();
    }

    fn thin(&self, endpoints: &mut Endpoints) {
        for tally in endpoints.values_mut() {
            tally.sample.thin(self.scarcity);
            tally.failures.thin(self.rarity);
        }
    }

    /// Brings the tallies of two workers onto the same grids.
    pub fn meet(
        &mut self,
        endpoints: &mut Endpoints,
        upstreams: &mut Upstreams,
        other: &mut Tallies,
    ) {
        let theirs = &mut other.course;
        while self.cells.grid() < theirs.cells.grid() {
            self.coarsen_cells(endpoints);
        }
        while theirs.cells.grid() < self.cells.grid() {
            theirs.coarsen_cells(&mut other.endpoints);
        }
        while self.loads.grid() < theirs.loads.grid() {
            self.coarsen_loads(upstreams);
        }
        while theirs.loads.grid() < self.loads.grid() {
            theirs.coarsen_loads(&mut other.upstreams);
        }
        while self.timings.grid() < theirs.timings.grid() {
            self.coarsen_timings(endpoints);
        }
        while theirs.timings.grid() < self.timings.grid() {
            theirs.coarsen_timings(&mut other.endpoints);
        }
        self.scarcity = self.scarcity.max(theirs.scarcity);
        theirs.scarcity = self.scarcity;
        self.rarity = self.rarity.max(theirs.rarity);
        theirs.rarity = self.rarity;
        self.thin(endpoints);
        theirs.thin(&mut other.endpoints);
        self.metrics.merge(std::mem::take(&mut theirs.metrics));
    }
}

/// The course on disk, without what the endpoints and upstreams hold of it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct StoredCourse {
    cells: Grid,
    loads: Grid,
    timings: Grid,
    metrics: MetricNames,
    scarcity: Scarcity,
    rarity: Rarity,
}

impl StoredCourse {
    /// Whether it was made for this question.
    pub(super) fn is_sound(&self, question: &Question) -> bool {
        let finest = Grid::new(question.window_seconds);
        self.cells.is_of(finest)
            && self.loads.is_of(finest)
            && self.timings.is_of(finest)
            && self.scarcity <= Scarcity::MOST
            && self.rarity <= Rarity::MOST
    }
}

impl Course {
    /// What is written to disk.
    pub(super) fn store(self) -> StoredCourse {
        StoredCourse {
            cells: self.cells.grid(),
            loads: self.loads.grid(),
            timings: self.timings.grid(),
            metrics: self.metrics,
            scarcity: self.scarcity,
            rarity: self.rarity,
        }
    }

    /// Takes what was written.
    pub(super) fn restore(&mut self, stored: StoredCourse) {
        self.cells = Windows::new(stored.cells);
        self.loads = Windows::new(stored.loads);
        self.timings = Windows::new(stored.timings);
        self.metrics = stored.metrics;
        self.scarcity = stored.scarcity;
        self.rarity = stored.rarity;
    }
}

impl UpstreamTally {
    /// Nothing yet of the upstream of this address.
    pub fn new(address: &[u8]) -> UpstreamTally {
        UpstreamTally {
            slot: slot(address),
            ..UpstreamTally::default()
        }
    }
}

/// A sampled line is small beside its texts.
const _: () = assert!(size_of::<Sampled>() < LINE / 3);
