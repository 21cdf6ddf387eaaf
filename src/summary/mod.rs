//! From records to numbers: tallies per endpoint, window and upstream, their rayon reducer, and the
//! frozen [`Summary`].
//!
//! The summary is the waist of the program: what is to the right of it (diagnosis, reports) sees
//! plain numbers only, no record, no grammar and no histogram.

mod array;
mod cells;
mod course;
mod extent;
mod failures;
mod fifo;
mod fingerprint;
mod freeze;
mod hdr;
pub mod histogram;
mod lens;
mod packed;
mod pool;
mod reducer;
mod rejects;
mod runs;
mod sample;
mod sizes;
mod slowest;
mod sparse;
mod stored;
mod tallies;
mod tally;
mod timeline;

pub use cells::{Cell, MOST_STARTS, NOWHERE, TIMED, Timing};
pub use extent::{Ends, Span};
pub use failures::{Failing, Failure};
pub use fifo::{Doubt, Fifo, FifoPool, Refusal, WaitModel};
pub use freeze::freeze;
pub use histogram::Bucket;
pub use lens::Lens;
pub use pool::Load;
pub use reducer::{latest, reduce};
pub use rejects::RejectSink;
pub use runs::{Block, COMPARED, RunTallies};
pub use sample::{Sampled, Text};
pub use sizes::SizeBucket;
pub use slowest::SlowRequest;
pub use sparse::Slot;
pub use stored::Stored;
pub use tallies::{FileTally, Tallies};
pub use tally::{Tally, UpstreamTally};

use crate::endpoint::{Dimension, Naming};
use crate::filter::Filter;
use crate::grammar::{Field, Fields};
use crate::phases::{AppClock, Basis, Phase, Phases};
use crate::stamp::Stamp;
use crate::unit::{Micros, Quantile};

/// What a run asks of a log.
#[derive(Debug, Default)]
pub struct Question {
    /// How endpoints are named.
    pub naming: Naming,
    /// Where app time is from.
    pub clock: AppClock,
    /// Which records count.
    pub filter: Option<Filter>,
    /// Records with an earlier time stamp do not count.
    pub since: Option<Stamp>,
    /// Records with this time stamp or a later one do not count.
    pub until: Option<Stamp>,
    /// The width of a window, where it is given.
    pub window_seconds: Option<u32>,
    /// Bytes of all tallies together; see [`Question::MEMORY`].
    pub memory: usize,
    /// How many of the slowest requests are kept of the whole log.
    pub slowest: usize,
    /// How many of the slowest requests are kept of each endpoint.
    pub examples: usize,
    /// Whether each source is kept as a run that can be compared with others.
    pub runs: bool,
    /// The endpoint that gets a timeline of its own.
    pub shown: Option<Shown>,
    /// How wait is told from own time where the log does not.
    pub wait_model: WaitModel,
}

/// The endpoint that a person wants to see in full, as reports name it: `GET /blog/:slug`, or the
/// route alone for all its methods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    method: Option<Vec<u8>>,
    route: Vec<u8>,
}

impl Shown {
    /// Reads the name of an endpoint.
    #[must_use]
    pub fn new(name: &str) -> Shown {
        let name = name.trim();
        match name.split_once(' ') {
            Some((method, route)) if !name.starts_with('/') => Shown {
                method: Some(method.as_bytes().to_vec()),
                route: route.trim().as_bytes().to_vec(),
            },
            _ => Shown {
                method: None,
                route: name.as_bytes().to_vec(),
            },
        }
    }

    /// The name of an endpoint of a summary.
    #[must_use]
    pub fn of(endpoint: &Endpoint) -> Shown {
        Shown {
            method: Some(endpoint.method.clone()),
            route: endpoint.route.clone(),
        }
    }

    /// Whether it names this endpoint. A `:slug` of the name stands for any segment, because names
    /// are folded only after all records were seen.
    #[must_use]
    pub fn is(&self, method: &[u8], route: &[u8]) -> bool {
        if self
            .method
            .as_deref()
            .is_some_and(|wanted| wanted != method)
        {
            return false;
        }
        if self.route == route {
            return true;
        }
        let mut segments = route.split(|byte| *byte == b'/');
        let same = self.route.split(|byte| *byte == b'/').all(|wanted| {
            segments.next().is_some_and(|segment| {
                wanted == segment || (wanted == crate::endpoint::fold::SLUG && !segment.is_empty())
            })
        });
        same && segments.next().is_none()
    }
}

impl Question {
    /// The default for tallies over all threads: 96 MiB.
    pub const MEMORY: usize = 96 << 20;

    /// The fields that answer it.
    #[must_use]
    pub fn needs(&self) -> Fields {
        const BESIDE_PHASES: Fields = Fields::NONE
            .with(Field::Bytes)
            .with(Field::RequestLength)
            .with(Field::Request)
            .with(Field::UpstreamAddr)
            .with(Field::RemoteAddr)
            .with(Field::Host)
            .with(Field::UserAgent);
        let filter = self.filter.as_ref().map_or(Fields::NONE, Filter::needs);
        Phases::NEEDS
            .and(BESIDE_PHASES)
            .and(self.naming.needs())
            .and(filter)
    }
}

/// A log in numbers.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The sources, sorted by name.
    pub files: Vec<FileSummary>,
    /// The lines of all sources.
    pub lines: FileTally,
    /// The first and the last time stamp of the records that count.
    pub range: Option<(Stamp, Stamp)>,
    /// How wait was obtained.
    pub split: Split,
    /// What became of the FIFO reconstruction; `None` where the question did not ask for it.
    pub fifo: Option<Fifo>,
    /// The dimensions of an endpoint besides method and route.
    pub dimensions: Vec<Dimension>,
    /// All endpoints together.
    pub totals: Endpoint,
    /// The endpoints; most busy time first, then most requests, then by name.
    pub endpoints: Vec<Endpoint>,
    /// What had no room, see `approximate`.
    pub other: Option<Endpoint>,
    /// The log over time; windows without a record are absent.
    pub timeline: Vec<Window>,
    /// The timeline of the endpoint that the question wants to be shown, and the width of its
    /// windows, which may be finer than those of the whole.
    pub shown: (Micros, Vec<Window>),
    /// The upstream servers, busiest first.
    pub upstreams: Vec<Upstream>,
    /// The width of the windows of [`History::cells`].
    pub cell_width: Micros,
    /// The width of the windows of [`History::metrics`].
    pub metric_width: Micros,
    /// The width of the windows of [`Upstream::loads`].
    pub load_width: Micros,
    /// The part of all clients and targets whose failures are kept: 1 where there were not too many.
    pub failures_part: f64,
    /// The slowest requests of the log, slowest first.
    pub slowest: Vec<SlowRequest>,
    /// By source, in the order in which they were given: the runs that can be compared; empty where the
    /// question did not ask for them.
    pub runs: Vec<Run>,
    /// Why the split between rows and `(other)` is not exact, where it is not. Totals always are.
    pub approximate: Option<String>,
}

/// A source as a run of traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The first arrival and the last; `None` where no record has a time stamp.
    pub range: Option<(Stamp, Stamp)>,
    /// The width of its blocks.
    pub width: Micros,
}

/// A source and what became of its lines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct FileSummary {
    /// Its name as it was given; bytes that a stranger may have chosen.
    pub name: Vec<u8>,
    /// The name of its format; `None` where it holds no line or could not be read.
    pub format: Option<String>,
    /// The definition of its format.
    pub definition: Option<String>,
    /// The formats of its records, with how many are in each. The one of nearly all lines is first.
    pub formats: Vec<(String, u64)>,
    /// Its lines.
    pub lines: FileTally,
    /// Why it could not be read whole.
    pub error: Option<String>,
}

/// On what a number rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// The log says so.
    Measured,
    /// A model says so of every request, and passed its test.
    Inferred,
    /// Nothing says so.
    Unknown,
}

impl Knowledge {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Knowledge::Measured => "measured",
            Knowledge::Inferred => "inferred",
            Knowledge::Unknown => "unknown",
        }
    }
}

/// How wait was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// Whether it is known.
    pub wait: Knowledge,
    /// By which clock or model.
    pub by: Option<&'static str>,
    /// Records with a wait, of those that kept a worker busy and were not cut off.
    pub covered: (u64, u64),
    /// The basis of busy time.
    pub busy: Basis,
    /// The width of a window.
    pub window: Micros,
}

/// An endpoint in numbers.
#[derive(Debug, Clone, Default)]
pub struct Endpoint {
    /// The values of the dimensions, in the order of [`Summary::dimensions`].
    pub dimensions: Vec<Vec<u8>>,
    /// The method; empty where there is none.
    pub method: Vec<u8>,
    /// The route.
    pub route: Vec<u8>,
    /// Records.
    pub requests: u64,
    /// Records with a status of 400 to 499.
    pub errors_4xx: u64,
    /// Records with a status of 500 and over.
    pub errors_5xx: u64,
    /// Records that were cut off (499, 504).
    pub censored: u64,
    /// Tunnels and streams, which have no latency.
    pub upgraded: u64,
    /// Records of which a negative difference counts as zero.
    pub clamped: u64,
    /// Records without any duration.
    pub without_duration: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// Busy time.
    pub busy: Micros,
    /// The phases that any record had, by [`Phase`].
    pub phases: [Option<Distribution>; Phase::COUNT],
    /// How far the sums of wait and app time may be off, where they are inferred of every request.
    pub error: Option<Micros>,
    /// Its slowest requests, slowest first.
    pub slowest: Vec<SlowRequest>,
    /// By source: its blocks in that run, in the order of time; empty where it did not occur, where the
    /// question did not ask for runs, and for all but the busiest endpoints.
    pub runs: Vec<Vec<Block>>,
    /// What it did over time.
    pub history: History,
}

/// An endpoint over time. Empty for what is added up of several endpoints.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Its cells in the order of time, then of upstreams; those without a record are absent.
    pub cells: Vec<WindowCell>,
    /// The metrics of Server-Timing, by name.
    pub metrics: Vec<Metric>,
    /// The seconds since 1970 in which its requests began, in order; `None` where they are more than
    /// [`MOST_STARTS`].
    pub starts: Option<Vec<u32>>,
    /// Lines chosen at random, with the number of requests that each stands for; slow ones first.
    pub sample: Vec<(f64, Sampled)>,
    /// Own time by bytes received and by bytes sent, each by rising size.
    pub sizes: [Vec<SizeBucket>; 2],
    /// Requests that failed, by client and target; see [`Summary::failures_part`].
    pub failing: Vec<Failing>,
}

/// A cell and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowCell {
    /// The number of the window: it begins at this many widths since 1970.
    pub window: i64,
    /// [`TIMED`] for records whose own time is told from wait; of the others the upstream, see
    /// [`Upstream::slot`], or [`NOWHERE`].
    pub upstream: Slot,
    /// What is counted.
    pub cell: Cell,
}

/// A metric of Server-Timing over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: Vec<u8>,
    /// Windows in the order of time; those without a record are absent.
    pub windows: Vec<(i64, Timing)>,
}

impl Endpoint {
    /// A phase; `None` where no record had it.
    #[must_use]
    pub fn phase(&self, phase: Phase) -> Option<&Distribution> {
        self.phases[phase as usize].as_ref()
    }

    /// Errors of both kinds.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors_4xx + self.errors_5xx
    }

    /// Adds the numbers of another endpoint; name and examples stay.
    pub fn absorb(&mut self, other: &Endpoint) {
        self.requests += other.requests;
        self.errors_4xx += other.errors_4xx;
        self.errors_5xx += other.errors_5xx;
        self.censored += other.censored;
        self.upgraded += other.upgraded;
        self.clamped += other.clamped;
        self.without_duration += other.without_duration;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.busy = self.busy.plus(other.busy);
        self.error = match (self.error, other.error) {
            // They have one cause, so they add up.
            (Some(mine), Some(theirs)) => Some(mine.plus(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        for (mine, theirs) in self.phases.iter_mut().zip(&other.phases) {
            match (mine.as_mut(), theirs) {
                (Some(mine), Some(theirs)) => mine.absorb(theirs),
                (None, Some(theirs)) => *mine = Some(theirs.clone()),
                (_, None) => {}
            }
        }
    }
}

/// The durations of a phase; there is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// How many.
    pub count: u64,
    /// Their sum, exact.
    pub sum: Micros,
    /// The shortest, exact.
    pub min: Micros,
    /// The longest, exact.
    pub max: Micros,
    /// The buckets that are not empty, in rising order.
    pub buckets: Vec<Bucket>,
    /// The buckets of durations that were cut off and so are lower bounds; likewise.
    pub censored: Vec<Bucket>,
}

/// A quantile of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuantileValue {
    /// The value, off by at most 0.4 %.
    pub value: Micros,
    /// Whether it falls where requests were cut off, so that the true value may be larger.
    pub at_least: bool,
}

impl Distribution {
    /// The nearest-rank quantile: the `ceil(q · n)`-th smallest duration.
    #[must_use]
    pub fn quantile(&self, quantile: Quantile) -> QuantileValue {
        let rank = quantile.rank(self.count);
        let mut seen = 0;
        let bucket = self.buckets.iter().find(|bucket| {
            seen += bucket.count;
            seen >= rank
        });
        // OK because a distribution has at least one bucket.
        let value = bucket
            .map_or(self.max.0, Bucket::middle)
            .clamp(self.min.0, self.max.0);
        let at_least = bucket.is_some_and(|bucket| {
            self.censored
                .iter()
                .any(|censored| censored.low == bucket.low)
        });
        QuantileValue {
            value: Micros(value),
            at_least,
        }
    }

    /// It as an `hdrhistogram` of µs, for what its users compute of one.
    #[must_use]
    pub fn frozen(&self) -> hdrhistogram::Histogram<u64> {
        histogram::frozen(&self.buckets)
    }

    /// It as bytes in the V2 encoding of HdrHistogram, in µs, two significant digits.
    #[must_use]
    pub fn hdr(&self) -> Vec<u8> {
        let mut encoder = hdr::Encoder::new();
        for bucket in &self.buckets {
            encoder.put(histogram::bucket_of(bucket.low), bucket.count);
        }
        encoder.finish()
    }

    /// Adds another distribution.
    fn absorb(&mut self, other: &Distribution) {
        self.count += other.count;
        self.sum = self.sum.plus(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        absorb_buckets(&mut self.buckets, &other.buckets);
        absorb_buckets(&mut self.censored, &other.censored);
    }

    /// The mean, rounded down.
    #[must_use]
    pub fn mean(&self) -> Micros {
        Micros(self.sum.0.checked_div(self.count).unwrap_or(0))
    }
}

/// Adds sorted buckets to sorted buckets.
fn absorb_buckets(mine: &mut Vec<Bucket>, theirs: &[Bucket]) {
    for bucket in theirs {
        match mine.binary_search_by_key(&bucket.low, |mine| mine.low) {
            Ok(at) => mine[at].count += bucket.count,
            Err(at) => mine.insert(at, *bucket),
        }
    }
}

/// A window in numbers.
#[derive(Debug, Clone)]
pub struct Window {
    /// Where it begins.
    pub from: Stamp,
    /// Records.
    pub requests: u64,
    /// Records with a status of 500 and over.
    pub errors_5xx: u64,
    /// Busy time.
    pub busy: Micros,
    /// Wait.
    pub wait: Micros,
    /// Whole durations; `None` where no record had one.
    pub total: Option<Distribution>,
}

impl Window {
    /// Adds the numbers of a later window.
    pub fn absorb(&mut self, other: &Window) {
        self.requests += other.requests;
        self.errors_5xx += other.errors_5xx;
        self.busy = self.busy.plus(other.busy);
        self.wait = self.wait.plus(other.wait);
        match (self.total.as_mut(), &other.total) {
            (Some(mine), Some(theirs)) => mine.absorb(theirs),
            (None, theirs) => self.total = theirs.clone(),
            (Some(_), None) => {}
        }
    }
}

/// An upstream server in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its address, as the log has it.
    pub address: Vec<u8>,
    /// Records that it answered.
    pub requests: u64,
    /// Of these, those with a status of 500 and over.
    pub errors_5xx: u64,
    /// Its busy time.
    pub busy: Micros,
    /// What stands for it in [`WindowCell::upstream`].
    pub slot: Slot,
    /// Its load in each window in which it had any, in the order of time.
    pub loads: Vec<Load>,
}
