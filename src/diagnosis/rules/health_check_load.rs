//! `health_check_load`: requests as regular as a clock that take a visible share of busy time.
//!
//! What people ask for comes by chance: the variance of counts over windows is their mean, or more. Where
//! it is far below, a machine asks (the index of dispersion: Cox and Lewis, "The Statistical Analysis of
//! Series of Events", 1966). Probes of many that are sent together come in heaps, whose counts vary in
//! narrow windows, but not more in wide ones, which those of chance do.

use super::{Verdict, named, share};
use crate::diagnosis::case::Case;
use crate::diagnosis::panel::{Panel, Series};
use crate::diagnosis::{Finding, Kind, Prose, Role, Severity, Subject, Topic, Value, limits};
use crate::summary::{Endpoint, Text};
use crate::unit::{self, Micros};

pub fn look(case: &Case<'_>) -> Verdict {
    let panel = case.windows()?;
    let busy = panel.sum(|_| true).own;
    let found = panel
        .series
        .iter()
        .filter(|series| series.sum(|_| true).own >= limits::PROBE_PART * busy)
        .filter(|series| is_regular(series, panel))
        .filter_map(|series| finding(case, panel, series, busy));
    Ok(found.collect())
}

/// The variance of the counts of windows over their mean, in windows of so many of the panel; `None` where
/// there are too few of them, or some are empty.
fn dispersion(series: &Series, panel: &Panel, width: usize) -> Option<(usize, f64)> {
    let count = panel.windows / width;
    let mut counts = vec![0.0; count];
    for point in &series.points {
        if let Some(sum) = counts.get_mut(point.window / width) {
            *sum += point.requests;
        }
    }
    // The first and the last may be cut.
    let counts = counts.get(1..count.checked_sub(1)?)?;
    if counts.len() < limits::PROBE_HEAP_WINDOWS {
        return None;
    }
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    let variance = counts
        .iter()
        .map(|count| (count - mean).powi(2))
        .sum::<f64>()
        / (counts.len() - 1) as f64;
    (mean >= limits::PROBES_A_WINDOW).then_some((counts.len(), variance / mean))
}

fn is_regular(series: &Series, panel: &Panel) -> bool {
    let widths = (0..12).map(|doubled| 1_usize << doubled);
    let mut dispersions = widths.filter_map(|width| dispersion(series, panel, width));
    // Behind the width at which heaps show most.
    let mut largest = 0.0_f64;
    dispersions.any(|(windows, dispersion)| {
        largest = largest.max(dispersion);
        let is_even = windows >= limits::PROBE_WINDOWS && dispersion <= limits::PROBE_DISPERSION;
        is_even || dispersion <= limits::PROBE_HEAPS * largest
    })
}

/// The kind of client that asks most, by the sampled lines.
fn client(endpoint: &Endpoint) -> Vec<u8> {
    let mut agents: std::collections::BTreeMap<&[u8], f64> = std::collections::BTreeMap::new();
    for (weight, line) in &endpoint.history.sample {
        *agents.entry(line.text(Text::Agent)).or_default() += weight;
    }
    agents
        .into_iter()
        .filter(|(agent, _)| !agent.is_empty())
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(agent, _)| agent.to_vec())
        .unwrap_or_default()
}

fn finding(case: &Case<'_>, panel: &Panel, series: &Series, busy: f64) -> Option<Finding> {
    let endpoint = case.summary.endpoints.get(series.endpoint)?;
    let sum = series.sum(|_| true);
    let seconds = panel.windows as f64 * panel.width.0 as f64 / 1e6;
    let client = client(endpoint);
    let (from, until) = case.summary.range.unzip();
    let title = Prose::new("")
        .and(case.name(series.endpoint))
        .words(format!(
            " is asked for as regularly as by a clock and takes {} of all busy time",
            share(sum.own, busy)
        ));
    let detail = Prose::new(format!(
        "{} requests, {:.1} a second, {} each on average",
        unit::count(sum.requests as u64),
        sum.requests / seconds,
        Micros(sum.mean() as u64)
    ));
    Some(Finding {
        kind: Kind::HealthCheckLoad,
        severity: Severity::Warning,
        grounds: case.grounds_as_logged(),
        title,
        detail: vec![if client.is_empty() {
            detail.words(".")
        } else {
            detail.words("; mostly by ").log(&client).words(".")
        }],
        from,
        until,
        endpoints: named([series.endpoint], Role::Affected),
        subject: (!client.is_empty()).then_some(Subject {
            topic: Topic::Client,
            value: client,
        }),
        evidence: vec![
            ("share_of_busy", Value::Number(sum.own / busy)),
            ("requests", Value::Count(sum.requests as u64)),
            ("rate", Value::Number(sum.requests / seconds)),
            ("busy_us", Value::Duration(Micros(sum.own as u64))),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "Probe less often and from fewer places, spread in time; let a health check answer without the database.",
        ),
        explains: Micros(sum.own as u64),
    })
}
