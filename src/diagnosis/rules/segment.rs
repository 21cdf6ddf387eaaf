//! Which part of their time endpoints lost: metrics of Server-Timing whose growth explains the growth of
//! own time.

use crate::diagnosis::case::{Case, Examined};
use crate::stamp::Stamp;
use crate::summary::Metric;

/// How much of the growth a metric must explain. From the evidence ladder of the method: below this the
/// greater part is somewhere else.
const EXPLAINS: f64 = 0.6;

/// A metric that explains the growth of several endpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its name.
    pub name: Vec<u8>,
    /// The part of their growth that it explains.
    pub explains: f64,
    /// The endpoints whose growth it explains, in the order given.
    pub endpoints: Vec<usize>,
}

/// The metric that explains the growth of most of the endpoints, then most of the growth.
pub fn segment(case: &Case<'_>, examined: &Examined, endpoints: &[usize]) -> Option<Segment> {
    let mut found: Vec<(Vec<u8>, usize, f64, f64)> = Vec::new();
    for at in endpoints {
        let change = examined
            .changes
            .iter()
            .find(|change| change.endpoint == *at)?;
        let added = change.growth * change.usual;
        for metric in &case.summary.endpoints.get(*at)?.history.metrics {
            if is_whole(&metric.name) {
                continue;
            }
            let grown = growth(
                case,
                examined,
                metric,
                change.during.served,
                change.before.served,
            );
            if grown >= EXPLAINS * added {
                found.push((
                    metric.name.clone(),
                    *at,
                    grown * change.during.served,
                    added * change.during.served,
                ));
            }
        }
    }
    let mut names: Vec<&Vec<u8>> = found.iter().map(|(name, ..)| name).collect();
    names.sort_unstable();
    names.dedup();
    let segments = names.into_iter().map(|name| {
        let of_name = || found.iter().filter(move |(other, ..)| other == name);
        let grown: f64 = of_name().map(|(_, _, grown, _)| grown).sum();
        let added: f64 = of_name().map(|(_, _, _, added)| added).sum();
        Segment {
            name: name.clone(),
            explains: (grown / added).min(1.0),
            endpoints: of_name().map(|(_, at, ..)| *at).collect(),
        }
    });
    segments.max_by(|a, b| {
        (a.endpoints.len().cmp(&b.endpoints.len()))
            .then(a.explains.total_cmp(&b.explains))
            .then_with(|| b.name.cmp(&a.name))
    })
}

/// Metrics that are the whole by their name say nothing of a part.
fn is_whole(name: &[u8]) -> bool {
    [&b"total"[..], b"app", b"request", b"all"]
        .iter()
        .any(|whole| name.eq_ignore_ascii_case(whole))
}

/// The growth of a metric per request, in µs. Its windows may be wider than those of the panel; they count
/// where the middle of them lies.
fn growth(case: &Case<'_>, examined: &Examined, metric: &Metric, during: f64, before: f64) -> f64 {
    let width = case.summary.metric_width.0 as i64;
    let (mut quiet, mut bad) = ((0.0, 0.0), (0.0, 0.0));
    for (window, timing) in &metric.windows {
        let middle = window.saturating_mul(width).saturating_add(width / 2);
        let Some(window) = case.window(Stamp(middle)) else {
            continue;
        };
        let sum = if examined.incident.holds(window) {
            &mut bad
        } else if case.quiet.get(window).copied().unwrap_or(false) {
            &mut quiet
        } else {
            continue;
        };
        sum.0 += timing.sum as f64;
        sum.1 += f64::from(timing.count);
    }
    // A request without the metric did not call what it measures. Where all have it, the windows need not
    // be those of the panel.
    bad.0 / during.max(bad.1).max(1.0) - quiet.0 / before.max(quiet.1).max(1.0)
}
