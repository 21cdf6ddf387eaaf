//! What the page draws besides the JSON report: the sentences of findings, endpoints over time, curves,
//! and the parts of the application's time that endpoints share.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::diagnosis::Prose;
use crate::phases::Phase;
use crate::report::findings::nothing;
use crate::report::{BANDS, View};
use crate::stamp::Stamp;
use crate::summary::{Endpoint, Summary};
use crate::unit::Quantile;
use crate::untrusted::Untrusted;

/// Columns of time at most.
const COLUMNS: i64 = 60;
/// So many of the first endpoints have a course and curves.
const COURSES: usize = 150;
/// Parts of the application's time, and endpoints of each, at most.
const SEGMENTS: usize = 12;
const SHARING: usize = 12;

/// The points of a curve: parts of all requests, in hundredths of a percent.
const POINTS: [u32; 14] = [
    100, 500, 1_000, 2_500, 5_000, 7_500, 9_000, 9_500, 9_800, 9_900, 9_950, 9_980, 9_990, 9_999,
];

/// The rest of the page's data.
#[derive(Serialize)]
pub(super) struct Extra {
    /// What the page leaves out, in words.
    left_out: Vec<String>,
    /// The sentences below each finding.
    details: Vec<Vec<String>>,
    /// What was looked for, where nothing was found.
    nothing: Option<String>,
    /// Where the first column of time begins; `None` where the log has no time.
    begin: Option<String>,
    columns: usize,
    column_us: u64,
    bands: [u64; BANDS.len()],
    /// Of the first endpoints, in their order.
    courses: Vec<Course>,
    segments: Vec<Segment>,
}

/// An endpoint over time.
#[derive(Serialize)]
struct Course {
    /// Column, requests, and the mean of wait and app (or of server time) in µs.
    cells: Vec<(usize, u64, u64)>,
    /// Column, band of duration, and how many requests are estimated to be there.
    bands: Vec<(usize, usize, u64)>,
    /// Requests that the bands were estimated from, and for how many they stand.
    sampled: usize,
    stands_for: u64,
    /// By phase: part of the requests, and its duration in µs.
    curves: BTreeMap<&'static str, Vec<(f64, u64)>>,
}

/// A part of the application's time.
#[derive(Serialize)]
struct Segment {
    name: String,
    sum_us: u64,
    /// Places among the endpoints, and their time in µs.
    endpoints: Vec<(usize, u64)>,
}

/// Columns of equal width over the time of a log.
struct Columns {
    begin: i64,
    width: i64,
    count: usize,
}

impl Columns {
    /// Whole windows to a column; `None` where the log has no time.
    fn of(summary: &Summary) -> Option<Columns> {
        let (first, last) = (summary.timeline.first()?, summary.timeline.last()?);
        let window = i64::try_from(summary.split.window.0.max(summary.cell_width.0))
            .ok()?
            .max(1);
        let begin = first.from.0.div_euclid(window) * window;
        let span = last.from.0.saturating_sub(begin) / window + 1;
        let per_column = (span + COLUMNS - 1) / COLUMNS;
        let width = window.checked_mul(per_column)?;
        Some(Columns {
            begin,
            width,
            // OK because it is at most COLUMNS.
            count: ((span + per_column - 1) / per_column) as usize,
        })
    }

    fn find(&self, stamp: i64) -> Option<usize> {
        usize::try_from(stamp.saturating_sub(self.begin).div_euclid(self.width))
            .ok()
            .filter(|column| *column < self.count)
    }
}

impl Extra {
    pub(super) fn of(view: &View<'_>, left_out: Vec<String>) -> Extra {
        let summary = view.summary;
        let columns = Columns::of(summary);
        let prose = |prose: &Prose| prose.render(|name| name.for_json().into_owned());
        Extra {
            left_out,
            details: view
                .diagnosis
                .findings
                .iter()
                .map(|finding| finding.detail.iter().map(prose).collect())
                .collect(),
            nothing: nothing(view.diagnosis, summary),
            begin: columns
                .as_ref()
                .map(|columns| Stamp(columns.begin).rfc3339()),
            columns: columns.as_ref().map_or(0, |columns| columns.count),
            column_us: columns
                .as_ref()
                .map_or(0, |columns| columns.width.unsigned_abs()),
            bands: BANDS,
            courses: view
                .rows
                .iter()
                .take(COURSES)
                .map(|row| course(row, summary, columns.as_ref()))
                .collect(),
            segments: segments(&view.rows),
        }
    }

    pub(super) fn json(&self) -> String {
        // OK because writing to memory cannot fail and every key is a string.
        let text = serde_json::to_string(self).unwrap_or_else(|e| unreachable!("{e}"));
        crate::report::json::visible(&text).trim_end().to_owned()
    }
}

fn course(endpoint: &Endpoint, summary: &Summary, columns: Option<&Columns>) -> Course {
    let history = &endpoint.history;
    let cell_width = i64::try_from(summary.cell_width.0).unwrap_or(i64::MAX);
    // Requests, those that kept a worker busy, and their time.
    let mut cells: BTreeMap<usize, (u64, u64, u64)> = BTreeMap::new();
    let mut bands: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    if let Some(columns) = columns {
        for found in &history.cells {
            let begin = found.window.saturating_mul(cell_width);
            let Some(column) = columns.find(begin) else {
                continue;
            };
            let cell = &found.cell;
            let sum = cells.entry(column).or_default();
            sum.0 += u64::from(cell.requests);
            sum.1 += u64::from(cell.served);
            sum.2 = sum.2.saturating_add(cell.time).saturating_add(cell.wait);
        }
        for (weight, sampled) in &history.sample {
            let column = sampled.arrival.and_then(|arrival| columns.find(arrival.0));
            if let Some(column) = column {
                // OK because the first band begins at 0.
                let band = BANDS.partition_point(|begin| *begin <= sampled.total.0) - 1;
                *bands.entry((column, band)).or_default() += weight;
            }
        }
    }
    let stands_for: f64 = bands.values().sum();
    Course {
        cells: cells
            .into_iter()
            .filter_map(|(column, (requests, busy, us))| {
                Some((column, requests, us.checked_div(busy)?))
            })
            .collect(),
        bands: bands
            .into_iter()
            .map(|((column, band), n)| (column, band, n.round().max(1.0) as u64))
            .collect(),
        sampled: history.sample.len(),
        stands_for: stands_for.round() as u64,
        curves: curves(endpoint),
    }
}

fn curves(endpoint: &Endpoint) -> BTreeMap<&'static str, Vec<(f64, u64)>> {
    [
        Phase::Total,
        Phase::Upstream,
        Phase::Server,
        Phase::Wait,
        Phase::App,
    ]
    .into_iter()
    .filter_map(|phase| {
        let distribution = endpoint.phase(phase)?;
        let mut points = vec![(0.0, distribution.min.0)];
        for point in POINTS {
            // OK because every point is a percentage with two decimals.
            let quantile: Quantile = format!("{}.{:02}", point / 100, point % 100)
                .parse()
                .unwrap_or(Quantile::percent(50));
            points.push((
                f64::from(point) / 1e4,
                distribution.quantile(quantile).value.0,
            ));
        }
        points.push((1.0, distribution.max.0));
        Some((phase.name(), points))
    })
    .collect()
}

/// The largest parts of the application's time, with the endpoints that spend most of each.
fn segments(rows: &[&Endpoint]) -> Vec<Segment> {
    let mut sums: BTreeMap<&[u8], Vec<(usize, u64)>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        // The whole is no part of itself.
        for metric in row.history.metrics.iter().filter(|m| m.name != b"total") {
            let sum = metric
                .windows
                .iter()
                .fold(0_u64, |sum, (_, timing)| sum.saturating_add(timing.sum));
            if sum > 0 {
                sums.entry(&metric.name).or_default().push((at, sum));
            }
        }
    }
    let mut segments: Vec<Segment> = sums
        .into_iter()
        .map(|(name, mut endpoints)| {
            endpoints.sort_by_key(|(at, sum)| (std::cmp::Reverse(*sum), *at));
            let sum_us = endpoints
                .iter()
                .fold(0_u64, |whole, (_, sum)| whole.saturating_add(*sum));
            endpoints.truncate(SHARING);
            Segment {
                name: Untrusted::new(name).for_json().into_owned(),
                sum_us,
                endpoints,
            }
        })
        .collect();
    // A stable sort: among equals the order of names holds.
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.sum_us));
    segments.truncate(SEGMENTS);
    segments
}
