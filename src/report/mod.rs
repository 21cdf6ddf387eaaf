//! What a person or program is shown of a summary: which rows, in which order, with which columns.
//! Each renderer has a file of its own and returns text; none reads or writes a file.
//!
//! A renderer never sees bytes of a log but as [`crate::untrusted::Untrusted`].

mod cells;
mod columns;
pub mod csv;
mod findings;
pub(crate) mod grid;
pub mod hgrm;
pub mod hlog;
pub mod html;
pub mod json;
pub mod markdown;
pub mod openmetrics;
pub mod show;
pub mod table;

pub use columns::{Cell, Column, ColumnError, Stat};
pub(crate) use table::wrap;

use crate::diagnosis::Diagnosis;
use crate::phases::Phase;
use crate::summary::{Endpoint, Summary};
use crate::unit::Quantile;
use crate::untrusted::Untrusted;

/// Where the bands of duration of a heat map begin, in µs: a third of a decade and more apart, as
/// people count.
pub const BANDS: [u64; 12] = [
    0,
    1_000,
    3_000,
    10_000,
    30_000,
    100_000,
    300_000,
    1_000_000,
    3_000_000,
    10_000_000,
    30_000_000,
    100_000_000,
];

/// What a report shows.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The columns; the usual ones where `None`.
    pub columns: Option<Vec<Column>>,
    /// The percentiles of the usual columns, and of JSON besides the fixed ones.
    pub quantiles: Vec<Quantile>,
    /// The column to sort by; busy time where `None`.
    pub sort: Option<Column>,
    /// How many rows; all where `None`.
    pub limit: Option<usize>,
}

/// A summary with the rows that are shown, in their order, and everything else added up.
#[derive(Debug)]
pub struct View<'s> {
    /// The whole.
    pub summary: &'s Summary,
    /// What was found in it.
    pub diagnosis: &'s Diagnosis,
    /// The rows, in order.
    pub rows: Vec<&'s Endpoint>,
    /// The endpoints that are no row, added up; with the rows they are the totals.
    pub other: Option<Endpoint>,
    /// How many endpoints that is; those that the memory cap put together are one.
    pub other_count: usize,
    /// The columns of tables.
    pub columns: Vec<Column>,
    /// The percentiles asked for.
    pub quantiles: Vec<Quantile>,
    /// Whether the log was read to its end.
    pub complete: bool,
}

impl<'s> View<'s> {
    /// Chooses rows and columns.
    #[must_use]
    pub fn new(
        summary: &'s Summary,
        diagnosis: &'s Diagnosis,
        choice: &Choice,
        complete: bool,
    ) -> View<'s> {
        let mut rows: Vec<&Endpoint> = summary.endpoints.iter().collect();
        if let Some(column) = &choice.sort {
            // A stable sort: among equals the order of the summary holds.
            rows.sort_by(|a, b| column.compare(a, b));
        }
        let rest = choice
            .limit
            .filter(|limit| *limit < rows.len())
            .map(|limit| rows.split_off(limit))
            .unwrap_or_default();
        let other_count = rest.len() + usize::from(summary.other.is_some());
        let mut other: Option<Endpoint> = summary.other.clone();
        for endpoint in &rest {
            other.get_or_insert_default().absorb(endpoint);
        }
        let columns = match &choice.columns {
            Some(columns) => columns.clone(),
            None => usual_columns(summary, &choice.quantiles),
        };
        View {
            summary,
            diagnosis,
            rows,
            other,
            other_count,
            columns,
            quantiles: choice.quantiles.clone(),
            complete,
        }
    }
}

/// The columns of the default table: those that say something about this log.
fn usual_columns(summary: &Summary, quantiles: &[Quantile]) -> Vec<Column> {
    let known = |phase| summary.totals.phase(phase).is_some();
    let mut columns = vec![Column::Endpoint];
    columns.extend(
        summary
            .dimensions
            .iter()
            .enumerate()
            .map(|(at, dimension)| Column::Dimension(at, *dimension)),
    );
    columns.push(Column::Requests);
    if summary.totals.busy.0 > 0 {
        columns.push(Column::BusyShare);
    }
    columns.push(Column::Errors);
    // Without the split the best that is known of the time at the upstream.
    let split: &[Phase] = match () {
        () if known(Phase::Wait) && known(Phase::App) => &[Phase::Wait, Phase::App],
        () if known(Phase::Wait) => &[Phase::Wait, Phase::Server],
        () if known(Phase::App) => &[Phase::Server, Phase::App],
        () if known(Phase::Server) => &[Phase::Server],
        () if known(Phase::Upstream) => &[Phase::Upstream],
        () => &[],
    };
    for phase in split.iter().copied().filter(|phase| known(*phase)) {
        columns.extend(
            quantiles
                .iter()
                .map(|quantile| Column::Phase(phase, Stat::Quantile(*quantile))),
        );
    }
    if known(Phase::Total) {
        let of_total: &[Quantile] = if split.is_empty() {
            quantiles
        } else {
            quantiles
                .split_last()
                .map_or(&[], |(last, _)| std::slice::from_ref(last))
        };
        columns.extend(
            of_total
                .iter()
                .map(|quantile| Column::Phase(Phase::Total, Stat::Quantile(*quantile))),
        );
        columns.extend(split.last().map(|at_work| Column::Bar(*at_work)));
    }
    columns
}

/// How an endpoint is named: `GET /api/users/:id`; with the renderer's escape for each part.
pub(crate) fn endpoint_name(
    endpoint: &Endpoint,
    escape: impl Fn(Untrusted<'_>) -> String,
) -> String {
    let route = escape(Untrusted::new(&endpoint.route));
    match endpoint.method.as_slice() {
        b"" => route,
        method => format!("{} {route}", escape(Untrusted::new(method))),
    }
}
