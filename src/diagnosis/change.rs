//! What changed for each endpoint between quiet times and an incident: numbers with their errors. What
//! the changes add up to is decided in [`super::verdict`].

use super::baseline::Usual;
use super::incident::Incident;
use super::limits;
use super::panel::{Panel, Point, Series};

/// An endpoint in quiet times and in an incident.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// Its place in [`crate::summary::Summary::endpoints`].
    pub endpoint: usize,
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
    /// Change of the mean binary logarithm of own time.
    pub log_change: f64,
    /// Its standard error.
    pub log_error: f64,
}

/// The changes of all endpoints that occurred in both, in the order of the panel.
pub fn changes(panel: &Panel, incident: &Incident, quiet: &[bool], usual: &Usual) -> Vec<Change> {
    let is_quiet = |window: usize| quiet.get(window).copied().unwrap_or(false);
    let change = |(series, usual): (&Series, &Option<Point>)| {
        let before = usual.unwrap_or_else(|| series.sum(is_quiet));
        change(series, incident, before, &is_quiet, panel.measured)
    };
    panel.series.iter().zip(usual).filter_map(change).collect()
}

fn change(
    series: &Series,
    incident: &Incident,
    before: Point,
    is_quiet: &impl Fn(usize) -> bool,
    measured: bool,
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
    let mean = during.mean();
    // Own times are near a lognormal distribution, of which this is the deviation of logarithms.
    let log_deviation = (1.0 + variance / (usual * usual)).ln().sqrt() / std::f64::consts::LN_2;
    let (growth_error, log_change, log_error) = if measured {
        (
            deviation * per_request / usual,
            during.logs / during.served - before.logs / before.served,
            log_deviation.max(0.05) * per_request,
        )
    } else {
        // The logarithms are those of wait and own time together, so they decide nothing; and what the
        // inference misses shows in how the windows differ.
        let error = (deviation * per_request).max(between(series, incident, usual) / during.served);
        let ratio = (mean / usual).max(0.01);
        (
            error / usual,
            ratio.log2(),
            ratio.log2().abs().max(0.1) / 100.0,
        )
    };
    Some(Change {
        endpoint: series.endpoint,
        before,
        during,
        effect,
        usual,
        growth: mean / usual - 1.0,
        growth_error,
        log_change,
        log_error,
    })
}

/// The standard error of the sum of what an endpoint took beyond the usual, by how the windows of the
/// incident differ; infinite where there are fewer than three.
fn between(series: &Series, incident: &Incident, usual: f64) -> f64 {
    let windows: Vec<f64> = series
        .points
        .iter()
        .filter(|point| incident.holds(point.window) && point.served > 0.0)
        .map(|point| point.own - point.served * usual)
        .collect();
    let count = windows.len() as f64;
    if count < 3.0 {
        return f64::INFINITY;
    }
    let mean = windows.iter().sum::<f64>() / count;
    let squares: f64 = windows.iter().map(|window| (window - mean).powi(2)).sum();
    (count / (count - 1.0) * squares).sqrt()
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
    /// Whether its own time has grown by this part at least and beyond chance, where a growth of
    /// `common` is what all endpoints have.
    pub fn has_grown(&self, by: f64, common: f64) -> bool {
        let (z, log_z) = self.sureness(common);
        self.growth_beyond(common) >= by
            && z >= limits::GROWN_Z
            && log_z >= limits::GROWN_LOG_Z
            && self.during.served >= limits::LEAST_JUDGED
    }

    /// Growth beyond a common one in standard errors, of the mean and of the logarithms.
    pub fn sureness(&self, common: f64) -> (f64, f64) {
        (
            (self.growth - common) / self.growth_error,
            (self.log_change - (1.0 + common).log2()) / self.log_error,
        )
    }

    /// Growth beyond what all endpoints have.
    pub fn growth_beyond(&self, common: f64) -> f64 {
        (1.0 + self.growth) / (1.0 + common) - 1.0
    }

    /// Own time beyond the usual and the common growth in the windows of the cause, in µs.
    pub fn added(&self, common: f64) -> f64 {
        self.during.served * self.usual * (self.growth - common)
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
