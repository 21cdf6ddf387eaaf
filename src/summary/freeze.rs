//! From tallies to the summary: folding, totals, order. The last place that sees a histogram.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::cells::{Cell, MetricNames, Timing};
use super::extent::{Extent, Span};
use super::fifo::{Keys, Reconstruction, reconstruct};
use super::tallies::Tallies;
use super::tally::{PhaseTally, Tally};
use super::timeline::{Timeline, WindowTally};
use super::{
    Distribution, Endpoint, FileSummary, FileTally, History, Knowledge, Metric, Question, Run,
    Split, Summary, Upstream, Window, WindowCell,
};
use crate::endpoint::Parts;
use crate::endpoint::fold::Keep;
use crate::phases::{Basis, Phase};
use crate::unit::{self, Micros};

use super::histogram::Growth;

/// As many of the busiest endpoints can be compared between runs.
const MOST_COMPARED: usize = 500;

/// The name of the FIFO reconstruction in reports.
const FIFO: &str = "fifo";

/// Freezes tallies. `files` holds the sources in the order in which they were tallied, their lines
/// not yet filled in.
#[must_use]
pub fn freeze(mut tallies: Tallies, question: &Question, files: Vec<FileSummary>) -> Summary {
    let visits = tallies.visits.take();
    let keys = visits.as_ref().map(|_| Keys::of(&tallies));
    let folds = tallies.fold(&question.naming, Keep::Outstanding);
    tallies.keep_course();
    let rebuilt = visits.zip(keys).map(|(visits, keys)| {
        let keys = keys.folded(&question.naming, &folds);
        reconstruct(*visits, &mut tallies, &keys, question.memory)
    });
    tallies.keep_course();
    let tallied: Vec<&mut Box<Tally>> = tallies.endpoints.values_mut().collect();
    tallied.into_par_iter().for_each(|tally| tally.fill());
    tallies.other.fill();
    let (cells, loads) = (tallies.course.cells.grid(), tallies.course.loads.grid());
    let timings = tallies.course.timings.grid();
    let basis = tallies.bases.best();
    let mut totals = tallies.other.clone();
    for tally in tallies.endpoints.values() {
        totals.add(tally, Growth::Fast);
    }
    let is_inferred = rebuilt
        .as_ref()
        .is_some_and(|rebuilt| rebuilt.fifo.refusal.is_none());
    let covered = (totals.phases[Phase::Wait as usize].count, totals.served);
    let split = Split {
        wait: match covered.0 {
            0 => Knowledge::Unknown,
            _ if is_inferred => Knowledge::Inferred,
            _ => Knowledge::Measured,
        },
        by: match tallies.clock() {
            _ if covered.0 == 0 => None,
            _ if is_inferred => Some(FIFO),
            clock => clock.map(|clock| clock.name()),
        },
        covered: (covered.0, covered.1.max(covered.0)),
        busy: basis,
        window: tallies.timeline.width(),
    };
    let frozen = |(key, tally): (&[u8], _)| {
        let parts = question.naming.parts(key);
        let error = |rebuilt: &Reconstruction| rebuilt.errors.get(key).copied();
        let endpoint = Endpoint {
            history: history(tally, &tallies.course.metrics),
            error: rebuilt.as_ref().and_then(error),
            ..endpoint(&parts, tally, basis)
        };
        (endpoint, tally)
    };
    let tallied: Vec<(&[u8], &Tally)> = tallies.endpoints().collect();
    let (mut endpoints, windows): (Vec<(Endpoint, &Tally)>, _) = rayon::join(
        || tallied.into_par_iter().map(frozen).collect(),
        || timeline(&tallies.timeline, basis),
    );
    endpoints.sort_by(|(a, _), (b, _)| {
        (b.busy, b.requests)
            .cmp(&(a.busy, a.requests))
            .then_with(|| {
                (&a.route, &a.method, &a.dimensions).cmp(&(&b.route, &b.method, &b.dimensions))
            })
    });
    let runs = runs(&tallies, &mut endpoints);
    let endpoints = endpoints
        .into_iter()
        .map(|(endpoint, _)| endpoint)
        .collect();
    let nowhere = Parts {
        dimensions: Vec::new(),
        method: b"",
        route: b"",
    };
    let mut upstreams: Vec<Upstream> = tallies
        .upstreams
        .iter()
        .map(|(address, tally)| Upstream {
            address: address.to_vec(),
            requests: tally.requests,
            errors_5xx: tally.errors_5xx,
            busy: Micros(tally.busy),
            slot: tally.slot,
            loads: tally.pool.loads(loads, MOST_LOADS),
        })
        .collect();
    upstreams.sort_by(|a, b| b.busy.cmp(&a.busy).then_with(|| a.address.cmp(&b.address)));
    let mut lines = FileTally::default();
    tallies.files.iter().for_each(|file| lines.merge(file));
    let mut files: Vec<FileSummary> = files
        .into_iter()
        .zip(&tallies.files)
        .zip(&tallies.other_formats)
        .map(|((file, lines), others)| FileSummary {
            lines: *lines,
            formats: formats(&file.formats, lines.records, others),
            ..file
        })
        .collect();
    files.sort();
    let errors = rebuilt
        .iter()
        .flat_map(|rebuilt| rebuilt.errors.values().copied());
    let totals = Endpoint {
        error: is_inferred.then(|| errors.fold(Micros(0), Micros::plus)),
        ..endpoint(&nowhere, &totals, basis)
    };
    Summary {
        files,
        lines,
        range: tallies.range,
        split,
        fifo: rebuilt.map(|rebuilt| rebuilt.fifo),
        dimensions: question.naming.dimensions.clone(),
        totals,
        endpoints,
        other: (tallies.other.requests > 0).then(|| endpoint(&nowhere, &tallies.other, basis)),
        timeline: windows,
        shown: tallies.shown.as_ref().map_or_else(|| (Micros(0), Vec::new()), |shown| (shown.width(), timeline(shown, basis))),
        upstreams,
        cell_width: cells.width_micros(),
        load_width: loads.width_micros(),
        metric_width: timings.width_micros(),
        failures_part: tallies.course.rarity.part(),
        slowest: tallies.slowest.requests().to_vec(),
        runs,
        approximate: tallies.cap.reached.then(|| {
            let memory = unit::bytes(question.memory as u64);
            format!("more endpoints than fit in {memory}: rare ones were folded or went to (other); totals are exact (--memory raises the limit)")
        }),
    }
}

/// The records of each format that has some. Variants of one format go by one name.
fn formats(names: &[(String, u64)], records: u64, others: &[u64]) -> Vec<(String, u64)> {
    let first = records - others.iter().sum::<u64>();
    let counts = std::iter::once(first).chain(others.iter().copied());
    let mut formats: Vec<(String, u64)> = Vec::new();
    for ((name, _), count) in names.iter().zip(counts).filter(|(_, count)| *count > 0) {
        match formats.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += count,
            None => formats.push((name.clone(), count)),
        }
    }
    formats
}

fn endpoint(parts: &Parts<'_>, tally: &Tally, basis: Basis) -> Endpoint {
    let mut phases = [const { None }; Phase::COUNT];
    for (frozen, tally) in phases.iter_mut().zip(&tally.phases) {
        *frozen = distribution(tally);
    }
    Endpoint {
        dimensions: parts
            .dimensions
            .iter()
            .map(|value| value.to_vec())
            .collect(),
        method: parts.method.to_vec(),
        route: parts.route.to_vec(),
        requests: tally.requests,
        errors_4xx: tally.errors_4xx,
        errors_5xx: tally.errors_5xx,
        censored: tally.censored,
        upgraded: tally.upgraded,
        clamped: tally.clamped,
        without_duration: tally.without_duration,
        bytes: tally.bytes,
        busy: busy(tally.busy, &tally.phases[Phase::Total as usize], basis),
        phases,
        error: None,
        slowest: tally.slowest.requests().to_vec(),
        runs: Vec::new(),
        history: History::default(),
    }
}

/// Windows of load of one upstream: a request may cover any number of windows that nothing else is in.
const MOST_LOADS: usize = 1 << 17;

/// An endpoint over time; settled before.
fn history(tally: &Tally, names: &MetricNames) -> History {
    let cell = |(window, upstream, cell): (i64, u16, &Cell)| WindowCell {
        window,
        upstream,
        cell: *cell,
    };
    let mut metrics: BTreeMap<&[u8], Vec<(i64, Timing)>> = BTreeMap::new();
    let timings = tally
        .history
        .timings
        .iter()
        .flat_map(|timings| timings.iter());
    for (window, slot, timing) in timings {
        // The name of a metric beyond the cap is not known any more.
        if let Some(name) = names.name(slot) {
            metrics.entry(name).or_default().push((window, *timing));
        }
    }
    History {
        cells: tally.history.cells.iter().map(cell).collect(),
        metrics: metrics
            .into_iter()
            .map(|(name, windows)| Metric {
                name: name.to_vec(),
                windows,
            })
            .collect(),
        starts: tally.history.starts.seconds(),
        sample: tally.sample.lines(),
        sizes: tally.sizes.sorted(),
        failing: tally.failures.sorted(),
    }
}

/// The runs, and the blocks of the busiest endpoints in each; those of one run have the same windows.
fn runs(tallies: &Tallies, endpoints: &mut [(Endpoint, &Tally)]) -> Vec<Run> {
    let spans: Vec<Option<Span>> = tallies.extents.iter().map(Extent::span).collect();
    for (endpoint, tally) in endpoints.iter_mut().take(MOST_COMPARED) {
        let blocks = |(source, span): (usize, &Option<Span>)| match (&tally.runs, span) {
            // OK because a command line names fewer files than 32 bits count.
            (Some(runs), Some(span)) => runs.blocks(source as u32, *span),
            _ => Vec::new(),
        };
        endpoint.runs = spans.iter().enumerate().map(blocks).collect();
    }
    let run = |(extent, span): (&Extent, &Option<Span>)| Run {
        range: extent.arrivals(),
        width: Micros(span.map_or(0, |span| 1_000_000 << span.step)),
    };
    tallies.extents.iter().zip(&spans).map(run).collect()
}

/// Where no record of the whole log was seen at work in an application, the whole duration is the
/// best there is, that of requests without an upstream too.
fn busy(busy: u64, total: &PhaseTally, basis: Basis) -> Micros {
    Micros(if basis == Basis::Total {
        total.sum
    } else {
        busy
    })
}

fn distribution(tally: &PhaseTally) -> Option<Distribution> {
    (tally.count > 0).then(|| Distribution {
        count: tally.count,
        sum: Micros(tally.sum),
        min: Micros(tally.min),
        max: Micros(tally.max),
        buckets: tally.histogram.buckets(),
        censored: tally
            .censored
            .as_ref()
            .map_or_else(Vec::new, |censored| censored.buckets()),
    })
}

fn timeline(timeline: &Timeline, basis: Basis) -> Vec<Window> {
    let window = |(from, tally): (_, &WindowTally)| Window {
        from,
        requests: tally.requests,
        errors_5xx: tally.errors_5xx,
        busy: busy(tally.busy, &tally.total, basis),
        wait: Micros(tally.wait),
        total: distribution(&tally.total),
    };
    timeline.windows().into_iter().map(window).collect()
}
