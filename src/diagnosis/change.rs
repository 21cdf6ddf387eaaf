//! What changed for each endpoint between quiet times and an incident: numbers with their errors. What
//! the changes add up to is decided in [`super::verdict`].

use super::baseline::Usual;
use super::common_mode::LEAST_ENDPOINTS;
use super::fit::{Excess, additive};
use super::incident::Incident;
use super::limits;
use super::neighbours::differences;
use super::panel::{Panel, Point, Series};
use crate::median::weighted_median;
use crate::summary::Summary;

/// An endpoint in quiet times and in an incident.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// Its place in [`crate::summary::Summary::endpoints`].
    pub endpoint: usize,
    /// The number of its pool, see [`Series::pool`].
    pub pool: usize,
    /// Quiet times.
    pub before: Point,
    /// The windows of the cause.
    pub during: Point,
    /// The windows of the effect.
    pub effect: Point,
    /// Mean own time in quiet times, in µs.
    pub usual: f64,
    /// Growth of mean own time, in parts of the usual.
    pub growth: f64,
    /// Its standard error.
    pub growth_error: f64,
    /// Change of the mean binary logarithm of own time and its standard error; `None` where a wait was
    /// inferred, so that the own time of single requests is not known.
    pub logs: Option<(f64, f64)>,
    /// The part of the growth that is left without the windows that have most of it: a tenth, and one at
    /// least. 0 where there are fewer than three.
    pub lasting: f64,
    /// How many standard errors too often its requests took longer than those that arrived next to them, each
    /// less its usual time; `None` where the log tells own time from wait, or too few are known.
    pub longer: Option<f64>,
}

/// The changes of all endpoints that occurred in both, in the order of the panel.
pub fn changes(
    summary: &Summary,
    panel: &Panel,
    incident: &Incident,
    quiet: &[bool],
    usual: &Usual,
) -> Vec<Change> {
    let is_quiet = |window: usize| quiet.get(window).copied().unwrap_or(false);
    let change = |(series, usual): (&Series, &Option<Point>)| {
        let before = usual.unwrap_or_else(|| series.sum(is_quiet));
        change(series, incident, before, &is_quiet)
    };
    let mut changes: Vec<Change> = panel.series.iter().zip(usual).filter_map(change).collect();
    if !panel.measured {
        allow_for_inference(&mut changes);
        let usual = changes
            .iter()
            .map(|change| (change.endpoint, change.before));
        let touches = |window| incident.touches(window);
        let differences = differences(summary, panel, touches, &usual.collect());
        for change in &mut changes {
            let found = differences.binary_search_by_key(&change.endpoint, |one| one.endpoint);
            change.longer = found
                .ok()
                .and_then(|at| differences.get(at))
                .map(|one| one.z);
        }
    }
    changes
}

fn change(
    series: &Series,
    incident: &Incident,
    before: Point,
    is_quiet: &impl Fn(usize) -> bool,
) -> Option<Change> {
    let during = series.sum(|window| incident.holds(window));
    let effect = series.sum(|window| incident.touches(window));
    if before.served < limits::LEAST_JUDGED || during.served < 1.0 {
        return None;
    }
    let usual = before.mean();
    if usual <= 0.0 {
        return None;
    }
    // Squares are cut to units of a millisecond, so a steady 0.5 ms has none.
    let variance = (before.squares / before.served - usual * usual).max(0.01 * usual * usual);
    let deviation = (variance * spread(series, usual, variance, is_quiet)).sqrt();
    let per_request = (1.0 / during.served + 1.0 / before.served).sqrt();
    // Own times are near a lognormal distribution, of which this is the deviation of logarithms.
    let log_deviation = (1.0 + variance / (usual * usual)).ln().sqrt() / std::f64::consts::LN_2;
    let logs = Some((
        during.logs / during.served - before.logs / before.served,
        log_deviation.max(0.05) * per_request,
    ));
    Some(Change {
        endpoint: series.endpoint,
        pool: series.pool,
        before,
        during,
        effect,
        usual,
        growth: during.mean() / usual - 1.0,
        growth_error: deviation * per_request / usual,
        logs,
        lasting: lasting(series, incident, usual),
        longer: None,
    })
}

/// Where wait is inferred, what the endpoints of a pool still have alike over an incident is wait, and
/// each request is off by as much more as the others of the pool show it to be: the control group.
fn allow_for_inference(changes: &mut Vec<Change>) {
    let mut pools: Vec<usize> = changes.iter().map(|change| change.pool).collect();
    pools.sort_unstable();
    pools.dedup();
    for pool in pools {
        let excess = |change: &Change| Excess {
            usual: change.usual,
            mean: change.growth * change.usual,
            variance: (change.growth_error * change.usual).powi(2) * change.during.served,
            served: change.during.served,
        };
        let of_pool = changes.iter().filter(|change| change.pool == pool);
        let excesses: Vec<Excess> = of_pool.map(excess).collect();
        if excesses.len() < LEAST_ENDPOINTS {
            changes.retain(|change| change.pool != pool);
            continue;
        }
        let fit = additive(&excesses);
        for change in changes.iter_mut().filter(|change| change.pool == pool) {
            change.take_off(fit.wait.max(0.0));
            let more = (fit.extra / change.during.served).sqrt() / change.usual;
            change.growth_error = change.growth_error.hypot(more);
            let wait = change.during.wait / change.during.served;
            if wait > limits::LITTLE_WAIT * change.usual {
                change.logs = None;
            }
        }
    }
}

/// The growth that half of the endpoints exceed, each weighted by what it can tell; not below 0.
pub fn common_growth(changes: &[Change]) -> f64 {
    let growths = changes
        .iter()
        .map(|change| (change.growth, 1.0 / change.growth_error.max(0.01)));
    weighted_median(growths.collect()).map_or(0.0, |growth| growth.max(0.0))
}

/// Growth of the own time of all requests of an incident, in parts of what the same requests usually take; 0 of
/// nothing.
pub fn own_growth<'c>(changes: impl IntoIterator<Item = &'c Change>) -> f64 {
    let (mut usual, mut added) = (0.0, 0.0);
    for change in changes {
        usual += change.during.served * change.usual;
        added += change.added(0.0);
    }
    if usual > 0.0 { added / usual } else { 0.0 }
}

/// See [`Change::lasting`].
fn lasting(series: &Series, incident: &Incident, usual: f64) -> f64 {
    let mut windows: Vec<f64> = series
        .points
        .iter()
        .filter(|point| incident.holds(point.window) && point.served > 0.0)
        .map(|point| point.own - point.served * usual)
        .collect();
    if windows.len() < 3 {
        return 0.0;
    }
    windows.sort_unstable_by(f64::total_cmp);
    let all: f64 = windows.iter().sum();
    let most = windows.len() - (windows.len() / 10).max(1);
    let rest: f64 = windows.iter().take(most).sum();
    if all > 0.0 {
        (rest / all).max(0.0)
    } else {
        0.0
    }
}

/// By how much the means of quiet blocks scatter more than requests alone would make them: a design
/// effect, 1 and more.
fn spread(series: &Series, usual: f64, variance: f64, is_quiet: &impl Fn(usize) -> bool) -> f64 {
    let course = series
        .points
        .iter()
        .filter(|point| is_quiet(point.window))
        .map(|point| (point.window, point.served, point.own));
    let blocks = super::stretch::blocks(course, limits::REQUESTS_A_BLOCK);
    if blocks.len() < 4 {
        return 1.0;
    }
    let squares: f64 = blocks
        .iter()
        .map(|block| (block.value - usual) * (block.value - usual))
        .sum();
    let between = squares / (blocks.len() - 1) as f64 * limits::REQUESTS_A_BLOCK;
    (between / variance).max(1.0)
}

impl Change {
    /// Takes off a wait of so many µs from each request of the incident.
    fn take_off(&mut self, wait: f64) {
        for point in [&mut self.during, &mut self.effect] {
            point.own -= point.served * wait;
            point.wait += point.served * wait;
        }
        self.growth -= wait / self.usual;
    }

    /// Whether its own time has grown by this part at least and beyond chance, where a growth of
    /// `common` is what all endpoints have.
    pub fn has_grown(&self, by: f64, common: f64) -> bool {
        self.growth_beyond(common) >= by
            && self.is_sure(common, limits::GROWN_Z, limits::GROWN_LOG_Z)
            && self.during.served >= limits::LEAST_JUDGED
    }

    /// Whether the growth beyond a common one is so many standard errors, and not that of a few requests:
    /// so many on the scale of logarithms too. Where single requests are not told apart it is that of most
    /// times, or their requests are longer than their neighbours often enough, which is as sure.
    pub fn is_sure(&self, common: f64, z: f64, log_z: f64) -> bool {
        let is_grown = self.growth - common >= z * self.growth_error;
        match (self.logs, self.longer) {
            (Some((change, error)), _) => {
                is_grown && change - (1.0 + common).log2() >= log_z * error
            }
            (None, Some(longer)) if longer >= log_z + 1.0 => true,
            (None, _) => is_grown && self.lasting >= limits::LASTING,
        }
    }

    /// Whether it has grown as a culprit's own time does: a half, as far as can be told. Where wait is inferred its
    /// requests are the longer of two at least as often as not.
    pub fn is_slow(&self, common: f64) -> bool {
        let sure = 2.0 * self.growth_error / (1.0 + common);
        self.has_grown(limits::LEAST_GROWTH, common)
            && (self.logs.is_some() || self.longer.is_none_or(|longer| longer >= 0.0))
            && self.growth_beyond(common) + sure >= limits::CULPRIT_GROWTH
    }

    /// Growth beyond what all endpoints have.
    pub fn growth_beyond(&self, common: f64) -> f64 {
        (1.0 + self.growth) / (1.0 + common) - 1.0
    }

    /// Own time beyond the usual and the common growth in the windows of the cause, in µs.
    pub fn added(&self, common: f64) -> f64 {
        self.during.served * self.usual * (self.growth - common)
    }

    /// Growth less a standard error, where own time is inferred: what is left of a
    /// wait makes large growths of short times.
    pub fn told_growth(&self, is_told: bool) -> f64 {
        if is_told {
            self.growth
        } else {
            (self.growth - self.growth_error).max(0.0)
        }
    }

    /// The standard error of [`Change::added`], in µs.
    pub fn added_error(&self) -> f64 {
        self.during.served * self.usual * self.growth_error
    }

    /// Whether a growth of a half would have been seen.
    pub fn is_telling(&self) -> bool {
        self.growth_error * limits::GROWN_Z <= limits::CULPRIT_GROWTH * 2.0
            && self.during.served >= limits::LEAST_JUDGED
    }

    /// Mean wait in quiet times and in the windows of the effect, in µs.
    pub fn waits(&self) -> (f64, f64) {
        let mean = |point: &Point| {
            if point.served > 0.0 {
                point.wait / point.served
            } else {
                0.0
            }
        };
        (mean(&self.before).max(0.0), mean(&self.effect).max(0.0))
    }

    /// Whether it suffers: it takes longer, and mostly because it waits.
    pub fn is_victim(&self) -> bool {
        let (before, during) = self.waits();
        let added = during - before;
        let whole = self.usual + before;
        let own = self.effect.mean() - self.usual;
        let grown = added + own.max(0.0);
        (grown >= limits::VICTIM_GROWTH * whole || grown >= limits::VICTIM_US)
            && added >= 0.8 * grown
            && self.effect.served >= 1.0
    }
}
