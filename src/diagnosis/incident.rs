//! When something was wrong: stretches of raised own time of endpoints, of raised time of the whole, and
//! of raised traffic, put together to incidents. Who is to blame is not decided here.

use super::baseline::Usual;
use super::limits;
use super::panel::{Panel, Point};
use super::stretch::{Block, Stretch, blocks, percentile, raised};

/// What drew attention to a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// Own time, of an endpoint or of all with their mix allowed for.
    Own,
    /// Own time and wait together.
    Slow,
    /// The number of requests.
    Traffic,
}

/// Windows in which something was wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// The windows of the cause.
    pub from: usize,
    /// The window behind the last.
    pub until: usize,
    /// The windows of the effect: the cause's and those that still waited behind it.
    pub effect_from: usize,
    /// The window behind the last.
    pub effect_until: usize,
    /// What it was seen by, the most telling first.
    pub sign: Sign,
    /// Time beyond the usual, in µs, of what it was seen by.
    weight: f64,
}

impl Incident {
    /// Whether a window is one of the cause.
    pub fn holds(&self, window: usize) -> bool {
        (self.from..self.until).contains(&window)
    }

    /// Whether a window is one of the effect.
    pub fn touches(&self, window: usize) -> bool {
        (self.effect_from..self.effect_until).contains(&window)
    }
}

/// The incidents of a panel, in the order of time. In windows that are `waiting` a wait was inferred, so
/// that the own time of a single endpoint is too uncertain to draw attention.
pub fn incidents(panel: &Panel, waiting: &[bool], usual: &Usual) -> Vec<Incident> {
    let mut found = endpoints(panel, waiting, usual);
    found.extend(whole(panel, waiting, usual));
    assemble(found)
}

fn found(stretch: &Stretch, sign: Sign, weight: f64) -> Incident {
    Incident {
        from: stretch.from,
        until: stretch.until,
        effect_from: stretch.from,
        effect_until: stretch.until,
        sign,
        weight,
    }
}

/// The stretches of each endpoint's own time.
fn endpoints(panel: &Panel, waiting: &[bool], usual: &Usual) -> Vec<Incident> {
    let is_certain = |point: &&Point| !waiting.get(point.window).copied().unwrap_or(false);
    let mut all = Vec::new();
    for (series, usual) in panel.series.iter().zip(usual) {
        let served: f64 = series.points.iter().map(|point| point.served).sum();
        let weight = limits::REQUESTS_A_BLOCK.max(served / limits::MOST_BLOCKS);
        let course = series
            .points
            .iter()
            .filter(is_certain)
            .map(|point| (point.window, point.served, point.own));
        let blocks = blocks(course, weight);
        let level = level(&blocks, usual.as_ref().map(Point::mean));
        for stretch in raised(&blocks, level) {
            let sum = series.sum(|window| (stretch.from..stretch.until).contains(&window));
            let usual = sum.served * level.unwrap_or(0.0);
            all.push(found(&stretch, Sign::Own, sum.own - usual));
        }
    }
    all
}

/// A time of a window.
type Time = fn(&Point) -> f64;

/// The usual level of a course: what is known to be usual, else a low percentile of its blocks.
fn level(blocks: &[Block], usual: Option<f64>) -> Option<f64> {
    let known = usual.filter(|usual| *usual > 0.0);
    let values = blocks.iter().map(|block| block.value);
    known.or_else(|| percentile(values, limits::LEVEL_PERCENTILE))
}

/// The stretches of the whole: the time of all requests against what the same requests usually take.
fn whole(panel: &Panel, waiting: &[bool], usual: &Usual) -> Vec<Incident> {
    let usual_of = |series: &super::panel::Series, usual: &Option<Point>, time: Time| {
        let course = series
            .points
            .iter()
            .map(|point| (point.window, point.served, time(point)));
        let blocks = blocks(course, limits::REQUESTS_A_BLOCK);
        level(&blocks, usual.map(|usual| time(&usual) / usual.served))
    };
    let mut all = Vec::new();
    let signs: [(Sign, Time); 2] = [
        (Sign::Own, |point| point.own),
        (Sign::Slow, |point| point.own + point.wait.max(0.0)),
    ];
    for (sign, time) in signs {
        let mut windows = vec![(0.0, 0.0); panel.windows];
        for (series, usual) in panel.series.iter().zip(usual) {
            let Some(level) = usual_of(series, usual, time) else {
                continue;
            };
            for point in &series.points {
                if let Some((usual, is)) = windows.get_mut(point.window) {
                    *usual += point.served * level;
                    *is += time(point);
                }
            }
        }
        if sign == Sign::Own {
            // What is own time while others wait is a difference of two large numbers.
            let uncertain = windows
                .iter_mut()
                .zip(waiting)
                .filter(|(_, waiting)| **waiting);
            uncertain.for_each(|(window, _)| *window = (0.0, 0.0));
        }
        let total: f64 = windows.iter().map(|(usual, _)| usual).sum();
        let course = windows
            .iter()
            .enumerate()
            .map(|(at, (usual, is))| (at, *usual, *is));
        // As much of the usual time in a block as an average window has.
        let blocks = blocks(course, total / panel.windows as f64 * 0.7);
        // Against what a person called usual, the usual part is all of it.
        let known = usual.iter().any(Option::is_some).then_some(1.0);
        for stretch in raised(&blocks, known) {
            let within = windows.get(stretch.from..stretch.until).unwrap_or_default();
            let excess = within.iter().map(|(usual, is)| is - usual).sum();
            all.push(found(&stretch, sign, excess));
        }
    }
    let mut windows = vec![0.0; panel.windows];
    for point in panel.series.iter().flat_map(|series| &series.points) {
        if let Some(requests) = windows.get_mut(point.window) {
            *requests += point.served;
        }
    }
    let course = windows
        .iter()
        .enumerate()
        .map(|(at, requests)| (at, 1.0, *requests));
    all.extend(
        raised(&blocks(course, 1.0), None)
            .iter()
            .map(|stretch| found(stretch, Sign::Traffic, 0.0)),
    );
    all
}

/// Puts stretches together that lie over each other. The heaviest of the most telling sign gives the
/// windows of the cause.
fn assemble(mut found: Vec<Incident>) -> Vec<Incident> {
    found.sort_by(|a, b| {
        a.sign
            .cmp(&b.sign)
            .then(b.weight.total_cmp(&a.weight))
            .then((a.from, a.until).cmp(&(b.from, b.until)))
    });
    let mut incidents: Vec<Incident> = Vec::new();
    for next in found {
        let length = next.until - next.from;
        let overlap = |incident: &Incident| {
            let from = incident.effect_from.max(next.from);
            incident.effect_until.min(next.until).saturating_sub(from)
        };
        let joined = incidents.iter_mut().find(|incident| {
            let shorter = length.min(incident.effect_until - incident.effect_from);
            overlap(incident) * 2 >= shorter.max(1)
        });
        match joined {
            Some(incident) if next.sign == Sign::Slow => {
                incident.effect_from = incident.effect_from.min(next.from);
                incident.effect_until = incident.effect_until.max(next.until);
            }
            Some(_) => {}
            None => incidents.push(next),
        }
    }
    incidents.sort_by_key(|incident| (incident.from, incident.until));
    incidents
}

/// Whether a window is quiet: outside of all incidents and not next to one.
pub fn quiet(incidents: &[Incident], windows: usize) -> Vec<bool> {
    let mut quiet = vec![true; windows];
    for incident in incidents
        .iter()
        .filter(|incident| incident.sign != Sign::Traffic)
    {
        let from = incident.from.min(incident.effect_from).saturating_sub(1);
        let until = incident
            .until
            .max(incident.effect_until)
            .saturating_add(1)
            .min(windows);
        if let Some(windows) = quiet.get_mut(from..until) {
            windows.fill(false);
        }
    }
    quiet
}
