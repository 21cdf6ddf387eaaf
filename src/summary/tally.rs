//! The mergeable accumulators: of a phase, of an endpoint, of an upstream.
//!
//! Integers only, and merging is addition, minimum and maximum: it is associative and commutative,
//! an empty tally changes nothing. Tallies are frozen into plain numbers by [`super::freeze()`].

use super::cells::History;
use super::extent::Extent;
use super::failures::Failures;
use super::histogram::{Growth, Histogram};
use super::pool::Pool;
use super::runs::{COMPARED, Counts, RunTallies};
use super::sample::Sample;
use super::sizes::Sizes;
use super::slowest::Slowest;
use super::sparse::Slot;
use super::stored::MOST_COUNTED;
use crate::phases::{Basis, Ending, Phase, Phases};
use crate::record::Record;
use crate::stamp::Stamp;
use crate::unit::Micros;

/// By phase, whether its durations are counted in runs where there are any.
const IS_COMPARED: [bool; Phase::COUNT] = {
    let mut is = [false; Phase::COUNT];
    let mut at = 0;
    while at < COMPARED.len() {
        is[COMPARED[at] as usize] = true;
        at += 1;
    }
    is
};

/// The durations of one phase.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(try_from = "StoredPhase")]
pub struct PhaseTally {
    /// How many.
    pub count: u64,
    /// Their sum in µs; 64 bits last for half a million years.
    pub sum: u64,
    /// The shortest; `u64::MAX` while there is none.
    pub min: u64,
    /// The longest.
    pub max: u64,
    /// How often which.
    pub histogram: Histogram,
    /// Those that were cut off, and so are lower bounds.
    pub censored: Option<Box<Histogram>>,
}

/// A phase on disk: count, sum, the shortest (0 where there is none), the longest, and the histograms.
type StoredPhase = (u64, u64, u64, u64, Histogram, Option<Box<Histogram>>);

impl serde::Serialize for PhaseTally {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let min = if self.count == 0 { 0 } else { self.min };
        let stored = (
            self.count,
            self.sum,
            min,
            self.max,
            &self.histogram,
            &self.censored,
        );
        stored.serialize(serializer)
    }
}

impl TryFrom<StoredPhase> for PhaseTally {
    type Error = &'static str;

    fn try_from(stored: StoredPhase) -> Result<Self, Self::Error> {
        let (count, sum, min, max, histogram, censored) = stored;
        if min > max || count >= MOST_COUNTED {
            return Err("a duration that is none");
        }
        Ok(PhaseTally {
            count,
            sum,
            min: if count == 0 { u64::MAX } else { min },
            max,
            histogram,
            censored,
        })
    }
}

impl Default for PhaseTally {
    fn default() -> Self {
        PhaseTally {
            count: 0,
            sum: 0,
            min: u64::MAX,
            max: 0,
            histogram: Histogram::default(),
            censored: None,
        }
    }
}

impl PhaseTally {
    /// Counts a duration.
    #[inline]
    pub fn record(&mut self, duration: Micros, growth: Growth) {
        self.record_sums(duration);
        self.histogram.record(duration.0, growth);
    }

    /// Takes the smaller form of the histogram.
    pub fn shrink(&mut self) {
        self.histogram.shrink();
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.histogram.bytes()
            + self
                .censored
                .as_ref()
                .map_or(0, |censored| censored.bytes())
    }

    /// Counts a duration of which the histogram is kept elsewhere.
    #[inline]
    fn record_sums(&mut self, duration: Micros) {
        self.count += 1;
        self.sum = self.sum.saturating_add(duration.0);
        // Mostly neither: asked before anything is written.
        if duration.0 < self.min {
            self.min = duration.0;
        }
        if duration.0 > self.max {
            self.max = duration.0;
        }
    }

    /// Counts a duration, which is a lower bound where the request was cut off.
    #[inline]
    pub fn record_as(&mut self, ending: Ending, duration: Micros, growth: Growth) {
        self.record(duration, growth);
        self.record_ending(ending, duration);
    }

    /// Counts that a duration is a lower bound, where it is.
    #[inline]
    fn record_ending(&mut self, ending: Ending, duration: Micros) {
        if ending == Ending::Censored {
            self.censored
                .get_or_insert_default()
                .record(duration.0, Growth::Small);
        }
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &PhaseTally, growth: Growth) {
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.histogram.merge(&other.histogram, growth);
        if let Some(censored) = &other.censored {
            self.censored
                .get_or_insert_default()
                .merge(censored, Growth::Small);
        }
    }
}

/// All that is counted of one endpoint.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Records.
    pub requests: u64,
    /// Records with a status of 400 to 499.
    pub errors_4xx: u64,
    /// Records with a status of 500 and over.
    pub errors_5xx: u64,
    /// Records that were cut off (499, 504).
    pub censored: u64,
    /// Records that became a tunnel or stream, and are kept out of all latency.
    pub upgraded: u64,
    /// Records of which some phase was negative and counts as zero.
    pub clamped: u64,
    /// Records without any duration.
    pub without_duration: u64,
    /// Bytes sent to clients.
    pub bytes: u64,
    /// Busy time in µs.
    pub busy: u64,
    /// Records that kept a worker busy and were not cut off: those of which wait could be known.
    pub served: u64,
    /// The phases, by [`Phase`].
    pub phases: [PhaseTally; Phase::COUNT],
    /// The slowest requests, as many as the run asks for.
    pub slowest: Slowest,
    /// The runs to compare, where the question asks for them. On disk they stand beside it, see `packed`.
    #[serde(skip)]
    pub runs: Option<Box<RunTallies>>,
    /// What happened in each window.
    pub history: History,
    /// A few lines.
    pub sample: Sample,
    /// Own time by size.
    pub sizes: Sizes,
    /// Requests that failed, by who sent them.
    pub failures: Failures,
}

impl Tally {
    /// Whether the window of a source in which a record arrived is the open one: the rest of the window is
    /// made of what is counted here until it is closed.
    #[inline]
    pub fn is_open(&self, source: u32, arrival: Stamp) -> bool {
        let runs = self.runs.as_ref();
        runs.is_some_and(|runs| runs.is_open(source, arrival))
    }

    /// Opens the window of a source in which a record arrived, of some width, see [`RunTallies::opens`]; where
    /// it came too late for that it is counted there, and [`Tally::record_late`] is for it.
    #[cold]
    pub fn comes_late(
        &mut self,
        run: (u32, u32),
        arrival: Stamp,
        record: &Record<'_>,
        phases: &Phases,
    ) -> bool {
        let counted = self.counts();
        let runs = self.runs.get_or_insert_default();
        let is_late = !runs.opens(run, arrival, &mut self.phases, counted);
        if is_late {
            runs.record_late(run.0, arrival, record.status, phases);
        }
        is_late
    }

    /// Counts a record of which the durations of the [`COMPARED`] phases were counted in its run: once in a
    /// window they need not be counted in the whole too, see [`Tally::fill`].
    #[cold]
    pub fn record_late(&mut self, record: &Record<'_>, phases: &Phases, growth: Growth) {
        self.count::<true>(record, phases, growth);
    }

    /// Counts a record.
    // Inlined by force, as what it calls: a call costs as much as a phase.
    #[inline(always)]
    pub fn record(&mut self, record: &Record<'_>, phases: &Phases, growth: Growth) {
        self.count::<false>(record, phases, growth);
    }

    /// Closes the window of a run that is open.
    pub fn close(&mut self) {
        let counted = self.counts();
        if let Some(runs) = &mut self.runs {
            runs.close(&mut self.phases, counted);
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            requests: self.requests,
            errors: [self.errors_4xx, self.errors_5xx],
            busy: self.busy,
        }
    }

    #[inline(always)]
    fn count<const LATE: bool>(&mut self, record: &Record<'_>, phases: &Phases, growth: Growth) {
        self.requests += 1;
        match record.status {
            Some(400..=499) => self.errors_4xx += 1,
            Some(500..) => self.errors_5xx += 1,
            _ => {}
        }
        self.bytes = self.bytes.saturating_add(record.bytes.unwrap_or(0));
        self.clamped += u64::from(phases.clamped);
        let mut any = false;
        match phases.ending {
            Ending::Upgraded => {
                self.upgraded += 1;
                return;
            }
            Ending::Whole => {
                for (at, duration) in phases.places() {
                    let tally = &mut self.phases[at];
                    if LATE && IS_COMPARED[at] {
                        tally.record_sums(duration);
                    } else {
                        tally.record(duration, growth);
                    }
                }
                any = !phases.is_empty();
                self.served += u64::from(phases.busy.is_some());
            }
            Ending::Censored => {
                self.censored += 1;
                for (phase, duration) in phases.iter() {
                    any = true;
                    let tally = &mut self.phases[phase as usize];
                    if LATE && IS_COMPARED[phase as usize] {
                        tally.record_sums(duration);
                    } else {
                        tally.record(duration, growth);
                    }
                    if matches!(phase, Phase::Total | Phase::Upstream) {
                        tally.record_ending(phases.ending, duration);
                    }
                }
            }
        }
        if let Some((_, busy)) = phases.busy {
            self.busy = self.busy.saturating_add(busy.0);
        }
        self.without_duration += u64::from(!any);
    }

    /// Adds another tally, but for its course, and takes its runs.
    pub fn merge(&mut self, other: &mut Tally, growth: Growth) {
        self.close();
        other.close();
        self.add(other, growth);
        if let Some(theirs) = other.runs.take() {
            self.runs.get_or_insert_default().merge(*theirs);
        }
    }

    /// Adds another tally, but for its runs.
    pub fn add(&mut self, other: &Tally, growth: Growth) {
        self.requests += other.requests;
        self.errors_4xx += other.errors_4xx;
        self.errors_5xx += other.errors_5xx;
        self.censored += other.censored;
        self.upgraded += other.upgraded;
        self.clamped += other.clamped;
        self.without_duration += other.without_duration;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.busy = self.busy.saturating_add(other.busy);
        self.served += other.served;
        for (mine, theirs) in self.phases.iter_mut().zip(&other.phases) {
            if theirs.count > 0 {
                mine.merge(theirs, growth);
            }
        }
        self.slowest.merge(&other.slowest);
    }

    /// Adds up what its runs hold of the [`COMPARED`] phases, once, before their histograms are looked at.
    pub fn fill(&mut self) {
        self.close();
        if let Some(runs) = &self.runs {
            for (at, phase) in COMPARED.into_iter().enumerate() {
                runs.add_times(at, &mut self.phases[phase as usize].histogram);
            }
        }
    }

    /// Adds what another did over time, which must be on the same grid.
    pub fn merge_course(&mut self, other: &Tally) {
        self.history.merge(&other.history);
        self.sample.merge(&other.sample);
        self.sizes.merge(&other.sizes);
        self.failures.merge(&other.failures);
    }

    /// Puts everything into the one form that it has whatever order it came in; `extents` are those of its runs,
    /// by source, and `places` what their sources are called from here on.
    pub(super) fn settle(&mut self, extents: &[Extent], places: &[usize]) {
        self.close();
        if let Some(runs) = &mut self.runs {
            runs.climb(extents);
            runs.place(places);
        }
        self.history.settle();
        self.sample.settle();
        self.sizes.settle();
        self.failures.settle();
    }

    /// Whether no count is more than a log has; of the runs only that they hold each duration.
    pub(super) fn is_sound(&self) -> bool {
        let counts = [
            self.requests,
            self.errors_4xx,
            self.errors_5xx,
            self.censored,
            self.upgraded,
            self.clamped,
            self.without_duration,
            self.served,
        ];
        let durations_are_counted = Phase::ALL.into_iter().all(|phase| {
            let compared = COMPARED.into_iter().position(|compared| compared == phase);
            let in_runs = compared
                .zip(self.runs.as_ref())
                .map_or(0, |(at, runs)| runs.times(at));
            let tally = &self.phases[phase as usize];
            tally.histogram.total().saturating_add(in_runs) == tally.count
        });
        counts.iter().all(|count| *count < MOST_COUNTED)
            && durations_are_counted
            && self.history.is_sound()
            && self.sample.is_sound()
            && self.sizes.is_sound()
            && self.failures.is_sound()
    }

    /// Takes the smaller form of each histogram.
    pub fn shrink(&mut self) {
        for phase in &mut self.phases {
            phase.shrink();
        }
    }

    /// Bytes on the heap and of itself, but for what is kept over time: that has caps of its own.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let histograms: usize = self.phases.iter().map(PhaseTally::bytes).sum();
        let runs = self.runs.as_ref().map_or(0, |runs| runs.bytes());
        size_of::<Tally>() + histograms + self.slowest.bytes() + runs + self.sizes.bytes()
    }
}

/// What is counted of one upstream server.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct UpstreamTally {
    /// Records that it answered.
    pub requests: u64,
    /// Of these, those with a status of 500 and over.
    pub errors_5xx: u64,
    /// Its busy time in µs.
    pub busy: u64,
    /// What stands for it in cells.
    pub slot: Slot,
    /// Its load in each window.
    pub pool: Pool,
}

impl UpstreamTally {
    /// Counts a record.
    pub fn record(&mut self, record: &Record<'_>, phases: &Phases) {
        self.requests += 1;
        self.errors_5xx += u64::from(record.status.is_some_and(|status| status >= 500));
        self.busy = self
            .busy
            .saturating_add(phases.busy.map_or(0, |(_, busy)| busy.0));
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &UpstreamTally) {
        self.requests += other.requests;
        self.errors_5xx += other.errors_5xx;
        self.busy = self.busy.saturating_add(other.busy);
        self.slot = other.slot;
        self.pool.merge(&other.pool);
    }
}

impl UpstreamTally {
    /// Whether no count is more than a log has.
    pub(super) fn is_sound(&self) -> bool {
        self.requests < MOST_COUNTED && self.errors_5xx < MOST_COUNTED && self.pool.is_sound()
    }
}

/// How often busy time came from which phase.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub struct Bases([u64; 4]);

impl Bases {
    /// Counts one.
    #[inline]
    pub fn record(&mut self, basis: Basis) {
        self.0[basis as usize] += 1;
    }

    /// Adds another count.
    pub fn merge(&mut self, other: &Bases) {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Whether no count is more than a log has.
    pub(super) fn is_sound(&self) -> bool {
        self.0.iter().all(|count| *count < MOST_COUNTED)
    }

    /// The best basis that any record had; total where none had any.
    #[must_use]
    pub fn best(&self) -> Basis {
        [Basis::App, Basis::Server, Basis::Upstream]
            .into_iter()
            .find(|basis| self.0[*basis as usize] > 0)
            .unwrap_or(Basis::Total)
    }
}
