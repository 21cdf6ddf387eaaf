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

use super::panel::Panel;
use super::stretch::{blocks, percentile, raised};
use super::{limits, stretch};
use crate::summary::{Summary, TIMED};

/// Endpoints in a bin from which a median of them says something.
const LEAST_ENDPOINTS: usize = 6;
/// Requests of one upstream in a bin. Simulated.
const REQUESTS_A_BIN: f64 = 24.0;
/// Endpoints in a bin that are compared in pairs; the most frequent.
const MOST_COMPARED: usize = 80;
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

/// Tells wait from own time in a panel of a log without a clock; `None` where too few endpoints are
/// active.
pub fn split(summary: &Summary, panel: &mut Panel) -> Option<Inferred> {
    if panel.series.len() < LEAST_ENDPOINTS {
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
        let mut wait_of = vec![0.0; panel.windows];
        for (bin, wait, error) in fit(&bins, &usual) {
            fitted = true;
            if wait <= 0.0 {
                continue;
            }
            if let Some(windows) = inferred.waiting.get_mut(bin.from..bin.until) {
                windows.fill(true);
            }
            if let Some(windows) = wait_of.get_mut(bin.from..bin.until) {
                windows.fill(wait);
            }
            for (endpoint, entry) in &bin.entries {
                if let Some(variance) = variances.get_mut(*endpoint) {
                    *variance += (entry.served * error).powi(2);
                }
            }
        }
        for (window, endpoint, entry) in cells(summary, panel, slot) {
            let wait = wait_of.get(window).copied().unwrap_or(0.0);
            if wait > 0.0 {
                *waits.entry((window, endpoint)).or_default() += entry.served * wait;
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

/// The mean time of each endpoint in quiet windows, by place in the summary; 0 where not known.
fn usual(panel: &Panel) -> Vec<f64> {
    let level = |series: &super::panel::Series| {
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
    let mut usual = vec![0.0; places];
    for series in &panel.series {
        let sum = series.sum(|window| quiet.get(window).copied().unwrap_or(false));
        usual[series.endpoint] = if sum.served >= 4.0 { sum.mean() } else { 0.0 };
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

/// The wait of each request in each bin and its error; 0 outside of the stretches in which the whole
/// takes longer than usual, because a median of noise that is cut off at 0 is not 0.
fn fit<'b>(bins: &'b [Bin], usual: &[f64]) -> Vec<(&'b Bin, f64, f64)> {
    let of = |endpoint: &usize| usual.get(*endpoint).copied().unwrap_or(0.0);
    let ratio = |bin: &Bin| {
        let known = || {
            bin.entries
                .iter()
                .filter(|(endpoint, _)| of(endpoint) > 0.0)
        };
        let expected: f64 = known()
            .map(|(endpoint, entry)| entry.served * of(endpoint))
            .sum();
        let is: f64 = known().map(|(_, entry)| entry.time).sum();
        (expected, is)
    };
    let course = bins.iter().enumerate().map(|(at, bin)| {
        let (expected, is) = ratio(bin);
        (
            at,
            if expected > 0.0 { 1.0 } else { 0.0 },
            if expected > 0.0 { is / expected } else { 0.0 },
        )
    });
    let stretches = raised(&stretch::blocks(course, 1.0), None);
    bins.iter()
        .enumerate()
        .map(|(at, bin)| {
            if !stretches
                .iter()
                .any(|stretch| (stretch.from..stretch.until).contains(&at))
            {
                return (bin, 0.0, 0.0);
            }
            let mut entries: Vec<(f64, f64, f64)> = bin
                .entries
                .iter()
                .filter(|(endpoint, _)| of(endpoint) > 0.0)
                .map(|(endpoint, entry)| {
                    (
                        of(endpoint),
                        entry.time / entry.served - of(endpoint),
                        entry.served,
                    )
                })
                .collect();
            entries.sort_by(|a, b| b.2.total_cmp(&a.2));
            entries.truncate(MOST_COMPARED);
            if entries.len() < LEAST_ENDPOINTS {
                return (bin, 0.0, 0.0);
            }
            let (wait, error) = additive(&entries);
            (bin, wait, error)
        })
        .collect()
}

/// W of one bin and its error, from (usual, excess, requests).
fn additive(entries: &[(f64, f64, f64)]) -> (f64, f64) {
    let middle = percentile(entries.iter().map(|entry| entry.0), 50).unwrap_or(0.0);
    let mut slopes = Vec::new();
    for (at, (m, e, n)) in entries.iter().enumerate() {
        for (other_m, other_e, other_n) in &entries[at + 1..] {
            let apart = m - other_m;
            if apart.abs() > 0.2 * middle {
                slopes.push(((e - other_e) / apart, apart.abs() * n.min(*other_n).sqrt()));
            }
        }
    }
    let slope = weighted_median(slopes).unwrap_or(0.0).max(0.0);
    let levels = |slope: f64| -> Vec<(f64, f64)> {
        entries
            .iter()
            .map(|(m, e, n)| (e - slope * m, n.sqrt()))
            .collect()
    };
    let wait = weighted_median(levels(slope)).unwrap_or(0.0);
    if wait <= 0.0 {
        return (0.0, 0.0);
    }
    let deviations = levels(slope)
        .into_iter()
        .map(|(level, weight)| ((level - wait).abs(), weight));
    let scatter = 1.4826 * weighted_median(deviations.collect()).unwrap_or(0.0);
    // The error of a median is 1.25 times that of a mean.
    (wait, 1.25 * scatter / (entries.len() as f64).sqrt())
}

/// The value at which half of the weight is reached.
fn weighted_median(mut values: Vec<(f64, f64)>) -> Option<f64> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half: f64 = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut seen = 0.0;
    let found = values.iter().find(|(_, weight)| {
        seen += weight;
        seen >= half
    });
    found.map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_is_what_all_have_alike() {
        // Usual times of 10 to 100 ms; all wait 2 s, all are half again as slow, one is slow on its own.
        let mut entries: Vec<(f64, f64, f64)> = (1..=10)
            .map(|n| f64::from(n) * 1e4)
            .map(|m| (m, 2e6 + 0.5 * m, 30.0))
            .collect();
        entries[4].1 += 40e6;
        let (wait, error) = additive(&entries);
        assert!((wait - 2e6).abs() < 1.0 && error < 1e4, "{wait} {error}");
    }

    #[test]
    fn a_slowness_in_proportion_is_no_wait() {
        let entries: Vec<(f64, f64, f64)> = (1..=10)
            .map(|n| (f64::from(n) * 1e4, f64::from(n) * 1e4, 9.0))
            .collect();
        assert!(additive(&entries).0 < 1.0);
    }
}
