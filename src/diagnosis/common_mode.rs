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
//! where fewer than [`LEAST_ENDPOINTS`] are active. What is usual includes the wait of quiet times.

use std::collections::BTreeMap;
use std::ops::Range;

use super::panel::{Panel, Series};
use super::stretch::{blocks, percentile};
use super::{limits, stretch};
use crate::median::weighted_median;
use crate::summary::{Summary, TIMED};

/// Endpoints from which a median of them says something.
pub const LEAST_ENDPOINTS: usize = 6;
/// Requests of one upstream in a bin. Simulated.
const REQUESTS_A_BIN: f64 = 24.0;
/// Endpoints in a bin that are compared in pairs; the most frequent.
const MOST_COMPARED: usize = 40;
/// Quiet is where the whole takes at most this much longer than in its fastest sixth.
const QUIET: f64 = 1.25;
/// The percentile that is the fastest sixth.
const FASTEST: usize = 15;

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
struct Entry {
    served: f64,
    time: f64,
}

/// Windows of one upstream that are looked at together.
#[derive(Debug, Default)]
struct Bin {
    from: usize,
    until: usize,
    entries: BTreeMap<usize, Entry>,
}

/// The time of an endpoint in quiet windows: its mean in µs, 0 where not known, and its variance.
#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    mean: f64,
    variance: f64,
}

/// An endpoint against its usual time: what a fit is made of.
#[derive(Debug, Clone, Copy)]
pub struct Excess {
    /// The usual mean, in µs.
    pub usual: f64,
    /// Mean time beyond it, in µs.
    pub mean: f64,
    /// The variance of one request's.
    pub variance: f64,
    /// Requests.
    pub served: f64,
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
    let usual = usual(panel);
    let mut inferred = Inferred {
        waits: vec![Wait::default(); summary.endpoints.len()],
        waiting: vec![false; panel.windows],
    };
    let mut fitted = false;
    let mut variances = vec![0.0; summary.endpoints.len()];
    // By window and endpoint.
    let mut waits: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for slot in Panel::upstreams(summary) {
        let bins = bins(summary, panel, slot);
        let fits = fits(&bins, &usual);
        fitted |= fits.iter().any(Option::is_some);
        for range in stretches(&fits) {
            let stretch = bins.get(range.clone()).unwrap_or_default();
            let fits = adjusted(stretch, fits.get(range).unwrap_or_default(), &usual);
            let waited: Vec<(usize, usize)> = stretch
                .iter()
                .zip(&fits)
                .filter(|(_, fit)| fit.wait > 0.0)
                .map(|(bin, _)| (bin.from, bin.until))
                .collect();
            for (from, until) in waited {
                if let Some(windows) = inferred.waiting.get_mut(from..until) {
                    windows.fill(true);
                }
            }
            let beside = beside(stretch, &fits, &usual);
            let mut wait_of = vec![0.0; panel.windows];
            for (bin, fit) in stretch.iter().zip(&fits) {
                if let Some(windows) = wait_of.get_mut(bin.from..bin.until) {
                    windows.fill(fit.wait);
                }
                let waits = bin.entries.iter().filter(|_| fit.wait > 0.0);
                for (endpoint, entry) in waits {
                    if let Some(variance) = variances.get_mut(*endpoint) {
                        *variance += (entry.served * fit.error).powi(2);
                    }
                }
            }
            for (window, endpoint, entry) in cells(summary, panel, slot) {
                let wait = wait_of.get(window).copied().unwrap_or(0.0);
                if wait > 0.0 && !beside.contains(&endpoint) {
                    *waits.entry((window, endpoint)).or_default() += entry.served * wait;
                }
            }
        }
    }
    if !fitted {
        return None;
    }
    for series in &mut panel.series {
        for point in &mut series.points {
            let wait = waits
                .get(&(point.window, series.endpoint))
                .copied()
                .unwrap_or(0.0);
            point.own -= wait;
            point.wait = wait;
            if let Some(sums) = inferred.waits.get_mut(series.endpoint) {
                sums.count += point.served as u64;
                sums.sum += wait;
                sums.own += point.own;
            }
        }
    }
    for (wait, variance) in inferred.waits.iter_mut().zip(variances) {
        wait.error = variance.sqrt();
    }
    Some(inferred)
}

/// The time of each endpoint in quiet windows, by place in the summary.
fn usual(panel: &Panel) -> Vec<Usual> {
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
    let quiet: Vec<bool> = windows
        .iter()
        .map(|window| ratio(window) <= limit)
        .collect();
    let places = panel
        .series
        .iter()
        .map(|series| series.endpoint + 1)
        .max()
        .unwrap_or(0);
    let mut usual = vec![Usual::default(); places];
    for series in &panel.series {
        let sum = series.sum(|window| quiet.get(window).copied().unwrap_or(false));
        if sum.served >= 4.0 {
            let mean = sum.mean();
            // A request is a tenth of its time uncertain at least, and a millisecond.
            let least = (0.1 * mean).max(1_000.0).powi(2);
            let variance = (sum.squares / sum.served - mean * mean).max(least);
            usual[series.endpoint] = Usual { mean, variance };
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
            let sum = entries.entry(endpoint).or_default();
            sum.served += entry.served;
            sum.time += entry.time;
        }
    }
    let mut bins = Vec::new();
    let mut bin = Bin::default();
    let mut served = 0.0;
    for (window, entries) in windows.into_iter().enumerate() {
        for (endpoint, entry) in entries {
            served += entry.served;
            let sum = bin.entries.entry(endpoint).or_default();
            sum.served += entry.served;
            sum.time += entry.time;
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

/// The endpoints of a bin against their usual times, those that occur most first.
fn excesses(bin: &Bin, usual: &[Usual]) -> Vec<Excess> {
    let of = |(endpoint, entry): (&usize, &Entry)| {
        let usual = usual.get(*endpoint).filter(|usual| usual.mean > 0.0)?;
        Some(Excess {
            usual: usual.mean,
            mean: entry.time / entry.served - usual.mean,
            variance: usual.variance,
            served: entry.served,
        })
    };
    let mut excesses: Vec<Excess> = bin.entries.iter().filter_map(of).collect();
    excesses.sort_by(|a, b| b.served.total_cmp(&a.served));
    excesses
}

/// What all endpoints have alike in a bin.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fit {
    /// Wait of each request, in µs.
    pub wait: f64,
    /// Its standard error.
    pub error: f64,
    /// By how much more than usual a request varies, in µs².
    pub extra: f64,
}

/// What the endpoints of each bin have alike; by chance it may be below 0.
fn fits(bins: &[Bin], usual: &[Usual]) -> Vec<Option<Fit>> {
    let fit = |bin: &Bin| {
        let excesses = excesses(bin, usual);
        (excesses.len() >= LEAST_ENDPOINTS).then(|| additive(&excesses))
    };
    bins.iter().map(fit).collect()
}

/// The stretches of bins in which they wait. Elsewhere there is no wait, because a median of noise that is
/// cut off at 0 is not 0.
fn stretches(fits: &[Option<Fit>]) -> Vec<Range<usize>> {
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
    let left = excesses(&sum(stretch, &fits), usual);
    if left.len() >= LEAST_ENDPOINTS {
        let more = additive(&left).wait;
        for fit in fits.iter_mut().filter(|fit| fit.wait > 0.0) {
            fit.wait = (fit.wait + more).max(0.0);
        }
    }
    fits
}

/// All bins of a stretch as one, with the wait taken off.
fn sum(stretch: &[Bin], fits: &[Fit]) -> Bin {
    let mut sum = Bin::default();
    for (bin, fit) in stretch.iter().zip(fits).filter(|(_, fit)| fit.wait > 0.0) {
        for (endpoint, entry) in &bin.entries {
            let all = sum.entries.entry(*endpoint).or_default();
            all.served += entry.served;
            all.time += entry.time - entry.served * fit.wait;
        }
    }
    sum
}

/// Endpoints that do not queue: while others wait, they take no longer than usual.
fn beside(stretch: &[Bin], fits: &[Fit], usual: &[Usual]) -> Vec<usize> {
    let own = sum(stretch, fits);
    let mut waits: BTreeMap<usize, f64> = BTreeMap::new();
    for (bin, fit) in stretch.iter().zip(fits) {
        for (endpoint, entry) in &bin.entries {
            *waits.entry(*endpoint).or_default() += entry.served * fit.wait;
        }
    }
    let does_not = |(endpoint, entry): &(&usize, &Entry)| {
        let usual = usual.get(**endpoint).copied().unwrap_or_default();
        let wait = waits.get(*endpoint).copied().unwrap_or(0.0);
        let missing = entry.served * usual.mean - entry.time;
        // Beyond chance, and most of what the others wait.
        missing > 0.7 * wait && missing > 4.0 * (entry.served * usual.variance).sqrt()
    };
    own.entries
        .iter()
        .filter(does_not)
        .map(|(endpoint, _)| *endpoint)
        .collect()
}

/// What excesses have alike: W of the model. Each counts by what it can tell.
pub fn additive(excesses: &[Excess]) -> Fit {
    let middle = percentile(excesses.iter().map(|e| e.usual), 50).unwrap_or(0.0);
    let mut slopes = Vec::new();
    let compared = excesses.get(..MOST_COMPARED).unwrap_or(excesses);
    for (at, one) in compared.iter().enumerate() {
        for other in &compared[at + 1..] {
            let apart = one.usual - other.usual;
            if apart.abs() > 0.2 * middle {
                let error = (one.variance / one.served + other.variance / other.served).sqrt();
                slopes.push(((one.mean - other.mean) / apart, apart.abs() / error));
            }
        }
    }
    let slope = weighted_median(slopes).unwrap_or(0.0).max(0.0);
    let level = |e: &Excess| e.mean - slope * e.usual;
    let median = |extra: f64| {
        let levels = excesses
            .iter()
            .map(|e| (level(e), (e.served / (e.variance + extra)).sqrt()));
        weighted_median(levels.collect()).unwrap_or(0.0)
    };
    // By how much a request of this moment scatters more than usual, as when wait grows within a bin. Half
    // of squared Gaussians are below 0.455.
    let first = median(0.0);
    let beyond = excesses
        .iter()
        .map(|e| e.served * (level(e) - first).powi(2) / 0.455 - e.variance);
    let extra = percentile(beyond, 50).unwrap_or(0.0).max(0.0);
    // The error of a median is 1.25 times that of a mean.
    let weights: f64 = excesses
        .iter()
        .map(|e| e.served / (e.variance + extra))
        .sum();
    Fit {
        wait: median(extra),
        error: 1.25 / weights.sqrt(),
        extra,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten endpoints with usual times of 10 to 100 ms, and what they take beyond.
    fn ten(beyond: impl Fn(f64) -> f64) -> Vec<Excess> {
        let one = |n: i32| {
            let usual = f64::from(n) * 1e4;
            Excess {
                usual,
                mean: beyond(usual),
                variance: (0.3 * usual).powi(2),
                served: 30.0,
            }
        };
        (1..=10).map(one).collect()
    }

    #[test]
    fn wait_is_what_all_have_alike() {
        // All wait 2 s, all are half again as slow, one is slow on its own.
        let mut excesses = ten(|usual| 2e6 + 0.5 * usual);
        excesses[4].mean += 40e6;
        let fit = additive(&excesses);
        assert!((fit.wait - 2e6).abs() < 1.0 && fit.error < 1e4, "{fit:?}");
    }

    #[test]
    fn a_slowness_in_proportion_is_no_wait() {
        assert!(additive(&ten(|usual| usual)).wait < 1.0);
    }

    #[test]
    fn who_takes_no_longer_than_usual_while_others_wait_does_not_queue() {
        let usual = vec![
            Usual {
                mean: 1e5,
                variance: 1e9
            };
            8
        ];
        let entry = |time: f64| Entry {
            served: 20.0,
            time: 20.0 * time,
        };
        let stretch: Vec<Bin> = (0..12)
            .map(|at| Bin {
                from: at,
                until: at + 1,
                entries: (0..8)
                    .map(|e| (e, entry(if e == 3 { 1e5 } else { 1.1e6 })))
                    .collect(),
            })
            .collect();
        let found = fits(&stretch, &usual);
        assert_eq!(stretches(&found), std::slice::from_ref(&(0..12)));
        let fits = adjusted(&stretch, &found, &usual);
        assert!(
            fits.iter().all(|fit| (fit.wait - 1e6).abs() < 1.0),
            "{fits:?}"
        );
        assert_eq!(beside(&stretch, &fits, &usual), [3]);
    }
}
