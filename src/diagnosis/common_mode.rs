//! Wait told from own time without a clock of the application: the common-mode model.
//!
//! Behind one pool all endpoints wait equally long at a time, whatever they are. So of the time that an
//! endpoint takes beyond its usual time, the part that all have alike is wait, the part that all have in
//! proportion to their usual time is a common slowness, and the rest is its own. For each upstream and
//! bin of time, with `m` the usual mean of an endpoint and `e` its excess over it:
//!
//! ```text
//! rho = weighted median over pairs of (e_i - e_j) / (m_i - m_j)     not below 0
//! W   = weighted median of (e_i - rho m_i)                           not below 0
//! ```
//!
//! This is a Tukey additive fit with a term of scale. It says nothing of a single request, and nothing
//! where fewer than [`LEAST_ENDPOINTS`] are active. It shows when requests wait; for how long is settled over
//! such a stretch of time by the endpoints that do as all do ([`super::alike`]). That tells the workers, and
//! these the wait outside of the stretches ([`super::queue`]), which is then taken out of what is usual. Where
//! no stretch is found there is no wait, and what is usual includes that of quiet times.

use std::collections::BTreeMap;
use std::ops::Range;

use super::alike::{Share, Stretch, without_wait};
use super::fit::{Excess, Fit, additive, excess, most_first};
use super::panel::{Panel, Series};
use super::queue::Queue;
use super::stretch::{blocks, percentile};
use super::{limits, stretch};
use crate::summary::{Summary, TIMED};

/// Endpoints from which a median of them says something.
pub const LEAST_ENDPOINTS: usize = 6;
/// Requests of one upstream in a bin. Simulated.
const REQUESTS_A_BIN: f64 = 24.0;
/// Quiet is where the whole takes at most this much longer than in its fastest sixth.
const QUIET: f64 = 1.25;
/// The percentile that is the fastest sixth.
const FASTEST: usize = 15;
/// How often what is usual and the wait of quiet times are told by each other: what is left of their error
/// halves with each, since fewer than half of the requests wait in quiet times.
const ROUNDS: usize = 6;

/// What was inferred.
#[derive(Debug, Clone)]
pub struct Inferred {
    /// By place in the summary: requests, their wait and its standard error, in µs.
    pub waits: Vec<Wait>,
    /// Windows in which somebody waited.
    pub waiting: Vec<bool>,
}

/// The wait of an endpoint over the whole log.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Wait {
    /// Requests.
    pub count: u64,
    /// Their wait, in µs.
    pub sum: f64,
    /// Their own time, in µs.
    pub own: f64,
    /// The standard error of both, in µs.
    pub error: f64,
}

impl Wait {
    /// Adds that of another endpoint; errors add up as those of independent numbers.
    pub fn add(&mut self, other: &Wait) {
        self.count += other.count;
        self.sum += other.sum;
        self.own += other.own;
        self.error = self.error.hypot(other.error);
    }
}

/// An endpoint in a bin.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    /// Requests.
    pub served: f64,
    /// Their time, in µs.
    pub time: f64,
}

impl Entry {
    /// Adds another.
    pub fn add(&mut self, other: &Entry) {
        self.served += other.served;
        self.time += other.time;
    }
}

/// Windows of one upstream that are looked at together.
#[derive(Debug, Default)]
pub struct Bin {
    /// The first.
    pub from: usize,
    /// The one behind the last.
    pub until: usize,
    /// By place in the summary.
    pub entries: BTreeMap<usize, Entry>,
}

/// The time of an endpoint in quiet windows, less what is known of their wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usual {
    /// Requests.
    pub served: f64,
    /// The mean, in µs; 0 where it is not known.
    pub mean: f64,
    /// The variance of one request's.
    pub variance: f64,
}

/// Tells wait from own time in a panel of a log without a clock; `None` where too few endpoints are
/// active.
pub fn split(summary: &Summary, panel: &mut Panel) -> Option<Inferred> {
    panel.number_pools(summary);
    let mut members = vec![0; panel.series.len()];
    for series in &panel.series {
        members[series.pool] += 1;
    }
    // Of a pool with few endpoints nothing can be told.
    let is_told = |series: &Series| {
        members
            .get(series.pool)
            .is_some_and(|n| *n >= LEAST_ENDPOINTS)
    };
    panel.series.retain(is_told);
    if panel.series.is_empty() {
        return None;
    }
    let quiet = quiet(panel);
    let usual = usual(panel, &quiet, &Waits::new());
    let upstreams: Vec<Upstream> = Panel::upstreams(summary)
        .into_iter()
        .filter_map(|slot| Upstream::of(summary, panel, slot, &usual))
        .collect();
    if upstreams.is_empty() {
        return None;
    }
    let shares = shares(summary, panel, &quiet, &upstreams);
    let mut inferred = Inferred {
        waits: vec![Wait::default(); summary.endpoints.len()],
        waiting: vec![false; panel.windows],
    };
    let mut waits = Waits::new();
    for upstream in &upstreams {
        upstream.first(summary, panel, &usual, &mut waits, &mut inferred.waiting);
    }
    for series in &mut panel.series {
        let Some(sums) = inferred.waits.get_mut(series.endpoint) else {
            continue;
        };
        let share = shares.get(&series.endpoint).copied().unwrap_or_default();
        for point in &mut series.points {
            sums.count += point.served as u64;
            sums.own += point.own;
            let wait = waits.get(&(point.window, series.endpoint));
            point.wait = wait.copied().unwrap_or(0.0);
            point.own -= point.wait;
        }
        sums.sum = share.wait.clamp(0.0, sums.own);
        sums.own -= sums.sum;
        sums.error = share.variance.sqrt();
    }
    Some(inferred)
}

/// Waits by window and endpoint, in µs.
type Waits = BTreeMap<(usize, usize), f64>;

/// The wait of each endpoint, settled together with what is usual.
fn shares(
    summary: &Summary,
    panel: &Panel,
    quiet: &[bool],
    upstreams: &[Upstream],
) -> BTreeMap<usize, Share> {
    let mut waits = Waits::new();
    let mut shares = BTreeMap::new();
    for _ in 0..ROUNDS {
        let usual = usual(panel, quiet, &waits);
        waits.clear();
        shares.clear();
        for upstream in upstreams {
            upstream.settle(summary, panel, &usual, &mut waits, &mut shares);
        }
    }
    shares
}

/// An upstream: when requests wait for it, and how many it has in hand.
struct Upstream {
    slot: u16,
    stretches: Vec<Stretch>,
    queue: Option<Queue>,
}

impl Upstream {
    /// `None` where no bin has enough endpoints.
    fn of(summary: &Summary, panel: &Panel, slot: u16, usual: &[Usual]) -> Option<Upstream> {
        let mut bins = bins(summary, panel, slot);
        let fits = fits(&bins, usual);
        if !fits.iter().any(Option::is_some) {
            return None;
        }
        let mut stretches = Vec::new();
        // From the last, so that each is cut off the end.
        for range in self::stretches(&fits).into_iter().rev() {
            let fits = fits.get(range.clone()).unwrap_or_default();
            bins.truncate(range.end);
            let bins = bins.split_off(range.start);
            let fits = adjusted(&bins, fits, usual);
            stretches.push(Stretch { bins, fits });
        }
        let queue = Queue::of(summary, panel, slot);
        Some(Upstream {
            slot,
            stretches,
            queue,
        })
    }

    /// The waits of the first fits, for who looks for culprits: a median is not moved by them, as a mean is by
    /// those that are not told yet.
    fn first(
        &self,
        summary: &Summary,
        panel: &Panel,
        usual: &[Usual],
        waits: &mut Waits,
        waiting: &mut [bool],
    ) {
        let mut of_window = vec![(0.0, 0); panel.windows];
        let mut beside = Vec::new();
        for (at, stretch) in self.stretches.iter().enumerate() {
            let of_bins: Vec<f64> = stretch.fits.iter().map(|fit| fit.wait).collect();
            beside.push(stretch.beside(&of_bins, usual));
            for (bin, wait) in stretch
                .bins
                .iter()
                .zip(of_bins)
                .filter(|(_, wait)| *wait > 0.0)
            {
                of_window[bin.from..bin.until].fill((wait, at));
                waiting[bin.from..bin.until].fill(true);
            }
        }
        for (window, endpoint, entry) in cells(summary, panel, self.slot) {
            let (wait, stretch) = of_window[window];
            if wait > 0.0 && !beside[stretch].contains(&endpoint) {
                *waits.entry((window, endpoint)).or_default() += entry.served * wait;
            }
        }
    }

    /// Adds its settled waits: those of stretches, and those outside of them by the workers that these tell.
    fn settle(
        &self,
        summary: &Summary,
        panel: &Panel,
        usual: &[Usual],
        waits: &mut Waits,
        shares: &mut BTreeMap<usize, Share>,
    ) {
        let mut within = vec![false; panel.windows];
        let mut of_stretches = Share::default();
        let mut whole = 0.0;
        for stretch in &self.stretches {
            let settled = stretch.settle(usual);
            for (bin, wait) in stretch.bins.iter().zip(&settled.waits) {
                within[bin.from..bin.until].fill(true);
                for (endpoint, entry) in &bin.entries {
                    if settled.shares.contains_key(endpoint) {
                        // The bin's windows share it evenly; what is usual is of many of them.
                        let each = entry.served * wait / (bin.until - bin.from) as f64;
                        for window in bin.from..bin.until {
                            *waits.entry((window, *endpoint)).or_default() += each;
                        }
                    }
                }
            }
            for (endpoint, share) in settled.shares {
                shares.entry(endpoint).or_default().add(&share);
                of_stretches.add(&share);
                if settled.is_whole {
                    whole += share.wait;
                }
            }
        }
        // Most of the wait must be of stretches of which all is known.
        let is_known = 2.0 * whole > of_stretches.wait;
        let queue = self.queue.as_ref().filter(|_| is_known);
        let workers = queue.and_then(|queue| {
            let error = of_stretches.variance.sqrt();
            queue.workers(&within, of_stretches.wait, error)
        });
        let (Some(queue), Some(workers)) = (queue, workers) else {
            return;
        };
        let mut served = vec![0.0; panel.windows];
        let outside = || cells(summary, panel, self.slot).filter(|(window, ..)| !within[*window]);
        for (window, _, entry) in outside() {
            served[window] += entry.served;
        }
        let queued = queue.waits(workers, panel.windows);
        for (window, endpoint, entry) in outside() {
            let wait = queued[window] * entry.served / served[window];
            if wait > 0.0 {
                *waits.entry((window, endpoint)).or_default() += wait;
                shares.entry(endpoint).or_default().wait += wait;
            }
        }
    }
}

/// By window: whether it is quiet.
fn quiet(panel: &Panel) -> Vec<bool> {
    let level = |series: &Series| {
        let course = series
            .points
            .iter()
            .map(|point| (point.window, point.served, point.own));
        let blocks = blocks(course, limits::REQUESTS_A_BLOCK);
        percentile(
            blocks.iter().map(|block| block.value),
            limits::LEVEL_PERCENTILE,
        )
    };
    let mut windows = vec![(0.0, 0.0); panel.windows];
    for series in &panel.series {
        let Some(level) = level(series) else { continue };
        for point in &series.points {
            if let Some((usual, is)) = windows.get_mut(point.window) {
                *usual += point.served * level;
                *is += point.own;
            }
        }
    }
    let ratio = |(usual, is): &(f64, f64)| if *usual > 0.0 { is / usual } else { f64::NAN };
    let fastest = percentile(
        windows.iter().map(ratio).filter(|ratio| ratio.is_finite()),
        FASTEST,
    );
    let limit = QUIET * fastest.unwrap_or(1.0);
    windows
        .iter()
        .map(|window| ratio(window) <= limit)
        .collect()
}

/// The time of each endpoint in quiet windows less their wait, by place in the summary.
fn usual(panel: &Panel, quiet: &[bool], waits: &Waits) -> Vec<Usual> {
    let is_quiet = |window: usize| quiet.get(window).copied().unwrap_or(false);
    let places = panel
        .series
        .iter()
        .map(|series| series.endpoint + 1)
        .max()
        .unwrap_or(0);
    let mut usual = vec![Usual::default(); places];
    for series in &panel.series {
        let sum = series.sum(is_quiet);
        if sum.served >= 4.0 {
            let windows = series.points.iter().map(|point| point.window);
            let waited: f64 = windows
                .filter(|window| is_quiet(*window))
                .filter_map(|window| waits.get(&(window, series.endpoint)))
                .sum();
            let mean = sum.mean();
            // A request is a tenth of its time uncertain at least, and a millisecond.
            let least = (0.1 * mean).max(1_000.0).powi(2);
            let variance = (sum.squares / sum.served - mean * mean).max(least);
            usual[series.endpoint] = Usual {
                served: sum.served,
                mean: (mean - waited / sum.served).max(0.0),
                variance,
            };
        }
    }
    usual
}

/// The cells of an upstream on the panel: window, endpoint, requests and their time.
fn cells<'s>(
    summary: &'s Summary,
    panel: &'s Panel,
    slot: u16,
) -> impl Iterator<Item = (usize, usize, Entry)> + 's {
    let per_window = (panel.width.0 / summary.cell_width.0.max(1)).max(1) as i64;
    let endpoints = summary.endpoints.iter().enumerate();
    endpoints.flat_map(move |(at, endpoint)| {
        let cells = endpoint
            .history
            .cells
            .iter()
            .filter(move |cell| cell.upstream == slot && slot != TIMED);
        cells.filter_map(move |cell| {
            let window = usize::try_from(cell.window.div_euclid(per_window) - panel.first).ok()?;
            let entry = Entry {
                served: f64::from(cell.cell.served),
                time: cell.cell.time as f64,
            };
            (entry.served > 0.0 && window < panel.windows).then_some((window, at, entry))
        })
    })
}

/// The bins of an upstream in the order of time.
fn bins(summary: &Summary, panel: &Panel, slot: u16) -> Vec<Bin> {
    let mut windows: Vec<BTreeMap<usize, Entry>> = vec![BTreeMap::new(); panel.windows];
    for (window, endpoint, entry) in cells(summary, panel, slot) {
        if let Some(entries) = windows.get_mut(window) {
            entries.entry(endpoint).or_default().add(&entry);
        }
    }
    let mut bins = Vec::new();
    let mut bin = Bin::default();
    let mut served = 0.0;
    for (window, entries) in windows.into_iter().enumerate() {
        for (endpoint, entry) in entries {
            served += entry.served;
            bin.entries.entry(endpoint).or_default().add(&entry);
        }
        bin.until = window + 1;
        if served >= REQUESTS_A_BIN && bin.entries.len() >= LEAST_ENDPOINTS {
            bins.push(std::mem::take(&mut bin));
            bin.from = window + 1;
            served = 0.0;
        }
    }
    bins
}

/// Endpoints against their usual times, those that occur most first.
fn excesses(entries: &BTreeMap<usize, Entry>, usual: &[Usual]) -> Vec<Excess> {
    let of = |(endpoint, entry): (&usize, &Entry)| excess(entry, usual.get(*endpoint)?);
    most_first(entries.iter().filter_map(of))
}

/// What the endpoints of each bin have alike; by chance it may be below 0.
pub fn fits(bins: &[Bin], usual: &[Usual]) -> Vec<Option<Fit>> {
    let fit = |bin: &Bin| {
        let excesses = excesses(&bin.entries, usual);
        (excesses.len() >= LEAST_ENDPOINTS).then(|| additive(&excesses))
    };
    bins.iter().map(fit).collect()
}

/// The stretches of bins in which they wait. Elsewhere there is no wait, because a median of noise that is
/// cut off at 0 is not 0.
pub fn stretches(fits: &[Option<Fit>]) -> Vec<Range<usize>> {
    let score = |fit: &Option<Fit>| {
        let errors = fit.map_or(0.0, |fit| fit.wait / fit.error.max(1.0));
        (errors - 1.0).clamp(-limits::BLOCK_CLIP, limits::BLOCK_CLIP)
    };
    let scores: Vec<f64> = fits.iter().map(score).collect();
    let found = stretch::search(&scores);
    found
        .into_iter()
        .map(|(from, until, _)| from..until)
        .collect()
}

/// Adds to all bins of a stretch what the endpoints still have alike over the whole of it: a bin has few
/// requests, whose times are skewed, so that its median is low on average. No wait is below 0.
fn adjusted(stretch: &[Bin], fits: &[Option<Fit>], usual: &[Usual]) -> Vec<Fit> {
    let known = |fit: &Option<Fit>| {
        let fit = fit.unwrap_or_default();
        Fit {
            wait: fit.wait.max(0.0),
            ..fit
        }
    };
    let mut fits: Vec<Fit> = fits.iter().map(known).collect();
    let waits = fits.iter().map(|fit| fit.wait);
    let waiting = stretch.iter().zip(waits).filter(|(_, wait)| *wait > 0.0);
    let left = excesses(&without_wait(waiting), usual);
    if left.len() >= LEAST_ENDPOINTS {
        let more = additive(&left).wait;
        for fit in fits.iter_mut().filter(|fit| fit.wait > 0.0) {
            fit.wait = (fit.wait + more).max(0.0);
        }
    }
    fits
}
